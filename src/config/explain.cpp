// Reference texts for the terminal, from the same describe() that reads the file. Why: the answer to "what can I write
// here" belongs where the question arises. Next: schema.cpp.
#include <algorithm>
#include <set>
#include <sstream>
#include <type_traits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/error_codes.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/schema.h>

namespace tapedeck {
namespace {

using Kind = Json::Kind;

constexpr size_t columns = 100;

std::string with_article(const std::string& word) {
  const bool vowel = !word.empty() && std::string_view("aeiou").find(word[0]) != std::string_view::npos;
  return (vowel ? "an " : "a ") + word;
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(in_quotes(word));
  return join(quoted, " or ");
}

/// What a field takes, in words; `several` is the plural used for lists.
struct TypeName {
  const Field& field;
  bool several = false;

  std::string number(const char* one, const char* many) const {
    const std::string range = field.range_text();
    return std::string(several ? many : one) + (range.empty() ? "" : ", " + range);
  }
  std::string list(const std::string& items) const {
    const size_t low = field.shortest, high = field.longest;
    return "a list of " + (low > 0 && low == high ? text(low, " ") : "") + items;
  }
  std::string operator()(bool*) const { return "true or false"; }
  std::string operator()(int64_t*) const { return number("a whole number", "whole numbers"); }
  std::string operator()(double*) const { return number("a number", "numbers"); }
  std::string operator()(std::string*) const {
    if (!field.choices.empty()) return quoted_list(field.choices);
    return several ? "texts" : "text";
  }
  std::string operator()(Path*) const { return several ? "paths" : "a path"; }
  std::string operator()(Duration*) const {
    std::vector<std::string> examples;
    for (Duration::Unit unit : field.units) examples.push_back(unit_example(unit));
    return examples.empty() ? "a duration" : "a duration such as " + quoted_list(examples);
  }
  std::string operator()(std::map<std::string, std::string>*) const { return "an object of texts"; }
  std::string operator()(Json*) const { return "any value"; }
  std::string operator()(AnyChoice* choice) const { return with_article(choice->kind()); }
  std::string operator()(Part*) const { return "a group of options"; }
  std::string operator()(const AnyList&) const { return list("groups of options"); }
  std::string operator()(const AnyChoices& choices) const { return list(choices.example()->kind() + "s"); }
  template <class T>
  std::string operator()(std::optional<T>*) const {
    return (*this)(static_cast<T*>(nullptr));
  }
  template <class T>
  std::string operator()(std::vector<T>*) const {
    return list(TypeName{field, true}(static_cast<T*>(nullptr)));
  }
};

bool is_group(const Field& field) {
  return std::holds_alternative<Part*>(field.target) || std::holds_alternative<AnyList>(field.target);
}

OptionDoc option_doc(const Field& field, const Json& value) {
  OptionDoc option{field.name, std::visit(TypeName{field}, field.target), "", field.doc, ""};
  const Json::Member* type = value.find("type");
  if (AnyChoice* const* choice = std::get_if<AnyChoice*>(&field.target)) option.kind = (*choice)->kind();
  if (const AnyChoices* list = std::get_if<AnyChoices>(&field.target)) option.kind = list->example()->kind();
  if (field.is_required) option.initial = "required";
  else if (type) option.initial = type->value.dump(-1);
  else if (!value.is(Kind::null) && !is_group(field)) option.initial = value.dump(-1);
  return option;
}

// All options with their defaults; those without a value are left out, required ones shown as "...".
std::string example_of(const Fields& fields, Part& part, const std::string& type) {
  Json json = Json::dict();
  if (!type.empty()) json.set("type", Json::of(type));
  for (Json::Member& member : write_fields(part).members) {
    const auto field = std::find_if(fields.all.begin(), fields.all.end(), [&](const Field& f) { return f.name == member.key; });
    if (field->is_required) json.set(member.key, Json::of("..."));
    else if (!member.value.is(Kind::null)) json.set(member.key, std::move(member.value));
  }
  return json.dump();
}

class Collector {
 public:
  std::vector<PartDoc> docs;

