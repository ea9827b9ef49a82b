// Multi-label losses, as functions and as the losses of these names. Each sum of exponentials has a 0 among its exponents: the
// threshold that positives and negatives meet.
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/nn/global_pointer.h>

#include "class_loss.h"
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
                             double clip, double total, bool hold_focus) {
  require_same("asymmetric_multilabel", logits, target);
  if (!(clip >= 0 && clip < 1))
    throw Error(ErrorKind::value, text("asymmetric_multilabel: clip is ", clip), "give 0 <= clip < 1");
  const Tensor yes = mask_where(target, [](auto t) { return t != 0; }), no = mask_where(target, [](auto t) { return t != 1; });
  const Tensor t = target.detach(), x = only(yes, logits), y = only(no, logits);
  const Tensor possible = above_minus_infinity(x), z = only(possible, x);
  const auto focus = [&](const Tensor& power) { return hold_focus ? power.detach() : power; };
  // (1-p)^g = exp(-g softplus(x)), -log p = softplus(-x)
  const Tensor right = only(possible, focus(exp(softplus(z) * -gamma_positive)) * softplus(-z), infinity);
  Tensor wrong;
  if (clip > 0) {
    const Tensor p = relu(sigmoid(y) - clip), above = mask_where(p, [](auto v) { return v > 0; });
    const Tensor safe = only(above, p, 0.5);
    wrong = only(above, focus(exp(log(safe) * gamma_negative)) * -log(1.0 - safe));
  } else {
    wrong = focus(exp(softplus(-y) * -gamma_negative)) * softplus(y);
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

namespace {

/// A yes or no for every class: the label's cell is positive, all others are negative. Unlabelled rows are left out.
struct OneAgainstRest : ClassLoss {
  virtual Tensor cells(const Tensor& logits /*[n,c]*/, const Tensor& target /*[n,c]*/, double rows) const = 0;
  void describe(Fields& f) final {
    options(f);
    f("ignore_index", ignore_index, "class index that does not count (default: unlabelled examples only)").at_least(-1);
  }
  Tensor value(const Tensor& x, const Tensor& y, const RowWeights& average) const final {
    const int64_t classes = x.shape().cols();
    const auto labelled = [](int32_t label) { return label >= 0; };
    const Tensor index = Tensor::empty({std::count_if(y.raw<int32_t>(), y.raw<int32_t>() + y.size(), labelled)}, DType::i32);
    int32_t* rows = index.raw<int32_t>();
    for (int64_t i = 0, k = 0; i < y.size(); ++i)
      if (labelled(y.raw<int32_t>()[i])) rows[k++] = int32_t(i);
    const Tensor target = constant({index.size(), classes}, x.dtype(),
                                   [&](int64_t e) { return y.raw<int32_t>()[rows[e / classes]] == e % classes ? 1.0 : 0.0; });
    return cells(gather(reshape(x, {y.size(), classes}), index), target,
                 average.total > 0 ? average.total : double(index.size()));
  }
  /// Several classes a row, or none, as the data have them.
  Tensor operator()(const Tensor& x, const Batch& batch) const final {
    if (!batch.cells) return ClassLoss::operator()(x, batch);
    if (x.shape() != batch.cells.shape())
      throw Error(ErrorKind::config, text("the loss needs a logit for each of the ", batch.cells.shape().cols(),
                                          " classes of a text, but the model's are ", x.shape().str()));
    List<int32_t> rows;
    for (int64_t i = 0; i < x.shape()[0]; ++i)
      if (!batch.known || batch.known.raw<uint8_t>()[i]) rows.push_back(int32_t(i));
    const Tensor index = Tensor::from<int32_t>(rows, {std::ssize(rows)});
    const int64_t classes = x.shape().cols();
    const Tensor target = constant({index.size(), classes}, x.dtype(), [&](int64_t e) {
      return double(batch.cells.raw<uint8_t>()[rows[size_t(e / classes)] * classes + e % classes]);
    });
    return cells(gather(x, index), target, batch.total_weight > 0 ? batch.total_weight : double(index.size()));
  }
  bool suits(Answer asked) const final { return ClassLoss::suits(asked) || asked == Answer{Rows::sequences, Link::sigmoid}; }
};

struct BceLoss final : OneAgainstRest {
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return bce_with_logits(x, t, rows * double(x.shape()[1]));
  }
};
TAPEDECK_PART(Loss, BceLoss, "bce",
              "-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) of every class against the rest, mean over classes and examples.",
              {.equation = "L = (1/(n C)) sum_i sum_c softplus(-x_c) t_c + softplus(x_c) (1 - t_c), t the label against the rest",
               .source = "Bernoulli likelihood of every class",
               .cost = "1F + 1B",
               .pitfalls = "With many classes the negatives dominate: asymmetric_multilabel or zlpr balance them.\n"
                           "Probabilities of classes need not add up to 1."});

struct AsymmetricMultilabelLoss final : OneAgainstRest {
  double gamma_positive = 1, gamma_negative = 4, clip = 0.05;
  bool hold_focus = false;
  void options(Fields& f) override {
    f("gamma_positive", gamma_positive, "focusing of the positive cell").at_least(0);
    f("gamma_negative", gamma_negative, "focusing of the negative cells").at_least(0);
    f("clip", clip, "probability below which a negative costs nothing").at_least(0).below(1);
    f.names("focus", hold_focus, {{"trained", false}, {"held", true}},
            "the powers of (1-p) and m: trained, part of the gradient (the paper); held, constants of it (the default of the "
            "authors' code)");
  }
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return asymmetric_multilabel(x, t, gamma_positive, gamma_negative, clip, rows * double(x.shape()[1]), hold_focus);
  }
};
TAPEDECK_PART(
    Loss, AsymmetricMultilabelLoss, "asymmetric_multilabel",
    "-t (1-p)^gamma_positive log p - (1-t) m^gamma_negative log(1-m), m = max(p - clip, 0), p = sigmoid(x) (Ridnik et al. 2021).",
    {.equation = "L = -(1/(n C)) sum t (1-p)^gamma_positive log p + (1-t) m^gamma_negative log(1-m), m = max(p - clip, 0), p = "
                 "sigmoid(x)",
     .source = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, arXiv 2009.14119, eq. 7",
     .cost = "1F + 1B",
     .pitfalls = "Negatives below clip have no gradient at all: with clip 0 they fade only.\n"
                 "Differs from Alibaba-MIIL/ASL, whose AsymmetricLoss holds the powers (disable_torch_grad_focal_loss): focus "
                 "\"held\"; it also sums where this is a mean over cells."});

struct ZlprLoss final : OneAgainstRest {
  Tensor cells(const Tensor& x, const Tensor& t, double rows) const override {
    return zlpr(x, mask_where(t, [](auto v) { return v > 0; }), rows);
  }
};
TAPEDECK_PART(
    Loss, ZlprLoss, "zlpr",
    "log(1 + sum_negative e^s) + log(1 + sum_positive e^-s): softmax with a threshold at 0 (Su et al. 2022, eq. 11).",
    {.equation = "L = (1/n) sum_i log(1 + sum_negative e^s) + log(1 + sum_positive e^-s)",
     .source =
         "Su et al., ZLPR: A Novel Loss for Multi-label Classification, 2022, arXiv 2208.02955, eq. 11; kexue.fm/archives/7359",
     .cost = "1F + 1B",
     .pitfalls = "Decide by s > 0, never by a softmax or by a sigmoid above another threshold.\n"
                 "The first losses are large when negatives are many: log of their number."});

struct GlobalPointerLoss final : Loss {
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.cells)
      throw Error(ErrorKind::config, "global_pointer needs marked spans, but the data have none",
                  "use data \"spans\" or \"bio\"");
    if (!logits || logits.shape().rank() != 1)
      throw Error(ErrorKind::config, "global_pointer needs a score for every span, which the model does not give",
                  "use the model \"span\"");
    const int32_t* o = batch.offsets.raw<int32_t>();
    int64_t pairs = 0;
    for (int64_t s = 0; s < batch.sequences(); ++s) pairs += int64_t(o[s + 1] - o[s]) * (o[s + 1] - o[s]);
    const int64_t types = pairs > 0 ? logits.size() / pairs : 1;
    const auto marked = batch.known ? std::ranges::count(batch.known.data<uint8_t>(), 1) : batch.examples();
    const double texts = batch.total_weight > 0 ? batch.total_weight : double(marked);
    return global_pointer(known(logits, batch, types), batch.cells, GlobalPointer::cells(batch.offsets, types),
                          texts * double(types));
  }
  Answer answer() const override { return {Rows::spans, Link::sigmoid}; }

 private:
  /// A text whose spans are not known has no cells: its scores are left out of both sums.
  static Tensor known(const Tensor& scores, const Batch& batch, int64_t types) {
    if (!batch.known || std::ranges::count(batch.known.data<uint8_t>(), 0) == 0) return scores;
    const int32_t* o = batch.offsets.raw<int32_t>();
    const Tensor mask = Tensor::zeros({scores.size()}, DType::u8);
    uint8_t* at = mask.raw<uint8_t>();
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const int64_t cells = types * int64_t(o[s + 1] - o[s]) * (o[s + 1] - o[s]);
      std::fill_n(at, cells, batch.known.raw<uint8_t>()[s]);
      at += cells;
    }
    return only(mask, scores, -infinity);
  }
};
TAPEDECK_PART(Loss, GlobalPointerLoss, "global_pointer",
              "log(1 + sum_negative e^s) + log(1 + sum_positive e^-s) over the spans of a text, mean over texts and types (Su et "
              "al. 2022).",
              {.equation = "L = (1/(n A)) sum_i sum_a log(1 + sum_{(j,k) not in P_a} e^{s_a(j,k)}) + log(1 + sum_{(j,k) in P_a} "
                           "e^{-s_a(j,k)}), j <= k",
               .source = "Su et al., Global Pointer, 2022, arXiv 2208.03054, eq. 5; kexue.fm/archives/8373",
               .cost = "1F + 1B; tokens squared times types exponentials a text",
               .pitfalls = "The first losses are large: a text of n tokens has n^2 / 2 negatives of each type.\n"
                           "A span is predicted where its score is above 0: no other threshold.\n"
                           "bert4keras divides by texts times types as here; a sum over types needs a smaller learning rate."});

}  // namespace
}  // namespace tapedeck
