// Two-level segregated fit (Masmano et al. 2004): free blocks in lists by size, 32 lists per power of two, a bit per list
// that is not empty. Taking and giving are O(1); neighbours that are both free become one block at once. Next: heap.cpp.
#pragma once
#include <array>
#include <vector>

#include <tapedeck/tensor/pool.h>

namespace tapedeck {

/// StorageRecords of blocks and windows, recycled.
class StorageRecords {
 public:
  Storage* take();
  void give(Storage* record);

 private:
  static constexpr size_t chunk = 128;
  std::vector<std::unique_ptr<Storage[]>> chunks_;
  Storage* unused_ = nullptr;
};

class Heap {
 public:
  /// region_bytes: how much address space to take from the system at a time.
  Heap(StorageRecords& records, size_t region_bytes) : records_(records), region_bytes_(region_bytes) {}
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// A block of at least `bytes`, at most 1/32 larger; null when the system has no more.
  Storage* take(size_t bytes);
  void give(Storage* block);
  /// Gives back whole regions that are free, and the huge pages inside of large free blocks.
  void trim();
  size_t reserved_bytes() const { return reserved_; }
  int64_t regions_taken() const { return regions_taken_; }

 private:
  static constexpr int lists_bits = 5, lists = 1 << lists_bits, levels = 40;
  struct FreeList {
    int level;
    int list;
  };
  static FreeList place_of(size_t units);
  static size_t rounded(size_t bytes);

  Storage* find(size_t bytes);
  bool grow(size_t bytes);
  void link(Storage* block);
  void unlink(Storage* block);
  void absorb(Storage* block, Storage* above);

  StorageRecords& records_;
  size_t region_bytes_, reserved_ = 0;
  int64_t regions_taken_ = 0;
  uint64_t levels_used_ = 0;
  std::array<uint32_t, levels> lists_used_{};
  std::array<std::array<Storage*, lists>, levels> free_{};
  std::vector<Storage*> regions_;  // the lowest block of each
};

}  // namespace tapedeck
