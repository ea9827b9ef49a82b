// tapedeck bench roofline | train: what the machine can do, and what this program makes of it, measured in one run.
#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/core.h>

#include <tapedeck/tensor/machine.h>

#include "src/app/bench.h"

namespace tapedeck::app {

void add_bench(CommandLine& line) {
  line.group("bench", "measure this machine and what the kernels make of it (docs/guide/bench.md)");
  add_bench_roofline(line);
  add_bench_train(line);
}

void add_bench_flags(Command& command, BenchFlags& flags) {
  command.number("--threads", flags.threads, "threads; 0: the cores this process may use", int64_t{0})
      .choice("--gemm", flags.gemm, {"auto", "native", "openblas"}, "who multiplies matrices")
      .choice("--precision", flags.precision, {"f32", "bf16"}, "operands of products in linear layers");
  add_json(command, flags.json);
}

void use_bench_flags(const BenchFlags& flags) {
  set_threads(flags.threads ? int(std::min<int64_t>(flags.threads, 1024)) : usable_cores());
  use_gemm(flags.gemm);
  use_precision(flags.precision);
}

Json machine_json() {
  const Machine m = machine();
  Json json = Json::dict();
  json.set("cpu", Json::of(m.cpu));
  json.set("kernels", Json::of(m.instruction_set));
  json.set("gemm", Json::of(m.gemm));
  json.set("precision", Json::of(multiplies_bf16() ? "bf16" : "f32"));
  json.set("blas", Json::of(m.blas));
  json.set("threads", Json::of(threads()));
  return json;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto rank = size_t(std::ceil(share * double(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (int64_t kibibytes = 0; word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  return 0;
}

std::string giga(double value) { return fmt::format("{:.1f}", value / 1e9); }

}  // namespace tapedeck::app
