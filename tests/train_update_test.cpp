// Optimizers, schedules and metrics against numbers from PyTorch 2.13, transformers 5.23 and scipy 1.17, and optimizers
// against a ten-step loop of plain scalars. Next: train_loop_test.cpp.
#include <doctest/doctest.h>

#include <cmath>

#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const std::vector<double> start{0.5, -1.25, 2.0, 0.0};
const std::vector<std::vector<double>> three_gradients{{0.1, -0.2, 0.3, 0.4}, {-0.5, 0.25, 0.0, 1.5}, {2.0, -1.0, 0.125, -0.75}};

void put(const Tensor& t, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) t.data<double>()[i] = values[i];
}

struct Row {
  const char* optimizer;
  const char* options;
  std::vector<double> expected;
};
const std::vector<Row> pytorch{
    {"adamw", R"({"lr": 0.01})", {0.490786753142123, -1.23555317858127, 1.97546264481003, -0.0223382385183479}},
    {"adamw",
     R"({"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1})",
     {0.395412165814996, -1.07578685350222, 1.71004794560022, -0.216822351864632}},
    {"adamw",
     R"({"lr": 0.1, "betas": [0, 0.5], "weight_decay": 0})",
     {0.391039488122724, -1.12695961560259, 1.81531157333427, -0.144866711233063}},
    {"adam", R"({"lr": 0.01})", {0.49093533659698857, -1.235926303914873, 1.9760599148538711, -0.022341130021525556}},
    {"adam",
     R"({"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1})",
     {0.39670593544925054, -1.0501279947379878, 1.7226013696816596, -0.2186726573024147}},
    {"sgd", R"({"lr": 0.1})", {0.34, -1.155, 1.9575, -0.115}},
    {"sgd", R"({"lr": 0.1, "weight_decay": 0.1})", {0.3248485, -1.11802175, 1.898695, -0.112704}},
    {"sgd", R"({"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9})", {0.3399685, -1.07428175, 1.796095, -0.315384}},
    {"sgd",
     R"({"lr": 0.1, "weight_decay": 0.1, "momentum": 0.9, "nesterov": true})",
     {0.1807749115, -0.96123080825, 1.717936705, -0.392053236}},
};

}  // namespace

TEST_CASE("three updates equal PyTorch's") {
  for (auto& row : pytorch) {
    CAPTURE(row.optimizer);
    CAPTURE(row.options);
    ParamStore store;
    const Param p = store.declare("w", {4}, Init::zeros());
    store.allocate(DType::f64, root_key(0));
    put(store[p].value, start);
    auto optimizer = configured<Optimizer>(row.optimizer, row.options);
    optimizer->bind(store);
    for (size_t t = 0; t < three_gradients.size(); ++t) {
      put(store[p].gradient, three_gradients[t]);
      optimizer->update(1, 1, int64_t(t) + 1);
    }
    for (size_t i = 0; i < start.size(); ++i) {
      CHECK(store[p].value.item(int64_t(i)) == doctest::Approx(row.expected[i]).epsilon(1e-13));
      CHECK(store[p].gradient.item(int64_t(i)) == 0);
    }
  }
}

