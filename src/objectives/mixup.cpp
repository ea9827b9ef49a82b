// Mixup: train on convex combinations of examples and, in the same proportion, of their losses. Text cannot be mixed as ids, so
// it is mixed at a site: embeddings, hidden vectors (manifold mixup) or pooled vectors. Next: step.h for with().
#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

/// x_i <- keep x_i + (1 - keep) x_partner(i). Rows of tokens meet the token at the same place of the partner; where the partner
/// is shorter the row stays as it is.
struct Mix final : SiteMap {
  Mix(Tensor partner, double keep) : partner(std::move(partner)), keep(keep) {}
  Tensor operator()(const Tensor& x, const Batch& batch) const override {
    return x * keep + gather(x, x.shape().rows() == batch.token_count() ? tokens(batch) : partner) * (1 - keep);
  }
  std::shared_ptr<const SiteMap> among(const Tensor& all, const Batch& whole) const override;
  Tensor tokens(const Batch& batch) const {
    const Tensor index = Tensor::empty({batch.token_count()}, DType::i32);
    const auto starts = batch.offsets.data<int32_t>();
    for (size_t i = 0; i + 1 < starts.size(); ++i) {
      const auto other = size_t(partner.raw<int32_t>()[i]);
      const int32_t length = starts[other + 1] - starts[other];
      for (int32_t t = starts[i]; t < starts[i + 1]; ++t)
        index.raw<int32_t>()[t] = t - starts[i] < length ? starts[other] + t - starts[i] : t;
    }
    return index;
  }
  Tensor partner;  // i32 [sequences]
  double keep;
};

/// The same for a piece, whose partners may stand outside it.
struct MixOfPiece final : SiteMap {
  MixOfPiece(Tensor all, Tensor partner, double keep) : all(std::move(all)), partner(std::move(partner)), keep(keep) {}
  Tensor operator()(const Tensor& x, const Batch& batch) const override {
    const int64_t first = partner.size() == batch.total_tokens ? batch.first_token : batch.first_sequence,
                  rows = x.shape().rows();
    const Tensor here = Tensor::empty({rows}, DType::i32);
    std::copy_n(partner.raw<int32_t>() + first, rows, here.raw<int32_t>());
    return x * keep + gather(x.on_tape() ? all : all.detach(), here) * (1 - keep);
  }
  Tensor all, partner;  // of all rows: their values, i32 the row that each is mixed with
  double keep;
};

std::shared_ptr<const SiteMap> Mix::among(const Tensor& all, const Batch& whole) const {
  const Tensor rows = all && all.shape().rows() == whole.token_count() ? tokens(whole) : partner;
  return std::allocate_shared<MixOfPiece>(PoolAllocator<MixOfPiece>(), MixOfPiece(all, rows, keep));
}

/// Beta(a, a) for small a (Joehnk 1964): u^{1/a} / (u^{1/a} + v^{1/a}), accepted where the sum is at most 1.
double symmetric_beta(Key key, double a) {
  for (uint64_t i = 0;; i += 2) {
    const double u = std::log(1 - random_unit(key, i)) / a,
                 v = std::log(1 - random_unit(key, i + 1)) / a;  // both may underflow as powers
    const double top = std::max(u, v), sum = top + std::log(std::exp(u - top) + std::exp(v - top));
    if (sum <= 0) return std::exp(u - sum);
  }
}

struct Mixup final : Wrapper {
  std::vector<std::string> at = {"embedding"};
  double alpha = 0.4;
  std::optional<double> share;

  void describe(Fields& f) override {
    f("loss", inner, "what is trained on the mixed examples: a task loss or another objective");
    f("at", at, "sites where examples are mixed; with several, one is drawn for each update (manifold mixup)").length(1, 16);
    f("alpha", alpha, "the share of the own example is drawn from Beta(alpha, alpha)").range(1e-3, 8);
    f("share", share, "a fixed share instead").range(0, 1);
  }
  std::vector<std::string> own_sites() const override { return at; }
  bool couples_examples() const override { return true; }  // partners come from the whole batch

