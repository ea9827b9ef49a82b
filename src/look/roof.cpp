// look roof: each op, forward and backward, against what the machine can do at best: the time its flops need at the measured
// peak or its bytes at the measured bandwidth, whichever is longer (Williams, Waterman, Patterson 2009). Next: err.cpp.
#include <map>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

struct OpTotals {
  std::string op, phase;
  uint64_t ns = 0;
  double flops = 0, bytes = 0;
  int64_t count = 0;
};

std::vector<OpTotals> totals(const Recording& r, const LookOptions& o) {
  std::map<std::pair<std::string, std::string>, OpTotals> by_op;
  for (auto& x : r.records) {
    if (x.kind == OpRecord::Kind::leaf || x.kind == OpRecord::Kind::update || !selected(x, o)) continue;
    OpTotals& sum = by_op.try_emplace({x.op, std::string(phase(x))}, OpTotals{plain(x.op), std::string(phase(x))}).first->second;
    sum.ns += x.ns;
    sum.flops += x.flops;
    sum.bytes += x.bytes;
    ++sum.count;
  }
  std::vector<OpTotals> all;
  for (auto& [name, sum] : by_op) all.push_back(std::move(sum));
  return all;
}

}  // namespace

std::string look_roof(const Recording& r, const LookOptions& o) {
  std::vector<OpTotals> all = totals(r, o);
  if (all.empty() && !o.json) return title(r) + "no such records\n";
  if (!o.structure && (o.flops_per_second <= 0 || o.bytes_per_second <= 0)) return title(r) + "no ceilings were measured\n";
  uint64_t ns_of_all = 0;
  for (auto& x : all) ns_of_all += x.ns;
  largest_first(all, o.top, [&](auto& x) { return o.structure ? x.flops : double(x.ns); });
  const auto perfect = [&](const OpTotals& x) { return std::max(x.flops / o.flops_per_second, x.bytes / o.bytes_per_second); };
  Json list = Json::list();
  TableRows lines{{"op", "phase", "times", "flops", "bytes", "flops/byte"}};
  if (!o.structure) lines[0].insert(lines[0].end(), {"time", "Gflop/s", "GB/s", "at best", "share", "bound by"});
  for (auto& x : all) {
    lines.push_back({x.op, x.phase, std::to_string(x.count), count_text(x.flops), bytes_text(x.bytes),
                     number(x.bytes > 0 ? x.flops / x.bytes : 0)});
    Json j = json_object({{"op", x.op}, {"phase", x.phase}, {"count", x.count}, {"flops", x.flops}, {"bytes", x.bytes}});
    if (!o.structure) {
      const double seconds = std::max(double(x.ns), 1.0) * 1e-9, share = perfect(x) / seconds;
      const bool by_flops = x.flops / o.flops_per_second > x.bytes / o.bytes_per_second;
      lines.back().insert(lines.back().end(),
                          {time_text(x.ns), number(x.flops / seconds * 1e-9), number(x.bytes / seconds * 1e-9),
                           time_text(uint64_t(perfect(x) * 1e9)), number(100 * share) + " %", by_flops ? "flops" : "bytes"});
      json_add(j, {{"seconds", double(x.ns) * 1e-9}, {"share", share}});
    }
    list.items.push_back(std::move(j));
  }
  if (o.json) return list.dump() + "\n";
  const std::string measured =
      text("most time: ", all[0].op, ", ", all[0].phase, ", ", time_text(all[0].ns), " of ", time_text(ns_of_all), " (",
           number(100 * double(all[0].ns) / std::max(double(ns_of_all), 1.0)),
           " %)\nmeasured: ", number(o.flops_per_second * 1e-9), " Gflop/s of multiply-adds, ", number(o.bytes_per_second * 1e-9),
           " GB/s of memory; what fits a cache can be faster than memory\n");
  return title(r) + (o.structure ? "" : measured) + table(lines, "llrrrrrrrrrl");
}

}  // namespace tapedeck
