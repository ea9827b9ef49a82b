// tapedeck bench roofline: multiply-adds in registers and triad from each level of the memory, for 1..N threads.
#include <fmt/core.h>

#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>

#include "src/app/bench.h"

namespace tapedeck::app {
namespace {

struct PeakRow {
  std::string what, unit;
  std::vector<std::optional<double>> per_second;
};  // one rate per thread count

std::vector<PeakRow> measure(int most, double seconds) {
  std::vector<PeakRow> rows;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    PeakRow& row = rows.emplace_back(PeakRow{fmt::format("multiply-add {}", name_of(dtype)), "GF/s", {}});
    for (int count = 1; count <= most; ++count) row.per_second.push_back(fma_peak(dtype, count, seconds));
  }
  for (const auto& [name, level] :
       {std::pair("L2", MemoryLevel::l2), std::pair("L3", MemoryLevel::l3), std::pair("memory", MemoryLevel::memory)}) {
    for (const bool in_place : {false, true}) {
      PeakRow& row = rows.emplace_back(PeakRow{fmt::format("{} {}", in_place ? "in place" : "triad", name), "GB/s", {}});
      for (int count = 1; count <= most; ++count) row.per_second.push_back(triad_bandwidth(level, count, in_place, seconds));
    }
  }
  return rows;
}

struct RooflineFlags : BenchFlags {
  double seconds = 0.2;
};

int bench_roofline(const RooflineFlags& flags) {
  use_threads(flags);
  Json list = Json::list();
  TableRows lines = {{"", ""}};
  for (int count = 1; count <= threads(); ++count) lines[0].push_back(fmt::format("{} thread{}", count, count > 1 ? "s" : ""));
  for (const PeakRow& row : measure(threads(), flags.seconds)) {
    lines.push_back({row.what, row.unit});
    for (const auto& rate : row.per_second) lines.back().push_back(rate ? giga(*rate) : "not available");
    list.items.push_back(json_object({{"what", row.what}, {"per_second", json_list(row.per_second, [](auto& rate) {
                                                             return rate ? Json::of(*rate) : Json();
                                                           })}}));
  }
  const Machine m = machine();
  return print_bench(flags, std::move(list), fmt::format("{}, {} kernels\n", m.cpu, m.instruction_set), lines);
}

}  // namespace

void add_bench_roofline(CommandLine& line) {
  auto [command, flags] = add_command<RooflineFlags>(
      line, "bench roofline", "multiply-adds and bytes per second of this machine, by level and threads", bench_roofline);
  command.number("--seconds", flags.seconds, "time for each figure", 0.001);
  add_bench_flags(command, flags);
}

}  // namespace tapedeck::app
