// What a row makes, the op, what it reads; which layers do the same; what is kept and why. Next: explain_part.cpp.
#include "src/app/listing.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "src/look/text.h"

namespace tapedeck::app {
namespace {

using Kind = OpRecord::Kind;

constexpr size_t most_rows = 40;  // of one listing

std::string shortened(const std::string& value) {
  double number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  return problem == std::errc() && end == value.data() + value.size() ? look::number(number) : look::plain(value);
}

}  // namespace

bool in_sweep(const OpRecord& record) {
  return record.order > 0 || record.kind == Kind::backward || record.kind == Kind::add || record.kind == Kind::again ||
         record.kind == Kind::restore;
}

std::string Lines::operator()(const OpRecord& record) const {
  std::string made;
  for (uint32_t v : record.out) made += (made.empty() ? "" : ", ") + name(v, record) + ":" + type(v);
  return made + " = " + call(record);
}

std::string Lines::type(uint32_t v) const {
  const RecordedValue& value = r_.values[v];
  return (value.dtype == DType::f32 ? "" : std::string(name_of(value.dtype))) + value.shape.str();
}

std::string Lines::name(uint32_t v, const OpRecord& record) const {
  const std::string full = look::plain(r_.values[v].name);
  constexpr std::string_view gradient = "gradient of ";
  const bool is_gradient = full.starts_with(gradient);
  std::string path = is_gradient ? full.substr(gradient.size()) : full;
  if (path.empty() || path == "seed" || path == "batch") return look::label(v);
  if (!record.scope.empty() && path.starts_with(record.scope + ".")) path = path.substr(record.scope.size() + 1);
  return (is_gradient ? "d " : "") + path;
}

/// The op with its attributes, without what only random draws need; a derivative's are those of its op.
std::string Lines::call(const OpRecord& record) const {
  std::string attributes;
  for (auto& [attribute, value] : record.attributes)
    if (attribute != "key" && attribute != "first" && record.kind == Kind::forward)
      attributes += (attributes.empty() ? "" : " ") + look::plain(attribute) + "=" + shortened(value);
  std::string out =
      look::plain(record.op) + (record.kind == Kind::backward ? "'" : "") + (attributes.empty() ? "" : "[" + attributes + "]");
  constexpr std::string_view roles[] = {"", "d", "s", "+"};
  for (const Use& use : record.in) {
    if (r_.values[use.value].gradient_buffer) continue;  // added to, which the result says
    const std::string read = name(use.value, record);
    out += fmt::format(" {}{}", read[0] == '%' ? roles[size_t(use.role)] : "", read);
  }
  return out;
}

namespace {

/// Consecutive rows of one layer, or of none.
struct LayerRows {
  std::string layer, ops;
  std::vector<uint32_t> records;
};
std::vector<LayerRows> by_layer(const Recording& r, const std::vector<uint32_t>& records) {
  std::vector<LayerRows> all;
  for (uint32_t i : records) {
    const OpRecord& record = r.records[i];
    const look::Layer place = look::layer_of(record.scope);
    const std::string layer = place.index < 0 ? "" : record.scope.substr(0, record.scope.size() - place.rest.size());
    if (all.empty() || all.back().layer != layer) all.push_back({layer, "", {}});
    all.back().records.push_back(i);
    all.back().ops += record.op + " " + record.scope.substr(layer.size()) + "\n";
  }
  return all;
}

}  // namespace

std::string rows_text(const Recording& r, const std::vector<uint32_t>& records) {
  const Lines line(r);
  const std::vector<LayerRows> all = by_layer(r, records);
  TableRows rows;
  size_t left_out = 0;
  for (size_t k = 0; k < all.size(); ++k) {
    if (k > 0 && !all[k].layer.empty() && all[k].ops == all[k - 1].ops) {
      rows.push_back({"", look::plain(all[k].layer), fmt::format("the same {} rows", all[k].records.size())});
      continue;
    }
    for (uint32_t i : all[k].records) {
      const OpRecord& record = r.records[i];
      if (rows.size() >= most_rows) ++left_out;
      else rows.push_back({record.flops > 0 ? look::count_text(record.flops) : "", look::plain(record.scope), line(record)});
    }
  }
  if (left_out) rows.push_back({"", "", fmt::format("and {} more rows", left_out)});
  for (auto& row : rows) row[0] = "  " + row[0];
  return table(rows, "rl");
}

Total total_of(const Recording& r, bool backward) {
  Total sum;
  for (const OpRecord& record : r.records)
    if (record.kind != Kind::leaf && in_sweep(record) == backward) sum.flops += record.flops, sum.bytes += record.bytes;
  return sum;
}

std::string kept_text(const Recording& r) {
  struct Kept {
    std::string what;
    size_t values = 0;
    uint64_t bytes = 0;
  };
  std::map<std::string, Kept> reasons;
  std::set<uint32_t> counted;
  for (const OpRecord& record : r.records)
    for (const RecordedSave& save : record.saves) {
      if (r.values[save.value].trainable || !counted.insert(save.value).second) continue;
      Kept& kept = reasons[record.op + ": " + save.why];
      ++kept.values;
      kept.bytes += r.values[save.value].bytes();
    }
  std::vector<Kept> sorted;
  for (auto& [what, kept] : reasons) sorted.push_back({what, kept.values, kept.bytes});
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.bytes > b.bytes; });
  TableRows rows;
  for (auto& kept : sorted)
    rows.push_back({"  " + look::bytes_text(double(kept.bytes)),
                    fmt::format("{} value{}", kept.values, kept.values == 1 ? "" : "s"), look::plain(kept.what)});
  return rows.empty() ? "  nothing but parameters and inputs\n" : table(rows, "rrl");
}

}  // namespace tapedeck::app
