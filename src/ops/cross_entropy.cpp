// cross_entropy_rows: softmax cross-entropy straight from logits, with label smoothing, row weights and an ignored label.
// The weight that each row really has is kept: 0 switches a row off, exactly, whatever it holds.
#include "packed.h"

namespace tapedeck {
namespace {

struct CrossEntropy final : Op {  // in: x[r,c], labels i32 [r], weights[r] if any; out: loss[r], log_normaliser[r], weight[r]
  Smoothing smoothing;
  int32_t ignore;
  bool has_weights;
  CrossEntropy(Smoothing smoothing, int32_t ignore, bool has_weights)
      : smoothing(smoothing), ignore(ignore), has_weights(has_weights) {}

  std::string_view name() const override { return "cross_entropy_rows"; }

  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    const int64_t rows = x[0].shape()[0], classes = x[0].shape()[1];
    require_floating(name(), {x[0]});
    require_indices(name(), "labels", x[1], classes, "classes", ignore);
    require_shape(name(), "labels", x[1], {rows});
    if (has_weights) {
      require_shape(name(), "weights", x[2], {rows});
      require_floating(name(), {x[0], x[2]});
    }
    if (!(smoothing.total >= 0 && smoothing.total <= 1 && smoothing.each >= 0 && smoothing.each <= 1))
      throw Error(ErrorKind::value,
                  text(name(), ": smoothing {total ", smoothing.total, ", each ", smoothing.each, "} is outside [0, 1]"));
    const Spec per_row{{rows}, x[0].dtype()};
    return {per_row, per_row, per_row};
  }

  /// 0 at ignored rows, else the row's weight or 1.
  template <class T>
  void row_weights(const Tensor& labels, const T* weights, T* out) const {
    const int32_t* label = labels.raw<int32_t>();
    for (int64_t i = 0; i < labels.size(); ++i) out[i] = label[i] == ignore ? T(0) : weights ? weights[i] : T(1);
  }

  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      row_weights<T>(x[1], has_weights ? at<T>(x[2]) : nullptr, at<T>(y[2]));
      kernels::kernel_table<T>().cross_entropy(x[0].shape()[0], x[0].shape()[1], smoothing.total, smoothing.each, at<T>(x[0]),
                                               at<int32_t>(x[1]), at<T>(y[2]), at<T>(y[0]), at<T>(y[1]));
    });
  }

  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      if (dx[0].wanted)
        kernels::kernel_table<T>().cross_entropy_backward(x[0].shape()[0], x[0].shape()[1], smoothing.total, smoothing.each,
                                                          at<T>(x[0]), at<int32_t>(x[1]), at<T>(y[2]), at<T>(y[1]), at<T>(dy[0]),
                                                          at<T>(dx[0].into), dx[0].accumulate);
      if (has_weights && dx[2].wanted) weights_backward<T>(x, dy[0], dx[2]);
    });
    return true;
  }

  /// d loss / d weight is the loss at weight 1; rare, so it is computed again rather than kept.
  template <class T>
  void weights_backward(In x, const Tensor& dy, const Grad& dweights) const {
    const Shape rows{dy.size()};
    const Tensor kept = Tensor::empty(rows, dy.dtype()), loss = Tensor::empty(rows, dy.dtype()),
                 normaliser = Tensor::empty(rows, dy.dtype());
    row_weights<T>(x[1], nullptr, at<T>(kept));
    const auto& table = kernels::kernel_table<T>();
    table.cross_entropy(x[0].shape()[0], x[0].shape()[1], smoothing.total, smoothing.each, at<T>(x[0]), at<int32_t>(x[1]),
                        at<T>(kept), at<T>(loss), at<T>(normaliser));
    table.binary(kernels::Binary::multiply, kernels::Broadcast::same, 1, dy.size(), at<T>(dy), at<T>(loss), at<T>(dweights.into),
                 dweights.accumulate);
  }

  Tensors reference(In x) const override {
    const int64_t rows = x[0].shape()[0], classes = x[0].shape()[1];
    const Tensor label = x[1].clone(), kept = Tensor::empty({rows}, DType::u8),
                 kept_cells = Tensor::empty({rows, classes}, DType::u8);
    for (int64_t i = 0; i < rows; ++i) {
      const bool keep = x[1].raw<int32_t>()[i] != ignore;
      kept.raw<uint8_t>()[i] = keep;
      std::fill_n(kept_cells.raw<uint8_t>() + i * classes, classes, uint8_t(keep));
      if (!keep) label.raw<int32_t>()[i] = 0;
    }
    const Tensor log_p = log_softmax(where(kept_cells, x[0], Tensor::zeros(x[0].shape(), x[0].dtype())));
    Tensor loss = pick(log_p, label) * (smoothing.total - 1);
    if (smoothing.each > 0) loss = loss - sum(log_p, 1) * smoothing.each;
    if (has_weights) loss = loss * x[2];
    return {where(kept, loss, Tensor::zeros({rows}, x[0].dtype()))};
  }

  Saves saves() const override {
    Saves s{{Save::input, 0, "softmax is recomputed from the logits"},
            {Save::input, 1, "where the target mass lies"},
            {Save::output, 1, "p = exp(x - log_normaliser)"},
            {Save::output, 2, "the weight of each row, 0 where ignored"}};
    return s;
  }
  void attributes(Attributes& a) const override {
    a("smooth_total", smoothing.total)("smooth_each", smoothing.each)("ignore", int64_t{ignore});
  }
};

