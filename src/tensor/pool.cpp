// Size classes grow by an eighth of a power of two, so at most 1/8 of a buffer is unused. Large buffers ask for huge pages.
#include <tapedeck/tensor/pool.h>

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

constexpr size_t smallest = 256, alignment = 64, huge_page = size_t{2} << 20;

/// Class c holds (8 + c % 8) / 8 * 256 * 2^(c / 8) bytes.
size_t class_bytes(int c) { return (smallest / 8 * size_t(8 + c % 8)) << (c / 8); }

int class_of(size_t bytes) {
  if (bytes <= smallest) return 0;
  const int power = std::bit_width((bytes - 1) / smallest) - 1;
  int c = power * 8;
  while (class_bytes(c) < bytes) ++c;
  return c;
}

std::byte* system_take(size_t bytes) {
  const size_t align = bytes >= huge_page ? huge_page : alignment;
  void* p = std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (!p) throw Error(ErrorKind::internal, text("out of memory: a buffer of ", bytes, " bytes is not to be had"),
                      "use a smaller batch_size or micro_batch_size");
  if (bytes >= huge_page) madvise(p, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(p);
}

}  // namespace

Pool& Pool::instance() {
  // The pool itself is never destroyed, because tensors of static storage duration may still give buffers back at exit;
  // what it holds unused goes back to the system when its thread ends.
  struct Owner {
    Pool* pool = new Pool;
    ~Owner() { pool->trim(); }
  };
  static thread_local Owner owner;
  return *owner.pool;
}

Storage* Pool::take(size_t bytes) {
  const int c = class_of(bytes);
  if (c >= classes) throw Error(ErrorKind::internal, text("a buffer of ", bytes, " bytes is larger than any tensor may be"));
  Storage* s = free_[c];
  if (s) {
    free_[c] = s->next_free;
  } else {
    s = new Storage;
    s->bytes = class_bytes(c);
    s->size_class = c;
    try { s->data = system_take(s->bytes); } catch (...) { delete s; throw; }
    stats_.reserved_bytes += s->bytes;
    ++stats_.system_allocations;
  }
  stats_.live_bytes += s->bytes;
  stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
  return s;
}

Storage* Pool::window(Storage* parent, size_t offset, size_t bytes) {
  Storage* s = free_windows_;
  if (s) free_windows_ = s->next_free;
  else s = new Storage;
  s->data = parent->data + offset;
  s->bytes = bytes;
  s->size_class = -1;
  s->parent = parent;
  ++parent->references;
  return s;
}

void Pool::give(Storage* s) {
  if (Storage* parent = s->parent) {
    s->parent = nullptr;
    s->next_free = free_windows_;
    free_windows_ = s;
    if (--parent->references == 0) give(parent);
    return;
  }
  stats_.live_bytes -= s->bytes;
  s->next_free = free_[s->size_class];
  free_[s->size_class] = s;
}

void* Pool::allocate(size_t bytes) {
  Storage* s = take(bytes + alignment);           // its first line holds the way back
  *reinterpret_cast<Storage**>(s->data) = s;
  return s->data + alignment;
}

void Pool::release(void* memory) { give(*reinterpret_cast<Storage**>(static_cast<std::byte*>(memory) - alignment)); }

void Pool::trim() {
  for (Storage*& head : free_) {
    while (Storage* s = head) {
      head = s->next_free;
      stats_.reserved_bytes -= s->bytes;
      std::free(s->data);
      delete s;
    }
  }
}

Pool::~Pool() { trim(); }

}  // namespace tapedeck
