// Opening what a person named: a file, or a pipe that somebody writes to. Folders, devices, sockets and pipes that nobody
// writes to are refused at once, where reading them would fail in odd ways or wait for ever. Next: open_file.cpp.
#pragma once
#include <cstdint>
#include <string>

namespace tapedeck {

class OpenFile {
 public:
  explicit OpenFile(const std::string& path);
  OpenFile(const OpenFile&) = delete;
  ~OpenFile();

  /// What is wrong with it and what to do; empty when it is open.
  const std::string& problem() const { return problem_; }
  const std::string& remedy() const { return remedy_; }
  bool missing() const { return missing_; }
  /// Bytes of a file; -1 for a pipe, whose size shows when it was read.
  int64_t size() const { return size_; }
  /// Up to `limit` bytes more, appended; fewer only at the end. Returns false, with the problem, when reading fails.
  bool read(std::string& bytes, size_t limit);

 private:
  void open(const std::string& path);
  void refuse(std::string problem, std::string remedy);
  void await_writer();
  int handle_ = -1;
  int64_t size_ = -1;
  bool missing_ = false;
  std::string problem_, remedy_, early_;  // early: what a pipe gave while it was asked for its writer
};

}  // namespace tapedeck
