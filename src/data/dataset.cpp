// Rows to examples or windows, class names to indices, examples to packed batches. Next: sampler.cpp.
#include <tapedeck/data/dataset.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <tapedeck/base/error.h>

#include "src/data/apart.h"
#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

/// Calls use(begin, end) for each sequence of the example.
template <class Use>
void for_each_sequence(const Dataset& data, int64_t index, Use use) {
  if (data.running.context || data.examples[size_t(index)].ends.empty()) return use(0, std::ssize(data.ids(index)));
  int64_t begin = 0;
  for (const int32_t end : data.examples[size_t(index)].ends) {
    use(begin, int64_t(end));
    begin = end;
  }
}

/// Rows of logits that have a label: tokens of running text, else the example itself.
int64_t labelled_rows(const Dataset& data, int64_t index) {
  if (data.running.context) return std::ssize(data.next_ids(index));
  const Example& example = data.examples[size_t(index)];
  return data.regression ? std::isfinite(example.target) : example.label >= 0;
}

struct Totals { int64_t tokens = 0, pairs = 0, labelled = 0; };

Totals totals(const Dataset& data, std::span<const int64_t> order) {
  Totals sum;
  for (int64_t index : order) {
    sum.tokens += std::ssize(data.ids(index));
    for_each_sequence(data, index, [&](int64_t begin, int64_t end) { sum.pairs += (end - begin) * (end - begin); });
    sum.labelled += labelled_rows(data, index);
  }
  return sum;
}

/// Tokens, positions and segments of the sequences in `order`, one after another, and where each starts.
void pack(const Dataset& data, std::span<const int64_t> order, int64_t tokens, Batch& batch) {
  batch.tokens = Tensor::empty({tokens}, DType::i32);
  batch.positions = Tensor::empty({tokens}, DType::i32);
  if (data.pairs) batch.segments = Tensor::empty({tokens}, DType::i32);
  batch.texts = data.texts;
  batch.offsets = Tensor::empty({int64_t(order.size()) * data.texts + 1}, DType::i32);
  int32_t* offset = batch.offsets.data<int32_t>().data();
  int32_t at = *offset = 0;
  for (const int64_t index : order) {
    std::ranges::copy(data.ids(index), batch.tokens.raw<int32_t>() + at);
    if (data.pairs) std::ranges::copy(data.examples[size_t(index)].segments, batch.segments.raw<int32_t>() + at);
    for_each_sequence(data, index, [&](int64_t begin, int64_t end) {
      const auto length = int32_t(end - begin);
      for (int32_t p = 0; p < length; ++p) batch.positions.raw<int32_t>()[at + p] = p;
      *++offset = at += length;
    });
  }
}

/// Where the tokens that stand for sequences, and the texts inside templates, went.
void pack_marks(const Dataset& data, std::span<const int64_t> order, Batch& batch) {
  if (data.running.context || data.examples[size_t(order[0])].marks.empty()) return;
  const int64_t sequences = batch.sequences();
  batch.stands = Tensor::empty({sequences}, DType::i32);
  batch.spans = Tensor::empty({sequences, 2}, DType::i32);
  int32_t *stands = batch.stands.raw<int32_t>(), *spans = batch.spans.raw<int32_t>(), start = 0;
  for (const int64_t index : order) {
    for (const Example::Mark& mark : data.examples[size_t(index)].marks) {
      *stands++ = start + mark.stands;
      *spans++ = start + mark.begin;
      *spans++ = start + mark.end;
    }
    start += int32_t(data.ids(index).size());
  }
}

void label_sequences(const Dataset& data, std::span<const int64_t> order, DType dtype, Batch& batch) {
  Tensor& values = data.regression ? batch.targets : batch.labels;
  values = Tensor::empty({std::ssize(order)}, data.regression ? dtype : DType::i32);
  for (size_t i = 0; i < order.size(); ++i) {
    const Example& example = data.examples[size_t(order[i])];
    if (!data.regression) values.raw<int32_t>()[i] = example.label;
    else if (dtype == DType::f64) values.raw<double>()[i] = example.target;
    else values.raw<float>()[i] = float(example.target);
  }
}

