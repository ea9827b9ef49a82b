// A batch without padding: the tokens of all sequences one after another, and where each sequence starts.
// Next: pass.h (how a model reads it), data/dataset.h (who makes it).
#pragma once
#include <cstdint>

#include <tapedeck/nn/answer.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

struct Batch {
  Tensor tokens;        // i32 [T]
  Tensor positions;     // i32 [T]: 0.. within each sequence
  Tensor segments;      // i32 [T]: 0 first text, 1 second; undefined when no input is a pair
  Tensor offsets;       // i32 [S+1], S sequences
  Tensor indices;       // i32 [B], B examples: their numbers in their data set; undefined in hand-made batches
  Tensor mask_rows;     // i32 [S]: the row of the [MASK] that stands for a sequence; undefined without templates
  Tensor text_rows;     // i32 [S,2]: first and one past last row of the text inside its template; undefined without templates
  Tensor words;         // i32 [W]: the first token of every word; undefined unless rows of logits are words
  Tensor word_offsets;  // i32 [S+1]: where the words of each sequence start
  /// i32, one for every sequence of the whole optimizer step: the number of the first one with the same tokens. Undefined when no
  /// two are equal.
  Tensor equal;

  Answer answer;        // what the data ask; of what follows, the task fills in what it knows
  Tensor labels;        // i32 [B]: the class of an example, -1: none (ignored)
  Tensor targets;       // float dtype of the run [B]: numbers, NaN: none
  Tensor token_labels;  // i32, a class for every token or word: [T] or [W], -1: ignored
  Tensor cells;         // u8, a yes or no for every logit: [B,classes], or spans in the order of GlobalPointer's scores
  Tensor known;         // u8 [B]: 0 where an example's cells are not known
  int64_t texts = 1;    // sequences per example, one after another: sequence e * texts + t is text t of example e
  int64_t sequences() const { return offsets ? offsets.size() - 1 : 0; }
  int64_t examples() const { return sequences() / texts; }
  int64_t token_count() const { return tokens.size(); }
  int64_t pairs() const;  // sum of length^2: scores of spans of one type
  /// One class per row of logits: of a token or word if the data have that, else of an example.
  const Tensor& row_labels() const { return token_labels ? token_labels : labels; }

  /// Where this micro-batch starts inside the batch of the optimizer step. Dropout draws are indexed from here, so
  /// a batch cut into micro-batches sees the very same masks.
  int64_t first_token = 0, first_sequence = 0, first_pair = 0;  // pair: sum over earlier sequences of length^2
  /// Examples, tokens, words, labelled rows of logits and pairs of the whole step: what sums are divided by.
  int64_t total_sequences = 0, total_tokens = 0, total_words = 0, total_labelled = 0, total_pairs = 0;
  int64_t total_rows() const { return words ? total_words : token_labels ? total_tokens : total_sequences; }  // rows of logits
  /// Sum of Loss::weight over the labelled rows of the whole step; 0: take it from this batch alone.
  double total_weight = 0;
};

/// Examples [begin, end) of the whole batch of a step, in their place: what a model reads, without what is asked of it.
Batch piece_of(const Batch& whole, int64_t begin, int64_t end);

}  // namespace tapedeck
