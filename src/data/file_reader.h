// What readers of files share: the options, the splits, what happens to a bad row. A format only turns the text of one
// file into rows. Next: delimited.h (tsv, csv, glue), reader_*.cpp.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/tasks/task.h>

#include "src/data/text_file.h"

namespace tapedeck {

enum class BadRow { error, skip };
enum class Need { required, optional };  // of labels: training data must have them, data to predict may

/// Which columns or keys hold what. Unset: the format's default; empty: there is none.
struct Columns : Part {
  std::optional<std::string> text, text_b, text_c, label;
  void describe(Fields& f) override;
};

struct RowRules {
  BadRow on_bad_row = BadRow::error;
  std::shared_ptr<const Task> task;  // knows what a label must be
  Need need = Need::required;
  std::vector<std::string> labels;  // declared; empty: any
  std::vector<std::string> known;   // of a run that is used again; empty: not known
  std::optional<int64_t> limit;
};

/// Collects the rows of one file and applies the rules to each.
class RowSink {
 public:
  RowSink(Table& table, const RowRules& rules) : table_(table), rules_(rules) {}
  bool full() const { return rules_.limit && int64_t(table_.rows.size()) >= *rules_.limit; }
  bool labels_needed() const { return rules_.need == Need::required; }
  /// Checks the label of a row that should have one, then keeps the row.
  void labelled(Row row);
  /// Whether the row's label can be one, where labels may be missing.
  bool may_be_label(Row row) const;
  void unlabelled(Row row) { table_.rows.push_back(std::move(row)); }
  /// Throws, or counts the row as skipped.
  void bad(int64_t line, std::string_view message, std::string hint);
  /// The file as a whole is wrong: throws.
  [[noreturn]] void fail(int64_t line, std::string_view message, std::string hint) const;

 private:
  bool stands_for_none(const std::string& label) const;
  Table& table_;
  const RowRules& rules_;
};

struct SplitFiles {
  std::string train, validation, test;
  double validation_share = 0;
};

struct FileReader : Reader {
  Splits read(Key key) const override;
  Table read_file(const std::string& path) const final { return load(path, Need::optional); }
  std::vector<std::string> files() const override;
  void ask(std::string_view task) final { asked_ = task; }
  void know(const std::vector<std::string>& labels) final { known_ = labels; }

 protected:
  void describe_files(Fields& f);
  void describe_encoding(Fields& f);
  void describe_rows(Fields& f, bool labels = true);  // encoding included
  /// Turns the text of one file into rows.
  virtual void parse(const TextFile& file, RowSink& rows) const = 0;
  virtual SplitFiles split_files() const;
  /// Moves a share of train to validation: rows drawn by key, of every class alike and never its last; both keep the file's
  /// order.
  virtual void cut_validation(Splits& splits, double share, Key key) const;
  virtual bool pairs() const { return false; }
  /// What such rows are usually asked for.
  virtual std::string usual_task() const { return label_type_; }
  virtual std::vector<std::string> label_order() const { return labels_; }
  /// Optional: a test file may come without labels and is then left out, since it cannot be evaluated.
  virtual Need test_need() const { return Need::required; }
  Table load(const std::string& path, Need need) const;
  /// The hint for something that is missing: where it comes from, if the file says so.
  std::string origin(std::string otherwise) const { return source_.empty() ? otherwise : "it comes from " + source_; }

 private:
  Path train_, validation_, test_;
  Encoding encoding_ = Encoding::utf8;
  BadRow on_bad_row_ = BadRow::error;
  std::string asked_, source_, label_type_ = "classification";
  std::vector<std::string> labels_, known_;
  std::optional<int64_t> limit_, max_file_mib_;
};

/// Error{data} for a validation share of `size` rows or characters that leaves a split empty.
Error empty_share(std::string_view file, double share, int64_t size, std::string_view what);
/// Without spaces and tabs at both ends.
std::string_view trimmed(std::string_view text);
/// The finite number that is the whole text, if it is one.
std::optional<double> parse_number(std::string_view text);
/// `"a", "b", "c"`, cut after `most`.
std::string quoted_list(const std::vector<std::string>& names, size_t most = 12);
/// `did you mean "x"? `, or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tapedeck
