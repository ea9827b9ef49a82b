// What the benchmarks share: threads, the machine's line, quantiles, memory of the process. Each benchmark describes
// itself like a command. Next: command_bench.cpp, docs/guide/bench.md.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "src/app/commands.h"

namespace tapedeck::app {

struct BenchFlags {
  int64_t threads = 0;  // 0: the cores this process may use
  std::string gemm = "auto", precision = "f32";
  bool json = false;
};
/// --threads and --json.
void add_bench_flags(Command& command, BenchFlags& flags);
/// --gemm and --precision as well; both: "both" is one of each.
void add_product_flags(Command& command, BenchFlags& flags, bool both = false);
void use_threads(const BenchFlags& flags);
/// Sets threads, GEMM backend and precision.
void use_products(const BenchFlags& flags);

void add_bench_roofline(CommandLine& line);
void add_bench_gemm(CommandLine& line);
void add_bench_ops(CommandLine& line);
void add_bench_train(CommandLine& line);
void add_bench_look(CommandLine& line);

/// {"cpu", "kernels", "gemm", "precision", "blas", "threads"} as they are in force.
Json machine_json();
/// The answer of a benchmark: the machine, further entries, "rows"; or the table under its heading. Returns the exit code.
int print_bench(const BenchFlags& flags, Json rows, const std::string& heading, const TableRows& table,
                std::initializer_list<JsonEntry> more = {});
/// The value below which `share` of the values lie (nearest rank); values need not be sorted.
double quantile(std::vector<double> values, double share);
/// Seconds of one call: the median of `repeats` measurements of at least `seconds` each.
double median_seconds(int64_t repeats, double seconds, const std::function<void()>& body);
/// Peak resident bytes of this process so far (VmHWM); 0 where /proc has none.
int64_t peak_resident_bytes();
std::string giga(double value);  // "462.1" for 462.1e9

}  // namespace tapedeck::app
