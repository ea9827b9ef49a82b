// A library to be preloaded: counts the calls that change files below a folder, and the allocations since main(), and at the
// n-th kills the process, tears a write, or lets the call fail. Why: no other way reaches every one of them in the real tool.
// Next: tests/support/faults.h, which sets the variables read here.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace {

const char* root = getenv("TAPEDECK_FAULT_ROOT");                // files below it count
const char* kind = getenv("TAPEDECK_FAULT_KIND");                // kill, torn, full, memory, large, or a number for errno
const char* listing = getenv("TAPEDECK_FAULT_LIST");             // receives a line for every file call
const char* allocations = getenv("TAPEDECK_FAULT_ALLOCATIONS");  // receives their number at the end
const long at = getenv("TAPEDECK_FAULT_AT") ? atol(getenv("TAPEDECK_FAULT_AT")) : 0;

bool is(const char* name) { return kind && strcmp(kind, name) == 0; }

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

// ---- files

std::atomic<long> files{0};
int list_descriptor = -1;

bool below(const char* path) { return root && path && strncmp(path, root, strlen(root)) == 0; }

bool below(int descriptor) {
  if (!root) return false;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  return below(path);
}

void list(const char* call) {
  if (!listing) return;
  if (list_descriptor < 0)
    list_descriptor = int(syscall(SYS_openat, AT_FDCWD, listing, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  char line[64];
  const int size = snprintf(line, sizeof line, "%s\n", call);
  syscall(SYS_write, list_descriptor, line, size_t(size));
}

/// Counts a call; true when it shall fail, with errno set. fits: on a full disk it would still succeed.
bool fails(const char* call, bool fits = false) {
  const long number = ++files;
  list(call);
  if (!at || number < at) return false;
  if (is("full")) return !fits && (errno = ENOSPC, true);
  if (number > at) return false;
  if (is("kill")) raise(SIGKILL);
  const int code = kind ? atoi(kind) : 0;
  return code > 0 && (errno = code, true);
}

/// Whether the file has blocks for so many bytes from there on.
bool has_room(int descriptor, off_t offset, size_t bytes) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && offset + off_t(bytes) <= status.st_blocks * 512;
}

off_t end_of(int descriptor) {
  struct stat status;
  const bool appends = fcntl(descriptor, F_GETFL) & O_APPEND;
  return appends && fstat(descriptor, &status) == 0 ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
}

ssize_t write_to(const char* call, int descriptor, const void* data, size_t bytes, off_t offset, bool positioned) {
  if (below(descriptor)) {
    if (is("torn") && files + 1 == at) {
      syscall(SYS_write, descriptor, data, bytes / 2);
      raise(SIGKILL);
    }
    if (fails(call, has_room(descriptor, positioned ? offset : end_of(descriptor), bytes))) return -1;
  }
  return positioned ? syscall(SYS_pwrite64, descriptor, data, bytes, offset) : syscall(SYS_write, descriptor, data, bytes);
}

// ---- memory

std::atomic<long> taken{0};
std::atomic<bool> counting{false};

/// Counts an allocation; true when it shall fail.
bool refused(size_t bytes) {
  if (!counting) return false;
  const long number = ++taken;
  if (!at) return false;
  return (is("memory") && number == at) || (is("large") && number >= at && bytes >= (size_t{1} << 15));
}

void* take(size_t bytes) {
  void* memory = refused(bytes) ? nullptr : malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* take(size_t bytes, std::align_val_t alignment) {
  const size_t unit = size_t(alignment), rounded = (bytes + unit - 1) / unit * unit;
  void* memory = refused(bytes) ? nullptr : next<void* (*)(size_t, size_t)>("aligned_alloc")(unit, rounded ? rounded : unit);
  if (!memory) throw std::bad_alloc();
  return memory;
}

struct AtTheEnd {
  ~AtTheEnd() {
    if (!allocations) return;
    char line[32];
    const int size = snprintf(line, sizeof line, "%ld\n", taken.load());
    const int descriptor = int(syscall(SYS_openat, AT_FDCWD, allocations, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    syscall(SYS_write, descriptor, line, size_t(size));
  }
} at_the_end;

}  // namespace

void* operator new(size_t bytes) { return take(bytes); }
void* operator new[](size_t bytes) { return take(bytes); }
void* operator new(size_t bytes, std::align_val_t a) { return take(bytes, a); }
void* operator new[](size_t bytes, std::align_val_t a) { return take(bytes, a); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return refused(bytes) ? nullptr : malloc(bytes ? bytes : 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return refused(bytes) ? nullptr : malloc(bytes ? bytes : 1);
}

extern "C" {

/// The first thing that main() calls: what static objects allocate before it is not counted.
sighandler_t signal(int number, sighandler_t handler) {
  counting = true;
  return next<sighandler_t (*)(int, sighandler_t)>("signal")(number, handler);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  return refused(bytes) ? nullptr : next<void* (*)(size_t, size_t)>("aligned_alloc")(alignment, bytes);
}
void* mmap(void* where, size_t bytes, int protection, int flags, int descriptor, off_t offset) {
  const bool region = flags & MAP_NORESERVE;  // of the pool
  if (region && refused(bytes)) return errno = ENOMEM, MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, where, bytes, protection, flags, descriptor, offset));
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if ((flags & O_CREAT) && below(path) && fails("create", true)) return -1;
  return int(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open(path, flags, mode);
}
ssize_t write(int descriptor, const void* data, size_t bytes) { return write_to("write", descriptor, data, bytes, 0, false); }
ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t offset) {
  return write_to("write", descriptor, data, bytes, offset, true);
}
ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off_t offset) {
  return write_to("write", descriptor, data, bytes, offset, true);
}
int fsync(int descriptor) { return below(descriptor) && fails("fsync", true) ? -1 : int(syscall(SYS_fsync, descriptor)); }
int ftruncate(int descriptor, off_t size) {
  return below(descriptor) && fails("truncate", true) ? -1 : int(syscall(SYS_ftruncate, descriptor, size));
}
int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }
int rename(const char* from, const char* to) {
  return below(to) && fails("rename", true) ? -1 : int(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) noexcept {
  return below(to) && fails("exchange", true) ? -1 : int(syscall(SYS_renameat2, a, from, b, to, flags));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return below(path) && fails("mkdir") ? -1 : int(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int unlink(const char* path) noexcept {
  return below(path) && fails("unlink", true) ? -1 : int(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int rmdir(const char* path) noexcept {
  return below(path) && fails("unlink", true) ? -1 : int(syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  const bool ours = folder == AT_FDCWD ? below(path) : below(folder);
  return ours && fails("unlink", true) ? -1 : int(syscall(SYS_unlinkat, folder, path, flags));
}
int remove(const char* path) {
  struct stat status;
  const bool folder = lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
  return folder ? rmdir(path) : unlink(path);
}

}  // extern "C"
