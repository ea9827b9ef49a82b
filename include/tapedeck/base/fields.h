// The one reflection idea: a part lists its named fields once, in describe(Fields&). Reading with places, defaults,
// range checks, did-you-mean, explain, the JSON Schema, the printed docs and the resolved config all use that list.
//
//   struct Dropout : Part { double p = 0.1;
//     void describe(Fields& f) override { f("p", p, "drop probability").range(0, 1); } };
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tapedeck/base/json.h>

namespace tapedeck {

class Fields;

/// Anything that can be configured: objectives, encoders, readers, optimizers, plain option groups.
struct Part {
  virtual ~Part() = default;
  virtual void describe(Fields&) {}
};

/// "500 steps", "3 epochs", "2 evaluations", "1000 examples", "6%", "90 s", "15 min", "2 h".
struct Duration {
  enum class Unit { none, steps, epochs, evaluations, examples, percent, seconds };
  double amount = 0;
  Unit unit = Unit::none;  // none: not given
  explicit operator bool() const { return unit != Unit::none; }
  std::string str() const;
  /// Empty if the text is no duration: no unit, a negative amount, a fraction of a step, more than 100%.
  static std::optional<Duration> parse(std::string_view text);
};
/// "steps", "epochs", "evaluations", "examples", "%", "s" and an example of each: "500 steps".
std::string unit_name(Duration::Unit unit);
std::string unit_example(Duration::Unit unit);
/// A path; relative ones belong to the folder of the file that contains them (resolved while reading).
struct Path {
  std::string path;
  explicit operator bool() const { return !path.empty(); }
};

/// What the page of a method says beyond its options: `explain` prints it and docs/guide/methods/NAME.md holds it. Plain text.
struct Method {
  std::string equation;  // one a line
  std::string source;    // authors, year, section
  std::string cost;      // passes per update: "2F + 2B"
  std::string pitfalls;  // one a line
  explicit operator bool() const { return !equation.empty(); }
};

/// A part chosen by name out of a registry ("type"), or nothing. Defined in registry.h.
struct AnyChoice {
  virtual ~AnyChoice() = default;
  virtual std::vector<std::string> names() const = 0;  // registered names, sorted
  virtual std::string kind() const = 0;                // "objective", "encoder", ...
  virtual bool choose(std::string_view name) = 0;      // makes a default-configured part; false: unknown
  virtual std::string_view name() const = 0;           // "" when nothing is chosen
  virtual Part* part() = 0;                            // null when nothing is chosen
  virtual std::string doc(std::string_view name) const = 0;
  virtual Method method(std::string_view name) const = 0;                  // empty for parts that have no page
  virtual std::unique_ptr<Part> example(std::string_view name) const = 0;  // default-configured, for docs and schema
};

/// A list of parts of one class (parameter groups): grows by one default element at a time.
struct AnyList {
  std::function<void()> clear;
  std::function<Part*()> append;
  std::function<size_t()> size;
  std::function<Part*(size_t)> at;
  std::function<std::unique_ptr<Part>()> example;
};

/// A list of parts chosen by name (metrics with options): grows by one empty choice at a time.
struct AnyChoices {
  std::function<void()> clear;
  std::function<AnyChoice*()> append;
  std::function<size_t()> size;
  std::function<AnyChoice*(size_t)> at;
  std::function<std::unique_ptr<AnyChoice>()> example;
};

struct Field {
  using Target = std::variant<bool*, int64_t*, double*, std::string*, Path*, Duration*, std::optional<bool>*,
                              std::optional<int64_t>*, std::optional<double>*, std::optional<std::string>*, std::vector<int64_t>*,
                              std::vector<double>*, std::vector<std::string>*, std::vector<Path>*,
                              std::map<std::string, std::string>*, Json* /*anything*/, AnyChoice*, Part*, AnyList, AnyChoices>;
  std::string name, doc;
  Target target;
  bool is_required = false;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
  std::vector<std::string> choices;                                   // for strings
  std::vector<Duration::Unit> units;                                  // for durations; empty: all
  std::string example;                                                // JSON that checks try a part with; "": its default will do
  size_t shortest = 0, longest = std::numeric_limits<size_t>::max();  // for lists
  std::function<void(const std::string&)> assign;                     // enums: called after the string was read

