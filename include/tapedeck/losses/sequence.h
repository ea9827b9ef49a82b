// Losses of whole label sequences on packed tokens: CRF, MEMM, CTC. Sequence b owns rows offsets[b] .. offsets[b+1]-1.
// Next: src/losses/crf.cpp, src/losses/ctc.cpp.
//
// Hard cases: an empty sequence is left out, and so is one with a negative tag under the CRF (a token with a negative tag under
// the MEMM). A forbidden path costs +inf, a sequence whose emissions forbid every path 0, both with gradient 0: forbid with -1e4
// where a gradient should lead out. Nothing left: 0.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

enum class PerUnit { sequence, token };  // what the mean is over
/// How an MEMM joins emission and transition: their sum, or half of it after the first tag (bert4keras).
enum class Joined { sum, mean };

/// score(y) = sum_t e_t(y_t) + sum_t between(y_{t-1}, y_t) [+ start(y_1) + end(y_last)].
struct Transitions {
  Tensor between;     // [c,c], from row to column
  Tensor start, end;  // [c] or undefined
};
/// log sum_y e^score(y) - score(tags) by the forward recursion (Lafferty et al. 2001); mean over sequences, or sum / tokens.
Tensor crf_nll(const Tensor& emissions /*[T,c]*/, const Transitions& transitions, const Tensor& tags /*i32 [T]*/,
               const Tensor& offsets /*i32 [B+1]*/, PerUnit per = PerUnit::sequence);
/// The tags of highest score (Viterbi), i32 [T]; not differentiable. Ties go to the lower tag.
Tensor crf_decode(const Tensor& emissions, const Transitions& transitions, const Tensor& offsets);

/// -log prod_t softmax(e_t + between(y_{t-1}, .))_{y_t}, the first tag from e_1 alone; reversed conditions on the following tag,
/// and the mean of both directions is the Bi-MEMM (kexue.fm/archives/7213). Mean over tokens, or sum / sequences.
Tensor memm_nll(const Tensor& emissions /*[T,c]*/, const Tensor& between /*[c,c]*/, const Tensor& tags /*i32 [T]*/,
                const Tensor& offsets, PerUnit per = PerUnit::token, bool reversed = false, Joined joined = Joined::sum);

/// The tags that such a model finds most probable, exactly (Viterbi), i32 [T]. Ties go to the lower tag.
Tensor memm_best(const Tensor& emissions, const Tensor& between, const Tensor& offsets, Joined joined = Joined::sum);
/// The most probable tags that a beam finds, i32 [T]: after each token the `beam` best prefixes stay. 1 is greedy, c^(length - 1)
/// is exact; between them a wider beam may repair an early decision that greedy search regrets. Ties go to the lower tag.
Tensor memm_decode(const Tensor& emissions, const Tensor& between, const Tensor& offsets, int64_t beam = 4);

/// How likely update i trains on the gold tag instead of the model's own (scheduled sampling, Bengio et al. 2015, section 2.4).
/// linear: max(floor, k - slope i); exponential: k^i, k < 1; inverse_sigmoid: k / (k + e^(i/k)), k >= 1.
enum class Decay { linear, exponential, inverse_sigmoid };
double gold_share(Decay decay, int64_t update, double k, double slope = 0, double floor = 0);

/// -log of the probability of all alignments of a target: blanks between symbols, repeats merged (Graves et al. 2006, eq. 6 to
/// 8). targets of sequence b: target_offsets[b] .. target_offsets[b+1]-1, none equal to blank. Mean over sequences; per token: of
/// each sequence's loss over its number of symbols (at least 1), as PyTorch's default. A target that does not fit its sequence
/// (more symbols and needed blanks than rows) costs 0 and stays in the mean.
Tensor ctc(const Tensor& logits /*[T,c]*/, const Tensor& offsets /*i32 [B+1]*/, const Tensor& targets /*i32 [N]*/,
           const Tensor& target_offsets /*i32 [B+1]*/, int32_t blank = 0, PerUnit per = PerUnit::sequence);

}  // namespace tapedeck
