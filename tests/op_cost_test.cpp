// What an op says it costs is what its mathematics counts. Small ops: the naive kernel over a number that counts
// (src/ops/counted.h). Fused ops: the rows of their reference. Backward: the rows of the rule, or of a sweep through the
// reference.
#include <doctest/doctest.h>

#include <iostream>
#include <map>
#include <set>

#include <tapedeck/ops/fused.h>
#include <tapedeck/tape/listen.h>

#include "kernels/parallel.h"
#include "src/check/op_rows.h"
#include "src/ops/counted.h"
#include "support/naive_kernels.h"

namespace tapedeck::testing {
namespace {

namespace naive = test::naive;
using Numbers = std::vector<Counted>;

Numbers numbers(const Tensor& t) {
  Numbers all;
  for (int64_t i = 0; i < t.size(); ++i) all.push_back(t.item(i));
  return all;
}
std::string attribute(const Op& op, std::string_view name) {
  Attributes list;
  op.attributes(list);
  for (const auto& [key, value] : list.all)
    if (key == name) return value;
  return {};
}

/// The packed sequences of a row whose offsets are input k and whose rows have `width` numbers.
kernels::Attention packed(const Node& node, size_t k, int64_t width) {
  kernels::Attention a;
  a.sequences = node.in[k].size() - 1;
  a.heads = std::stoll(attribute(*node.op, "heads"));
  a.head_dim = width / a.heads;
  a.q_offsets = a.k_offsets = node.in[k].raw<int32_t>();
  a.q_stride = a.k_stride = a.v_stride = a.out_stride = width;
  return a;
}
template <bool transposed>
void weighted_sum(const Node& n) {
  const int64_t width = n.in[1].shape().cols();
  naive::weighted_sum(packed(n, 2, width), numbers(n.in[0]), numbers(n.in[1]), width, Numbers(size_t(n.out[0].size())), width,
                      transposed);
}
/// One product for each batch of a matmul, the first operand over and over: counts do not ask for values.
void products(const Node& n) {
  const bool a_transposed = attribute(*n.op, "a_transposed") == "true";
  const Shape &a = n.in[0].shape(), &y = n.out[0].shape();
  const kernels::Gemm g{y[-2], y[-1], a[a_transposed ? -2 : -1]};
  const int64_t batches = y.size() ? y.size() / (g.m * g.n) : 0;
  const Numbers left(size_t(g.m * g.k)), right(size_t(g.k * g.n));
  for (int64_t i = 0; i < batches; ++i) naive::gemm(g, left.data(), right.data());
}
void averages(const Node& n) {
  for (const Tensor& t : {n.in[0], n.out[0]})
    for (int64_t i = 0; i < t.size(); ++i) Counted(1) + Counted(1);  // the sums, then the factor
}
template <size_t input>
void once_for_each(const Node& n) {
  const Tensor& t = input < max_inputs ? n.in[input] : n.out[0];
  for (int64_t i = 0; i < t.size(); ++i) Counted(1) + Counted(1);
}
constexpr size_t of_output = max_inputs;

/// What a forward computes, counted; the ops that are not here move numbers and compute none.
const std::map<std::string_view, void (*)(const Node&)> small_ops = {
    {"add", once_for_each<of_output>},
    {"sub", once_for_each<of_output>},
    {"mul", once_for_each<of_output>},
    {"div", once_for_each<of_output>},
    {"dropout", once_for_each<of_output>},
    {"sum", once_for_each<0>},
    {"mean", averages},
    {"scatter_add", once_for_each<0>},
    {"ragged_row_sum", once_for_each<0>},
    {"matmul", products},
    {"softmax", [](const Node& n) { naive::softmax(n.in[0].shape().rows(), n.in[0].shape().cols(), numbers(n.in[0])); }},
    {"log_softmax", [](const Node& n) { naive::log_softmax(n.in[0].shape().rows(), n.in[0].shape().cols(), numbers(n.in[0])); }},
    {"logsumexp",
     [](const Node& n) {
       const int64_t rows = n.out[0].size(), cols = n.in[0].shape().cols();
       naive::each_row(rows, cols, numbers(n.in[0]), [](int64_t, const Numbers& row) { return Numbers{naive::logsumexp(row)}; });
     }},
    {"ragged_scores",
     [](const Node& n) { naive::ragged_scores(packed(n, 2, n.in[0].shape().cols()), numbers(n.in[0]), numbers(n.in[1])); }},
    {"ragged_softmax",
     [](const Node& n) { naive::ragged_softmax(packed(n, 1, 1), Numbers(size_t(n.in[0].size()), Counted(1))); }},
    {"ragged_weighted_sum", weighted_sum<false>},
    {"ragged_weighted_sum_transposed", weighted_sum<true>},
    {"rotary",
     [](const Node& n) {
       const auto whole = [&](const char* name) { return std::stoll(attribute(*n.op, name)); };
       naive::rotary(n.in[0].shape()[0], n.in[0].shape()[1], whole("columns"), whole("head_dim"), 1e4, false,
                     n.in[1].raw<int32_t>(), numbers(n.in[0]));
     }},
    {"segment_mean",
     [](const Node& n) {
       naive::segment_mean(n.out[0].shape()[0], n.out[0].shape()[1], n.in[1].raw<int32_t>(), numbers(n.in[0]));
     }},
    {"segment_mean_transposed",
     [](const Node& n) {  // 1/length of each sequence, then each number of a token
       for (int64_t i = 0; i < n.in[0].shape()[0] + n.out[0].size(); ++i) Counted(1) / Counted(1);
     }},
    {"segment_put",
     [](const Node& n) {
       for (int64_t i = 0; i < n.in[1].size(); ++i)
         if (n.in[1].item(i) >= 0) Counted(1) + Counted(1);
     }},
};
const std::set<std::string_view> moves = {"reshape",
                                          "permute",
                                          "concat",
                                          "slice",
                                          "pad",
                                          "expand",
                                          "gather",
                                          "pick",
                                          "pick_transposed",
                                          "where",
                                          "max",
                                          "argmax",
                                          "segment_first",
                                          "segment_first_transposed",
                                          "segment_max",
                                          "segment_take",
                                          "ragged_row_spread"};
/// Flops of f and of dy f' for the rows of unary_table.h that were counted by hand; every row counts itself.
struct UnaryFlops {
  int forward, backward;
};
const std::map<std::string_view, UnaryFlops> unary_ops = {
    {"negate", {0, 1}},     {"exp", {1, 1}},        {"log", {1, 2}},        {"tanh", {1, 4}},  {"sigmoid", {3, 3}},
    {"relu", {0, 1}},       {"gelu", {5, 11}},      {"gelu_tanh", {8, 16}}, {"silu", {4, 8}},  {"softplus", {3, 4}},
    {"sqrt", {1, 3}},       {"rsqrt", {2, 4}},      {"square", {1, 2}},     {"abs", {0, 1}},   {"sin", {1, 2}},
    {"cos", {1, 2}},        {"erf", {1, 4}},        {"pow", {1, 3}},        {"clamp", {0, 1}}, {"scale", {1, 1}},
    {"add_scalar", {1, 0}}, {"reciprocal", {1, 2}}, {"sign", {0, 0}},       {"step", {0, 0}},  {"inside", {0, 0}},
};

const std::set<std::string_view> rows_of_the_table = {
#define TAPEDECK_UNARY_NAME(name, ...) #name,
    TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_NAME)
#undef TAPEDECK_UNARY_NAME
};

/// Adds up what ops say, as they run.
struct Meter final : TapeListener {
  double flops = 0;
  ScopedListener listening{*this};
  void end(const OpCall& call, bool done) override {
    if (!done) return;
    if (call.kind == OpCall::Kind::backward) flops += call.op.backward_cost(call.in, call.out, call.dy, call.dx).flops;
    else if (call.kind == OpCall::Kind::add) flops += double(call.out[0].size());
    else flops += call.op.cost(call.in).flops;
  }
};
template <class F>
double metered(F&& f) {
  Meter meter;
  f();
  return meter.flops;
}

double bytes(In tensors) {
  double all = 0;
  for (const Tensor& t : tensors)
    if (t) all += double(t.size()) * double(size_of(t.dtype()));
  return all;
}

/// Every input is read and every output written once; of a table only what is looked up.
double bytes_moved(const Node& node, In in) {
  const std::string_view name = node.op->name();
  const double element = double(size_of(node.out[0].dtype())), out = bytes(node.out);
  if (name == "reshape") return 0;
  if (name == "gather" || name == "pick" || name == "slice") return out + out + bytes(in.subspan(1));
  if (name == "segment_first" || name == "segment_take") {
    int64_t read = 0;
    for (int64_t i = 0; i < in[1].size(); ++i)
      read += name == "segment_take" ? in[1].item(i) >= 0 : i > 0 && in[1].item(i) > in[1].item(i - 1) ? in[0].shape()[1] : 0;
    return out + double(read) * element + bytes(in.subspan(1));
  }
  if (!name.starts_with("embedding")) return bytes(in) + out;
  double read = 0;
  for (const Tensor& t : in) read += t.shape().rank() == 2 ? double(in[1].size() * t.shape()[1]) * element : bytes(In(&t, 1));
  return read + out;
}

/// The share of pairs that see each other: all of them, or half and the diagonal.
double seen(const Node& node) {
  if (node.op->name() != "attention" || attribute(*node.op, "causal") != "true") return 1;
  double seen = 0, all = 0;
  for (int64_t b = 1; b < node.in[1].size(); ++b) {
    const double n = node.in[1].item(b) - node.in[1].item(b - 1);
    seen += n * (n + 1) / 2, all += n * n;
  }
  return all > 0 ? seen / all : 1;
}

double forward_flops(const Node& node, In in) {
  const std::string_view name = node.op->name();
  if (node.traits.has_reference)
    return std::round(seen(node) * metered([&] {
                        Tape tape;
                        Tensors leaves;
                        for (const Tensor& t : in) leaves.push_back(t && is_floating(t.dtype()) ? tape.leaf(t) : t);
                        node.op->reference(leaves);
                      }));
  if (const auto unary = unary_ops.find(name); unary != unary_ops.end()) return unary->second.forward * double(in[0].size());
  if (rows_of_the_table.contains(name)) return node.op->cost(in).flops;
  if (moves.contains(name)) return 0;
  const auto small = small_ops.find(name);
  REQUIRE_MESSAGE(small != small_ops.end(), std::string(name), " has neither a reference nor a row in small_ops or moves");
  return double(flops_of([&] { small->second(node); }));
}

/// By the rule; by the reference, less its way up; by the table of unary ops.
double backward_flops(const Node& node, In in, In out, In dy, Wanted wanted) {
  const double exponent = node.op->name() == "pow" ? std::stod(attribute(*node.op, "exponent")) : 1;
  if (const auto unary = unary_ops.find(node.op->name()); unary != unary_ops.end())  // x^0 is flat, and a sign is free
    return exponent == 0 ? 0 : (unary->second.backward - (exponent == -1)) * double(in[0].size());
  if (node.op->name() == "matmul")  // as many products for each operand; a shared one is summed by the same product
    return (int(wanted[0]) + int(wanted[1])) * double(flops_of([&] { products(node); }));
  if (rows_of_the_table.contains(node.op->name()))
    return node.op->backward_cost(in, out, dy, std::vector<Grad>{{in[0], true, false}}).flops;
  const double rule = metered([&] { node.op->vjp(in, out, dy, wanted); });
  if (!node.traits.has_reference) return rule;
  return std::round(seen(node) * (rule - metered([&] {
                                    Tape tape;
                                    Tensors leaves;
                                    for (size_t k = 0; k < in.size(); ++k) leaves.push_back(wanted[k] ? tape.leaf(in[k]) : in[k]);
                                    node.op->reference(leaves);
                                  })));
}

int64_t calls = 0, backward_calls = 0;

void check_row(const Node& node) {
  static std::set<std::string> known;
  static const std::set<std::string, std::less<>> of_the_tape{"leaf", "alias", "accumulate"};
  Attributes attributes;
  node.op->attributes(attributes);
  std::string call(node.op->name());
  for (const auto& [name, value] : attributes.all) call += " " + name + "=" + value;
  for (const Tensor& t : node.in) call += " " + t.shape().str();
  if (of_the_tape.contains(node.op->name()) || !known.insert(call).second) return;
  CAPTURE(call);
  const Tensors in = detached(node.in), out = detached(node.out);
  CHECK(node.op->cost(in).flops == forward_flops(node, in));
  CHECK(node.op->cost(in).bytes == bytes_moved(node, in));
  ++calls;
  if (!node.traits.differentiable) return;
  const int outputs = int(differentiable_outputs(node));
  for (int only_output = -1; only_output < (outputs > 1 ? outputs : 0); ++only_output)
    for (int only = -1; only < int(in.size()); ++only) {
      if (only >= 0 && !is_floating(in[size_t(only)].dtype())) continue;
      const Tensors dy = output_gradients(node, only_output);
      const WantedInputs wanted(in, only);
      Few<Grad, max_inputs> dx;
      double made = 0;
      for (size_t k = 0; k < in.size(); ++k) {
        dx.push_back({wanted.flags[k] ? in[k] : Tensor(), wanted.flags[k], false});
        if (wanted.flags[k]) made += bytes(In(&in[k], 1));
      }
      const Cost cost = node.op->backward_cost(in, out, dy, dx);
      CHECK(cost.flops == backward_flops(node, in, out, dy, wanted));
      CHECK(cost.bytes >= (node.traits.has_backward ? made : 0));
      CHECK(cost.bytes <= 4 * bytes(in) + bytes(out) + bytes(dy) * double(1 + 2 * in.size()));
      ++backward_calls;
    }
}

/// All rows that a call leaves on a tape, those of its first and second derivatives included.
void check_rows_of(const OpCase& row) {
  Play play(row, row.inputs);
  if (play.differentiable()) {
    Tensor along;
    for (const Tensor& g : play.gradients(Order::differentiable)) {
      if (!g || !g.on_tape()) continue;
      const Tensor part = sum(square(g));
      along = along ? along + part : part;
    }
    if (along && along.on_tape()) gradients(along, play.leaves(), Order::differentiable);
  }
  for (NodeId i = 0; i < play.tape.size(); ++i)
    if (play.tape.node(i).op) check_row(play.tape.node(i));
}

TEST_CASE("flops of every op are those that its mathematics counts, forward and backward") {
  kernels::set_threads(1);
  for (const OpEntry& entry : op_table())
    for (const OpCase& row : entry.cases(DType::f64)) {
      CAPTURE(row.name);
      check_rows_of(row);
    }
  std::cout << "flops counted: " << op_table().size() << " ops, " << calls << " calls, " << backward_calls << " backward calls\n";
}

TEST_CASE("an op without a statement about its cost is priced by its reference, where nothing is computed or told") {
  const Tensor x = Tensor::normal({4, 8}, root_key(1), 0, 1), w = Tensor::normal({3, 8}, root_key(2), 0, 1);
  Tape tape;
  const Tensor y = linear(tape.leaf(x), w, {}, Activation::silu);
  const Node& node = tape.node(tape.owner(y.place().value));
  const double told = metered([&] { CHECK(node.op->cost(node.in).flops == 4 * 3 * (2 * 8 + 4)); });
  CHECK(told == 0);
  const Tensors released{x.released(), w.released()};
  CHECK(node.op->cost(released).flops == node.op->cost(node.in).flops);
}

}  // namespace
}  // namespace tapedeck::testing
