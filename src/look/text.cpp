// Tables, short numbers and the names of things, as every view prints them. Next: list.cpp, the plainest view.
#include "src/look/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <tapedeck/base/error.h>

namespace tapedeck::look {
namespace {

size_t width(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

std::string printed(const char* format, double v) {
  char out[64];
  std::snprintf(out, sizeof out, format, v);
  return out;
}

std::string scaled(double v, double base, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (v >= base && unit + 1 != units.end()) v /= base, ++unit;
  return printed(unit == units.begin() ? "%.0f" : v < 10 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v) + *unit;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size() && out.size() < 200;) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    bool whole = length > 0 && i + length <= text.size() && c >= 0x20 && c != 0x7F;
    for (size_t k = 1; whole && k < length; ++k) whole = (static_cast<unsigned char>(text[i + k]) & 0xC0u) == 0x80u;
    // C1 controls, and marks that turn the direction of writing
    if (whole && length == 2 && c == 0xC2) whole = static_cast<unsigned char>(text[i + 1]) >= 0xA0;
    if (whole && length == 3 && (text.substr(i, 2) == "\xE2\x80" || text.substr(i, 2) == "\xE2\x81")) whole = false;
    if (whole) out += text.substr(i, length), i += length;
    else out += '?', ++i;
  }
  return out;
}

std::string table(const Rows& rows, std::string_view sides) {
  std::vector<size_t> widths(sides.size());
  for (auto& row : rows)
    for (size_t k = 0; k < row.size() && k < widths.size(); ++k) widths[k] = std::max(widths[k], width(row[k]));
  std::string out;
  for (auto& row : rows) {
    std::string line;
    for (size_t k = 0; k < row.size(); ++k) {
      const std::string pad(k < widths.size() ? widths[k] - width(row[k]) : 0, ' ');
      if (k) line += "  ";
      line += k < sides.size() && sides[k] == 'r' ? pad + row[k] : row[k] + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
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

std::string call(const OpRecord& record) {
  constexpr std::string_view kinds[] = {"", "", "'", "", "~", "", ""};           // ' the derivative, ~ a shortened repetition
  std::string out = plain(record.op) + std::string(kinds[size_t(record.kind)]);
  if (!record.attributes.empty()) {
    out += '[';
    for (size_t k = 0; k < record.attributes.size(); ++k)
      out += (k ? " " : "") + plain(record.attributes[k].first) + "=" + plain(record.attributes[k].second);
    out += ']';
  }
  constexpr std::string_view roles[] = {"", "d", "s", "+"};
  for (auto& use : record.in) out += " " + std::string(roles[size_t(use.role)]) + label(use.value);
  return out;
}

std::string where(const Recording& r, uint32_t record) {
  if (record == nothing) return "outside the tape";
  const OpRecord& o = r.records[record];
  return text("#", record, " ", plain(o.op), o.kind == OpRecord::Kind::backward ? "'" : "", o.scope.empty() ? "" : " in ", plain(o.scope));
}

std::string title(const Recording& r) {
  std::string out;
  for (auto& [key, value] : r.about) out += (out.empty() ? "" : "  ") + plain(key) + " " + plain(key == "config_hash" ? value.substr(0, 12) : value);
  return out + (out.empty() ? "" : "\n");
}

std::string asked_for(const Recording& r, const OpRecord& record) {
  const std::string_view scope = record.kind == OpRecord::Kind::update ? "optimizer" : record.scope.empty() ? "objective" : std::string_view(record.scope);
  const std::pair<std::string, std::string>* best = nullptr;
  for (auto& place : r.places) {
    const bool around = place.first == scope || (scope.starts_with(place.first) && scope[place.first.size()] == '.');
    const bool fallback = place.first == "model" && !best;
    if (around ? !best || best->first == "model" || best->first.size() < place.first.size() : fallback) best = &place;
  }
  return best ? plain(best->second) : "";
}

bool selected(const Recording&, const OpRecord& record, const LookOptions& o) {
  return (o.op.empty() || glob_match(o.op, record.op)) && (o.scope.empty() || glob_match(o.scope, record.scope)) &&
         (o.phase.empty() || o.phase == phase(record));
}

double root_mean_square(const RecordedValue& v) { return v.summary.norm / std::sqrt(double(std::max<int64_t>(1, v.shape.size()))); }

double saved_bytes(const Recording& r, const OpRecord& record) {
  double bytes = 0;
  for (auto& save : record.saves) bytes += double(r.values[save.value].bytes());
  return bytes;
}

uint32_t original(const Recording& r, uint32_t value) {
  while (value != nothing && r.values[value].copy_of != nothing) value = r.values[value].copy_of;
  return value;
}

bool bad(const RecordedValue& v) { return v.summary.nan > 0 || (v.summary.infinite > 0 && !v.may_be_infinite); }

}  // namespace tapedeck::look
