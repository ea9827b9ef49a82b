// Metrics of classes with the values of scikit-learn: rates from counts, areas from rankings, and a report by class.
// Next: src/train/class_metrics.cpp, src/train/metrics_classes.cpp (the parts).
#pragma once
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/json.h>
#include <tapedeck/tasks/task.h>

namespace tapedeck {

/// Of a metric that has no value: null in files, "-" on the screen.
inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// By class over what has a label: right (true positives), labelled (TP + FN), predicted (TP + FP).
struct ClassCounts {
  std::vector<double> right, labelled, predicted;
  bool sets = false;  // several classes per example: every class has a decision of its own in each
  size_t size() const { return right.size(); }
};
/// Of Form::classes and Form::tokens, or else of Form::sets.
ClassCounts class_counts(const Predictions& p);
/// Of Form::spans by type: right where first, last and type are.
ClassCounts span_counts(const Predictions& p);

enum class Rate { precision, recall, f1 };
enum class Average { micro, macro, weighted };
/// precision TP / (TP + FP), recall TP / (TP + FN), f1 2 TP / (2 TP + FP + FN). Where nothing is divided by nothing the value is
/// zero_division; NaN leaves the class out of averages.
double rate_of(const ClassCounts& counts, size_t c, Rate rate, double zero_division = 0);
/// micro: of the sums over all classes. macro: mean over the classes that occur as label or prediction, over all for sets.
/// weighted: the same, each class by how often it is the label.
double rate_of(const ClassCounts& counts, Average average, Rate rate, double zero_division = 0);

/// Share of pairs of a positive and a negative in which the positive scores higher, ties half: the area under the curve of true
/// against false positive rates. NaN without a positive or without a negative, or where a score is NaN.
double roc_auc(std::span<const double> scores, std::span<const uint8_t> positive);
/// sum_n (R_n - R_(n-1)) P_n over the distinct scores from the highest: the area under precision against recall, by steps (not by
/// trapezia). 0 without a positive, NaN where a score is NaN or there is none.
double average_precision(std::span<const double> scores, std::span<const uint8_t> positive);
/// Whether the label is among the k highest of a row; of equal scores the later class counts as higher. Two classes: k = 1 is
/// class 1 above 0.5.
bool in_top(std::span<const double> scores, int32_t label, int64_t k);

/// One class against the rest: its probabilities and whether it is the label, over what has a label.
struct OneAgainstRest {
  std::vector<double> scores;
  std::vector<uint8_t> positive;
};
/// Nothing where the task leaves no probabilities.
std::optional<OneAgainstRest> one_against_rest(const Predictions& p, size_t c);

/// precision, recall, f1, support and predictions of every class, areas where there are probabilities, who was taken for whom.
struct ClassReport {
  struct Row {
    std::string name;
    double precision, recall, f1;       // 0 where nothing is divided by nothing
    double roc_auc, average_precision;  // roc_auc NaN: one of the sides has no example
    int64_t support, predicted;
  };
  std::vector<Row> rows;
  bool ranked = false;                          // has areas
  std::vector<std::vector<int64_t>> confusion;  // [label][predicted]; empty where an example has several classes
  Json json() const;
  std::string text() const;
  /// What to be warned of: classes that are never predicted although they are labels. Empty: nothing.
  std::string warning() const;
};
/// Of spans where there are any, else of classes; nothing for a task without names of classes or data without labels.
std::optional<ClassReport> class_report(const Task& task, const Predictions& p);
using ClassReports = std::map<std::string, ClassReport>;  // by split

}  // namespace tapedeck
