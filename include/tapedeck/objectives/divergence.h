// How far two predictions for the same examples are apart, and how strongly a regulariser counts at an update: the two
// groups of options that VAT, SMART, noise consistency and R3F share. Next: adversary.h.
#pragma once
#include <optional>

#include <tapedeck/losses/divergence.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {

/// Throws Error{config} naming `method` when every logit is a decision of its own (spans, sets of classes): there is no softmax.
void require_classes(const Step& step, std::string_view method);

enum class Distance { kl, reverse_kl, symmetric_kl, js, hellinger, bernoulli, brier, mse };

/// sum over positions of D(clean, other) / examples of the update, from logits; see losses/divergence.h.
///   kl: KL(P||Q), P clean; reverse_kl: KL(Q||P); symmetric_kl: both; js; hellinger; bernoulli: for logits that are decisions of
///   their own (multi-label, span scores); brier: sum (P - Q)^2; mse: sum (a - b)^2 of the outputs themselves.
struct Divergence : Part {
  std::optional<std::string> distance;                          // default: mse for numbers, bernoulli for logits that are decisions of their own, else the owner's
  Distance usual = Distance::kl;
  bool detach_clean = false;

  void describe(Fields& f) override;
  Tensor operator()(const View& clean, const View& other, const Step& step) const;
};

/// weight(n) = weight * min(1, n / ramp) at update n, and 0 on updates that are not every k-th: what a regulariser is
/// multiplied by. Where it is 0 the passes of the regulariser are not made.
struct WeightSchedule {
  double weight = 1;
  int64_t every = 1;
  Duration ramp;
  void describe(Fields& f, const char* what);                   // "weight", "every", "ramp"
  double at(const Step& step) const;
};

}  // namespace tapedeck
