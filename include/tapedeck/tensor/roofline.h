// What this machine can do at best: multiply-adds per second and bytes per second from each level of the memory. Every
// claim of speed is a share of these, measured in the same run (Williams, Waterman, Patterson 2009, "Roofline").
#pragma once
#include <cstddef>
#include <optional>

#include <tapedeck/tensor/dtype.h>

namespace tapedeck {

/// Flops per second of `count` threads that multiply and add in registers (a multiply-add is two flops), best of several
/// runs that take about `seconds` together. f32, f64 or bf16 (products of bf16 added in f32); nothing where the kernels in
/// use have no such instruction.
std::optional<double> fma_peak(DType dtype, int count, double seconds = 0.2);

enum class MemoryLevel { l2, l3, memory };
/// Bytes that the loops below go through, all threads together: half of the second-level caches, a quarter of the third,
/// or four times the third (at most 128 MiB a thread).
size_t stream_bytes(MemoryLevel level, int count);
/// Bytes per second of a = b + alpha c in f32, arrays of its own for every thread, each counted once as STREAM does (to write
/// a, the machine may read it as well: not counted). in_place: a = a + alpha a, counted as read and written.
double triad_bandwidth(MemoryLevel level, int count, bool in_place = false, double seconds = 0.2);

}  // namespace tapedeck
