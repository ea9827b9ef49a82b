// The strict binder: JSON into parts, every mistake a complaint with its place, never only the first one.
// Why: a misspelt option that is silently ignored costs a day. Next: complaint_codes.cpp for what the codes mean.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <type_traits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/fields.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

using Kind = Json::Kind;

std::string found(const Json& json) {
  switch (json.kind) {
    case Kind::null: return "null";
    case Kind::boolean: return json.boolean ? "true" : "false";
    case Kind::integer:
    case Kind::number: return json.dump(-1);
    case Kind::string: return "a string";
    case Kind::array: return "a list";
    case Kind::object: return "an object";
  }
  return "";
}

/// One field and the value it is to receive: what every reader below needs.
struct Slot {
  const Field& field;
  const Json& json;
  std::string path;  // "optimizer.groups.0.lr"
};

class FieldReader {
 public:
  explicit FieldReader(Complaints& complaints) : complaints_(complaints) {}

  /// type: the registered name of a chosen part, "" for a plain group of options.
  void read_part(Part& part, const Json& json, const std::string& path, const std::string& type) {
    Fields fields;
    part.describe(fields);
    const std::string title = path.empty() ? "the experiment" : type.empty() ? path : path + " " + in_quotes(type);
    if (!json.is(Kind::object)) return wrong_type(json, title, "an object");
    for (const Json::Member& member : json.members) {
      const bool known = std::any_of(fields.all.begin(), fields.all.end(), [&](const Field& f) { return f.name == member.key; });
      if (!known && !(member.key == "type" && !type.empty())) unknown_key(member, fields, title, path.empty());
    }
    std::vector<std::string> missing;
    for (Field& field : fields.all) {
      const Json::Member* member = json.find(field.name);
      const std::string inner = path.empty() ? field.name : path + "." + field.name;
      if (member && !member->value.is(Kind::null)) read_field({field, member->value, inner});
      else if (field.is_required) missing.push_back(in_quotes(field.name));
      else if (Part** group = std::get_if<Part*>(&field.target)) read_part(**group, empty_object(json.where), inner, "");
    }
    if (!missing.empty()) complain("TD0307", title + " needs " + join(missing, " and "), json.where, "", "");
  }

 private:
  void complain(std::string code, std::string message, const Location& where, std::string hint, std::string note) {
    complaints_.add({std::move(code), std::move(message), where, std::move(hint), std::move(note)});
  }

  static Json empty_object(const Location& where) {
    Json json = Json::dict();
    json.where = where;
    return json;
  }

  void unknown_key(const Json::Member& member, const Fields& fields, const std::string& title, bool root) {
    std::vector<std::string> names;
    for (const Field& field : fields.all) names.push_back(field.name);
    complain("TD0301", title + (root ? " has no section " : " has no option ") + in_quotes(member.key), member.where,
             suggest(member.key, names), names.empty() ? "it has no options" : (root ? "sections: " : "options: ") + join(names));
  }

  void wrong_type(const Json& json, const std::string& what, const std::string& wanted, std::string hint = "") {
    complain("TD0303", what + " must be " + wanted + ", found " + found(json), json.where, std::move(hint), "");
  }

  void read_field(const Slot& slot) {
    std::visit(
        [&](auto target) {
          if constexpr (std::is_pointer_v<decltype(target)>) read(slot, *target);
          else read(slot, target);
        },
        slot.field.target);
  }

  bool read(const Slot& slot, bool& out) {
    const Json& json = slot.json;
    if (!json.is(Kind::boolean)) {
      const bool spelled = json.is(Kind::string) && (json.string == "true" || json.string == "false");
      wrong_type(json, slot.path, "true or false", spelled ? "write " + json.string + " without quotes" : "");
      return false;
    }
    out = json.boolean;
    return true;
  }

  bool in_range(const Slot& slot) {
    const double v = slot.json.number;
    const Field& f = slot.field;
    if ((f.low_open ? v > f.low : v >= f.low) && (f.high_open ? v < f.high : v <= f.high)) return true;
    complain("TD0304", slot.path + " must be " + f.range_text(), slot.json.where, "", "");
    return false;
  }

