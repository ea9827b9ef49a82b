// Everything a record holds, as JSON: one record per line. The page of look html is held against it, number by number.
// Next: saved.cpp.
#include "src/look/contributions.h"
#include "src/look/text.h"

namespace tapedeck::look {
namespace {

Json text_json(const std::string& s) { return s.empty() ? Json{} : Json::of(plain(s)); }

class ListJson {
 public:
  ListJson(const Recording& r, const LookOptions& o) : r_(r), o_(o), sums_(contributions(r)) {}

  Json record(uint32_t i) const {
    const OpRecord& x = r_.records[i];
    Json attributes = Json::dict(), alive = Json::dict();
    for (auto& [name, value] : x.attributes) attributes.set(plain(name), Json::of(plain(value)));
    for (size_t k = 0; k < x.alive.size(); ++k) alive.set(std::string(memory_names[k]), json_value(x.alive[k]));
    Json j = json_object({{"index", i}, {"phase", phase(x)}, {"op", plain(x.op)}, {"scope", plain(x.scope)}});
    json_add(j, {{"asked_for", text_json(asked_for(r_, x))},
                 {"attributes", std::move(attributes)},
                 {"in", json_list(x.in, [&](auto& use) { return input(use); })},
                 {"out", json_list(x.out, [&](uint32_t v) { return output(v); })},
                 {"saves", json_list(x.saves, [&](auto& save) {
                    return json_object({{"id", save.value}, {"why", plain(save.why)}, {"bytes", r_.values[save.value].bytes()}});
                  })}});
    if (!x.derivatives.empty() && !o_.structure) j.set("derivatives", json_list(x.derivatives, derivative));
    json_add(j, {{"origin", index_json(x.origin)},
                 {"row", index_json(x.row)},
                 {"ns", o_.structure ? Json{} : json_value(x.ns)},
                 {"flops", x.flops},
                 {"bytes", x.bytes},
                 {"alive_bytes", total(x.alive)},
                 {"alive", std::move(alive)}});
    return j;
  }

 private:
  Json value(uint32_t id) const {
    const RecordedValue& v = r_.values[id];
    const ValueSummary& s = v.summary;
    Json j = json_object({{"id", id}}), shape = Json::list();
    for (int i = 0; i < v.shape.rank(); ++i) shape.items.push_back(Json::of(v.shape[i]));
    json_add(j, {{"name", text_json(v.name)},
                 {"dtype", name_of(v.dtype)},
                 {"shape", std::move(shape)},
                 {"buffer", index_json(v.buffer)},
                 {"offset", v.buffer == nothing ? Json{} : json_value(v.offset)},
                 {"copy_of", index_json(v.copy_of)},
                 {"gradient_of", index_json(v.gradient_of)},
                 {"made_by", index_json(v.made_by)}});
    if (r_.statistics && !o_.structure)
      json_add(j, {{"min", s.min},
                   {"max", s.max},
                   {"mean", s.mean},
                   {"norm", s.norm},
                   {"zeros", s.zeros},
                   {"nan", s.nan},
                   {"infinite", s.infinite},
                   {"hash", std::to_string(v.hash)}});
    return j;
  }

  Json input(const Use& use) const {
    constexpr const char* roles[] = {"input", "gradient", "saved", "sum"};
    Json j = value(use.value);
    json_add(j, {{"role", roles[size_t(use.role)]}, {"on_tape", use.taped}});
    return j;
  }

  /// With the place it has in a sum of gradients, if it has one.
  Json output(uint32_t id) const {
    Json j = value(id), place = Json::dict();
    const Contribution& sum = sums_[id];
    json_add(place, {{"to_the_gradient_of", index_json(sum.into)}, {"number", sum.number}, {"total", sum.total}});
    if (sum.total > 0) j.set("contribution", std::move(place));
    return j;
  }

  /// d of[at] / d by[slopes[].at].
  static Json derivative(const LocalDerivative& d) {
    Json slopes = json_list(d.slopes, [](auto& s) {
      return json_object({{"at", s.at}, {"slope", s.slope}, {"value", s.value}, {"before", s.before}});
    });
    return json_object(
        {{"of", d.of}, {"by", d.by}, {"at", d.at}, {"value", d.value}, {"depends", d.depends}, {"slopes", std::move(slopes)}});
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
