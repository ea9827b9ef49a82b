// Everything a record holds, as JSON: one record per line. The page of look html is held against it, number by number.
// Next: saved.cpp.
#include "src/look/list_json.h"

#include "src/look/contributions.h"
#include "src/look/text.h"

namespace tapedeck::look {
namespace {

Json whole(auto n) { return Json::of(int64_t(n)); }
void set_index(Json& j, const char* key, uint32_t i) { if (i != nothing) j.set(key, whole(i)); }

class ListJson {
 public:
  ListJson(const Recording& r, const LookOptions& o) : r_(r), o_(o), sums_(contributions(r)) {}

  Json record(uint32_t i) const {
    const OpRecord& x = r_.records[i];
    Json j = Json::dict();
    j.set("index", whole(i));
    j.set("phase", Json::of(std::string(phase(x))));
    j.set("op", Json::of(plain(x.op)));
    j.set("scope", Json::of(plain(x.scope)));
    if (const std::string place = asked_for(r_, x); !place.empty()) j.set("asked_for", Json::of(place));
    Json attributes = Json::dict(), alive = Json::dict();
    for (auto& [name, value] : x.attributes) attributes.set(plain(name), Json::of(plain(value)));
    j.set("attributes", std::move(attributes));
    j.set("in", list(x.in, [&](auto& use) { return input(use); }));
    j.set("out", list(x.out, [&](uint32_t v) { return output(v); }));
    j.set("saves", list(x.saves, [&](auto& save) { return saved(save); }));
    if (!x.derivatives.empty() && !o_.structure) j.set("derivatives", list(x.derivatives, [&](auto& d) { return derivative(d); }));
    set_index(j, "origin", x.origin);
    set_index(j, "row", x.row);
    if (!o_.structure) j.set("ns", whole(x.ns));
    j.set("flops", Json::of(x.flops));
    j.set("bytes", Json::of(x.bytes));
    j.set("alive_bytes", whole(total(x.alive)));
    for (size_t k = 0; k < x.alive.size(); ++k) alive.set(std::string(memory_names[k]), whole(x.alive[k]));
    j.set("alive", std::move(alive));
    return j;
  }

 private:
  template <class Items, class F>
  static Json list(const Items& items, F&& write) {
    Json j = Json::list();
    for (auto& item : items) j.items.push_back(write(item));
    return j;
  }

  Json value(uint32_t id) const {
    const RecordedValue& v = r_.values[id];
    Json j = Json::dict(), shape = Json::list();
    j.set("id", whole(id));
    if (!v.name.empty()) j.set("name", Json::of(plain(v.name)));
    j.set("dtype", Json::of(std::string(name_of(v.dtype))));
    for (int i = 0; i < v.shape.rank(); ++i) shape.items.push_back(Json::of(v.shape[i]));
    j.set("shape", std::move(shape));
    set_index(j, "buffer", v.buffer);
    if (v.buffer != nothing) j.set("offset", whole(v.offset));
    set_index(j, "copy_of", v.copy_of);
    set_index(j, "gradient_of", v.gradient_of);
    set_index(j, "made_by", v.made_by);
    if (!r_.statistics || o_.structure) return j;
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

  Json input(const Use& use) const {
    constexpr const char* roles[] = {"input", "gradient", "saved", "sum"};
    Json j = value(use.value);
    j.set("role", Json::of(roles[size_t(use.role)]));
    j.set("on_tape", Json::of(use.taped));
    return j;
  }

  /// With the place it has in a sum of gradients, if it has one.
  Json output(uint32_t id) const {
    Json j = value(id);
    const Contribution& sum = sums_[id];
    if (sum.total == 0) return j;
    Json place = Json::dict();
    set_index(place, "to_the_gradient_of", sum.into);
    place.set("number", whole(sum.number));
    place.set("total", whole(sum.total));
    j.set("contribution", std::move(place));
    return j;
  }

  Json saved(const RecordedSave& save) const {
    Json j = Json::dict();
    j.set("id", whole(save.value));
    j.set("why", Json::of(plain(save.why)));
    j.set("bytes", whole(r_.values[save.value].bytes()));
    return j;
  }

  /// d of[at] / d by[slopes[].at].
  static Json derivative(const LocalDerivative& d) {
    Json j = Json::dict();
    j.set("of", whole(d.of));
    j.set("by", whole(d.by));
    j.set("at", whole(d.at));
    j.set("value", Json::of(d.value));
    j.set("depends", whole(d.depends));
    j.set("slopes", list(d.slopes, [](auto& s) {
      Json slope = Json::dict();
      slope.set("at", whole(s.at));
      slope.set("slope", Json::of(s.slope));
      slope.set("value", Json::of(s.value));
      slope.set("before", Json::of(s.before));
      return slope;
    }));
    return j;
  }

  const Recording& r_;
  const LookOptions& o_;
  const std::vector<Contribution> sums_;
};

}  // namespace

std::string list_json(const Recording& r, const std::vector<uint32_t>& records, const LookOptions& o) {
  const ListJson json(r, o);
  std::string out = "[";
  for (size_t k = 0; k < records.size(); ++k) out += (k ? ",\n " : "\n ") + json.record(records[k]).dump(-1);
  return out + "\n]\n";
}

}  // namespace tapedeck::look
