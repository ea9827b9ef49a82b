// Rows to examples, class names to indices, examples to packed batches. Next: sampler.cpp.
#include <tapedeck/data/dataset.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <tapedeck/base/error.h>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

int64_t length_of(const Dataset& data, int64_t index) { return int64_t(data.examples[size_t(index)].ids.size()); }

bool is_labelled(const Dataset& data, const Example& example) {
  return data.regression ? std::isfinite(example.target) : example.label >= 0;
}

struct Totals { int64_t tokens = 0, pairs = 0, labelled = 0; };

Totals totals(const Dataset& data, std::span<const int64_t> order) {
  Totals sum;
  for (int64_t index : order) {
    const int64_t length = length_of(data, index);
    sum.tokens += length;
    sum.pairs += length * length;
    sum.labelled += is_labelled(data, data.examples[size_t(index)]);
  }
  return sum;
}

/// Tokens, positions and segments of the sequences in `order`, one after another, and where each starts.
void pack(const Dataset& data, std::span<const int64_t> order, int64_t tokens, Batch& batch) {
  batch.tokens = Tensor::empty({tokens}, DType::i32);
  batch.positions = Tensor::empty({tokens}, DType::i32);
  if (data.pairs) batch.segments = Tensor::empty({tokens}, DType::i32);
  batch.offsets = Tensor::empty({int64_t(order.size()) + 1}, DType::i32);
  int32_t* offsets = batch.offsets.data<int32_t>().data();
  int32_t at = offsets[0] = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const Example& example = data.examples[size_t(order[i])];
    const auto length = int32_t(example.ids.size());
    std::copy(example.ids.begin(), example.ids.end(), batch.tokens.data<int32_t>().begin() + at);
    for (int32_t p = 0; p < length; ++p) batch.positions.raw<int32_t>()[at + p] = p;
    if (data.pairs) std::copy(example.segments.begin(), example.segments.end(), batch.segments.data<int32_t>().begin() + at);
    offsets[i + 1] = at += length;
  }
}

int32_t label_index(const std::map<std::string, int32_t>& index, const Row& row, const Table& table,
                    const std::vector<std::string>& labels) {
  const auto found = index.find(row.label);
  if (found != index.end()) return found->second;
  throw data_error(table.name, row.line, text("label \"", row.label, "\" is not one of the ", labels.size(), " classes of train"),
                   text(suggestion(row.label, labels), "classes: ", quoted_list(labels)));
}

}  // namespace

std::vector<std::string> label_names(const Splits& splits) {
  if (splits.regression) return {};
  std::set<std::string> unique;
  if (!splits.labels.empty()) {
    for (const std::string& label : splits.labels)
      if (!unique.insert(label).second)
        throw Error(ErrorKind::config, text("data.labels names \"", label, "\" twice"), "name every class once");
    return splits.labels;
  }
  for (const Row& row : splits.train.rows) if (!row.label.empty()) unique.insert(row.label);
  std::vector<std::string> names(unique.begin(), unique.end());
  const auto is_number = [](const std::string& s) { return parse_number(s).has_value(); };
  if (std::all_of(names.begin(), names.end(), is_number))
    std::stable_sort(names.begin(), names.end(), [](auto& a, auto& b) { return *parse_number(a) < *parse_number(b); });
  return names;
}

Dataset encode(const Table& table, const Tokenizer& tokenizer, const std::vector<std::string>& labels, bool regression,
               bool pairs) {
  Dataset data{table.name, {}, regression ? std::vector<std::string>{} : labels, regression, pairs};
  data.examples.reserve(table.rows.size());
  std::map<std::string, int32_t> index;
  for (size_t i = 0; i < labels.size(); ++i) index.emplace(labels[i], int32_t(i));
  for (const Row& row : table.rows) {
    Encoded encoded = tokenizer.encode(row.text, pairs ? std::string_view(row.text_b) : std::string_view());
    Example& example = data.examples.emplace_back(Example{std::move(encoded.ids), std::move(encoded.segments)});
    if (regression) example.target = std::numeric_limits<double>::quiet_NaN();
    if (row.label.empty()) continue;
    if (!regression) { example.label = label_index(index, row, table, labels); continue; }
    const auto number = parse_number(row.label);
    if (!number) throw data_error(table.name, row.line, text("label \"", row.label, "\" is not a number"),
                                  "correct the line, or set \"label_type\": \"class\"");
    example.target = *number;
  }
  return data;
}

Batch collate(const Dataset& data, std::span<const int64_t> order, int64_t begin, int64_t end, DType dtype) {
  if (begin < 0 || begin >= end || end > int64_t(order.size()))
    throw Error(ErrorKind::index, text("collate: sequences ", begin, " to ", end, " of a batch of ", order.size()), "");
  const auto mine = order.subspan(size_t(begin), size_t(end - begin));
  const Totals before = totals(data, order.first(size_t(begin))), here = totals(data, mine), step = totals(data, order);
  if (here.tokens > std::numeric_limits<int32_t>::max())
    throw Error(ErrorKind::value, text("collate: a batch of ", here.tokens, " tokens"), "use a smaller micro_batch_size");
  Batch batch;
  pack(data, mine, here.tokens, batch);
  batch.first_token = before.tokens;
  batch.first_pair = before.pairs;
  batch.first_sequence = begin;
  batch.total_sequences = int64_t(order.size());
  batch.total_labelled = step.labelled;
  if (!step.labelled) return batch;
  const Shape shape{end - begin};
  Tensor& values = data.regression ? batch.targets : batch.labels;
  values = Tensor::empty(shape, data.regression ? dtype : DType::i32);
  for (size_t i = 0; i < mine.size(); ++i) {
    const Example& example = data.examples[size_t(mine[i])];
    if (!data.regression) values.raw<int32_t>()[i] = example.label;
    else if (dtype == DType::f64) values.raw<double>()[i] = example.target;
    else values.raw<float>()[i] = float(example.target);
  }
  return batch;
}

}  // namespace tapedeck
