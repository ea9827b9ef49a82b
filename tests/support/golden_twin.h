// The small models of tests/golden/twin.py: the same parameters and the same batch, with an objective read from JSON. Next:
// ../golden_test.cpp (the model), ../golden_objectives_test.cpp (the methods).
#pragma once
#include <algorithm>
#include <cmath>

#include <tapedeck/objectives/objective.h>
#include <tapedeck/train/optimizer.h>

#include "golden.h"

namespace tapedeck::testing {

struct GoldenConfig : Part {
  Choice<ModelSpec> model;
  Choice<Objective> objective;
  Choice<Optimizer> optimizer;
  void describe(Fields& f) override {
    f("model", model, "");
    f("objective", objective, "");
    f("optimizer", optimizer, "");
  }
};

/// What encoder.py says about all cases: batch, vocabulary, seed, step.
inline const Json& golden() {
  static const Json tree = read_golden("encoder.json");
  return tree;
}

/// [text, first, last, type] of each marked span as marks in the order of the scores.
inline Tensor golden_spans(const Json& list, std::span<const int32_t> offsets, int64_t types) {
  std::vector<int64_t> start{0};  // of each text's scores
  for (size_t s = 0; s + 1 < offsets.size(); ++s)
    start.push_back(start.back() + types * int64_t(offsets[s + 1] - offsets[s]) * (offsets[s + 1] - offsets[s]));
  const Tensor marks = Tensor::zeros({start.back()}, DType::u8);
  for (auto& span : list.items) {
    const auto value = [&](size_t i) { return span.items[i].integer; };
    const int64_t n = offsets[size_t(value(0)) + 1] - offsets[size_t(value(0))];
    marks.raw<uint8_t>()[start[size_t(value(0))] + (value(3) * n + value(2)) * n + value(1)] = 1;
  }
  return marks;
}

/// "tokens" and "lengths" of a batch.
inline Batch packed_batch(const Json& b) {
  std::vector<int32_t> offsets{0}, positions;
  for (auto& n : at(b, "lengths").items) {
    for (int32_t i = 0; i < n.integer; ++i) positions.push_back(i);
    offsets.push_back(offsets.back() + int32_t(n.integer));
  }
  Batch batch;
  batch.tokens = i32(at(b, "tokens"));
  batch.offsets = Tensor::from<int32_t>(offsets, {int64_t(offsets.size())});
  batch.positions = Tensor::from<int32_t>(positions, {int64_t(positions.size())});
  return batch;
}

/// The batch of twin.py; a case may have labels or regression targets of its own.
inline Batch golden_batch(const Json& row, DType dtype) {
  const Json& b = at(golden(), "batch");
  Batch batch = packed_batch(b);
  const auto *labels = row.find("labels"), *targets = row.find("targets");
  if (targets) batch.targets = Tensor::from<double>(numbers(targets->value), {int64_t(targets->value.items.size())}).to(dtype);
  else batch.labels = i32(labels ? labels->value : at(b, "labels"));
  if (targets) batch.answer.link = Link::identity;
  if (const auto* spans = row.find("spans")) {
    batch.answer = {Rows::spans, Link::sigmoid};
    batch.cells = golden_spans(spans->value, batch.offsets.data<int32_t>(), at(b, "classes").integer);
    batch.known = Tensor::zeros({batch.labels.size()}, DType::u8);
    for (int64_t i = 0; i < batch.labels.size(); ++i) batch.known.raw<uint8_t>()[i] = batch.labels.raw<int32_t>()[i] >= 0;
  }
  batch.total_sequences = batch.total_labelled = batch.sequences();
  if (labels)
    batch.total_labelled =
        std::count_if(labels->value.items.begin(), labels->value.items.end(), [](auto& l) { return l.integer >= 0; });
  return batch;
}

/// Element j of parameter i in sorted order, in a slab laid out like the store's values: value(i, j, 1 for the gains of norms).
template <class F>
void fill_sorted(const ParamStore& store, const Tensor& slab, F value) {
  std::vector<std::string> paths = store.paths();
  std::sort(paths.begin(), paths.end());
  for (size_t i = 0; i < paths.size(); ++i) {
    const Parameter& p = *store.find(paths[i]);
    const double start = paths[i].ends_with("layer_norm.weight") ? 1 : 0;
    dispatch(slab.dtype(), [&](auto tag) {
      for (int64_t j = 0; j < p.value.size(); ++j)
        slab.raw<decltype(tag)>()[p.offset + j] = decltype(tag)(value(double(i), double(j), start));
    });
  }
}
/// The formula of the scripts for a parameter's values.
inline double golden_value(double i, double j, double start) { return start + 0.3 * std::sin(1.7 * i + 0.9 * j + 0.013 * j * j); }

struct GoldenTwin {
  GoldenConfig config;
  ParamStore store;
  std::unique_ptr<Model> model;
  Batch batch;
  Tape tape;

