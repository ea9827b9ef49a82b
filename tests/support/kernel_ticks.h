// A counter that the kernels tick themselves: every entry of the kernel tables is replaced by one that counts, notes which
// buffers it was given to write, and calls what stood there. It knows nothing of tapes and recorders. Next:
// tests/look_faithful_test.cpp.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "kernels/dispatch.h"
#include "kernels/own.h"

namespace tapedeck::testing {

/// Ticks from 1 on. Only the thread that computes calls the table.
struct KernelTicks {
  static inline std::atomic<int64_t> count{0};
  static inline std::map<const char*, int64_t> written;     // where a kernel was told to write -> the latest tick
  static inline bool expected = false;                      // somebody says that an op is computing
  static inline std::map<std::string, int64_t> unexpected;  // kernels that ran otherwise

  template <class X>
  static void note(int64_t, X) {}
  template <class X>
  static void note(int64_t tick, X* buffer) {
    if constexpr (!std::is_const_v<X>) written[reinterpret_cast<const char*>(buffer)] = tick;
  }
  /// The latest tick of a kernel that wrote somewhere in these bytes; 0: none.
  static int64_t latest(const void* data, size_t bytes) {
    int64_t tick = 0;
    const auto* begin = static_cast<const char*>(data);
    for (auto at = written.lower_bound(begin); at != written.end() && at->first < begin + bytes; ++at)
      tick = std::max(tick, at->second);
    return tick;
  }
};

template <auto member>
struct Ticking;
template <class M, class R, class... A, R (*M::*member)(A...)>
struct Ticking<member> {
  static inline R (*original)(A...) = nullptr;
  static inline const char* name = "";
  static R call(A... a) {
    const int64_t tick = ++KernelTicks::count;
    (KernelTicks::note(tick, a), ...);
    if (!KernelTicks::expected) ++KernelTicks::unexpected[name];
    return original(a...);
  }
  static void install(M& table, const char* as) {
    if (!(table.*member) || table.*member == call) return;
    name = as;
    original = table.*member;
    table.*member = call;
  }
};

/// The same for a kernel beside the table (kernels/own.h).
template <class F>
struct TickingOwn;
template <class... A>
struct TickingOwn<void(A...)> {
  static inline void (*original)(A...) = nullptr;
  static inline const char* name = "";
  static void call(A... a) {
    const int64_t tick = ++KernelTicks::count;
    (KernelTicks::note(tick, a), ...);
    if (!KernelTicks::expected) ++KernelTicks::unexpected[name];
    original(a...);
  }
  static void install(const char* as) {
    if (const auto now = kernels::kernel<void(A...)>(as); now != call) name = as, original = now;
    kernels::register_kernel(kernels::instruction_set().data(), as, kernels::signature_of<void(A...)>(),
                             reinterpret_cast<kernels::AnyKernel>(&call));
  }
};

/// The current tables tick from now on. Choosing an instruction set or a GEMM backend fills them anew.
template <class T>
void install_ticks() {
  using M = kernels::KernelTable<T>;
  M& table = const_cast<M&>(kernels::kernel_table<T>());  // the object itself is not constant
                                                          // clang-format off
#define TAPEDECK_TICK(kernel) Ticking<&M::kernel>::install(table, #kernel);
  TAPEDECK_TICK(fill) TAPEDECK_TICK(unary) TAPEDECK_TICK(unary_backward) TAPEDECK_TICK(binary) TAPEDECK_TICK(add_scaled)
  TAPEDECK_TICK(where) TAPEDECK_TICK(dropout) TAPEDECK_TICK(reduce) TAPEDECK_TICK(argmax) TAPEDECK_TICK(spread)
  TAPEDECK_TICK(softmax) TAPEDECK_TICK(softmax_backward) TAPEDECK_TICK(log_softmax) TAPEDECK_TICK(log_softmax_backward)
  TAPEDECK_TICK(logsumexp) TAPEDECK_TICK(logsumexp_backward) TAPEDECK_TICK(cross_entropy) TAPEDECK_TICK(cross_entropy_backward)
  TAPEDECK_TICK(symmetric_kl) TAPEDECK_TICK(symmetric_kl_backward) TAPEDECK_TICK(layer_norm) TAPEDECK_TICK(layer_norm_backward)
  TAPEDECK_TICK(residual_norm) TAPEDECK_TICK(residual_norm_backward) TAPEDECK_TICK(gemm) TAPEDECK_TICK(gemm_bf16)
  TAPEDECK_TICK(gemm_batched) TAPEDECK_TICK(permute) TAPEDECK_TICK(copy_rows) TAPEDECK_TICK(gather) TAPEDECK_TICK(scatter_add)
  TAPEDECK_TICK(pick) TAPEDECK_TICK(pick_backward) TAPEDECK_TICK(embedding_norm) TAPEDECK_TICK(attention)
  TAPEDECK_TICK(attention_backward) TAPEDECK_TICK(ragged_scores) TAPEDECK_TICK(ragged_softmax) TAPEDECK_TICK(ragged_softmax_backward)
  TAPEDECK_TICK(ragged_weighted_sum) TAPEDECK_TICK(ragged_weighted_sum_transposed) TAPEDECK_TICK(segment_mean)
  TAPEDECK_TICK(segment_mean_backward) TAPEDECK_TICK(segment_argmax) TAPEDECK_TICK(fill_uniform) TAPEDECK_TICK(fill_normal)
  TAPEDECK_TICK(adamw) TAPEDECK_TICK(sgd)
#undef TAPEDECK_TICK
      // clang-format on
      TickingOwn<void(int64_t, int64_t, int64_t, int64_t, double, bool, const int32_t*, const T*, T*, bool)>::install("rotary");
}

}  // namespace tapedeck::testing
