// The doors of the compiled variants, for dispatch.cpp alone: each returns its filled menu.
#pragma once
#include "dispatch.h"

namespace tapedeck::kernels {

namespace portable {
Menu<float> menu_f32(GemmBackend);
Menu<double> menu_f64(GemmBackend);
}  // namespace portable

namespace avx2 {
Menu<float> menu_f32(GemmBackend);
Menu<double> menu_f64(GemmBackend);
}  // namespace avx2

namespace avx512 {
Menu<float> menu_f32(GemmBackend);
Menu<double> menu_f64(GemmBackend);
}  // namespace avx512

}  // namespace tapedeck::kernels
