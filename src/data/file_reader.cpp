// Splits from files: train, validation (a file or a share of train), test; and the rules for rows.
#include "src/data/file_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/printable.h>
#include <tapedeck/base/words.h>

#include "src/data/shares.h"

namespace tapedeck {
namespace {

/// 0.1 for "10%". A path field was joined with the experiment's folder, so only its last part counts.
std::optional<double> percentage(const Path& path) {
  const std::string name = std::filesystem::path(path.path).filename().string();
  if (!name.ends_with('%')) return std::nullopt;
  const auto number = parse_number(std::string_view(name).substr(0, name.size() - 1));
  return number ? std::optional(*number / 100) : std::nullopt;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, last - first + 1);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string quoted_list(const std::vector<std::string>& names, size_t most) {
  constexpr size_t longest = 32;  // the first line of a file named by mistake is no list of columns, and may be a secret
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), most); ++i) out += text(i ? ", " : "", in_quotes(shortened(names[i], longest)));
  return names.size() > most ? text(out, " and ", names.size() - most, " more") : out;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string close = suggest(word, candidates);
  return close.empty() ? "" : close + " ";
}

Error empty_share(std::string_view file, double share, int64_t size, std::string_view what) {
  return data_error(file, 0, text("a validation share of ", share * 100, "% of ", size, " ", what, " leaves a split empty"),
                    "choose another share, or name a validation file");
}

void Columns::describe(Fields& f) {
  f("text", text, "column of the text: a name, or an index that starts at 0; default \"text\" (0 without header)");
  f("text_b", text_b, "column of the second text of a pair; default none");
  f("text_c", text_c, "column of the third text of a triplet (the hard negative); default none");
  f("label", label, "column of the label; \"\" for data without labels; default \"label\" (1 without header)");
}

bool RowSink::stands_for_none(const std::string& label) const {
  return label.empty() ||
         (label == "-1" && !rules_.labels.empty() && std::ranges::find(rules_.labels, label) == rules_.labels.end());
}

bool RowSink::may_be_label(Row row) const {
  if (row.label.empty() || row.label == "-1") return true;  // in the place of one
  if (!rules_.task->check(row).empty()) return false;
  const std::vector<std::string> names = row.labels ? *row.labels : std::vector{row.label};
  const auto known = [&](const std::string& name) { return std::ranges::find(rules_.known, name) != rules_.known.end(); };
  return rules_.known.empty() || std::ranges::all_of(names, known);
}

void RowSink::labelled(Row row) {
  row.label = trimmed(row.label);
  if (!row.labels && !labels_needed() && stands_for_none(row.label)) {
    row.label.clear();
    return unlabelled(std::move(row));
  }
  if (const std::string problem = rules_.task->check(row); !problem.empty()) return bad(row.line, problem, "");
  for (const std::string& label : row.labels ? *row.labels : std::vector{row.label})
    if (!rules_.labels.empty() && std::find(rules_.labels.begin(), rules_.labels.end(), label) == rules_.labels.end())
      return bad(row.line, text("label \"", label, "\" is not one of the declared labels"),
                 text(suggestion(label, rules_.labels), "declared: ", quoted_list(rules_.labels), "; "));
  table_.rows.push_back(std::move(row));
}

void RowSink::bad(int64_t line, std::string_view message, std::string hint) {
  if (rules_.on_bad_row == BadRow::error)
    fail(line, message, hint + "correct the line, or set \"on_bad_row\": \"skip\" to leave such rows out");
  if (table_.skipped++ == 0) table_.first_skipped = text(table_.name, ":", line, ": ", message);
}

void RowSink::fail(int64_t line, std::string_view message, std::string hint) const {
  throw data_error(table_.name, line, message, std::move(hint));
}

void FileReader::describe_files(Fields& f) {
  if (percentage(validation_)) validation_.path = std::filesystem::path(validation_.path).filename().string();
  f("train", train_, "file to train on; .gz is read as such").required();
  f("validation", validation_, "file, or a share of train such as \"10%\" that is then left out of train");
  f("test", test_, "file that is only evaluated at the end");
}

