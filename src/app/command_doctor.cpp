// tapedeck doctor: what this program found on this machine, and whether the parts that results rest on work.
#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/machine.h>

#include "src/app/commands.h"

namespace tapedeck::app {
namespace {

struct Finding {
  std::string what, value;
  bool good = true;
};

/// Both libraries multiply the same matrices; returns the largest difference and what the default one does per second.
std::pair<double, double> compare_products() {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t n = 384;
  const Tensor a = Tensor::uniform({n, n}, root_key(1), -1, 1), b = Tensor::uniform({n, n}, root_key(2), -1, 1);
  const std::string chosen = machine().gemm;
  Tensor c = matmul(a, b);
  const auto start = Clock::now();
  constexpr int repeats = 10;
  for (int i = 0; i < repeats; ++i) c = matmul(a, b);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  use_gemm(chosen == "native" ? "openblas" : "native");
  const Tensor other = matmul(a, b);
  use_gemm(chosen);
  double difference = 0;
  for (int64_t i = 0; i < n * n; ++i) difference = std::max(difference, std::abs(c.item(i) - other.item(i)));
  return {difference, 2.0 * double(n * n * n) * repeats / seconds / 1e9};
}

bool can_write_here() {
  const std::string name = ".tapedeck-doctor";
  const bool written = bool(std::ofstream(name) << "x" << std::flush);
  std::error_code ignored;
  std::filesystem::remove(name, ignored);
  return written;
}

std::vector<Finding> examine() {
  set_threads(usable_cores());
  const Machine m = machine();
  std::error_code problem;
  const auto space = std::filesystem::space(".", problem);
  const auto [difference, speed] = compare_products();
  const bool writable = can_write_here();
  return {
      {"version", std::string(version())},
      {"cpu", m.cpu.empty() ? "unknown" : m.cpu},
      {"cores", fmt::format("{} in the machine, {} usable", m.cores, m.usable)},
      {"kernels", m.instruction_set},
      {"blas", m.blas},
      {"huge pages", m.huge_pages.empty() ? "unknown" : m.huge_pages + (m.huge_pages == "never" ? "" : ": tensors ask for them")},
      {"products", fmt::format("{} by default, {:.0f} GFLOP/s on {} threads", m.gemm, speed, threads())},
      {"precision", m.bf16 ? "f32, or bf16 operands" : "f32 (no bf16 instruction in these kernels)"},
      {"agreement", fmt::format("native and OpenBLAS differ by {:.1e}", difference), difference < 1e-3},
      {"working directory", writable ? "writable" : "not writable: use -o DIR", writable},
      {"free space", problem ? "unknown" : fmt::format("{:.1f} GiB", double(space.available) / (1 << 30)),
       problem || space.available > (100u << 20)},
      {"parts", fmt::format("{}", all_parts().size())}};
}

struct DoctorFlags {
  bool json = false;
};

int doctor(const DoctorFlags& flags) {
  Json out = Json::dict();
  std::string text;
  bool good = true;
  for (const Finding& finding : examine()) {
    good = good && finding.good;
    out.set(finding.what, json_object({{"value", finding.value}, {"good", finding.good}}));
    text += fmt::format("{:<4} {:<18} {}\n", finding.good ? "ok" : "bad", finding.what, finding.value);
  }
  print(flags.json, out, text + (good ? "all good\n" : "see the lines marked bad\n"));
  return good ? 0 : 1;
}

}  // namespace

void add_doctor(CommandLine& line) {
  auto [command, flags] =
      add_command<DoctorFlags>(line, "doctor", "look at this machine and test the parts that results rest on", doctor);
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
