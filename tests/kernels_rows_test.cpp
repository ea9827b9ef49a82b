// Kernels that work on rows: softmax, losses from logits, layer norm and its fusions, tables and pooling.
#include <doctest/doctest.h>

#include "support/naive_kernels.h"

using namespace tapedeck::kernels;
using namespace tapedeck::test;

namespace {

const int64_t shapes[][2] = {{1, 1}, {2, 2}, {7, 15}, {33, 16}, {17, 127}, {129, 129}, {260, 384}};
constexpr double inf = HUGE_VAL;

/// Rows of ordinary logits, of huge ones, with -inf among them, and all -inf.
Numbers difficult_logits(int64_t rows, int64_t cols, uint64_t seed) {
  Numbers x = random_numbers(rows * cols, seed, -4, 4);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) {
      double& value = x[r * cols + c];
      if (r % 5 == 1) value = c % 2 ? 1e4 : -1e4;
      if (r % 5 == 2 && c % 3 == 1) value = -inf;
      if (r % 5 == 3) value = -inf;
    }
  return x;
}

struct SoftmaxWant {
  Numbers softmax, log_softmax, logsumexp, d_softmax, d_log_softmax, d_logsumexp;
};
SoftmaxWant softmax_want(int64_t rows, int64_t cols, const Numbers& x, const Numbers& dy) {
  SoftmaxWant want;
  want.softmax = naive::softmax(rows, cols, x);
  want.d_softmax = naive::softmax_backward(rows, cols, want.softmax, dy);
  want.log_softmax = naive::log_softmax(rows, cols, x);
  naive::each_row(rows, cols, x, [&](int64_t r, const Numbers& row) {
    want.logsumexp.push_back(naive::logsumexp(row));
    double total = 0;
    for (int64_t c = 0; c < cols; ++c) total += dy[r * cols + c];
    for (int64_t c = 0; c < cols; ++c) {
      const double p = want.softmax[r * cols + c];
      want.d_log_softmax.push_back(dy[r * cols + c] - p * total);
      want.d_logsumexp.push_back(dy[r] * p);
    }
    return row;
  });
  return want;
}

}  // namespace

TEST_CASE("softmax family, forward and backward, with difficult rows") {
  for (auto [rows, cols] : shapes)
    for (bool accumulate : {false, true}) {
      const Numbers x = difficult_logits(rows, cols, 1), dy = random_numbers(rows * cols, 2),
                    initial = random_numbers(rows * cols, 3);
      const SoftmaxWant want = softmax_want(rows, cols, x, dy);
      const Numbers all = joined({want.softmax, want.log_softmax, want.logsumexp, plus(want.d_softmax, initial, accumulate),
                                  plus(want.d_log_softmax, initial, accumulate)});
      check_kernel("softmax", all, 64, [&, rows = rows, cols = cols](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x), gradient = cast<T>(dy);
        std::vector<T> y(rows * cols), log_y(rows * cols), normaliser(rows);
        auto d1 = before<T>(initial, accumulate), d2 = d1;
        table.softmax(rows, cols, in.data(), y.data());
        table.log_softmax(rows, cols, in.data(), log_y.data());
        table.logsumexp(rows, cols, in.data(), normaliser.data());
        table.softmax_backward(rows, cols, y.data(), gradient.data(), d1.data(), accumulate);
        table.log_softmax_backward(rows, cols, log_y.data(), gradient.data(), d2.data(), accumulate);
        return joined({y, log_y, normaliser, d1, d2});
      });
      // a logsumexp of 1e4 is rounded to 1e4 epsilon, and its gradient inherits that
      check_kernel("logsumexp_backward", plus(want.d_logsumexp, initial, accumulate), 2000,
                   [&, rows = rows, cols = cols](const auto& table) {
                     using T = type_of<decltype(table)>;
                     const auto in = cast<T>(x), gradient = cast<T>(dy), normaliser = cast<T>(want.logsumexp);
                     auto dx = before<T>(initial, accumulate);
                     table.logsumexp_backward(rows, cols, in.data(), normaliser.data(), gradient.data(), dx.data(), accumulate);
                     return dx;
                   });
    }
}

