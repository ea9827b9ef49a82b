// precision, recall and F1 by kind of average, balanced accuracy, areas under curves, top-k accuracy: names and values of
// scikit-learn, where it warns as zero_division=0. Of spans: as seqeval counts. Next: class_metrics.cpp.
#include <algorithm>
#include <cmath>

#include <tapedeck/train/class_metrics.h>
#include <tapedeck/train/metrics.h>

namespace tapedeck {
namespace {

enum class ZeroDivision { zero, one, left_out };

struct OfRates : Metric {
  ZeroDivision zero_division = ZeroDivision::zero;
  void describe(Fields& f) override {
    f.names("zero_division", zero_division,
            {{"0", ZeroDivision::zero}, {"1", ZeroDivision::one}, {"nan", ZeroDivision::left_out}},
            "value of a class with nothing to divide by; nan: the class is left out of the average");
  }

 protected:
  double otherwise() const {
    return zero_division == ZeroDivision::zero ? 0 : zero_division == ZeroDivision::one ? 1 : undefined;
  }
};

template <Rate rate, Average average>
struct AveragedRate final : OfRates {
  bool measures(Form form) const override { return form == Form::classes || form == Form::tokens || form == Form::sets; }
  double compute(const Predictions& p) const override { return rate_of(class_counts(p), average, rate, otherwise()); }
};
using PrecisionMicro = AveragedRate<Rate::precision, Average::micro>;
using PrecisionMacro = AveragedRate<Rate::precision, Average::macro>;
using PrecisionWeighted = AveragedRate<Rate::precision, Average::weighted>;
using RecallMicro = AveragedRate<Rate::recall, Average::micro>;
using RecallMacro = AveragedRate<Rate::recall, Average::macro>;
using RecallWeighted = AveragedRate<Rate::recall, Average::weighted>;
using F1Micro = AveragedRate<Rate::f1, Average::micro>;
using F1Macro = AveragedRate<Rate::f1, Average::macro>;
using F1Weighted = AveragedRate<Rate::f1, Average::weighted>;
TAPEDECK_PART(Metric, PrecisionMicro, "precision_micro", "TP / (TP + FP) over all classes together.");
TAPEDECK_PART(Metric, PrecisionMacro, "precision_macro", "Mean over the classes of TP / (TP + FP): every class counts the same.");
TAPEDECK_PART(Metric, PrecisionWeighted, "precision_weighted",
              "Mean over the classes of TP / (TP + FP), each by how often it is the label.");
TAPEDECK_PART(Metric, RecallMicro, "recall_micro", "TP / (TP + FN) over all classes together.");
TAPEDECK_PART(Metric, RecallMacro, "recall_macro", "Mean over the classes of TP / (TP + FN): every class counts the same.");
TAPEDECK_PART(Metric, RecallWeighted, "recall_weighted",
              "Mean over the classes of TP / (TP + FN), each by how often it is the label.");
TAPEDECK_PART(Metric, F1Micro, "f1_micro", "2 TP / (2 TP + FP + FN) over all classes together: large classes count more.");
TAPEDECK_PART(Metric, F1Macro, "f1_macro",
              "Mean of 2 TP / (2 TP + FP + FN) over the classes that occur as label or prediction, over all for sets of classes: "
              "every class counts the same.");
TAPEDECK_PART(Metric, F1Weighted, "f1_weighted",
              "Mean over the classes of 2 TP / (2 TP + FP + FN), each by how often it is the label.");

template <Rate rate>
struct RateOfClasses final : OfRates {
  double compute(const Predictions& p) const override {
    const ClassCounts counts = class_counts(p);
    return counts.size() == 2 ? rate_of(counts, 1, rate, otherwise()) : rate_of(counts, Average::macro, rate, otherwise());
  }
};
using Precision = RateOfClasses<Rate::precision>;
using Recall = RateOfClasses<Rate::recall>;
using F1 = RateOfClasses<Rate::f1>;
TAPEDECK_PART(Metric, Precision, "precision",
              "TP / (TP + FP): of class 1 with two classes; with more, the mean over the classes that occur (macro).");
TAPEDECK_PART(Metric, Recall, "recall",
              "TP / (TP + FN): of class 1 with two classes; with more, the mean over the classes that occur (macro).");
TAPEDECK_PART(Metric, F1, "f1",
              "2 TP / (2 TP + FP + FN): of class 1 with two classes; with more, the mean over the classes that occur (macro).");

struct MicroF1 final : OfRates {
  bool measures(Form form) const override { return form == Form::sets; }
  double compute(const Predictions& p) const override { return rate_of(class_counts(p), Average::micro, Rate::f1, otherwise()); }
};
TAPEDECK_PART(Metric, MicroF1, "micro_f1", "f1_micro under its older name, of sets of classes.");

struct MacroF1 final : OfRates {
  MacroF1() { zero_division = ZeroDivision::left_out; }
  bool measures(Form form) const override { return form == Form::sets; }
  double compute(const Predictions& p) const override { return rate_of(class_counts(p), Average::macro, Rate::f1, otherwise()); }
};
TAPEDECK_PART(Metric, MacroF1, "macro_f1",
              "f1_macro over the classes that occur in the split (zero_division nan), of sets of classes: one that no text has "
              "and none is given counts nothing.");

struct BalancedAccuracy final : Metric {
  bool measures(Form form) const override { return form == Form::classes || form == Form::tokens; }
  double compute(const Predictions& p) const override {
    const ClassCounts counts = class_counts(p);
    double sum = 0, present = 0;
    for (size_t c = 0; c < counts.size(); ++c)
      if (counts.labelled[c] > 0) sum += rate_of(counts, c, Rate::recall), ++present;
    return present > 0 ? sum / present : undefined;
  }
};
TAPEDECK_PART(Metric, BalancedAccuracy, "balanced_accuracy",
              "Mean recall of the classes that occur as labels: accuracy for data in which some classes are rare.");

// ---- rankings --------------------------------------------------------------------------------------------------------------

/// A model that diverged ranks nothing.
bool any_nan(const Predictions& p) {
  return std::ranges::any_of(p.probabilities, [](const std::vector<double>& row) {
    return std::ranges::any_of(row, [](double v) { return std::isnan(v); });
  });
}

struct OfRanking : Metric {
  Average average = Average::macro;
  void describe(Fields& f) override {
    f.names(
        "average", average, {{"macro", Average::macro}, {"weighted", Average::weighted}, {"micro", Average::micro}},
        "with three classes or more, and for sets of classes: mean over the classes, each against the rest; the same, each by "
        "how often it is the label; all decisions as one ranking");
  }
  bool measures(Form form) const final { return form == Form::classes || form == Form::sets; }
  double compute(const Predictions& p) const final {
    if (p.probabilities.empty() || any_nan(p)) return undefined;
    const size_t classes = p.probabilities[0].size();
    OneAgainstRest all;
    double sum = 0, weight = 0;
    for (size_t c = 0; c < classes; ++c) {
      const bool binary = classes == 2 && !p.predicted.empty();
      const auto one = one_against_rest(p, binary ? 1 : c);
      if (!one) return undefined;
      if (binary) return area(*one);
      if (average == Average::micro) {
        all.scores.insert(all.scores.end(), one->scores.begin(), one->scores.end());
        all.positive.insert(all.positive.end(), one->positive.begin(), one->positive.end());
      } else if (const double value = area(*one); !std::isnan(value)) {
        const double counts = average == Average::macro ? 1 : double(std::ranges::count(one->positive, 1));
        sum += counts * value, weight += counts;
      }
    }
    return average == Average::micro ? area(all) : weight > 0 ? sum / weight : undefined;
  }

