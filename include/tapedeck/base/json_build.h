// JSON written in one piece: json_object({{"name", name}, {"steps", 7}}). Next: base/table.h, for people.
#pragma once
#include <concepts>
#include <initializer_list>

#include <tapedeck/base/json.h>

namespace tapedeck {

template <class T>
Json json_value(T&& value) {
  using V = std::remove_cvref_t<T>;
  if constexpr (std::same_as<V, Json>) return std::forward<T>(value);
  else if constexpr (std::same_as<V, bool>) return Json::of(value);
  else if constexpr (std::integral<V>) return Json::of(int64_t(value));
  else if constexpr (std::floating_point<V>) return Json::of(double(value));
  else return Json::of(std::string(value));
}

struct JsonEntry {
  template <class T>
  JsonEntry(std::string_view key, T&& value) : key(key), value(json_value(std::forward<T>(value))) {}
  std::string_view key;
  mutable Json value;  // an initializer list is constant, and is moved from all the same
};
inline Json json_object(std::initializer_list<JsonEntry> entries) {
  Json out = Json::dict();
  for (const JsonEntry& entry : entries) out.set(std::string(entry.key), std::move(entry.value));
  return out;
}

/// Sets those that are not null.
inline void json_add(Json& object, std::initializer_list<JsonEntry> entries) {
  for (const JsonEntry& entry : entries)
    if (!entry.value.is(Json::Kind::null)) object.set(std::string(entry.key), std::move(entry.value));
}

/// What `write` makes of each item; without it the items themselves.
template <class Items, class F>
Json json_list(const Items& items, F&& write) {
  Json out = Json::list();
  for (auto& item : items) out.items.push_back(json_value(write(item)));
  return out;
}
template <class Items>
Json json_list(const Items& items) {
  return json_list(
      items, [](auto& item) -> auto& { return item; });
}

}  // namespace tapedeck
