// The one parallel region of the project and the per-thread scratch buffers. Next: parallel.h, scratch.h.
#include "parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>

#include "scratch.h"

namespace tapedeck::kernels {
namespace {

int default_threads() { return std::max(1, omp_get_num_procs()); }
std::atomic<int> thread_count{0};
thread_local bool inside_region = false;

/// One call of run_tasks: threads draw indices from `next`, so a slow task does not hold up the others.
struct Region {
  int64_t tasks;
  detail::Task task;
  void* context;
  std::atomic<int64_t> next{0};
  std::mutex failure_mutex{};
  int64_t failed_index = INT64_MAX;      // the lowest index that threw decides what the caller sees
  std::exception_ptr failure{};

  void work() {
    for (int64_t index; (index = next.fetch_add(1)) < tasks;) {
      try {
        task(context, index);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (index < failed_index) failed_index = index, failure = std::current_exception();
      }
    }
  }
};

}  // namespace

void set_threads(int count) { thread_count = std::max(1, count); }

int threads() {
  const int count = thread_count;
  return count > 0 ? count : default_threads();
}

void detail::run_tasks(int64_t tasks, Task task, void* context) {
  const int team = int(std::min<int64_t>(threads(), tasks));
  if (inside_region || team <= 1) {
    for (int64_t index = 0; index < tasks; ++index) task(context, index);
    return;
  }
  Region region{.tasks = tasks, .task = task, .context = context};
  Region* shared = &region;
#pragma omp parallel num_threads(team) firstprivate(shared)
  {
    inside_region = true;
    shared->work();
    inside_region = false;
  }
  if (region.failure) std::rethrow_exception(region.failure);
}

namespace {

struct Buffer {
  void* data = nullptr;
  size_t bytes = 0;
  ~Buffer() { std::free(data); }
};

}  // namespace

void* scratch_bytes(Scratch slot, size_t bytes) {
  thread_local Buffer buffers[size_t(Scratch::count)];
  Buffer& buffer = buffers[size_t(slot)];
  if (bytes > buffer.bytes) {
    const size_t rounded = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    std::free(buffer.data);
    buffer.data = std::aligned_alloc(64, rounded);
    buffer.bytes = buffer.data ? rounded : 0;
    if (!buffer.data) throw std::bad_alloc();
  }
  return buffer.data;
}

}  // namespace tapedeck::kernels
