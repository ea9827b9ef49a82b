// Opening without waiting, looking at what it is, and only then reading. Next: src/data/text_file.cpp, src/config/source.cpp.
#include "open_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tapedeck {
namespace {

constexpr int patience = 2000;  // milliseconds for a writer to open its end of a pipe

const char* kind_of(mode_t mode) { return S_ISSOCK(mode) ? "a socket" : S_ISDIR(mode) ? "a directory, not a file" : "a device"; }

}  // namespace

OpenFile::OpenFile(const std::string& path) { open(path); }

void OpenFile::open(const std::string& path) {
  do handle_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (handle_ < 0 && errno == EINTR);
  struct stat status {};
  if (handle_ < 0) {
    missing_ = errno == ENOENT;
    const std::string why = errno == ENXIO ? "is a socket or a device" : std::string("cannot be opened: ") + std::strerror(errno);
    return refuse(missing_ ? "there is no such file" : why, "check the path and its permissions");
  }
  if (fstat(handle_, &status) < 0) return refuse(std::string("cannot be examined: ") + std::strerror(errno), "check the path");
  if (S_ISDIR(status.st_mode)) return refuse("is a directory, not a file", "name a file inside it");
  if (S_ISREG(status.st_mode)) size_ = status.st_size;
  else if (S_ISFIFO(status.st_mode)) await_writer();
  else return refuse(std::string("is ") + kind_of(status.st_mode) + ", neither a file nor a pipe", "name a file");
  if (handle_ >= 0) fcntl(handle_, F_SETFL, fcntl(handle_, F_GETFL) & ~O_NONBLOCK);
}

OpenFile::~OpenFile() {
  if (handle_ >= 0) ::close(handle_);
}

/// Without a writer a pipe reads as empty; with one that is silent as "not yet", which may take as long as it takes.
void OpenFile::await_writer() {
  pollfd ready{handle_, POLLIN, 0};
  if (poll(&ready, 1, patience) > 0) return;
  char byte = 0;
  const ssize_t got = ::read(handle_, &byte, 1);
  if (got > 0) early_ = byte;
  else if (got == 0) refuse("is a pipe that nobody writes to", "start what writes to it first, or name a file");
}

bool OpenFile::read(std::string& bytes, size_t limit) {
  constexpr size_t piece = size_t{1} << 20;
  bytes += std::exchange(early_, {});
  for (size_t left = limit; left > 0;) {
    const size_t had = bytes.size(), want = std::min(left, piece);
    bytes.resize(had + want);
    const ssize_t got = ::read(handle_, bytes.data() + had, want);
    bytes.resize(had + size_t(std::max<ssize_t>(got, 0)));
    if (got == 0) return true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(std::string("cannot be read: ") + std::strerror(errno), "check the file"), false;
    left -= size_t(got);
  }
  return true;
}

void OpenFile::refuse(std::string problem, std::string remedy) {
  problem_ = std::move(problem), remedy_ = std::move(remedy);
  if (handle_ >= 0) ::close(std::exchange(handle_, -1));
}

}  // namespace tapedeck