TEST_CASE("ten updates of grouped, frozen and clipped parameters equal a scalar loop") {
  struct Expected {
    const char* path;
    double lr, decay;
    bool trainable;
  };
  const std::vector<Expected> table{{"layer.weight", 0.05, 0.1, true},
                                    {"layer.bias", 0.05, 0, true},
                                    {"norm.gain", 0.005, 0, true},
                                    {"head.weight", 0.2, 0.1, true},
                                    {"old.weight", 0, 0, false}};
  ParamStore store;
  for (auto& e : table) store.declare(e.path, {3}, Init::normal(1));
  store.allocate(DType::f64, root_key(5));
  store.freeze({"old.*"});
  auto optimizer = configured<Optimizer>("adamw", R"({"lr": 0.05, "weight_decay": 0.1, "groups": [
      {"match": ["*.bias", "norm.*"], "weight_decay": 0}, {"match": ["norm.*"], "lr_scale": 0.1},
      {"match": ["head.*"], "lr": 0.2}]})");
  optimizer->bind(store);
  std::vector<double> w, m(15), v(15);
  for (auto& p : store.all())
    for (int64_t i = 0; i < 3; ++i) w.push_back(p.value.item(i));
  for (int step = 1; step <= 10; ++step) {
    const double factor = 1.0 / step, clip = 0.5;
    for (size_t k = 0; k < 15; ++k) {
      const Parameter& p = store.all()[k / 3];
      const double g = std::sin(double(k) + step);
      p.gradient.data<double>()[k % 3] = g;
      const Expected& e = table[k / 3];
      if (!e.trainable) continue;
      m[k] = 0.9 * m[k] + 0.1 * g * clip;
      v[k] = 0.999 * v[k] + 0.001 * g * clip * g * clip;
      w[k] -= e.lr * factor *
              (e.decay * w[k] + m[k] / (1 - std::pow(0.9, step)) / (std::sqrt(v[k] / (1 - std::pow(0.999, step))) + 1e-8));
    }
    optimizer->update(factor, clip, step);
  }
  for (size_t k = 0; k < 15; ++k) {
    CAPTURE(store.all()[k / 3].path);
    CHECK(store.all()[k / 3].value.item(int64_t(k % 3)) == doctest::Approx(w[k]).epsilon(1e-12));
    CHECK(store.all()[k / 3].gradient.item(int64_t(k % 3)) == 0);
  }
}

TEST_CASE("optimizers refuse what cannot work") {
  ParamStore store;
  store.declare("layer.weight", {2}, Init::zeros());
  store.allocate(DType::f32, root_key(0));
  struct Bad {
    const char* optimizer;
    const char* options;
    const char* says;
  };
  for (auto& bad : std::vector<Bad>{{"adamw", R"({"groups": [{"match": ["*.wieght"], "lr": 1}]})", "*.wieght"},
                                    {"adamw", R"({"betas": [0.9]})", "betas"},
                                    {"adamw", R"({"betas": [0.9, 1.0]})", "betas"},
                                    {"adamw", R"({"eps": 0})", "eps"},
                                    {"adamw", R"({"groups": [{"lr": 1}]})", "match"},
                                    {"sgd", R"({"nesterov": true})", "momentum"},
                                    {"sgd", R"({"lr": -1})", "lr"}}) {
    CAPTURE(bad.options);
    const std::string said = thrown([&] { configured<Optimizer>(bad.optimizer, bad.options)->bind(store); }, ErrorKind::config);
    CHECK(said.find(bad.says) != said.npos);
  }
}

TEST_CASE_TEMPLATE("norm and first bad gradient see trainable parameters only", T, float, double) {
  ParamStore store;
  for (const char* path : {"a", "b", "c"}) store.declare(path, {2}, Init::zeros());
  store.allocate(dtype_of<T>, root_key(0));
  store.freeze({"b"});
  const auto gradient = [&](size_t i) { return store.all()[i].gradient.template data<T>(); };
  gradient(0)[0] = T(3);
  gradient(2)[1] = T(-4);
  gradient(1)[0] = std::numeric_limits<T>::infinity();
  CHECK(gradient_norm(store) == 5);
  CHECK(first_non_finite_gradient(store) == -1);
  gradient(2)[0] = std::numeric_limits<T>::quiet_NaN();
  CHECK(first_non_finite_gradient(store) == 2);
  CHECK(std::isnan(gradient_norm(store)));
}

