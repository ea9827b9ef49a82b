// Two heaps, so that small buffers that live long never split the space of large ones; who holds what is counted here.
#include <tapedeck/tensor/pool.h>

#include <algorithm>
#include <utility>

#include <tapedeck/base/error.h>
#include <tapedeck/tensor/pool_listen.h>

#include "heap.h"

namespace tapedeck {
namespace {

constexpr size_t small_limit = size_t{32} << 10, small_region = size_t{2} << 20, large_region = size_t{1} << 30;
constexpr size_t alignment = 64;

}  // namespace

Pool::Pool()
    : records_(std::make_unique<StorageRecords>()),
      small_(std::make_unique<Heap>(*records_, small_region)),
      large_(std::make_unique<Heap>(*records_, large_region)) {}

Pool::~Pool() = default;

// When its thread ends the pool goes too, unless tensors of static storage duration still hold buffers: then it stays for
// them, without what is unused.
Pool& Pool::instance() {
  static thread_local Pool* pool = nullptr;
  struct Owner {
    ~Owner() {
      pool->trim();
      if (pool->live_ == 0) delete std::exchange(pool, nullptr);
    }
  };
  if (!pool) {
    pool = new Pool;
    static thread_local Owner owner;
  }
  return *pool;
}

Storage* Pool::take(size_t bytes) {
  Heap& heap = bytes <= small_limit ? *small_ : *large_;
  Storage* s = heap.take(bytes);
  if (!s)
    throw Error(ErrorKind::memory, text("out of memory: a buffer of ", bytes, " bytes is not to be had"),
                "use a smaller batch_size or micro_batch_size, or training.recompute");
  s->purpose = purpose_;
  now_[size_t(purpose_)] += s->bytes;
  live_ += s->bytes;
  if (live_ > peak_) {
    peak_ = live_;
    at_peak_ = now_;
  }
  if (pool_listener) pool_listener->taken(*s);
  return s;
}

Storage* Pool::window(Storage* parent, size_t offset, size_t bytes) {
  Storage* s = records_->take();
  s->data = parent->data + offset;
  s->bytes = bytes;
  s->parent = parent;
  ++parent->references;
  return s;
}

void Pool::give(Storage* s) {
  if (Storage* parent = s->parent) {
    records_->give(s);
    if (--parent->references == 0) give(parent);
    return;
  }
  if (pool_listener) pool_listener->given(*s);
  now_[size_t(s->purpose)] -= s->bytes;
  live_ -= s->bytes;
  s->heap->give(s);
}

void* Pool::allocate(size_t bytes) {
  Storage* s = take(bytes + alignment);  // its first line holds the way back
  *reinterpret_cast<Storage**>(s->data) = s;
  return s->data + alignment;
}

void Pool::release(void* memory) { give(*reinterpret_cast<Storage**>(static_cast<std::byte*>(memory) - alignment)); }

void Pool::trim() {
  small_->trim();
  large_->trim();
}

PoolStats Pool::stats() const {
  return {live_, peak_, small_->reserved_bytes() + large_->reserved_bytes(), small_->regions_taken() + large_->regions_taken()};
}

void Pool::reset_peak() {
  peak_ = live_;
  at_peak_ = now_;
}

}  // namespace tapedeck
