// Replaces operator new so that a test can count how often the heap is reached and how much of it is in use; never inlined, or
// gcc sees a malloc behind a delete and warns. Include it in one source file of a test executable and no more.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace tapedeck::testing {
inline std::atomic<int64_t> allocations{0};
inline std::atomic<int64_t> heap_bytes{0}, most_heap_bytes{0};  // in use; the most since it was last set

inline void in_use(int64_t change) {
  const int64_t now = heap_bytes += change;
  if (now > most_heap_bytes) most_heap_bytes = now;  // tests that ask compute on one thread
}
inline void released(void* p) {
  if (p) in_use(-int64_t(malloc_usable_size(p)));
  std::free(p);
}

inline void* counted(size_t bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* p = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, rounded) : std::malloc(bytes ? bytes : 1);
  if (!p) throw std::bad_alloc();
  in_use(int64_t(malloc_usable_size(p)));
  return p;
}
}  // namespace tapedeck::testing

[[gnu::noinline]] void* operator new(size_t n) { return tapedeck::testing::counted(n, 1); }
[[gnu::noinline]] void* operator new[](size_t n) { return tapedeck::testing::counted(n, 1); }
[[gnu::noinline]] void* operator new(size_t n, std::align_val_t a) { return tapedeck::testing::counted(n, size_t(a)); }
[[gnu::noinline]] void* operator new[](size_t n, std::align_val_t a) { return tapedeck::testing::counted(n, size_t(a)); }
[[gnu::noinline]] void operator delete(void* p) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete[](void* p, size_t) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete(void* p, size_t, std::align_val_t) noexcept { tapedeck::testing::released(p); }
[[gnu::noinline]] void operator delete[](void* p, size_t, std::align_val_t) noexcept { tapedeck::testing::released(p); }
