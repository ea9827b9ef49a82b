// Encoded examples, how batches are drawn from them, and how a batch is packed. Order is a pure function of (key, epoch): nothing
// but the step number is needed to resume. What is asked of the examples is the task's. Next: tasks/task.h.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
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
  int64_t row = 0;                       // of its table
  int32_t cut = 0;                       // tokens that max_length left no room for
  int32_t text_begin = 0, text_end = 0;  // tokens of the text itself, where answers are tokens; end 0: all of them
  std::vector<int32_t> ends;             // where each text ends in ids when texts are sequences of their own; empty: one sequence
  /// In a template: where the [MASK] that stands for the text is in ids, and the text itself.
  struct Mask {
    int32_t at = 0, begin = 0, end = 0;
  };
  std::vector<Mask> masks;     // one per sequence; empty without templates
  std::vector<int32_t> words;  // where each word starts in ids; empty where rows of logits are not words

  // What is known, as the task puts it:
  int32_t label = -1;            // index of a class; 0 where something else is known; -1: nothing is
  double target = 0;             // a number
  std::vector<int32_t> classes;  // several: a set, sorted, or one for each word
  std::vector<Span> spans;       // sorted
};

/// Text without ends, read through windows that overlap when stride < context; every token but the first is an answer.
struct TokenStream {
  std::vector<int32_t> ids;
  int64_t context = 0, stride = 0;  // tokens of a window; from the start of one to the start of the next
  int64_t characters = 0;           // that the ids spell
  int64_t windows() const;
};

/// What became of the rows of a table, for people: nothing is left out, cut or unknown in silence.
struct DataReport {
  int64_t skipped = 0;              // rows left out, as read and as encoded
  std::string first_skipped = {};   // what was wrong with the first of them, and where
  int64_t cut = 0, longest = 0;     // examples with a text that was cut; tokens of the longest example before that
  int64_t tokens = 0, unknown = 0;  // without special ones; [UNK] among them
};

struct Task;
struct Dataset {
  std::string name;                       // split or file, for messages
  std::vector<Example> examples;          // none when the data are a stream
  std::vector<std::string> labels;        // names of classes by index; empty where answers have no names
  std::shared_ptr<const Task> task = {};  // what is asked of the examples; null: classification
  bool pairs = false;                     // some inputs are two texts
  int64_t texts = 1;                      // sequences per example
  TokenStream stream = {};                // context 0: the data are examples
  bool labelled = false;                  // some example has a label; a batch of others then has labels too, none of which counts
  DataReport report = {};
  /// Of every sequence the number of the first one that has the same tokens; empty where no two are equal, and of a stream.
  std::vector<int32_t> equal = {};

  int64_t size() const { return stream.context ? stream.windows() : int64_t(examples.size()); }
  /// Tokens of an example, which in a stream is a window.
  std::span<const int32_t> ids(int64_t example) const;
  /// The token that follows each of them; empty unless the data are a stream.
  std::span<const int32_t> next_ids(int64_t example) const;
  /// The same data with so many examples at most; none of a stream.
  Dataset first(int64_t count) const;
};

/// Names of classes in index order: the declared ones, else those of the rows of train, sorted (as numbers when all are numbers).
/// of: what adds the names in a row; by default its label.
std::vector<std::string> label_names(const Splits& splits,
                                     const std::function<void(const Row&, std::set<std::string>&)>& of = {});

/// How the rows of a table become examples.
struct EncodingOptions {
  const Table& table;
  const Tokenizer& tokenizer;
  bool pairs = false;  // of texts in one sequence
  TextForm form = {};
  bool training = false;               // texts go into every template, not only the first
  std::optional<int64_t> stride = {};  // of a stream
  bool optional_labels = false;        // nothing is learnt from them: "-1", where it is no class, stands for none
};
/// An example of every row, filled in by `make`. A row for which that throws Error{data} is left out and counted where the table
/// asks for it ("on_bad_row": "skip"); Error{data} when none is left.
void encode_rows(const EncodingOptions& how, Dataset& data, const std::function<void(const Row&, Example&)>& make);
/// The texts of every row, joint or separate, and what `label` adds to each example. Error{data} naming file and line for a row
/// with fewer separate texts than others.
Dataset encode_texts(const EncodingOptions& how, const std::function<void(const Row&, Example&)>& label);

struct Sampler : Part {
  static constexpr const char* kind = "sampler";
  /// The batches of one epoch as lists of example indices; every batch but the last holds batch_size.
  virtual std::vector<std::vector<int64_t>> epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const = 0;
  /// Kinds of batches that come in turn: the log shows one of each.
  virtual int64_t turns() const { return 1; }
  /// Refuses settings that cannot work with this data set (Error{config}), e.g. per_class larger than the batch.
  virtual void check(const Dataset&, int64_t /*batch_size*/) const {}
};

/// Packs the examples `order[begin, end)` of one optimizer step; first_* and total_* describe the whole step, so that
/// [0, order.size()) is the full batch and consecutive ranges are its micro-batches.
Batch collate(const Dataset& data, std::span<const int64_t> order, int64_t begin, int64_t end, DType dtype);

}  // namespace tapedeck
