// A small text model with its parameters, batch and objective, described in JSON as an experiment would; for tests of
// floors 5 to 7.
#pragma once
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tapedeck/data/dataset.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck::test {

struct ModelConfig : Part {
  Choice<ModelSpec> model{"text"};
  Choice<Objective> objective{"cross_entropy"};
  void describe(Fields& f) override {
    f("model", model, "");
    f("objective", objective, "");
  }
};

/// {"model": one small layer, "objective": ...}
inline std::string tiny_model(const std::string& objective) {
  return R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 8, "dropout": 0.2}},
             "objective": )" +
         objective + "}";
}

struct ModelFixture {
  ModelConfig config;
  ParamStore store;
  std::unique_ptr<Model> model;
  Dataset data;
  std::vector<int64_t> order;
  Tape tape;
  DType dtype;

  /// json: {"model": ..., "objective": ...}; examples are drawn from a fixed key.
  explicit ModelFixture(const std::string& json, DType dtype = DType::f64, int64_t examples = 6, double spread = 1)
      : dtype(dtype) {
    Diagnostics diagnostics;
    read_fields(config, parse_json(json, "fixture"), "", diagnostics);
    if (!diagnostics.empty()) FAIL(diagnostics.render());
    model = config.model->build(Params(store), {12, 9, 3, true});
    store.allocate(dtype, root_key(5) / "init");
    for (auto& p : store.all())
      p.value.copy_from(Tensor::normal(p.shape, root_key(6) / p.path, p.init.scale == 1 ? 1 : 0, 0.3 * spread, dtype));
    data.labels = {"a", "b", "c"};
    for (int64_t i = 0; i < examples; ++i) {
      Example e;
      const int64_t length = 1 + int64_t(random_below(root_key(7) / "length", uint64_t(i), 8));
      for (int64_t t = 0; t < length; ++t) {
        e.ids.push_back(int32_t(random_below(root_key(8) / i, uint64_t(t), 12)));
        e.segments.push_back(t * 2 > length);
      }
      e.label = int32_t(i % 3);
      data.examples.push_back(std::move(e));
      order.push_back(i);
    }
  }
  Batch batch(int64_t begin, int64_t end) const {
    Batch b = collate(data, order, begin, end, dtype);
    b.total_weight = double(order.size());
    return b;
  }
  Batch batch() const { return batch(0, int64_t(order.size())); }
  Step step(const Batch& b) { return Step(tape, *model, store, config.objective->task(), b, root_key(9) / "step" / 0, 0); }
  std::vector<double> gradients() const {
    std::vector<double> all;
    for (auto& p : store.all())
      for (int64_t i = 0; i < p.gradient.size(); ++i) all.push_back(p.gradient.item(i));
    return all;
  }
  void zero_gradients() const { store.gradients().copy_from(Tensor::zeros(store.gradients().shape(), dtype)); }
};

/// Largest difference relative to the largest entry of b.
inline double gap(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 1e-300;
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

}  // namespace tapedeck::test
