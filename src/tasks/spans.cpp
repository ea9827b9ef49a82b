// "spans": pieces of a text, each of a type. An answer consists of tokens of the text that reached the model: special tokens are
// part of none, and a piece that was cut off is neither taught nor found. Next: src/data/token_places.h.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

#include "src/data/file_reader.h"
#include "src/data/token_places.h"

namespace tapedeck {
namespace {

/// The tokens of a span, which all tokens of the text count from `lead`. Beyond max_length too: such a span cannot be found.
Span place(const TextSpan& span, const PlacedTokens& tokens, size_t lead, const Row& row, const EncodingOptions& how) {
  const auto fail = [&](std::string_view what, std::string hint) {
    return data_error(how.table.name, row.line, text("the span ", span.start, " to ", span.end, " (\"", span.label, "\") ", what),
                      std::move(hint));
  };
  const auto& at = tokens.offsets;
  if (span.start < 0 || span.end <= span.start || span.end > tokens.points)
    throw fail(text("is not a piece of the text of ", tokens.points, " characters"),
               "start counts from 0, end is one past the last character");
  const auto first = std::ranges::partition_point(at, [&](const Offset&o) { return o.end <= span.start; }),
             end = std::ranges::partition_point(at, [&](const Offset&o) { return o.begin < span.end; });
  if (first >= end) throw fail("holds no token", "correct the line");
  if (first->begin < span.start || std::prev(end)->end > span.end)
    throw fail("begins or ends inside a token", "correct the line, or use the tokenizer \"character\"");
  const auto index = [&](auto place) { return int32_t(lead) + int32_t(place - at.begin()); };
  return {index(first), index(end) - 1, 0};
}

/// Spans of tokens as pieces of the text they came from.
std::vector<TextSpan> text_spans(const Row& row, const std::vector<Span>& spans, const Tokenizer& tokenizer,
                                 const std::vector<std::string>& labels) {
  if (spans.empty()) return {};
  const PlacedTokens tokens = place_tokens(row, tokenizer);
  const auto lead = int64_t(frame_of(tokenizer).before.size()), count = std::ssize(tokens.offsets);
  std::vector<TextSpan> out;
  for (const Span& span : spans) {
    if (span.first < lead || span.last - lead >= count) continue;  // of another text or tokenizer
    out.push_back({tokens.offsets[size_t(span.first - lead)].begin, tokens.offsets[size_t(span.last - lead)].end,
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
  void classes_of(const Row& row, std::set<std::string>& names) const override {
    if (row.spans)
      for (const TextSpan& span : *row.spans) names.insert(span.label);
  }
  Dataset encode(const EncodingOptions& how) const override {
    Dataset data;
    data.name = how.table.name;
    const Frame frame = frame_of(how.tokenizer);
    const auto room = size_t(std::max<int64_t>(0, how.tokenizer.max_length() - int64_t(frame.size())));
    encode_rows(how, data, [&](const Row& row, Example& example) {
      const PlacedTokens tokens = place_tokens(row, how.tokenizer);
      const size_t kept = std::min(tokens.ids.size(), room);
      example.ids = frame.before;
      example.ids.insert(example.ids.end(), tokens.ids.begin(), tokens.ids.begin() + std::ptrdiff_t(kept));
      example.ids.insert(example.ids.end(), frame.behind.begin(), frame.behind.end());
      example.segments.assign(example.ids.size(), 0);
      example.text_begin = int32_t(frame.before.size()), example.text_end = example.text_begin + int32_t(kept);
      example.cut = int32_t(tokens.ids.size() - kept);
      mark(row, tokens, how, example);
    });
    return data;
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
        if (span.last < end_of(example, n)) at[(span.type * n + span.last) * n + span.first] = 1;
      at += types * n * n;
    }
  }

  bool gives(Form form) const override { return form == Form::spans; }
  /// The spans of the text whose score is above 0.
  void decode(const Answered& what, Predictions& all) const override {
    const int32_t* offsets = what.batch.offsets.raw<int32_t>();
    const auto types = int32_t(what.data.labels.size());
    int64_t start = 0;  // of the cells of a sequence
    for (size_t s = 0; s < what.order.size(); ++s) {
      const Example& example = what.data.examples[size_t(what.order[s])];
      const int32_t n = offsets[s + 1] - offsets[s], end = end_of(example, n);
      std::vector<Span>& found = all.found.emplace_back();
      for (int32_t type = 0; type < types; ++type)
        for (int32_t last = example.text_begin; last < end; ++last)
          for (int32_t first = example.text_begin; first < end; ++first)
            if (what.out.logits.item(start + (int64_t(type) * n + last) * n + first) > 0) found.push_back({first, last, type});
      start += int64_t(types) * n * n;
      all.marked.push_back(example.label >= 0 ? std::optional(example.spans) : std::nullopt);
    }
    all.classes = types;
  }
  /// What is marked and what was found, as pieces of the text.
  void write(const Row& row, const Predictions& all, size_t i, const Tokenizer& tokenizer, Json& json) const override {
    if (row.spans) json.set("spans", span_list(*row.spans));
    json.set("predicted", span_list(text_spans(row, all.found[i], tokenizer, labels)));
  }

  TaskDefaults defaults() const override { return {"global_pointer", "span_f1", "span", "data \"spans\" or \"bio\""}; }
  std::string summary(const Dataset&) const override { return text("spans of ", labels.size(), " types"); }
  void check(const Dataset& train) const override {
    if (labels.empty() || !train.labelled)
      throw Error(ErrorKind::config, "no span is marked in the training data", text("use ", defaults().data));
  }

 private:
  /// Pieces beyond max_length stay among the example's spans: they cannot be found and count as missed.
  void mark(const Row& row, const PlacedTokens& tokens, const EncodingOptions& how, Example& example) const {
    if (!row.spans) return;
    for (const TextSpan& span : *row.spans) {
      const int32_t type = index_of(labels, span.label, row, how);
      if (type < 0) return example.spans.clear();
      example.spans.push_back(place(span, tokens, size_t(example.text_begin), row, how));
      example.spans.back().type = type;
    }
    example.label = 0;
    std::sort(example.spans.begin(), example.spans.end());
    example.spans.erase(std::unique(example.spans.begin(), example.spans.end()), example.spans.end());
  }
  /// One past the last token that can be part of an answer.
  static int32_t end_of(const Example& example, int64_t tokens) { return example.text_end ? example.text_end : int32_t(tokens); }
};
TAPEDECK_PART(Task, Spans, "spans", "Pieces of a text, each of a type; they may overlap.");

}  // namespace
}  // namespace tapedeck