 private:
  virtual double area(const OneAgainstRest& one) const = 0;
};

struct RocAuc final : OfRanking {
  double area(const OneAgainstRest& one) const override { return roc_auc(one.scores, one.positive); }
};
TAPEDECK_PART(Metric, RocAuc, "roc_auc",
              "Area under the ROC curve: of class 1 with two classes; with more, and for sets, the mean over the classes, each "
              "against the rest (macro), that have an example on both sides; no value without one.");

struct AveragePrecision final : OfRanking {
  double area(const OneAgainstRest& one) const override { return average_precision(one.scores, one.positive); }
};
TAPEDECK_PART(
    Metric, AveragePrecision, "average_precision",
    "Area under precision against recall, by steps: of class 1 with two classes; with more, and for sets, the mean over "
    "the classes, each against the rest (macro); 0 for a class without an example.");

struct TopKAccuracy final : Metric {
  std::vector<int64_t> k{2};
  void describe(Fields& f) override {
    f("k", k, "how many classes may be named; each number gives a value of its own").at_least(1).length(1, 32);
  }
  void measure(const Measured& what, const std::string& name, Measures& values) const override {
    for (const int64_t most : k) values[text(name, "@", most)] = share(what.predictions, most);
  }
  double compute(const Predictions& p) const override { return share(p, k[0]); }

 private:
  static double share(const Predictions& p, int64_t most) {
    double right = 0, labelled = 0;
    if (any_nan(p)) return undefined;
    for (size_t i = 0; i < p.probabilities.size(); ++i) {
      if (p.label[i] < 0) continue;
      right += in_top(p.probabilities[i], p.label[i], most);
      ++labelled;
    }
    return labelled > 0 ? right / labelled : undefined;
  }
};
TAPEDECK_PART(Metric, TopKAccuracy, "top_k_accuracy",
              "Share of examples whose label is among the k most probable classes; of equally probable ones the later counts as "
              "more probable. 1 where k is all classes.");

// ---- spans -----------------------------------------------------------------------------------------------------------------

template <Rate rate>
struct OfSpans final : Metric {
  bool measures(Form form) const override { return form == Form::spans; }
  double compute(const Predictions& p) const override { return rate_of(span_counts(p), Average::micro, rate); }
};
using SpanPrecision = OfSpans<Rate::precision>;
using SpanRecall = OfSpans<Rate::recall>;
using SpanF1 = OfSpans<Rate::f1>;
TAPEDECK_PART(Metric, SpanPrecision, "span_precision",
              "Share of the spans found whose first token, last token and type are right.");
TAPEDECK_PART(Metric, SpanRecall, "span_recall", "Share of the marked spans that are found: first token, last token and type.");
TAPEDECK_PART(Metric, SpanF1, "span_f1",
              "2 TP / (found + marked) over all spans of the split: first token, last token and type must all be right (micro, "
              "as CoNLL counts).");

}  // namespace
}  // namespace tapedeck
