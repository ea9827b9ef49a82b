// Short numbers and the names of things, as every view prints them. Next: list.cpp, the plainest view.
#include "src/look/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tapedeck::look {
namespace {

std::string scaled(double v, double base, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (v >= base && unit + 1 != units.end()) v /= base, ++unit;
  return printed(unit == units.begin() ? "%.0f" : v < 10 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v) + *unit;
}

/// Bytes of the character that text begins with; 0: broken UTF-8 (RFC 3629), a control, or a mark that turns the direction of
/// writing.
size_t harmless(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  for (size_t k = 1; k < length; ++k)
    if ((byte(k) & 0xC0u) != 0x80u) return 0;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90),
             beyond = first == 0xF4 && second >= 0x90;
  const bool surrogate = first == 0xED && second >= 0xA0, control = first == 0xC2 && second < 0xA0;
  const bool turns = (first == 0xE2 && (second == 0x80 || second == 0x81)) || (first == 0xD8 && second == 0x9C);
  return overlong || beyond || surrogate || control || turns ? 0 : length;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < 200) {
    const size_t length = harmless(text);
    if (length > 0) out += text.substr(0, length);
    else out += '?';
    text.remove_prefix(std::max<size_t>(1, length));
  }
  return out;
}

std::string printed(const char* format, double v) {
  char out[400];
  std::snprintf(out, sizeof out, format, v);
  return out;
}
std::string number(double v) { return printed("%.4g", v); }
std::string bytes_text(double bytes) { return scaled(bytes, 1024, {" B", " KiB", " MiB", " GiB", " TiB"}); }
std::string count_text(double n) { return scaled(n, 1000, {"", "K", "M", "G", "T"}); }
std::string time_text(uint64_t ns) { return printed("%.1f us", double(ns) / 1000); }

std::string label(uint32_t value) { return value == nothing ? "-" : "%" + std::to_string(value); }

std::string typed(const Recording& r, uint32_t value) {
  if (value == nothing) return "-";
  const RecordedValue& v = r.values[value];
  return label(value) + ":" + std::string(name_of(v.dtype)) + v.shape.str();
}

std::string shown(const Recording& r, uint32_t value) {
  const std::string type = typed(r, value);
  return value == nothing || r.values[value].name.empty() ? type : type + " (" + plain(r.values[value].name) + ")";
}

std::string_view phase(const OpRecord& record) {
  if (record.kind == OpRecord::Kind::update) return "update";
  if (record.kind == OpRecord::Kind::again || record.kind == OpRecord::Kind::restore) return "recompute";
  constexpr std::string_view names[] = {"forward", "backward", "second", "third"};
  return record.order < std::size(names) ? names[record.order] : "higher";
}

std::string attributes_text(const OpRecord& record) {
  std::string out;
  for (auto& [name, value] : record.attributes) out += (out.empty() ? "" : " ") + plain(name) + "=" + plain(value);
  return out;
}

std::string call(const OpRecord& record) {
  constexpr std::string_view kinds[] = {"", "", "'", "", "~", "", ""};  // ' the derivative, ~ a shortened repetition
  constexpr std::string_view roles[] = {"", "d", "s", "+"};
  std::string out = plain(record.op) + std::string(kinds[size_t(record.kind)]);
  if (!record.attributes.empty()) out += "[" + attributes_text(record) + "]";
  for (auto& use : record.in) out += text(" ", roles[size_t(use.role)], label(use.value));
  return out;
}

std::string line(const Recording& r, const OpRecord& record) {
  std::string made;
  for (uint32_t v : record.out) made += typed(r, v) + " ";
  return made + (made.empty() ? "" : "= ") + call(record);
}

std::string short_name(const Recording& r, uint32_t record) {
  return text("#", record, " ", plain(r.records[record].op), r.records[record].kind == OpRecord::Kind::backward ? "'" : "");
}

std::string where(const Recording& r, uint32_t record) {
  if (record == nothing) return "outside the tape";
  const std::string& scope = r.records[record].scope;
  return short_name(r, record) + (scope.empty() ? "" : " in " + plain(scope));
}

std::string made_by(const Recording& r, uint32_t record) { return (record == nothing ? "made " : "made by ") + where(r, record); }

std::string title(const Recording& r) {
  std::string out;
  for (auto& [key, value] : r.about)
    out += (out.empty() ? "" : "  ") + plain(key) + " " + plain(key == "config_hash" ? value.substr(0, 12) : value);
  return out + (out.empty() ? "" : "\n");
}

