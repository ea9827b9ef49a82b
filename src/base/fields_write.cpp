// A part written back as JSON: every field with its present value. Why: resolved.json must run as it is, and read and
// write use the same describe(). Next: fields_read.cpp.
#include <type_traits>

#include <tapedeck/base/fields.h>

namespace tapedeck {
namespace {

Json write(bool v) { return Json::of(v); }
Json write(int64_t v) { return Json::of(v); }
Json write(double v) { return Json::of(v); }
Json write(const std::string& v) { return Json::of(v); }
Json write(const Path& v) { return v ? Json::of(v.path) : Json{}; }
Json write(const Duration& v) { return v ? Json::of(v.str()) : Json{}; }
Json write(const Json& v) { return v; }
Json write(Part& part) { return write_fields(part); }

template <class T>
Json write(const std::optional<T>& v) {
  return v ? write(*v) : Json{};
}
template <class T>
Json write(const std::vector<T>& v) {
  Json list = Json::list();
  for (const T& item : v) list.items.push_back(write(item));
  return list;
}
Json write(const std::map<std::string, std::string>& v) {
  Json dict = Json::dict();
  for (const auto& [key, value] : v) dict.set(key, Json::of(value));
  return dict;
}
Json write(AnyChoice& choice) {
  if (!choice.part()) return {};
  Json dict = Json::dict();
  dict.set("type", Json::of(std::string(choice.name())));
  for (Json::Member& member : write_fields(*choice.part()).members) dict.set(std::move(member.key), std::move(member.value));
  return dict;
}
Json write(const AnyList& parts) {
  Json list = Json::list();
  for (size_t i = 0; i < parts.size(); ++i) list.items.push_back(write_fields(*parts.at(i)));
  return list;
}
Json write(const AnyChoices& choices) {
  Json list = Json::list();
  for (size_t i = 0; i < choices.size(); ++i) list.items.push_back(write(*choices.at(i)));
  return list;
}

}  // namespace

Json write_fields(Part& part) {
  Fields fields;
  part.describe(fields);
  Json dict = Json::dict();
  for (Field& field : fields.all) {
    dict.set(field.name, std::visit(
                             [](auto& target) {
                               if constexpr (std::is_pointer_v<std::remove_reference_t<decltype(target)>>) return write(*target);
                               else return write(target);
                             },
                             field.target));
  }
  return dict;
}

}  // namespace tapedeck
