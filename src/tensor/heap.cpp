// Blocks of memory out of huge-page backed regions. Next: pool.cpp, which counts them.
#include "heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>

namespace tapedeck {
namespace {

constexpr size_t unit = 64, huge_page = size_t{2} << 20;

size_t up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

/// Address space aligned to a huge page, or null. Untouched pages take no memory, so a region may be generous.
std::byte* map(size_t bytes) {
  void* p = mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  auto* start = static_cast<std::byte*>(p);
  auto* region = reinterpret_cast<std::byte*>(up(reinterpret_cast<uintptr_t>(p), huge_page));
  const auto before = size_t(region - start), after = huge_page - before;
  if (before) munmap(start, before);
  if (after) munmap(region + bytes, after);
  madvise(region, bytes, MADV_HUGEPAGE);  // a wish: where there are none, small pages do
  return region;
}

}  // namespace

Storage* StorageRecords::take() {
  if (!unused_) {
    chunks_.push_back(std::make_unique<Storage[]>(chunk));
    for (size_t i = 0; i < chunk; ++i) give(&chunks_.back()[i]);
  }
  Storage* record = unused_;
  unused_ = record->next;
  *record = {};
  return record;
}

void StorageRecords::give(Storage* record) {
  record->next = unused_;
  unused_ = record;
}

Heap::~Heap() { trim(); }

// Below `lists` units every size has its own list; above, each power of two is cut into `lists` equal steps.
Heap::FreeList Heap::place_of(size_t units) {
  if (units < lists) return {0, int(units)};
  const int power = std::bit_width(units) - 1;
  return {power - lists_bits + 1, int(units >> (power - lists_bits)) & (lists - 1)};
}

// To the size where a list begins, so that every block in that list fits and a block given back fits the same request.
size_t Heap::rounded(size_t bytes) {
  const size_t units = std::max<size_t>(1, (bytes + unit - 1) / unit);
  if (units < lists) return units * unit;
  return up(units, size_t{1} << (std::bit_width(units) - 1 - lists_bits)) * unit;
}

Storage* Heap::find(size_t bytes) {
  auto [level, list] = place_of(bytes / unit);
  uint32_t fitting = lists_used_[size_t(level)] & (~uint32_t{0} << list);
  if (!fitting) {
    const uint64_t larger = levels_used_ & (~uint64_t{1} << level);
    if (!larger) return nullptr;
    level = std::countr_zero(larger);
    fitting = lists_used_[size_t(level)];
  }
  return free_[size_t(level)][size_t(std::countr_zero(fitting))];
}

Storage* Heap::take(size_t bytes) {
  if (bytes > size_t{1} << 46) return nullptr;  // more than any address space has; keeps level within bounds
  bytes = rounded(bytes);
  Storage* block = find(bytes);
  if (!block) {
    if (!grow(bytes)) return nullptr;
    block = find(bytes);
  }
  unlink(block);
  if (block->bytes > bytes) {
    Storage* rest = records_.take();
    rest->data = block->data + bytes;
    rest->bytes = block->bytes - bytes;
    rest->heap = this;
    rest->below = block;
    rest->above = block->above;
    if (rest->above) rest->above->below = rest;
    block->above = rest;
    block->bytes = bytes;
    link(rest);
  }
  return block;
}

void Heap::give(Storage* block) {
  if (block->above && block->above->free) {
    unlink(block->above);
    absorb(block, block->above);
  }
  if (block->below && block->below->free) {
    Storage* below = block->below;
    unlink(below);
    absorb(below, block);
    block = below;
  }
  link(block);
}

void Heap::absorb(Storage* block, Storage* above) {
  block->bytes += above->bytes;
  block->above = above->above;
  if (block->above) block->above->below = block;
  records_.give(above);
}

void Heap::link(Storage* block) {
  const auto [level, list] = place_of(block->bytes / unit);
  Storage*& head = free_[size_t(level)][size_t(list)];
  block->free = true;
  block->previous = nullptr;
  block->next = head;
  if (head) head->previous = block;
  head = block;
  levels_used_ |= uint64_t{1} << level;
  lists_used_[size_t(level)] |= uint32_t{1} << list;
}

void Heap::unlink(Storage* block) {
  const auto [level, list] = place_of(block->bytes / unit);
  Storage*& head = free_[size_t(level)][size_t(list)];
  block->free = false;
  if (block->previous) block->previous->next = block->next;
  else head = block->next;
  if (block->next) block->next->previous = block->previous;
  if (head) return;
  lists_used_[size_t(level)] &= ~(uint32_t{1} << list);
  if (!lists_used_[size_t(level)]) levels_used_ &= ~(uint64_t{1} << level);
}

bool Heap::grow(size_t bytes) {
  size_t region = std::max(region_bytes_, up(bytes, huge_page));
  std::byte* data = map(region);
  if (!data && region > up(bytes, huge_page)) data = map(region = up(bytes, huge_page));
  if (!data) return false;
  Storage* block = records_.take();
  block->data = data;
  block->bytes = region;
  block->heap = this;
  regions_.push_back(block);
  reserved_ += region;
  ++regions_taken_;
  link(block);
  return true;
}

void Heap::trim() {
  std::erase_if(regions_, [&](Storage* lowest) {
    if (!lowest->free || lowest->above) {
      for (Storage* block = lowest; block; block = block->above) {
        const auto begin = up(reinterpret_cast<uintptr_t>(block->data), huge_page);
        const auto end = (reinterpret_cast<uintptr_t>(block->data) + block->bytes) / huge_page * huge_page;
        if (block->free && begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
      }
      return false;
    }
    unlink(lowest);
    munmap(lowest->data, lowest->bytes);
    reserved_ -= lowest->bytes;
    records_.give(lowest);
    return true;
  });
}

}  // namespace tapedeck
