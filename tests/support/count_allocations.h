// Replaces operator new so that a test can count how often the heap is reached; never inlined, or gcc sees a malloc behind
// a delete and warns. Include it in one source file of a test executable and no more. Next: op_checks.h, check 11.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace tapedeck::testing {
inline std::atomic<int64_t> allocations{0};

inline void* counted(size_t bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, rounded) : std::malloc(bytes ? bytes : 1))
    return p;
  throw std::bad_alloc();
}
}  // namespace tapedeck::testing

[[gnu::noinline]] void* operator new(size_t n) { return tapedeck::testing::counted(n, 1); }
[[gnu::noinline]] void* operator new[](size_t n) { return tapedeck::testing::counted(n, 1); }
[[gnu::noinline]] void* operator new(size_t n, std::align_val_t a) { return tapedeck::testing::counted(n, size_t(a)); }
[[gnu::noinline]] void* operator new[](size_t n, std::align_val_t a) { return tapedeck::testing::counted(n, size_t(a)); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }
