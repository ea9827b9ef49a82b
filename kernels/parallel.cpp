// The thread_pool of threads behind every parallel loop, and the per-thread scratch buffers. A region never waits for a thread
// that has not begun: on a busy machine the caller does the work itself. Next: scratch.h, docs/decisions/0007.
#include "parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "scratch.h"

namespace tapedeck::kernels {
namespace {

int usable_cores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}
const int cores = usable_cores();
std::atomic<int> thread_count{0};
thread_local bool inside_region = false;

/// Looks again for about 50 microseconds before a thread goes to sleep: the next region usually comes sooner.
constexpr int patience = 2000;
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Open tasks of the current region: generation in the upper half, how many nobody has taken yet in the lower. Whoever
/// lowers it by one owns a task, and knows that the region it looked at is still the current one.
using Open = uint64_t;
constexpr uint64_t open_count(Open open) { return open & 0xFFFFFFFFu; }

class ThreadPool {
 public:
  /// Runs every task; false if another thread is using the thread_pool.
  bool run(int64_t tasks, detail::Task task, const void* context) {
    const std::unique_lock alone(busy_, std::try_to_lock);
    if (!alone) return false;
    const int helpers = int(std::min<int64_t>(threads(), tasks)) - 1;
    while (started_ < helpers) start();
    tasks_.store(tasks, std::memory_order_relaxed);
    task_.store(task, std::memory_order_relaxed);
    context_.store(context, std::memory_order_relaxed);
    helpers_.store(helpers, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    failed_index_ = INT64_MAX;
    open_.store(((open_.load(std::memory_order_relaxed) >> 32) + 1) << 32 |
                uint64_t(tasks));  // seq_cst: before reading sleepers_
    wake();
    work();
    for (int look = 0; done_.load(std::memory_order_acquire) != tasks; ++look) look < patience ? relax() : void(sched_yield());
    if (failed_index_ != INT64_MAX) std::rethrow_exception(failure_);
    return true;
  }

  /// After set_threads(): threads that are needed again stop sleeping.
  void recall() {
    { const std::lock_guard lock(sleep_mutex_); }
    recalled_.notify_all();
  }

 private:
  void start() {
    std::thread([this, number = started_] { serve(number); }).detach();  // lives as long as the program
    ++started_;
  }

  void work() {
    inside_region = true;
    for (Open open = open_.load(std::memory_order_acquire); open_count(open) > 0;) {
      if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel)) continue;
      const int64_t index = tasks_.load(std::memory_order_relaxed) - int64_t(open_count(open));
      try {
        task_.load(std::memory_order_relaxed)(context_.load(std::memory_order_relaxed), index);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (index < failed_index_) failed_index_ = index, failure_ = std::current_exception();
      }
      done_.fetch_add(1, std::memory_order_release);
      open = open_.load(std::memory_order_acquire);
    }
    inside_region = false;
  }

  [[noreturn]] void serve(int number) {
    for (;;) {
      if (number < helpers_.load(std::memory_order_relaxed)) work();
      const Open seen = open_.load(std::memory_order_acquire);
      if (open_count(seen) > 0 && number < helpers_.load(std::memory_order_relaxed)) continue;
      const int looks = threads() > cores || number + 1 >= threads() ? 0 : patience;
      int look = 0;
      while (look < looks && open_.load(std::memory_order_relaxed) == seen) ++look, relax();
      if (look == looks) sleep(number, seen);
    }
  }

  /// Until a region opens; a thread that set_threads() has made superfluous sleeps on, so that regions need not wake it.
  void sleep(int number, Open seen) {
    std::unique_lock lock(sleep_mutex_);
    if (number + 1 >= threads()) {
      recalled_.wait(lock, [&] { return number + 1 < threads(); });
      return;
    }
    sleepers_.fetch_add(1);  // seq_cst: before looking at open_ a last time
    opened_.wait(lock, [&] { return open_.load() != seen; });
    sleepers_.fetch_sub(1);
  }
  void wake() {
    if (sleepers_.load() == 0) return;
    { const std::lock_guard lock(sleep_mutex_); }
    opened_.notify_all();
  }

  std::mutex busy_, failure_mutex_, sleep_mutex_;
  std::condition_variable opened_, recalled_;
  int started_ = 0;
  alignas(64) std::atomic<Open> open_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) std::atomic<int64_t> tasks_{0};
  std::atomic<detail::Task> task_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<int> helpers_{0}, sleepers_{0};
  int64_t failed_index_ = INT64_MAX;  // the lowest index that threw decides what the caller sees
  std::exception_ptr failure_;
};

ThreadPool& thread_pool() {
  static ThreadPool& forever = *new ThreadPool;  // its threads outlive static destructors
  return forever;
}

}  // namespace

void set_threads(int count) {
  thread_count = std::max(1, count);
  thread_pool().recall();
}

int threads() {
  const int count = thread_count;
  return count > 0 ? count : cores;
}

void detail::run_tasks(int64_t tasks, Task task, const void* context) {
  if (!inside_region && threads() > 1 && tasks > 1 && thread_pool().run(tasks, task, context)) return;
  for (int64_t index = 0; index < tasks; ++index) task(context, index);
}

namespace {

std::atomic<size_t> scratch_held{0};

struct Buffer {
  void* data = nullptr;
  size_t bytes = 0;
  ~Buffer() { release(); }
  void release() {
    std::free(data);
    scratch_held -= std::exchange(bytes, 0);
  }
};

}  // namespace

void* scratch_bytes(Scratch slot, size_t bytes) {
  thread_local Buffer buffers[size_t(Scratch::count)];
  Buffer& buffer = buffers[size_t(slot)];
  if (bytes > buffer.bytes) {
    const size_t rounded = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    buffer.release();
    buffer.data = std::aligned_alloc(64, rounded);
    if (!buffer.data) throw std::bad_alloc();
    scratch_held += buffer.bytes = rounded;
  }
  return buffer.data;
}

size_t scratch_total() { return scratch_held; }

}  // namespace tapedeck::kernels