TEST_CASE("cross-entropy with smoothing, weights and ignored rows") {
  for (auto [rows, cols] : shapes)
    for (double smoothing : {0.0, 0.1})
      for (bool weighted : {false, true})
        for (bool accumulate : {false, true}) {
          Numbers x = random_numbers(rows * cols, 1, -4, 4), weight = random_numbers(rows, 2, 0.5, 2);
          const Numbers dloss = random_numbers(rows, 3), initial = random_numbers(rows * cols, 4);
          std::vector<int32_t> label = random_indices(rows, int32_t(cols), 5);
          const double each = smoothing / double(cols);
          for (int64_t r = 0; r < rows && weighted; r += 3) {  // ignored: the label and the logits may be anything
            weight[r] = 0, label[r] = -100;
            for (int64_t c = 0; c < cols; ++c) x[r * cols + c] = c % 2 ? inf : double(NAN);
          }
          Numbers loss(rows, 0.0), normaliser(rows, 0.0), dx(rows * cols, 0.0);
          for (int64_t r = 0; r < rows; ++r) {
            const double w = weighted ? weight[r] : 1;
            if (w == 0) continue;
            const Numbers row(x.begin() + r * cols, x.begin() + (r + 1) * cols);
            normaliser[r] = naive::logsumexp(row);
            for (int64_t c = 0; c < cols; ++c) {
              const double q = (1 - smoothing) * (c == label[r]) + each, log_p = row[c] - normaliser[r];
              loss[r] -= w * q * log_p;
              dx[r * cols + c] = dloss[r] * w * (std::exp(log_p) - q);
            }
          }
          check_kernel("cross_entropy", joined({loss, normaliser, plus(dx, initial, accumulate)}), 64,
                       [&, rows = rows, cols = cols](const auto& table) {
                         using T = type_of<decltype(table)>;
                         const auto in = cast<T>(x), w = cast<T>(weight), dl = cast<T>(dloss);
                         std::vector<T> out(rows), norm(rows);
                         auto gradient = before<T>(initial, accumulate);
                         const T* weights = weighted ? w.data() : nullptr;
                         table.cross_entropy(rows, cols, smoothing, each, in.data(), label.data(), weights, out.data(),
                                             norm.data());
                         table.cross_entropy_backward(rows, cols, smoothing, each, in.data(), label.data(), weights, norm.data(),
                                                      dl.data(), gradient.data(), accumulate);
                         return joined({out, norm, gradient});
                       });
        }
}

TEST_CASE("softmax never hides a NaN, not even among -inf") {
  for (const auto& row : {std::vector<double>{NAN, NAN, NAN}, {NAN, -inf, -inf}, {-inf, 1, NAN}, {NAN, 1, 2}}) {
    double y[3], total;
    kernel_table<double>().softmax(1, 3, row.data(), y);
    CHECK((std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2])));
    kernel_table<double>().log_softmax(1, 3, row.data(), y);
    CHECK((std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2])));
    kernel_table<double>().logsumexp(1, 3, row.data(), &total);
    CHECK(std::isnan(total));
  }
}

TEST_CASE("cross-entropy and symmetric KL of logits at +-1e4 are exact, not NaN") {
  const std::vector<float> x{1e4f, -1e4f, 0, 1e4f}, y{-1e4f, 1e4f, 0, 0};
  const int32_t label[] = {1};
  float loss, normaliser, one = 1, dx[4], divergence, da[4], db[4];
  kernel_table<float>().cross_entropy(1, 4, 0, 0, x.data(), label, nullptr, &loss, &normaliser);
  CHECK(loss == doctest::Approx(2e4 + std::log(2.0)));
  kernel_table<float>().cross_entropy_backward(1, 4, 0, 0, x.data(), label, nullptr, &normaliser, &one, dx, false);
  const float want[] = {0.5f, -1, 0, 0.5f};
  for (int c = 0; c < 4; ++c) CHECK(dx[c] == doctest::Approx(want[c]).epsilon(1e-3));
  kernel_table<float>().symmetric_kl(1, 4, x.data(), y.data(), &divergence);
  CHECK(divergence == doctest::Approx(3.5e4).epsilon(1e-4));
  kernel_table<float>().symmetric_kl_backward(1, 4, x.data(), y.data(), &divergence, &one, da, false, db, false);
  for (int c = 0; c < 4; ++c) CHECK((std::isfinite(da[c]) && std::isfinite(db[c])));
}

