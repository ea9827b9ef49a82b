// What the rest of the kernels need to know about the BLAS library besides its products.
#pragma once
#include <string_view>

namespace tapedeck::kernels {

/// OpenBLAS releases older than the CPU fall back to kernels of half the speed. Names the right core type and lets the
/// library choose again, unless the user set OPENBLAS_CORETYPE. Called once, before the first product.
void choose_blas_core();
std::string_view describe_blas();

}  // namespace tapedeck::kernels