std::vector<OpCase> cross_entropy_cases(DType t) {
  std::vector<OpCase> rows;
  const auto row = [&](std::string name, int64_t n, int64_t classes, Smoothing smoothing, bool weights,
                       std::initializer_list<int> ignored, int32_t ignore) {
    const Tensor labels = case_indices(n, classes, "labels");
    for (int i : ignored) labels.raw<int32_t>()[i] = ignore;
    std::vector<Tensor> in{case_input({n, classes}, "x", t), labels};
    if (weights) in.push_back(case_uniform({n}, "weights", t, 0.5, 2));
    rows.push_back(case_of(std::move(name), in, [=](In x) {
      return cross_entropy_rows(x[0], x[1], smoothing, x.size() > 2 ? x[2] : Tensor{}, ignore);
    }));
  };
  row("4x5", 4, 5, {}, false, {}, -1);
  row("smoothing as in PyTorch", 3, 4, {0.1, 0.1 / 4}, false, {}, -1);
  row("smoothing as in fairseq", 3, 4, {0.1 + 0.1 / 3, 0.1 / 3}, false, {}, -1);
  row("weights", 4, 3, {}, true, {}, -1);
  row("ignored rows", 5, 3, {}, false, {1, 4}, -100);
  row("weights, smoothing and an ignored row", 4, 3, {0.2, 0.05}, true, {2}, -1);
  row("every row ignored", 2, 3, {}, true, {0, 1}, -1);
  row("one class", 3, 1, {}, false, {}, -1);
  row("many classes", 60, 300, {0.1, 0.1 / 300}, true, {7}, -1);
  row("no rows", 0, 3, {}, false, {}, -1);
  return rows;
}

std::vector<OpMisuse> cross_entropy_misuses() {
  const Tensor x = Tensor::zeros({2, 3}), labels = Tensor::of<int32_t>({0, 2}, {2});
  return {{"label too large",
           [=] {
             cross_entropy_rows(x, Tensor::of<int32_t>({0, 3}, {2}));
           },
           ErrorKind::index, "labels[1] is 3"},
          {"negative label that is not ignored",
           [=] {
             cross_entropy_rows(x, Tensor::of<int32_t>({-2, 0}, {2}));
           },
           ErrorKind::index, "labels[0] is -2"},
          {"one label short", [=] { cross_entropy_rows(x, Tensor::of<int32_t>({0}, {1})); }, ErrorKind::shape, "needs [2]"},
          {"floating labels", [=] { cross_entropy_rows(x, Tensor::zeros({2})); }, ErrorKind::dtype, "needs i32"},
          {"weights of the wrong size", [=] { cross_entropy_rows(x, labels, {}, Tensor::zeros({3})); }, ErrorKind::shape,
           "weights has shape [3]"},
          {"smoothing above 1",
           [=] {
             cross_entropy_rows(x, labels, {1.5, 0});
           },
           ErrorKind::value, "outside [0, 1]"},
          {"x of rank 1", [=] { cross_entropy_rows(Tensor::zeros({3}), labels); }, ErrorKind::shape, "rank 2"}};
}

}  // namespace

Tensor cross_entropy_rows(const Tensor& x, const Tensor& labels, Smoothing smoothing, const Tensor& weights, int32_t ignore) {
  const CrossEntropy op(smoothing, ignore, bool(weights));
  return weights ? apply(op, {x, labels, weights}) : apply(op, {x, labels});
}

TAPEDECK_OP(cross_entropy_rows, "y = -weight sum_c q_c log softmax(x)_c, q = (1 - total) onehot(label) + each",
            cross_entropy_cases, cross_entropy_misuses);

}  // namespace tapedeck
