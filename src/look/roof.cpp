// look roof: each op, forward and backward, against what the machine can do at best: the time its flops need at the measured
// peak or its bytes at the measured bandwidth, whichever is longer (Williams, Waterman, Patterson 2009). Next: err.cpp.
#include <algorithm>
#include <map>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

struct Work { uint64_t ns = 0; double flops = 0, bytes = 0; int64_t count = 0; };

}  // namespace

std::string look_roof(const Recording& r, const LookOptions& o) {
  std::map<std::pair<std::string, std::string>, Work> by_op;
  for (auto& x : r.records) {
    if (x.kind == OpRecord::Kind::leaf || x.kind == OpRecord::Kind::update || !selected(r, x, o)) continue;
    Work& w = by_op[{x.op, std::string(phase(x))}];
    w.ns += x.ns;
    w.flops += x.flops;
    w.bytes += x.bytes;
    ++w.count;
  }
  if (by_op.empty() && !o.json) return title(r) + "no such records\n";
  if (!o.structure && (o.flops_per_second <= 0 || o.bytes_per_second <= 0)) return title(r) + "no ceilings were measured\n";
  const auto perfect = [&](const Work& w) { return std::max(w.flops / o.flops_per_second, w.bytes / o.bytes_per_second); };
  std::vector<std::pair<std::pair<std::string, std::string>, Work>> rows(by_op.begin(), by_op.end());
  const auto size = [&](const Work& w) { return o.structure ? w.flops : double(w.ns); };
  std::stable_sort(rows.begin(), rows.end(), [&](auto& a, auto& b) { return size(a.second) > size(b.second); });
  uint64_t ns_of_all = 0;
  for (auto& [name, w] : rows) ns_of_all += w.ns;
  if (o.top > 0) rows.resize(std::min(rows.size(), size_t(o.top)));
  Json list = Json::list();
  Rows lines{{"op", "phase", "times", "flops", "bytes", "flops/byte"}};
  if (!o.structure) lines[0].insert(lines[0].end(), {"time", "Gflop/s", "GB/s", "at best", "share", "bound by"});
  for (auto& [name, w] : rows) {
    lines.push_back({plain(name.first), name.second, std::to_string(w.count), count_text(w.flops), bytes_text(w.bytes),
                     number(w.bytes > 0 ? w.flops / w.bytes : 0)});
    Json j = Json::dict();
    j.set("op", Json::of(plain(name.first)));
    j.set("phase", Json::of(name.second));
    j.set("count", Json::of(w.count));
    j.set("flops", Json::of(w.flops));
    j.set("bytes", Json::of(w.bytes));
    if (!o.structure) {
      const double seconds = std::max(double(w.ns), 1.0) * 1e-9, share = perfect(w) / seconds;
      const bool by_flops = w.flops / o.flops_per_second > w.bytes / o.bytes_per_second;
      lines.back().insert(lines.back().end(), {time_text(w.ns), number(w.flops / seconds * 1e-9),
                                               number(w.bytes / seconds * 1e-9), time_text(uint64_t(perfect(w) * 1e9)),
                                               number(100 * share) + " %", by_flops ? "flops" : "bytes"});
      j.set("seconds", Json::of(double(w.ns) * 1e-9));
      j.set("share", Json::of(share));
    }
    list.items.push_back(std::move(j));
  }
  if (o.json) return list.dump() + "\n";
  const auto& [slowest, most] = rows[0];
  const std::string measured =
      text("most time: ", plain(slowest.first), ", ", slowest.second, ", ", time_text(most.ns), " of ",
           time_text(ns_of_all), " (", number(100 * double(most.ns) / std::max(double(ns_of_all), 1.0)), " %)\nmeasured: ",
           number(o.flops_per_second * 1e-9), " Gflop/s of multiply-adds, ", number(o.bytes_per_second * 1e-9),
           " GB/s of memory; what fits a cache can be faster than memory\n");
  return title(r) + (o.structure ? "" : measured) + table(lines, "llrrrrrrrrrl");
}

}  // namespace tapedeck
