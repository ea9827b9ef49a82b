// Counting predictions. Next: report.cpp.
#include "src/study/answers.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tapedeck {
namespace {

constexpr size_t most_wrong = 10;

double largest_probability(const Json& row) {
  double most = -1;
  if (const auto* probabilities = row.find("probabilities"))
    for (const Json::Member& m : probabilities->value.members) most = std::max(most, m.value.number);
  return most;
}

}  // namespace

double Answers::calibration_error() const {
  double sum = 0;
  for (const Bin& bin : bins) sum += std::abs(double(bin.right) - bin.confidence);
  return rows > 0 ? sum / double(rows) : 0;
}

std::vector<std::string> Answers::never_predicted() const {
  std::vector<std::string> never;
  for (size_t i = 0; i < labels.size(); ++i) {
    int64_t as_label = 0, predicted = 0;
    for (size_t k = 0; k < labels.size(); ++k) as_label += matrix[i][k], predicted += matrix[k][i];
    if (as_label > 0 && predicted == 0) never.push_back(labels[i]);
  }
  return never;
}

Answers answers_of(const std::vector<SavedSeed>& seeds) {
  Answers answers;
  std::map<std::pair<std::string, std::string>, int64_t> counts;
  std::vector<Answers::Bin> bins(10);
  bool probable = false;
  for (size_t s = 0; s < seeds.size(); ++s)
    for (const Json& row : json_lines(seeds[s].folder + "/predictions/validation-best.jsonl")) {
      const auto *label = row.find("label"), *predicted = row.find("predicted"), *words = row.find("text");
      if (!label || !predicted || !label->value.is(Json::Kind::string) || !predicted->value.is(Json::Kind::string)) continue;
      const std::string &is = label->value.string, &said = predicted->value.string;
      ++answers.rows;
      ++counts[{is, said}];
      answers.labels.insert(answers.labels.end(), {is, said});
      const double confidence = largest_probability(row);
      if (confidence < 0) continue;
      probable = true;
      Answers::Bin& bin = bins[std::min<size_t>(9, size_t(confidence * 10))];
      ++bin.rows, bin.right += is == said, bin.confidence += confidence;
      if (s == 0 && is != said) answers.worst.push_back({confidence, words ? words->value.string : "", is, said});
    }
  std::sort(answers.labels.begin(), answers.labels.end());
  answers.labels.erase(std::unique(answers.labels.begin(), answers.labels.end()), answers.labels.end());
  for (const std::string& is : answers.labels) {
    answers.matrix.emplace_back();
    for (const std::string& said : answers.labels) answers.matrix.back().push_back(counts[{is, said}]);
  }
  if (probable) answers.bins = std::move(bins);
  std::stable_sort(answers.worst.begin(), answers.worst.end(), [](auto& a, auto& b) { return a.confidence > b.confidence; });
  if (answers.worst.size() > most_wrong) answers.worst.resize(most_wrong);
  return answers;
}

}  // namespace tapedeck
