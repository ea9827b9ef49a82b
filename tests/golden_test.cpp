// The encoder and the training methods against PyTorch: tests/golden/encoder.py computed the numbers, with masks from a second
// implementation of Philox. f64 must agree to 1e-9 of the largest entry, f32 to 2e-5.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>

#include <tapedeck/objectives/objective.h>
#include <tapedeck/train/optimizer.h>

using namespace tapedeck;

namespace {

struct Config : Part {
  Choice<ModelSpec> model;
  Choice<Objective> objective;
  Choice<Optimizer> optimizer;
  void describe(Fields& f) override {
    f("model", model, "");
    f("objective", objective, "");
    f("optimizer", optimizer, "");
  }
};

const Json& golden() {
  static const Json tree = [] {
    const std::string path = TAPEDECK_SOURCE_DIR "/tests/golden/encoder.json";
    std::ifstream file(path);
    std::stringstream content;
    content << file.rdbuf();
    return parse_json(content.str(), path);
  }();
  return tree;
}
const Json& at(const Json& object, const char* key) {
  const auto* member = object.find(key);
  REQUIRE_MESSAGE(member, "golden file has no " << key);
  return member->value;
}
std::vector<double> numbers(const Json& list) {
  std::vector<double> v;
  for (auto& item : list.items) v.push_back(item.number);
  return v;
}

Tensor i32(const Json& list) {
  std::vector<int32_t> v;
  for (auto& item : list.items) v.push_back(int32_t(item.integer));
  return Tensor::from<int32_t>(v, {int64_t(v.size())});
}

Batch make_batch() {
  const Json& b = at(golden(), "batch");
  std::vector<int32_t> offsets{0}, positions;
  for (auto& n : at(b, "lengths").items) {
    for (int32_t i = 0; i < n.integer; ++i) positions.push_back(i);
    offsets.push_back(offsets.back() + int32_t(n.integer));
  }
  Batch batch;
  batch.tokens = i32(at(b, "tokens"));
  batch.labels = i32(at(b, "labels"));
  batch.offsets = Tensor::from<int32_t>(offsets, {int64_t(offsets.size())});
  batch.positions = Tensor::from<int32_t>(positions, {int64_t(positions.size())});
  batch.total_sequences = batch.total_labelled = batch.sequences();
  return batch;
}

/// The formula of encoder.py: parameter i in sorted order.
void set_parameters(ParamStore& store) {
  std::vector<std::string> paths = store.paths();
  std::sort(paths.begin(), paths.end());
  for (size_t i = 0; i < paths.size(); ++i) {
    const Parameter& p = *store.find(paths[i]);
    const double start = paths[i].ends_with("layer_norm.weight") ? 1 : 0;
    for (int64_t j = 0; j < p.value.size(); ++j) {
      const double x = start + 0.3 * std::sin(1.7 * double(i) + 0.9 * double(j) + 0.013 * double(j) * double(j));
      dispatch(p.value.dtype(), [&](auto tag) { p.value.raw<decltype(tag)>()[j] = decltype(tag)(x); });
    }
  }
}

struct Twin {
  Config config;
  ParamStore store;
  std::unique_ptr<Model> model;
  Batch batch = make_batch();
  Tape tape;

  Twin(const Json& row, DType dtype) {
    Json tree = Json::dict();
    Json model_options = at(row, "model");
    model_options.set("type", Json::of("text"));
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
    Complaints complaints;
    read_fields(config, tree, "", complaints);
    if (!complaints.empty()) FAIL(complaints.render());
    const Json& g = golden();
    model = config.model->build(Params(store), {at(g, "vocabulary").integer, at(g, "max_length").integer, at(at(g, "batch"), "classes").integer, false});
    store.allocate(dtype, root_key(0));
    set_parameters(store);
  }
  Key key() const { return root_key(uint64_t(at(golden(), "seed").integer)) / "step" / at(golden(), "step").integer; }
  Step step() { return Step(tape, *model, store, config.objective->task(), batch, key(), 0); }
};

/// Largest difference as a share of the largest expected entry.
double gap(const Tensor& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == int64_t(expected.size()));
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(got.item(int64_t(i)) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return std::isnan(worst) ? INFINITY : worst / largest;
}

struct Tolerance { DType dtype; double limit; };
const Tolerance tolerances[] = {{DType::f64, 1e-9}, {DType::f32, 2e-5}};

}  // namespace

