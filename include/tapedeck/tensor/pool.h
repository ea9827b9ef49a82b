// Buffers of tensors: a pool in size classes, reference-counted, 64-byte aligned. A warm training step takes
// and gives back the same buffers and never reaches the system allocator. Next: tensor.h.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tapedeck {

/// Counted without atomics: tensors belong to one thread (kernels see raw pointers, never handles).
struct Storage {
  std::byte* data = nullptr;
  size_t bytes = 0;
  int32_t references = 0;
  int32_t size_class = -1;      // -1: a window into `parent` (slabs)
  Storage* parent = nullptr;
  Storage* next_free = nullptr;
};

struct PoolStats { size_t live_bytes = 0, peak_bytes = 0, reserved_bytes = 0; int64_t system_allocations = 0; };

class Pool {
 public:
  static Pool& instance();                             // one per thread
  Storage* take(size_t bytes);                         // throws Error{internal}/bad_alloc text when memory runs out
  Storage* window(Storage* parent, size_t offset, size_t bytes);
  void give(Storage* storage);
  /// Memory without a handle, for containers (list.h); aligned like a tensor's.
  void* allocate(size_t bytes);
  void release(void* memory);
  void trim();                                         // returns unused buffers to the system
  const PoolStats& stats() const { return stats_; }
  void reset_peak() { stats_.peak_bytes = stats_.live_bytes; }
  ~Pool();

 private:
  static constexpr int classes = 160;
  Storage* free_[classes] = {};
  Storage* free_windows_ = nullptr;
  PoolStats stats_;
};

}  // namespace tapedeck
