// What rows forget comes back with the same bits: gradients of first and second order with every value kept, with what
// backward reads, and with whole layers computed again; and the memory that this saves. Next: src/tape/recompute.cpp.
#include <doctest/doctest.h>

#include <pthread.h>

#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/tape/listen.h>
#include <tapedeck/tape/op_table.h>
#include <tapedeck/tensor/memory.h>

#include "support/compare.h"
#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

struct Way {
  const char* name;
  Keep keep;
  std::vector<std::string> recompute;
};
const Way ways[] = {{"everything kept", Keep::all, {}},
                    {"what backward reads", Keep::needed, {}},
                    {"layers recomputed", Keep::needed, {"encoder.layers.*"}},
                    {"one layer recomputed", Keep::needed, {"encoder.layers.1"}},
                    {"everything kept but layers", Keep::all, {"*"}}};

/// What an update leaves: its gradients, its value, and the activations at the peak.
struct Update {
  Tensor gradients;
  double value;
  size_t activations;
};

Update update(const std::string& json, const Way& way, DType dtype = DType::f32) {
  test::ModelFixture f(json, dtype, 12);
  f.store.recompute(way.recompute);
  f.tape.keep(way.keep);
  f.zero_gradients();
  const Batch batch = f.batch();
  reset_memory_peak();
  Step step = f.step(batch);
  const double value = f.config.objective->run(step);
  return {f.store.gradients().clone(), value, memory_use().peak[size_t(Memory::activations)]};
}

std::string model(const char* encoder) {
  return text(
      R"("model": {"type": "text", "pooling": "mean", "encoder": {"type": "transformer", "layers": 3, "width": 16, "heads": 2, )",
      encoder, "}}");
}

Tensor numbers(std::initializer_list<double> values) { return Tensor::of<double>(values, {int64_t(values.size())}); }

/// sum(tanh(exp(x) * x + sin(x))): values that nobody needs, values that backward reads.
Tensors layer(const Tensor& x) {
  const Tensor e = exp(x) * x;
  return {tanh(e + sin(x))};
}

}  // namespace

TEST_CASE("gradients of every objective have the same bits, whatever is kept") {
  for (const char* encoder :
       {R"("norm": "post", "dropout": 0.2)", R"("norm": "pre", "dropout": 0.1, "positions": "rotary", "activation": "relu")"})
    for (const char* objective :
         {R"("cross_entropy")", R"({"type": "r_drop", "alpha": 1.0})", R"({"type": "fgm", "at": "embedding", "epsilon": 0.5})",
          R"({"type": "fgm", "train": "adversarial", "loss": {"type": "r_drop", "alpha": 2.0}})",
          R"({"type": "gradient_penalty", "weight": 0.1})",
          R"({"type": "gradient_penalty", "at": "hidden", "loss": {"type": "r_drop", "alpha": 1.0}})"}) {
      CAPTURE(encoder);
      CAPTURE(objective);
      const std::string json = text("{", model(encoder), R"(, "objective": )", objective, "}");
      const Update whole = update(json, ways[0]);
      for (const Way& way : ways) {
        CAPTURE(way.name);
        const Update u = update(json, way);
        CHECK(u.value == whole.value);
        CHECK(same_bits(u.gradients, whole.gradients));
      }
    }
}

TEST_CASE("what is kept for the first-order sweep is enough for it: no op of the table is computed again") {
  struct Counter : TapeListener {
    int again = 0;
    void begin(const OpCall& call) override { again += call.kind == OpCall::Kind::recompute; }
  };
  int rows = 0;
  for (const OpEntry& op : op_table())
    for (const OpCase& row : op.cases(DType::f64)) {
      CAPTURE(op.name);
      CAPTURE(row.name);
      Tape tape;
      tape.keep(Keep::needed);
      Tensors inputs, leaves;
      for (const Tensor& x : row.inputs) {
        inputs.push_back(is_floating(x.dtype()) ? tape.leaf(x) * 1.0 : x);
        if (inputs[inputs.size() - 1].on_tape()) leaves.push_back(inputs[inputs.size() - 1]);
      }
      Tensors outputs = row.call(inputs);
      inputs = {};  // so that rows alone hold what is held
      Tensor loss;
      for (const Tensor& y : outputs)
        if (y && y.on_tape() && is_floating(y.dtype())) loss = loss ? loss + sum(y) : sum(y);
      if (!loss) continue;
      outputs = {};
      ++rows;
      Counter counter;
      const ScopedListener listening(counter);
      gradients(loss, leaves);
      CHECK(counter.again == 0);
    }
  CHECK(rows > 300);
}

