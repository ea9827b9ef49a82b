// Files that survive crashes: every call is checked, names its file when it fails, and new content appears whole.
// Next: safetensors_write.cpp, checkpoint_folder.h.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

/// An open file. Every failing system call throws Error{data} with the path and the system's reason.
class File {
 public:
  /// Opens a regular file for reading (a pipe or a device is refused: it could hang).
  static File open(const std::string& path);
  /// Creates or empties a file for writing.
  static File create(const std::string& path);
  /// Opens or creates a file whose writes go to its end.
  static File append(const std::string& path);
  File(File&& other) noexcept;
  File(const File&) = delete;
  ~File();

  int64_t size() const;
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Fills `bytes` from the current position; Error{data} when the file ends before.
  void read(std::span<std::byte> bytes);
  /// The same from byte `at` of the file; leaves the position alone.
  void read_at(int64_t at, std::span<std::byte> bytes) const;
  void sync();
  /// Closes and reports what close() says (a full disk on some file systems).
  void close();

 private:
  File(std::string path, int handle) : path_(std::move(path)), handle_(handle) {}
  [[noreturn]] void fail(std::string_view what) const;
  std::string path_;
  int handle_ = -1;
};

/// Creates a file and syncs it; body(File&) writes the content.
template <class Body>
void write_file(const std::string& path, Body&& body);
/// Writes to a hidden file beside `path`, syncs, renames over `path` and syncs the folder. On any failure the hidden
/// file is gone and `path` is as it was.
template <class Body>
void replace_file(const std::string& path, Body&& body);

std::string hidden_name(const std::string& path);  // "a/.b.tmp-4711" for "a/b"
/// Removes what writers that were killed left in a folder (".b.tmp-4711"); a file that was moved aside goes back where its
/// successor never arrived. Nobody else may be writing there.
void sweep_leftovers(const std::string& folder);
std::string parent_of(const std::string& path);
void sync_folder(const std::string& path);
void rename_path(const std::string& from, const std::string& to);
/// Swaps two existing paths in one step where the file system can, else one after the other.
void exchange_paths(const std::string& a, const std::string& b);
void make_folders(const std::string& path);
void remove_quietly(const std::string& path) noexcept;
void remove_all(const std::string& path);
std::vector<std::string> list_folder(const std::string& path);  // names, sorted; empty when there is no such folder

}  // namespace tapedeck

template <class Body>
void tapedeck::write_file(const std::string& path, Body&& body) {
  File file = File::create(path);
  body(file);
  file.sync();
  file.close();
}

template <class Body>
void tapedeck::replace_file(const std::string& path, Body&& body) {
  const std::string hidden = hidden_name(path);
  try {
    write_file(hidden, body);
    rename_path(hidden, path);
  } catch (...) {
    remove_quietly(hidden);
    throw;
  }
  sync_folder(parent_of(path));
}
