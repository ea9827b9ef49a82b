// Every published or hand-checkable number about representations and weight averages, one row each: methods.md sections 9 and
// 12. Next: sentences_test.cpp, where they are measured on models.
#include "support/oracles.h"

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/objectives/teacher.h>
#include <tapedeck/train/metrics.h>
#include <tapedeck/train/representation.h>
#include <tapedeck/train/trainer.h>

using namespace tapedeck;
using testing::Oracle;

namespace {

constexpr double digit6 = 6e-7;  // of a number printed with six decimals

Tensor matrix(std::initializer_list<double> v, Shape shape) { return Tensor::of<double>(v, shape); }
Tensor random(std::initializer_list<int64_t> shape, int seed) {
  return Tensor::normal(Shape(shape), root_key(uint64_t(seed)), 0, 1, DType::f64);
}

std::vector<Oracle> direction_rows() {
  const Tensor corners = matrix({1, 1, -1, 1, -1, -1, 1, -1}, {4, 2}), antipodal = matrix({2, 0, -3, 0}, {2, 2});
  const Tensor degrees0 = matrix({1, 0}, {1, 2}), degrees30 = matrix({std::sqrt(0.75), 0.5}, {1, 2});
  const Tensor many = random({1000, 512}, 1), x = random({40, 6}, 2), same = Tensor::full({5, 3}, 0.7, DType::f64);
  double pairs = 0;  // the definition, pair by pair
  const Tensor unit = normalize(x);
  for (int64_t i = 0; i < 40; ++i)
    for (int64_t j = 0; j < 40; ++j)
      for (int64_t c = 0; i != j && c < 6; ++c) pairs += unit.item(i * 6 + c) * unit.item(j * 6 + c);
  return {
      {"anisotropy of a square's corners", "mean cosine, without self pairs", anisotropy(corners), -1.0 / 3, 1e-14},
      {"anisotropy of a square's corners", "with self pairs", anisotropy(corners, true), 0, 1e-15},
      {"anisotropy of equal rows", "one direction", anisotropy(same), 1, 1e-14},
      {"anisotropy of antipodal points", "lengths do not matter", anisotropy(antipodal), -1, 1e-14},
      {"anisotropy pair by pair", "the O(nd) form", anisotropy(x), pairs / (40 * 39), 1e-14},
      {"self pairs shift it by (1 - a) / n", "n = 40", anisotropy(x, true) - anisotropy(x) - (1 - anisotropy(x)) / 40, 0, 1e-14},
      {"anisotropy of one row", "documented meaning", anisotropy(degrees0), 0, 0},
      {"alignment 30 degrees apart", "2 - sqrt 3", alignment(degrees0, degrees30).item(), 0.267949, digit6},
      {"alignment with power 1", "sqrt(2 - sqrt 3)", alignment(degrees0, degrees30, 1).item(), std::sqrt(2 - std::sqrt(3.0)),
       1e-12},
      {"uniformity of antipodal points", "t = 2: -t 4", uniformity(antipodal).item(), -8, 1e-12},
      {"uniformity of a square's corners", "t = 2", uniformity(corners).item(), -4.396349, digit6},
      {"uniformity in high dimension", "log E e^(-2 t (1 - cos)), cos ~ N(0, 1/d): -4 + 8/d", uniformity(many).item(),
       -4 + 8.0 / 512, 2e-3},
  };
}

std::vector<Oracle> rank_rows() {
  const Tensor eye = matrix({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3}), line = matrix({1, 2, 2, 4, -3, -6}, {3, 2});
  const Tensor two_one = matrix({2, 0, 0, 1, 0, 0}, {3, 2}), wide = matrix({2, 0, 0, 0, 1, 0}, {2, 3});
  const double entropy = -(2.0 / 3 * std::log(2.0 / 3) + 1.0 / 3 * std::log(1.0 / 3));
  const auto eigen = symmetric_eigenvalues(matrix({2, 1, 1, 2}, {2, 2}));
  const Tensor x = random({9, 7}, 3);
  const Tensor gram = matmul(x, x, true);
  double trace = 0, squares = 0;
  for (double v : symmetric_eigenvalues(gram)) trace += v, squares += v * v;
  return {
      {"effective rank of the identity", "n", effective_rank(eye), 3, 1e-12},
      {"effective rank of a line", "1", effective_rank(line), 1, 1e-12},
      {"effective rank of singular values 2, 1", "e^H(2/3, 1/3)", effective_rank(two_one), std::exp(entropy), 1e-12},
      {"effective rank of the transpose", "the same", effective_rank(wide), std::exp(entropy), 1e-12},
      {"effective rank of zeros", "documented meaning", effective_rank(Tensor::zeros({4, 3}, DType::f64)), 0, 0},
      {"larger eigenvalue of [2 1; 1 2]", "3", eigen[0], 3, 1e-14},
      {"smaller eigenvalue of [2 1; 1 2]", "1", eigen[1], 1, 1e-14},
      {"sum of eigenvalues", "trace", trace / sum(square(x)).item(), 1, 1e-13},
      {"sum of squared eigenvalues", "Frobenius norm", squares / sum(square(gram)).item(), 1, 1e-13},
      {"spearman with a tie", "scipy.stats.spearmanr", spearman({1, 2, 3, 4, 5}, {5, 6, 7, 8, 7}), 0.8207826816681233, 1e-14},
      {"spearman of a rising function", "1", spearman({3, 1, 2}, {27, 1, 8}), 1, 1e-14},
      {"spearman of a constant", "documented meaning", spearman({1, 2, 3}, {4, 4, 4}), 0, 0},
      {"pearson of a line", "-1", pearson({1, 2, 3}, {6, 4, 2}), -1, 1e-14},
  };
}

std::vector<Oracle> neighbour_rows() {
  const Tensor clusters = matrix({1, 0, 1, 0.1, 0, 1, 0.1, 1}, {4, 2});
  const std::vector<int32_t> right{0, 0, 1, 1}, wrong{0, 1, 0, 1}, partly{0, 0, 1, -1};
  const std::vector<std::vector<double>> p{{0.9, 0.1}, {0.9, 0.1}, {0.4, 0.6}, {0.4, 0.6}}, sure{{1, 0}, {0, 1}};
  const std::vector<int32_t> half{0, 1, 1, 1}, truth{0, 1}, none{-1, -1};
  return {
      {"one neighbour, classes are clusters", "1", knn_accuracy(clusters, right, 1), 1, 0},
      {"one neighbour, classes across clusters", "0", knn_accuracy(clusters, wrong, 1), 0, 0},
      {"three neighbours out-vote the nearest", "2 of 3 are of the other class", knn_accuracy(clusters, right, 3), 0, 0},
      {"a tie goes to the nearer one", "k = 2", knn_accuracy(clusters, right, 2), 1, 0},
      {"unlabelled rows do not count", "rows 0 and 1 of 3", knn_accuracy(clusters, partly, 1), 2.0 / 3, 1e-15},
      {"calibration of two bins", "0.5 |0.5 - 0.9| + 0.5 |1 - 0.6|", expected_calibration_error(p, half, 10), 0.4, 1e-14},
      {"one bin compares the means", "|0.75 - 0.75|", expected_calibration_error(p, half, 1), 0, 1e-14},
      {"sure and right", "0", expected_calibration_error(sure, truth, 15), 0, 0},
      {"no labels", "not a number", double(std::isnan(expected_calibration_error(sure, none, 15))), 1, 0},
  };
}

/// The teacher of one parameter that starts at 0 and follows a student at 1.
double followed(double decay, int steps) {
  ParamStore store;
  Params(store).make("w", {1}, Init::zeros());
  store.allocate(DType::f64, root_key(0));
  Teacher teacher;
  teacher.begin(store);
  store.all()[0].value.copy_from(Tensor::of<double>({1}, {1}));
  for (int i = 0; i < steps; ++i) teacher.follow(store, decay);
  return teacher.values().item(store.all()[0].offset);
}

/// The mean of the steps 1..last when the weight at step t is t.
double averaged(const char* name, const std::string& options, int64_t last) {
  const auto average = Registry<WeightAverage>::find(name)->make();
  Diagnostics diagnostics;
  read_fields(*average, parse_json(options, "oracle"), "", diagnostics);
  REQUIRE(diagnostics.empty());
  StepCounts counts;
  counts.per_epoch = 4, counts.total = 20;
  double mean = 0;
  for (int64_t step = 1; step <= last; ++step) mean += average->share(step, counts) * (double(step) - mean);
  return mean;
}

std::vector<Oracle> average_rows() {
  return {
      {"EMA 0.99, 100 steps from 0 to 1", "1 - 0.99^100", followed(0.99, 100), 0.633968, digit6},
      {"EMA 0", "the student", followed(0, 1), 1, 0},
      {"ema without ramp", "0.5: 1, 2, 3 from 0", averaged("ema", R"({"decay": 0.5, "ramp": false})", 3),
       0.5 * 3 + 0.25 * 2 + 0.125, 1e-15},
      {"ema with ramp, first step", "keeps 2/11", averaged("ema", R"({"decay": 0.999})", 1), 1 - 2.0 / 11, 1e-15},
      {"swa before its start", "the weights themselves", averaged("swa", R"({"start": "75%"})", 14), 14, 0},
      {"swa at 15 and 19", "75% of 20 steps, every 4", averaged("swa", R"({"start": "75%", "every": "4 steps"})", 20), 17, 1e-14},
      {"swa of every step", "mean of 15..20", averaged("swa", R"({"start": "15 steps", "every": "1 steps"})", 20), 17.5, 1e-14},
  };
}

}  // namespace

TEST_CASE("directions") { testing::check_oracles("directions", direction_rows()); }
TEST_CASE("ranks") { testing::check_oracles("ranks", rank_rows()); }
TEST_CASE("neighbours and confidence") { testing::check_oracles("neighbours and confidence", neighbour_rows()); }
TEST_CASE("weight averages") { testing::check_oracles("weight averages", average_rows()); }
