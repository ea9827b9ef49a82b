// Losses for several labels per row: a yes or no for every cell. GlobalPointer's loss is zlpr over the spans of a text.
// Next: src/losses/multilabel.cpp.
//
// Hard cases: a cell of -inf is impossible; as a negative it costs 0, as a positive +inf with a finite gradient in bce and
// asymmetric_multilabel, while zlpr leaves it out of both sums. No rows: 0.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// Mean over cells of -[t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))]; target[...] in [0,1] carries no gradient.
/// total > 0 replaces the number of cells.
Tensor bce_with_logits(const Tensor& logits, const Tensor& target, double total = 0);
/// Mean over cells of -[t (1-p)^g+ log p + (1-t) p_m^g- log(1 - p_m)], p_m = max(p - clip, 0) (Ridnik et al. 2021, eq. 4 to 7).
/// hold_focus: the two powers are constants of the gradient.
Tensor asymmetric_multilabel(const Tensor& logits, const Tensor& target, double gamma_positive = 1, double gamma_negative = 4,
                             double clip = 0.05, double total = 0, bool hold_focus = false);
/// Mean over rows of log(1 + sum_{negative} e^s) + log(1 + sum_{positive} e^-s): every positive above 0, every negative below
/// (ZLPR, Su et al. 2022, eq. 11; kexue.fm/archives/7359). Decode: s > 0. total > 0 replaces the number of rows.
Tensor zlpr(const Tensor& scores /*[rows,c]*/, const Tensor& positive /*u8 [rows,c]*/, double total = 0);
/// The same for targets y in [0,1]: y enters as e^{s + log(1-y)} and e^{-s + log y}.
Tensor zlpr_soft(const Tensor& scores, const Tensor& target /*[rows,c]*/, double total = 0);
/// zlpr without the threshold class, log(1 + sum_{n,p} e^{s_n - s_p}), mean over rows: softmax cross-entropy when one cell is
/// positive. A row without positives or without negatives costs 0.
Tensor pairwise_multilabel(const Tensor& scores, const Tensor& positive, double total = 0);
/// zlpr of cells of unequal size, as packed texts have them: cell k owns scores offsets[k] .. offsets[k+1]-1 (one cell per text
/// and span type, in the layout of ragged_scores). Mean over cells; an empty cell costs 0.
Tensor global_pointer(const Tensor& scores /*[n]*/, const Tensor& positive /*u8 [n]*/, const Tensor& offsets /*i32 [cells+1]*/,
                      double total = 0);

/// 1 - (2 sum_c p t + smooth) / (sum_c p^k + sum_c t^k + smooth), k = 2 if squared else 1; mean over rows. p in [0,1]
/// (Milletari et al. 2016, eq. 1, with smoothing). smooth > 0 keeps empty rows finite: they cost 0.
Tensor dice(const Tensor& p /*[rows,c]*/, const Tensor& target /*[rows,c]*/, double smooth = 1, bool squared = false,
            double total = 0);

}  // namespace tapedeck
