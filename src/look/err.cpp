// look err: each record computed in f64 from the same inputs: how far f32 was off, as a share of the largest element and in
// units of the last place; the worst first. Next: diff.cpp.
#include <algorithm>

#include "src/look/text.h"

namespace tapedeck {

using namespace look;

std::string look_err(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].error >= 0 && selected(r, r.records[i], o)) ids.push_back(i);
  std::stable_sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) { return r.records[a].error > r.records[b].error; });
  if (o.json) {
    Json list = Json::list();
    for (uint32_t i : ids) {
      Json j = Json::dict();
      j.set("record", Json::of(int64_t(i)));
      j.set("error", Json::of(r.records[i].error));
      j.set("ulp", Json::of(r.records[i].error_ulp));
      list.items.push_back(std::move(j));
    }
    return list.dump() + "\n";
  }
  if (ids.empty()) return title(r) + "nothing was computed in f64 as well: record with look err EXPERIMENT, in f32\n";
  if (o.top > 0) ids.resize(std::min(ids.size(), size_t(o.top)));
  const OpRecord& worst = r.records[ids[0]];
  const std::string headline = text("furthest off: ", where(r, ids[0]), ", ", phase(worst), ": ", number(worst.error), " of the largest element, at most ",
                                    number(worst.error_ulp), " units in the last place\n");
  Rows rows{{"#", "phase", "op", "error", "worst ulp", "rms", "scope"}};
  for (uint32_t i : ids) {
    const OpRecord& x = r.records[i];
    rows.push_back({std::to_string(i), std::string(phase(x)), plain(x.op), number(x.error), number(x.error_ulp),
                    x.out.empty() ? "" : number(root_mean_square(r.values[x.out[0]])), plain(x.scope)});
  }
  return title(r) + headline + table(rows, "rllrrrl");
}

}  // namespace tapedeck
