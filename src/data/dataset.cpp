// Rows of text to examples, examples to packed batches; what labels are is the task's. Next: sampler.cpp.
#include <tapedeck/data/dataset.h>

#include <algorithm>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>
#include <tapedeck/tensor/list.h>

#include "src/data/file_reader.h"
#include "src/data/separate.h"

namespace tapedeck {
namespace {

/// Calls use(begin, end) for each sequence of the example.
template <class Use>
void for_each_sequence(const Dataset& data, int64_t index, Use use) {
  if (data.examples.empty() || data.examples[size_t(index)].ends.empty()) return use(0, std::ssize(data.ids(index)));
  int64_t begin = 0;
  for (const int32_t end : data.examples[size_t(index)].ends) {
    use(begin, int64_t(end));
    begin = end;
  }
}

struct Totals {
  int64_t tokens = 0, pairs = 0, words = 0, labelled = 0;
};

Totals totals(const Dataset& data, std::span<const int64_t> order) {
  const Task& task = task_of(data);
  Totals sum;
  for (int64_t index : order) {
    sum.tokens += std::ssize(data.ids(index));
    for_each_sequence(data, index, [&](int64_t begin, int64_t end) { sum.pairs += (end - begin) * (end - begin); });
    if (!data.examples.empty()) sum.words += std::ssize(data.examples[size_t(index)].words);
    sum.labelled += task.labelled_rows(data, index);
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

/// Where the [MASK]s that stand for sequences, and the texts inside templates, went.
void pack_masks(const Dataset& data, std::span<const int64_t> order, Batch& batch) {
  if (data.examples.empty() || data.examples[size_t(order[0])].masks.empty()) return;
  const int64_t sequences = batch.sequences();
  batch.mask_rows = Tensor::empty({sequences}, DType::i32);
  batch.text_rows = Tensor::empty({sequences, 2}, DType::i32);
  int32_t *mask = batch.mask_rows.raw<int32_t>(), *text = batch.text_rows.raw<int32_t>(), start = 0;
  for (const int64_t index : order) {
    for (const Example::Mask& one : data.examples[size_t(index)].masks) {
      *mask++ = start + one.at;
      *text++ = start + one.begin;
      *text++ = start + one.end;
    }
    start += int32_t(data.ids(index).size());
  }
}

/// The first token of every word, and where the words of each example start.
void pack_words(const Dataset& data, std::span<const int64_t> order, int64_t words, Batch& batch) {
  batch.words = Tensor::empty({words}, DType::i32);
  batch.word_offsets = Tensor::zeros({std::ssize(order) + 1}, DType::i32);
  int32_t *word = batch.words.raw<int32_t>(), *offset = batch.word_offsets.raw<int32_t>(), start = 0;
  for (const int64_t index : order) {
    const Example& example = data.examples[size_t(index)];
    for (const int32_t at : example.words) *word++ = start + at;
    offset[1] = offset[0] + int32_t(example.words.size());
    ++offset;
    start += int32_t(example.ids.size());
  }
}

/// For each sequence of the whole step the number of the first equal one; undefined when no two are equal.
Tensor equal_sequences(const Dataset& data, std::span<const int64_t> order) {
  if (data.equal.empty()) return {};
  List<std::pair<int32_t, int32_t>> groups;  // group in the data set, place in the step
  for (const int64_t index : order)
    for (int64_t t = 0; t < data.texts; ++t)
      groups.push_back({data.equal[size_t(index * data.texts + t)], int32_t(groups.size())});
  std::sort(groups.begin(), groups.end());
  const Tensor equal = Tensor::empty({std::ssize(groups)}, DType::i32);
  bool any = false;
  for (size_t i = 0, first = 0; i < groups.size(); ++i) {
    if (groups[i].first != groups[first].first) first = i;
    any = any || i != first;
    equal.raw<int32_t>()[groups[i].second] = groups[first].second;
  }
  return any ? equal : Tensor();
}

void encode_joint(const Row& row, const Tokenizer& tokenizer, bool pairs, Example& example) {
  Encoded encoded = tokenizer.encode(row.text, pairs ? std::string_view(row.text_b) : std::string_view());
  example.ids = std::move(encoded.ids);
  example.segments = std::move(encoded.segments);
  example.cut = int32_t(encoded.cut);
}

}  // namespace

int64_t TokenStream::windows() const {
  if (ids.size() < 2) return 0;
  return 1 + (std::max<int64_t>(0, std::ssize(ids) - 1 - context) + stride - 1) / stride;
}

std::span<const int32_t> Dataset::ids(int64_t example) const {
  if (!stream.context) return examples[size_t(example)].ids;
  const int64_t start = example * stream.stride, last = std::ssize(stream.ids) - 1;
  return std::span(stream.ids).subspan(size_t(start), size_t(std::min(stream.context, last - start)));
}

std::span<const int32_t> Dataset::next_ids(int64_t example) const {
  if (!stream.context) return {};
  const std::span<const int32_t> here = ids(example);
  return {here.data() + 1, here.size()};
}

Dataset Dataset::first(int64_t count) const {
  Dataset few{name, {}, labels, task, pairs, texts, {}, labelled};
  few.examples.assign(examples.begin(), examples.begin() + std::min(count, std::ssize(examples)));
  if (!equal.empty()) few.equal.assign(equal.begin(), equal.begin() + std::ssize(few.examples) * texts);
  return few;
}

std::vector<std::string> label_names(const Splits& splits, const std::function<void(const Row&, std::set<std::string>&)>& of) {
  std::set<std::string> unique;
  if (!splits.labels.empty()) {
    for (const std::string& label : splits.labels)
      if (!unique.insert(label).second)
        throw Error(ErrorKind::config, text("data.labels names \"", label, "\" twice"), "name every class once");
    return splits.labels;
  }
  for (const Row& row : splits.train.rows) {
    if (of) of(row, unique);
    else if (!row.label.empty()) unique.insert(row.label);
  }
  std::vector<std::string> names(unique.begin(), unique.end());
  const auto is_number = [](const std::string& s) { return parse_number(s).has_value(); };
  if (std::all_of(names.begin(), names.end(), is_number))
    std::stable_sort(names.begin(), names.end(), [](auto& a, auto& b) { return *parse_number(a) < *parse_number(b); });
  return names;
}

Dataset encode_texts(const EncodingOptions& how, const std::function<void(const Row&, Example&)>& label) {
  Dataset data;
  data.name = how.table.name;
  data.pairs = how.pairs && !how.form.separate;
  std::optional<SeparateEncoder> separate;
  if (how.form.separate) data.texts = separate.emplace(how.table, how.tokenizer, how.form, how.training).sequences();
  encode_rows(how, data, [&](const Row& row, Example& example) {
    if (separate) separate->encode(row, example);
    else encode_joint(row, how.tokenizer, data.pairs, example);
    label(row, example);
  });
  return data;
}

void encode_rows(const EncodingOptions& how, Dataset& data, const std::function<void(const Row&, Example&)>& make) {
  const std::vector<Row>& rows = how.table.rows;
  data.examples.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    Example& example = data.examples.emplace_back();
    example.row = int64_t(i);
    try {
      make(rows[i], example);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data || !how.table.skip_bad) throw;
      data.examples.pop_back();
      if (data.report.skipped++ == 0) data.report.first_skipped = error.message();
    }
  }
  if (data.examples.empty() && !rows.empty())
    throw data_error(how.table.name, 0, text("all ", rows.size(), " rows are bad; the first: ", data.report.first_skipped),
                     "correct the lines; \"on_bad_row\": \"error\" stops at the first one");
}

Batch collate(const Dataset& data, std::span<const int64_t> order, int64_t begin, int64_t end, DType dtype) {
  if (begin < 0 || begin >= end || end > int64_t(order.size()))
    throw Error(ErrorKind::index, text("collate: sequences ", begin, " to ", end, " of a batch of ", order.size()), "");
  const auto mine = order.subspan(size_t(begin), size_t(end - begin));
  const Totals before = totals(data, order.first(size_t(begin))), here = totals(data, mine), step = totals(data, order);
  if (here.tokens > std::numeric_limits<int32_t>::max())
    throw Error(ErrorKind::value, text("collate: a batch of ", here.tokens, " tokens"), "use a smaller micro_batch_size");
  const MemoryFor purpose(Memory::batch);
  const Task& task = task_of(data);
  Batch batch;
  batch.answer = task.answer();
  pack(data, mine, here.tokens, batch);
  pack_masks(data, mine, batch);
  if (batch.answer.rows == Rows::words) pack_words(data, mine, here.words, batch);
  batch.indices = Tensor::empty({end - begin}, DType::i32);
  std::copy(mine.begin(), mine.end(), batch.indices.raw<int32_t>());
  batch.first_token = before.tokens;
  batch.first_pair = before.pairs;
  batch.first_sequence = begin * data.texts;
  batch.total_sequences = int64_t(order.size());
  batch.total_tokens = step.tokens;
  batch.total_words = step.words;
  batch.total_pairs = step.pairs;
  batch.total_labelled = step.labelled;
  batch.equal = equal_sequences(data, order);
  if (step.labelled || data.labelled) task.targets(data, mine, dtype, batch);
  return batch;
}

}  // namespace tapedeck
