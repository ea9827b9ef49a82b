// A piece of a batch in its place: dropout draws, noise and shifts are indexed by where its rows stand in the whole. Next:
// pass.cpp.
#include <tapedeck/nn/batch.h>

#include <tapedeck/tensor/memory.h>

namespace tapedeck {
namespace {

/// Entries [begin, end) of an i32 list, counted from `zero`; undefined stays undefined.
Tensor entries(const Tensor& list, int64_t begin, int64_t end, int32_t zero = 0) {
  if (!list) return {};
  const Tensor out = Tensor::empty({end - begin}, DType::i32);
  for (int64_t i = begin; i < end; ++i) out.raw<int32_t>()[i - begin] = list.raw<int32_t>()[i] - zero;
  return out;
}

}  // namespace

Batch piece_of(const Batch& whole, int64_t begin, int64_t end) {
  const MemoryFor purpose(Memory::batch);
  const int64_t first = begin * whole.texts, last = end * whole.texts;  // sequences
  const int32_t* starts = whole.offsets.raw<int32_t>();
  const int32_t from = starts[first], to = starts[last];
  Batch piece;
  piece.texts = whole.texts;
  piece.answer = whole.answer;
  piece.tokens = entries(whole.tokens, from, to);
  piece.positions = entries(whole.positions, from, to);
  piece.segments = entries(whole.segments, from, to);
  piece.offsets = entries(whole.offsets, first, last + 1, from);
  piece.indices = entries(whole.indices, begin, end);
  piece.mask_rows = entries(whole.mask_rows, first, last, from);
  if (whole.text_rows) piece.text_rows = entries(whole.text_rows, 2 * first, 2 * last, from).view({last - first, 2});
  if (whole.words) {
    const int32_t* words = whole.word_offsets.raw<int32_t>();
    piece.words = entries(whole.words, words[first], words[last], from);
    piece.word_offsets = entries(whole.word_offsets, first, last + 1, words[first]);
  }
  piece.first_token = whole.first_token + from;
  piece.first_sequence = whole.first_sequence + first;
  piece.first_pair = whole.first_pair;
  for (int64_t s = 0; s < first; ++s) piece.first_pair += int64_t{starts[s + 1] - starts[s]} * (starts[s + 1] - starts[s]);
  piece.total_sequences = whole.total_sequences > 0 ? whole.total_sequences : whole.examples();
  piece.total_tokens = whole.total_tokens > 0 ? whole.total_tokens : whole.token_count();
  piece.total_words = whole.total_words;
  piece.total_pairs = whole.total_pairs;
  return piece;
}

int64_t Batch::pairs() const {
  int64_t sum = 0;
  for (int64_t s = 0; s < sequences(); ++s) {
    const int64_t length = offsets.raw<int32_t>()[s + 1] - offsets.raw<int32_t>()[s];
    sum += length * length;
  }
  return sum;
}

}  // namespace tapedeck
