// A record that adds reads the sum so far and makes the next one, so sums are chains of values. A chain that begins with a
// value nobody recorded (a parameter's gradient buffer) begins with 0 contributions, any other with one.
#include "src/look/contributions.h"

#include <span>

namespace tapedeck::look {
namespace {

/// For each value: the earlier one that it continues, or nothing.
std::vector<uint32_t> sums_before(const Recording& r) {
  std::vector<uint32_t> before(r.values.size(), nothing);
  for (auto& record : r.records) {
    if (record.op == "accumulate" && record.kind == OpRecord::Kind::forward && record.in.size() == 2 && record.out.size() == 1) {
      if (record.in[0].value < record.out[0]) before[record.out[0]] = record.in[0].value;
      continue;
    }
    std::span<const Use> in = record.in;  // sums are read in the order in which they are written
    for (uint32_t v : record.out)
      for (size_t k = 0; k < in.size(); ++k) {
        const RecordedValue &sum = r.values[in[k].value], &made = r.values[v];
        if (in[k].role != Use::Role::sum || in[k].value >= v || sum.buffer != made.buffer || sum.offset != made.offset) continue;
        before[v] = in[k].value;
        in = in.subspan(k + 1);
        break;
      }
  }
  return before;
}

}  // namespace

std::vector<Contribution> contributions(const Recording& r) {
  const std::vector<uint32_t> before = sums_before(r);
  std::vector<Contribution> all(r.values.size());
  std::vector<uint32_t> last(r.values.size());
  for (uint32_t v = 0; v < all.size(); ++v) {
    Contribution& c = all[v];
    c.before = before[v];
    c.number = c.before != nothing ? all[c.before].number + 1 : r.values[v].made_by != nothing;
    last[v] = v;
  }
  for (uint32_t v = uint32_t(all.size()); v-- > 0;) {  // what a chain ends with is known at its end
    all[v].total = all[last[v]].number;
    all[v].into = r.values[last[v]].gradient_of;
    if (before[v] != nothing) last[before[v]] = last[v];
  }
  for (auto& c : all)
    if (c.total < 2 || c.number == 0) c = {};
  return all;
}

}  // namespace tapedeck::look
