// Multi-label losses. Each sum of exponentials has a 0 among its exponents: the threshold that positives and negatives meet.
#include <tapedeck/losses/multilabel.h>

#include "support.h"

namespace tapedeck {
namespace {

/// log(1 + sum_c e^x over the cells of a row that the mask names).
Tensor softplus_of_sum(const Tensor& x /*[r,c]*/, const Tensor& mask) {
  const Tensor threshold = Tensor::zeros({x.shape()[0], 1}, x.dtype());
  return logsumexp(concat({only(mask, x, absent(x.dtype())), threshold}, 1), 1);
}

void require_positive_cells(std::string_view loss, const Tensor& scores, const Tensor& positive) {
  if (!positive || positive.dtype() != DType::u8 || positive.shape() != scores.shape())
    throw Error(ErrorKind::shape,
                text(loss, ": scores ", scores.shape().str(), " need a u8 tensor of their shape that marks the positives"));
}

/// Cells that are there at all and of one sign.
Tensor cells_of(const Tensor& scores, const Tensor& positive, bool sign) {
  const Tensor cells = above_minus_infinity(scores);
  for (int64_t e = 0; e < cells.size(); ++e) cells.raw<uint8_t>()[e] &= (positive.raw<uint8_t>()[e] != 0) == sign;
  return cells;
}

/// log(1 + sum_negative e^s) + log(1 + sum_positive e^-s) of each row.
Tensor threshold_rows(const Tensor& scores, const Tensor& negative, const Tensor& positive) {
  return softplus_of_sum(scores, negative) + softplus_of_sum(-scores, positive);
}

}  // namespace

Tensor bce_with_logits(const Tensor& logits, const Tensor& target, double total) {
  require_same("bce_with_logits", logits, target);
  const Tensor yes = mask_where(target, [](auto t) { return t != 0; }), no = mask_where(target, [](auto t) { return t != 1; });
  const Tensor t = target.detach();  // softplus(-x) = -log sigmoid(x); an unasked side must not meet 0 * inf
  const Tensor each = only(yes, softplus(-only(yes, logits))) * t + only(no, softplus(only(no, logits))) * (1.0 - t);
  return share(each, total > 0 ? total : double(each.size()));
}

Tensor asymmetric_multilabel(const Tensor& logits, const Tensor& target, double gamma_positive, double gamma_negative,
                             double clip, double total) {
  require_same("asymmetric_multilabel", logits, target);
  if (!(clip >= 0 && clip < 1))
    throw Error(ErrorKind::value, text("asymmetric_multilabel: clip is ", clip), "give 0 <= clip < 1");
  const Tensor yes = mask_where(target, [](auto t) { return t != 0; }), no = mask_where(target, [](auto t) { return t != 1; });
  const Tensor t = target.detach(), x = only(yes, logits), y = only(no, logits);
  const Tensor possible = above_minus_infinity(x), z = only(possible, x);
  // (1-p)^g = exp(-g softplus(x)), -log p = softplus(-x)
  const Tensor right = only(possible, exp(softplus(z) * -gamma_positive) * softplus(-z), infinity);
  Tensor wrong;
  if (clip > 0) {
    const Tensor p = relu(sigmoid(y) - clip), above = mask_where(p, [](auto v) { return v > 0; });
    const Tensor safe = only(above, p, 0.5);
    wrong = only(above, exp(log(safe) * gamma_negative) * -log(1.0 - safe));
  } else {
    wrong = exp(softplus(-y) * -gamma_negative) * softplus(y);
  }
  const Tensor each = only(yes, right * t) + only(no, wrong * (1.0 - t));
  return share(each, total > 0 ? total : double(each.size()));
}

Tensor zlpr(const Tensor& scores, const Tensor& positive, double total) {
  require_matrix("zlpr", "scores", scores);
  require_positive_cells("zlpr", scores, positive);
  const Tensor each = threshold_rows(scores, cells_of(scores, positive, false), cells_of(scores, positive, true));
  return share(each, total > 0 ? total : double(scores.shape()[0]));
}

Tensor zlpr_soft(const Tensor& scores, const Tensor& target, double total) {
  require_matrix("zlpr_soft", "scores", scores);
  require_same("zlpr_soft", scores, target);
  const Tensor there = above_minus_infinity(scores), some = there.clone(), rest = there.clone();
  for (int64_t e = 0; e < target.size(); ++e) {
    some.raw<uint8_t>()[e] &= target.item(e) > 0;
    rest.raw<uint8_t>()[e] &= target.item(e) < 1;
  }
  const Tensor log_y =
      constant(scores.shape(), scores.dtype(), [&](int64_t e) { return target.item(e) > 0 ? std::log(target.item(e)) : 0; });
  const Tensor log_n =
      constant(scores.shape(), scores.dtype(), [&](int64_t e) { return target.item(e) < 1 ? std::log1p(-target.item(e)) : 0; });
  const Tensor each = softplus_of_sum(only(rest, scores) + log_n, rest) + softplus_of_sum(log_y - only(some, scores), some);
  return share(each, total > 0 ? total : double(scores.shape()[0]));
}

Tensor pairwise_multilabel(const Tensor& scores, const Tensor& positive, double total) {
  require_matrix("pairwise_multilabel", "scores", scores);
  require_positive_cells("pairwise_multilabel", scores, positive);
  const int64_t rows = scores.shape()[0], cols = scores.shape()[1];
  const Tensor no = cells_of(scores, positive, false), yes = cells_of(scores, positive, true);
  const Tensor both = mask_of({rows}, [&](int64_t r) {
    const uint8_t *n = no.raw<uint8_t>() + r * cols, *y = yes.raw<uint8_t>() + r * cols;
    return std::count(n, n + cols, 1) > 0 && std::count(y, y + cols, 1) > 0;
  });
  const double none = absent(scores.dtype());
  const Tensor sums = logsumexp(only(no, scores, none), 1) + logsumexp(only(yes, -scores, none), 1);
  return share(only(both, softplus(only(both, sums))), total > 0 ? total : double(rows));
}

Tensor global_pointer(const Tensor& scores, const Tensor& positive, const Tensor& offsets, double total) {
  if (!scores || scores.shape().rank() != 1)
    throw Error(ErrorKind::shape, "global_pointer: scores need rank 1: the cells one after another");
  require_positive_cells("global_pointer", scores, positive);
  const int32_t* begin = offsets.data<int32_t>().data();
  const int64_t cells = offsets.size() - 1;
  if (cells < 0 || begin[0] != 0 || begin[cells] != scores.size())
    throw Error(ErrorKind::shape, text("global_pointer: offsets must run from 0 to the ", scores.size(), " scores"));
  if (scores.size() == 0) return nothing(scores);
  // Cells become rows of one matrix as wide as the largest; the places beyond a cell's end are in neither sum.
  int64_t widest = 1;
  for (int64_t k = 0; k < cells; ++k) widest = std::max<int64_t>(widest, begin[k + 1] - begin[k]);
  const Shape shape{cells, widest};
  const Tensor index = Tensor::zeros({cells * widest}, DType::i32), no = Tensor::zeros(shape, DType::u8), yes = no.clone(),
               all_no = cells_of(scores, positive, false), all_yes = cells_of(scores, positive, true);
  for (int64_t k = 0; k < cells; ++k)
    for (int64_t from = begin[k], to = k * widest; from < begin[k + 1]; ++from, ++to) {
      index.raw<int32_t>()[to] = int32_t(from);
      no.raw<uint8_t>()[to] = all_no.raw<uint8_t>()[from];
      yes.raw<uint8_t>()[to] = all_yes.raw<uint8_t>()[from];
    }
  const Tensor rows = reshape(gather(reshape(scores, {scores.size(), 1}), index), shape);
  return share(threshold_rows(rows, no, yes), total > 0 ? total : double(cells));
}

Tensor dice(const Tensor& p, const Tensor& target, double smooth, bool squared, double total) {
  require_matrix("dice", "p", p);
  require_same("dice", p, target);
  require_positive("dice", "smooth", smooth);
  const Tensor t = target.detach(), overlap = sum(p * t, 1) * 2.0 + smooth;
  const Tensor sizes = squared ? sum(square(p) + square(t), 1) : sum(p + t, 1);
  return share(1.0 - overlap / (sizes + smooth), total > 0 ? total : double(p.shape()[0]));
}

}  // namespace tapedeck