  Tensor loss(Step& step) override {
    return on_mixed<Tensor>(step, [&](Step& mixed) { return inner->loss(mixed); });
  }
  double run(Step& step) override {
    return on_mixed<double>(step, [&](Step& mixed) { return inner->run(mixed); });
  }

 private:
  template <class Result, class Train>
  Result on_mixed(Step& step, Train train) {
    const Key key = step.key() / "mixup";
    const std::string& site = at[size_t(random_below(key / "site", 0, at.size()))];
    if (step.is_parameter(site))
      throw Error(ErrorKind::config, text("mixup: ", site, " is a parameter, which all examples share"),
                  "name a site of the model, such as \"embedding\"");
    const double keep = share.value_or(symmetric_beta(key / "share", alpha));
    require_classes(step, "mixup");
    const Batch& batch = step.batch();
    if (batch.words)
      throw Error(ErrorKind::config, "mixup: the data have a tag for every word, and words of two texts have no common place",
                  "use an attack or r_drop");
    const Tensor partner = permutation(key / "partner", batch.examples());
    Batch partners = batch;
    if (batch.labels) partners.labels = permuted<int32_t>(batch.labels, partner);
    if (batch.targets)
      dispatch(batch.targets.dtype(), [&](auto tag) { partners.targets = permuted<decltype(tag)>(batch.targets, partner); });
    const Mix mix(of_sequences(partner, batch.texts), keep);
    step.report("share", keep);
    Step mixed = step.with(site, std::allocate_shared<Mix>(PoolAllocator<Mix>(), mix), partners, keep);
    return train(mixed);
  }

  /// Fisher and Yates: i32 [n].
  static Tensor permutation(Key key, int64_t n) {
    const Tensor order = Tensor::empty({n}, DType::i32);
    int32_t* p = order.raw<int32_t>();
    for (int64_t i = 0; i < n; ++i) p[i] = int32_t(i);
    for (auto i = uint64_t(n); i > 1; --i) std::swap(p[i - 1], p[random_below(key, i - 1, i)]);
    return order;
  }
  static Tensor of_sequences(const Tensor& partner, int64_t texts) {
    const Tensor all = Tensor::empty({partner.size() * texts}, DType::i32);
    for (int64_t i = 0; i < all.size(); ++i)
      all.raw<int32_t>()[i] = int32_t(partner.raw<int32_t>()[i / texts] * texts + i % texts);
    return all;
  }
  template <class T>
  static Tensor permuted(const Tensor& values, const Tensor& partner) {
    const Tensor out = Tensor::empty(values.shape(), values.dtype());
    for (int64_t i = 0; i < partner.size(); ++i) out.raw<T>()[i] = values.raw<T>()[partner.raw<int32_t>()[i]];
    return out;
  }
};
TAPEDECK_PART(Objective, Mixup, "mixup",
              "Convex combinations of examples and of their losses (Zhang et al. 2018), at embeddings, hidden or pooled vectors.",
              {.equation = "x~_i = s x_i + (1 - s) x_j, L = s l(f(x~_i), y_i) + (1 - s) l(f(x~_i), y_j), j = permutation(i), s ~ "
                           "Beta(alpha, alpha)",
               .source = "Zhang et al., mixup, ICLR 2018, arXiv 1710.09412, section 2; at hidden layers: Verma et al., Manifold "
                         "Mixup, ICML 2019, "
                         "arXiv 1806.05236; at sentences: Guo, Mao and Zhang 2019, arXiv 1905.08941",
               .cost = "1F + 1B",
               .pitfalls = "Differs from mixup-cifar10, which draws from Beta(1, 1): alpha 1.\n"
                           "Texts of different length are mixed place by place; the longer one's tail stays pure: the site "
                           "\"pooled\" has no such tail.\n"
                           "One share and one permutation for a whole batch; attacks inside or outside act on the mixed site.\n"
                           "Label smoothing is applied to each of the two losses."});

}  // namespace
}  // namespace tapedeck
