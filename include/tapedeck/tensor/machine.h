// The machine under the kernels: cores, instruction set, BLAS. What floors above the kernels may know and choose.
#pragma once
#include <string>
#include <string_view>

namespace tapedeck {

/// Facts for the start line, environment.json and doctor.
struct Machine {
  std::string cpu;              // "AMD EPYC 9B14", empty if unknown
  int cores = 1;                // online in the machine
  int usable = 1;               // allowed by affinity and by the control group's quota
  std::string instruction_set;  // the variant of the kernels in use
  std::string blas;             // "OpenBLAS 0.3.21 openmp, SkylakeX kernels"
  std::string gemm;             // "native" or "openblas"
  bool bf16 = false;            // runtime.precision bf16 is possible
  std::string huge_pages;       // what the system does: "always", "madvise", "never"; empty if unknown
};
Machine machine();
int usable_cores();

void set_threads(int count);  // Error{value} below 1
int threads();
/// "native", "openblas" or "auto" (the one measured faster, the library's own choice); Error{value} otherwise.
void use_gemm(std::string_view backend);
/// What the operands of linear layers are rounded to while they are multiplied: "f32" (not at all) or "bf16", whose sums and
/// everything else stay in f32; Error{value} where the CPU cannot multiply bf16 (can_multiply_bf16).
void use_precision(std::string_view precision);
bool multiplies_bf16();
bool can_multiply_bf16();

}  // namespace tapedeck
