// Another objective on some updates only: every k-th, or from and until a step. What costs passes need not cost them always.
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

struct Periodic final : Wrapper {
  Choice<Objective> otherwise;
  int64_t every = 1;
  Duration from, until;

  void describe(Fields& f) override {
    f("loss", inner, "the objective of the chosen updates").required();
    f("otherwise", otherwise, "the objective of all others (default: one pass and the task loss)");
    f("every", every, "every k-th update").at_least(1);
    f("from", from, "not before this update").in({Duration::Unit::steps});
    f("until", until, "before this update").in({Duration::Unit::steps});
  }
  std::vector<std::string> own_sites() const override { return otherwise ? otherwise->sites() : std::vector<std::string>{}; }
  bool needs_labels() const override { return inner->needs_labels() || !otherwise || otherwise->needs_labels(); }
  bool second_order() const override { return inner->second_order() || (otherwise && otherwise->second_order()); }
  bool couples_examples() const override { return inner->couples_examples() || (otherwise && otherwise->couples_examples()); }

  Tensor loss(Step& step) override {
    if (chosen(step)) return inner->loss(step);
    return otherwise ? otherwise->loss(step) : step.loss(step.forward());
  }
  double run(Step& step) override {
    if (chosen(step)) return inner->run(step);
    return otherwise ? otherwise->run(step) : Objective::run(step);
  }

 private:
  bool chosen(const Step& step) const {
    const auto n = double(step.number());
    return step.number() % every == 0 && n >= from.amount && (!until || n < until.amount);
  }
};
TAPEDECK_PART(Objective, Periodic, "periodic",
              "An objective on every k-th update, or within a range of updates; another one, or the plain loss, on the rest.",
              {.equation = "update n minimises `loss` where n mod every = 0 and from <= n < until, and `otherwise` elsewhere",
               .source = "k-step R-Drop (Liang et al. 2021, section 4.3) and the delayed start of AWP, for any objective",
               .cost = "(1/every) of the objective's passes + (1 - 1/every) of the other's",
               .pitfalls = "The loss in the log alternates between two scales: compare like updates.\n"
                           "Regularisers with a weight have `every` and `ramp` of their own."});

}  // namespace
}  // namespace tapedeck
