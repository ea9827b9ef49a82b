// System calls with their errors turned into sentences. Next: checkpoint_folder.cpp, the main customer.
#include "src/train/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr const char *temporary = ".tmp-", *aside = ".old";  // parts of hidden names

[[noreturn]] void fail_with(int code, std::string_view what, const std::string& path) {
  const char* hint = code == ENOSPC || code == EDQUOT                   ? "free some space, or write to another disk"
                     : code == EACCES || code == EPERM || code == EROFS ? "check the permissions, or choose another folder"
                     : code == ENOENT                                   ? "check the path"
                                                                        : "";
  throw Error(code == ENOMEM ? ErrorKind::memory : ErrorKind::data, text(path, ": ", what, ": ", std::strerror(code)), hint);
}

/// Repeats a call that a signal interrupted.
template <class Call>
auto retried(Call call) {
  decltype(call()) result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

void check(const std::error_code& code, std::string_view what, const std::string& path) {
  if (code) fail_with(code.value(), what, path);
}

}  // namespace

File File::open(const std::string& path) {
  const int handle = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (handle < 0) fail_with(errno, "cannot be opened", path);
  File file(path, handle);
  struct stat status;
  if (fstat(handle, &status) < 0) file.fail("cannot be examined");
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorKind::data, text(path, ": is not a file", S_ISDIR(status.st_mode) ? " but a folder" : ""),
                "name a regular file");
  return file;
}

File File::create(const std::string& path) {
  const int handle = retried([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); });
  if (handle < 0) fail_with(errno, "cannot be created", path);
  return File(path, handle);
}

File File::append(const std::string& path) {
  const int handle = retried([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666); });
  if (handle < 0) fail_with(errno, "cannot be opened", path);
  return File(path, handle);
}

File::File(File&& other) noexcept : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, -1)) {}
File::~File() {
  if (handle_ >= 0) ::close(handle_);
}
void File::fail(std::string_view what) const { fail_with(errno, what, path_); }

int64_t File::size() const {
  struct stat status;
  if (fstat(handle_, &status) < 0) fail("cannot be examined");
  return status.st_size;
}

void File::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::write(handle_, bytes.data(), bytes.size()); });
    if (n < 0) fail("cannot be written");
    bytes = bytes.subspan(size_t(n));
  }
}

void File::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::read(handle_, bytes.data(), bytes.size()); });
    if (n < 0) fail("cannot be read");
    if (n == 0)
      throw Error(ErrorKind::data, text(path_, ": ends ", bytes.size(), " bytes too early"),
                  "the file changed while it was read");
    bytes = bytes.subspan(size_t(n));
  }
}

void File::read_at(int64_t at, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::pread(handle_, bytes.data(), bytes.size(), at); });
    if (n < 0) fail("cannot be read");
    if (n == 0)
      throw Error(ErrorKind::data, text(path_, ": ends ", bytes.size(), " bytes too early"),
                  "the file changed while it was read");
    bytes = bytes.subspan(size_t(n));
    at += n;
  }
}

void File::sync() {
  if (retried([&] { return ::fsync(handle_); }) < 0) fail("cannot be synced to disk");
}

void File::close() {
  const int handle = std::exchange(handle_, -1);
  if (::close(handle) < 0 && errno != EINTR) fail("cannot be closed");
}

std::string hidden_name(const std::string& path) {
  const fs::path p(path);
  return (p.parent_path() / text(".", p.filename().string(), temporary, getpid())).string();
}

void sweep_leftovers(const std::string& folder) {
  const auto names = list_folder(folder);
  for (const std::string& name : names) {
    const size_t end = name.find(temporary);
    if (!name.starts_with('.') || end == name.npos) continue;
    const std::string path = folder + "/" + name, original = name.substr(1, end - 1);
    const bool lost = name.ends_with(aside) && !std::binary_search(names.begin(), names.end(), original);
    lost ? rename_path(path, folder + "/" + original) : remove_all(path);
  }
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

void sync_folder(const std::string& path) {
  const int handle = retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (handle < 0) fail_with(errno, "cannot be opened", path);
  const int result = retried([&] { return ::fsync(handle); });
  const int code = errno;
  ::close(handle);
  if (result < 0 && code != EINVAL) fail_with(code, "cannot be synced to disk", path);  // EINVAL: a file system without it
}

void rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) fail_with(errno, "cannot be put in place", to);
}

void exchange_paths(const std::string& a, const std::string& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) fail_with(errno, "cannot be put in place", b);
  const std::string old = hidden_name(b) + aside;
  rename_path(b, old);
  rename_path(a, b);
  rename_path(old, a);
}

void make_folders(const std::string& path) {
  std::error_code code;
  fs::create_directories(path, code);
  check(code, "cannot be created", path);
}

void remove_quietly(const std::string& path) noexcept {
  try {
    remove_all(path);
  } catch (...) {}  // the failure that led here is the one to tell
}

// Not those of std::filesystem: they end the program when memory runs out.
void remove_all(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) < 0) return errno == ENOENT ? void() : fail_with(errno, "cannot be examined", path);
  if (S_ISDIR(status.st_mode))
    for (const std::string& name : list_folder(path)) remove_all(path + "/" + name);
  const int result = S_ISDIR(status.st_mode) ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
  if (result < 0 && errno != ENOENT) fail_with(errno, "cannot be removed", path);
}

std::vector<std::string> list_folder(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (!folder && errno == ENOENT) return {};
  std::vector<std::string> names;
  errno = folder ? 0 : errno;
  for (const dirent* entry; folder && (entry = readdir(folder.get())); errno = 0)
    if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  if (errno != 0) fail_with(errno, "cannot be listed", path);
  std::sort(names.begin(), names.end());
  return names;
}

void write_file_atomically(const std::string& path, std::string_view content) {
  replace_file(path, [&](File& file) { file.write(content); });
}

std::string read_file(const std::string& path) {
  File file = File::open(path);
  std::string content(size_t(file.size()), '\0');
  file.read(std::as_writable_bytes(std::span(content)));
  return content;
}

}  // namespace tapedeck
