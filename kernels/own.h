// Kernels beside the table: a file that stands alone registers what it computes by name, and the op that wants it states the same
// signature. So a new fused op is a kernel file and an op file; no list is edited. Next: rotary.cpp, src/ops/rotary.cpp.
#pragma once
#include "isa.h"

namespace tapedeck::kernels {

using AnyKernel = void (*)();
/// What the compiler calls the type F: a kernel and its caller must agree on it.
template <class F>
TAPEDECK_INLINE const char* signature_of() {
  return __PRETTY_FUNCTION__;
}

/// The latest of a name and signature is found: a test may put one that counts before it.
bool register_kernel(const char* instruction_set, const char* name, const char* signature, AnyKernel kernel);
/// Of the chosen instruction set; ends the program with a message when nothing of this name has this signature.
AnyKernel find_kernel(const char* name, const char* signature);

/// kernel<void(int64_t n, const T* x, T* y)>("name")(n, x, y)
template <class F>
F* kernel(const char* name) {
  return reinterpret_cast<F*>(find_kernel(name, signature_of<F>()));
}

#define TAPEDECK_TEXT_(x) #x
#define TAPEDECK_TEXT(x) TAPEDECK_TEXT_(x)
#define TAPEDECK_KERNEL_AS(name, T)                                   \
  [[maybe_unused]] static const bool name##_as_##T = register_kernel( \
      TAPEDECK_TEXT(TAPEDECK_ISA), #name, signature_of<decltype(name<T>)>(), reinterpret_cast<AnyKernel>(&name<T>))
/// After the template `name`, in f32 and f64.
#define TAPEDECK_KERNEL(name)      \
  TAPEDECK_KERNEL_AS(name, float); \
  TAPEDECK_KERNEL_AS(name, double)

}  // namespace tapedeck::kernels
