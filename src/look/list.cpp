// look list: one line per record in the order of execution, like a jaxpr: what it makes, the op with its attributes, what it
// reads (d: a gradient, s: a saved value, +: added to), what it costs, what its row keeps. Next: list_json.cpp.
#include <cmath>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::vector<uint32_t> chosen(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (selected(r.records[i], o)) ids.push_back(i);
  if (o.top > 0)
    largest_first(ids, o.top, [&](uint32_t i) {
      const OpRecord& x = r.records[i];
      return o.by == "flops" || (o.by == "time" && o.structure) ? x.flops
             : o.by == "bytes"                                  ? x.bytes
             : o.by == "saved"                                  ? saved_bytes(r, x)
                                                                : double(x.ns);
    });
  return ids;
}

std::string flags(const Recording& r, const OpRecord& record) {
  const bool differs = record.replay == OpRecord::Replay::different;
  return makes_bad(r, record) ? differs ? "NOT FINITE, DIFFERS" : "NOT FINITE" : differs ? "DIFFERS" : "";
}

/// Of the chosen records: how many, flops and time by phase.
std::string totals_text(const Recording& r, const std::vector<uint32_t>& ids) {
  std::vector<std::string_view> phases;
  for (uint32_t i : ids)
    if (std::find(phases.begin(), phases.end(), phase(r.records[i])) == phases.end()) phases.push_back(phase(r.records[i]));
  std::string out = text(ids.size(), " of ", r.records.size(), " records");
  for (auto name : phases) {
    double flops = 0;
    uint64_t ns = 0;
    for (uint32_t i : ids)
      if (phase(r.records[i]) == name) flops += r.records[i].flops, ns += r.records[i].ns;
    out += text(name == phases[0] ? ": " : ", ", name, " ", std::llround(flops), " flops (", count_text(flops), ") in ",
                time_text(ns));
  }
  return out + "\n";
}

}  // namespace

std::string look_list(const Recording& r, const LookOptions& o) {
  const std::vector<uint32_t> ids = chosen(r, o);
  if (o.json) return list_json(r, ids, o);
  TableRows rows{{"#", "phase", "", "time", "flops", "saves", "rms", "scope", ""}};
  for (uint32_t i : ids) {
    const OpRecord& x = r.records[i];
    const double saved = saved_bytes(r, x);
    rows.push_back({std::to_string(i), std::string(phase(x)), line(r, x), time_text(x.ns), x.flops > 0 ? count_text(x.flops) : "",
                    saved > 0 ? bytes_text(saved) : "",
                    r.statistics && !x.out.empty() ? number(root_mean_square(r.values[x.out[0]])) : "", plain(x.scope),
                    flags(r, x)});
  }
  const std::string totals = ids.size() < r.records.size() ? totals_text(r, ids) : "";
  if (!o.structure) return title(r) + totals + table(rows, "rllrrrrl");
  for (auto& row : rows) row.erase(row.begin() + 6), row.erase(row.begin() + 3);
  return title(r) + table(rows, "rllrrl");
}

}  // namespace tapedeck
