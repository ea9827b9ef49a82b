// Searching the tree of an experiment for the place a message is about. Why: checks speak of options, people of lines.
#include "src/config/locations.h"

#include <cctype>
#include <charconv>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

const Json* child(const Json& json, std::string_view key) {
  if (const Json::Member* member = json.find(key)) return &member->value;
  size_t index = 0;
  const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool in_list = json.is(Json::Kind::array) && problem == std::errc{} && end == key.data() + key.size();
  return in_list && index < json.items.size() ? &json.items[index] : nullptr;
}

/// Follows the path as far as it goes; `whole` tells whether that was to its end.
const Json& follow(const Json& tree, std::string_view path, bool& whole) {
  const Json* at = &tree;
  for (whole = true; !path.empty();) {
    const size_t dot = path.find('.');
    const Json* next = child(*at, path.substr(0, dot));
    if (!next) {
      whole = false;
      break;
    }
    at = next;
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return *at;
}

const Json* find_quoted(const Json& json, std::string_view message) {
  if (json.is(Json::Kind::string) && message.find(in_quotes(json.string)) != std::string_view::npos) return &json;
  for (const Json& item : json.items)
    if (const Json* found = find_quoted(item, message)) return found;
  for (const Json::Member& member : json.members)
    if (const Json* found = member.key == "type" ? nullptr : find_quoted(member.value, message)) return found;
  return nullptr;
}

bool names(std::string_view message, std::string_view word) {
  const auto letter = [&](size_t i) {
    return i < message.size() && (std::isalnum(static_cast<unsigned char>(message[i])) || message[i] == '_');
  };
  for (size_t at = message.find(word); at != std::string_view::npos; at = message.find(word, at + 1))
    if ((at == 0 || !letter(at - 1)) && !letter(at + word.size())) return true;
  return false;
}

const Json* find_mentioned(const Json& json, std::string_view message) {
  const Json* found = nullptr;
  for (const Json::Member& member : json.members) {
    if (const Json* inner = find_mentioned(member.value, message)) found = inner;
    else if (!member.value.is(Json::Kind::object) && member.key != "type" && names(message, member.key)) found = &member.value;
  }
  return found;
}

}  // namespace

std::string metric_name(const std::string& address) {
  constexpr std::string_view split = "validation/";
  return address.starts_with(split) ? address.substr(split.size()) : address;
}

const Json* value_at(const Json& tree, std::string_view path) {
  bool whole = false;
  const Json& found = follow(tree, path, whole);
  return whole ? &found : nullptr;
}

std::vector<std::pair<std::string, std::string>> places_of_parts(const Json& tree) {
  std::vector<std::pair<std::string, std::string>> places;
  const auto add = [&](const std::string& scope, const std::string& path, const Json* at) {
    if (at) places.emplace_back(scope, origin(at->where) + " " + path);
  };
  const Json* model = value_at(tree, "model");
  add("model", "model", model);
  if (model)
    for (const Json::Member& part : model->members) add(part.key, "model." + part.key, &part.value);
  for (const char* name : {"objective", "optimizer"}) add(name, name, value_at(tree, name));
  return places;
}

Location locate(const Json& tree, std::string_view path) {
  bool whole = false;
  const Json& found = follow(tree, path, whole);
  return &found == &tree ? Location{} : found.where;
}

Location locate_mentioned(const Json& tree, std::string_view path, std::string_view message) {
  const Json* named = value_at(tree, path);
  const Json& section = named ? *named : tree;  // a part that the file left out: the message may name what asked for it
  const Json* found = named ? find_mentioned(section, message) : nullptr;
  if (!found) found = find_quoted(section, message);
  return found ? found->where : locate(tree, path);
}

bool attempt(const Json& tree, std::string_view path, const char* code, Diagnostics& diagnostics,
             const std::function<void()>& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    diagnostics.add({code, error.message(), locate_mentioned(tree, path, error.what()), error.hint(), ""});
    return false;
  }
}

}  // namespace tapedeck
