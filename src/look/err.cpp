// look err: each record computed in f64 from the same inputs: how far f32 was off, as a share of the largest element and in
// units of the last place; the worst first. Next: diff.cpp.
#include "src/look/text.h"

namespace tapedeck {

using namespace look;

std::string look_err(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].error >= 0 && selected(r.records[i], o)) ids.push_back(i);
  largest_first(ids, o.json ? 0 : o.top, [&](uint32_t i) { return r.records[i].error; });
  if (o.json)
    return json_list(ids,
                     [&](uint32_t i) {
                       return json_object({{"record", i}, {"error", r.records[i].error}, {"ulp", r.records[i].error_ulp}});
                     })
               .dump() +
           "\n";
  if (ids.empty()) return title(r) + "nothing was computed in f64 as well: record with look err EXPERIMENT, in f32\n";
  const OpRecord& worst = r.records[ids[0]];
  const std::string headline = text("furthest off: ", where(r, ids[0]), ", ", phase(worst), ": ", number(worst.error),
                                    " of the largest element, at most ", number(worst.error_ulp), " units in the last place\n");
  TableRows rows{{"#", "phase", "op", "error", "worst ulp", "rms", "scope"}};
  for (uint32_t i : ids) {
    const OpRecord& x = r.records[i];
    rows.push_back({std::to_string(i), std::string(phase(x)), plain(x.op), number(x.error), number(x.error_ulp),
                    x.out.empty() ? "" : number(root_mean_square(r.values[x.out[0]])), plain(x.scope)});
  }
  return title(r) + headline + table(rows, "rllrrrl");
}

}  // namespace tapedeck