  void group(const std::string& kind, const std::string& name, const std::string& doc, Part& part, Method method = {}) {
    Fields fields;
    part.describe(fields);
    const Json values = write_fields(part);
    PartDoc made{kind, name, doc, {}, example_of(fields, part, kind == "section" ? "" : name), std::move(method)};
    for (const Field& field : fields.all) made.options.push_back(option_doc(field, values.find(field.name)->value));
    docs.push_back(std::move(made));
    for (Field& field : fields.all) inner(field, name == "experiment" ? field.name : name + "." + field.name);
  }

  void choice(const AnyChoice& choice) {
    if (!known_.insert(choice.kind()).second) return;
    for (const std::string& name : choice.names())
      group(choice.kind(), name, choice.doc(name), *choice.example(name), choice.method(name));
  }

 private:
  void inner(Field& field, const std::string& name) {
    if (Part** part = std::get_if<Part*>(&field.target)) group("section", name, field.doc, **part);
    if (AnyList* list = std::get_if<AnyList>(&field.target)) group("section", name, field.doc, *list->example());
    if (AnyChoice** any = std::get_if<AnyChoice*>(&field.target)) choice(**any);
    if (AnyChoices* list = std::get_if<AnyChoices>(&field.target)) choice(*list->example());
  }

  std::set<std::string> known_;
};

// Breaks a paragraph at spaces; every line begins with `indent` spaces.
std::string wrapped(const std::string& paragraph, size_t indent) {
  std::string out, line;
  size_t at = 0;
  while (at < paragraph.size()) {
    const size_t end = std::min(paragraph.find_first_of(" \n", at), paragraph.size());
    const std::string word = paragraph.substr(at, end - at);
    if (!line.empty() && indent + line.size() + 1 + word.size() > columns) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    if (!word.empty()) line += (line.empty() ? "" : " ") + word;
    if (end < paragraph.size() && paragraph[end] == '\n') {
      out += std::string(line.empty() ? 0 : indent, ' ') + line + "\n";
      line.clear();
    }
    at = end + 1;
  }
  return line.empty() ? out : out + std::string(indent, ' ') + line + "\n";
}

std::string title(const PartDoc& part) { return part.kind + " " + in_quotes(part.name); }

std::string option_lines(const OptionDoc& option, size_t width) {
  const std::string initial = option.initial.empty()         ? ""
                              : option.initial == "required" ? " (required)"
                                                             : " (default " + option.initial + ")";
  std::string head = wrapped(option.type + initial, width + 4);
  head.replace(2, option.name.size(), option.name);
  return head + wrapped(option.doc, width + 4);
}

// Equation, source, cost and pitfalls, each under its name; a pitfall a line.
std::string method_lines(const Method& method) {
  if (!method) return "";
  std::string out = "\nEquation:\n" + wrapped(method.equation, 2) + "\nSource:\n" + wrapped(method.source, 2) +
                    "\nCost of an update:\n" + wrapped(method.cost, 2);
  if (method.pitfalls.empty()) return out;
  out += "\nPitfalls:\n";
  std::istringstream lines(method.pitfalls);
  for (std::string line; std::getline(lines, line);) out += wrapped(line, 4).replace(2, 1, "-");
  return out;
}

size_t name_width(const std::vector<OptionDoc>& options) {
  size_t width = 0;
  for (const OptionDoc& option : options) width = std::max(width, option.name.size());
  return width;
}

// Up to a full stop before a capital letter, so that "et al. 2017" does not end it.
std::string first_sentence(const std::string& doc) {
  size_t end = doc.find('\n');
  for (size_t at = doc.find(". "); at < end && at != std::string::npos; at = doc.find(". ", at + 1)) {
    if (at + 2 < doc.size() && doc[at + 2] >= 'A' && doc[at + 2] <= 'Z') end = at;
  }
  std::string sentence = doc.substr(0, end);
  if (sentence.ends_with('.')) sentence.pop_back();
  return sentence;
}

std::string list_kind(const std::vector<PartDoc>& docs, const std::string& kind) {
  std::string out;
  size_t width = 0;
  for (const PartDoc& part : docs) {
    if (part.kind == kind) width = std::max(width, part.name.size());
  }
  for (const PartDoc& part : docs) {
    if (part.kind != kind) continue;
    std::string lines = wrapped(first_sentence(part.doc), width + 4);
    if (lines.empty()) lines = std::string(width + 4, ' ') + "\n";
    out += lines.replace(2, part.name.size(), part.name);
  }
  return out.empty() ? "" : "kind " + in_quotes(kind) + "\n" + out;
}

/// Finds what a topic names, in order of how exactly it names it.
class Explainer {
 public:
  explicit Explainer(const std::vector<PartDoc>& docs) : docs_(docs) {}

