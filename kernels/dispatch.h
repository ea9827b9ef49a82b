// Chooses the instruction set (and the GEMM backend) once; tests force each compiled one in turn.
#pragma once
#include <string_view>
#include <vector>

#include "kernels.h"

namespace tapedeck::kernels {

enum class GemmBackend { openblas, native };

/// Compiled variants that this machine can run, slowest first; always holds "portable".
std::vector<std::string_view> instruction_sets();
/// Makes `name` the current table; false if it is unknown or the CPU lacks it. Not thread-safe: between steps only.
bool use_instruction_set(std::string_view name);
std::string_view instruction_set();

inline constexpr GemmBackend default_gemm_backend = GemmBackend::native;
void use_gemm(GemmBackend backend);
GemmBackend gemm_backend();
std::string_view blas_description();  // "OpenBLAS 0.3.21 openmp, SkylakeX kernels" for the start line and doctor

}  // namespace tapedeck::kernels