  bool read_number(const Slot& slot, const std::string& wanted) {
    if (slot.json.is(Kind::integer) || slot.json.is(Kind::number)) return true;
    const std::string& s = slot.json.string;
    const bool numeric = !s.empty() && s.find_first_not_of("0123456789.+-eE") == std::string::npos;
    wrong_type(slot.json, slot.path, wanted, numeric ? "write " + s + " without quotes" : "");
    return false;
  }

  bool read(const Slot& slot, int64_t& out) {
    if (!read_number(slot, "a whole number")) return false;
    if (slot.json.is(Kind::number) && double(slot.json.integer) != slot.json.number) {
      wrong_type(slot.json, slot.path, "a whole number");
      return false;
    }
    if (!in_range(slot)) return false;
    out = slot.json.integer;
    return true;
  }

  bool read(const Slot& slot, double& out) {
    if (!read_number(slot, "a number") || !in_range(slot)) return false;
    out = slot.json.number;
    return true;
  }

  bool read(const Slot& slot, std::string& out) {
    if (!slot.json.is(Kind::string)) {
      wrong_type(slot.json, slot.path, "a string");
      return false;
    }
    const auto& choices = slot.field.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), slot.json.string) == choices.end()) {
      complain("TD0306", slot.path + " cannot be " + in_quotes(slot.json.string), slot.json.where, suggest(slot.json.string, choices),
               "choices: " + join(choices));
      return false;
    }
    out = slot.json.string;
    if (slot.field.assign) slot.field.assign(out);
    return true;
  }

  bool read(const Slot& slot, Path& out) {
    if (!slot.json.is(Kind::string) || slot.json.string.empty()) {
      if (slot.json.is(Kind::string)) complain("TD0303", slot.path + " must be a path, found an empty string", slot.json.where, "", "");
      else wrong_type(slot.json, slot.path, "a path");
      return false;
    }
    const std::filesystem::path given(slot.json.string);
    const Source* source = slot.json.where.source.get();
    const bool inside = source && !source->directory.empty() && !given.is_absolute();
    out.path = inside ? (std::filesystem::path(source->directory) / given).lexically_normal().string() : slot.json.string;
    return true;
  }

  bool read(const Slot& slot, Duration& out) {
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
      complain("TD0305", slot.path + " must be a duration, found " + found(json) + (bare ? " without a unit" : ""), json.where,
               bare ? hint : like, bare ? like : "");
      return false;
    }
    const auto duration = Duration::parse(json.string);
    if (!duration) {
      complain("TD0305", slot.path + ": " + in_quotes(json.string) + " is not a duration", json.where, like, "");
      return false;
    }
    if (!slot.field.units.empty() && std::find(units.begin(), units.end(), duration->unit) == units.end()) {
      complain("TD0305", slot.path + " cannot be given in " + unit_name(duration->unit), json.where, like, "");
      return false;
    }
    out = *duration;
    return true;
  }

  template <class T>
  bool read(const Slot& slot, std::optional<T>& out) {
    T value{};
    if (!read(slot, value)) return false;
    out = std::move(value);
    return true;
  }

  bool is_list(const Slot& slot) {
    if (!slot.json.is(Kind::array)) {
      const bool plain = !slot.json.is(Kind::object);
      wrong_type(slot.json, slot.path, "a list", plain ? "write [" + slot.json.dump(-1) + "]" : "");
      return false;
    }
    const auto [low, high] = std::pair(slot.field.shortest, slot.field.longest);
    const size_t size = slot.json.items.size();
    if (size >= low && size <= high) return true;
    const std::string wanted = low == high ? text(low) : high == std::numeric_limits<size_t>::max() ? text("at least ", low)
                               : low == 0 ? text("at most ", high) : text(low, " to ", high);
    complain("TD0310", text(slot.path, " must have ", wanted, wanted == "1" || wanted == "at least 1" ? " entry" : " entries", ", found ", size),
             slot.json.where, "", "");
    return false;
  }

  template <class T>
  bool read(const Slot& slot, std::vector<T>& out) {
    if (!is_list(slot)) return false;
    std::vector<T> values;
    for (size_t i = 0; i < slot.json.items.size(); ++i) {
      T value{};
      if (read({slot.field, slot.json.items[i], text(slot.path, ".", i)}, value)) values.push_back(std::move(value));
    }
    out = std::move(values);
    return true;
  }

  bool read(const Slot& slot, std::map<std::string, std::string>& out) {
    if (!slot.json.is(Kind::object)) {
      wrong_type(slot.json, slot.path, "an object");
      return false;
    }
    std::map<std::string, std::string> values;
    for (const Json::Member& member : slot.json.members) {
      read({slot.field, member.value, slot.path + "." + member.key}, values[member.key]);
    }
    out = std::move(values);
    return true;
  }

  bool read(const Slot& slot, Json& out) {
    out = slot.json;
    return true;
  }

  bool read(const Slot& slot, Part& out) {
    read_part(out, slot.json, slot.path, "");
    return true;
  }

  bool read(const Slot& slot, const AnyList& out) {
    if (!is_list(slot)) return false;
    out.clear();
    for (size_t i = 0; i < slot.json.items.size(); ++i) read_part(*out.append(), slot.json.items[i], text(slot.path, ".", i), "");
    return true;
  }

  // The JSON that names the part: the bare string itself or the value of "type"; null after a complaint.
  const Json* type_of(const Slot& slot, const AnyChoice& choice) {
    const Json& json = slot.json;
    const std::string known = "known: " + join(choice.names());
    if (json.is(Kind::string)) return &json;
    if (!json.is(Kind::object)) {
      complain("TD0303", slot.path + " must be the name of a part or an object, found " + found(json), json.where, "", known);
      return nullptr;
    }
    const Json::Member* type = json.find("type");
    if (!type || type->value.is(Kind::null)) {
      complain("TD0308", slot.path + " does not say which " + choice.kind() + " it is", json.where, "add \"type\": \"...\"", known);
      return nullptr;
    }
    if (!type->value.is(Kind::string)) {
      wrong_type(type->value, slot.path + ".type", "a string");
      return nullptr;
    }
    return &type->value;
  }

  bool read(const Slot& slot, AnyChoice& out) {
    const Json* type = type_of(slot, out);
    if (!type) return false;
    if (!out.choose(type->string)) {
      const std::vector<std::string> names = out.names();
      complain("TD0302", "there is no " + out.kind() + " " + in_quotes(type->string), type->where, suggest(type->string, names),
               names.empty() ? "" : "known: " + join(names));
      return false;
    }
    const std::string name(out.name());
    if (slot.json.is(Kind::object)) {
      read_part(*out.part(), slot.json, slot.path, name);
    } else if (const std::string needs = required_options(*out.part()); !needs.empty()) {
      complain("TD0309", slot.path + " " + in_quotes(name) + " cannot be written as just its name: it needs " + needs, slot.json.where,
               "write { \"type\": " + in_quotes(name) + ", ... }", "");
    } else {
      read_part(*out.part(), empty_object(slot.json.where), slot.path, name);
    }
    return true;
  }

  static std::string required_options(Part& part) {
    Fields fields;
    part.describe(fields);
    std::vector<std::string> names;
    for (const Field& field : fields.all) {
      if (field.is_required) names.push_back(in_quotes(field.name));
    }
    return join(names, " and ");
  }

  Complaints& complaints_;
};

}  // namespace

std::string Field::range_text() const {
  const bool below = low > -std::numeric_limits<double>::infinity(), above = high < std::numeric_limits<double>::infinity();
  const auto number = [](double v) { return v == std::trunc(v) && std::abs(v) < 1e15 ? text(int64_t(v)) : Json::of(v).dump(-1); };
  if (below && above && !low_open && !high_open) return "between " + number(low) + " and " + number(high);
  std::string out;
  if (below) out = (low_open ? "greater than " : "at least ") + number(low);
  if (above) out += (out.empty() ? "" : " and ") + std::string(high_open ? "less than " : "at most ") + number(high);
  return out;
}

void read_fields(Part& part, const Json& json, const std::string& path, Complaints& complaints) {
  FieldReader(complaints).read_part(part, json, path, "");
}

}  // namespace tapedeck
