// The doors of the compiled variants, for dispatch.cpp alone: each returns its filled table.
#pragma once
#include "dispatch.h"

namespace tapedeck::kernels {

namespace portable {
KernelTable<float> table_f32(GemmBackend);
KernelTable<double> table_f64(GemmBackend);
}  // namespace portable

namespace avx2 {
KernelTable<float> table_f32(GemmBackend);
KernelTable<double> table_f64(GemmBackend);
}  // namespace avx2

namespace avx512 {
KernelTable<float> table_f32(GemmBackend);
KernelTable<double> table_f64(GemmBackend);
}  // namespace avx512

}  // namespace tapedeck::kernels
