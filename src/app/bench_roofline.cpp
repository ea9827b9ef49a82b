// tapedeck bench roofline: multiply-adds in registers and triad from each level of the memory, for 1..N threads.
#include <fmt/core.h>

#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>

#include "src/app/bench.h"

namespace tapedeck::app {
namespace {

struct PeakRow { std::string what, unit; std::vector<std::optional<double>> per_second; };   // one rate per thread count

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

int bench_roofline(const BenchFlags& flags, double seconds) {
  use_threads(flags);
  const std::vector<PeakRow> rows = measure(threads(), seconds);
  Json out = Json::dict(), list = Json::list();
  std::vector<std::vector<std::string>> table = {{"", ""}};
  for (int count = 1; count <= threads(); ++count) table[0].push_back(fmt::format("{} thread{}", count, count > 1 ? "s" : ""));
  for (const PeakRow& row : rows) {
    Json entry = Json::dict(), rates = Json::list();
    std::vector<std::string> line = {row.what, row.unit};
    for (const auto& rate : row.per_second) {
      rates.items.push_back(rate ? Json::of(*rate) : Json());
      line.push_back(rate ? giga(*rate) : "not available");
    }
    entry.set("what", Json::of(row.what));
    entry.set("per_second", std::move(rates));
    list.items.push_back(std::move(entry));
    table.push_back(std::move(line));
  }
  out.set("machine", machine_json());
  out.set("rows", std::move(list));
  const Machine m = machine();
  print(flags.json ? out.dump() + "\n" : fmt::format("{}, {} kernels\n", m.cpu, m.instruction_set) + align(table));
  return 0;
}

}  // namespace

void add_bench_roofline(CommandLine& line) {
  struct Flags : BenchFlags { double seconds = 0.2; };
  auto flags = std::make_shared<Flags>();
  Command command = line.add("bench roofline", "multiply-adds and bytes per second of this machine, by level and threads",
                             [flags] { return bench_roofline(*flags, flags->seconds); });
  command.number("--seconds", flags->seconds, "time for each figure", 0.001);
  add_bench_flags(command, *flags);
}

}  // namespace tapedeck::app
