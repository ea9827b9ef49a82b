// look nan: the first record that made NaN or infinity of finite inputs, what it read, and how that travelled to the loss or
// into a gradient. An infinity that an op means (a masked score) is none. Next: trace.cpp.
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

bool reads_bad(const Recording& r, const OpRecord& x) {
  return std::any_of(x.in.begin(), x.in.end(), [&](auto& use) { return bad(r.values[use.value]); });
}

/// The records that carry what `born` made, to the first loss or gradient of a parameter that it spoils.
std::vector<uint32_t> path_from(const Recording& r, uint32_t born) {
  std::vector<uint32_t> maker(r.values.size(), nothing), before(r.records.size(), nothing);
  for (uint32_t v : r.records[born].out)
    if (bad(r.values[v])) maker[v] = born;
  uint32_t end = born;
  const auto arrived = [&](const OpRecord& x) {
    return std::any_of(x.out.begin(), x.out.end(), [&](uint32_t v) {
      const bool loss = std::any_of(r.sweeps.begin(), r.sweeps.end(), [&](auto& s) { return s.fill && s.value == v; });
      return bad(r.values[v]) && (loss || r.values[v].gradient_buffer);
    });
  };
  for (uint32_t i = born; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    for (auto& use : x.in) {
      uint32_t v = use.value;
      while (maker[v] == nothing && r.values[v].copy_of != nothing) v = r.values[v].copy_of;
      if (i != born && maker[v] != nothing && maker[v] < i) {
        before[i] = maker[v];
        break;
      }
    }
    if (i != born && (before[i] == nothing || !makes_bad(r, x))) continue;
    for (uint32_t v : x.out)
      if (bad(r.values[v])) maker[v] = i;
    end = i;
    if (arrived(x)) break;
  }
  std::vector<uint32_t> path{end};
  while (path.back() != born && before[path.back()] != nothing) path.push_back(before[path.back()]);
  std::reverse(path.begin(), path.end());
  return path;
}

std::string hint(const OpRecord& x, const RecordedValue& v) {
  const auto is = [&](const char* pattern) { return glob_match(pattern, x.op); };
  if (is("log*")) return "the logarithm of 0 or less: use log_softmax or a loss that takes logits, or clamp its input";
  if (is("divide") || is("reciprocal")) return "a division by 0: add a small epsilon to the divisor";
  if (is("sqrt") || is("rsqrt")) return "a root of 0 has no derivative, one of less no value: add a small epsilon below it";
  if (is("exp*")) return "an overflow: subtract the maximum first, as softmax and logsumexp do";
  if (v.summary.infinite > 0) return "an overflow: lower optimizer.lr, lengthen schedule.warmup, set training.clip_grad_norm";
  return "";
}

std::string reader_text(const Recording& r, uint32_t v) {
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (std::any_of(r.records[i].in.begin(), r.records[i].in.end(), [&](auto& use) { return use.value == v; }))
      return text("  first read by ", where(r, i), ", ", phase(r.records[i]),
                  r.records[i].origin == nothing ? "" : ", on the way back through " + where(r, r.records[i].origin), "\n");
  return "";
}

}  // namespace

NonFinite find_non_finite(const Recording& r) {
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    if (x.kind == OpRecord::Kind::leaf || reads_bad(r, x) || !makes_bad(r, x)) continue;
    const auto bad_output = std::find_if(x.out.begin(), x.out.end(), [&](uint32_t v) { return bad(r.values[v]); });
    return {path_from(r, i), *bad_output};
  }
  for (uint32_t v = 0; v < r.values.size(); ++v)  // it came from outside: a parameter, the data
    if (r.values[v].made_by == nothing && bad(r.values[v])) return {{}, v};
  return {};
}

std::string look_nan(const Recording& r, const LookOptions& o) {
  const NonFinite found = find_non_finite(r);
  if (o.json) {
    Json j = json_object({{"finite", found.value == nothing}});
    if (found.value != nothing) {
      const int64_t element = r.values[found.value].summary.first_bad;
      json_add(j, {{"value", typed(r, found.value)}, {"element", element}, {"place", place_text(r, found.value, element)}});
    }
    j.set("path", json_list(found.path));
    return j.dump() + "\n";
  }
  if (!r.statistics) return title(r) + "this recording has no statistics: record it again\n";
  if (found.value == nothing) return title(r) + "every value is finite\n";
  const RecordedValue& v = r.values[found.value];
  const std::string what = text(v.summary.nan, " NaN and ", v.summary.infinite, " infinities among ", v.shape.size(),
                                " elements, ", first_bad_text(r, found.value));
  if (found.path.empty())
    return title(r) + text(shown(r, found.value), " came in with ", what, ": it was made outside the tape\n") +
           reader_text(r, found.value);
  const OpRecord& x = r.records[found.path[0]];
  std::string out =
      title(r) + text("born in ", where(r, found.path[0]), ", ", phase(x), ": ", shown(r, found.value), " holds ", what, "\n");
  if (const std::string place = asked_for(r, x); !place.empty()) out += "  asked for at " + place + "\n";
  for (auto& use : x.in) {
    const RecordedValue& in = r.values[use.value];
    out += text("  read ", shown(r, use.value), " from ", where(r, in.made_by), ": ", number(in.summary.min), " to ",
                number(in.summary.max), "\n");
  }
  if (x.origin != nothing) out += "  as the gradient of " + where(r, x.origin) + "\n";
  for (size_t k = 1; k < found.path.size(); ++k) {
    if (found.path.size() > 24 && k == 12)
      out += text("  ... ", found.path.size() - 24, " more ...\n"), k = found.path.size() - 12;
    out += text(k + 1 == found.path.size() ? "  arrives in " : "  carried by ", where(r, found.path[k]), ", ",
                phase(r.records[found.path[k]]), "\n");
  }
  const std::string advice = hint(x, v);
  return out + (advice.empty() ? "" : "advice: " + advice + "\n");
}

}  // namespace tapedeck
