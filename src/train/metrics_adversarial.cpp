// "adversarial_accuracy": what is left of the accuracy when every input is shifted by an attack on the trained model, dropout
// off. Next: metrics_probes.cpp, disturbances that do not look at the model.
#include <algorithm>
#include <limits>
#include <numeric>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/adversary.h>
#include <tapedeck/train/metrics.h>

namespace tapedeck {
namespace {

struct AdversarialAccuracy final : Metric {
  Choice<Adversary> adversary{"fgm"};
  std::vector<double> epsilons{0.1, 0.5, 1};
  int64_t sample = 1000;
  AdversarialAccuracy() { adversary->at = "embedding"; }

  void describe(Fields& f) override {
    f("adversary", adversary, "who attacks, where, in which norm; its epsilon and step_size are scaled to each of epsilons");
    f("epsilons", epsilons, "lengths of the shift; each gives a value of its own, 0 the accuracy without attack")
        .at_least(0)
        .length(1, 32);
    f("sample", sample, "so many examples at most").at_least(1);
  }

  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    for (double epsilon : epsilons) values[text(name, "@", epsilon)] = accuracy(what, epsilon);
  }

 private:
  double accuracy(const Measured& what, double epsilon) const {
    std::vector<int64_t> order(size_t(std::min(sample, what.data.size())));
    std::iota(order.begin(), order.end(), int64_t{0});
    const Choice<Adversary> scaled = with_length(epsilon);
    double right = 0, labelled = 0;
    Tape tape;
    for (int64_t begin = 0; begin < std::ssize(order); begin += what.batch_size) {
      if (what.stop && *what.stop) throw Interrupted{*what.stop};
      const Batch batch =
          collate(what.data, order, begin, std::min(std::ssize(order), begin + what.batch_size), what.store.dtype());
      if (!batch.labels) continue;
      Step step(tape, what.model, what.store, what.loss, batch, root_key(0) / "adversarial_accuracy", 0, Mode::evaluate);
      step.watch(scaled->at);
      Step shifted = scaled->attack(step, [](Step& s) { return s.loss(s.forward()); });
      const Tensor predicted = argmax(shifted.forward().logits, 1);
      for (int64_t i = 0; i < batch.labels.size(); ++i) {
        const int32_t label = batch.labels.raw<int32_t>()[i];
        labelled += label >= 0;
        right += label >= 0 && predicted.raw<int32_t>()[i] == label;
      }
    }
    return labelled > 0 ? right / labelled : std::numeric_limits<double>::quiet_NaN();
  }

  /// The adversary with another epsilon, its step in proportion.
  Choice<Adversary> with_length(double epsilon) const {
    Choice<Adversary> scaled(adversary.name());
    Diagnostics none;
    read_fields(*scaled, write_fields(*adversary), "", none);
    if (auto* search = dynamic_cast<GradientAttack*>(scaled.get()))
      search->step_size = search->step_size.value_or(search->epsilon) * (search->epsilon > 0 ? epsilon / search->epsilon : 1);
    scaled->epsilon = epsilon;
    return scaled;
  }
};
TAPEDECK_PART(Metric, AdversarialAccuracy, "adversarial_accuracy",
              "Accuracy on inputs shifted by an attack at several lengths (Madry et al. 2018); dropout is off.");

}  // namespace
}  // namespace tapedeck