void FileReader::describe_encoding(Fields& f) {
  f.names("encoding", encoding_, {{"utf-8", Encoding::utf8}, {"latin-1", Encoding::latin1}}, "how the bytes spell characters");
  f("max_file_mib", max_file_mib_, "largest file that is read, in MiB, as it is and unfolded from .gz; default 2048")
      .range(1, 1 << 20);
  f("source", source_, "where the files come from, and their licence; said when one is missing");
}

void FileReader::describe_rows(Fields& f, bool labels) {
  describe_encoding(f);
  f.names("on_bad_row", on_bad_row_, {{"error", BadRow::error}, {"skip", BadRow::skip}},
          "what to do with a row that does not fit: stop, or leave it out and count it");
  f("limit", limit_, "read only so many rows of each file").at_least(1);
  if (!labels) return;
  f("labels", labels_, "the classes in index order; default: those of train, sorted");
  f.names<std::string>(
      "label_type", label_type_, {{"class", "classification"}, {"number", "regression"}, {"set", "multi_label"}},
      "a class name, a number to regress on, or several classes: a list, keys of an object, or names with commas between");
}

SplitFiles FileReader::split_files() const {
  SplitFiles files{train_.path, validation_.path, test_.path};
  const auto share = percentage(validation_);
  if (!share) return files;
  if (*share <= 0 || *share >= 1)
    throw Error(ErrorKind::config, text("data.validation is ", *share * 100, "% of train"), "a share lies between 0% and 100%");
  files.validation.clear();
  files.validation_share = *share;
  return files;
}

void FileReader::cut_validation(Splits& splits, double share, Key key) const {
  std::vector<Row>& rows = splits.train.rows;
  const auto n = int64_t(rows.size());
  const auto cut = int64_t(std::llround(share * double(n)));
  if (cut < 1 || cut >= n) throw empty_share(splits.train.name, share, n, "rows");
  const std::vector<bool> chosen =
      draw_share(classes_of(rows, *make_task(splits.task)), cut, random_permutation(key / "validation", n));
  if (std::ranges::count(chosen, true) == 0) throw empty_share(splits.train.name, share, n, "rows");
  std::vector<Row> kept;
  splits.validation.name = splits.train.name;
  splits.validation.skip_bad = splits.train.skip_bad;
  for (size_t i = 0; i < rows.size(); ++i) (chosen[i] ? splits.validation.rows : kept).push_back(std::move(rows[i]));
  rows = std::move(kept);
}

Table FileReader::load(const std::string& path, Need need) const {
  Table table;
  table.name = path;
  table.skip_bad = on_bad_row_ == BadRow::skip;
  const RowRules rules{on_bad_row_, make_task(asked_.empty() ? usual_task() : asked_), need, label_order(), known_, limit_};
  RowSink rows(table, rules);
  if (std::error_code ignored; !source_.empty() && !std::filesystem::exists(path, ignored))
    throw data_error(path, 0, "there is no such file", origin(""));
  const TextFile file = load_text(path, encoding_, max_file_mib_ ? *max_file_mib_ << 20 : most_text_bytes);
  parse(file, rows);
  if (table.rows.empty())
    throw data_error(path, 0, table.skipped ? text("all ", table.skipped, " rows are bad") : "has no rows",
                     table.skipped ? "set \"on_bad_row\": \"error\" to see why" : "check that this is the right file");
  return table;
}

Splits FileReader::read(Key key) const {
  const SplitFiles files = split_files();
  Splits splits;
  splits.pairs = pairs();
  splits.task = asked_.empty() ? usual_task() : asked_;
  splits.labels = label_order();
  splits.train = load(files.train, Need::required);
  if (files.validation_share > 0) cut_validation(splits, files.validation_share, key);
  if (!files.validation.empty()) splits.validation = load(files.validation, Need::required);
  if (!files.test.empty()) splits.test = load(files.test, test_need());
  const auto unlabelled = [](const Row& row) { return row.label.empty(); };
  if (test_need() == Need::optional && std::any_of(splits.test.rows.begin(), splits.test.rows.end(), unlabelled))
    splits.test = {};
  return splits;
}

std::vector<std::string> FileReader::files() const {
  const SplitFiles files = split_files();
  std::vector<std::string> all;
  for (const std::string& file : {files.train, files.validation, files.test})
    if (!file.empty()) all.push_back(file);
  return all;
}

}  // namespace tapedeck