TEST_CASE("keeping less takes less") {
  const std::string json = text("{", model(R"("dropout": 0.1)"), R"(, "objective": "cross_entropy"})");
  const size_t all = update(json, ways[0]).activations, needed = update(json, ways[1]).activations,
               layers = update(json, ways[2]).activations, one = update(json, ways[3]).activations;
  CHECK(needed < 0.95 * double(all));
  CHECK(layers < 0.6 * double(needed));
  CHECK(one < needed);
  CHECK(layers < one);
}

TEST_CASE("segments: derivatives of both orders, sites inside, segments in segments") {
  for (Keep keep : {Keep::all, Keep::needed})
    for (bool segments : {false, true}) {
      CAPTURE(segments);
      Tape tape;
      tape.keep(keep);
      const Tensor x = tape.leaf(numbers({0.3, -0.2, 0.9}));
      Tensor inside;
      const auto stretch = [&](const Tensor& in) {
        const auto f = [&]() -> Tensors {
          inside = layer(in)[0];
          return segments ? tape.activation_checkpoint([&] { return layer(inside); }) : layer(inside);
        };
        return segments ? tape.activation_checkpoint(f)[0] : f()[0];
      };
      const Tensor y = stretch(stretch(x));
      const Tensor loss = sum(square(y));
      const Tensor g = gradient(loss, x), at_site = gradient(loss, inside), again = gradient(loss, x);
      CHECK(same_bits(g, again));
      const Tensor second = gradient(sum(square(gradient(loss, x, Order::differentiable))), x);
      static Tensor first_g, first_site, first_second;
      if (!first_g) first_g = g, first_site = at_site, first_second = second;
      CHECK(same_bits(g, first_g));
      CHECK(same_bits(at_site, first_site));
      CHECK(same_bits(second, first_second));
    }
}

TEST_CASE("a forgotten value is an error to read, and its shape is not") {
  Tape tape;
  tape.keep(Keep::needed);
  const Tensor x = tape.leaf(numbers({1, 2}));
  sum(x + 1.0);
  const Tensor& forgotten = tape.node(1).out[0];
  CHECK_FALSE(forgotten.has_data());
  CHECK(forgotten.shape() == Shape{2});
  CHECK_THROWS_AS(forgotten.item(), Error);
  CHECK_THROWS_AS(forgotten.data<double>(), Error);
}

TEST_CASE("a long segment comes back on a small stack") {
  const auto call = [](void*) -> void* {
    Tape tape;
    tape.keep(Keep::needed);
    const Tensor x = tape.leaf(Tensor::scalar(0.5, DType::f64));
    constexpr int rows = 100'000;
    const Tensor y = tape.activation_checkpoint([&]() -> Tensors {
      Tensor v = x;
      for (int i = 0; i < rows; ++i) v = sin(v);
      return {v};
    })[0];
    const Tensor g = gradient(square(y), x);
    double v = 0.5, slope = 1;
    for (int i = 0; i < rows; ++i) slope *= std::cos(v), v = std::sin(v);
    return reinterpret_cast<void*>(uintptr_t(std::abs(g.item() / (2 * v * slope) - 1) < 1e-9));
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, call, nullptr) == 0);
  void* result = nullptr;
  pthread_join(thread, &result);
  pthread_attr_destroy(&attributes);
  CHECK(result != nullptr);
}

TEST_CASE("a pattern that names no layer is refused with the nearest") {
  test::ModelFixture f(text("{", model(R"("dropout": 0.1)"), "}"));
  try {
    f.store.recompute({"encoder.layer.1"});
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::config);
    CHECK(std::string(e.what()).find("encoder.layers.1") != std::string::npos);
  }
}
