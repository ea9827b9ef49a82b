// Files to rows of text. A reader is a part ("data": {"type": "tsv", ...}); each format is one file in src/data. What a label
// is, the task knows. Next: tokenizer.h, dataset.h.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/fields.h>
#include <tapedeck/base/random.h>
#include <tapedeck/base/registry.h>

namespace tapedeck {

/// A labelled piece of a text, counted in code points: first and one past the last.
struct TextSpan {
  int64_t start = 0, end = 0;
  std::string label;
};
struct Row {
  std::string text, text_b;                         // text_b is empty unless the data are pairs
  std::string label;                                // as written; empty: unlabelled
  int64_t line = 0;                                 // 1-based line in the file where the row starts
  std::string text_c = {};                          // hard negative of a triplet; empty otherwise
  std::optional<std::vector<TextSpan>> spans = {};  // marked pieces of the text; nothing: not known
  /// Several: classes of the text, or a tag for each word between blanks; nothing: not known.
  std::optional<std::vector<std::string>> labels = {};
  /// The words of the text where the file says them, a word per line: the blanks between them are the reader's.
  std::vector<std::string> words = {};
};
struct Table {
  std::string name;  // file, for messages
  std::vector<Row> rows;
  int64_t skipped = 0;             // bad rows left out on request
  std::string first_skipped = {};  // what was wrong with the first of them, and where
  bool skip_bad = false;           // the request holds for rows that turn out bad later, when they are encoded
};
struct Splits {
  Table train, validation, test;  // validation and test may be empty
  bool pairs = false;
  std::string task = "classification";  // what such rows are usually asked for: the experiment's default
  std::optional<int64_t> stride;    // a stream of tokens: from the start of one training window to the next; default: its length
  std::vector<std::string> labels;  // declared order; empty: sorted unique labels of train (numbers by value)
};

struct Reader : Part {
  static constexpr const char* kind = "data";
  /// Reads every split; a validation share ("10%") is cut from train by `key`. Throws Error{data} naming file and line.
  virtual Splits read(Key key) const = 0;
  /// One file in this format without a split (predict, eval --data). Labels may be missing.
  virtual Table read_file(const std::string& path) const = 0;
  /// Files it will open, for environment.json (size and SHA-256); empty for built-in data.
  virtual std::vector<std::string> files() const = 0;
  /// The task that the experiment names, before anything is read; not called where the data say it.
  virtual void ask(std::string_view /*task*/) {}
  /// The classes of a run that is used again: read_file() of a format whose lines may begin with a label or not needs them.
  virtual void know(const std::vector<std::string>& /*labels*/) {}
};

}  // namespace tapedeck
