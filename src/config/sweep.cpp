// The three ways through a space of options: every combination, random ones, and random ones that are given up early.
// Next: src/study/sweep.cpp.
#include <tapedeck/config/sweep.h>

#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/base/random.h>
#include <tapedeck/base/words.h>

namespace tapedeck {

void SweepSpec::describe(Fields& f) {
  f("over", over, "what varies: a dotted path and its values, {\"optimizer.lr\": [1e-4, 3e-4]}").required();
  f("goal", goal, "metric on validation that ranks the points; default evaluation.best or the first metric");
}

namespace {

using Kind = Json::Kind;
constexpr size_t most_points = 10'000;

[[noreturn]] void refuse(const std::string& key, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::config, "over " + in_quotes(key) + " " + why, hint);
}

std::string value_text(const Json& value) { return value.is(Kind::string) ? value.string : value.dump(-1); }

void check_over(const Json& over) {
  if (!over.is(Kind::object) || over.members.empty())
    throw Error(ErrorKind::config, "over is empty: nothing varies", "{\"optimizer.lr\": [1e-4, 3e-4]}");
  for (const Json::Member& m : over.members)
    if (m.key == "seed" || m.key == "seeds" || m.key.starts_with("sweep"))
      refuse(m.key, "cannot be swept", "seeds are crossed with every point: write \"seeds\" beside \"sweep\"");
}

const std::vector<Json>& list_of(const Json::Member& m) {
  if (!m.value.is(Kind::array) || m.value.items.empty())
    refuse(m.key, "must be a list of values", "[1, 2, 4]; ranges are for \"type\": \"random\"");
  return m.value.items;
}

/// Every combination, the last key varying fastest.
std::vector<SweepPoint> combinations(const Json& over) {
  check_over(over);
  std::vector<SweepPoint> points = {{}};
  for (const Json::Member& m : over.members) {
    std::vector<SweepPoint> longer;
    for (const SweepPoint& point : points)
      for (const Json& value : list_of(m)) {
        longer.push_back(point);
        longer.back().push_back(m.key + "=" + value_text(value));
      }
    if (longer.size() > most_points)
      throw Error(ErrorKind::config, text("over has more than ", most_points, " combinations"), "use \"type\": \"random\"");
    points = std::move(longer);
  }
  return points;
}

std::string number_text(double value) {
  const double rounded = std::strtod(text(value).c_str(), nullptr);  // six digits: a value people can type again
  return Json::of(rounded).dump(-1);
}

/// A list's entry, or a number of a range: {"uniform": [a, b]}, {"log_uniform": [a, b]}, {"integer": [a, b]} with both ends.
std::string draw(const Json::Member& m, Key key) {
  if (m.value.is(Kind::array)) {
    const auto& items = list_of(m);
    return value_text(items[random_below(key, 0, items.size())]);
  }
  const char* hint = "a list, or {\"uniform\": [a, b]}, {\"log_uniform\": [a, b]} or {\"integer\": [a, b]}";
  if (!m.value.is(Kind::object) || m.value.members.size() != 1) refuse(m.key, "is neither a list nor a range", hint);
  const Json::Member& range = m.value.members.front();
  if (range.value.items.size() != 2 || !(range.value.items[0].number < range.value.items[1].number))
    refuse(m.key, "needs a range of two numbers, the smaller one first", hint);
  const double low = range.value.items[0].number, high = range.value.items[1].number, u = random_unit(key, 0);
  if (range.key == "uniform") return number_text(low + u * (high - low));
  if (range.key == "integer") {
    const auto first = int64_t(std::ceil(low)), last = int64_t(std::floor(high));
    if (last < first) refuse(m.key, "has no whole number in its range", hint);
    return text(first + int64_t(random_below(key, 0, uint64_t(last - first) + 1)));
  }
  if (range.key != "log_uniform") refuse(m.key, "knows no range " + in_quotes(range.key), hint);
  if (low <= 0) refuse(m.key, "needs numbers above 0 for log_uniform", hint);
  return number_text(std::exp(std::log(low) + u * (std::log(high) - std::log(low))));
}

/// Point i depends on (seed, i, key) alone: more runs add points and change none.
std::vector<SweepPoint> drawn(const Json& over, int64_t runs, int64_t seed) {
  check_over(over);
  std::vector<SweepPoint> points;
  for (int64_t i = 0, misses = 0; int64_t(points.size()) < runs && misses < 1000; ++i) {
    SweepPoint point;
    for (const Json::Member& m : over.members)
      point.push_back(m.key + "=" + draw(m, root_key(uint64_t(seed)) / "sweep" / i / m.key));
    if (std::find(points.begin(), points.end(), point) == points.end()) points.push_back(std::move(point));
    else ++misses;  // lists run out of combinations
  }
  return points;
}

struct Grid final : SweepSpec {
  std::vector<SweepPoint> points() const override { return combinations(over); }
};

struct Random : SweepSpec {
  int64_t runs = 20, seed = 0;
  std::vector<SweepPoint> points() const override { return drawn(over, runs, seed); }
  void describe(Fields& f) override {
    SweepSpec::describe(f);
    f("runs", runs, "how many points are drawn; more of them add points and change none").range(1, double(most_points));
    f("seed", seed, "of the draws; the seeds of training are \"seeds\"").at_least(0);
  }
};

struct SuccessiveHalving final : Random {
  int64_t keep = 3;
  std::optional<int64_t> rung_count;
  /// Rung r of R trains n / keep^r points for keep^(r - R + 1) of the duration: every rung costs about the same.
  std::vector<SweepRung> rungs(int64_t points) const override {
    int64_t count = 1;
    for (int64_t left = points; left / keep >= 1; left /= keep) ++count;
    count = std::min(count, rung_count.value_or(count));
    std::vector<SweepRung> all;
    int64_t left = points;
    for (int64_t r = 0; r < count; ++r, left = std::max<int64_t>(1, left / keep))
      all.push_back({std::pow(double(keep), double(r - count + 1)), left});
    return all;
  }
  void describe(Fields& f) override {
    Random::describe(f);
    f("keep", keep, "one in so many goes on to the next rung, which trains so many times longer").range(2, 100);
    f("rungs", rung_count, "how many rungs; default until one point is left").range(1, 20);
  }
};

TAPEDECK_PART(SweepSpec, Grid, "grid", "Every combination of the listed values.");
TAPEDECK_PART(
    SweepSpec, Random, "random",
    "Points drawn at random from lists and ranges: {\"uniform\": [a, b]}, {\"log_uniform\": [a, b]}, {\"integer\": [a, b]} "
    "(Bergstra and Bengio 2012).");
TAPEDECK_PART(
    SweepSpec, SuccessiveHalving, "successive_halving",
    "Random points, all trained briefly, the best of them longer, and so on (Jamieson and Talwalkar 2016, section 3). Each "
    "rung trains from the start, so that the schedule fits and the last rung equals an ordinary run.");

}  // namespace

void add_sweep(Json& over, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == assignment.size())
    throw Error(ErrorKind::usage, "--sweep " + in_quotes(assignment) + " is not a list of values",
                "write --sweep optimizer.lr=1e-4,3e-4");
  std::vector<std::string> words = {""};
  int depth = 0;
  bool quoted = false;
  for (const char c : assignment.substr(equals + 1)) {
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '[' || c == '{')) ++depth;
    if (!quoted && (c == ']' || c == '}')) --depth;
    if (c == ',' && depth == 0 && !quoted) words.emplace_back();
    else words.back() += c;
  }
  Json values = Json::list();
  for (const std::string& word : words) {
    if (word.empty()) throw Error(ErrorKind::usage, "--sweep " + in_quotes(assignment) + " has an empty value", "remove a comma");
    values.items.push_back(Json::of(word));
  }
  over.set(assignment.substr(0, equals), std::move(values));
}

}  // namespace tapedeck
