// Metrics of vectors against NumPy (tests/golden/representation.py), metrics of classes against scikit-learn (metrics.py), and
// metrics that run the model again against what can be worked out on a bag of embeddings. Hand-checked numbers:
// oracles_representation_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/train/class_metrics.h>
#include <tapedeck/train/representation.h>

#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

Tensor vectors(int64_t n, int64_t d, double wave) {
  const Tensor z = Tensor::empty({n, d}, DType::f64);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < d; ++j)
      z.raw<double>()[i * d + j] = std::sin(wave * double((i + 1) * (j + 2))) + 0.3 * std::cos(1.1 * double(i) - 0.7 * double(j));
  return z;
}

std::vector<double> column(const Tensor& z, bool rounded) {
  std::vector<double> v;
  for (int64_t i = 0; i < z.shape()[0]; ++i)
    v.push_back(rounded ? std::nearbyint(2 * z.item(i * z.shape()[1])) : z.item(i * z.shape()[1]));
  return v;
}

/// One metric over one data set.
Measures measured(TinyRun& run, const Dataset& data, const char* name, const std::string& options) {
  const auto metric = configured<Metric>(name, options);
  const Predictions p = predict(*run.model, run.store, run.objective->task(), data, 8);
  Measures values;
  metric->measure({*run.model, run.store, run.objective->task(), data, 8, nullptr, p}, "m", values);
  return values;
}

double accuracy(TinyRun& run, const Dataset& data) {
  const Predictions p = predict(*run.model, run.store, run.objective->task(), data, 8);
  double right = 0;
  for (size_t i = 0; i < p.label.size(); ++i) right += p.label[i] == p.predicted[i];
  return right / double(p.label.size());
}

/// splitmix64, as tests/golden/metrics.py draws.
struct Draws {
  uint64_t state;
  int64_t below(int64_t n) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return int64_t((z ^ (z >> 31)) % uint64_t(n));
  }
};

Predictions classes_case(int64_t i) {
  Draws draw{uint64_t(1000 + i)};
  const int64_t n = 1 + draw.below(40), c = i % 3 == 0 ? 2 : 3 + draw.below(4), used = i % 10 == 0 ? 1 : 1 + draw.below(c),
                first = draw.below(c);
  Predictions p;
  p.classes = c;
  for (int64_t k = 0; k < n; ++k) {
    std::vector<double>& row = p.probabilities.emplace_back();
    for (int64_t j = 0; j < c; ++j) row.push_back(double(draw.below(9)));
    ++row[size_t(draw.below(c))];
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    for (double& v : row) v /= sum;
    p.predicted.push_back(int32_t(std::ranges::max_element(row) - row.begin()));
    p.label.push_back(draw.below(12) == 0 ? -1 : int32_t((first + draw.below(used)) % c));
  }
  if (std::ranges::all_of(p.label, [](int32_t label) { return label < 0; })) p.label[0] = int32_t(first);
  return p;
}

Predictions sets_case(int64_t i) {
  Draws draw{uint64_t(5000 + i)};
  const int64_t n = 1 + draw.below(40), c = 1 + draw.below(5);
  std::vector<int64_t> share;
  for (int64_t j = 0; j < c; ++j) share.push_back(draw.below(9));
  if (i % 10 == 0) share[0] = 0;
  Predictions p;
  p.classes = c;
  for (int64_t k = 0; k < n; ++k) {
    std::vector<double>& row = p.probabilities.emplace_back();
    std::vector<int32_t>&chosen = p.chosen.emplace_back(), given;
    for (int32_t j = 0; j < c; ++j) {
      row.push_back(double(draw.below(17)) / 16);
      if (row.back() > 0.5) chosen.push_back(j);
    }
    for (int32_t j = 0; j < c; ++j)
      if (draw.below(8) < share[size_t(j)]) given.push_back(j);
    const bool known = draw.below(12) != 0 || k == 0;
    p.given.push_back(known ? std::optional(given) : std::nullopt);
  }
  return p;
}

using Parsed = nlohmann::json;

