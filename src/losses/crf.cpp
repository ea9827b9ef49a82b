// Linear-chain CRF: likelihood and best path; and the MEMM, its locally normalised sibling.
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

/// Viterbi: writes the best tags of rows first .. last-1.
void best_path(const Tensor& emissions, const Transitions& transitions, int64_t first, int64_t last, int32_t* tags) {
  if (first == last) return;
  const size_t c = size_t(emissions.shape()[1]);
  const auto edge = [](const Tensor& scores, size_t k) { return scores ? scores.item(int64_t(k)) : 0.0; };
  const auto move = [&](size_t from, size_t to) { return transitions.between.item(int64_t(from * c + to)); };
  const auto emission = [&](int64_t row, size_t k) { return emissions.item(row * int64_t(c) + int64_t(k)); };
  std::vector<double> state(c, 0.0), next(c, 0.0);
  std::vector<int32_t> came_from(size_t(last - first) * c, 0);
  for (size_t k = 0; k < c; ++k) state[k] = emission(first, k) + edge(transitions.start, k);
  for (int64_t row = first + 1; row < last; ++row, state.swap(next))
    for (size_t to = 0; to < c; ++to) {
      size_t best = 0;
      for (size_t from = 1; from < c; ++from)
        if (state[from] + move(from, to) > state[best] + move(best, to)) best = from;
      next[to] = state[best] + move(best, to) + emission(row, to);
      came_from[size_t(row - first) * c + to] = int32_t(best);
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

Tensor memm_nll(const Tensor& emissions, const Tensor& between, const Tensor& tags, const Tensor& offsets, PerUnit per,
                bool reversed) {
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
  return cross_entropy(emissions + gather(table, history), tags, {}, {}, -1, per == PerUnit::sequence ? sequences : 0);
}

}  // namespace tapedeck