void label_tokens(const Dataset& data, std::span<const int64_t> order, Batch& batch) {
  batch.token_labels = Tensor::empty({batch.token_count()}, DType::i32);
  int32_t* at = batch.token_labels.raw<int32_t>();
  for (int64_t index : order) at = std::ranges::copy(data.next_ids(index), at).out;
}

/// Score (sequence, type, last, first) of a cell is 1 where that span is marked.
void label_spans(const Dataset& data, std::span<const int64_t> order, Batch& batch) {
  const auto types = int64_t(data.labels.size());
  int64_t cells = 0;
  for (const int64_t index : order) cells += types * std::ssize(data.ids(index)) * std::ssize(data.ids(index));
  batch.span_labels = Tensor::zeros({cells}, DType::u8);
  uint8_t* at = batch.span_labels.raw<uint8_t>();
  for (const int64_t index : order) {
    const int64_t n = std::ssize(data.ids(index));
    for (const Span& span : data.examples[size_t(index)].spans)
      if (span.last < n) at[(span.type * n + span.last) * n + span.first] = 1;
    at += types * n * n;
  }
}

int32_t label_index(const std::map<std::string, int32_t>& index, const Row& row, const Table& table,
                    const std::vector<std::string>& labels) {
  const auto found = index.find(row.label);
  if (found != index.end()) return found->second;
  throw data_error(table.name, row.line, text("label \"", row.label, "\" is not one of the ", labels.size(), " classes of train"),
                   text(suggestion(row.label, labels), "classes: ", quoted_list(labels)));
}

Example encode_joined(const Row& row, const Tokenizer& tokenizer, bool pairs) {
  Encoded encoded = tokenizer.encode(row.text, pairs ? std::string_view(row.text_b) : std::string_view());
  Example example;
  example.ids = std::move(encoded.ids);
  example.segments = std::move(encoded.segments);
  return example;
}

}  // namespace

int64_t RunningText::windows() const {
  if (ids.size() < 2) return 0;
  return 1 + (std::max<int64_t>(0, std::ssize(ids) - 1 - context) + stride - 1) / stride;
}

std::string_view name_of(LabelKind kind) {
  return kind == LabelKind::classes ? "classes" : kind == LabelKind::numbers ? "numbers" : kind == LabelKind::spans ? "spans" : "tokens";
}

int64_t outputs_for(LabelKind kind, size_t classes, int64_t vocabulary) {
  return kind == LabelKind::classes || kind == LabelKind::spans ? int64_t(classes) : kind == LabelKind::numbers ? 1 : vocabulary;
}

LabelKind Dataset::label_kind() const {
  return running.context ? LabelKind::tokens : regression ? LabelKind::numbers : spans ? LabelKind::spans : LabelKind::classes;
}

std::span<const int32_t> Dataset::ids(int64_t example) const {
  if (!running.context) return examples[size_t(example)].ids;
  const int64_t start = example * running.stride, last = std::ssize(running.ids) - 1;
  return std::span(running.ids).subspan(size_t(start), size_t(std::min(running.context, last - start)));
}

std::span<const int32_t> Dataset::next_ids(int64_t example) const {
  if (!running.context) return {};
  const std::span<const int32_t> here = ids(example);
  return {here.data() + 1, here.size()};
}

std::vector<std::string> label_names(const Splits& splits) {
  if (splits.regression) return {};
  std::set<std::string> unique;
  if (!splits.labels.empty()) {
    for (const std::string& label : splits.labels)
      if (!unique.insert(label).second)
        throw Error(ErrorKind::config, text("data.labels names \"", label, "\" twice"), "name every class once");
    return splits.labels;
  }
  for (const Row& row : splits.train.rows) {
    if (!row.label.empty()) unique.insert(row.label);
    if (row.spans) for (const TextSpan& span : *row.spans) unique.insert(span.label);
  }
  std::vector<std::string> names(unique.begin(), unique.end());
  const auto is_number = [](const std::string& s) { return parse_number(s).has_value(); };
  if (std::all_of(names.begin(), names.end(), is_number))
    std::stable_sort(names.begin(), names.end(), [](auto& a, auto& b) { return *parse_number(a) < *parse_number(b); });
  return names;
}

