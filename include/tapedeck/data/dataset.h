// Encoded examples, how batches are drawn from them, and how a batch is packed. Order is a pure function of
// (key, epoch): nothing but the step number is needed to resume. Next: nn/batch.h.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tapedeck/base/random.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/data/reader.h>
#include <tapedeck/data/tokenizer.h>
#include <tapedeck/nn/model.h>

namespace tapedeck {

/// Tokens of an example from first to last, both included, and their class.
struct Span {
  int32_t first = 0, last = 0, type = 0;
  auto operator<=>(const Span&) const = default;
};
struct Example {
  std::vector<int32_t> ids, segments;
  std::vector<int32_t> ends;        // where each text ends in ids when texts are sequences of their own; empty: one sequence
  /// In a template: where the token that stands for the text is in ids, and the text itself.
  struct Mark { int32_t stands = 0, begin = 0, end = 0; };
  std::vector<Mark> marks;          // one per sequence; empty without templates
  int32_t label = -1;               // class index; -1: none
  double target = 0;                // regression
  std::vector<Span> spans;          // span data, sorted; label is then 0, or -1 where spans are not known
};
/// Text without ends, read through windows that overlap when stride < context; every token but the first is a label.
struct RunningText {
  std::vector<int32_t> ids;
  int64_t context = 0, stride = 0;  // tokens of a window; from the start of one to the start of the next
  int64_t characters = 0;           // that the ids spell
  int64_t windows() const;
};
/// What is known about the examples: a class each, a number each, for every token the next one, or pieces of the text.
enum class LabelKind { classes, numbers, tokens, spans };
std::string_view name_of(LabelKind kind);
/// Logits per row that such labels need.
int64_t outputs_for(LabelKind kind, size_t classes, int64_t vocabulary);

struct Dataset {
  std::string name;                 // split or file, for messages
  std::vector<Example> examples;    // none when the data are running text
  std::vector<std::string> labels;  // class names by index; empty for regression and running text
  bool regression = false, pairs = false, spans = false;
  int64_t texts = 1;                // sequences per example
  RunningText running = {};         // context 0: the data are examples
  bool labelled = false;            // some example has a label; a batch of others then has labels too, none of which counts
  LabelKind label_kind() const;
  int64_t size() const { return running.context ? running.windows() : int64_t(examples.size()); }
  /// Tokens of an example, which for running text is a window.
  std::span<const int32_t> ids(int64_t example) const;
  /// The token that follows each of them; empty unless the data are running text.
  std::span<const int32_t> next_ids(int64_t example) const;
};

/// Class names in index order: the declared ones, else those of train sorted (as numbers when all are numbers).
std::vector<std::string> label_names(const Splits& splits);
/// Throws Error{data} naming file and line for a label that is not in `labels` or a target that is not a number.
/// With texts apart all rows of a table must have equally many. training: texts go into every template, not only the first.
Dataset encode(const Table& table, const Tokenizer& tokenizer, const std::vector<std::string>& labels, bool regression,
               bool pairs, const TextForm& form = {}, bool training = false);
/// Windows of tokenizer.max_length() tokens over the rows of the table, one after another. stride: default max_length, so that
/// every token is seen once. Throws Error{config} for a stride that leaves tokens out, Error{data} for a text of one token.
Dataset encode_running(const Table& table, const Tokenizer& tokenizer, std::optional<int64_t> stride = {});

/// Rows with marked pieces of text. Pieces beyond max_length stay among the examples' spans: they cannot be found and count as missed.
/// Throws Error{data} naming file and line for a label that is not in `labels`, or a piece that ends inside a token.
Dataset encode_spans(const Table& table, const Tokenizer& tokenizer, const std::vector<std::string>& labels);
/// Spans of tokens as pieces of the text they came from; one that takes in [CLS] or [SEP] ends at the text's end.
std::vector<TextSpan> text_spans(const std::string& text, const std::vector<Span>& spans, const Tokenizer& tokenizer,
                                 const std::vector<std::string>& labels);

struct Sampler : Part {
  static constexpr const char* kind = "sampler";
  /// The batches of one epoch as lists of example indices; every batch but the last holds batch_size.
  virtual std::vector<std::vector<int64_t>> epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const = 0;
  /// Refuses settings that cannot work with this data set (Error{config}), e.g. per_class larger than the batch.
  virtual void check(const Dataset&, int64_t /*batch_size*/) const {}
};

/// Packs the examples `order[begin, end)` of one optimizer step; first_* and total_* describe the whole step, so that
/// [0, order.size()) is the full batch and consecutive ranges are its micro-batches.
Batch collate(const Dataset& data, std::span<const int64_t> order, int64_t begin, int64_t end, DType dtype);

}  // namespace tapedeck
