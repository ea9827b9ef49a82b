// Marked pieces of a text as spans of tokens, and back. Tokens of any tokenizer are placed by cutting: the text can be cut
// where the tokens of both sides together are those of the whole. Next: reader_spans.cpp.
#include <algorithm>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/data/dataset.h>

#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

class TokenPlaces {
 public:
  TokenPlaces(const std::string& text, const Tokenizer& tokenizer) : text_(text), tokenizer_(tokenizer), ids_(tokenizer.running_ids(text)) {
    for (size_t at = 0; at < text.size(); unicode::next(text, at)) bytes_.push_back(at);
    bytes_.push_back(text.size());
  }
  int64_t points() const { return std::ssize(bytes_) - 1; }
  /// Tokens before code point `point`; nothing where a token lies across it.
  std::optional<int64_t> before(int64_t point) const {
    const std::string_view text = text_;
    std::vector<int32_t> ids = tokenizer_.running_ids(text.substr(0, bytes_[size_t(point)]));
    const int64_t count = std::ssize(ids);
    const std::vector<int32_t> rest = tokenizer_.running_ids(text.substr(bytes_[size_t(point)]));
    ids.insert(ids.end(), rest.begin(), rest.end());
    return ids == ids_ ? std::optional(count) : std::nullopt;
  }

 private:
  const std::string& text_;
  const Tokenizer& tokenizer_;
  std::vector<int32_t> ids_;
  std::vector<size_t> bytes_;                     // where each code point starts
};

Span place(const TextSpan& span, const TokenPlaces& places, const Row& row, const Table& table) {
  const auto fail = [&](std::string_view what, std::string hint) {
    return data_error(table.name, row.line, text("the span ", span.start, " to ", span.end, " (\"", span.label, "\") ", what), std::move(hint));
  };
  if (span.start < 0 || span.end <= span.start || span.end > places.points())
    throw fail(text("is not a piece of the text of ", places.points(), " characters"), "start counts from 0, end is one past the last character");
  const auto first = places.before(span.start), end = places.before(span.end);
  if (!first || !end) throw fail("begins or ends inside a token", "correct the line, or use the tokenizer \"character\"");
  if (*end == *first) throw fail("holds no token", "correct the line");
  return {int32_t(*first + 1), int32_t(*end), 0};               // [CLS] is token 0
}

}  // namespace

Dataset encode_spans(const Table& table, const Tokenizer& tokenizer, const std::vector<std::string>& labels) {
  Dataset data{table.name, {}, labels};
  data.spans = true;
  for (const Row& row : table.rows) {
    Encoded encoded = tokenizer.encode(row.text);
    Example& example = data.examples.emplace_back();
    example.ids = std::move(encoded.ids);
    if (!row.spans) continue;
    example.label = 0;
    data.labelled = true;
    const TokenPlaces places(row.text, tokenizer);
    for (const TextSpan& span : *row.spans) {
      const auto type = std::find(labels.begin(), labels.end(), span.label);
      if (type == labels.end())
        throw data_error(table.name, row.line, text("label \"", span.label, "\" is not one of the ", labels.size(), " of train"),
                         text(suggestion(span.label, labels), "labels: ", quoted_list(labels)));
      example.spans.push_back(place(span, places, row, table));
      example.spans.back().type = int32_t(type - labels.begin());
    }
    std::sort(example.spans.begin(), example.spans.end());
    example.spans.erase(std::unique(example.spans.begin(), example.spans.end()), example.spans.end());
  }
  return data;
}

std::vector<TextSpan> text_spans(const std::string& text, const std::vector<Span>& spans, const Tokenizer& tokenizer,
                                 const std::vector<std::string>& labels) {
  if (spans.empty()) return {};
  const TokenPlaces places(text, tokenizer);
  std::map<int64_t, int64_t> start, end;          // number of tokens before a cut: the last and the first place of that cut
  for (int64_t point = 0; point <= places.points(); ++point)
    if (const auto tokens = places.before(point)) start[*tokens] = point, end.try_emplace(*tokens, point);
  std::vector<TextSpan> out;
  for (const Span& span : spans) {
    const auto from = start.lower_bound(std::max(span.first - 1, 0)), to = end.lower_bound(span.last);
    out.push_back({from == start.end() ? places.points() : from->second, to == end.end() ? places.points() : to->second, labels[size_t(span.type)]});
  }
  return out;
}

}  // namespace tapedeck
