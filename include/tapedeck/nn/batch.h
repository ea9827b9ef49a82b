// A batch without padding: the tokens of all sequences one after another, and where each sequence starts.
// Next: pass.h (how a model reads it), data/collate.h (who makes it).
#pragma once
#include <cstdint>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

struct Batch {
  Tensor tokens;        // i32 [T]
  Tensor positions;     // i32 [T]: 0.. within each sequence
  Tensor segments;      // i32 [T]: 0 first text, 1 second; undefined when no input is a pair
  Tensor offsets;       // i32 [S+1], S sequences
  Tensor labels;        // i32 [B], B examples; -1: no label (ignored); undefined for regression and unlabelled data
  Tensor targets;       // float dtype of the run [B]: regression targets; undefined for classification
  Tensor token_labels;  // i32 [T]: a label for every token, -1: ignored; undefined when labels belong to examples
  Tensor span_labels;   // u8: 1 where a span is marked, in the order of GlobalPointer's scores; undefined unless labels are spans
  Tensor indices;       // i32 [B]: the examples' numbers in their data set; undefined in hand-made batches
  Tensor stands;        // i32 [S]: the row of the token that stands for a sequence; undefined without templates
  Tensor spans;         // i32 [S,2]: first and one past last row of the text inside its template; undefined without templates
  int64_t texts = 1;    // sequences per example, one after another: sequence e * texts + t is text t of example e
  int64_t sequences() const { return offsets ? offsets.size() - 1 : 0; }
  int64_t examples() const { return sequences() / texts; }
  int64_t token_count() const { return tokens.size(); }
  /// One label per row of logits: per token if the data have that, else per sequence.
  const Tensor& row_labels() const { return token_labels ? token_labels : labels; }

  /// Where this micro-batch starts inside the batch of the optimizer step. Dropout draws are indexed from here, so
  /// a batch cut into micro-batches sees the very same masks.
  int64_t first_token = 0, first_sequence = 0, first_pair = 0;     // pair: sum over earlier sequences of length^2
  /// Examples, tokens and labelled rows (examples, or tokens with token_labels) of the whole step: what sums are divided by.
  int64_t total_sequences = 0, total_tokens = 0, total_labelled = 0;
  int64_t total_rows() const { return token_labels ? total_tokens : total_sequences; }    // rows of logits
  /// Sum of Loss::weight over the labelled rows of the whole step; 0: take it from this batch alone.
  double total_weight = 0;
};

}  // namespace tapedeck
