// GlobalPointer: scores against loops over spans, its size, and gradients of its loss and divergence through a whole layer.
#include "support/oracles.h"

#include <tapedeck/losses/divergence.h>
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/nn/global_pointer.h>

using namespace tapedeck;
using tapedeck::testing::Oracle;

namespace {

constexpr int64_t width = 5, types = 3, size = 4, tokens = 6;

struct Spans {
  ParamStore store;
  GlobalPointer layer;
  Batch batch;
  Tensor hidden = Tensor::normal({tokens, width}, root_key(1), 0, 1, DType::f64);

  Spans(bool efficient, bool rotary) : layer(Params(store) / "spans", {width, types, size, rotary, efficient}) {
    store.allocate(DType::f64, root_key(2));
    for (const Parameter& p : store.all()) p.value.copy_from(Tensor::normal(p.shape, root_key(3) / p.path, 0, 0.7, DType::f64));
    batch.offsets = Tensor::of<int32_t>({0, 4, 4, 6}, {4});
    batch.positions = Tensor::of<int32_t>({0, 1, 2, 3, 0, 1}, {6});
  }
  Tensor parameter(const std::string& path) const { return store.find("spans." + path)->value; }
  /// x W^T + b of one token, element c.
  double line(const std::string& layer_name, const std::vector<double>& x, int64_t c) const {
    double y = parameter(layer_name + ".bias").item(c);
    for (size_t k = 0; k < x.size(); ++k) y += x[k] * parameter(layer_name + ".weight").item(c * int64_t(x.size()) + int64_t(k));
    return y;
  }
  std::vector<double> points(int64_t token, int64_t columns) const {
    std::vector<double> x, y;
    for (int64_t c = 0; c < width; ++c) x.push_back(hidden.item(token * width + c));
    for (int64_t c = 0; c < columns; ++c) y.push_back(line("points", x, c));
    return y;
  }
};

/// Columns k and k + size/2 turned by position * 10000^(-2k/size).
std::vector<double> turned(std::vector<double> v, int64_t position) {
  const size_t half = v.size() / 2;
  for (size_t k = 0; k < half; ++k) {
    const double angle = double(position) * std::pow(10000.0, -2 * double(k) / double(size)), a = v[k], b = v[k + half];
    v[k] = a * std::cos(angle) - b * std::sin(angle);
    v[k + half] = a * std::sin(angle) + b * std::cos(angle);
  }
  return v;
}

double score(const Spans& s, bool efficient, bool rotary, int64_t a, int64_t first, int64_t last) {
  const int64_t heads = efficient ? 1 : types, head = efficient ? 0 : a;
  const auto part = [&](int64_t token, int64_t half) {
    const std::vector<double> all = s.points(token, 2 * heads * size);
    const auto from = all.begin() + (half * heads + head) * size;
    const std::vector<double> v(from, from + size);
    return rotary ? turned(v, s.batch.positions.raw<int32_t>()[token]) : v;
  };
  const std::vector<double> q = part(first, 0), k = part(last, 1);
  double dot = 0;
  for (size_t c = 0; c < q.size(); ++c) dot += q[c] * k[c];
  dot /= std::sqrt(double(size));
  if (!efficient) return dot;
  return dot + (s.line("kinds", s.points(first, 2 * size), a) + s.line("kinds", s.points(last, 2 * size), types + a)) / 2;
}

int64_t weights(int64_t of_types, bool efficient) {
  ParamStore store;
  const GlobalPointer layer(Params(store) / "spans", {768, of_types, 64, true, efficient});
  int64_t n = 0;
  for (const Parameter& p : store.all()) n += p.shape.rank() == 2 ? p.shape.size() : 0;
  return n;
}

/// The gold spans: one of each type, two of the first.
Tensor gold(const Tensor& scores) {
  const Tensor marks = Tensor::zeros(scores.shape(), DType::u8);
  for (int64_t e : {0, 4, 21, 42, 50}) marks.raw<uint8_t>()[e] = 1;
  return marks;
}

}  // namespace

TEST_CASE("the score of every span, type and sequence") {
  for (const bool efficient : {false, true})
    for (const bool rotary : {false, true}) {
      CAPTURE(efficient);
      CAPTURE(rotary);
      Spans s(efficient, rotary);
      Pass pass(s.store, s.batch, Mode::evaluate, root_key(0));
      const Tensor scores = s.layer(pass, s.hidden), cells = GlobalPointer::cells(s.batch.offsets, types);
      REQUIRE(scores.size() == types * (16 + 4));
      REQUIRE(cells.size() == 3 * types + 1);
      int64_t at = 0;
      for (const auto& [begin, n] : {std::pair{0, 4}, {4, 2}})
        for (int64_t a = 0; a < types; ++a)
          for (int64_t j = 0; j < n; ++j)
            for (int64_t i = 0; i < n; ++i, ++at) {
              if (i > j) CHECK(scores.item(at) == -INFINITY);
              else CHECK(scores.item(at) == doctest::Approx(score(s, efficient, rotary, a, begin + i, begin + j)).epsilon(1e-12));
            }
    }
}

TEST_CASE("gradients of the loss, and of R-Drop's form of it, by differences") {
  for (const bool efficient : {false, true}) {
    CAPTURE(efficient);
    Spans s(efficient, true);
    const Tensor other =
        s.hidden + Tensor::normal(s.hidden.shape(), root_key(5), 0, 0.1, DType::f64);  // what another mask would leave
    const auto value = [&](std::span<const Tensor> leaves) {
      Pass pass(s.store, s.batch, Mode::train, root_key(0), leaves);
      const Tensor a = s.layer(pass, s.hidden), b = s.layer(pass, other), cells = GlobalPointer::cells(s.batch.offsets, types);
      return global_pointer(a, gold(a), cells) + global_pointer(b, gold(b), cells) +
             sigmoid_divergence(a, b, Reduction::sum) * 0.5;
    };
    Tape tape;
    std::vector<Tensor> leaves;
    for (const Parameter& p : s.store.all()) leaves.push_back(tape.leaf(p.value));
    const Tensors g = gradients(value(leaves), leaves);
    for (size_t k = 0; k < leaves.size(); ++k) {
      const Tensor& w = s.store.all()[k].value;
      for (int64_t e = 0; e < w.size(); e += 7) {
        const double kept = w.item(e), h = 1e-6;
        w.raw<double>()[e] = kept + h;
        const double up = value({}).item();
        w.raw<double>()[e] = kept - h;
        const double down = value({}).item();
        w.raw<double>()[e] = kept;
        CHECK(g[k].item(e) == doctest::Approx((up - down) / (2 * h)).epsilon(1e-6).scale(1e-2));
      }
    }
  }
}

TEST_CASE("what a type costs") {
  tapedeck::testing::check_oracles("GlobalPointer",
                                   std::vector<Oracle>{{"efficient: weights of one more type", "4 head_size",
                                                        double(weights(9, true) - weights(8, true)), 256, 0, "6.2.1 12.17"},
                                                       {"weights of one more type", "2 width head_size",
                                                        double(weights(9, false) - weights(8, false)), 98304, 0, "6.2.2 12.17"}});
}
