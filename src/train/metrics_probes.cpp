// Metrics that run the model again under another condition: dropout_gap, token_noise. Next: metrics_adversarial.cpp.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <tapedeck/base/error.h>
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/train/metrics.h>
#include <tapedeck/train/representation.h>

namespace tapedeck {
namespace {

/// Calls use(batch) for batches of the first `most` examples, in order.
template <class Use>
void for_batches(const Measured& what, int64_t most, Use use) {
  std::vector<int64_t> order(size_t(std::min(most, what.data.size())));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto n = std::ssize(order);
  for (int64_t begin = 0; begin < n; begin += what.batch_size) {
    if (what.stop && *what.stop) throw Interrupted{*what.stop};
    use(collate(what.data, order, begin, std::min(n, begin + what.batch_size), what.store.dtype()));
  }
}

struct DropoutGap final : Metric {
  int64_t passes = 8, sample = 1000;
  void describe(Fields& f) override {
    f("passes", passes, "dropout passes that are averaged").at_least(1);
    f("sample", sample, "so many examples at most").at_least(1);
  }
  bool higher_is_better() const override { return false; }
  bool reads_labels() const override { return false; }
  bool reads_outputs() const override { return false; }
  bool measures(Form form) const override { return form != Form::spans; }

  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    double total = 0, rows = 0;
    for_batches(what, sample, [&](const Batch& batch) {
      const Tensor calm = answer(what, batch, Mode::evaluate, 0);
      Tensor mean = Tensor::zeros(calm.shape(), calm.dtype());
      for (int64_t m = 0; m < passes; ++m) mean = mean + answer(what, batch, Mode::train, m) / double(passes);
      total += sum(norm(calm - mean, -1)).item();
      rows += double(calm.shape()[0]);
    });
    values[name] = rows > 0 ? total / rows : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  /// Probabilities; the prediction itself for one output; the direction of the vector without a head.
  static Tensor answer(const Measured& what, const Batch& batch, Mode mode, int64_t number) {
    Pass pass(what.store, batch, mode, root_key(0) / "dropout_gap" / number);
    const Output out = what.model.forward(pass);
    if (!out.logits) return normalize(out.projection ? out.projection : out.pooled);
    return out.logits.shape().cols() > 1 ? softmax(out.logits) : out.logits;
  }
};
TAPEDECK_PART(Metric, DropoutGap, "dropout_gap",
              "Mean |f_eval(x) - mean over masks of f_train(x)|: what averaging weights misses of averaging models (Liang et al. "
              "2021, section 3).");

struct TokenNoise final : Metric {
  enum class Kind { replace, drop };
  std::vector<double> rates{0.1};
  Kind kind = Kind::replace;
  void describe(Fields& f) override {
    f("rates", rates, "shares of the tokens that change; each gives a value of its own").range(0, 1).length(1, 32);
    f.names("kind", kind, {{"replace", Kind::replace}, {"drop", Kind::drop}},
            "a random token of the split in its place, or nothing");
  }
  bool measures(Form form) const override { return form == Form::classes || form == Form::numbers; }

  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    std::vector<int32_t> every;
    for (const Example& e : what.data.examples) every.insert(every.end(), e.ids.begin(), e.ids.end());
    for (double rate : rates) {
      Dataset noisy = what.data;
      for (size_t i = 0; i < noisy.examples.size(); ++i)
        disturb(noisy.examples[i], noisy.pairs, rate, every, root_key(0) / "token_noise" / int64_t(i));
      const Predictions p = predict(what.model, what.store, what.loss, noisy, what.batch_size, what.stop);
      values[text(name, "@", rate)] = p.target.empty() ? accuracy(p) : spearman(p.score, p.target);
    }
  }

 private:
  /// Leaves the first and the last token of every text, which are not words.
  void disturb(Example& e, bool pairs, double rate, const std::vector<int32_t>& every, Key key) const {
    Example out;
    out.label = e.label, out.target = e.target;
    const std::vector<int32_t> ends = e.ends.empty() ? std::vector<int32_t>{int32_t(e.ids.size())} : e.ends;
    int32_t begin = 0;
    for (int32_t end : ends) {
      for (int32_t at = begin; at < end; ++at) {
        const bool word = at > begin && at + 1 < end && e.ids[size_t(at)] != e.ids[size_t(end - 1)];
        const bool hit = word && random_unit(key, uint64_t(at)) < rate;
        if (hit && kind == Kind::drop) continue;
        out.ids.push_back(hit ? every[size_t(random_below(key / "token", uint64_t(at), every.size()))] : e.ids[size_t(at)]);
        if (pairs) out.segments.push_back(e.segments[size_t(at)]);
      }
      if (!e.ends.empty()) out.ends.push_back(int32_t(out.ids.size()));
      begin = end;
    }
    e = std::move(out);
  }
  static double accuracy(const Predictions& p) {
    double right = 0, labelled = 0;
    for (size_t i = 0; i < p.label.size(); ++i) {
      labelled += p.label[i] >= 0;
      right += p.label[i] >= 0 && p.label[i] == p.predicted[i];
    }
    return labelled > 0 ? right / labelled : std::numeric_limits<double>::quiet_NaN();
  }
};
TAPEDECK_PART(Metric, TokenNoise, "token_noise",
              "Accuracy (spearman for numbers) when a share of the tokens is replaced or dropped, one value per rate.");

}  // namespace
}  // namespace tapedeck
