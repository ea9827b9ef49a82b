// What the machine offers: cores from affinity and control group, names from /proc, the rest from the kernels.
// Why here: floors above tensor never include kernels. Next: kernels/dispatch.h.
#include <tapedeck/tensor/machine.h>

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include <tapedeck/base/error.h>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"

namespace tapedeck {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

// Cores' worth of time that the control group (version 2) grants; 0: no limit known. A container often has fewer cores than it
// sees.
int quota_cores() {
  std::ifstream limit("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(limit >> quota >> period) || quota == "max" || period <= 0) return 0;
  char* end = nullptr;
  const double granted = std::strtod(quota.c_str(), &end);
  return *end || granted <= 0 ? 0 : std::max(1, int(std::ceil(granted / period)));
}

bool rounds_to_bf16 = false;

// "always [madvise] never": the word in brackets.
std::string huge_pages() {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  for (std::string word; setting >> word;)
    if (word.front() == '[') return word.substr(1, word.size() - 2);
  return "";
}

}  // namespace

int usable_cores() {
  cpu_set_t allowed;
  int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : int(sysconf(_SC_NPROCESSORS_ONLN));
  if (const int quota = quota_cores()) count = std::min(count, quota);
  return std::max(1, count);
}

Machine machine() {
  return {.cpu = cpu_name(),
          .cores = int(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN))),
          .usable = usable_cores(),
          .instruction_set = std::string(kernels::instruction_set()),
          .blas = std::string(kernels::blas_description()),
          .gemm = kernels::gemm_backend() == kernels::GemmBackend::native ? "native" : "openblas",
          .bf16 = can_multiply_bf16(),
          .huge_pages = huge_pages()};
}

void set_threads(int count) {
  if (count < 1) throw Error(ErrorKind::value, text("cannot compute with ", count, " threads"), "give 1 or more");
  kernels::set_threads(count);
}

int threads() { return kernels::threads(); }

void use_gemm(std::string_view backend) {
  if (backend == "native") kernels::use_gemm(kernels::GemmBackend::native);
  else if (backend == "openblas") kernels::use_gemm(kernels::GemmBackend::openblas);
  else if (backend != "auto")
    throw Error(ErrorKind::value, text("there is no GEMM backend \"", backend, "\""), "native, openblas or auto");
}

bool can_multiply_bf16() { return kernels::kernel_table<float>().gemm_bf16 != nullptr; }
bool multiplies_bf16() { return rounds_to_bf16; }

void use_precision(std::string_view precision) {
  if (precision != "f32" && precision != "bf16")
    throw Error(ErrorKind::value, text("there is no precision \"", precision, "\""), "f32 or bf16");
  if (precision == "bf16" && !can_multiply_bf16())
    throw Error(ErrorKind::value, text("this CPU cannot multiply bf16 (kernels in use: ", kernels::instruction_set(), ")"),
                "set runtime.precision to f32; bf16 needs avx512_bf16");
  rounds_to_bf16 = precision == "bf16";
}

}  // namespace tapedeck