std::string asked_for(const Recording& r, const OpRecord& record) {
  const std::string_view scope = record.kind == OpRecord::Kind::update ? "optimizer"
                                 : record.scope.empty()                ? "objective"
                                                                       : std::string_view(record.scope);
  const std::pair<std::string, std::string>* best = nullptr;
  for (auto& place : r.places) {
    const bool around = place.first == scope || (scope.starts_with(place.first) && scope[place.first.size()] == '.');
    const bool fallback = place.first == "model" && !best;
    if (around ? !best || best->first == "model" || best->first.size() < place.first.size() : fallback) best = &place;
  }
  return best ? plain(best->second) : "";
}

Layer layer_of(const std::string& scope) {
  for (size_t begin = 0; begin < scope.size();) {
    const size_t dot = std::min(scope.find('.', begin), scope.size());
    const std::string part = scope.substr(begin, dot - begin);
    if (!part.empty() && part.size() < 7 && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return {scope.substr(0, begin), dot < scope.size() ? scope.substr(dot) : "", std::stoll(part)};
    begin = dot + 1;
  }
  return {scope, "", -1};
}

bool selected(const OpRecord& record, const LookOptions& o) {
  return (o.op.empty() || glob_match(o.op, record.op)) && (o.scope.empty() || glob_match(o.scope, record.scope)) &&
         (o.phase.empty() || o.phase == phase(record));
}

double root_mean_square(const RecordedValue& v) {
  return v.summary.norm / std::sqrt(double(std::max<int64_t>(1, v.shape.size())));
}

double saved_bytes(const Recording& r, const OpRecord& record) {
  double bytes = 0;
  for (auto& save : record.saves) bytes += double(r.values[save.value].bytes());
  return bytes;
}

uint32_t original(const Recording& r, uint32_t value) {
  while (value != nothing && r.values[value].copy_of != nothing) value = r.values[value].copy_of;
  return value;
}

std::string json_text(std::string_view text) { return Json::of(plain(text)).dump(-1); }
Json index_json(uint32_t i) { return i == nothing ? Json{} : json_value(i); }

namespace {

/// Sequences begin at 0, at rising places, and end at the last token: [B+1] whole numbers of the batch.
bool is_offsets(const RecordedValue& v) {
  return v.dtype == DType::i32 && v.shape.rank() == 1 && v.shape.size() > 1 && int64_t(v.sample.size()) == v.shape.size() &&
         v.sample[0] == 0 &&
         std::is_sorted(v.sample.begin(), v.sample.end(), [](float next, float before) { return !(before < next); });
}

}  // namespace

std::string place_text(const Recording& r, uint32_t value, int64_t element) {
  const RecordedValue& v = r.values[value];
  if (v.shape.rank() == 0 || element < 0 || element >= v.shape.size()) return "";
  const int64_t columns = v.shape.size() / v.shape[0], row = element / columns;
  std::string meaning;
  for (size_t k = 0; k < r.values.size() && meaning.empty() && !v.trainable && !v.gradient_buffer; ++k) {
    const RecordedValue& offsets = r.values[k];
    if (!is_offsets(offsets)) continue;
    const auto after = std::upper_bound(offsets.sample.begin(), offsets.sample.end(), float(row));
    if (double(v.shape[0]) == double(offsets.sample.back()))
      meaning = text("token ", row - int64_t(*(after - 1)), " of example ", after - offsets.sample.begin() - 1);
    else if (v.shape[0] == offsets.shape.size() - 1) meaning = text("example ", row);
  }
  if (v.shape.rank() == 1) return meaning;
  return text("row ", row, meaning.empty() ? "" : " (" + meaning + ")", ", column ", element % columns);
}

std::string first_bad_text(const Recording& r, uint32_t value) {
  const int64_t element = r.values[value].summary.first_bad;
  const std::string place = place_text(r, value, element);
  return text("the first at element ", element, place.empty() ? "" : ", ", place);
}

bool bad(const RecordedValue& v) { return v.summary.nan > 0 || (v.summary.infinite > 0 && !v.may_be_infinite); }
bool makes_bad(const Recording& r, const OpRecord& record) {
  return std::any_of(record.out.begin(), record.out.end(), [&](uint32_t v) { return bad(r.values[v]); });
}

}  // namespace tapedeck::look
