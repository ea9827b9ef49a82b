// embedding_sum and embedding_norm: up to three tables looked up, added, and normalised in one pass over the tokens.
// Gradients of a table are added row by row in token order.
#include "packed.h"

namespace tapedeck {
namespace {

/// Inputs come as word, its index, then position and segment with theirs where they take part.
struct Tables {
  bool position, segment;
  size_t count() const { return 1 + size_t(position) + size_t(segment); }
  size_t inputs() const { return 2 * count(); }
  const char* what(size_t table) const { return table == 0 ? "word" : table == 1 && position ? "position" : "segment"; }

  void check(std::string_view op, In x) const {
    for (size_t t = 0; t < count(); ++t) {
      const Tensor &table = x[2 * t], &index = x[2 * t + 1];
      require_rank(op, what(t), table, 2);
      require_floating(op, {x[0], table});
      if (table.shape().cols() != x[0].shape().cols())
        throw Error(ErrorKind::shape, text(op, ": ", what(t), " has shape ", table.shape().str(), "; needs ", x[0].shape().cols(),
                                           " columns like word"));
      const std::string_view index_name = t == 0 ? "word_index" : t == 1 && position ? "position_index" : "segment_index";
      require_indices(op, index_name, index, table.shape()[0], "rows in its table");
      require_shape(op, index_name, index, x[1].shape());
    }
  }
  template <class T>
  void look_up(In x, double epsilon, const T* gain, const T* bias, T* sum, T* y, T* mean, T* rstd) const {
    const Tensor none, &p = position ? x[2] : none, &p_index = position ? x[3] : none, &s = segment ? x[inputs() - 2] : none,
                       &s_index = segment ? x[inputs() - 1] : none;
    kernels::kernel_table<T>().embedding_norm(x[1].size(), x[0].shape()[1], epsilon, at<T>(x[0]), at<int32_t>(x[1]), at<T>(p),
                                              at<int32_t>(p_index), at<T>(s), at<int32_t>(s_index), gain, bias, sum, y, mean,
                                              rstd);
  }
  /// Every wanted table receives the rows of dsum at its indices.
  template <class T>
  void scatter(In x, const T* dsum, Grads dx) const {
    for (size_t t = 0; t < count(); ++t)
      if (const Grad& g = dx[2 * t]; g.wanted)
        kernels::kernel_table<T>().scatter_add(x[1].size(), x[0].shape()[1], x[2 * t].shape()[0], at<int32_t>(x[2 * t + 1]), dsum,
                                               at<T>(g.into), g.accumulate);
  }
  Saves indices() const {
    Saves s;
    for (size_t t = 0; t < count(); ++t) s.push_back({Save::input, int(2 * t + 1), "which rows receive the gradient"});
    return s;
  }
  void attributes(Attributes& a) const { a("position", position)("segment", segment); }
};

/// Bytes by tokens: only the rows that are looked up are read, and of a gradient that accumulates only those are written.
struct Traffic {
  double row_bytes, index_bytes;  // of one table
  Traffic(In x) : row_bytes(double(x[1].size() * x[0].shape()[1]) * double(size_of(x[0].dtype()))), index_bytes(bytes_of(x[1])) {}
  double look_up(const Tables& tables) const { return double(tables.count()) * (row_bytes + index_bytes); }
  double scatter(const Tables& tables, Asked dx) const {
    double bytes = 0;
    for (size_t t = 0; t < tables.count(); ++t)
      if (const Grad& g = dx[2 * t]; g.wanted) bytes += index_bytes + (g.accumulate ? 2 * row_bytes : bytes_of(g.into));
    return bytes;
  }
};

struct EmbeddingSum final : Op {  // in: tables and indices; out: sum[T,d]
  Tables tables;
  explicit EmbeddingSum(Tables tables) : tables(tables) {}

  std::string_view name() const override { return "embedding_sum"; }
  Specs infer(In x) const override {
    tables.check(name(), x);
    return {{{x[1].size(), x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      tables.look_up<T>(x, 0, nullptr, nullptr, at<T>(y[0]), nullptr, nullptr, nullptr);
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      tables.scatter<T>(x, at<T>(dy[0]), dx);
    });
    return true;
  }
  Tensors reference(In x) const override {
    Tensor sum = gather(x[0], x[1]);
    for (size_t t = 1; t < tables.count(); ++t) sum = sum + gather(x[2 * t], x[2 * t + 1]);
    return {sum};
  }
  Saves saves() const override { return tables.indices(); }
  Cost cost(In x) const override { return {reference_flops(x), Traffic(x).look_up(tables) + Traffic(x).row_bytes}; }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    return {reference_flops(x, y, dy, dx), Traffic(x).scatter(tables, dx) + bytes_of(dy[0])};
  }
  void attributes(Attributes& a) const override { tables.attributes(a); }
};

struct EmbeddingNorm final : Op {  // in: tables and indices, gain[d], bias[d]; out: y[T,d], sum[T,d], mean[T], rstd[T]
  Tables tables;
  double epsilon;
  EmbeddingNorm(Tables tables, double epsilon) : tables(tables), epsilon(epsilon) {}

