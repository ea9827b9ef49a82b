// Connectionist temporal classification: the forward recursion over a target with a blank at every gap.
#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/sequence.h>

#include "packed_rows.h"

namespace tapedeck {
namespace {

/// What the recursion walks through: symbol s of sequence b, blanks at even s; the columns beyond a target's end are never read.
struct Extended {
  int64_t width = 1;
  List<List<int32_t>> symbols;
  int32_t at(int64_t b, int64_t s) const {
    return s < int64_t(symbols[size_t(b)].size()) ? symbols[size_t(b)][size_t(s)] : symbols[size_t(b)][0];
  }
  /// A symbol may follow its neighbour's neighbour unless both are equal (blanks always are).
  bool may_skip(int64_t b, int64_t s) const { return s >= 2 && at(b, s) != at(b, s - 2); }
};

/// Each entry moved `by` columns to the right, `absent` coming in.
Tensor shifted(const Tensor& state, int64_t by) {
  const int64_t n = state.shape()[0], width = state.shape()[1];
  if (by >= width) return Tensor::full(state.shape(), absent(state.dtype()), state.dtype());
  return concat({Tensor::full({n, by}, absent(state.dtype()), state.dtype()), slice(state, 1, 0, width - by)}, 1);
}

/// Log-probabilities of each sequence's symbols at a step, [count, width].
Tensor emitted(const Tensor& log_p, const TimeTable& table, const Extended& target, int64_t step) {
  const int64_t n = table.count(), c = log_p.shape()[1];
  const Tensor index = Tensor::empty({n * target.width}, DType::i32), rows = table.rows_at(step);
  for (int64_t e = 0; e < index.size(); ++e)
    index.raw<int32_t>()[e] = int32_t(rows.raw<int32_t>()[e / target.width] * c + target.at(e / target.width, e % target.width));
  return reshape(gather(reshape(log_p, {log_p.size(), 1}), index), {n, target.width});
}

/// log of the sum over alignments, [count].
Tensor log_alignments(const Tensor& log_p, const TimeTable& table, const Extended& target) {
  const Shape shape{table.count(), target.width};
  const double none = absent(log_p.dtype());
  const Tensor skip = mask_of(shape, [&](int64_t e) { return target.may_skip(e / target.width, e % target.width); });
  const Tensor opening = mask_of(shape, [&](int64_t e) {
    return e % target.width < std::min<int64_t>(2, int64_t(target.symbols[size_t(e / target.width)].size()));
  });
  Tensor state = only(opening, emitted(log_p, table, target, 0), none);
  const Shape one_more{shape[0], shape[1], 1};
  for (int64_t step = 1; step < table.longest; ++step) {
    const Tensor ways = concat(
        {reshape(state, one_more), reshape(shifted(state, 1), one_more), reshape(only(skip, shifted(state, 2), none), one_more)},
        2);
    state = table.advance(step, state, logsumexp(ways, 2) + emitted(log_p, table, target, step));
  }
  const Tensor ending = mask_of(shape, [&](int64_t e) {
    const int64_t size = int64_t(target.symbols[size_t(e / target.width)].size()), s = e % target.width;
    return s < size && s >= size - 2;
  });
  return logsumexp(only(ending, state, none), 1);
}

}  // namespace

Tensor ctc(const Tensor& logits, const Tensor& offsets, const Tensor& targets, const Tensor& target_offsets, int32_t blank,
           PerUnit per) {
  require_matrix("ctc", "logits", logits);
  require_offsets("ctc", offsets, logits.shape()[0]);
  require_labels("ctc", targets, targets ? targets.size() : 0);
  require_offsets("ctc", target_offsets, targets.size());
  const int64_t c = logits.shape()[1], sequences = offsets.size() - 1;
  if (target_offsets.size() != offsets.size())
    throw Error(ErrorKind::shape, text("ctc: ", target_offsets.size() - 1, " targets for ", sequences, " sequences"));
  if (blank < 0 || blank >= c) throw Error(ErrorKind::index, text("ctc: blank ", blank, " is not one of ", c, " classes"));
  const int32_t *begin = offsets.raw<int32_t>(), *first = target_offsets.raw<int32_t>(), *symbol = targets.raw<int32_t>();
  for (int64_t i = 0; i < targets.size(); ++i)
    if (symbol[i] < 0 || symbol[i] >= c || symbol[i] == blank)
      throw Error(ErrorKind::index, text("ctc: target symbol ", symbol[i], " at ", i, " is no class besides the blank ", blank));
  TimeTable table;
  Extended extended;
  for (int64_t b = 0; b < sequences; ++b) {
    int64_t needed = first[b + 1] - first[b];
    for (int32_t i = first[b] + 1; i < first[b + 1]; ++i) needed += symbol[i] == symbol[i - 1];
    const int64_t rows = begin[b + 1] - begin[b];
    if (rows == 0 || needed > rows) continue;
    table.add(begin[b], rows);
    auto& walk = extended.symbols.emplace_back(1, blank);
    for (int32_t i = first[b]; i < first[b + 1]; ++i) walk.insert(walk.end(), {symbol[i], blank});
    extended.width = std::max(extended.width, int64_t(walk.size()));
  }
  if (table.count() == 0) return nothing(logits);
  const Tensor all = log_alignments(log_softmax(logits), table, extended);
  const Tensor possible = mask_where(all, [&](auto v) { return !(v <= absent(logits.dtype()) / 2); });
  Tensor each = only(possible, -all, infinity);
  if (per == PerUnit::token)
    each = each * constant(each.shape(), each.dtype(),
                           [&](int64_t b) { return 1.0 / double(std::max<size_t>(1, extended.symbols[size_t(b)].size() / 2)); });
  return share(each, double(sequences));
}

namespace {

/// Learns the tags of a text in their order without where they are.
struct CtcLoss final : Loss {
  int64_t blank = 0;
  PerUnit per = PerUnit::sequence;
  void describe(Fields& f) override {
    f("blank", blank, "index of the tag that stands between others (O is 0)").at_least(0);
    f.names("mean", per, {{"sequences", PerUnit::sequence}, {"symbols", PerUnit::token}},
            "sequences: mean over texts; symbols: of each text's loss over its number of tags (PyTorch's default)");
  }
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.token_labels || !batch.word_offsets)
      throw Error(ErrorKind::config, "ctc needs the tags of every text, but the data have none", "use the task \"tagging\"");
    List<int32_t> targets, ends{0};
    const int32_t* first = batch.word_offsets.raw<int32_t>();
    for (int64_t s = 0; s + 1 < batch.word_offsets.size(); ++s) {
      for (int32_t w = first[s]; w < first[s + 1]; ++w)
        if (const int32_t tag = batch.token_labels.raw<int32_t>()[w]; tag >= 0 && tag != blank) targets.push_back(tag);
      ends.push_back(int32_t(targets.size()));
    }
    const double sequences = double(ends.size() - 1),
                 total = batch.total_sequences > 0 ? double(batch.total_sequences) : std::max(1.0, sequences);
    return ctc(logits, batch.word_offsets, Tensor::from<int32_t>(targets, {std::ssize(targets)}),
               Tensor::from<int32_t>(ends, {std::ssize(ends)}), int32_t(blank), per) *
           (sequences / total);
  }
  Answer answer() const override { return {Rows::words, Link::softmax}; }
  bool suits(Answer asked) const override { return asked == answer(); }
  void check(int64_t outputs) const override {
    if (blank >= outputs) throw Error(ErrorKind::config, text("ctc: blank ", blank, " is not one of the ", outputs, " tags"));
  }
};
TAPEDECK_PART(
    Loss, CtcLoss, "ctc",
    "-log of the probability of all alignments of a text's tags with its words: their order is learnt, their places are found "
    "(Graves et al. 2006).",
    {.equation = "L = -(1/B) sum_s log sum_{a: collapse(a) = y_s} prod_t softmax(x_t)_{a_t}; collapse drops repeats, then blanks",
     .source = "Graves et al., Connectionist Temporal Classification, ICML 2006, eq. 6 to 8",
     .cost = "1F + 1B; for every word twice the number of tags in exponentials",
     .pitfalls =
         "Differs from PyTorch's default, which divides a text's loss by its number of tags first: mean \"symbols\" is that.\n"
         "Nothing says where a tag belongs: span F1 of such a model is low by nature.\n"
         "A text with more tags than words (blanks between equal ones included) counts 0."});

}  // namespace

}  // namespace tapedeck
