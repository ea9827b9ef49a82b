// look reach: which trainable parameters get no gradient from the loss, and the record that cut the way: an op that is not
// differentiable, or a handle that was taken off the tape. Two walks over the list, no recursion. Next: flow.cpp.
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

bool computes_forward(const OpRecord& x) { return x.kind == OpRecord::Kind::forward || x.kind == OpRecord::Kind::again; }

/// A gradient that arrives at an output of x flows on to this input.
bool passes(const Recording& r, const OpRecord& x, const Use& use) {
  return use.taped && !use.stopped && x.differentiable && x.row != nothing && is_floating(r.values[use.value].dtype);
}

/// By value: does it influence a loss?
std::vector<char> leading_to_loss(const Recording& r) {
  std::vector<char> leads(r.values.size(), 0);
  for (auto& s : r.sweeps)
    if (s.fill) leads[s.value] = 1;
  const auto spread = [&](uint32_t v) {
    for (; leads[v] && r.values[v].copy_of != nothing; v = r.values[v].copy_of) leads[r.values[v].copy_of] = 1;
  };
  for (auto& s : r.sweeps)
    if (s.fill) spread(s.value);
  for (uint32_t i = uint32_t(r.records.size()); i-- > 0;) {
    const OpRecord& x = r.records[i];
    if (!computes_forward(x)) continue;
    if (std::none_of(x.out.begin(), x.out.end(), [&](uint32_t v) { return leads[v]; })) continue;
    for (auto& use : x.in) leads[use.value] = 1, spread(use.value);
  }
  return leads;
}

Reach follow(const Recording& r, uint32_t parameter, const std::vector<char>& leads) {
  enum : char { none, data, gradient };
  std::vector<char> way(r.values.size(), none);
  way[parameter] = gradient;
  Reach result{parameter, false, false, {}};
  const auto state = [&](uint32_t v) {
    if (way[v] == none && r.values[v].copy_of != nothing && way[r.values[v].copy_of] != none) way[v] = data;
    return way[v];
  };
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    if (!computes_forward(x)) continue;
    char best = none;
    bool cut = false;
    for (auto& use : x.in) {
      const char from = state(use.value);
      const char to = from == gradient && !passes(r, x, use) ? char(data) : from;
      const bool copied = from == data && r.values[use.value].copy_of != nothing && way[r.values[use.value].copy_of] == gradient;
      cut = cut || (from == gradient && to == data) || copied;
      best = std::max(best, to);
    }
    bool leading = false;
    for (uint32_t v : x.out) way[v] = std::max(way[v], best), leading = leading || leads[v];
    if (cut && leading && best != gradient) result.cuts.push_back(i);
  }
  for (auto& s : r.sweeps) {
    if (!s.fill) continue;
    result.reached = result.reached || way[s.value] == gradient;
    result.used = result.used || way[s.value] != none;
  }
  return result;
}

std::string reason(const Recording& r, const OpRecord& x) {
  if (!x.differentiable) return "the op is not differentiable";
  if (x.row == nothing) return "none of its inputs was on the tape: a detach(), or a pass that records nothing";
  for (auto& use : x.in)
    if (use.stopped) return "its rule passes no gradient on: the derivative is 0";
  for (auto& use : x.in)
    if (!is_floating(r.values[use.value].dtype)) return "it reads integers, or a handle that was taken off the tape";
  return "a handle that was taken off the tape: detach()";
}

}  // namespace

std::vector<Reach> find_reach(const Recording& r) {
  const std::vector<char> leads = leading_to_loss(r);
  std::vector<Reach> all;
  for (uint32_t v = 0; v < r.values.size(); ++v) {
    const RecordedValue& value = r.values[v];
    if (value.trainable && value.made_by == nothing && value.copy_of == nothing && !value.name.empty())
      all.push_back(follow(r, v, leads));
  }
  return all;
}

std::string look_reach(const Recording& r, const LookOptions& o) {
  const std::vector<Reach> all = find_reach(r);
  const auto reached = std::count_if(all.begin(), all.end(), [](auto& x) { return x.reached; });
  if (o.json)
    return json_list(all,
                     [&](auto& x) {
                       return json_object({{"parameter", plain(r.values[x.parameter].name)},
                                           {"reached", x.reached},
                                           {"used", x.used},
                                           {"cut_by", json_list(x.cuts)}});
                     })
               .dump() +
           "\n";
  const bool any = std::any_of(r.sweeps.begin(), r.sweeps.end(), [](auto& s) { return s.fill; });
  if (!any) return title(r) + "no backward sweep into parameters was recorded\n";
  std::string out = title(r) + text("the loss reaches ", reached, " of ", all.size(), " trainable parameters\n");
  for (auto& x : all) {
    if (x.reached) continue;
    out += plain(r.values[x.parameter].name) + ": ";
    if (!x.used) out += "the loss does not depend on it\n";
    else if (x.cuts.empty()) out += "cut before the first op\n";
    else out += "cut by " + where(r, x.cuts[0]) + ": " + reason(r, r.records[x.cuts[0]]) + "\n";
  }
  return out;
}

}  // namespace tapedeck
