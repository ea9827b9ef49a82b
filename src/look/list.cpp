// look list: one line per record in the order of execution, like a jaxpr: what it makes, the op with its attributes, what it
// reads (d: a gradient, s: a saved value, +: added to), what it costs, what its row keeps. Next: saved.cpp.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/look/contributions.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::vector<uint32_t> chosen(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < r.records.size(); ++i) if (selected(r, r.records[i], o)) ids.push_back(i);
  if (o.top <= 0) return ids;
  const auto size = [&](uint32_t i) {
    const OpRecord& x = r.records[i];
    return o.by == "flops" || (o.by == "time" && o.structure) ? x.flops : o.by == "bytes" ? x.bytes : o.by == "saved" ? saved_bytes(r, x) : double(x.ns);
  };
  std::stable_sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) { return size(a) > size(b); });
  ids.resize(std::min(ids.size(), size_t(o.top)));
  return ids;
}

std::string flags(const Recording& r, const OpRecord& record) {
  std::string out;
  for (uint32_t v : record.out) if (bad(r.values[v])) out = "NOT FINITE";
  if (record.replay == OpRecord::Replay::different) out += out.empty() ? "DIFFERS" : ", DIFFERS";
  return out;
}

Json value_json(const Recording& r, uint32_t id, const LookOptions& o) {
  const RecordedValue& v = r.values[id];
  Json j = Json::dict();
  j.set("id", Json::of(int64_t(id)));
  if (!v.name.empty()) j.set("name", Json::of(plain(v.name)));
  j.set("dtype", Json::of(std::string(name_of(v.dtype))));
  Json shape = Json::list();
  for (int i = 0; i < v.shape.rank(); ++i) shape.items.push_back(Json::of(v.shape[i]));
  j.set("shape", std::move(shape));
  if (v.buffer != nothing) {
    j.set("buffer", Json::of(int64_t(v.buffer)));
    j.set("offset", Json::of(int64_t(v.offset)));
  }
  if (v.copy_of != nothing) j.set("copy_of", Json::of(int64_t(v.copy_of)));
  if (v.gradient_of != nothing) j.set("gradient_of", Json::of(int64_t(v.gradient_of)));
  if (v.made_by != nothing) j.set("made_by", Json::of(int64_t(v.made_by)));
  if (!r.statistics || o.structure) return j;
  j.set("min", Json::of(v.summary.min));
  j.set("max", Json::of(v.summary.max));
  j.set("mean", Json::of(v.summary.mean));
  j.set("norm", Json::of(v.summary.norm));
  j.set("zeros", Json::of(v.summary.zeros));
  j.set("nan", Json::of(v.summary.nan));
  j.set("infinite", Json::of(v.summary.infinite));
  j.set("hash", Json::of(std::to_string(v.hash)));
  return j;
}

/// Output `id` with the place it has in a sum of gradients, if it has one.
Json output_json(const Recording& r, uint32_t id, const LookOptions& o, const std::vector<Contribution>& sums) {
  Json j = value_json(r, id, o);
  const Contribution& sum = sums[id];
  if (sum.total == 0) return j;
  Json place = Json::dict();
  if (sum.into != nothing) place.set("to_the_gradient_of", Json::of(int64_t(sum.into)));
  place.set("number", Json::of(int64_t(sum.number)));
  place.set("total", Json::of(int64_t(sum.total)));
  j.set("contribution", std::move(place));
  return j;
}

