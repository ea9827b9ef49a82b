// The JSON Schema of experiment files, built from describe() and the registries. Why: editors then complete and check
// what the binder accepts, plug-in parts included. Next: explain.cpp.
#include <tapedeck/config/schema.h>

#include <cmath>
#include <initializer_list>
#include <set>
#include <type_traits>

#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

using Kind = Json::Kind;

constexpr const char* variable_pattern = "^\\$\\{.*\\}$";  // a whole value may be ${vars.x}

Json list_of(std::initializer_list<const char*> words) {
  Json list = Json::list();
  for (const char* word : words) list.items.push_back(Json::of(word));
  return list;
}
Json reference(const std::string& name) {
  Json json = Json::dict();
  json.set("$ref", Json::of("#/definitions/" + name));
  return json;
}
Json only(std::string key, Json value) {
  Json json = Json::dict();
  json.set(std::move(key), std::move(value));
  return json;
}
Json any_of(std::vector<Json> options) {
  Json list = Json::list();
  list.items = std::move(options);
  return only("anyOf", std::move(list));
}
Json variable() {
  Json json = only("type", Json::of("string"));
  json.set("pattern", Json::of(variable_pattern));
  return json;
}
Json one_of(const std::vector<std::string>& words) {
  Json list = Json::list();
  for (const std::string& word : words) list.items.push_back(Json::of(word));
  list.items.push_back(Json{});
  return any_of({only("enum", std::move(list)), variable()});
}
// A value that is no string by itself; "pattern" concerns strings only, so that ${vars.x} passes and "abc" does not.
Json plain(const char* type) {
  Json json = only("type", list_of({type, "null", "string"}));
  json.set("pattern", Json::of(variable_pattern));
  return json;
}

Json duration(const Field& field) {
  using Unit = Duration::Unit;
  std::vector<Unit> units = field.units;
  if (units.empty()) units = {Unit::steps, Unit::epochs, Unit::evaluations, Unit::examples, Unit::percent, Unit::seconds};
  std::string words;
  Json examples = Json::list();
  for (Unit unit : units) {
    std::string word = unit_name(unit);
    if (unit == Unit::seconds) word = "s|seconds?|min|minutes?|h|hours?";
    else if (unit == Unit::percent) word = "%|percent";
    else word += "?";  // steps?
    words += (words.empty() ? "" : "|") + word;
    examples.items.push_back(Json::of(unit_example(unit)));
  }
  Json json = only("type", list_of({"string", "null"}));
  json.set("pattern", Json::of("^ *[0-9]+(\\.[0-9]*)?([eE][+-]?[0-9]+)? *(" + words + ") *$|" + variable_pattern));
  json.set("examples", std::move(examples));
  return json;
}

void add_range(Json& json, const Field& field) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto bound = [](double v) { return v == std::trunc(v) && std::abs(v) < 0x1p53 ? Json::of(int64_t(v)) : Json::of(v); };
  if (field.low > -infinity) json.set(field.low_open ? "exclusiveMinimum" : "minimum", bound(field.low));
  if (field.high < infinity) json.set(field.high_open ? "exclusiveMaximum" : "maximum", bound(field.high));
}

std::vector<std::string> required_names(const Fields& fields) {
  std::vector<std::string> names;
  for (const Field& field : fields.all) {
    if (field.is_required) names.push_back(field.name);
  }
  return names;
}

class SchemaWriter {
 public:
  Json definitions = Json::dict();

  /// The object with these options; type: the name of a registered part, "" for a group of options.
  Json object(Part& part, const std::string& type) {
    Fields fields;
    part.describe(fields);
    const Json defaults = write_fields(part);
    Json properties = Json::dict();
    if (!type.empty()) properties.set("type", only("const", Json::of(type)));
    for (const Field& field : fields.all) properties.set(field.name, option(field, defaults.find(field.name)->value));
    Json json = only("type", type.empty() ? list_of({"object", "null"}) : Json::of("object"));
    json.set("properties", std::move(properties));
    json.set("additionalProperties", Json::of(false));
    return json;
  }

 private:
  Json option(const Field& field, const Json& initial) {
    Json json = std::visit(
        [&](auto target) {
          if constexpr (std::is_pointer_v<decltype(target)>) return value(field, *target);
          else return value(field, target);
        },
        field.target);
    // Beside "$ref" every other keyword would be ignored.
    if (const Json::Member* ref = json.find("$ref")) {
      Json all = Json::list();
      all.items.push_back(only("$ref", ref->value));
      json = only("allOf", std::move(all));
    }
    json.set("description", Json::of(field.doc + (field.is_required ? " (required)" : "")));
    const Json::Member* type = initial.find("type");
    const Json& shown = type ? type->value : initial;
    if (!field.is_required && !shown.is(Kind::null) && !shown.is(Kind::object)) json.set("default", shown);
    return json;
  }