TEST_CASE("symmetric KL from logits") {
  for (auto [rows, cols] : shapes)
    for (bool accumulate : {false, true})
      for (double offset : {0.0, 1000.0}) {  // a constant added to a row of logits changes nothing
        const int64_t n = rows * cols;
        Numbers a = random_numbers(n, 1, -4, 4), b = random_numbers(n, 2, -4, 4);
        for (double& value : a) value = std::round(value * 256) / 256 + offset;
        const Numbers dd = random_numbers(rows, 3), initial = random_numbers(n, 4);
        const Numbers p = naive::softmax(rows, cols, a), q = naive::softmax(rows, cols, b);
        Numbers divergence(rows, 0.0), da(n), db(n);
        for (int64_t r = 0; r < rows; ++r) {
          double forward = 0, backward = 0;
          const auto ratio = [&, cols = cols](int64_t c) { return std::log(p[r * cols + c] / q[r * cols + c]); };
          for (int64_t c = 0; c < cols; ++c) forward += p[r * cols + c] * ratio(c), backward -= q[r * cols + c] * ratio(c);
          divergence[r] = forward + backward;
          for (int64_t c = 0; c < cols; ++c) {
            const int64_t i = r * cols + c;
            da[i] = dd[r] * (p[i] - q[i] + p[i] * (ratio(c) - forward));
            db[i] = dd[r] * (q[i] - p[i] - q[i] * (ratio(c) + backward));
          }
        }
        const double slack = offset == 0 ? 128 : 4096;  // the offset costs log2(1000) bits of each logit
        check_kernel("symmetric_kl", joined({divergence, plus(da, initial, accumulate), plus(db, initial, accumulate)}), slack,
                     [&, rows = rows, cols = cols](const auto& table) {
                       using T = type_of<decltype(table)>;
                       const auto left = cast<T>(a), right = cast<T>(b), gradient = cast<T>(dd);
                       std::vector<T> d(rows);
                       auto to_a = before<T>(initial, accumulate), to_b = to_a;
                       table.symmetric_kl(rows, cols, left.data(), right.data(), d.data());
                       table.symmetric_kl_backward(rows, cols, left.data(), right.data(), d.data(), gradient.data(), to_a.data(),
                                                   accumulate, nullptr, false);
                       table.symmetric_kl_backward(rows, cols, left.data(), right.data(), d.data(), gradient.data(), nullptr,
                                                   false, to_b.data(), accumulate);
                       return joined({d, to_a, to_b});
                     });
      }
}

TEST_CASE("layer norm and residual norm, forward and backward") {
  for (auto [rows, cols] : shapes)
    for (bool accumulate : {false, true})
      for (double p : {0.0, 0.25}) {
        if (cols < 15) continue;  // with one or two columns the variance may vanish: the gradient is rounding noise
        const int64_t n = rows * cols;
        const Dropout options{p, 77, 5};
        const Numbers x = random_numbers(n, 1), residual = random_numbers(n, 2), gain = random_numbers(cols, 3, 0.5, 1.5),
                      bias = random_numbers(cols, 4), dy = random_numbers(n, 5), dsum_in = random_numbers(n, 6),
                      initial = random_numbers(n, 7), small = random_numbers(cols, 8);
        const Numbers sum = plus(naive::dropout(options, x), residual, true);
        const auto norm = naive::layer_norm(rows, cols, 1e-5, sum, gain, bias);
        auto d = naive::layer_norm_backward(rows, cols, sum, gain, norm, dy);
        const Numbers dsum = plus(d.dx, dsum_in, true);
        const auto add = [&](const Numbers& values, const Numbers& to) { return plus(values, to, accumulate); };
        const Numbers want =
            joined({sum, norm.y, norm.mean, norm.rstd, add(naive::dropout(options, dsum), initial), add(dsum, initial),
                    add(d.dgain, small), add(d.dbias, small), add(d.dx, initial), add(d.dgain, small)});
        check_kernel("residual_norm", want, 1000, [&, rows = rows, cols = cols](const auto& table) {
          using T = type_of<decltype(table)>;
          const auto in = cast<T>(x), other = cast<T>(residual), g = cast<T>(gain), b = cast<T>(bias), up = cast<T>(dy),
                     direct = cast<T>(dsum_in);
          std::vector<T> s(n), y(n), mean(rows), rstd(rows), y2(n), mean2(rows), rstd2(rows);
          auto dx = before<T>(initial, accumulate), dr = dx, dx2 = dx;
          auto dg = before<T>(small, accumulate), db = dg, dg2 = dg;
          table.residual_norm(rows, cols, 1e-5, options, in.data(), other.data(), g.data(), b.data(), s.data(), y.data(),
                              mean.data(), rstd.data());
          table.residual_norm_backward(rows, cols, options, s.data(), g.data(), mean.data(), rstd.data(), up.data(),
                                       direct.data(), dx.data(), accumulate, dr.data(), accumulate, dg.data(), accumulate,
                                       db.data(), accumulate);
          table.layer_norm(rows, cols, 1e-5, s.data(), g.data(), b.data(), y2.data(), mean2.data(), rstd2.data());
          CHECK(y2 == y);
          table.layer_norm_backward(rows, cols, s.data(), g.data(), mean.data(), rstd.data(), up.data(), dx2.data(), accumulate,
                                    static_cast<T*>(nullptr), false, static_cast<T*>(nullptr), false);
          table.layer_norm_backward(rows, cols, s.data(), g.data(), mean.data(), rstd.data(), up.data(), static_cast<T*>(nullptr),
                                    false, dg2.data(), accumulate, static_cast<T*>(nullptr), false);
          return joined({s, y, mean, rstd, dx, dr, dg, db, dx2, dg2});
        });
      }
}

