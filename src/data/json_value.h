// A value of somebody else's JSON file and the way to it, so that every mistake names file, key and what is read.
// Why not base/json.h: a tokenizer file holds a million values, which need no line and column each. Next: pretrained_files.h.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/error.h>

namespace tapedeck {

class JsonValue {
 public:
  JsonValue(const nlohmann::json& value, std::string file, std::string key = "")
      : value_(&value), file_(std::move(file)), key_(std::move(key)) {}

  const nlohmann::json& raw() const { return *value_; }
  const std::string& file() const { return file_; }
  bool has(const char* key) const;  // and it is not null
  bool is_null() const;
  /// A member of an object, an item of a list. Throws when it is missing.
  JsonValue at(const char* key) const;
  JsonValue at(size_t index) const;
  size_t size() const;  // of a list
  bool is_list() const;

  const std::string& string() const;
  int64_t integer() const;  // 0 .. 2^31 - 1: ids and lengths
  double number() const;
  bool boolean(const char* key, bool otherwise) const;  // of a member that may be missing
  std::string string(const char* key, std::string otherwise) const { return has(key) ? at(key).string() : otherwise; }
  const nlohmann::json& object() const;

  /// "folder/tokenizer.json: model.type is "WordLevel"" and what is read instead.
  Error error(std::string_view what, std::string hint = "") const;
  Error unknown_type(std::string_view known) const;

 private:
  const nlohmann::json& need(bool right, std::string_view wanted) const;
  const nlohmann::json& list() const;
  const nlohmann::json* value_;
  std::string file_, key_;
};

/// Throws Error{data} for text that is no JSON, saying where it breaks off.
nlohmann::json parse_foreign_json(std::string_view text, const std::string& file);

}  // namespace tapedeck
