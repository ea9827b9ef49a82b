// How much an example counts in the mean loss of a step or a split. Next: step_runner.cpp, predict.cpp.
#pragma once
#include <cmath>

#include <tapedeck/data/dataset.h>
#include <tapedeck/losses/loss.h>

namespace tapedeck {

/// Sum of Loss::weight over the rows of logits that the example has: its tokens in running text, else itself.
inline double label_weight(const Loss& loss, const Dataset& data, int64_t example) {
  double weight = 0;
  for (int32_t label : data.next_ids(example)) weight += loss.weight(label);
  if (data.label_kind() == LabelKind::tokens) return weight;
  const Example& e = data.examples[size_t(example)];
  if (data.regression) return std::isfinite(e.target) ? 1 : 0;
  return e.label >= 0 ? loss.weight(e.label) : 0;
}

}  // namespace tapedeck