  Field& required() {
    is_required = true;
    return *this;
  }
  Field& range(double lo, double hi) {
    low = lo;
    high = hi;
    return *this;
  }  // lo <= v <= hi
  Field& at_least(double lo) {
    low = lo;
    return *this;
  }
  Field& above(double lo) {
    low = lo;
    low_open = true;
    return *this;
  }  // v > lo
  Field& below(double hi) {
    high = hi;
    high_open = true;
    return *this;
  }  // v < hi
  Field& one_of(std::vector<std::string> names) {
    choices = std::move(names);
    return *this;
  }
  Field& in(std::vector<Duration::Unit> allowed) {
    units = std::move(allowed);
    return *this;
  }
  Field& length(size_t min, size_t max) {
    shortest = min;
    longest = max;
    return *this;
  }
  Field& example_of(std::string json) {
    example = std::move(json);
    return *this;
  }
  /// "greater than 0", "between 0 and 1"; empty without bounds.
  std::string range_text() const;
};

class Fields {
 public:
  template <class V>
  Field& operator()(std::string_view name, V& value, std::string_view doc) {
    if constexpr (std::is_base_of_v<AnyChoice, V>) return add(name, static_cast<AnyChoice*>(&value), doc);
    else if constexpr (std::is_base_of_v<Part, V>) return add(name, static_cast<Part*>(&value), doc);
    else return add(name, &value, doc);
  }
  /// A list of option groups (P is a Part) or of chosen parts (P is a Choice).
  template <class P>
  Field& list(std::string_view name, std::vector<P>& value, std::string_view doc) {
    if constexpr (std::is_base_of_v<AnyChoice, P>)
      return add(name,
                 AnyChoices{[&value] { value.clear(); }, [&value]() -> AnyChoice* { return &value.emplace_back(); },
                            [&value] { return value.size(); }, [&value](size_t i) -> AnyChoice* { return &value[i]; },
                            []() -> std::unique_ptr<AnyChoice> { return std::make_unique<P>(); }},
                 doc);
    else
      return add(name,
                 AnyList{[&value] { value.clear(); }, [&value]() -> Part* { return &value.emplace_back(); },
                         [&value] { return value.size(); }, [&value](size_t i) -> Part* { return &value[i]; },
                         []() -> std::unique_ptr<Part> { return std::make_unique<P>(); }},
                 doc);
  }
  /// An enum with names: f.names("norm", norm, {{"pre", Norm::pre}, {"post", Norm::post}}, "where the norm sits").
  template <class E>
  Field& names(std::string_view name, E& value, std::vector<std::pair<std::string, E>> table, std::string_view doc) {
    std::string current;
    std::vector<std::string> choices;
    for (auto& [text, v] : table) {
      choices.push_back(text);
      if (v == value) current = text;
    }
    Field& f = add(name, keep(std::move(current)), doc);
    f.choices = std::move(choices);
    f.assign = [&value, table = std::move(table)](const std::string& s) {
      for (auto& [text, v] : table)
        if (text == s) value = v;
    };
    return f;
  }
  std::vector<Field> all;

 private:
  Field& add(std::string_view name, Field::Target target, std::string_view doc) {
    Field& f = all.emplace_back();
    f.name = name;
    f.doc = doc;
    f.target = std::move(target);
    return f;
  }
  std::string* keep(std::string s) {
    kept_.push_back(std::make_unique<std::string>(std::move(s)));
    return kept_.back().get();
  }
  std::vector<std::unique_ptr<std::string>> kept_;
};

/// Reads `json` (an object) into the part: unknown, mistyped, out-of-range and missing keys all become diagnostics.
/// `path` names the part in messages ("optimizer", "objective.loss").
void read_fields(Part& part, const Json& json, const std::string& path, Diagnostics& diagnostics);
/// Every field with its present value, parts included ("type" first), durations and enums as text.
Json write_fields(Part& part);

}  // namespace tapedeck
