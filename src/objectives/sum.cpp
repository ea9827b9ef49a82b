// Several objectives at once on one batch, each with a weight that may grow and that may count on every k-th update only.
#include <tapedeck/base/error.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Term : Part {
  Choice<Objective> loss{"cross_entropy"};
  WeightSchedule schedule;
  void describe(Fields& f) override {
    f("loss", loss, "a task loss or another objective");
    schedule.describe(f, "what the term is multiplied by");
  }
};

struct Sum final : Objective {
  std::vector<Term> terms;

  void describe(Fields& f) override {
    f.list("terms", terms, "what is added; the first one's task loss is measured").required().length(1, 16);
  }
  const Loss& task() const override {
    static const Choice<Objective> none{"cross_entropy"};
    return terms.empty() ? none->task() : terms.front().loss->task();
  }
  std::vector<std::string> sites() const override {
    std::vector<std::string> all;
    for (auto& term : terms)
      for (auto& site : term.loss->sites()) all.push_back(site);
    return all;
  }
  bool needs_labels() const override {
    return any([](const Objective& o) { return o.needs_labels(); });
  }
  bool couples_examples() const override {
    return any([](const Objective& o) { return o.couples_examples(); });
  }

  bool second_order() const override {
    return any([](const Objective& o) { return o.second_order(); });
  }

  Tensor loss(Step& step) override {
    Tensor total;
    for (size_t i = 0; i < terms.size(); ++i) {
      const double weight = terms[i].schedule.at(step);
      if (weight == 0) continue;
      const Tensor one = terms[i].loss->loss(step);
      if (terms[i].loss->needs_labels()) step.report_loss(names(i), one.item());
      else step.report(names(i), one.item());
      total = total ? total + one * weight : one * weight;
    }
    return total ? total : sum(step.cached_forward().pooled) * 0.0;  // no term counts at this update
  }

 private:
  template <class Holds>
  bool any(Holds holds) const {
    return std::any_of(terms.begin(), terms.end(), [&](const Term& term) { return holds(*term.loss); });
  }
  static std::string_view names(size_t i) { return interned(text("term_", i + 1)); }
};
TAPEDECK_PART(Objective, Sum, "sum", "Several objectives on one batch, each with its weight.",
              {.equation = "L = sum_k weight_k(t) L_k",
               .source = "multi-task learning by a weighted sum (Caruana 1997)",
               .cost = "the sum of its terms: each makes its own passes",
               .pitfalls = "Every term reads the first term's task loss, whatever its own option says.\n"
                           "Terms draw different dropout masks: passes are numbered through the whole update.\n"
                           "Weights balance gradients only as long as the sizes of the losses stay what they were."});

}  // namespace
}  // namespace tapedeck