  Json value(const Field&, bool&) { return plain("boolean"); }
  Json value(const Field& field, int64_t&) {
    Json json = plain("integer");
    add_range(json, field);
    return json;
  }
  Json value(const Field& field, double&) {
    Json json = plain("number");
    add_range(json, field);
    return json;
  }
  Json value(const Field& field, std::string&) {
    return field.choices.empty() ? only("type", list_of({"string", "null"})) : one_of(field.choices);
  }
  Json value(const Field&, Path&) {
    Json json = only("type", list_of({"string", "null"}));
    json.set("minLength", Json::of(1));
    return json;
  }
  Json value(const Field& field, Duration&) { return duration(field); }
  Json value(const Field&, Json&) { return Json::dict(); }
  Json value(const Field&, Part& part) { return object(part, ""); }

  template <class T>
  Json value(const Field& field, std::optional<T>&) {
    T unused{};
    return value(field, unused);
  }
  Json array(const Field& field, Json items) {
    Json json = only("type", list_of({"array", "null", "string"}));
    json.set("pattern", Json::of(variable_pattern));
    json.set("items", std::move(items));
    if (field.shortest > 0) json.set("minItems", Json::of(int64_t(field.shortest)));
    if (field.longest < std::numeric_limits<size_t>::max()) json.set("maxItems", Json::of(int64_t(field.longest)));
    return json;
  }
  template <class T>
  Json value(const Field& field, std::vector<T>&) {
    T unused{};
    return array(field, value(field, unused));
  }
  Json value(const Field& field, const AnyList& list) { return array(field, object(*list.example(), "")); }
  Json value(const Field& field, const AnyChoices& list) { return array(field, value(field, *list.example())); }
  Json value(const Field&, std::map<std::string, std::string>&) {
    Json json = only("type", list_of({"object", "null"}));
    json.set("additionalProperties", only("type", Json::of("string")));
    return json;
  }
  Json value(const Field&, AnyChoice& choice) {
    const std::string kind = choice.kind();
    if (known_.insert(kind).second) define(kind, choice);
    return reference(kind);
  }

  // "objective" and "objective.NAME" for each name; parts that hold parts of their own kind refer back to the definition.
  void define(const std::string& kind, const AnyChoice& choice) {
    definitions.set(kind, Json{});
    std::vector<std::string> bare;
    Json types = Json::list(), cases = Json::list();
    for (const std::string& name : choice.names()) {
      const std::unique_ptr<Part> part = choice.example(name);
      Fields fields;
      part->describe(fields);
      const std::vector<std::string> needs = required_names(fields);
      if (needs.empty()) bare.push_back(name);
      types.items.push_back(Json::of(name));
      Json body = object(*part, name);
      body.set("description", Json::of(choice.doc(name) + (needs.empty() ? "" : " Needs: " + join(needs) + ".")));
      definitions.set(kind + "." + name, std::move(body));
      Json condition = only("type", Json::of("object"));  // without these two every case would hold for null and for {}
      condition.set("required", list_of({"type"}));
      condition.set("properties", only("type", only("const", Json::of(name))));
      Json rule = only("if", std::move(condition));
      rule.set("then", reference(kind + "." + name));
      cases.items.push_back(std::move(rule));
    }
    Json options = only("type", list_of({"object", "null"}));
    options.set("properties", only("type", only("enum", std::move(types))));
    options.set("allOf", std::move(cases));
    Json json = only("if", only("type", Json::of("string")));
    json.set("then", one_of(bare));
    json.set("else", std::move(options));
    definitions.set(kind, std::move(json));
  }

  std::set<std::string> known_;
};

}  // namespace

Json json_schema(Part& root) {
  SchemaWriter writer;
  Json options = writer.object(root, "");
  Json properties = Json::dict();
  properties.set("$schema", only("type", Json::of("string")));
  properties.set("format", only("const", Json::of(1)));
  properties.set("extends", any_of({only("type", list_of({"string", "null"})), only("type", Json::of("array"))}));
  properties.set("vars", only("type", list_of({"object", "null"})));
  for (Json::Member& member : options.find("properties")->value.members) properties.set(member.key, std::move(member.value));
  if (Json::Member* name = properties.find("name")) name->value.set("pattern", Json::of("^[A-Za-z0-9_.-]+$"));
  Json schema = only("$schema", Json::of("http://json-schema.org/draft-07/schema#"));
  schema.set("title", Json::of("tapedeck experiment, format 1"));
  schema.set("type", Json::of("object"));
  if (properties.find("seed") && properties.find("seeds")) schema.set("not", only("required", list_of({"seed", "seeds"})));
  schema.set("properties", std::move(properties));
  schema.set("additionalProperties", Json::of(false));
  schema.set("definitions", std::move(writer.definitions));
  return schema;
}

}  // namespace tapedeck
