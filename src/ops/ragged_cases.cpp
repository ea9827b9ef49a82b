// Rows of the op table for the ragged primitives of ragged.cpp.
#include "packed.h"
#include "ragged.h"

namespace tapedeck {
namespace {

struct RaggedCase {
  const char* name;
  std::initializer_list<int32_t> lengths;
  int64_t heads;
  bool causal;
};
/// Calls add(label, offsets, heads, causal) for ragged lengths, an empty sequence, one token, and sizes above one tile.
template <class Add>
void each_layout(Add&& add) {
  for (const RaggedCase& l :
       {RaggedCase{"lengths 3 1 2, 2 heads", {3, 1, 2}, 2, false}, RaggedCase{"one token", {1}, 1, false},
        RaggedCase{"an empty sequence, 3 heads", {0, 2}, 3, false}, RaggedCase{"causal", {3, 1, 2}, 2, true},
        RaggedCase{"long, causal", {40, 0, 21}, 2, true}, RaggedCase{"long", {35, 9}, 3, false}})
    add(std::string(l.name), case_offsets(l.lengths), l.heads, l.causal);
}
constexpr int64_t head_dim = 3;

std::vector<OpCase> score_cases(DType t) {
  std::vector<OpCase> rows;
  each_layout([&](std::string name, const Tensor& offsets, int64_t heads, bool causal) {
    const Shape x{tokens_of(offsets), heads * head_dim};
    // Masked scores are -inf: what a loss can use of them is their softmax.
    rows.push_back(case_of(std::move(name), {case_input(x, "q", t), case_input(x, "k", t), offsets}, [=](In v) {
      const Tensor scores = ragged_scores(v[0], v[1], v[2], heads, causal, 0.7);
      return causal ? ragged_softmax(scores, v[2], heads, causal) : scores;
    }));
  });
  return rows;
}

std::vector<OpCase> ragged_softmax_cases(DType t) {
  std::vector<OpCase> rows;
  each_layout([&](std::string name, const Tensor& offsets, int64_t heads, bool causal) {
    rows.push_back(case_of(std::move(name), {case_input({pairs_of(offsets, heads)}, "scores", t), offsets},
                           [=](In v) { return ragged_softmax(v[0], v[1], heads, causal); }));
  });
  return rows;
}

std::vector<OpCase> sum_cases(DType t, bool transposed) {
  std::vector<OpCase> rows;
  each_layout([&](std::string name, const Tensor& offsets, int64_t heads, bool causal) {
    if (causal) return;
    rows.push_back(case_of(
        std::move(name),
        {case_input({pairs_of(offsets, heads)}, "p", t), case_input({tokens_of(offsets), heads * head_dim}, "v", t), offsets},
        [=](In v) { return (transposed ? ragged_weighted_sum_transposed : ragged_weighted_sum)(v[0], v[1], v[2], heads); }));
  });
  return rows;
}
std::vector<OpCase> weighted_sum_cases(DType t) { return sum_cases(t, false); }
std::vector<OpCase> transposed_cases(DType t) { return sum_cases(t, true); }

std::vector<OpCase> row_sum_cases(DType t) {
  std::vector<OpCase> rows;
  each_layout([&](std::string name, const Tensor& offsets, int64_t heads, bool causal) {
    if (!causal)
      rows.push_back(case_of(std::move(name), {case_input({pairs_of(offsets, heads)}, "x", t), offsets},
                             [=](In v) { return ragged_row_sum(v[0], v[1], heads); }));
  });
  return rows;
}
std::vector<OpCase> row_spread_cases(DType t) {
  std::vector<OpCase> rows;
  each_layout([&](std::string name, const Tensor& offsets, int64_t heads, bool causal) {
    if (!causal)
      rows.push_back(case_of(std::move(name), {case_input({heads * tokens_of(offsets)}, "x", t), offsets},
                             [=](In v) { return ragged_row_spread(v[0], v[1], heads); }));
  });
  return rows;
}

std::vector<OpMisuse> score_misuses() {
  const Tensor q = Tensor::zeros({3, 4}), offsets = case_offsets({3});
  return {{"keys of another shape",
           [=] {
             ragged_scores(q, Tensor::zeros({3, 6}), offsets, 2, false, 1);
           },
           ErrorKind::shape, "needs [3,4]"},
          {"columns do not split", [=] { ragged_scores(q, q, offsets, 3, false, 1); }, ErrorKind::shape,
           "4 columns do not split into 3 heads"},
          {"offsets end late", [=] { ragged_scores(q, q, case_offsets({5}), 2, false, 1); }, ErrorKind::index, "end at 5"}};
}
std::vector<OpMisuse> ragged_softmax_misuses() {
  return {{"wrong number of pairs", [] { ragged_softmax(Tensor::zeros({8}), case_offsets({3}), 1, false); }, ErrorKind::shape,
           "needs [9]"},
          {"offsets are floating", [] { ragged_softmax(Tensor::zeros({9}), Tensor::zeros({2}), 1, false); }, ErrorKind::dtype,
           "needs i32"}};
}
std::vector<OpMisuse> weighted_sum_misuses() {
  return {{"wrong number of pairs",
           [] {
             ragged_weighted_sum(Tensor::zeros({8}), Tensor::zeros({3, 2}), case_offsets({3}), 1);
           },
           ErrorKind::shape, "needs [9]"},
          {"offsets fall",
           [] {
             ragged_weighted_sum(Tensor::zeros({9}), Tensor::zeros({3, 2}), Tensor::of<int32_t>({0, 4, 3}, {3}), 1);
           },
           ErrorKind::index, "offsets[2] is 3"}};
}
std::vector<OpMisuse> transposed_misuses() {
  return {{"wrong number of pairs",
           [] {
             ragged_weighted_sum_transposed(Tensor::zeros({8}), Tensor::zeros({3, 2}), case_offsets({3}), 1);
           },
           ErrorKind::shape, "needs [9]"}};
}
std::vector<OpMisuse> row_sum_misuses() {
  return {
      {"wrong number of pairs", [] { ragged_row_sum(Tensor::zeros({8}), case_offsets({3}), 1); }, ErrorKind::shape, "needs [9]"}};
}
std::vector<OpMisuse> row_spread_misuses() {
  return {{"wrong number of rows", [] { ragged_row_spread(Tensor::zeros({8}), case_offsets({3}), 1); }, ErrorKind::shape,
           "needs [3]"}};
}

}  // namespace

TAPEDECK_OP(ragged_scores, "s_ij = scale q_i k_j inside each sequence and head, -inf where causality masks", score_cases,
            score_misuses);
TAPEDECK_OP(ragged_softmax, "p_ij = exp(s_ij) / sum_j exp(s_ij) over each row's own keys", ragged_softmax_cases,
            ragged_softmax_misuses);
TAPEDECK_OP(ragged_weighted_sum, "y_i = sum_j p_ij v_j", weighted_sum_cases, weighted_sum_misuses);
TAPEDECK_OP(ragged_weighted_sum_transposed, "y_j = sum_i p_ij q_i", transposed_cases, transposed_misuses);
TAPEDECK_OP(ragged_row_sum, "y_i = sum_j x_ij inside each sequence and head", row_sum_cases, row_sum_misuses);
TAPEDECK_OP(ragged_row_spread, "y_ij = x_i: the transpose of ragged_row_sum", row_spread_cases, row_spread_misuses);

}  // namespace tapedeck
