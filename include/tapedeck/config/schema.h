// What describe() and the registries know, as text for people and as JSON Schema for editors. Why: documentation that is
// generated cannot be out of date. Next: config.h for the parts themselves.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/fields.h>

namespace tapedeck {

/// JSON Schema (draft-07) of experiment files. Every part is `if string then its name else its options by "type"`, so that
/// editors complete the types and then the options of that type. Nothing is required: a file may be completed by the one
/// that extends it. null and ${variables} are accepted wherever the tool accepts them.
Json json_schema(Part& root);

/// One option as `explain` shows it.
struct OptionDoc {
  std::string name, type;  // "lr", "a number, greater than 0"
  std::string initial;     // the default as JSON, "required", or empty when there is none
  std::string doc;
  std::string kind;  // of the part it holds: "objective"; empty for values
};
/// A registered part ("objective", "r_drop") or a group of options ("section", "training" or "adamw.groups").
struct PartDoc {
  std::string kind, name, doc;
  std::vector<OptionDoc> options;
  std::string example;  // all options with their defaults, as JSON
  Method method;        // equation, source, cost, pitfalls; empty for most parts
};
/// Everything reachable from `root`, sections first, then parts by kind and name; `more` adds kinds that no option holds.
std::vector<PartDoc> part_docs(Part& root, const std::vector<const AnyChoice*>& more = {});
/// One part for the terminal: what it does, its options, an example.
std::string explain_part(const PartDoc& part);
std::string explain_part(const AnyChoice& kind, std::string_view name);

/// Explains whatever the topic names: a diagnostic code ("TD0301"), a kind ("objective"), a part ("r_drop",
/// "objective.r_drop"), a section ("training") or an option ("training.batch_size"). Throws Error{usage} with a suggestion.
std::string explain(const std::vector<PartDoc>& docs, const std::string& topic);

}  // namespace tapedeck