TEST_CASE("embedding sum and norm, gather, scatter_add, pick") {
  for (auto [rows, cols] : shapes)
    for (bool accumulate : {false, true}) {
      if (cols < 2) continue;
      const int64_t n = rows * cols, words = 50;
      const Numbers table = random_numbers(words * cols, 1), gain = random_numbers(cols, 2), bias = random_numbers(cols, 3),
                    x = random_numbers(n, 4), initial = random_numbers(words * cols, 5), wide = random_numbers(n, 6);
      const auto word = random_indices(rows, words, 7), position = random_indices(rows, words, 8),
                 segment = random_indices(rows, 2, 9), column = random_indices(rows, int32_t(cols), 10);
      Numbers sum(n), gathered(n), scattered(words * cols, 0.0), picked(rows), spread(n, 0.0);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) {
          const int64_t i = r * cols + c;
          gathered[i] = table[word[r] * cols + c];
          sum[i] = gathered[i] + table[position[r] * cols + c] + table[segment[r] * cols + c];
          scattered[word[r] * cols + c] += x[i];
          if (c == column[r]) picked[r] = x[i], spread[i] = gain[r % cols];
        }
      const auto norm = naive::layer_norm(rows, cols, 1e-6, sum, gain, bias);
      Numbers dpick(rows);
      for (int64_t r = 0; r < rows; ++r) dpick[r] = gain[r % cols];
      const Numbers want =
          joined({sum, norm.y, gathered, gathered, plus(scattered, initial, accumulate), picked, plus(spread, wide, accumulate)});
      check_kernel("tables", want, 500, [&, rows = rows, cols = cols](const auto& kernels) {
        using T = type_of<decltype(kernels)>;
        const auto t = cast<T>(table), g = cast<T>(gain), b = cast<T>(bias), in = cast<T>(x), dp = cast<T>(dpick);
        std::vector<T> s(n), y(n), mean(rows), rstd(rows), plain(n), looked(n), value(rows);
        auto to = before<T>(initial, accumulate), dx = before<T>(wide, accumulate);
        const T* none = nullptr;
        T* nowhere = nullptr;
        kernels.embedding_norm(rows, cols, 1e-6, t.data(), word.data(), t.data(), position.data(), t.data(), segment.data(),
                               g.data(), b.data(), s.data(), y.data(), mean.data(), rstd.data());
        kernels.embedding_norm(rows, cols, 1e-6, t.data(), word.data(), none, nullptr, none, nullptr, none, none, plain.data(),
                               nowhere, nowhere, nowhere);
        kernels.gather(rows, cols, word.data(), t.data(), looked.data());
        kernels.scatter_add(rows, cols, words, word.data(), in.data(), to.data(), accumulate);
        kernels.pick(rows, cols, column.data(), in.data(), value.data());
        kernels.pick_backward(rows, cols, column.data(), dp.data(), dx.data(), accumulate);
        return joined({s, y, plain, looked, to, value, dx});
      });
    }
}

TEST_CASE("pooling over packed sequences, empty ones included") {
  const std::vector<int32_t> offsets{0, 5, 5, 6, 40, 169};
  const int64_t sequences = int64_t(offsets.size()) - 1, rows = offsets.back();
  for (int64_t cols : {1, 17, 64, 129})
    for (bool accumulate : {false, true}) {
      const Numbers x = random_numbers(rows * cols, 1), dy = random_numbers(sequences * cols, 2),
                    initial = random_numbers(rows * cols, 3);
      const Numbers mean = naive::segment_mean(sequences, cols, offsets.data(), x);
      Numbers dx(rows * cols), arg(sequences * cols, -1.0);
      for (int64_t b = 0; b < sequences; ++b)
        for (int64_t r = offsets[b]; r < offsets[b + 1]; ++r)
          for (int64_t c = 0; c < cols; ++c) {
            const double length = offsets[b + 1] - offsets[b];
            double& best = arg[b * cols + c];
            dx[r * cols + c] = dy[b * cols + c] / length;
            if (best < 0 || x[r * cols + c] > x[int64_t(best) * cols + c]) best = double(r);
          }
      check_kernel("pooling", joined({mean, plus(dx, initial, accumulate), arg}), 64, [&](const auto& table) {
        using T = type_of<decltype(table)>;
        const auto in = cast<T>(x), up = cast<T>(dy);
        std::vector<T> y(sequences * cols);
        auto gradient = before<T>(initial, accumulate);
        std::vector<int32_t> best(sequences * cols);
        table.segment_mean(sequences, cols, offsets.data(), in.data(), y.data());
        table.segment_mean_backward(sequences, cols, offsets.data(), up.data(), gradient.data(), accumulate);
        table.segment_argmax(sequences, cols, offsets.data(), in.data(), best.data());
        return joined({y, gradient, std::vector<T>(best.begin(), best.end())});
      });
    }
}
