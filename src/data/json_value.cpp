// Checked access to a foreign JSON file. Next: json_value.h.
#include "src/data/json_value.h"

#include <nlohmann/json.hpp>

namespace tapedeck {

JsonValue JsonValue::at(const char* key) const {
  const nlohmann::json& all = object();
  const std::string path = key_.empty() ? key : key_ + "." + key;
  const auto it = all.find(key);
  if (it == all.end()) throw JsonValue(*value_, file_, path).error("is missing");
  return {*it, file_, path};
}

JsonValue JsonValue::at(size_t index) const { return {list()[index], file_, key_ + "[" + std::to_string(index) + "]"}; }
bool JsonValue::has(const char* key) const { return value_->is_object() && value_->contains(key) && !(*value_)[key].is_null(); }
bool JsonValue::is_null() const { return value_->is_null(); }
bool JsonValue::is_list() const { return value_->is_array(); }
size_t JsonValue::size() const { return list().size(); }
const nlohmann::json& JsonValue::object() const { return need(value_->is_object(), "an object"); }
const nlohmann::json& JsonValue::list() const { return need(value_->is_array(), "a list"); }
const std::string& JsonValue::string() const { return need(value_->is_string(), "a text").get_ref<const std::string&>(); }

int64_t JsonValue::integer() const {
  need(value_->is_number_integer(), "a whole number");
  const bool fits = value_->is_number_unsigned() ? value_->get<uint64_t>() >> 31 == 0 : value_->get<int64_t>() >> 31 == 0;
  return need(fits, "a number from 0 to 2147483647").get<int64_t>();
}

double JsonValue::number() const { return need(value_->is_number(), "a number").get<double>(); }

bool JsonValue::boolean(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  const JsonValue value = at(key);
  return value.need(value.raw().is_boolean(), "true or false").get<bool>();
}

Error JsonValue::error(std::string_view what, std::string hint) const {
  return {ErrorKind::data, text(file_, ": ", key_.empty() ? "the file" : key_, " ", what), std::move(hint)};
}

Error JsonValue::unknown_type(std::string_view known) const {
  return error(text("is ", value_->dump().substr(0, 80), ", which is not read"), text("read: ", known));
}

const nlohmann::json& JsonValue::need(bool right, std::string_view wanted) const {
  if (right) return *value_;
  const bool large = value_->is_structured();
  throw error(text("is ",
                   large ? value_->is_array() ? "a list" : "an object"
                         : value_->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80),
                   ", wanted ", wanted));
}

namespace {

/// Whoever copies or prints a value goes down one call per level, so depth is looked at before there is a value.
bool deeper_than(std::string_view text, int most) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"')
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
    else if (c == '[' || c == '{') ++depth;
    else if (c == ']' || c == '}') --depth;
    if (depth > most) return true;
  }
  return false;
}

}  // namespace

nlohmann::json parse_foreign_json(std::string_view content, const std::string& file) {
  if (content.starts_with("version https://git-lfs"))
    throw Error(ErrorKind::data, file + " is a Git LFS pointer, not the file itself", "fetch it: git lfs pull");
  constexpr int most_levels = 64;
  if (deeper_than(content, most_levels))
    throw Error(ErrorKind::data, text(file, ": more than ", most_levels, " levels of nesting"), "fetch the file again");
  try {
    return nlohmann::json::parse(content);
  } catch (const nlohmann::json::exception& problem) {  // also a number that no double holds
    const std::string_view said = problem.what();
    const size_t end = said.find("] ");
    throw Error(ErrorKind::data, text(file, " is no JSON, or not all of it: ", said.substr(end == said.npos ? 0 : end + 2)),
                "fetch the file again");
  }
}

}  // namespace tapedeck