TEST_CASE("schedules equal transformers' and PyTorch's") {
  const std::vector<int64_t> steps{0, 1, 3, 5, 6, 17, 50, 75, 99};
  struct Curve {
    const char* name;
    const char* options;
    std::vector<double> expected;
  };
  const std::vector<Curve> curves{
      {"constant", R"({"warmup": "6%"})", {0, 1. / 6, 0.5, 5. / 6, 1, 1, 1, 1, 1}},
      {"linear",
       R"({"warmup": "6 steps"})",
       {0, 1. / 6, 0.5, 5. / 6, 1, 0.882978723404255, 0.531914893617021, 0.265957446808511, 0.0106382978723404}},
      {"linear", R"({})", {1, 0.99, 0.97, 0.95, 0.94, 0.83, 0.5, 0.25, 0.01}},
      {"linear",
       R"({"warmup": "0.3 epochs", "end_lr": 5e-4})",
       {0, 1. / 6, 0.5, 5. / 6, 1, 0.912234042553192, 0.648936170212766, 0.449468085106383, 0.257978723404255}},
      {"cosine",
       R"({"warmup": "48 examples"})",
       {0, 1. / 6, 0.5, 5. / 6, 1, 0.966590305520801, 0.550047845812049, 0.164607634930388, 0.000279218134872694}},
      {"cosine",
       R"({"warmup": "10%", "cycles": 1.5})",
       {0, 0.1, 0.3, 0.5, 0.6, 0.871572412738697, 0.25, 0.933012701892219, 0.0027390523158633}},
      {"cosine",
       R"({"end_lr": 1e-3})",
       {1, 0.999876640091, 0.998890, 0.996922, 0.995572, 0.965185506751, 0.75, 0.573223304703, 0.500123359822}},
      {"polynomial",
       R"({"warmup": "6 steps", "end_lr": 2e-4, "power": 2})",
       {0, 0.166666666666667, 0.5, 0.833333333333333, 1, 0.801686283386148, 0.354640108646446, 0.163660027161612,
        0.100101856043459}},
      {"polynomial",
       R"({"power": 0.5})",
       {1, 0.99498743710662, 0.984885780179611, 0.974679434480896, 0.969535971483266, 0.91104335791443, 0.707106781186548, 0.5,
        0.1}},
      {"inverse_sqrt",
       R"({"warmup": "6%"})",
       {0, 0.166666666666667, 0.5, 0.833333333333333, 1, 0.594088525786005, 0.346410161513775, 0.282842712474619,
        0.246182981958665}},
      {"inverse_sqrt",
       R"({"warmup": "6 steps", "timescale": "2 epochs"})",
       {0, 0.166666666666667, 0.5, 0.833333333333333, 1, 0.885614885540095, 0.690065559342354, 0.605782532815383,
        0.548408497107082}},
      {"one_cycle",
       R"({})",
       {0.04, 0.0428137805659074, 0.0651264778322549, 0.108708555439557, 0.137875328461291, 0.648413602494026, 0.793893450575732,
        0.263068616500826, 4e-06}},
      {"one_cycle",
       R"({"warmup": "6%", "anneal": "linear", "start_divisor": 10, "end_divisor": 100})",
       {0.1, 0.28, 0.64, 1, 0.989372340425532, 0.872468085106383, 0.521755319148936, 0.256063829787234, 0.000999999999999916}},
  };
  const StepCounts counts{20, 100, 10, 8};
  for (auto& curve : curves) {
    CAPTURE(curve.name);
    CAPTURE(curve.options);
    auto schedule = configured<Schedule>(curve.name, curve.options);
    schedule->base_lr = 2e-3;
    for (size_t i = 0; i < steps.size(); ++i) {
      CAPTURE(steps[i]);
      CHECK(schedule->factor(steps[i], counts) == doctest::Approx(curve.expected[i]).epsilon(1e-6));
    }
  }
  auto rising = configured<Schedule>("linear", R"({"end_lr": 1})");
  rising->base_lr = 0.1;
  CHECK(thrown([&] { rising->factor(0, counts); }, ErrorKind::config).find("end_lr") != std::string::npos);
}

TEST_CASE("durations become steps") {
  const StepCounts counts{30, 1000, 50, 32};
  struct Row {
    const char* duration;
    int64_t steps;
  };
  for (auto& row : std::vector<Row>{{"7 steps", 7},
                                    {"0 steps", 0},
                                    {"3 epochs", 90},
                                    {"0.1 epochs", 3},
                                    {"0.5 epochs", 15},
                                    {"0.01 epochs", 1},
                                    {"6%", 60},
                                    {"0.05%", 1},
                                    {"100%", 1000},
                                    {"2 evaluations", 100},
                                    {"64 examples", 2},
                                    {"65 examples", 3},
                                    {"0%", 0}}) {
    CAPTURE(row.duration);
    CHECK(counts.steps(*Duration::parse(row.duration), "x") == row.steps);
  }
  CHECK(thrown([&] { counts.steps(*Duration::parse("5 s"), "schedule.warmup"); }, ErrorKind::config).find("schedule.warmup") !=
        std::string::npos);
}

