// The strict binder: JSON into parts, every mistake a diagnostic with its place, never only the first one.
// Why: a misspelt option that is silently ignored costs a day. Next: value_reader.cpp for plain values.
#include <algorithm>
#include <type_traits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "value_reader.h"

namespace tapedeck {
namespace {

using Kind = Json::Kind;

class FieldReader : ValueReader {
 public:
  using ValueReader::ValueReader;

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
    if (!missing.empty()) report("TD0307", title + " needs " + join(missing, " and "), json.where, "", "");
  }

 private:
  using ValueReader::read;

  static Json empty_object(const Location& where) {
    Json json = Json::dict();
    json.where = where;
    return json;
  }

  void unknown_key(const Json::Member& member, const Fields& fields, const std::string& title, bool root) {
    std::vector<std::string> names;
    for (const Field& field : fields.all) names.push_back(field.name);
    report("TD0301", title + (root ? " has no section " : " has no option ") + in_quotes(member.key), member.where,
           suggest(member.key, names), names.empty() ? "it has no options" : (root ? "sections: " : "options: ") + join(names));
  }

  void read_field(const Slot& slot) {
    std::visit(
        [&](auto target) {
          if constexpr (std::is_pointer_v<decltype(target)>) read(slot, *target);
          else read(slot, target);
        },
        slot.field.target);
  }

  template <class T>
  bool read(const Slot& slot, std::optional<T>& out) {
    T value{};
    if (!read(slot, value)) return false;
    out = std::move(value);
    return true;
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

  bool read(const Slot& slot, const AnyChoices& out) {
    if (!is_list(slot)) return false;
    out.clear();
    for (size_t i = 0; i < slot.json.items.size(); ++i)
      read({slot.field, slot.json.items[i], text(slot.path, ".", i)}, *out.append());
    return true;
  }

  // The JSON that names the part: the bare string itself or the value of "type"; null after a diagnostic.
  const Json* type_of(const Slot& slot, const AnyChoice& choice) {
    const Json& json = slot.json;
    const std::string known = "known: " + join(choice.names());
    if (json.is(Kind::string)) return &json;
    if (!json.is(Kind::object)) {
      report("TD0303", slot.path + " must be the name of a part or an object, found " + found_text(json), json.where, "", known);
      return nullptr;
    }
    const Json::Member* type = json.find("type");
    if (!type || type->value.is(Kind::null)) {
      const std::string usual(choice.name().empty() ? "..." : choice.name());
      report("TD0308", slot.path + " does not say which " + choice.kind() + " it is", json.where,
             "add \"type\": " + in_quotes(usual), known);
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
      report("TD0302", "there is no " + out.kind() + " " + in_quotes(type->string), type->where, suggest(type->string, names),
             names.empty() ? "" : "known: " + join(names));
      return false;
    }
    const std::string name(out.name());
    if (slot.json.is(Kind::object)) {
      read_part(*out.part(), slot.json, slot.path, name);
    } else if (const std::string needs = required_options(*out.part()); !needs.empty()) {
      report("TD0309", slot.path + " " + in_quotes(name) + " cannot be written as just its name: it needs " + needs,
             slot.json.where, "write { \"type\": " + in_quotes(name) + ", ... }", "");
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
};

}  // namespace

void read_fields(Part& part, const Json& json, const std::string& path, Diagnostics& diagnostics) {
  FieldReader(diagnostics).read_part(part, json, path, "");
}

}  // namespace tapedeck
