// The contrastive objectives against PyTorch: tests/golden/contrastive.py computed the numbers. f64 must agree to 1e-9 of the
// largest entry. Then what no twin can say: finite values where a batch has little to compare. Next: sentences_test.cpp.
#include <iostream>
#include <numeric>

#include "support/golden_twin.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const Json& contrastive() {
  static const Json tree = read_golden("contrastive.json");
  return tree;
}

Batch make_batch(const std::string& name) {
  const Json& b = at(at(contrastive(), "batches"), name);
  Batch batch = packed_batch(b);
  if (!at(b, "labels").items.empty()) batch.labels = i32(at(b, "labels"));
  batch.texts = at(b, "texts").integer;
  batch.indices = Tensor::empty({batch.examples()}, DType::i32);
  std::iota(batch.indices.raw<int32_t>(), batch.indices.raw<int32_t>() + batch.examples(), 0);
  if (const auto* spans = b.find("spans")) {
    Json flat = Json::list();
    for (auto& span : spans->value.items)
      for (auto& end : span.items) flat.items.push_back(end);
    batch.mask_rows = i32(at(b, "stands"));
    batch.text_rows = i32(flat).view({batch.sequences(), 2});
  }
  batch.total_sequences = batch.total_labelled = batch.examples();
  return batch;
}

struct Twin {
  GoldenConfig config;
  ParamStore store;
  std::unique_ptr<Model> model;
  Batch batch;
  Tape tape;

  Twin(const Json& model_options, const Json& objective, const std::string& batch_name) : batch(make_batch(batch_name)) {
    Json tree = Json::dict();
    tree.set("model", model_options);
    tree.set("objective", objective);
    Diagnostics diagnostics;
    read_fields(config, tree, "", diagnostics);
    if (!diagnostics.empty()) FAIL(diagnostics.render());
    model = config.model->build(Params(store),
                                {at(contrastive(), "vocabulary").integer, at(contrastive(), "max_length").integer, 3, false});
    store.allocate(DType::f64, root_key(0));
    fill_sorted(store, store.values(), golden_value);
    begin();
  }
  /// The state that contrastive.py presumes: a teacher, remembered predictions.
  void begin() {
    const auto teacher = [&](const ParamStore&) {
      const Tensor values = Tensor::zeros(store.values().shape(), DType::f64);
      fill_sorted(store, values, [](double i, double j, double start) { return start + 0.25 * std::cos(1.3 * i + 0.7 * j); });
      return values;
    };
    const SetupContext setup{store, batch.examples(), 3, [&](const std::string&) { return teacher(store); }};
    for (auto& [place, objective] : with_inner(*config.objective)) {
      objective->begin(setup);
      for (auto& [name, tensor] : objective->extra_state()) {
        if (name == "teacher") tensor.copy_from(teacher(store));
        for (int64_t i = 0; i < tensor.size() && name != "teacher"; ++i)
          tensor.raw<double>()[i] = name == "visits" ? double(i) : 0.1 + 0.05 * double(i % 7);
      }
    }
  }
  double run() {
    const Key key = root_key(uint64_t(at(contrastive(), "seed").integer)) / "step" / at(contrastive(), "step").integer;
    Step step(tape, *model, store, config.objective->task(), batch, key, 0);
    return config.objective->run(step);
  }
};

}  // namespace

TEST_CASE("value and every gradient equal PyTorch's") {
  constexpr double limit = 1e-9;
  double worst = 0;
  for (auto& row : at(contrastive(), "cases").items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    Twin twin(at(row, "model"), at(row, "objective"), at(row, "batch").string);
    const double value = twin.run(), expected = at(row, "loss").number;
    CHECK(std::abs(value / expected - 1) <= limit);
    worst = std::max({worst, std::abs(value / expected - 1), check_gradients(twin.store, at(row, "gradients"), limit)});
  }
  std::cout << "PyTorch twin: " << at(contrastive(), "cases").items.size() << " contrastive cases, worst relative difference "
            << worst << "\n";
}