TEST_CASE("metrics equal scikit-learn's and scipy's") {
  Predictions none, binary, many, same, numbers, ties, flat, words;
  binary.classes = 2;
  binary.label = {0, 0, 1, 1, 1, 0, -1};
  binary.predicted = {0, 1, 1, 1, 0, 0, 1};
  many.classes = 4;
  many.label = {0, 1, 2, 2, 1, 0, 2};
  many.predicted = {0, 2, 2, 2, 1, 1, 0};
  same.classes = 2;
  same.label = {1, 0, 1};
  same.predicted = {0, 0, 0};
  numbers.score = {0.1, 2.5, -1.0, 2.5, 7.0, 0.0, 9.0};
  numbers.target = {1.0, 3.0, -2.0, 2.0, 4.5, 1.0, std::nan("")};
  ties.score = {1, 2, 3, 4, 5};
  ties.target = {5, 6, 7, 8, 7};
  flat.score = {2, 2, 2};
  flat.target = {1, 2, 3};
  flat.loss = 0.25;
  words.label = {1, 2};
  words.nll = 2 * std::log(8.0);
  words.characters = 1.5;
  struct Row {
    const char* metric;
    const Predictions& predictions;
    double expected;
  };
  for (auto& row : std::vector<Row>{{"accuracy", binary, 4. / 6},
                                    {"accuracy", many, 4. / 7},
                                    {"accuracy", same, 1. / 3},
                                    {"accuracy", none, 0},
                                    {"f1", binary, 2. / 3},
                                    {"f1", many, (0.5 + 0.5 + 2. / 3) / 3},
                                    {"f1", same, 0},
                                    {"f1", none, 0},
                                    {"matthews", binary, 1. / 3},
                                    {"matthews", many, 0.34375},
                                    {"matthews", same, 0},
                                    {"pearson", numbers, 0.894845081500089},
                                    {"pearson", ties, 0.832050294337844},
                                    {"pearson", flat, 0},
                                    {"spearman", numbers, 0.970588235294118},
                                    {"spearman", ties, 0.820782681668123},
                                    {"spearman", flat, 0},
                                    {"loss", flat, 0.25},
                                    {"perplexity", words, 8},
                                    {"bits_per_character", words, 2}}) {
    CAPTURE(row.metric);
    CHECK(configured<Metric>(row.metric)->compute(row.predictions) == doctest::Approx(row.expected).epsilon(1e-12));
  }
  CHECK_FALSE(configured<Metric>("loss")->higher_is_better());
  CHECK(configured<Metric>("spearman")->measures(Form::numbers));
  CHECK_FALSE(configured<Metric>("spearman")->measures(Form::classes));
  CHECK(configured<Metric>("perplexity")->measures(Form::likelihood));
  CHECK_FALSE(configured<Metric>("perplexity")->higher_is_better());
}

TEST_CASE("predictions come in order, whole, and alike for every batch size") {
  TinyRun run(0.5, DType::f64);
  run.validation.examples[3].label = -1;
  const auto all = predict(*run.model, run.store, run.objective->task(), run.validation, 20);
  REQUIRE(all.label.size() == 20);
  CHECK(all.classes == 2);
  for (int64_t size : {1, 3, 7, 64}) {
    const auto cut = predict(*run.model, run.store, run.objective->task(), run.validation, size);
    CHECK(cut.predicted == all.predicted);
    CHECK(cut.label == all.label);
    CHECK(cut.loss == doctest::Approx(all.loss).epsilon(1e-12));
    for (size_t i = 0; i < 20; ++i) CHECK(cut.probabilities[i][1] == doctest::Approx(all.probabilities[i][1]).epsilon(1e-12));
  }
  double loss = 0;
  for (size_t i = 0; i < 20; ++i)
    if (all.label[i] >= 0) loss -= std::log(all.probabilities[i][size_t(all.label[i])]) / 19;
  CHECK(all.loss == doctest::Approx(loss).epsilon(1e-12));
  for (auto& e : run.validation.examples) e.label = -1;
  CHECK(std::isnan(predict(*run.model, run.store, run.objective->task(), run.validation, 8).loss));
}