/// What a name of metrics.json asks for: "roc_auc weighted", "f1_macro nan", "top_k_accuracy 3".
double value_of(const std::string& name, const Predictions& p) {
  const size_t blank = name.find(' ');
  const std::string metric = name.substr(0, blank), option = blank == name.npos ? "" : name.substr(blank + 1);
  const std::string options = option.empty()                              ? "{}"
                              : metric == "top_k_accuracy"                ? text(R"({"k": [)", option, "]}")
                              : option == "weighted" || option == "micro" ? text(R"({"average": ")", option, R"("})")
                                                                          : text(R"({"zero_division": ")", option, R"("})");
  return configured<Metric>(metric, options)->compute(p);
}

/// null is what has no value.
double largest_difference = 0;
bool same_value(double value, const Parsed& expected) {
  if (expected.is_null()) return std::isnan(value);
  largest_difference = std::max(largest_difference, std::abs(value - double(expected)));
  return std::abs(value - double(expected)) <= 1e-12;
}

/// Trained for 40 steps: right more often than not.
TinyRun& trained() {
  static TinyRun run(0.2, DType::f64);
  static const bool done = (run.run(), true);
  return done ? run : run;
}

}  // namespace

TEST_CASE("metrics of vectors equal NumPy's") {
  std::ifstream file(TAPEDECK_SOURCE_DIR "/tests/golden/representation.json");
  for (const auto& row : nlohmann::json::parse(file)["rows"]) {
    const int64_t n = row["n"], d = row["d"];
    CAPTURE(n);
    const Tensor z = vectors(n, d, row["wave"]), y = vectors(n, d, double(row["wave"]) + 0.05);
    std::vector<int32_t> labels;
    std::vector<std::vector<double>> probabilities;
    const Tensor p = softmax(slice(z, 1, 0, 3) * 2);
    for (int64_t i = 0; i < n; ++i) {
      labels.push_back(int32_t((3 * i + i * i) % 3));
      probabilities.push_back({p.item(3 * i), p.item(3 * i + 1), p.item(3 * i + 2)});
    }
    const std::pair<const char*, double> values[] = {{"anisotropy", anisotropy(z)},
                                                     {"anisotropy_self", anisotropy(z, true)},
                                                     {"alignment", alignment(z, y).item()},
                                                     {"alignment_1", alignment(z, y, 1).item()},
                                                     {"uniformity", uniformity(z).item()},
                                                     {"uniformity_3", uniformity(z, 3).item()},
                                                     {"knn_1", knn_accuracy(z, labels, 1)},
                                                     {"knn_3", knn_accuracy(z, labels, 3)},
                                                     {"knn_5", knn_accuracy(z, labels, std::min<int64_t>(5, n - 1))},
                                                     {"effective_rank", effective_rank(z)},
                                                     {"calibration_10", expected_calibration_error(probabilities, labels, 10)},
                                                     {"calibration_4", expected_calibration_error(probabilities, labels, 4)},
                                                     {"spearman", spearman(column(z, true), column(y, true))},
                                                     {"pearson", pearson(column(z, false), column(y, false))}};
    for (auto& [name, value] : values) {
      CAPTURE(name);
      CHECK(std::abs(value - double(row[name])) <= 1e-9 * std::max(1.0, std::abs(double(row[name]))));
    }
  }
}

TEST_CASE("metrics of classes equal scikit-learn's, ties, empty classes and one-class splits included") {
  std::ifstream file(TAPEDECK_SOURCE_DIR "/tests/golden/metrics.json");
  const Parsed golden = Parsed::parse(file);
  for (const char* kind : {"classes", "sets"}) {
    const bool sets = kind == std::string("sets");
    const Parsed &names = golden[kind]["names"], &rows = golden[kind]["rows"];
    REQUIRE(rows.size() == 200);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Predictions p = sets ? sets_case(int64_t(i)) : classes_case(int64_t(i));
      for (size_t k = 0; k < names.size(); ++k) {
        if (rows[i]["values"][k] == "none") continue;
        const std::string name = names[k];
        const double value = value_of(name, p);
        CHECK_MESSAGE(same_value(value, rows[i]["values"][k]),
                      kind << " " << i << " " << name << ": " << value << ", expected " << rows[i]["values"][k].dump());
      }
      std::vector<std::string> labels;
      for (int64_t c = 0; c < p.classes; ++c) labels.push_back(text("c", c));
      const auto report = class_report(*task_with(sets ? "multi_label" : "classification", labels), p);
      const Parsed& expected = rows[i]["per_class"];
      if (!report) {  // of sets that are all empty
        CHECK(std::ranges::all_of(expected[3], [](const Parsed& support) { return support == 0; }));
        continue;
      }
      for (size_t c = 0; c < report->rows.size(); ++c) {
        const ClassReport::Row& row = report->rows[c];
        const double values[] = {row.precision, row.recall, row.f1, double(row.support), row.roc_auc, row.average_precision};
        for (size_t k = 0; k < std::size(values); ++k)
          CHECK_MESSAGE(same_value(values[k], expected[k][c]), kind << " " << i << " class " << c << " value " << k << ": "
                                                                    << values[k] << ", expected " << expected[k][c].dump());
      }
      if (!sets) CHECK(Parsed(report->confusion) == rows[i]["confusion"]);
    }
  }
  std::cout << "metrics of classes: 200 cases of classes and of sets, largest difference " << largest_difference << "\n";
}

