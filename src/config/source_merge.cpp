// The merge rule and the table of origins. Why: extends, stages and --set must agree on what "over" means.
// Next: source_set.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/config/source.h>

#include "source_parts.h"

namespace tapedeck {
namespace {

using Kind = Json::Kind;

// The part a value names: the bare string itself or its "type"; null if it names none.
const std::string* type_of(const Json& json) {
  if (json.is(Kind::string)) return &json.string;
  const Json::Member* type = json.find("type");
  return type && type->value.is(Kind::string) ? &type->value.string : nullptr;
}

bool is_plain(const Json& json) {
  const auto nested = [](const Json& item) { return item.is(Kind::object) || item.is(Kind::array); };
  return !json.is(Kind::object) && std::none_of(json.items.begin(), json.items.end(), nested);
}

// Walks `resolved`; `tree` is the same value as the user gave it, null below anything that was not given.
void collect(const Json* tree, const Json& resolved, const std::string& path, Json& out) {
  if (is_plain(resolved)) {
    out.members.push_back({path, {}, Json::of(tree ? origin(tree->where) : "default")});
    return;
  }
  const std::string prefix = path.empty() ? "" : path + ".";
  for (size_t i = 0; i < resolved.items.size(); ++i) {
    collect(tree && i < tree->items.size() ? &tree->items[i] : nullptr, resolved.items[i], text(prefix, i), out);
  }
  const Json expanded = tree && tree->is(Kind::string) ? expand_shorthand(*tree) : Json{};
  if (tree && tree->is(Kind::string)) tree = &expanded;
  for (const Json::Member& member : resolved.members) {
    const Json::Member* given = tree ? tree->find(member.key) : nullptr;
    collect(given && !given->value.is(Kind::null) ? &given->value : nullptr, member.value, prefix + member.key, out);
  }
}

}  // namespace

Json expand_shorthand(const Json& name) {
  Json part = Json::dict();
  part.where = name.where;
  part.set("type", name);
  return part;
}

Json merge(const Json& base, const Json& over) {
  const std::string *was = type_of(base), *is = type_of(over);
  const bool both_sections = over.is(Kind::object) && (base.is(Kind::object) || base.is(Kind::string));
  const bool same_part = over.is(Kind::string) && base.is(Kind::object) && was && *was == *is;
  if (!(both_sections || same_part) || (was && is && *was != *is)) return over;
  Json result = base.is(Kind::string) ? expand_shorthand(base) : base;
  const Json changes = over.is(Kind::string) ? expand_shorthand(over) : over;
  result.where = over.where;
  for (const Json::Member& change : changes.members) {
    Json::Member* old = result.find(change.key);
    if (change.value.is(Kind::null)) erase(result, change.key);
    else if (old) *old = {change.key, change.where, merge(old->value, change.value)};
    else result.members.push_back(change);
  }
  return result;
}

std::string origin(const Location& where) {
  if (!where.source) return "default";
  return where.source->command_line ? where.source->name : text(where.source->name, ":", where.line);
}

Json origins(const Json& tree) { return origins(tree, tree); }

Json origins(const Json& tree, const Json& resolved) {
  Json out = Json::dict();
  collect(&tree, resolved, "", out);
  return out;
}

}  // namespace tapedeck
