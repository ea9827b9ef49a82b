// The only place that opens a parallel region. OpCall is cut by shape, never by thread count, so results
// keep their bits at any number of threads. Next: kernels.h (the table of kernels).
#pragma once
#include <cstdint>

namespace tapedeck::kernels {

void set_threads(int count);  // 1 or more; may exceed the number of cores
int threads();

namespace detail {
using Task = void (*)(const void* context, int64_t index);
void run_tasks(int64_t tasks, Task task, const void* context);
}  // namespace detail

/// Calls body(i) once for every i in [0, tasks), spread over the threads in any order. Each task must write
/// its own outputs only. Nested calls run serially. Never allocates.
template <class Body>
void parallel_tasks(int64_t tasks, const Body& body) {
  if (tasks == 1) {
    body(int64_t{0});
    return;
  }
  detail::run_tasks(
      tasks, [](const void* context, int64_t index) { (*static_cast<const Body*>(context))(index); }, &body);
}

/// Cuts [0, n) into ranges of `grain` items (the last may be shorter) and calls body(begin, end) for each.
template <class Body>
void parallel_ranges(int64_t n, int64_t grain, const Body& body) {
  if (n <= 0) return;
  parallel_tasks((n + grain - 1) / grain, [&](int64_t task) {
    const int64_t begin = task * grain;
    body(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace tapedeck::kernels
