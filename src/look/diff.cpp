// look diff A B: the first record in which two recordings differ: another op, another shape, or other bits. What follows from
// a difference differs too, so the first is the one to look at. Next: views.cpp.
#include <algorithm>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

/// "" when the records agree.
std::string difference(const Recording& a, const Recording& b, uint32_t i) {
  const OpRecord &x = a.records[i], &y = b.records[i];
  if (x.op != y.op || x.kind != y.kind || x.scope != y.scope) return "another op";
  if (x.attributes != y.attributes) return "other attributes";
  if (x.out.size() != y.out.size() || x.in.size() != y.in.size()) return "another number of values";
  for (size_t k = 0; k < x.out.size(); ++k) {
    const RecordedValue &v = a.values[x.out[k]], &w = b.values[y.out[k]];
    if (v.shape != w.shape || v.dtype != w.dtype) return text("output ", k, " has another shape");
    if (v.hash != w.hash)
      return text("output ", k, v.name.empty() ? "" : " (" + plain(v.name) + ")", " has other bits: rms ",
                  number(root_mean_square(v)), " and ", number(root_mean_square(w)));
  }
  return "";
}

bool same_inputs(const Recording& a, const Recording& b, uint32_t i) {
  const OpRecord &x = a.records[i], &y = b.records[i];
  for (size_t k = 0; k < std::min(x.in.size(), y.in.size()); ++k)
    if (a.values[x.in[k].value].hash != b.values[y.in[k].value].hash) return false;
  return x.in.size() == y.in.size();
}

}  // namespace

std::string look_diff(const Recording& a, const Recording& b) {
  if (!a.statistics || !b.statistics) return "a recording without statistics cannot be compared: record it again\n";
  const auto n = uint32_t(std::min(a.records.size(), b.records.size()));
  int64_t count = 0;
  std::string first;
  for (uint32_t i = 0; i < n; ++i) {
    const std::string what = difference(a, b, i);
    if (what.empty()) continue;
    if (count++ == 0)
      first = text("first difference at ", where(a, i), ", ", phase(a.records[i]), ": ", what, "\n  A  ", call(a.records[i]),
                   "\n  B  ", where(b, i), ": ", call(b.records[i]), "\n  its inputs ",
                   same_inputs(a, b, i) ? "are the same bits" : "differ already", "\n");
  }
  std::string out = "A  " + title(a) + "B  " + title(b);
  if (a.records.size() != b.records.size()) out += text("A has ", a.records.size(), " records, B has ", b.records.size(), "\n");
  if (count == 0) return out + text(n, " records agree in every bit\n");
  return out + first + text(count, " of ", n, " records differ\n");
}

}  // namespace tapedeck
