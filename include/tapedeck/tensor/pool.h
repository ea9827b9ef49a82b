// Buffers of tensors: reference-counted, 64-byte aligned, cut from large regions that are backed by huge pages where the
// system has them. A warm training step takes and gives back the same buffers. Next: tensor.h; src/tensor/heap.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include <tapedeck/tensor/memory.h>

namespace tapedeck {

class Heap;
class StorageRecords;

/// Counted without atomics: tensors belong to one thread (kernels see raw pointers, never handles).
struct Storage {
  std::byte* data = nullptr;
  size_t bytes = 0;
  int32_t references = 0;
  Memory purpose = Memory::workspace;
  bool free = false;
  Storage* parent = nullptr;  // set: a window into `parent` (slabs)
  Heap* heap = nullptr;
  Storage *below = nullptr, *above = nullptr;    // neighbours in the region, by address
  Storage *previous = nullptr, *next = nullptr;  // neighbours in a list of free ones
};

struct PoolStats {
  size_t live_bytes = 0, peak_bytes = 0, reserved_bytes = 0;
  int64_t system_allocations = 0;
};

class Pool {
 public:
  static Pool& instance();      // one per thread
  Storage* take(size_t bytes);  // throws Error{internal} when memory runs out
  Storage* window(Storage* parent, size_t offset, size_t bytes);
  void give(Storage* storage);
  /// Memory without a handle, for containers (list.h); aligned like a tensor's.
  void* allocate(size_t bytes);
  void release(void* memory);
  void trim();  // returns unused pages to the system
  /// reserved_bytes is address space: pages that were never touched take no memory.
  PoolStats stats() const;
  void reset_peak();

 private:
  friend class MemoryFor;
  friend MemoryUse memory_use();
  Pool();
  ~Pool();
  std::unique_ptr<StorageRecords> records_;
  std::unique_ptr<Heap> small_, large_;
  Memory purpose_ = Memory::workspace;
  size_t live_ = 0, peak_ = 0;
  MemoryParts now_{}, at_peak_{};
};

}  // namespace tapedeck
