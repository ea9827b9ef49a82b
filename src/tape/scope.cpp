// Module paths as small numbers: a tree of names, of which one is current. Next: tape.cpp.
#include <tapedeck/tape/scope.h>

#include <charconv>
#include <vector>

#include <tapedeck/base/random.h>

namespace tapedeck {
namespace {

struct Entry {
  ScopeId parent;
  ScopeId first_child, next_sibling;
  std::string name;
  uint64_t hash;
};
struct Table {
  std::vector<Entry> entries{{0, 0, 0, "", 0}};
  ScopeId current = 0;
};
Table& table() {
  static thread_local Table t;
  return t;
}

ScopeId child(ScopeId parent, std::string_view name) {
  auto& entries = table().entries;
  for (ScopeId c = entries[parent].first_child; c; c = entries[c].next_sibling)
    if (entries[c].name == name) return c;
  const ScopeId id = ScopeId(entries.size());
  const uint64_t hash = (Key{entries[parent].hash} / name).bits;
  entries.push_back({parent, 0, entries[parent].first_child, std::string(name), hash});
  entries[parent].first_child = id;
  return id;
}

}  // namespace

Scope::Scope(std::string_view name) : before_(table().current) { table().current = child(before_, name); }

Scope::Scope(std::string_view name, int64_t index) : before_(table().current) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, index).ptr;
  table().current = child(child(before_, name), {digits, size_t(end - digits)});
}

Scope::Scope(ScopeId path) : before_(table().current) { table().current = path; }

Scope::~Scope() { table().current = before_; }

ScopeId current_scope() { return table().current; }

std::string scope_path(ScopeId id) {
  const auto& entries = table().entries;
  std::string path;
  for (; id; id = entries[id].parent) path = path.empty() ? entries[id].name : entries[id].name + "." + path;
  return path;
}

ScopeId scope_id(std::string_view path) {
  ScopeId id = 0;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    id = child(id, path.substr(0, dot));
    path = dot == path.npos ? std::string_view{} : path.substr(dot + 1);
  }
  return id;
}

uint64_t scope_hash(ScopeId id) { return table().entries[id].hash; }

}  // namespace tapedeck
