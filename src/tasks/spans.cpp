// "spans": pieces of a text, each of a type. Tokens of any tokenizer are placed by cutting: the text can be cut where the tokens
// of both sides together are those of the whole. Next: src/data/reader_spans.cpp.
#include <algorithm>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

class TokenPlaces {
 public:
  TokenPlaces(const std::string& text, const Tokenizer& tokenizer)
      : text_(text), tokenizer_(tokenizer), ids_(tokenizer.token_ids(text)) {
    for (size_t at = 0; at < text.size(); unicode::next(text, at)) bytes_.push_back(at);
    bytes_.push_back(text.size());
  }
  int64_t points() const { return std::ssize(bytes_) - 1; }
  /// Tokens before code point `point`; nothing where a token lies across it.
  std::optional<int64_t> before(int64_t point) const {
    const std::string_view text = text_;
    std::vector<int32_t> ids = tokenizer_.token_ids(text.substr(0, bytes_[size_t(point)]));
    const int64_t count = std::ssize(ids);
    const std::vector<int32_t> rest = tokenizer_.token_ids(text.substr(bytes_[size_t(point)]));
    ids.insert(ids.end(), rest.begin(), rest.end());
    return ids == ids_ ? std::optional(count) : std::nullopt;
  }

 private:
  const std::string& text_;
  const Tokenizer& tokenizer_;
  std::vector<int32_t> ids_;
  std::vector<size_t> bytes_;  // where each code point starts
};

Span place(const TextSpan& span, const TokenPlaces& places, const Row& row, const Table& table) {
  const auto fail = [&](std::string_view what, std::string hint) {
    return data_error(table.name, row.line, text("the span ", span.start, " to ", span.end, " (\"", span.label, "\") ", what),
                      std::move(hint));
  };
  if (span.start < 0 || span.end <= span.start || span.end > places.points())
    throw fail(text("is not a piece of the text of ", places.points(), " characters"),
               "start counts from 0, end is one past the last character");
  const auto first = places.before(span.start), end = places.before(span.end);
  if (!first || !end) throw fail("begins or ends inside a token", "correct the line, or use the tokenizer \"character\"");
  if (*end == *first) throw fail("holds no token", "correct the line");
  return {int32_t(*first + 1), int32_t(*end), 0};  // [CLS] is token 0
}

/// Spans of tokens as pieces of the text they came from; one that takes in [CLS] or [SEP] ends at the text's end.
std::vector<TextSpan> text_spans(const std::string& text, const std::vector<Span>& spans, const Tokenizer& tokenizer,
                                 const std::vector<std::string>& labels) {
  if (spans.empty()) return {};
  const TokenPlaces places(text, tokenizer);
  std::map<int64_t, int64_t> start, end;  // number of tokens before a cut: the last and the first place of that cut
  for (int64_t point = 0; point <= places.points(); ++point)
    if (const auto tokens = places.before(point)) start[*tokens] = point, end.try_emplace(*tokens, point);
  std::vector<TextSpan> out;
  for (const Span& span : spans) {
    const auto from = start.lower_bound(std::max(span.first - 1, 0)), to = end.lower_bound(span.last);
    out.push_back({from == start.end() ? places.points() : from->second, to == end.end() ? places.points() : to->second,
                   labels[size_t(span.type)]});
  }
  return out;
}

Json span_list(const std::vector<TextSpan>& spans) {
  Json list = Json::list();
  for (const TextSpan& span : spans) {
    Json one = Json::dict();
    one.set("start", Json::of(span.start));
    one.set("end", Json::of(span.end));
    one.set("label", Json::of(span.label));
    list.items.push_back(std::move(one));
  }
  return list;
}

struct Spans final : Task {
  bool answers(const Row& row) const override { return row.spans.has_value(); }
  void fit(const Splits& splits) override {
    labels = label_names(splits, [](const Row& row, std::set<std::string>& names) {
      if (row.spans)
        for (const TextSpan& span : *row.spans) names.insert(span.label);
    });
  }
  /// Pieces beyond max_length stay among the example's spans: they cannot be found and count as missed.
  void label(const Row& row, const EncodingOptions& how, Example& example) const override {
    if (!row.spans) return;
    example.label = 0;
    const TokenPlaces places(row.text, how.tokenizer);
    for (const TextSpan& span : *row.spans) {
      const int32_t type = index_of(labels, span.label, row, how);
      example.spans.push_back(place(span, places, row, how.table));
      example.spans.back().type = type;
    }
    std::sort(example.spans.begin(), example.spans.end());
    example.spans.erase(std::unique(example.spans.begin(), example.spans.end()), example.spans.end());
  }

  Answer answer() const override { return {Rows::spans, Link::sigmoid}; }
  /// Score (sequence, type, last, first) of a cell is 1 where that span is marked.
  void targets(const Dataset& data, std::span<const int64_t> order, DType, Batch& batch) const override {
    const auto types = std::ssize(data.labels);
    int64_t cells = 0;
    for (const int64_t index : order) cells += types * std::ssize(data.ids(index)) * std::ssize(data.ids(index));
    batch.cells = Tensor::zeros({cells}, DType::u8);
    batch.known = Tensor::zeros({std::ssize(order)}, DType::u8);
    uint8_t *at = batch.cells.raw<uint8_t>(), *known = batch.known.raw<uint8_t>();
    for (const int64_t index : order) {
      const Example& example = data.examples[size_t(index)];
      const int64_t n = std::ssize(example.ids);
      *known++ = example.label >= 0;
      for (const Span& span : example.spans)
        if (span.last < n) at[(span.type * n + span.last) * n + span.first] = 1;
      at += types * n * n;
    }
  }

  bool gives(Form form) const override { return form == Form::spans; }
  /// The spans whose score is above 0.
  void decode(const Answered& what, Predictions& all) const override {
    const int32_t* offsets = what.batch.offsets.raw<int32_t>();
    const auto types = int32_t(what.data.labels.size());
    int64_t at = 0;
    for (size_t s = 0; s < what.order.size(); ++s) {
      const Example& example = what.data.examples[size_t(what.order[s])];
      const int32_t n = offsets[s + 1] - offsets[s];
      std::vector<Span>& found = all.found.emplace_back();
      for (int32_t type = 0; type < types; ++type)
        for (int32_t last = 0; last < n; ++last)
          for (int32_t first = 0; first < n; ++first, ++at)
            if (what.out.logits.item(at) > 0) found.push_back({first, last, type});
      all.marked.push_back(example.label >= 0 ? std::optional(example.spans) : std::nullopt);
    }
    all.classes = types;
  }
  /// What is marked and what was found, as pieces of the text.
  void write(const Row& row, const Predictions& all, size_t i, const Tokenizer& tokenizer, Json& json) const override {
    if (row.spans) json.set("spans", span_list(*row.spans));
    json.set("predicted", span_list(text_spans(row.text, all.found[i], tokenizer, labels)));
  }

  TaskDefaults defaults() const override { return {"global_pointer", "span_f1", "span", "data \"spans\" or \"bio\""}; }
  std::string summary(const Dataset&) const override { return text("spans of ", labels.size(), " types"); }
  void check(const Dataset& train) const override {
    if (labels.empty() || !train.labelled)
      throw Error(ErrorKind::config, "no span is marked in the training data", text("use ", defaults().data));
  }
};
TAPEDECK_PART(Task, Spans, "spans", "Pieces of a text, each of a type; they may overlap.");

}  // namespace
}  // namespace tapedeck
