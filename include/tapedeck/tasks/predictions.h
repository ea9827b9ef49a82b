// What a model says about a data set: tasks fill it in, metrics read it. Next: task.h, train/metrics.h.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <tapedeck/data/dataset.h>

namespace tapedeck {

/// What predictions can consist of: a metric measures some of these forms, a task gives some.
enum class Form { classes, tokens, likelihood, numbers, sets, spans };

/// One entry per example in data set order unless said otherwise; only the forms that the task gives are there.
struct Predictions {
  std::vector<int32_t> predicted, label;           // Form::classes; Form::tokens: one per token or word. label -1: not known
  std::vector<std::vector<double>> probabilities;  // beside Form::classes, one row per example; may be left out
  double nll = 0, characters = 0;     // Form::likelihood: -log p(label) summed over `label`, in nats; characters of a token
  std::vector<double> score, target;  // Form::numbers; target NaN: not known
  std::vector<std::vector<int32_t>> chosen;  // Form::sets: classes, sorted. Beside Form::tokens: the class of each word
  std::vector<std::optional<std::vector<int32_t>>> given;  // ... as labelled; nothing: not known
  std::vector<std::vector<Span>> found;                    // Form::spans
  std::vector<std::optional<std::vector<Span>>> marked;    // ... as labelled; nothing: not known
  int64_t classes = 0;
  double loss = 0;      // mean task loss; NaN without labels
  bool outputs = true;  // false: the model gives no logits for such examples
  Tensor embeddings;    // f64 [examples * texts, size]: what contrast compares; kept on request
  int64_t texts = 1;
};

}  // namespace tapedeck
