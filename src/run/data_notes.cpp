// Counts of a data set as lines and as JSON. Next: data_notes.h.
#include "src/run/data_notes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include <tapedeck/base/error.h>

#include "src/data/unicode.h"

namespace tapedeck {
namespace {

constexpr double worth_a_line = 0.05;         // share of unknown tokens
constexpr double mostly = 0.5, few = 0.1;     // shares of characters
constexpr int64_t points_looked_at = 200000;  // enough to know a script

struct Split {
  const char* name;
  const Dataset& data;
  const Table& table;
};
std::array<Split, 3> splits_of(const ExperimentData& data) {
  return {{{"train", data.train, data.rows.train},
           {"validation", data.validation, data.rows.validation},
           {"test", data.test, data.rows.test}}};
}

std::string percent(int64_t part, int64_t whole) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.1f%%", whole ? 100.0 * double(part) / double(whole) : 0.0);
  return digits;
}

/// Chinese characters, kana, and the letters of Thai, Lao, Burmese and Khmer: scripts that put no blanks between words.
bool without_blanks(uint32_t point) {
  return (unicode::classes(point) & unicode::ideograph) || (point >= 0x3041 && point <= 0x30FF) ||
         (point >= 0x0E01 && point <= 0x0EDF) || (point >= 0x1000 && point <= 0x109F) || (point >= 0x1780 && point <= 0x17DD);
}

/// Whether most characters belong to such a script and words are not separated for us.
bool without_blanks(const Table& table) {
  int64_t seen = 0, of_script = 0, blanks = 0;
  for (const Row& row : table.rows)
    for (size_t at = 0; at < row.text.size() && seen < points_looked_at; ++seen) {
      const uint32_t point = unicode::next(row.text, at);
      of_script += without_blanks(point);
      blanks += unicode::white_space(point);
    }
  return double(of_script) > mostly * double(seen) && double(blanks) < few * double(seen);
}

/// The tokenizer that would suit the texts better.
std::string better_tokenizer(const Table& table, std::string_view tokenizer) {
  if (tokenizer == "word" && without_blanks(table))
    return "the texts put no blanks between words: use \"tokenizer\": \"character\", or a pretrained one for this language";
  if (tokenizer == "word")
    return "lower tokenizer.min_count, train on more text, or use a tokenizer of parts of words (wordpiece, pretrained)";
  if (tokenizer == "character") return "lower tokenizer.min_count or raise tokenizer.max_size";
  return "this tokenizer does not know the language or script of the texts: use one made for it, or \"tokenizer\": \"character\"";
}

}  // namespace

std::vector<std::string> data_notes(const std::string& split, const Dataset& data, const Table& table,
                                    std::string_view tokenizer) {
  const DataReport& report = data.report;
  const std::string head = (split.empty() ? table.name : split) + ": ";
  const int64_t examples = std::ssize(data.examples);
  std::vector<std::string> notes;
  if (report.skipped)
    notes.push_back(text(head, report.skipped, " of ", report.skipped + examples,
                         " rows left out (\"on_bad_row\": \"skip\"); the first: ", report.first_skipped));
  if (report.cut)
    notes.push_back(text(head, report.cut, " of ", examples, " texts cut to tokenizer.max_length; the longest has ",
                         report.longest, " tokens"));
  const bool whole_sentences = tokenizer == "word" && without_blanks(table);  // as tokens, which train knows and others do not
  if (whole_sentences || double(report.unknown) > worth_a_line * double(report.tokens))
    notes.push_back(text(head, percent(report.unknown, report.tokens), " of ", report.tokens, " tokens are unknown; ",
                         better_tokenizer(table, tokenizer)));
  return notes;
}

std::vector<std::string> data_notes(const ExperimentData& data, std::string_view tokenizer) {
  std::vector<std::string> notes;
  std::set<std::string> hints;  // said once
  for (const Split& split : splits_of(data))
    for (std::string& note : data_notes(split.name, split.data, split.table, tokenizer)) {
      const size_t hint = note.rfind("unknown; ");
      if (hint != note.npos && !hints.insert(note.substr(hint)).second) note.resize(hint + std::string_view("unknown").size());
      notes.push_back(std::move(note));
    }
  return notes;
}

std::string unknown_text(const ExperimentData& data) {
  std::string out;
  for (const Split& split : splits_of(data))
    if (split.data.size())
      out += text(out.empty() ? "" : ", ", percent(split.data.report.unknown, split.data.report.tokens), " ", split.name);
  return out;
}

Json data_json(const ExperimentData& data) {
  Json json = Json::dict();
  for (const Split& split : splits_of(data)) {
    if (!split.data.size()) continue;
    const DataReport& report = split.data.report;
    Json one = Json::dict();
    one.set("examples", Json::of(split.data.size()));
    one.set("skipped", Json::of(report.skipped));
    one.set("cut", Json::of(report.cut));
    one.set("longest", Json::of(report.longest));
    one.set("tokens", Json::of(report.tokens));
    one.set("unknown", Json::of(report.unknown));
    json.set(split.name, std::move(one));
  }
  return json;
}

}  // namespace tapedeck
