// Linear-chain CRF: likelihood and best path; and the MEMM, its locally normalised sibling.
#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/sequence.h>

#include "packed_rows.h"

namespace tapedeck {
namespace {

void require_chain(std::string_view loss, const Tensor& emissions, const Transitions& t, const Tensor& offsets) {
  require_matrix(loss, "emissions", emissions);
  const int64_t c = emissions.shape()[1];
  if (c == 0) throw Error(ErrorKind::shape, text(loss, ": emissions ", emissions.shape().str(), " have no tags"));
  require_offsets(loss, offsets, emissions.shape()[0]);
  if (!t.between || t.between.shape() != Shape{c, c})
    throw Error(ErrorKind::shape,
                text(loss, ": transitions are ", t.between ? t.between.shape().str() : "undefined", "; needs [", c, ",", c, "]"));
  for (const Tensor* edge : {&t.start, &t.end})
    if (*edge && edge->shape() != Shape{c})
      throw Error(ErrorKind::shape, text(loss, ": start and end need [", c, "], not ", edge->shape().str()));
}
void require_tags(std::string_view loss, const Tensor& emissions, const Tensor& tags) {
  require_labels(loss, tags, emissions.shape()[0]);
  for (int64_t i = 0; i < tags.size(); ++i)
    if (tags.raw<int32_t>()[i] >= emissions.shape()[1])
      throw Error(ErrorKind::index,
                  text(loss, ": tag ", tags.item(i), " of token ", i, " is not one of ", emissions.shape()[1], " tags"));
}

/// log sum over all paths of each sequence, [count].
Tensor log_paths(const TimeTable& table, const Tensor& emissions, const Transitions& t) {
  const int64_t n = table.count(), c = emissions.shape()[1];
  const Tensor to_from = reshape(transpose(t.between), {c * c});  // entry (to, from)
  Tensor state = gather(emissions, table.rows_at(0));
  if (t.start) state = state + t.start;
  for (int64_t step = 1; step < table.longest; ++step) {
    const Tensor from = reshape(expand(reshape(state, {n, 1, c}), {n, c, c}), {n, c * c});
    const Tensor next = logsumexp(reshape(from + to_from, {n, c, c}), 2) + gather(emissions, table.rows_at(step));
    state = table.advance(step, state, next);
  }
  return logsumexp(t.end ? state + t.end : state, 1);
}

/// Score of the given tags of each sequence, [count].
Tensor path_score(const TimeTable& table, const Tensor& emissions, const Transitions& t, const Tensor& tags) {
  const int64_t c = emissions.shape()[1];
  const int32_t* tag = tags.raw<int32_t>();
  const auto edge = [&](const Tensor& scores, bool last) {
    const Tensor at = Tensor::empty({table.count()}, DType::i32);
    for (size_t b = 0; b < table.begin.size(); ++b) at.raw<int32_t>()[b] = tag[table.begin[b] + (last ? table.length[b] - 1 : 0)];
    return reshape(gather(reshape(scores, {c, 1}), at), {table.count()});
  };
  Tensor score = table.total(emissions, 0, [&](int64_t row) { return int32_t(row * c + tag[row]); }) +
                 table.total(t.between, 1, [&](int64_t row) { return int32_t(tag[row - 1] * c + tag[row]); });
  if (t.start) score = score + edge(t.start, false);
  if (t.end) score = score + edge(t.end, true);
  return score;
}

/// Viterbi: writes the best tags of rows first .. last-1. local: each step is normalised by itself, as in a MEMM.
void best_path(const Tensor& emissions, const Transitions& transitions, int64_t first, int64_t last, int32_t* tags,
               bool local = false) {
  if (first == last) return;
  const size_t c = size_t(emissions.shape()[1]);
  const auto edge = [](const Tensor& scores, size_t k) { return scores ? scores.item(int64_t(k)) : 0.0; };
  const auto between = [&](size_t from, size_t to) { return transitions.between.item(int64_t(from * c + to)); };
  const auto emission = [&](int64_t row, size_t k) { return emissions.item(row * int64_t(c) + int64_t(k)); };
  std::vector<double> state(c, 0.0), next(c, 0.0), step(c, 0.0);
  std::vector<int32_t> came_from(size_t(last - first) * c, 0);
  for (size_t k = 0; k < c; ++k) state[k] = emission(first, k) + edge(transitions.start, k);
  for (int64_t row = first + 1; row < last; ++row, state.swap(next)) {
    std::fill(next.begin(), next.end(), -infinity);
    for (size_t from = 0; from < c; ++from) {
      double most = -infinity, sum = 0;
      for (size_t to = 0; to < c; ++to) most = std::max(most, step[to] = between(from, to) + emission(row, to));
      for (size_t to = 0; to < c && local; ++to) sum += std::exp(step[to] - most);
      const double before = state[from] - (local ? most + std::log(sum) : 0);
      for (size_t to = 0; to < c; ++to)
        if (from == 0 || before + step[to] > next[to])
          next[to] = before + step[to], came_from[size_t(row - first) * c + to] = int32_t(from);
    }
  }
  for (size_t k = 0; k < c; ++k) state[k] += edge(transitions.end, k);
  int32_t at = int32_t(std::max_element(state.begin(), state.end()) - state.begin());
  for (int64_t row = last - 1; row >= first; --row) {
    tags[row] = at;
    at = came_from[size_t(row - first) * c + size_t(at)];
  }
}

}  // namespace

Tensor crf_nll(const Tensor& emissions, const Transitions& transitions, const Tensor& tags, const Tensor& offsets, PerUnit per) {
  require_chain("crf_nll", emissions, transitions, offsets);
  require_tags("crf_nll", emissions, tags);
  const int32_t *begin = offsets.raw<int32_t>(), *tag = tags.raw<int32_t>();
  TimeTable table;
  int64_t tokens = 0;
  for (int64_t b = 0; b + 1 < offsets.size(); ++b) {
    const bool labelled = std::all_of(tag + begin[b], tag + begin[b + 1], [](int32_t y) { return y >= 0; });
    if (begin[b] == begin[b + 1] || !labelled) continue;
    table.add(begin[b], begin[b + 1] - begin[b]);
    tokens += begin[b + 1] - begin[b];
  }
  if (table.count() == 0) return nothing(emissions);
  const Tensor all = log_paths(table, emissions, transitions), own = path_score(table, emissions, transitions, tags);
  const Tensor fixed = constant(all.shape(), all.dtype(), [&](int64_t b) { return all.item(b) == -infinity ? 0 : infinity; });
  const Tensor possible = mask_of(all.shape(), [&](int64_t b) { return all.item(b) != -infinity && own.item(b) != -infinity; });
  return share(where(possible, only(possible, all) - only(possible, own), fixed),
               double(per == PerUnit::sequence ? table.count() : tokens));
}

Tensor crf_decode(const Tensor& emissions, const Transitions& transitions, const Tensor& offsets) {
  require_chain("crf_decode", emissions, transitions, offsets);
  const int32_t* begin = offsets.raw<int32_t>();
  const Tensor tags = Tensor::zeros({emissions.shape()[0]}, DType::i32);
  for (int64_t b = 0; b + 1 < offsets.size(); ++b) best_path(emissions, transitions, begin[b], begin[b + 1], tags.raw<int32_t>());
  return tags;
}

Tensor memm_best(const Tensor& emissions, const Tensor& between, const Tensor& offsets, Joined joined) {
  require_chain("memm_best", emissions, {between, {}, {}}, offsets);
  const int32_t* begin = offsets.raw<int32_t>();
  if (joined == Joined::mean) {
    std::vector<bool> opens(size_t(emissions.shape()[0]) + 1);
    for (int64_t b = 0; b + 1 < offsets.size(); ++b) opens[size_t(begin[b])] = true;
    const int64_t c = emissions.shape()[1];
    const Tensor halved = emissions.detach() * constant(emissions.shape(), emissions.dtype(),
                                                        [&](int64_t e) { return opens[size_t(e / c)] ? 1.0 : 0.5; });
    return memm_best(halved, between.detach() * 0.5, offsets);
  }
  const Tensor tags = Tensor::zeros({emissions.shape()[0]}, DType::i32);
  for (int64_t b = 0; b + 1 < offsets.size(); ++b)
    best_path(emissions, {between, {}, {}}, begin[b], begin[b + 1], tags.raw<int32_t>(), /*local=*/true);
  return tags;
}

Tensor memm_nll(const Tensor& emissions, const Tensor& between, const Tensor& tags, const Tensor& offsets, PerUnit per,
                bool reversed, Joined joined) {
  require_chain("memm_nll", emissions, {between, {}, {}}, offsets);
  require_tags("memm_nll", emissions, tags);
  const int64_t tokens = emissions.shape()[0], c = emissions.shape()[1];
  if (tokens == 0) return nothing(emissions);
  const int32_t *begin = offsets.raw<int32_t>(), *tag = tags.raw<int32_t>();
  const Tensor history = Tensor::full({tokens}, double(c), DType::i32);  // row c: nothing to condition on
  double sequences = 0;
  for (int64_t b = 0; b + 1 < offsets.size(); ++b) {
    sequences += begin[b] < begin[b + 1];
    for (int64_t i = begin[b] + 1; i < begin[b + 1]; ++i) {
      const int64_t of = reversed ? i - 1 : i, given = reversed ? i : i - 1;
      if (tag[given] >= 0) history.raw<int32_t>()[of] = tag[given];
    }
  }
  const Tensor table = concat({reversed ? transpose(between) : between, Tensor::zeros({1, c}, between.dtype())}, 0);
  Tensor scores = emissions + gather(table, history);
  if (joined == Joined::mean)
    scores = scores *
             constant(scores.shape(), scores.dtype(), [&](int64_t e) { return history.raw<int32_t>()[e / c] == c ? 1.0 : 0.5; });
  return cross_entropy(scores, tags, {}, {}, -1, per == PerUnit::sequence ? sequences : 0);
}

namespace {

/// Trains whole tag sequences: the model gives the scores of each word and of one tag after another.
struct ChainLoss : Loss {
  PerUnit per = PerUnit::token;
  void describe(Fields& f) override {
    f.names("mean", per, {{"words", PerUnit::token}, {"sequences", PerUnit::sequence}},
            "words: over the words of all texts; sequences: the mean over texts of each text's whole loss (pytorch-crf's mean)");
  }
  /// Mean over the words of this batch.
  virtual Tensor chain(const Tensor& emissions, const Transitions& transitions, const Batch& batch) const = 0;
  virtual int64_t edges() const = 0;  // rows of transitions beyond those between tags

