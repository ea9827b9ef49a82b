// Talks to the BLAS library about itself: which kernels it chose, and how to choose better ones. Every symbol is weak,
// so any other BLAS links and runs too. Next: openblas.cpp (the products).
#include "blas.h"

#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
[[gnu::weak]] char* openblas_get_config();
[[gnu::weak]] char* openblas_get_corename();
[[gnu::weak]] int openblas_get_parallel();
[[gnu::weak]] void gotoblas_dynamic_init();
[[gnu::weak]] void gotoblas_dynamic_quit();
}

namespace tapedeck::kernels {

void choose_blas_core() {
#if defined(__x86_64__)
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || !openblas_get_corename) return;
  if (std::getenv("OPENBLAS_CORETYPE") || !__builtin_cpu_supports("avx512vl")) return;
  const char* chosen = openblas_get_corename();
  for (const char* old : {"Haswell", "Zen", "Sandybridge", "Barcelona", "Prescott", "Nehalem"}) {
    if (std::strcmp(chosen, old) != 0) continue;
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    return;
  }
#endif
}

std::string_view describe_blas() {
  static const std::string text = [] {
    if (!openblas_get_config || !openblas_get_corename || !openblas_get_parallel) return std::string("BLAS (not OpenBLAS)");
    const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH USE_OPENMP ..."
    const int parallel = openblas_get_parallel();
    const char* threading = parallel == 2 ? "openmp" : parallel == 1 ? "pthreads" : "sequential";
    const size_t version_end = config.find(' ', config.find(' ') + 1);
    return config.substr(0, version_end) + " " + threading + ", " + openblas_get_corename() + " kernels";
  }();
  return text;
}

}  // namespace tapedeck::kernels