  std::string find(const std::string& topic) const {
    if (const ErrorCode* code = find_error_code(topic)) return explain(*code);
    for (const std::string& found : {parts(topic), list_kind(docs_, topic), section(topic), options(topic)}) {
      if (!found.empty()) return found;
    }
    throw Error(ErrorKind::usage, "there is nothing called " + in_quotes(topic), suggest(topic, names()));
  }

 private:
  std::string parts(const std::string& topic) const {
    std::string out;
    for (const PartDoc& part : docs_) {
      if (part.name == topic || part.kind + "." + part.name == topic) out += (out.empty() ? "" : "\n") + explain_part(part);
    }
    return out;
  }

  // A section of the experiment that is a choice: "data" holds a part of the kind "reader".
  std::string section(const std::string& topic) const {
    for (const OptionDoc& option : docs_.front().options) {
      if (option.name == topic && !option.kind.empty())
        return option_lines(option, option.name.size()) + list_kind(docs_, option.kind);
    }
    return "";
  }

  std::string options(const std::string& topic) const {
    const size_t dot = topic.rfind('.');
    const std::string owner = dot == std::string::npos ? "" : topic.substr(0, dot), name = topic.substr(dot + 1);
    std::string kind = owner;
    for (const OptionDoc& option : docs_.front().options) {
      if (option.name == owner && !option.kind.empty()) kind = option.kind;
    }
    std::string out;
    for (const PartDoc& part : docs_) {
      if (!owner.empty() && owner != part.name && kind != part.kind && owner != part.kind + "." + part.name) continue;
      for (const OptionDoc& option : part.options) {
        if (option.name == name) out += title(part) + "\n" + option_lines(option, option.name.size());
      }
    }
    return out;
  }

  std::vector<std::string> names() const {
    std::set<std::string> all;
    for (const PartDoc& part : docs_) {
      all.insert(part.name);
      if (part.kind != "section") all.insert(part.kind);
      for (const OptionDoc& option : part.options) all.insert(option.name);
    }
    for (const ErrorCode& code : error_codes()) all.insert(std::string(code.code));
    return {all.begin(), all.end()};
  }

  const std::vector<PartDoc>& docs_;
};

}  // namespace

std::vector<PartDoc> part_docs(Part& root, const std::vector<const AnyChoice*>& more) {
  Collector collector;
  collector.group("section", "experiment", "What an experiment file consists of.", root);
  for (const AnyChoice* choice : more) collector.choice(*choice);
  // Sections stay in the order of the file, parts follow by kind and name.
  const auto key = [](const PartDoc& d) {
    return d.kind == "section" ? std::pair<std::string, std::string>() : std::pair(d.kind, d.name);
  };
  std::stable_sort(collector.docs.begin(), collector.docs.end(),
                   [&](const PartDoc& a, const PartDoc& b) { return key(a) < key(b); });
  return std::move(collector.docs);
}

std::string explain_part(const PartDoc& part) {
  std::string out = title(part) + "\n" + wrapped(part.doc, 2) + method_lines(part.method);
  if (part.options.empty()) return out + "\nIt has no options.\n";
  out += "\nOptions:\n";
  for (const OptionDoc& option : part.options) out += option_lines(option, name_width(part.options));
  return out + "\nWritten out:\n" + part.example + "\n";
}

std::string explain_part(const AnyChoice& kind, std::string_view name) {
  const std::unique_ptr<Part> part = kind.example(name);
  if (!part) throw Error(ErrorKind::usage, "there is no " + kind.kind() + " " + in_quotes(name), suggest(name, kind.names()));
  Collector collector;
  collector.group(kind.kind(), std::string(name), kind.doc(name), *part, kind.method(name));
  return explain_part(collector.docs.front());
}

std::string explain(const std::vector<PartDoc>& docs, const std::string& topic) { return Explainer(docs).find(topic); }

}  // namespace tapedeck
