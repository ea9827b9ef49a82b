// Durations as people write them: "3 epochs", "6%", "15 min". Why: a bare number means steps to one reader and epochs
// to the next. Next: fields_read.cpp.
#include <array>
#include <charconv>
#include <cmath>

#include <tapedeck/base/fields.h>

namespace tapedeck {
namespace {

using Unit = Duration::Unit;

struct UnitWord {
  std::string_view word;
  Unit unit;
  double factor;
};
constexpr std::array<UnitWord, 19> unit_words = {{
    {"steps", Unit::steps, 1},
    {"step", Unit::steps, 1},
    {"epochs", Unit::epochs, 1},
    {"epoch", Unit::epochs, 1},
    {"evaluations", Unit::evaluations, 1},
    {"evaluation", Unit::evaluations, 1},
    {"examples", Unit::examples, 1},
    {"example", Unit::examples, 1},
    {"%", Unit::percent, 1},
    {"s", Unit::seconds, 1},
    {"second", Unit::seconds, 1},
    {"seconds", Unit::seconds, 1},
    {"min", Unit::seconds, 60},
    {"minute", Unit::seconds, 60},
    {"minutes", Unit::seconds, 60},
    {"h", Unit::seconds, 3600},
    {"hour", Unit::seconds, 3600},
    {"hours", Unit::seconds, 3600},
    {"percent", Unit::percent, 1},
}};

bool counts(Unit unit) { return unit == Unit::steps || unit == Unit::evaluations || unit == Unit::examples; }

std::string number(double v) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr};
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string unit_name(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "";
    case Unit::steps:
      return "steps";
    case Unit::epochs:
      return "epochs";
    case Unit::evaluations:
      return "evaluations";
    case Unit::examples:
      return "examples";
    case Unit::percent:
      return "%";
    case Unit::seconds:
      return "s";
  }
  return "";
}

std::string unit_example(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "";
    case Unit::steps:
      return "500 steps";
    case Unit::epochs:
      return "3 epochs";
    case Unit::evaluations:
      return "6 evaluations";
    case Unit::examples:
      return "1000 examples";
    case Unit::percent:
      return "6%";
    case Unit::seconds:
      return "15 min";
  }
  return "";
}

std::string Duration::str() const {
  if (unit == Unit::none) return "";
  if (unit == Unit::percent) return number(amount) + "%";
  if (unit == Unit::seconds) {
    if (amount > 0 && std::fmod(amount, 3600) == 0) return number(amount / 3600) + " h";
    if (amount > 0 && std::fmod(amount, 60) == 0) return number(amount / 60) + " min";
    return number(amount) + " s";
  }
  std::string name = unit_name(unit);
  if (amount == 1) name.pop_back();
  return number(amount) + " " + name;
}

std::optional<Duration> Duration::parse(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || !(text[0] >= '0' && text[0] <= '9')) return std::nullopt;
  double amount = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (problem != std::errc{}) return std::nullopt;
  const std::string_view word = trimmed(text.substr(size_t(end - text.data())));
  for (const UnitWord& known : unit_words) {
    if (known.word != word) continue;
    if (counts(known.unit) && amount != std::trunc(amount)) return std::nullopt;
    if (known.unit == Unit::percent && amount > 100) return std::nullopt;
    return Duration{amount * known.factor, known.unit};
  }
  return std::nullopt;
}

}  // namespace tapedeck
