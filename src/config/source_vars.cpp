// ${vars.x}, ${env:X}, ${name} and ${seed} in strings, replaced once. Why: one folder name at the top of a file, and no
// other magic. Next: source.cpp.
#include <cstdlib>
#include <optional>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/source.h>

#include "source_parts.h"

namespace tapedeck {
namespace {

using Kind = Json::Kind;

bool is_scalar(const Json& json) { return !json.is(Kind::array) && !json.is(Kind::object); }
std::string as_text(const Json& json) { return json.is(Kind::string) ? json.string : json.dump(-1); }

/// The value of one variable and, for vars, the place it was defined at.
struct Variable {
  std::optional<Json> value;  // empty: leave the text as it is
  bool defined_elsewhere = false;
};

class Substitution {
 public:
  Substitution(const Json* vars, std::string name, std::optional<Json> seed, Diagnostics& diagnostics)
      : vars_(vars), name_(std::move(name)), seed_(std::move(seed)), diagnostics_(diagnostics) {}

  void apply(Json& json) {
    for (Json& item : json.items) apply(item);
    for (Json::Member& member : json.members) apply(member.value);
    if (json.is(Kind::string) && json.string.find("${") != std::string::npos) json = expand(json);
  }

 private:
  Json expand(const Json& json) {
    const std::string& in = json.string;
    std::string out;
    Location where = json.where;
    size_t at = 0;
    for (size_t open; (open = in.find("${", at)) != std::string::npos;) {
      out += in.substr(at, open - at);
      const size_t close = in.find('}', open);
      if (close == std::string::npos) {
        report("TD0207", "a \"${\" is never closed", json.where, "a } is missing", "");
        return json;
      }
      const std::string name = in.substr(open + 2, close - open - 2);
      const bool whole = open == 0 && close + 1 == in.size();
      const Variable variable = look_up(name, place_inside(json, open, close + 1 - open));
      if (variable.value && whole) return placed(*variable.value, variable.defined_elsewhere, json.where);
      if (variable.value && !is_scalar(*variable.value)) {
        report("TD0207", name + " is a list or an object and cannot be part of a string", json.where, "", "");
        return json;
      }
      // A path that begins with a variable belongs to the file that defines the variable.
      if (open == 0 && variable.defined_elsewhere) where = variable.value->where;
      out += variable.value ? as_text(*variable.value) : in.substr(open, close + 1 - open);
      at = close + 1;
    }
    Json result = Json::of(out + in.substr(at));
    result.where = where;
    return result;
  }

  static Json placed(Json value, bool keep, const Location& where) {
    if (!keep) value.where = where;
    return value;
  }

  // The caret goes under the variable itself if the text shows it unescaped at that distance.
  static Location place_inside(const Json& json, size_t start, size_t length) {
    Location where = json.where;
    if (!where.source || where.source->command_line || where.line == 0) return where;
    const std::string_view line = where.source->line(where.line);
    const size_t column = size_t(where.column) + start;  // zero-based, after the opening quote
    if (column + length > line.size() || line.substr(column, length) != json.string.substr(start, length)) return where;
    where.column = int(column) + 1;
    where.length = int(length);
    return where;
  }

  Variable look_up(const std::string& name, const Location& where) {
    if (name == "name") return {Json::of(name_), false};
    if (name == "seed") return {seed_, false};
    if (name.starts_with("env:")) {
      if (const char* value = std::getenv(name.substr(4).c_str())) return {Json::of(value), false};
      report("TD0208", "the environment variable " + in_quotes(name.substr(4)) + " is not set", where, "", "");
      return {Json::of(""), false};
    }
    const Json::Member* var = vars_ && name.starts_with("vars.") ? vars_->find(std::string_view(name).substr(5)) : nullptr;
    if (var) return {var->value, var->value.where.source != where.source};
    unknown(name, where);
    return {Json::of(""), false};
  }

  void unknown(const std::string& name, const Location& where) {
    if (!vars_ && name.starts_with("vars."))
      return report("TD0207", "variables cannot use each other", where, "write its value", "");
    std::vector<std::string> known;
    if (vars_) {
      for (const Json::Member& member : vars_->members) known.push_back("vars." + member.key);
    }
    known.insert(known.end(), {"name", "seed", "env:NAME"});
    std::string hint = suggest(name, known);
    if (hint.empty()) hint = suggest("vars." + name, known);
    report("TD0207", "there is no variable " + in_quotes(name), where, std::move(hint), "known: " + join(known));
  }

  void report(std::string code, std::string message, const Location& where, std::string hint, std::string note) {
    diagnostics_.add({std::move(code), std::move(message), where, std::move(hint), std::move(note)});
  }

  const Json* vars_;
  std::string name_;
  std::optional<Json> seed_;
  Diagnostics& diagnostics_;
};

}  // namespace

void substitute_variables(Json& tree, Diagnostics& diagnostics) {
  const Json::Member* name = tree.find("name");
  const std::string title = name && name->value.is(Kind::string) ? name->value.string : "";
  const Json::Member* seeds = tree.find("seeds");
  const bool several = seeds && seeds->value.is(Kind::array) && seeds->value.items.size() != 1;
  const std::optional<Json> seed = several ? std::nullopt : std::optional(Json::of(first_seed(tree)));
  Json vars = Json::dict();
  if (const Json::Member* given = tree.find("vars")) vars = given->value;
  erase(tree, "vars");
  if (!vars.is(Kind::object) && !vars.is(Kind::null)) {
    diagnostics.add({"TD0303", "vars must be an object", vars.where, "", ""});
  }
  // Variables may use the environment, the name and the seed, but not each other: everything is replaced once.
  Substitution(nullptr, title, seed, diagnostics).apply(vars);
  Substitution(&vars, title, seed, diagnostics).apply(tree);
}

int64_t first_seed(const Json& tree) {
  const Json::Member *seeds = tree.find("seeds"), *seed = tree.find("seed");
  if (seeds && !seeds->value.items.empty()) return seeds->value.items.front().integer;
  return seed ? seed->value.integer : 0;
}

Json substitute_seed(const Json& tree, int64_t seed) {
  Json result = tree;
  const std::string value = std::to_string(seed);
  if (result.is(Kind::string)) {
    if (result.string == "${seed}") {
      result = Json::of(seed);
      result.where = tree.where;
    }
    for (size_t at = 0; (at = result.string.find("${seed}", at)) != std::string::npos; at += value.size())
      result.string.replace(at, 7, value);
  }
  for (Json& item : result.items) item = substitute_seed(item, seed);
  for (Json::Member& member : result.members) member.value = substitute_seed(member.value, seed);
  return result;
}

}  // namespace tapedeck
