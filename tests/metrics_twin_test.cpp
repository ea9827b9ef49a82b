// Metrics of vectors against NumPy (tests/golden/representation.py), and metrics that run the model again against what can be
// worked out on a bag of embeddings. Hand-checked numbers: oracles_representation_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include <tapedeck/losses/contrastive.h>
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
