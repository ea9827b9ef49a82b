// What predictions show beyond one number: which labels are taken for which, whether probabilities can be believed, what was most
// wrongly believed. Next: answers.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/study/runs.h>

namespace tapedeck {

/// predictions/validation-best.jsonl of all seeds, for tasks with one label a row; nothing otherwise.
struct Answers {
  std::vector<std::string> labels;           // sorted
  std::vector<std::vector<int64_t>> matrix;  // [label][predicted], summed over seeds
  struct Bin {
    int64_t rows = 0, right = 0;
    double confidence = 0;  // sum of the largest probability
  };
  std::vector<Bin> bins;  // ten, by the largest probability; empty without probabilities
  struct Wrong {
    double confidence;
    std::string text, label, predicted;
  };
  std::vector<Wrong> worst;  // of the first seed, the surest first
  int64_t rows = 0;
  /// Expected calibration error: sum of n_bin / n |accuracy - confidence| (Guo et al. 2017, eq. 3).
  double calibration_error() const;
  std::vector<std::string> never_predicted() const;
};
Answers answers_of(const std::vector<SavedSeed>& seeds);

}  // namespace tapedeck