TEST_CASE("a report by class says what is never predicted, and null where a class has no area") {
  Predictions p;
  p.classes = 3;
  p.label = {0, 0, 1, 1, -1};
  p.predicted = {0, 0, 0, 0, 2};
  p.probabilities = {{0.8, 0.1, 0.1}, {0.6, 0.3, 0.1}, {0.5, 0.4, 0.1}, {0.6, 0.2, 0.2}, {0, 0, 1}};
  const auto report = class_report(*task_with("classification", {"a", "b\x1b", "c"}), p);
  REQUIRE(report);
  CHECK(report->warning() == "1 class is never predicted: \"b\\u001B\" (their precision, recall and F1 count as 0)");
  const Parsed json = Parsed::parse(report->json().dump());
  CHECK(json["per_class"]["a"]["precision"] == 0.5);
  CHECK(json["per_class"]["a"]["roc_auc"] == 0.875);
  CHECK(json["per_class"]["c"]["roc_auc"].is_null());
  CHECK(json["per_class"]["c"]["support"] == 0);
  CHECK(json["confusion_matrix"] == Parsed::parse("[[2,0,0],[2,0,0],[0,0,0]]"));
  const std::string shown = report->text();
  CHECK(shown.find("\x1b") == shown.npos);
  CHECK(shown.find("label \\ predicted") != shown.npos);
  p.probabilities[2][1] = NAN;
  CHECK(std::isnan(configured<Metric>("roc_auc")->compute(p)));  // two of three classes are compared with a NaN
  p.probabilities.clear();
  CHECK(std::isnan(configured<Metric>("average_precision")->compute(p)));
  CHECK_FALSE(class_report(*task_with("classification", {"a", "b", "c"}), p)->ranked);
  CHECK_FALSE(class_report(*make_task("regression"), p));
}

TEST_CASE("a report on tags is by the names of their spans where there are spans") {
  const auto task = task_with("tagging", {"O", "B-per", "I-per", "B-loc"});
  Predictions p;
  p.classes = 4;
  p.label = {1, 2, 0, 3}, p.predicted = {1, 2, 3, 0};
  p.found = {{{0, 1, 1}, {2, 2, 3}}};
  p.marked = {std::vector<Span>{{0, 1, 1}, {3, 3, 3}}};
  const auto spans = class_report(*task, p);
  REQUIRE(spans);
  REQUIRE(spans->rows.size() == 2);
  CHECK(spans->rows[0].name == "per");
  CHECK(spans->rows[0].f1 == 1);
  CHECK(spans->rows[1].name == "loc");
  CHECK(spans->rows[1].recall == 0);
  CHECK(spans->confusion.empty());
  CHECK(configured<Metric>("span_precision")->compute(p) == 0.5);
  CHECK(configured<Metric>("span_recall")->compute(p) == 0.5);
  p.found = {{}}, p.marked = {std::vector<Span>{}};
  const auto tags = class_report(*task, p);
  REQUIRE(tags);
  CHECK(tags->rows.size() == 4);
  CHECK(tags->rows[1].name == "B-per");
}