  size_t gain() const { return tables.inputs(); }
  size_t bias() const { return tables.inputs() + 1; }
  std::string_view name() const override { return "embedding_norm"; }
  Specs infer(In x) const override {
    tables.check(name(), x);
    require_shape(name(), "gain", x[gain()], {x[0].shape()[1]});
    require_shape(name(), "bias", x[bias()], {x[0].shape()[1]});
    require_floating(name(), {x[0], x[gain()], x[bias()]});
    const Spec rows{{x[1].size(), x[0].shape()[1]}, x[0].dtype()}, per_row{{x[1].size()}, x[0].dtype()};
    return {rows, rows, per_row, per_row};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      tables.look_up<T>(x, epsilon, at<T>(x[gain()]), at<T>(x[bias()]), at<T>(y[1]), at<T>(y[0]), at<T>(y[2]), at<T>(y[3]));
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    bool any_table = false;
    for (size_t t = 0; t < tables.count(); ++t) any_table = any_table || dx[2 * t].wanted;
    const Tensor dsum = any_table ? Tensor::empty(y[1].shape(), y[1].dtype()) : Tensor{};
    dispatch(y[1].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().layer_norm_backward(y[1].shape()[0], y[1].shape()[1], at<T>(y[1]), at<T>(x[gain()]), at<T>(y[2]),
                                                     at<T>(y[3]), at<T>(dy[0]), at<T>(dsum), false, target<T>(dx[gain()]),
                                                     dx[gain()].accumulate, target<T>(dx[bias()]), dx[bias()].accumulate);
      tables.scatter<T>(x, at<T>(dsum), dx);
    });
    return true;
  }
  Tensors reference(In x) const override {
    const Tensor sum = tapedeck::apply(EmbeddingSum(tables), x.first(tables.inputs()));
    return {layer_norm(sum, x[gain()], x[bias()], epsilon)};
  }
  Saves saves() const override {
    Saves s = tables.indices();
    s.push_back({Save::input, int(gain()), "dy passes the gain"});
    s.push_back({Save::output, 1, "normalised rows are recomputed from the sum"});
    s.push_back({Save::output, 2, "mean of each row"});
    s.push_back({Save::output, 3, "1/deviation of each row"});
    return s;
  }
  Cost cost(In x) const override {
    const double per_row = 2 * double(x[1].size()) * double(size_of(x[0].dtype()));
    return {reference_flops(x),
            Traffic(x).look_up(tables) + 2 * Traffic(x).row_bytes + per_row + bytes_of(x[gain()]) + bytes_of(x[bias()])};
  }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    double bytes =
        Traffic(x).scatter(tables, dx) + bytes_of(dy[0]) + bytes_of(x[gain()]) + bytes_of(y[1]) + bytes_of(y[2]) + bytes_of(y[3]);
    for (const Grad& g : dx.last(2))
      if (g.wanted) bytes += bytes_of(g.into) * (g.accumulate ? 2 : 1);
    return {reference_flops(x, y, dy, dx), bytes};
  }
  void attributes(Attributes& a) const override {
    tables.attributes(a);
    a("epsilon", epsilon);
  }
};

/// The defined inputs in order. A table and its index come together or not at all.
struct Gathered {
  Tables tables;
  Tensors in;
};
Gathered gathered(std::string_view op, const Tensor& word, const Tensor& word_index, const Tensor& position,
                  const Tensor& position_index, const Tensor& segment, const Tensor& segment_index) {
  const auto together = [&](std::string_view what, const Tensor& table, const Tensor& index) {
    if (bool(table) != bool(index))
      throw Error(ErrorKind::value, text(op, ": ", what, table ? " has no index" : " has an index but no table"),
                  "give both or neither");
  };
  together("position", position, position_index);
  together("segment", segment, segment_index);
  Gathered g{{bool(position), bool(segment)}, {word, word_index}};
  if (position) g.in.push_back(position), g.in.push_back(position_index);
  if (segment) g.in.push_back(segment), g.in.push_back(segment_index);
  return g;
}