TEST_CASE("batches with little to compare: finite, and what the pages say") {
  const Json text = at(at(contrastive(), "cases").items.back(), "model");
  Json classifier = text;
  classifier.set("type", Json::of("text"));
  classifier.set("head", Json::of("linear"));
  struct Row {
    const char* objective;
    const char* batch;
    std::optional<double> value;
  };
  const Row rows[] = {
      {R"({"type": "simcse"})", "one", 0.0},
      {R"({"type": "simcse", "candidates": "2n-1"})", "one", 0.0},
      {R"({"type": "nt_xent"})", "one", 0.0},
      {R"({"type": "sup_con", "weight": 1, "passes": 1})", "one", 0.0},
      {R"({"type": "uscal"})", "one", 0.0},
      {R"({"type": "sup_con", "weight": 1, "passes": 1})", "lonely", {}},
      {R"({"type": "scal"})", "one", {}},
      {R"({"type": "scal", "adversary": {"type": "fgm", "epsilon": 0}})", "identical", {}},
      {R"({"type": "uscal", "adversary": {"type": "fgm", "epsilon": 0}})", "identical", {}},
      {R"({"type": "simcse"})", "identical", {}},
  };
  for (auto& row : rows) {
    CAPTURE(row.objective);
    CAPTURE(row.batch);
    const Json objective = parse_json(row.objective, "row");
    const bool labelled = at(objective, "type").string == "sup_con" || at(objective, "type").string == "scal";
    Twin twin(labelled ? classifier : text, objective, row.batch);
    const double value = twin.run();
    CHECK(std::isfinite(value));
    if (row.value) CHECK(value == doctest::Approx(*row.value).epsilon(1e-12));
    check_finite_gradients(twin.store);
  }
}

TEST_CASE("zero vectors: every cosine is 0, as if all rows were alike") {
  const Json model = at(at(contrastive(), "cases").items.back(), "model");
  struct Row {
    const char* objective;
    double value;
  };
  const double five = std::log(5), nine = std::log(9);  // candidates of five examples, of both views without oneself
  const Row rows[] = {
      {R"({"type": "simcse"})", five},
      {R"({"type": "simcse", "candidates": "2n-1"})", nine},
      {R"({"type": "nt_xent"})", nine},
      {R"({"type": "sup_con", "weight": 1})", nine},
      {R"({"type": "sup_con", "weight": 1, "form": "in"})", nine},
      {R"({"type": "uscal", "alpha": 0.5})", 1.5 * five},
  };
  for (auto& row : rows) {
    CAPTURE(row.objective);
    Twin twin(model, parse_json(row.objective, "row"), "single");
    for (auto& p : twin.store.all())
      if (p.path.starts_with("projection.")) p.value.copy_from(Tensor::zeros(p.shape, DType::f64));
    CHECK(twin.run() == doctest::Approx(row.value).epsilon(1e-9));
    check_finite_gradients(twin.store);
  }
}

TEST_CASE("examples without labels still agree with a teacher") {
  const Json model = at(at(contrastive(), "cases").items.back(), "model");
  for (const char* objective : {R"({"type": "mean_teacher", "weight": 0.7})", R"({"type": "temporal_ensembling", "weight": 0.7})",
                                R"({"type": "distillation", "teacher": "any", "weight": 0.7})"}) {
    CAPTURE(objective);
    const auto value = [&](const char* weight) {
      Json options = parse_json(objective, "row");
      if (weight) options.set("weight", Json::of(std::stod(weight)));
      Twin twin(model, options, "single");
      for (int64_t i = 0; i < twin.batch.labels.size(); ++i) twin.batch.labels.raw<int32_t>()[i] = -1;
      twin.batch.total_labelled = 0;
      const double loss = twin.run();
      double moved = 0;
      for (auto& p : twin.store.all())
        for (int64_t i = 0; i < p.gradient.size(); ++i) moved += std::abs(p.gradient.item(i));
      CHECK(std::isfinite(moved));
      CHECK((moved > 1e-6) == (loss > 1e-9));
      return loss;
    };
    CHECK(value(nullptr) > 1e-4);
    CHECK(value("0") == 0);
  }
}
