// mean_recall: the recall of every class, averaged: accuracy for data in which some classes are rare. Also called balanced accuracy.
#include <tapedeck/train/metrics.h>

namespace tapedeck {
namespace {

struct MeanRecall final : Metric {
  double compute(const Predictions& p) const override {
    std::vector<double> right(size_t(p.classes)), labelled(size_t(p.classes));
    for (size_t i = 0; i < p.label.size(); ++i) {
      if (p.label[i] < 0) continue;               // an example without a label does not count
      labelled[size_t(p.label[i])] += 1;
      right[size_t(p.label[i])] += p.predicted[i] == p.label[i];
    }
    double sum = 0, present = 0;
    for (size_t c = 0; c < right.size(); ++c) {
      if (labelled[c] == 0) continue;
      sum += right[c] / labelled[c];
      present += 1;
    }
    return present > 0 ? sum / present : 0;
  }
};
TAPEDECK_PART(Metric, MeanRecall, "mean_recall", "Mean over the classes of the share of their examples that were found.");

}  // namespace
}  // namespace tapedeck