  Tensor of(const Output& out, const Batch& batch) const override {
    if (!batch.token_labels || !batch.word_offsets)
      throw Error(ErrorKind::config, "the loss needs a tag for every word, but the data have none", "use the task \"tagging\"");
    const auto words = batch.token_labels.data<int32_t>();
    const auto tagged = double(std::count_if(words.begin(), words.end(), [](int32_t tag) { return tag >= 0; }));
    const auto texts = double(batch.total_sequences > 0 ? batch.total_sequences : batch.word_offsets.size() - 1);
    const double counted = batch.total_weight > 0 ? batch.total_weight : tagged;
    return chain(out.logits, transitions_of(out), batch) * (tagged / std::max(1.0, per == PerUnit::sequence ? texts : counted));
  }
  /// Without transitions, which is as good as with those that are all 0.
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    const int64_t tags = logits.shape().cols();
    return of(
        {.logits = logits, .pooled = {}, .hidden = {}, .transitions = Tensor::zeros({tags + edges(), tags}, logits.dtype())},
        batch);
  }
  Answer answer() const override { return {Rows::words, Link::softmax}; }
  bool suits(Answer asked) const override { return asked == answer(); }

 protected:
  Transitions transitions_of(const Output& out) const {
    const int64_t tags = out.logits.shape().cols();
    if (!out.transitions || out.transitions.shape() != Shape{tags + edges(), tags})
      throw Error(ErrorKind::config,
                  text("the loss trains scores of one tag after another, ", edges() ? "the first and the last included, " : "",
                       "which the model does not give"),
                  text("use the model \"tagger\" with the head ", edges() ? "\"crf\"" : "\"memm\""));
    if (!edges()) return {out.transitions, {}, {}};
    const auto row = [&](int64_t k) { return reshape(slice(out.transitions, 0, tags + k, tags + k + 1), {tags}); };
    return {slice(out.transitions, 0, 0, tags), row(0), row(1)};
  }
};

struct CrfLoss final : ChainLoss {
  Tensor chain(const Tensor& emissions, const Transitions& transitions, const Batch& batch) const override {
    return crf_nll(emissions, transitions, batch.token_labels, batch.word_offsets, PerUnit::token);
  }
  int64_t edges() const override { return 2; }
  Tensor decode(const Output& out, const Batch& batch) const override {
    return crf_decode(out.logits, transitions_of(out), batch.word_offsets);
  }
};
TAPEDECK_PART(
    Loss, CrfLoss, "crf",
    "log sum_y e^score(y) - score(tags) of whole tag sequences, by words; decodes by Viterbi (Lafferty et al. 2001).",
    {.equation = "L = (1/n) sum_s log sum_y e^{S(y)} - S(y_s), S(y) = start(y_1) + sum_t e_t(y_t) + sum_t T(y_{t-1}, y_t) + "
                 "end(y_last), n words, or texts",
     .source =
         "Lafferty, McCallum and Pereira, Conditional Random Fields, ICML 2001; as a layer: Lample et al. 2016, arXiv 1603.01360",
     .cost = "1F + 1B; for every word C^2 exponentials, one step of all sequences after another",
     .pitfalls =
         "Transitions learn slowly next to a fine-tuned encoder: give them a larger learning rate (kexue.fm/archives/7196).\n"
         "Differs from kmkurn/pytorch-crf, which sums by default and whose mean is over texts: mean \"sequences\", with a "
         "smaller "
         "learning rate."});

struct MemmLoss final : ChainLoss {
  Joined joined = Joined::sum;
  void describe(Fields& f) override {
    ChainLoss::describe(f);
    f.names("joined", joined, {{"sum", Joined::sum}, {"mean", Joined::mean}},
            "emission and transition: sum, e + T; mean, (e + T) / 2 after the first tag (bert4keras)");
  }
  Tensor chain(const Tensor& emissions, const Transitions& transitions, const Batch& batch) const override {
    return memm_nll(emissions, transitions.between, batch.token_labels, batch.word_offsets, PerUnit::token, false, joined);
  }
  int64_t edges() const override { return 0; }
  Tensor decode(const Output& out, const Batch& batch) const override {
    return memm_best(out.logits, out.transitions, batch.word_offsets, joined);
  }
};
TAPEDECK_PART(
    Loss, MemmLoss, "memm",
    "-log softmax(e_t + T(y_{t-1}, .)) of every tag given the one before it; decodes by Viterbi (McCallum et al. 2000).",
    {.equation = "L = -(1/n) sum_t log softmax(e_t + T(y_{t-1}, .))_{y_t}, n words; joined mean: softmax((e_t + T(y_{t-1}, .)) / "
                 "2), t > 1",
     .source = "McCallum, Freitag and Pereira, Maximum Entropy Markov Models, ICML 2000; kexue.fm/archives/7213",
     .cost = "1F + 1B; C exponentials a word",
     .pitfalls =
         "Differs from bert4keras' layer, which halves emission and transition after the first tag: joined \"mean\" is that.\n"
         "It trains on true histories and decodes with its own: early mistakes carry on (exposure and label bias)."});

}  // namespace

}  // namespace tapedeck