struct EmbeddingCase {
  const char* name;
  bool position, segment;
  int64_t tokens, cols;
};
std::vector<OpCase> embedding_cases(DType t, bool normalised) {
  std::vector<OpCase> rows;
  for (const EmbeddingCase& l :
       {EmbeddingCase{"word only", false, false, 5, 3}, EmbeddingCase{"word and position", true, false, 4, 4},
        EmbeddingCase{"word and segment", false, true, 3, 2}, EmbeddingCase{"all three", true, true, 6, 3},
        EmbeddingCase{"one token", true, true, 1, 4}, EmbeddingCase{"no tokens", true, true, 0, 3},
        EmbeddingCase{"many tokens", true, true, 200, 70}}) {
    const Shape table{7, l.cols};
    std::vector<Tensor> in{case_input(table, "word", t), case_indices(l.tokens, 7, "word_index")};
    if (l.position)
      in.push_back(case_input({9, l.cols}, "position", t)), in.push_back(case_indices(l.tokens, 9, "position_index"));
    if (l.segment) in.push_back(case_input({2, l.cols}, "segment", t)), in.push_back(case_indices(l.tokens, 2, "segment_index"));
    if (normalised) in.push_back(case_input({l.cols}, "gain", t)), in.push_back(case_input({l.cols}, "bias", t));
    const Tables tables{l.position, l.segment};
    rows.push_back(case_of(l.name, in, [tables, normalised](In x) {
      const size_t s = tables.inputs() - 2;
      const Tensor none, &p = tables.position ? x[2] : none, &pi = tables.position ? x[3] : none,
                         &g = tables.segment ? x[s] : none, &gi = tables.segment ? x[s + 1] : none;
      return normalised ? embedding_norm(x[0], x[1], p, pi, g, gi, x[s + 2], x[s + 3], 1e-5)
                        : embedding_sum(x[0], x[1], p, pi, g, gi);
    }));
  }
  return rows;
}
std::vector<OpCase> sum_cases(DType t) { return embedding_cases(t, false); }
std::vector<OpCase> norm_cases(DType t) { return embedding_cases(t, true); }

std::vector<OpMisuse> sum_misuses() {
  const Tensor word = Tensor::zeros({7, 3}), index = Tensor::of<int32_t>({0, 6, 2}, {3});
  return {
      {"index too large",
       [=] {
         embedding_sum(word, Tensor::of<int32_t>({0, 7}, {2}));
       },
       ErrorKind::index, "word_index[1] is 7"},
      {"negative index", [=] { embedding_sum(word, Tensor::of<int32_t>({-1}, {1})); }, ErrorKind::index, "word_index[0] is -1"},
      {"tables of different width",
       [=] {
         embedding_sum(word, index, Tensor::zeros({4, 2}), index);
       },
       ErrorKind::shape, "needs 3 columns"},
      {"indices of different length", [=] { embedding_sum(word, index, word, Tensor::zeros({2}, DType::i32)); }, ErrorKind::shape,
       "needs [3]"},
      {"a table without an index", [=] { embedding_sum(word, index, {}, {}, word); }, ErrorKind::value, "segment has no index"},
      {"floating index", [=] { embedding_sum(word, Tensor::zeros({3})); }, ErrorKind::dtype, "needs i32"}};
}
std::vector<OpMisuse> norm_misuses() {
  const Tensor word = Tensor::zeros({7, 3}), index = Tensor::of<int32_t>({0, 6, 2}, {3}), three = Tensor::zeros({3});
  return {{"position out of range",
           [=] {
             embedding_norm(word, index, Tensor::zeros({2, 3}), index, {}, {}, three, three, 1e-5);
           },
           ErrorKind::index, "position_index[1] is 6"},
          {"gain of the wrong size", [=] { embedding_norm(word, index, {}, {}, {}, {}, Tensor::zeros({2}), three, 1e-5); },
           ErrorKind::shape, "gain has shape [2]"},
          {"an index without a table", [=] { embedding_norm(word, index, {}, index, {}, {}, three, three, 1e-5); },
           ErrorKind::value, "no table"}};
}

}  // namespace

Tensor embedding_sum(const Tensor& word, const Tensor& word_index, const Tensor& position, const Tensor& position_index,
                     const Tensor& segment, const Tensor& segment_index) {
  const Gathered g = gathered("embedding_sum", word, word_index, position, position_index, segment, segment_index);
  return tapedeck::apply(EmbeddingSum(g.tables), In(g.in));
}

Tensor embedding_norm(const Tensor& word, const Tensor& word_index, const Tensor& position, const Tensor& position_index,
                      const Tensor& segment, const Tensor& segment_index, const Tensor& gain, const Tensor& bias,
                      double epsilon) {
  Gathered g = gathered("embedding_norm", word, word_index, position, position_index, segment, segment_index);
  g.in.push_back(gain);
  g.in.push_back(bias);
  return tapedeck::apply(EmbeddingNorm(g.tables, epsilon), In(g.in));
}

TAPEDECK_OP(embedding_sum, "y_i = word[w_i] + position[p_i] + segment[s_i]", sum_cases, sum_misuses);
TAPEDECK_OP(embedding_norm, "y = layer_norm(word[w_i] + position[p_i] + segment[s_i])", norm_cases, norm_misuses);

}  // namespace tapedeck
