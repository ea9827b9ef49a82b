// How far predictions for the same examples are apart: what VAT, SMART, noise consistency, R3F, teachers and R-Drop measure.
// Next: adversary.h.
#pragma once
#include <optional>

#include <tapedeck/losses/divergence.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {

/// Throws Error{config} naming `method` when every logit is a decision of its own (spans, sets of classes): there is no softmax.
void require_classes(const Step& step, std::string_view method);

enum class Distance { kl, reverse_kl, symmetric_kl, js, hellinger, bernoulli, brier, mse };

/// Which of two compared predictions are constants of the gradient. none: neither. target: the first one (the clean one). both:
/// each direction of a symmetric KL holds the distribution that it compares with, KL(stop P||Q) + KL(stop Q||P), as mt-dnn's
/// SymKlCriterion.
enum class StopGrad { none, target, both };
void describe_stop_grad(Fields& f, StopGrad& stop);  // "stop_grad"

/// sum over positions of D(clean, other) / examples of the update, from logits; see losses/divergence.h.
///   kl: KL(P||Q), P clean; reverse_kl: KL(Q||P); symmetric_kl: both; js; hellinger; bernoulli: for logits that are decisions of
///   their own (multi-label, span scores); brier: sum (P - Q)^2; mse: sum (a - b)^2 of the outputs themselves.
struct Divergence : Part {
  std::optional<std::string>
      distance;  // default: mse for numbers, bernoulli for logits that are decisions of their own, else the owner's
  Distance usual = Distance::kl;
  StopGrad stop = StopGrad::none;

  void describe(Fields& f) override;
  Tensor operator()(const View& clean, const View& other, const Step& step) const;
};

/// How far several predictions for the same examples are apart: D of the pairs, or of each to their mean distribution, pooled.
struct Agreement {
  enum class Pool { mean, sum, to_mean };
  std::optional<std::string>
      distance;  // default: mse for numbers, bernoulli for logits that are decisions of their own, else symmetric_kl
  Pool pool = Pool::mean;
  StopGrad stop = StopGrad::none;

  void describe_distance(Fields& f);  // "distance"
  void describe_pool(Fields& f);      // "pair_pool"
  /// D for the step's task; throws Error{config} when the logits have no such distance.
  Distance measure(const Step& step) const;
  Tensor operator()(std::span<const Tensor> logits, const Step& step, Reduction reduction) const;
};
/// "sum", "mean", "batchmean" or "tokenmean".
Reduction reduction_of(std::string_view name);

}  // namespace tapedeck
