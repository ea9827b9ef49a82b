// --set a.b.0.c=value onto the tree. Why: a run must be variable from the shell without a second language.
// Next: source_vars.cpp.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/source.h>

#include "source_parts.h"

namespace tapedeck {
namespace {

using Kind = Json::Kind;

constexpr size_t deepest_path = 32;

// "a.b[0].c" -> a, b, 0, c. Throws Error{usage} for an empty piece.
std::vector<std::string> split_path(const std::string& assignment, size_t equals) {
  std::vector<std::string> keys(1);
  for (char c : assignment.substr(0, std::min(equals, assignment.size()))) {
    if (c == '.' || c == '[') keys.emplace_back();
    else if (c != ']') keys.back() += c;
  }
  const bool empty = std::any_of(keys.begin(), keys.end(), [](const std::string& key) { return key.empty(); });
  if (equals == std::string::npos || empty || keys.size() > deepest_path) {
    throw Error(ErrorKind::usage, "--set " + in_quotes(assignment) + " is not an assignment", "write --set optimizer.lr=0.001");
  }
  return keys;
}

std::string joined_path(const std::vector<std::string>& keys, size_t count) {
  return join({keys.begin(), keys.begin() + std::ptrdiff_t(count)}, ".");
}

class Assignment {
 public:
  Assignment(const std::string& assignment, Diagnostics& diagnostics) : diagnostics_(diagnostics) {
    const size_t equals = assignment.find('=');
    keys_ = split_path(assignment, equals);
    auto source = std::make_shared<Source>();
    source->name = "--set " + assignment;
    source->text = assignment.substr(equals + 1);
    source->command_line = true;
    place_.source = source;
    read_value(source);
  }

  void apply(Json& tree) {
    if (refused_) return;
    if (keys_[0] == "extends" || keys_[0] == "$schema") return report("\"" + keys_[0] + "\" can only be given in a file", "");
    if (keys_[0] == "seed") erase(tree, "seeds");
    if (keys_[0] == "seeds") erase(tree, "seed");
    Json* at = &tree;
    for (size_t i = 0; i + 1 < keys_.size() && at; ++i) at = child(*at, i);
    if (at) assign(*at);
  }

 private:
  // JSON if it reads as such; what begins like JSON but is broken is a mistake, everything else a string.
  void read_value(const std::shared_ptr<const Source>& source) {
    Diagnostics problems;
    value_ = parse_json(source, problems);
    if (problems.empty()) return;
    const Diagnostic& first = problems.list().front();
    const size_t start = source->text.find_first_not_of(" \t");
    const bool looks_like_json =
        start != std::string::npos && std::string_view("{[\"").find(source->text[start]) != std::string_view::npos;
    refused_ = looks_like_json || first.code == "TD0103";
    if (refused_) diagnostics_.add({"TD0205", "the value is not JSON: " + first.message, place_, first.hint, ""});
    value_ = Json::of(source->text);
    value_.where = place_;
  }

  void report(std::string message, std::string note) {
    diagnostics_.add({"TD0204", std::move(message), place_, "", std::move(note)});
  }

  // The entry of `parent` that keys_[i] names, made if it may be; null after a diagnostic.
  Json* child(Json& parent, size_t i) {
    if (parent.is(Kind::array)) return item(parent, i);
    if (!make_section(parent, i)) return nullptr;
    if (Json::Member* member = parent.find(keys_[i])) return &member->value;
    Json section = Json::dict();
    section.where = place_;
    return &parent.set(keys_[i], std::move(section));
  }

  Json* item(Json& list, size_t i) {
    const std::string& key = keys_[i];
    const bool number = key.size() < 10 && key.find_first_not_of("0123456789") == std::string::npos;
    if (number && std::stoul(key) < list.items.size()) return &list.items[std::stoul(key)];
    report(joined_path(keys_, i) + " has no entry " + in_quotes(key),
           text("it is a list of ", list.items.size(), ", counted from 0"));
    return nullptr;
  }

  bool make_section(Json& value, size_t i) {
    if (value.is(Kind::string)) value = expand_shorthand(value);
    if (value.is(Kind::null)) {
      value = Json::dict();
      value.where = place_;
    }
    if (value.is(Kind::object)) return true;
    report(joined_path(keys_, i) + " is not a section: it is " + value.dump(-1), "");
    return false;
  }

  void assign(Json& parent) {
    const size_t last = keys_.size() - 1;
    if (parent.is(Kind::array)) {
      if (Json* entry = item(parent, last)) *entry = merge(*entry, value_);
      return;
    }
    if (!make_section(parent, last)) return;
    Json::Member* old = parent.find(keys_[last]);
    if (value_.is(Kind::null)) erase(parent, keys_[last]);
    else if (old) *old = {keys_[last], place_, merge(old->value, value_)};
    else parent.set(keys_[last], value_).where = place_;
  }

  Diagnostics& diagnostics_;
  std::vector<std::string> keys_;
  Location place_;
  Json value_;
  bool refused_ = false;
};

}  // namespace

void apply_set(Json& tree, const std::string& assignment, Diagnostics& diagnostics) {
  Assignment(assignment, diagnostics).apply(tree);
}

}  // namespace tapedeck