Dataset encode(const Table& table, const Tokenizer& tokenizer, const std::vector<std::string>& labels, bool regression,
               bool pairs, const TextForm& form, bool training) {
  const bool apart = form.apart;
  Dataset data{table.name, {}, regression ? std::vector<std::string>{} : labels, regression, pairs && !apart};
  std::optional<ApartEncoder> encoder;
  if (apart) data.texts = encoder.emplace(table, tokenizer, form, training).sequences();
  data.examples.reserve(table.rows.size());
  std::map<std::string, int32_t> index;
  for (size_t i = 0; i < labels.size(); ++i) index.emplace(labels[i], int32_t(i));
  for (const Row& row : table.rows) {
    Example& example = data.examples.emplace_back(encoder ? encoder->encode(row)
                                                          : encode_joined(row, tokenizer, data.pairs));
    if (regression) example.target = std::numeric_limits<double>::quiet_NaN();
    if (row.label.empty()) continue;
    data.labelled = true;
    if (!regression) { example.label = label_index(index, row, table, labels); continue; }
    const auto number = parse_number(row.label);
    if (!number) throw data_error(table.name, row.line, text("label \"", row.label, "\" is not a number"),
                                  "correct the line, or set \"label_type\": \"class\"");
    example.target = *number;
  }
  return data;
}

Dataset encode_running(const Table& table, const Tokenizer& tokenizer, std::optional<int64_t> stride) {
  Dataset data;
  data.name = table.name;
  RunningText& stream = data.running;
  stream.context = tokenizer.max_length();
  stream.stride = stride.value_or(stream.context);
  if (stream.stride > stream.context)
    throw Error(ErrorKind::config,
                text("data.stride ", stream.stride, " is longer than a window (tokenizer.max_length ", stream.context,
                     "): the tokens between would never be seen"),
                "lower stride, or leave it out");
  for (const Row& row : table.rows) {
    const std::vector<int32_t> ids = tokenizer.running_ids(row.text);
    stream.ids.insert(stream.ids.end(), ids.begin(), ids.end());
    stream.characters += int64_t(unicode::count(row.text));
  }
  if (stream.ids.size() < 2 && !table.rows.empty())
    throw data_error(table.name, 0, "holds no two tokens, so that nothing follows anything", "check that this is the right file");
  return data;
}

Batch collate(const Dataset& data, std::span<const int64_t> order, int64_t begin, int64_t end, DType dtype) {
  if (begin < 0 || begin >= end || end > int64_t(order.size()))
    throw Error(ErrorKind::index, text("collate: sequences ", begin, " to ", end, " of a batch of ", order.size()), "");
  const auto mine = order.subspan(size_t(begin), size_t(end - begin));
  const Totals before = totals(data, order.first(size_t(begin))), here = totals(data, mine), step = totals(data, order);
  if (here.tokens > std::numeric_limits<int32_t>::max())
    throw Error(ErrorKind::value, text("collate: a batch of ", here.tokens, " tokens"), "use a smaller micro_batch_size");
  const MemoryFor purpose(Memory::batch);
  Batch batch;
  pack(data, mine, here.tokens, batch);
  pack_marks(data, mine, batch);
  batch.indices = Tensor::empty({end - begin}, DType::i32);
  std::copy(mine.begin(), mine.end(), batch.indices.raw<int32_t>());
  batch.first_token = before.tokens;
  batch.first_pair = before.pairs;
  batch.first_sequence = begin * data.texts;
  batch.total_sequences = int64_t(order.size());
  batch.total_tokens = step.tokens;
  batch.total_labelled = step.labelled;
  if (data.running.context) label_tokens(data, mine, batch);
  if (data.spans) label_spans(data, mine, batch);
  if (!data.running.context && (step.labelled || data.labelled)) label_sequences(data, mine, dtype, batch);
  return batch;
}

}  // namespace tapedeck
