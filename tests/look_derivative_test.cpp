// The numbers beside an op in look html: local derivatives against hand values and finite differences, the chain rule of
// backward records against what they wrote. Next: src/look/local_derivative.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>

#include "kernels/parallel.h"
#include "support/look_models.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const bool one_thread = (kernels::set_threads(1), true);
constexpr RecorderOptions with_derivatives{.derivatives = true};

const OpRecord& record_of(const Recording& r, const std::string& op, OpRecord::Kind kind = OpRecord::Kind::forward) {
  for (auto& x : r.records)
    if (x.op == op && x.kind == kind) return x;
  FAIL("no record of " << op);
  return r.records[0];
}

/// Which of the tensors holds what the value held; -1: none.
int find(In tensors, const RecordedValue& v) {
  for (size_t k = 0; k < tensors.size(); ++k)
    if (tensors[k] && tensors[k].shape() == v.shape && hash_bits(tensors[k].raw<std::byte>(), v.bytes()) == v.hash) return int(k);
  return -1;
}

/// Element `at` of output y as the row computes it once element i of input k is changed.
double output_at(const OpCase& row, int k, int64_t i, double change, int y, int64_t at) {
  Tensors in;
  for (auto& x : row.inputs) in.push_back(x.clone());
  in[size_t(k)].raw<double>()[i] += change;
  return row.call(in)[size_t(y)].item(at);
}

}  // namespace

TEST_CASE("local derivatives of tanh and of a product are the values one gets by hand") {
  Recorder recorder(with_derivatives);
  Tape tape;
  const Tensor x = tape.leaf(Tensor::of<double>({0.5, 3, -4}, {3})), w = tape.leaf(Tensor::of<double>({2, 0.25, 8}, {3}));
  tanh(x) * w;
  const Recording r = recorder.finish();
  const OpRecord &t = record_of(r, "tanh"), &product = record_of(r, "mul");
  REQUIRE(t.derivatives.size() == 1);
  const LocalDerivative& d = t.derivatives[0];
  CHECK(d.depends == 1);
  REQUIRE(d.slopes.size() == 1);
  CHECK(d.slopes[0].at == d.at);
  CHECK(d.slopes[0].value == x.item(d.at));
  CHECK(d.value == doctest::Approx(std::tanh(x.item(d.at))));
  CHECK(d.slopes[0].slope == doctest::Approx(1 - d.value * d.value));
  REQUIRE(product.derivatives.size() == 2);
  const int64_t i = product.derivatives[0].at;
  CHECK(product.derivatives[0].slopes[0].slope == w.item(i));
  CHECK(product.derivatives[1].slopes[0].slope == doctest::Approx(std::tanh(x.item(i))));
  CHECK(product.derivatives[0].of == product.out[0]);
  CHECK(product.derivatives[1].by == product.in[1].value);
}

TEST_CASE("local derivatives of the ops of the table are finite differences") {
  std::map<std::string, int> checked;
  for (const OpEntry& entry : op_table()) {
    for (const OpCase& row : entry.cases(DType::f64)) {
      CAPTURE(entry.name);
      CAPTURE(row.name);
      const bool skipped = std::any_of(row.skip.begin(), row.skip.end(), [](auto& s) { return s.first == "gradcheck"; });
      Recorder recorder(with_derivatives);
      const Tensors out = row.call(row.inputs);
      const Recording r = recorder.finish();
      if (skipped || r.records.size() != 1 || r.records[0].op != entry.name) continue;
      for (const LocalDerivative& d : r.records[0].derivatives) {
        const int y = find(out, r.values[d.of]), k = find(row.inputs, r.values[d.by]);
        if (y < 0 || k < 0) continue;  // the row hands on another output, or changes an input first
        CAPTURE(k);
        CHECK(d.depends >= int64_t(d.slopes.size()));
        CHECK(d.slopes.size() == size_t(std::min<int64_t>(8, d.depends)));
        for (const PartialDerivative& s : d.slopes) {
          CAPTURE(s.at);
          const double h = 1e-6 * std::max(1.0, std::fabs(s.value));
          const double numeric = (output_at(row, k, s.at, h, y, d.at) - output_at(row, k, s.at, -h, y, d.at)) / (2 * h);
          CHECK(s.slope == doctest::Approx(numeric).epsilon(1e-5));
          CHECK(s.value == row.inputs[size_t(k)].item(s.at));
          ++checked[entry.name];
        }
      }
    }
  }
  CHECK(checked.size() >= 40);
  for (const char* op : {"tanh", "mul", "matmul", "linear", "softmax", "attention", "layer_norm", "cross_entropy_rows"})
    CHECK(checked[op] > 0);
}

TEST_CASE("the chain rule of a backward record: what was there, plus what arrives times the local derivative") {
  Recorder recorder(with_derivatives);
  Tape tape;
  const Tensor x = tape.leaf(Tensor::of<double>({0.5, 3, -4}, {3}));
  gradient(sum(exp(tanh(x)) + sin(x)), x);
  const Recording r = recorder.finish();
  int64_t added = 0, kernels = 0;
  for (auto& record : r.records) {
    if (record.kind != OpRecord::Kind::backward) continue;
    ++kernels;
    CAPTURE(record.op);
    for (auto& d : record.derivatives) {
      CHECK(r.values[d.by].made_by != nothing);
      for (auto& s : d.slopes) {
        CHECK(s.value == doctest::Approx(s.before + d.value * s.slope));
        added += s.before != 0;
      }
    }
  }
  CHECK(kernels > 0);
  CHECK(added > 0);
}

TEST_CASE("every differentiable record of a model has its numbers, and the file keeps them") {
  for (const char* model : look_models) {
    const Recording r = record_model(model, with_derivatives);
    int64_t without = 0, with = 0;
    for (auto& x : r.records) {
      if (!x.differentiable || (x.kind != OpRecord::Kind::forward && x.kind != OpRecord::Kind::backward)) continue;
      ++(x.derivatives.empty() ? without : with);
      for (auto& d : x.derivatives)
        for (auto& s : d.slopes) CHECK((std::isfinite(s.slope) && s.slope != 0));
    }
    CHECK(with > 20 * without);
    CHECK(encode(decode(encode(r), "tape.tdt")) == encode(r));
  }
}