Json record_json(const Recording& r, uint32_t i, const LookOptions& o, const std::vector<Contribution>& sums) {
  constexpr const char* roles[] = {"input", "gradient", "saved", "sum"};
  const OpRecord& x = r.records[i];
  Json j = Json::dict();
  j.set("index", Json::of(int64_t(i)));
  j.set("phase", Json::of(std::string(phase(x))));
  j.set("op", Json::of(plain(x.op)));
  j.set("scope", Json::of(plain(x.scope)));
  if (const std::string place = asked_for(r, x); !place.empty()) j.set("asked_for", Json::of(place));
  Json attributes = Json::dict(), in = Json::list(), out = Json::list(), saves = Json::list(), alive = Json::dict();
  for (auto& [name, value] : x.attributes) attributes.set(plain(name), Json::of(plain(value)));
  for (auto& use : x.in) {
    Json u = value_json(r, use.value, o);
    u.set("role", Json::of(roles[size_t(use.role)]));
    u.set("on_tape", Json::of(use.taped));
    in.items.push_back(std::move(u));
  }
  for (uint32_t v : x.out) out.items.push_back(output_json(r, v, o, sums));
  for (auto& save : x.saves) {
    Json s = Json::dict();
    s.set("id", Json::of(int64_t(save.value)));
    s.set("why", Json::of(plain(save.why)));
    s.set("bytes", Json::of(int64_t(r.values[save.value].bytes())));
    saves.items.push_back(std::move(s));
  }
  for (size_t k = 0; k < x.alive.size(); ++k) alive.set(std::string(memory_names[k]), Json::of(int64_t(x.alive[k])));
  j.set("attributes", std::move(attributes));
  j.set("in", std::move(in));
  j.set("out", std::move(out));
  j.set("saves", std::move(saves));
  if (x.origin != nothing) j.set("origin", Json::of(int64_t(x.origin)));
  if (x.row != nothing) j.set("row", Json::of(int64_t(x.row)));
  if (!o.structure) j.set("ns", Json::of(int64_t(x.ns)));
  j.set("flops", Json::of(x.flops));
  j.set("bytes", Json::of(x.bytes));
  j.set("alive_bytes", Json::of(int64_t(total(x.alive))));
  j.set("alive", std::move(alive));
  return j;
}

std::string json_text(const Recording& r, const std::vector<uint32_t>& ids, const LookOptions& o) {
  const std::vector<Contribution> sums = contributions(r);
  std::string out = "[";
  for (size_t k = 0; k < ids.size(); ++k) out += (k ? ",\n " : "\n ") + record_json(r, ids[k], o, sums).dump(-1);
  return out + "\n]\n";
}

}  // namespace

namespace {

/// Of the chosen records: how many, flops and time by phase.
std::string totals_text(const Recording& r, const std::vector<uint32_t>& ids) {
  std::vector<std::string_view> phases;
  for (uint32_t i : ids) if (std::find(phases.begin(), phases.end(), phase(r.records[i])) == phases.end()) phases.push_back(phase(r.records[i]));
  std::string out = text(ids.size(), " of ", r.records.size(), " records");
  for (auto name : phases) {
    double flops = 0;
    uint64_t ns = 0;
    for (uint32_t i : ids) if (phase(r.records[i]) == name) flops += r.records[i].flops, ns += r.records[i].ns;
    out += text(name == phases[0] ? ": " : ", ", name, " ", std::llround(flops), " flops (", count_text(flops), ") in ", time_text(ns));
  }
  return out + "\n";
}

}  // namespace

std::string look_list(const Recording& r, const LookOptions& o) {
  const std::vector<uint32_t> ids = chosen(r, o);
  if (o.json) return json_text(r, ids, o);
  Rows rows{{"#", "phase", "", "time", "flops", "saves", "rms", "scope", ""}};
  for (uint32_t i : ids) {
    const OpRecord& x = r.records[i];
    std::string made;
    for (uint32_t v : x.out) made += (made.empty() ? "" : " ") + typed(r, v);
    const double saved = saved_bytes(r, x);
    rows.push_back({std::to_string(i), std::string(phase(x)), made + (made.empty() ? "" : " = ") + call(x), time_text(x.ns),
                    x.flops > 0 ? count_text(x.flops) : "", saved > 0 ? bytes_text(saved) : "",
                    r.statistics && !x.out.empty() ? number(root_mean_square(r.values[x.out[0]])) : "", plain(x.scope), flags(r, x)});
  }
  const std::string totals = ids.size() < r.records.size() ? totals_text(r, ids) : "";
  if (!o.structure) return title(r) + totals + table(rows, "rllrrrrl");
  for (auto& row : rows) row.erase(row.begin() + 6), row.erase(row.begin() + 3);
  return title(r) + table(rows, "rllrrl");
}

}  // namespace tapedeck
