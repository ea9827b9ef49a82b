// A validator for the part of JSON Schema draft-07 that the generated schema uses.
#pragma once
#include <doctest/doctest.h>

#include <regex.h>

#include <algorithm>
#include <string>
#include <vector>

#include <tapedeck/base/json.h>

namespace tapedeck::testing {

/// An unknown keyword fails the test.
class Validator {
 public:
  explicit Validator(const Json& schema) : root_(schema) {}
  bool accepts(const Json& value) const { return accepts(value, root_); }

 private:
  static bool is_type(const Json& v, const std::string& type) {
    if (type == "null") return v.is(Json::Kind::null);
    if (type == "boolean") return v.is(Json::Kind::boolean);
    if (type == "string") return v.is(Json::Kind::string);
    if (type == "array") return v.is(Json::Kind::array);
    if (type == "object") return v.is(Json::Kind::object);
    const bool number = v.is(Json::Kind::integer) || v.is(Json::Kind::number);
    return number && (type == "number" || double(v.integer) == v.number);
  }
  static bool matches(const std::string& pattern, const std::string& text) {
    regex_t compiled;
    REQUIRE(regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) == 0);
    const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
  }
  bool accepts(const Json& v, const Json& schema) const {
    if (schema.is(Json::Kind::boolean)) return schema.boolean;
    return std::all_of(schema.members.begin(), schema.members.end(),
                       [&](const Json::Member& rule) { return holds(v, rule.key, rule.value, schema); });
  }
  bool any(const std::vector<Json>& options, const Json& v) const {
    return std::any_of(options.begin(), options.end(), [&](const Json& option) { return accepts(v, option); });
  }
  bool holds(const Json& v, const std::string& key, const Json& rule, const Json& schema) const {
    const bool number = v.is(Json::Kind::integer) || v.is(Json::Kind::number);
    if (key == "type") {
      if (rule.is(Json::Kind::string)) return is_type(v, rule.string);
      return std::any_of(rule.items.begin(), rule.items.end(), [&](const Json& type) { return is_type(v, type.string); });
    }
    if (key == "enum")
      return std::any_of(rule.items.begin(), rule.items.end(), [&](const Json& item) { return item.dump() == v.dump(); });
    if (key == "const") return rule.dump() == v.dump();
    if (key == "minimum") return !number || v.number >= rule.number;
    if (key == "maximum") return !number || v.number <= rule.number;
    if (key == "exclusiveMinimum") return !number || v.number > rule.number;
    if (key == "exclusiveMaximum") return !number || v.number < rule.number;
    if (key == "pattern") return !v.is(Json::Kind::string) || matches(rule.string, v.string);
    if (key == "minLength") return !v.is(Json::Kind::string) || int64_t(v.string.size()) >= rule.integer;
    if (key == "minItems") return !v.is(Json::Kind::array) || int64_t(v.items.size()) >= rule.integer;
    if (key == "maxItems") return !v.is(Json::Kind::array) || int64_t(v.items.size()) <= rule.integer;
    if (key == "items") return std::all_of(v.items.begin(), v.items.end(), [&](const Json& item) { return accepts(item, rule); });
    if (key == "required")
      return !v.is(Json::Kind::object) ||
             std::all_of(rule.items.begin(), rule.items.end(), [&](const Json& name) { return v.find(name.string); });
    if (key == "properties") {
      return std::all_of(v.members.begin(), v.members.end(), [&](const Json::Member& member) {
        const Json::Member* property = rule.find(member.key);
        return !property || accepts(member.value, property->value);
      });
    }
    if (key == "additionalProperties") {
      const Json::Member* known = schema.find("properties");
      return std::all_of(v.members.begin(), v.members.end(), [&](const Json::Member& member) {
        return (known && known->value.find(member.key)) || accepts(member.value, rule);
      });
    }
    if (key == "not") return !accepts(v, rule);
    if (key == "anyOf") return any(rule.items, v);
    if (key == "allOf")
      return std::all_of(rule.items.begin(), rule.items.end(), [&](const Json& option) { return accepts(v, option); });
    if (key == "if") {
      const Json::Member* branch = schema.find(accepts(v, rule) ? "then" : "else");
      return !branch || accepts(v, branch->value);
    }
    if (key == "$ref") {
      const Json::Member* target =
          root_.find("definitions")->value.find(rule.string.substr(std::string("#/definitions/").size()));
      REQUIRE(target != nullptr);
      return accepts(v, target->value);
    }
    const bool annotation = key == "then" || key == "else" || key == "definitions" || key == "$schema" || key == "title" ||
                            key == "description" || key == "default" || key == "examples";
    CAPTURE(key);
    CHECK(annotation);
    return true;
  }
  const Json& root_;
};

}  // namespace tapedeck::testing