  GoldenTwin(const Json& row, DType dtype) : batch(golden_batch(row, dtype)) {
    Json tree = Json::dict();
    Json model_options = at(row, "model");
    if (!model_options.find("type")) model_options.set("type", Json::of("text"));
    tree.set("model", model_options);
    tree.set("objective", at(row, "objective"));
    Json adamw = Json::dict();
    adamw.set("type", Json::of("adamw"));
    adamw.set("lr", Json::of(1e-2));
    adamw.set("weight_decay", Json::of(0.05));
    Json betas = Json::list();
    betas.items = {Json::of(0.9), Json::of(0.99)};
    adamw.set("betas", betas);
    tree.set("optimizer", adamw);
    Diagnostics diagnostics;
    read_fields(config, tree, "", diagnostics);
    if (!diagnostics.empty()) FAIL(diagnostics.render());
    const Json& g = golden();
    const int64_t outputs = batch.targets ? 1 : at(at(g, "batch"), "classes").integer;
    model = config.model->build(Params(store), {at(g, "vocabulary").integer, at(g, "max_length").integer, outputs, false});
    store.allocate(dtype, root_key(0));
    set_parameters();
  }

  /// The formula of twin.py, parameter i in sorted order, as scale * value + shift.
  void set_parameters(double scale = 1, double shift = 0) {
    fill_sorted(store, store.values(),
                [&](double i, double j, double start) { return golden_value(i, j, start) * scale + shift; });
  }
  Key key() const { return root_key(uint64_t(at(golden(), "seed").integer)) / "step" / at(golden(), "step").integer; }
  Step step(int64_t number = 0) { return Step(tape, *model, store, config.objective->task(), batch, key(), number); }
};

/// Largest difference as a share of the largest expected entry.
inline double gap(const Tensor& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == int64_t(expected.size()));
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(got.item(int64_t(i)) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return std::isnan(worst) ? INFINITY : worst / largest;
}

/// Checks every gradient in the store against `expected` (path: numbers); the largest difference relative to the largest
/// gradient of the whole model, because a parameter without influence has gradient 0 up to rounding.
inline double check_gradients(const ParamStore& store, const Json& expected, double limit) {
  double scale = 0, worst = 0;
  for (auto& m : expected.members)
    for (double v : numbers(m.value)) scale = std::max(scale, std::abs(v));
  for (auto& m : expected.members) {
    const Parameter* p = store.find(m.key);
    REQUIRE_MESSAGE(p, "no parameter " << m.key);
    const auto want = numbers(m.value);
    REQUIRE(p->gradient.size() == int64_t(want.size()));
    double off = 0;
    for (size_t i = 0; i < want.size(); ++i) off = std::max(off, std::abs(p->gradient.item(int64_t(i)) - want[i]));
    CAPTURE(m.key);
    CHECK(off / scale <= limit);
    worst = std::max(worst, std::isnan(off) ? INFINITY : off / scale);
  }
  CHECK(expected.members.size() == store.all().size());
  return worst;
}

inline void check_finite_gradients(const ParamStore& store) {
  for (auto& p : store.all())
    for (int64_t i = 0; i < p.gradient.size(); ++i) CHECK(std::isfinite(p.gradient.item(i)));
}

struct Tolerance {
  DType dtype;
  double limit;
};

}  // namespace tapedeck::testing