TEST_CASE("logits, loss and every gradient equal PyTorch's") {
  for (auto& [dtype, limit] : tolerances) {
    double worst = 0;
    for (auto& row : at(golden(), "cases").items) {
      const std::string name = at(row, "name").string;
      CAPTURE(name);
      Twin twin(row, dtype);
      Step first = twin.step();
      const double logits = gap(first.forward().logits.detach(), numbers(at(row, "logits")));
      Step step = twin.step();
      const double value = twin.config.objective->run(step);
      const double expected = at(row, "loss").number;
      CHECK(std::abs(value - expected) <= limit * std::abs(expected));
      CHECK(logits <= limit);
      worst = std::max({worst, logits, std::abs(value / expected - 1)});
      // Relative to the largest gradient of the whole model: a parameter without influence has gradient 0 up to rounding.
      double scale = 0;
      for (auto& m : at(row, "gradients").members) for (double v : numbers(m.value)) scale = std::max(scale, std::abs(v));
      for (auto& m : at(row, "gradients").members) {
        const Parameter* p = twin.store.find(m.key);
        REQUIRE_MESSAGE(p, "no parameter " << m.key);
        const auto want = numbers(m.value);
        double off = 0;
        for (size_t i = 0; i < want.size(); ++i) off = std::max(off, std::abs(p->gradient.item(int64_t(i)) - want[i]));
        CAPTURE(m.key);
        CHECK(off / scale <= limit);
        worst = std::max(worst, off / scale);
      }
      CHECK(at(row, "gradients").members.size() == twin.store.all().size());
    }
    std::cout << "PyTorch twin, " << name_of(dtype) << ": " << at(golden(), "cases").items.size() << " cases, worst relative difference "
              << worst << " (limit " << limit << ")\n";
  }
}

TEST_CASE("objective.loss + backward gives the same gradients as objective.run") {
  for (auto& row : at(golden(), "cases").items) {
    const std::string name = at(row, "name").string;
    CAPTURE(name);
    Twin run(row, DType::f64), composed(row, DType::f64);
    Step a = run.step(), b = composed.step();
    const double value = run.config.objective->run(a);
    const Tensor loss = composed.config.objective->loss(b);
    CHECK(loss.item() == doctest::Approx(value).epsilon(1e-13));
    b.backward(loss);
    for (size_t i = 0; i < run.store.all().size(); ++i) {
      const Tensor& x = run.store.all()[i].gradient;
      const Tensor& y = composed.store.all()[i].gradient;
      for (int64_t j = 0; j < x.size(); ++j) CHECK(std::abs(x.item(j) - y.item(j)) <= 1e-12);
    }
  }
}

TEST_CASE("ten AdamW steps end where PyTorch's end") {
  for (auto& [dtype, limit] : tolerances) {
    for (auto& row : at(golden(), "cases").items) {
      const auto* adamw = row.find("adamw");
      if (!adamw) continue;
      const std::string name = at(row, "name").string;
      CAPTURE(name);
      Twin twin(row, dtype);
      twin.config.optimizer->bind(twin.store);
      for (int64_t n = 1; n <= at(adamw->value, "steps").integer; ++n) {
        Step step = twin.step();
        twin.config.objective->run(step);
        twin.config.optimizer->update(1, 1, n);
      }
      for (auto& m : at(adamw->value, "values").members) {
        CAPTURE(m.key);
        // Adam divides by |g|: where PyTorch's own gradient is rounding noise (the keys' bias), the direction is noise as well.
        const bool noise = m.key.ends_with("attention.qkv.bias");
        std::vector<double> want = numbers(m.value);
        Tensor got = twin.store.find(m.key)->value.to(DType::f64);
        if (noise) {
          const size_t third = want.size() / 3;
          for (size_t i = third; i < 2 * third; ++i) got.raw<double>()[i] = want[i];
        }
        CHECK(gap(got, want) <= limit);
      }
    }
  }
}