TEST_CASE("accuracy under attack: on a linear model each margin shrinks by epsilon |w| / sqrt(length)") {
  TinyRun& run = trained();
  const Dataset& data = run.validation;
  const Tensor w = run.store.find("head.weight")->value;  // [2, 4]
  double length = 0;
  for (int64_t j = 0; j < 4; ++j) length += std::pow(w.item(4 + j) - w.item(j), 2);
  std::vector<int64_t> order(size_t(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  const Batch batch = collate(data, order, 0, data.size(), DType::f64);
  Pass pass(run.store, batch, Mode::evaluate, root_key(0));
  const Tensor logits = run.model->forward(pass).logits;
  std::vector<double> resists;  // the largest epsilon that each right answer survives
  for (int64_t i = 0; i < data.size(); ++i) {
    const double sign = data.examples[size_t(i)].label == 1 ? 1 : -1,
                 margin = sign * (logits.item(2 * i + 1) - logits.item(2 * i));
    resists.push_back(margin * std::sqrt(double(data.examples[size_t(i)].ids.size()) / length));
  }
  std::vector<double> sorted = resists;
  std::sort(sorted.begin(), sorted.end());
  const std::string some = text("[0, ", (sorted[8] + sorted[9]) / 2, ", ", (sorted[12] + sorted[13]) / 2, ", 1e6]");
  for (const char* adversary : {R"({"type": "fgm", "at": "embedding"})",
                                R"({"type": "pgd", "at": "embedding", "steps": 3, "step_size": 0.5, "epsilon": 1})"}) {
    CAPTURE(adversary);
    const Measures values =
        measured(run, data, "adversarial_accuracy", text(R"({"adversary": )", adversary, R"(, "epsilons": )", some, "}"));
    REQUIRE(values.size() == 4);
    for (auto& [name, value] : values) {
      CAPTURE(name);
      const double epsilon = std::stod(name.substr(2));
      double survivors = 0;
      for (double r : resists) survivors += r > epsilon;
      CHECK(value == doctest::Approx(survivors / double(data.size())));
    }
    CHECK(values.at("m@0") == doctest::Approx(accuracy(run, data)));
    CHECK(values.at("m@0") > 0.6);
  }
}

TEST_CASE("token noise: rate 0 changes nothing, rate 1 leaves the first and the last token") {
  TinyRun& run = trained();
  Dataset ends = run.validation;
  for (Example& e : ends.examples)
    if (e.ids.size() > 2) {
      // a token equal to the last one counts as an end mark as well
      std::vector<int32_t> kept{e.ids.front()};
      for (size_t t = 1; t + 1 < e.ids.size(); ++t)
        if (e.ids[t] == e.ids.back()) kept.push_back(e.ids[t]);
      kept.push_back(e.ids.back());
      e.ids = kept;
    }
  const Measures dropped = measured(run, run.validation, "token_noise", R"({"rates": [0, 1], "kind": "drop"})");
  CHECK(dropped.at("m@0") == doctest::Approx(accuracy(run, run.validation)));
  CHECK(dropped.at("m@1") == doctest::Approx(accuracy(run, ends)));
  const Measures replaced = measured(run, run.validation, "token_noise", R"({"rates": [0, 0.5]})");
  CHECK(replaced.at("m@0") == doctest::Approx(accuracy(run, run.validation)));
  CHECK(replaced == measured(run, run.validation, "token_noise", R"({"rates": [0, 0.5]})"));
}

TEST_CASE("dropout gap: none without dropout, and none in the mean where the answer is linear in the masks") {
  TinyRun still(0, DType::f64);
  CHECK(measured(still, still.validation, "dropout_gap", "{}").at("m") < 1e-12);
  TinyRun linear(0.2, DType::f64, 1);
  linear.objective = configured<Objective>("mse");
  const Dataset numbers = majority_data("validation", 20, 7, true);
  const double few = measured(linear, numbers, "dropout_gap", R"({"passes": 4})").at("m"),
               many = measured(linear, numbers, "dropout_gap", R"({"passes": 400})").at("m");
  CHECK(few > 0.01);
  CHECK(many < 0.2 * few);    // the error of a mean over masks falls like 1 / sqrt(passes)
  TinyRun& bent = trained();  // a softmax is not linear: the gap does not vanish
  CHECK(measured(bent, bent.validation, "dropout_gap", R"({"passes": 400})").at("m") > 0.005);
}
