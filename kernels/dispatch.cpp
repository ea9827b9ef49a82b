// Holds the current table: the kernels of one instruction set, with the products of one GEMM backend.
#include "dispatch.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "gemm/blas.h"
#include "own.h"
#include "variant_tables.h"

namespace tapedeck::kernels {
namespace {

struct Variant {
  std::string_view name;
  bool (*runs_here)();
  KernelTable<float> (*f32)(GemmBackend);
  KernelTable<double> (*f64)(GemmBackend);
};

const Variant variants[] = {
    {"portable", [] { return true; }, portable::table_f32, portable::table_f64},
#ifdef TAPEDECK_X86_VARIANTS
    {"avx2", [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }, avx2::table_f32, avx2::table_f64},
    {"avx512",
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
     },
     avx512::table_f32, avx512::table_f64},
#endif
};

const Variant* find(std::string_view name) {
  for (const Variant& variant : variants)
    if (variant.name == name && variant.runs_here()) return &variant;
  return nullptr;
}

struct State {
  const Variant* variant = nullptr;
  GemmBackend backend = default_gemm_backend;
  KernelTable<float> f32;
  KernelTable<double> f64;

  State() {
    choose_blas_core();
    const char* wanted = std::getenv("TAPEDECK_ISA");
    variant = wanted ? find(wanted) : nullptr;
    if (!variant) variant = find(instruction_sets().back());
    if (const char* gemm = std::getenv("TAPEDECK_GEMM"))
      backend = std::string_view(gemm) == "openblas" ? GemmBackend::openblas : GemmBackend::native;
    fill();
  }
  void fill() {
    f32 = variant->f32(backend);
    f64 = variant->f64(backend);
  }
};

State& state() {
  static State current;
  return current;
}

struct OwnKernel {
  std::string_view instruction_set, name, signature;
  AnyKernel kernel;
};
std::vector<OwnKernel>& own_kernels() {
  static std::vector<OwnKernel> all;
  return all;
}

}  // namespace

bool register_kernel(const char* instruction_set, const char* name, const char* signature, AnyKernel kernel) {
  own_kernels().push_back({instruction_set, name, signature, kernel});
  return true;
}

AnyKernel find_kernel(const char* name, const char* signature) {
  const std::vector<OwnKernel>& all = own_kernels();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const OwnKernel& own) {
    return own.name == name && own.signature == signature && own.instruction_set == state().variant->name;
  });
  if (found != all.rend()) return found->kernel;
  std::fprintf(stderr, "tapedeck: no kernel \"%s\" for %s with the signature %s\n", name, state().variant->name.data(),
               signature);
  std::abort();
}

std::vector<std::string_view> instruction_sets() {
  std::vector<std::string_view> names;
  for (const Variant& variant : variants)
    if (variant.runs_here()) names.push_back(variant.name);
  return names;
}

bool use_instruction_set(std::string_view name) {
  const Variant* variant = find(name);
  if (!variant) return false;
  state().variant = variant;
  state().fill();
  return true;
}

std::string_view instruction_set() { return state().variant->name; }

void use_gemm(GemmBackend backend) {
  state().backend = backend;
  state().fill();
}

GemmBackend gemm_backend() { return state().backend; }

std::string_view blas_description() {
  state();  // the core type is chosen with the table
  return describe_blas();
}

template <>
const KernelTable<float>& kernel_table<float>() {
  return state().f32;
}
template <>
const KernelTable<double>& kernel_table<double>() {
  return state().f64;
}

}  // namespace tapedeck::kernels
