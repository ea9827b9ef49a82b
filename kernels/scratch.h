// Working memory of kernels: one buffer per thread and slot that only grows, so that warm calls never allocate.
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace tapedeck::kernels {

/// A kernel may use several slots at once, but no slot twice in one call chain.
enum class Scratch { partials, offsets, packed_a, packed_b, packed_c, scores, gradients, rows, count };

/// At least `bytes` bytes, 64-byte aligned, contents undefined; valid until this thread asks for the slot again.
void* scratch_bytes(Scratch slot, size_t bytes);

/// Bytes held by the buffers of all threads.
size_t scratch_total();

template <class T>
TAPEDECK_INLINE T* scratch(Scratch slot, int64_t n) {
  return static_cast<T*>(scratch_bytes(slot, size_t(n) * sizeof(T)));
}

}  // namespace tapedeck::kernels
