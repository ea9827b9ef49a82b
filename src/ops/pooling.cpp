// Pooling of packed sequences: first token, mean or maximum over each sequence's rows, and the transposes that are their
// rules. An empty sequence gives zeros and receives nothing.
#include <algorithm>

#include "packed.h"

namespace tapedeck {
namespace {

enum class Pooling : uint8_t { first, mean };

const char* const segment_starts = "where sequences begin";

/// Numbers that the first tokens of all sequences hold; none where a sequence is empty.
double first_numbers(const Tensor& offsets, int64_t cols) {
  const int32_t* o = offsets.raw<int32_t>();
  int64_t sequences = 0;
  for (int64_t b = 0; b < sequences_of(offsets); ++b) sequences += o[b] < o[b + 1];
  return double(sequences * cols);
}
/// Of spreading rows of `cols` numbers over their tokens: 1/length per sequence, then a product at each place.
double spread_flops(Pooling pool, const Tensor& offsets, int64_t cols) {
  return pool == Pooling::first ? 0 : double(sequences_of(offsets)) + double(tokens_of(offsets) * cols);
}
/// Entries that name a row.
double taken(const Tensor& rows) {
  const std::span<const int32_t> all = rows.data<int32_t>();
  return double(std::count_if(all.begin(), all.end(), [](int32_t row) { return row >= 0; }));
}

template <class T>
void spread_rows(Pooling pool, const Tensor& offsets, const Tensor& dy, const Tensor& dx, bool accumulate) {
  const auto& table = kernels::kernel_table<T>();
  const int64_t cols = dy.shape()[1];
  const int32_t* o = offsets.raw<int32_t>();
  if (pool == Pooling::mean) return table.segment_mean_backward(sequences_of(offsets), cols, o, at<T>(dy), at<T>(dx), accumulate);
  if (!accumulate) table.fill(dx.size(), T(0), at<T>(dx));
  for (int64_t b = 0; b < sequences_of(offsets); ++b)
    if (o[b] < o[b + 1]) table.copy_rows(1, cols, at<T>(dy) + b * cols, cols, at<T>(dx) + o[b] * cols, cols, true);
}

/// The transpose: each sequence's row goes to its first token, or in equal parts to all of them.
struct SegmentSpread final : Op {  // in: y[B,d], offsets; out: [T,d]
  Pooling pool;
  explicit SegmentSpread(Pooling pool) : pool(pool) {}
  std::string_view name() const override {
    return pool == Pooling::first ? "segment_first_transposed" : "segment_mean_transposed";
  }
  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_dtype(name(), "offsets", x[1], DType::i32);
    require_offsets(name(), x[1], x[1].size() ? tokens_of(x[1]) : 0);
    require_shape(name(), "x", x[0], {sequences_of(x[1]), x[0].shape()[1]});
    return {{{tokens_of(x[1]), x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) { spread_rows<decltype(tag)>(pool, x[1], x[0], y[0], false); });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override;
  Saves saves() const override { return {{Save::input, 1, segment_starts}}; }
  Cost cost(In x) const override { return {spread_flops(pool, x[1], x[0].shape()[1]), bytes_moved(x)}; }
};

struct SegmentPool final : Op {  // in: x[T,d], offsets; out: [B,d]
  Pooling pool;
  explicit SegmentPool(Pooling pool) : pool(pool) {}
  std::string_view name() const override { return pool == Pooling::first ? "segment_first" : "segment_mean"; }
  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_offsets(name(), x[1], x[0].shape()[0]);
    return {{{sequences_of(x[1]), x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto& table = kernels::kernel_table<T>();
      const int64_t cols = x[0].shape()[1];
      const int32_t* o = x[1].raw<int32_t>();
      if (pool == Pooling::mean) return table.segment_mean(sequences_of(x[1]), cols, o, at<T>(x[0]), at<T>(y[0]));
      for (int64_t b = 0; b < sequences_of(x[1]); ++b) {
        T* to = at<T>(y[0]) + b * cols;
        if (o[b] < o[b + 1]) table.copy_rows(1, cols, at<T>(x[0]) + o[b] * cols, cols, to, cols, false);
        else table.fill(cols, T(0), to);
      }
    });
  }
  bool backward(In x, In, In dy, Grads dx) const override {
    dispatch(dy[0].dtype(), [&](auto tag) { spread_rows<decltype(tag)>(pool, x[1], dy[0], dx[0].into, dx[0].accumulate); });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {apply(SegmentSpread(pool), {dy[0], x[1]}), Tensor{}}; }
  Saves saves() const override { return {{Save::input, 1, segment_starts}}; }
  Cost cost(In x) const override {
    const int64_t cols = x[0].shape()[1], out = sequences_of(x[1]) * cols;
    if (pool == Pooling::mean) return {double(x[0].size() + out + sequences_of(x[1])), bytes_moved(x)};
    return {0, bytes_of(x[1]) + (first_numbers(x[1], cols) + double(out)) * double(size_of(x[0].dtype()))};
  }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override {
    const int64_t cols = x[0].shape()[1];
    const double moved = first_numbers(x[1], cols), places = pool == Pooling::first ? moved : double(x[0].size());
    const double bytes = pool == Pooling::first && dx[0].accumulate ? bytes_of(x[1]) + 3 * moved * double(size_of(x[0].dtype()))
                                                                    : bytes_moved(x, y, dy, dx);
    return {spread_flops(pool, x[1], cols) + (dx[0].accumulate ? places : 0), bytes};
  }
};

Tensors SegmentSpread::vjp(In x, In, In dy, Wanted) const { return {apply(SegmentPool(pool), {dy[0], x[1]}), Tensor{}}; }

// Maximum: entry (b, c) is row rows[b,c] of column c, or 0 where rows is -1; put is the transpose of take.
template <class T>
void take_rows(const Tensor& rows, const Tensor& x, const Tensor& y) {
  const int64_t cols = rows.shape()[1];
  const int32_t* row = rows.raw<int32_t>();
  for (int64_t i = 0; i < rows.size(); ++i) at<T>(y)[i] = row[i] < 0 ? T(0) : at<T>(x)[row[i] * cols + i % cols];
}
template <class T>
void put_rows(const Tensor& rows, const Tensor& dy, const Tensor& dx) {
  const int64_t cols = rows.shape()[1];
  const int32_t* row = rows.raw<int32_t>();
  for (int64_t i = 0; i < rows.size(); ++i)
    if (row[i] >= 0) at<T>(dx)[row[i] * cols + i % cols] += at<T>(dy)[i];
}

/// Not part of the vocabulary: only the rules below make these two, with rows that SegmentMax found.
struct SegmentTake final : Op {  // in: x[T,d], rows i32 [B,d]; out: [B,d]
  std::string_view name() const override { return "segment_take"; }
  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_dtype(name(), "rows", x[1], DType::i32);
    require_shape(name(), "rows", x[1], {x[1].shape()[0], x[0].shape()[1]});
    return {{x[1].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) { take_rows<decltype(tag)>(x[1], x[0], y[0]); });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override;
  Saves saves() const override { return {{Save::input, 1, "which rows receive the gradient"}}; }
  Cost cost(In x) const override {
    return {0, bytes_of(x[1]) + (taken(x[1]) + double(x[1].size())) * double(size_of(x[0].dtype()))};
  }
};

struct SegmentPut final : Op {  // in: x[B,d], rows i32 [B,d]; out: [tokens,d]
  int64_t tokens;
  explicit SegmentPut(int64_t tokens) : tokens(tokens) {}
  std::string_view name() const override { return "segment_put"; }
  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_dtype(name(), "rows", x[1], DType::i32);
    require_shape(name(), "rows", x[1], x[0].shape());
    return {{{tokens, x[0].shape()[1]}, x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    fill_zero(y[0]);
    dispatch(x[0].dtype(), [&](auto tag) { put_rows<decltype(tag)>(x[1], x[0], y[0]); });
  }
  Tensors vjp(In x, In, In dy, Wanted) const override { return {apply(SegmentTake(), {dy[0], x[1]}), Tensor{}}; }
  Saves saves() const override { return {{Save::input, 1, "which rows the gradient comes from"}}; }
  Cost cost(In x) const override { return {taken(x[1]), bytes_moved(x)}; }
  void attributes(Attributes& a) const override { a("tokens", tokens); }
};

Tensors SegmentTake::vjp(In x, In, In dy, Wanted) const { return {apply(SegmentPut(x[0].shape()[0]), {dy[0], x[1]}), Tensor{}}; }

struct SegmentMax final : Op {  // in: x[T,d], offsets; out: [B,d], rows i32 [B,d]
  std::string_view name() const override { return "segment_max"; }
  Specs infer(In x) const override {
    require_rank(name(), "x", x[0], 2);
    require_floating(name(), {x[0]});
    require_offsets(name(), x[1], x[0].shape()[0]);
    const Shape pooled{sequences_of(x[1]), x[0].shape()[1]};
    return {{pooled, x[0].dtype()}, {pooled, DType::i32}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      kernels::kernel_table<T>().segment_argmax(sequences_of(x[1]), x[0].shape()[1], at<int32_t>(x[1]), at<T>(x[0]),
                                                at<int32_t>(y[1]));
      take_rows<T>(y[1], x[0], y[0]);
    });
  }
  bool backward(In, In y, In dy, Grads dx) const override {
    if (!dx[0].accumulate) fill_zero(dx[0].into);
    dispatch(dy[0].dtype(), [&](auto tag) { put_rows<decltype(tag)>(y[1], dy[0], dx[0].into); });
    return true;
  }
  Tensors vjp(In x, In y, In dy, Wanted) const override { return {apply(SegmentPut(x[0].shape()[0]), {dy[0], y[1]}), Tensor{}}; }
  Saves saves() const override { return {{Save::output, 1, "the row of each maximum receives the gradient"}}; }
  Cost backward_cost(In, In y, In dy, Asked dx) const override { return {taken(y[1]), cost_of_adding(y[1], dy[0], dx[0]).bytes}; }
};

struct SegmentCase {
  const char* name;
  std::initializer_list<int32_t> lengths;
  int64_t cols;
};
/// Rows of inputs with as many rows as there are tokens, or as many as there are sequences.
std::vector<OpCase> cases_of(DType t, bool per_token, Tensor (*call)(const Tensor&, const Tensor&)) {
  std::vector<OpCase> rows;
  for (const SegmentCase& l :
       {SegmentCase{"lengths 3 1 5", {3, 1, 5}, 4}, SegmentCase{"one token", {1}, 2}, SegmentCase{"an empty sequence", {0, 2}, 3},
        SegmentCase{"many", {60, 0, 70, 3}, 40}, SegmentCase{"no tokens", {0, 0}, 2}}) {
    const Tensor offsets = case_offsets(l.lengths);
    rows.push_back(case_of(l.name,
                           {case_input({per_token ? tokens_of(offsets) : sequences_of(offsets), l.cols}, "x", t), offsets},
                           [call](In x) { return call(x[0], x[1]); }));
  }
  return rows;
}
std::vector<OpCase> segment_first_cases(DType t) { return cases_of(t, true, segment_first); }
std::vector<OpCase> segment_mean_cases(DType t) { return cases_of(t, true, segment_mean); }
std::vector<OpCase> segment_max_cases(DType t) { return cases_of(t, true, segment_max); }
std::vector<OpCase> first_transposed_cases(DType t) {
  return cases_of(t, false, [](const Tensor& x, const Tensor& offsets) {
    return apply(SegmentSpread(Pooling::first), {x, offsets});
  });
}
std::vector<OpCase> mean_transposed_cases(DType t) {
  return cases_of(t, false, [](const Tensor& x, const Tensor& offsets) {
    return apply(SegmentSpread(Pooling::mean), {x, offsets});
  });
}
const Tensor& some_rows() {
  static const Tensor rows = Tensor::of<int32_t>({0, 2, 2, -1, 4, 2}, {2, 3});
  return rows;
}
std::vector<OpCase> take_cases(DType t) {
  return {case_of("rows with repeats and a gap", {case_input({5, 3}, "x", t), some_rows()}, [](In x) {
    return apply(SegmentTake(), {x[0], x[1]});
  })};
}
std::vector<OpCase> put_cases(DType t) {
  return {case_of("rows with repeats and a gap", {case_input({2, 3}, "x", t), some_rows()}, [](In x) {
    return apply(SegmentPut(5), {x[0], x[1]});
  })};
}

std::vector<OpMisuse> misuses_of(Tensor (*call)(const Tensor&, const Tensor&)) {
  const Tensor x = Tensor::zeros({4, 3});
  return {{"offsets end early", [=] { call(x, case_offsets({3})); }, ErrorKind::index, "end at 3, but there are 4 tokens"},
          {"x is a vector", [=] { call(Tensor::zeros({4}), case_offsets({4})); }, ErrorKind::shape, "rank 2"},
          {"floating offsets", [=] { call(x, Tensor::zeros({2})); }, ErrorKind::dtype, "needs i32"}};
}
std::vector<OpMisuse> segment_first_misuses() { return misuses_of(segment_first); }
std::vector<OpMisuse> segment_mean_misuses() { return misuses_of(segment_mean); }
std::vector<OpMisuse> segment_max_misuses() { return misuses_of(segment_max); }
template <Pooling pool>
std::vector<OpMisuse> spread_misuses() {
  return {{"one row too many",
           [] {
             apply(SegmentSpread(pool), {Tensor::zeros({3, 2}), case_offsets({1, 4})});
           },
           ErrorKind::shape, "needs [2,2]"}};
}
std::vector<OpMisuse> take_misuses() {
  return {{"rows of another width",
           [] {
             apply(SegmentTake(), {Tensor::zeros({5, 2}), some_rows()});
           },
           ErrorKind::shape, "needs [2,2]"}};
}
std::vector<OpMisuse> put_misuses() {
  return {{"rows of another shape",
           [] {
             apply(SegmentPut(5), {Tensor::zeros({3, 3}), some_rows()});
           },
           ErrorKind::shape, "needs [3,3]"}};
}

}  // namespace

Tensor segment_first(const Tensor& x, const Tensor& offsets) { return apply(SegmentPool(Pooling::first), {x, offsets}); }
Tensor segment_mean(const Tensor& x, const Tensor& offsets) { return apply(SegmentPool(Pooling::mean), {x, offsets}); }
Tensor segment_max(const Tensor& x, const Tensor& offsets) { return apply(SegmentMax(), {x, offsets}); }

TAPEDECK_OP(segment_first, "y_b = x at the first token of sequence b", segment_first_cases, segment_first_misuses);
TAPEDECK_OP(segment_mean, "y_b = mean of the rows of sequence b", segment_mean_cases, segment_mean_misuses);
TAPEDECK_OP(segment_max, "y_bc = largest x_tc of sequence b; gradient to the first maximum", segment_max_cases,
            segment_max_misuses);
TAPEDECK_OP(segment_first_transposed, "row b goes to the first token of sequence b", first_transposed_cases,
            spread_misuses<Pooling::first>);
TAPEDECK_OP(segment_mean_transposed, "row b goes in equal parts to the tokens of sequence b", mean_transposed_cases,
            spread_misuses<Pooling::mean>);
TAPEDECK_OP(segment_take, "y_bc = x at (rows_bc, c), 0 where rows_bc is -1", take_cases, take_misuses);
TAPEDECK_OP(segment_put, "x_bc is added at (rows_bc, c): the transpose of segment_take", put_cases, put_misuses);

}  // namespace tapedeck
