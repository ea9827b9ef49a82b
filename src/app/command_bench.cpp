// tapedeck bench roofline | gemm | ops | train | look: what the machine can do, and what this program makes of it, measured in
// one run.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include <fmt/core.h>

#include <tapedeck/tensor/machine.h>

#include "src/app/bench.h"

namespace tapedeck::app {

void add_bench(CommandLine& line) {
  line.group("bench", "measure this machine and what the kernels make of it (docs/guide/bench.md)");
  add_bench_roofline(line);
  add_bench_gemm(line);
  add_bench_ops(line);
  add_bench_train(line);
  add_bench_look(line);
}

void add_bench_flags(Command& command, BenchFlags& flags) {
  command.number("--threads", flags.threads, "threads; 0: the cores this process may use", int64_t{0});
  add_json(command, flags.json);
}

void add_product_flags(Command& command, BenchFlags& flags, bool both) {
  std::vector<std::string> backends = {"auto", "native", "openblas"}, precisions = {"f32", "bf16"};
  if (both) backends.push_back("both"), precisions.push_back("both");
  command.choice("--gemm", flags.gemm, backends, "who multiplies matrices")
      .choice("--precision", flags.precision, precisions, "operands of products in linear layers");
  add_bench_flags(command, flags);
}

void use_threads(const BenchFlags& flags) {
  set_threads(flags.threads ? int(std::min<int64_t>(flags.threads, 1024)) : usable_cores());
}

void use_products(const BenchFlags& flags) {
  use_threads(flags);
  use_gemm(flags.gemm);
  use_precision(flags.precision);
}

Json machine_json() {
  const Machine m = machine();
  return json_object({{"cpu", m.cpu},
                      {"kernels", m.instruction_set},
                      {"gemm", m.gemm},
                      {"precision", multiplies_bf16() ? "bf16" : "f32"},
                      {"blas", m.blas},
                      {"threads", threads()}});
}

int print_bench(const BenchFlags& flags, Json rows, const std::string& heading, const TableRows& lines,
                std::initializer_list<JsonEntry> more) {
  Json out = json_object({{"machine", machine_json()}});
  json_add(out, more);
  json_add(out, {{"rows", std::move(rows)}});
  return print(flags.json, out, heading + table(lines, "lr"));
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto rank = size_t(std::ceil(share * double(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

double median_seconds(int64_t repeats, double seconds, const std::function<void()>& body) {
  using Clock = std::chrono::steady_clock;
  const auto timed = [&](int64_t calls) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) body();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  body();  // takes its buffers
  int64_t calls = 1;
  for (double spent = timed(calls); spent < seconds; spent = timed(calls))
    calls = std::max(calls + 1, int64_t(double(calls) * std::min(100.0, 1.2 * seconds / std::max(spent, 1e-9))));
  std::vector<double> all(static_cast<size_t>(repeats));
  for (double& one : all) one = timed(calls) / double(calls);
  return quantile(all, 0.5);
}

int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (int64_t kibibytes = 0; word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  return 0;
}

std::string giga(double value) { return fmt::format("{:.1f}", value / 1e9); }

}  // namespace tapedeck::app
