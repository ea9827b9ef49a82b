// Reading plain values: types, ranges, choices, paths and durations, each mistake in words that say what to write.
// Next: fields_read.cpp.
#include "value_reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {

using Kind = Json::Kind;

std::string Field::range_text() const {
  const bool below = low > -std::numeric_limits<double>::infinity(), above = high < std::numeric_limits<double>::infinity();
  const auto number = [](double v) { return v == std::trunc(v) && std::abs(v) < 1e15 ? text(int64_t(v)) : Json::of(v).dump(-1); };
  if (below && above && !low_open && !high_open) return "between " + number(low) + " and " + number(high);
  std::string out;
  if (below) out = (low_open ? "greater than " : "at least ") + number(low);
  if (above) out += (out.empty() ? "" : " and ") + std::string(high_open ? "less than " : "at most ") + number(high);
  return out;
}

std::string found_text(const Json& json) {
  switch (json.kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return json.boolean ? "true" : "false";
    case Kind::integer:
    case Kind::number:
      return json.dump(-1);
    case Kind::string:
      return "a string";
    case Kind::array:
      return "a list";
    case Kind::object:
      return "an object";
  }
  return "";
}

void ValueReader::report(std::string code, std::string message, const Location& where, std::string hint, std::string note) {
  diagnostics_.add({std::move(code), std::move(message), where, std::move(hint), std::move(note)});
}

void ValueReader::wrong_type(const Json& json, const std::string& what, const std::string& wanted, std::string hint) {
  report("TD0303", what + " must be " + wanted + ", found " + found_text(json), json.where, std::move(hint), "");
}

bool ValueReader::read(const Slot& slot, bool& out) {
  const Json& json = slot.json;
  if (!json.is(Kind::boolean)) {
    const bool spelled = json.is(Kind::string) && (json.string == "true" || json.string == "false");
    wrong_type(json, slot.path, "true or false", spelled ? "write " + json.string + " without quotes" : "");
    return false;
  }
  out = json.boolean;
  return true;
}

bool ValueReader::in_range(const Slot& slot) {
  const double v = slot.json.number;
  const Field& f = slot.field;
  if ((f.low_open ? v > f.low : v >= f.low) && (f.high_open ? v < f.high : v <= f.high)) return true;
  report("TD0304", slot.path + " must be " + f.range_text(), slot.json.where, "", "");
  return false;
}

bool ValueReader::is_number(const Slot& slot, const std::string& wanted) {
  if (slot.json.is(Kind::integer) || slot.json.is(Kind::number)) return true;
  const std::string& s = slot.json.string;
  const bool numeric = !s.empty() && s.find_first_not_of("0123456789.+-eE") == std::string::npos;
  wrong_type(slot.json, slot.path, wanted, numeric ? "write " + s + " without quotes" : "");
  return false;
}

bool ValueReader::read(const Slot& slot, int64_t& out) {
  if (!is_number(slot, "a whole number")) return false;
  if (slot.json.is(Kind::number) && double(slot.json.integer) != slot.json.number) {
    wrong_type(slot.json, slot.path, "a whole number");
    return false;
  }
  if (!in_range(slot)) return false;
  out = slot.json.integer;
  return true;
}

bool ValueReader::read(const Slot& slot, double& out) {
  if (!is_number(slot, "a number") || !in_range(slot)) return false;
  out = slot.json.number;
  return true;
}

bool ValueReader::read(const Slot& slot, std::string& out) {
  if (!slot.json.is(Kind::string)) {
    wrong_type(slot.json, slot.path, "a string");
    return false;
  }
  const auto& choices = slot.field.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), slot.json.string) == choices.end()) {
    report("TD0306", slot.path + " cannot be " + in_quotes(slot.json.string), slot.json.where, suggest(slot.json.string, choices),
           "choices: " + join(choices));
    return false;
  }
  out = slot.json.string;
  if (slot.field.assign) slot.field.assign(out);
  return true;
}

bool ValueReader::read(const Slot& slot, Path& out) {
  const std::string& text = slot.json.string;
  if (text.empty() || text.find('\0') != std::string::npos) {
    if (slot.json.is(Kind::string))
      report("TD0303", slot.path + " must be a path, not " + in_quotes(text), slot.json.where, "", "");
    else wrong_type(slot.json, slot.path, "a path");
    return false;
  }
  const std::filesystem::path given(text);
  const Source* source = slot.json.where.source.get();
  const bool inside = source && !source->directory.empty() && !given.is_absolute();
  out.path = inside ? (std::filesystem::path(source->directory) / given).lexically_normal().string() : text;
  return true;
}

bool ValueReader::read(const Slot& slot, Duration& out) {
  std::vector<Duration::Unit> units = slot.field.units;
  if (units.empty()) units = {Duration::Unit::steps, Duration::Unit::epochs, Duration::Unit::percent, Duration::Unit::seconds};
  std::vector<std::string> examples;
  for (Duration::Unit unit : units) examples.push_back(in_quotes(unit_example(unit)));
  const std::string like = "for example " + join(examples, " or ");
  const Json& json = slot.json;
  if (!json.is(Kind::string)) {
    const bool bare = json.is(Kind::integer) || json.is(Kind::number);
    const std::string unit = unit_name(units.front());
    const std::string hint = "did you mean \"" + json.dump(-1) + (unit == "%" ? "" : " ") + unit + "\"?";
    report("TD0305", slot.path + " must be a duration, found " + found_text(json) + (bare ? " without a unit" : ""), json.where,
           bare ? hint : like, bare ? like : "");
    return false;
  }
  const auto duration = Duration::parse(json.string);
  if (!duration) {
    report("TD0305", slot.path + ": " + in_quotes(json.string) + " is not a duration", json.where, like, "");
    return false;
  }
  if (!slot.field.units.empty() && std::find(units.begin(), units.end(), duration->unit) == units.end()) {
    report("TD0305", slot.path + " cannot be given in " + unit_name(duration->unit), json.where, like, "");
    return false;
  }
  out = *duration;
  return true;
}

bool ValueReader::is_list(const Slot& slot) {
  if (!slot.json.is(Kind::array)) {
    const std::string entry = slot.json.dump(-1);
    const bool short_value = !slot.json.is(Kind::object) && entry.size() < 60;
    wrong_type(slot.json, slot.path, "a list", short_value ? "write [" + entry + "]" : "");
    return false;
  }
  const auto [low, high] = std::pair(slot.field.shortest, slot.field.longest);
  const size_t size = slot.json.items.size();
  if (size >= low && size <= high) return true;
  const std::string wanted = low == high                                  ? text(low)
                             : high == std::numeric_limits<size_t>::max() ? text("at least ", low)
                             : low == 0                                   ? text("at most ", high)
                                                                          : text(low, " to ", high);
  report(
      "TD0310",
      text(slot.path, " must have ", wanted, wanted == "1" || wanted == "at least 1" ? " entry" : " entries", ", found ", size),
      slot.json.where, "", "");
  return false;
}

}  // namespace tapedeck
