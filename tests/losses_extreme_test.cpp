// Every loss on a table of inputs at the edge of the number line, in f32 and f64: a NaN in value or gradient must have been
// promised in the header, promised zeros must be exact, the recorded sweep gives the same and its derivative is a number.
// Next: support/loss_calls.h, where a new loss joins.
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>
#include <limits>

#include "support/loss_calls.h"
#include "support/orders.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
/// Stand for the largest and a subnormal number of the type under test.
constexpr double huge = 1.25e300, tiny = 1.25e-300;

/// finite: value and gradient are numbers. unbounded: the value may be +inf (promised), the gradient is finite. zero: value and
/// gradient are exactly 0. no_number: the input is no number, so the value must say so.
enum class Promise { finite, unbounded, zero, no_number };
const char* name_of(Promise p) {
  constexpr const char* names[] = {"finite", "finite gradient", "exactly 0", "NaN"};
  return names[size_t(p)];
}

/// inputs are differentiated; the rest is in the arguments. only: names of the losses concerned, empty for all that read this.
struct Extreme {
  std::string name;
  Reads reads;
  std::vector<std::pair<const char*, Tensor>> inputs;
  Arguments arguments = {};
  Promise promise = Promise::finite;
  std::vector<std::string> but_unbounded = {}, but_zero = {}, but_finite = {},
                           skip = {};  // losses for which another promise holds, or none
  /// Written reasons: the kernel's own rounding (fused.h), second derivatives beyond the range of f32 (normalize.h).
  std::vector<std::string> kernel_rounds = {};
  bool second_beyond_f32 = false;
};

Tensor matrix(const std::vector<double>& v, Shape shape) { return Tensor::from<double>(v, shape); }
Tensor indices(std::vector<int32_t> v) { return Tensor::from<int32_t>(v, {int64_t(v.size())}); }

/// f64 numbers as the type under test, with its own largest and subnormal numbers.
Tensor as(const Tensor& t, DType dtype) {
  if (!is_floating(t.dtype())) return t;
  const bool f64 = dtype == DType::f64;
  const Tensor y = Tensor::empty(t.shape(), dtype);
  for (int64_t i = 0; i < t.size(); ++i) {
    double v = t.item(i);
    if (std::abs(v) == huge) v = std::copysign(f64 ? 1.7e308 : 3e38, v);
    if (std::abs(v) == tiny) v = std::copysign(f64 ? 1e-310 : 1e-40, v);
    if (f64) y.raw<double>()[i] = v;
    else y.raw<float>()[i] = float(v);
  }
  return y;
}

Promise promise_for(const Extreme& row, const LossCall& call) {
  const auto names = [&](const std::vector<std::string>& list) { return std::count(list.begin(), list.end(), call.name) > 0; };
  if (names(row.but_unbounded)) return Promise::unbounded;
  if (names(row.but_zero)) return Promise::zero;
  return names(row.but_finite) ? Promise::finite : row.promise;
}

void check(const Extreme& row, const LossCall& call, DType dtype) {
  CAPTURE(row.name);
  const std::string loss = call.name;
  CAPTURE(loss);
  CAPTURE(tapedeck::name_of(dtype));
  const Promise promise = promise_for(row, call);
  Tape tape;
  Arguments all = row.arguments;
  for (auto& [name, t] : all.tensors) t = as(t, dtype);
  Tensors leaves;
  for (auto& [name, t] : row.inputs) {
    leaves.push_back(tape.leaf(as(t, dtype)));
    all.tensors[name] = leaves[leaves.size() - 1];
  }
  const Tensor value = call.call(all);
  const double v = value.item();
  if (promise == Promise::no_number) {
    CHECK_MESSAGE(std::isnan(v), v << " hides that the input is no number");
    return;
  }
  const bool allowed = promise == Promise::zero     ? v == 0
                       : promise == Promise::finite ? std::isfinite(v)
                                                    : !std::isnan(v) && v != -infinity;
  CHECK_MESSAGE(allowed, "value " << v << ", promised: " << std::string(name_of(promise)));
  if (!value.on_tape()) return;
  const Tensors g = gradients(value, leaves);
  for (size_t k = 0; k < g.size(); ++k)
    for (int64_t i = 0; i < g[k].size(); ++i)
      CHECK_MESSAGE((promise == Promise::zero ? g[k].item(i) == 0 : std::isfinite(g[k].item(i))),
                    "gradient of " << std::string(row.inputs[k].first) << "[" << i << "] is " << g[k].item(i)
                                   << ", promised: " << std::string(name_of(promise)));
  if (std::ranges::count(row.kernel_rounds, loss) || (row.second_beyond_f32 && dtype == DType::f32)) return;
  const std::string problem = orders_agree(value, leaves, true);
  CHECK_MESSAGE(problem.empty(), loss << ", " << row.name << ", " << tapedeck::name_of(dtype) << ": " << problem);
}

// ---- the table ------------------------------------------------------------------------------------------------------------

using Extremes = std::vector<Extreme>;

void add_logits(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> x, std::vector<int32_t> labels,
                       Promise promise = Promise::finite) -> Extreme& {
    const int64_t n = int64_t(labels.size()), classes = n ? int64_t(x.size()) / n : 3;
    return table.emplace_back(
        Extreme{name, Reads::logits, {{"logits", matrix(x, {n, classes})}}, {{{"labels", indices(labels)}}}, promise});
  };
  const double inf = infinity;
  row("large, right", {1e4, -1e4, 0}, {0});
  row("large, wrong", {1e4, -1e4, 0}, {1});
  row("all large", {1e4, 1e4, 1e4}, {2});
  row("all very negative", {-1e4, -1e4, -1e4}, {2});
  row("equal", {0, 0, 0}, {1});
  row("subnormal", {tiny, -tiny, 0}, {1});
  row("the largest number, right", {huge, 0, -huge}, {0}, Promise::unbounded);
  row("the largest number, wrong", {huge, 0, -huge}, {2}, Promise::unbounded);
  row("all the largest number", {huge, huge, huge}, {0}).kernel_rounds = {"cross_entropy", "class_balanced"};
  row("a masked class", {1, -inf, 2}, {0});
  row("all but the label masked", {-inf, 3, -inf}, {1});
  row("the label masked", {1, -inf, 2}, {1}, Promise::unbounded).but_finite = {"generalised_cross_entropy", "self_adjusting_dice",
                                                                               "dice_of_classes", "entropy"};
  row("everything masked", {-inf, -inf, -inf}, {1}, Promise::zero);
  row("one of two rows masked", {1, 2, 3, -inf, -inf, -inf}, {2, 0});
  row("an unlabelled row of nonsense", {1, 2, 3, nan, inf, -inf}, {2, -1}).skip = {"entropy"};
  row("all labels ignored", {1, 2, 3, 4, 5, 6}, {-1, -1}, Promise::zero).but_finite = {"entropy"};
  row("an empty batch", {}, {}, Promise::zero);
  row("one class", {5, -7}, {0, 0});
  row("identical rows", {1, 2, 3, 1, 2, 3}, {0, 1});
  row("NaN", {nan, 0, 1}, {1}, Promise::no_number);
}

void add_two_logits(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> a, std::vector<double> b, int64_t rows = 1,
                       Promise promise = Promise::finite) -> Extreme& {
    const Shape shape{rows, rows ? int64_t(a.size()) / rows : 3};
    return table.emplace_back(Extreme{name, Reads::two_logits, {{"a", matrix(a, shape)}, {"b", matrix(b, shape)}}, {}, promise});
  };
  const double inf = infinity;
  const std::vector<std::string> bounded{"jensen_shannon", "hellinger", "sigmoid_divergence"};
  row("equal", {1, 2, 3}, {1, 2, 3});
  row("opposite", {1e4, -1e4, 0}, {-1e4, 1e4, 0});
  row("against flat", {1e4, 0, 0}, {0, 0, 0});
  row("subnormal", {tiny, 0, 0}, {0, tiny, -tiny});
  row("the largest numbers", {huge, -huge, 0}, {-huge, huge, 0}, 1, Promise::unbounded).but_finite = {"jensen_shannon",
                                                                                                      "hellinger"};
  row("the same class masked", {1, -inf, 2}, {2, -inf, 1});
  row("a class masked on the left", {1, -inf, 2}, {2, 1, 1}, 1, Promise::unbounded).but_finite = bounded;
  row("a class masked on the right", {2, 1, 1}, {1, -inf, 2}, 1, Promise::unbounded).but_finite = bounded;
  row("masked beside a row that is not", {2, 1, 1, 0, 1, 2}, {1, -inf, 2, 2, 1, 0}, 2, Promise::unbounded).but_finite = bounded;
  row("masked where nothing is left to lose", {2, -1e4, 1}, {1, -inf, 2});
  row("both masked throughout", {-inf, -inf}, {-inf, -inf}, 1, Promise::zero);
  row("left masked throughout", {-inf, -inf}, {1, 2}, 1, Promise::unbounded).but_finite = bounded;
  row("an empty batch", {}, {}, 0, Promise::zero);
  row("one class", {4, 5}, {-3, 2}, 2);
  row("NaN", {nan, 0, 1}, {0, 0, 0}, 1, Promise::no_number);
}

void add_cells(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> x, std::vector<double> target, int64_t rows = 1,
                       Promise promise = Promise::finite) -> Extreme& {
    const int64_t n = int64_t(x.size());
    const Shape shape{rows, rows ? n / rows : 3};
    Arguments a;
    a.tensors["target"] = a.tensors["q"] = matrix(target, shape);
    const Tensor marks = Tensor::empty(shape, DType::i32);
    for (int64_t i = 0; i < n; ++i) marks.raw<int32_t>()[i] = target[size_t(i)] > 0;
    a.tensors["positive"] = marks;
    return table.emplace_back(Extreme{name, Reads::cells, {{"scores", matrix(x, shape)}}, a, promise});
  };
  const double inf = infinity;
  row("large, right", {1e4, -1e4, -1e4}, {1, 0, 0});
  row("large, wrong", {-1e4, 1e4, 1e4}, {1, 0, 0});
  row("all zero", {0, 0, 0}, {1, 0, 0});
  row("subnormal", {tiny, -tiny, 0}, {1, 0, 0});
  row("the largest numbers, right", {huge, -huge, -huge}, {1, 0, 0}, 1, Promise::unbounded);
  row("the largest numbers, wrong", {-huge, huge, huge}, {1, 0, 0}, 1, Promise::unbounded);
  row("masked negatives", {2, -inf, -inf}, {1, 0, 0});
  row("a masked positive", {-inf, 1, 2}, {1, 0, 0}, 1, Promise::unbounded);
  row("everything masked", {-inf, -inf, -inf}, {0, 0, 0}, 1, Promise::zero);
  row("no positives", {1, 2, 3}, {0, 0, 0});
  row("only positives", {1, 2, 3}, {1, 1, 1});
  row("soft targets", {1e4, -1e4, 0}, {0.5, 0.25, 0.25});
  row("soft targets, a masked cell", {1, -inf, 0}, {0.5, 0, 0.5});
  row("an empty batch", {}, {}, 0, Promise::zero);
  row("identical rows", {1, 2, 1, 2}, {1, 0, 1, 0}, 2);
  row("NaN", {nan, 0, 1}, {1, 0, 0}, 1, Promise::no_number);
}

void add_embeddings(Extremes& table) {
  struct Case {
    const char* name;
    std::vector<double> z;
    std::vector<int32_t> labels;
    Promise promise = Promise::finite;
    bool cosines_only = false;
  };
  const std::vector<std::string> distances{"triplet", "triplet_mined", "contrastive_pair", "n_pairs", "barlow_twins", "vicreg"};
  const Case cases[] = {
      {"ordinary", {1, 2, 2, 1, -1, 0, 0, 1}, {0, 1, 0, 1}},
      {"identical rows", {1, 2, 1, 2, 1, 2, 1, 2}, {0, 1, 0, 1}},
      {"all rows zero", {0, 0, 0, 0, 0, 0, 0, 0}, {0, 1, 0, 1}},
      {"one row zero", {0, 0, 1, 2, 2, 1, -1, 0}, {0, 1, 0, 1}},
      {"large", {1e4, -1e4, 1e4, 1e4, -1e4, 0, 0, 1e4}, {0, 1, 0, 1}},
      {"the largest numbers", {huge, -huge, huge, huge, -huge, 0, 0, huge}, {0, 1, 0, 1}, Promise::finite, true},
      {"subnormal", {tiny, tiny, -tiny, 0, 0, tiny, tiny, -tiny}, {0, 1, 0, 1}},
      {"small", {1e-30, 0, 0, 1e-30, -1e-30, 0, 0, -1e-30}, {0, 1, 0, 1}},
      {"large beside small", {1e4, 0, 1e-20, 0, 0, 1e-20, 0, 1e4}, {0, 1, 0, 1}},
      {"antipodal", {1, 0, -1, 0, 0, 1, 0, -1}, {0, 1, 0, 1}},
      {"anchors without positives", {1, 2, 2, 1, -1, 0, 0, 1}, {0, 1, 2, 3}},
      {"one class", {1, 2, 2, 1, -1, 0, 0, 1}, {5, 5, 5, 5}},
      {"all labels ignored", {1, 2, 2, 1, -1, 0, 0, 1}, {-1, -1, -1, -1}},
      {"a batch of one", {1, 2}, {0}},
      {"a batch of one zero", {0, 0}, {0}},
      {"an empty batch", {}, {}, Promise::zero},
      {"NaN", {nan, 1, 1, 2, 2, 1, -1, 0}, {0, 1, 0, 1}, Promise::no_number},
  };
  for (const Case& c : cases) {
    const int64_t n = int64_t(c.labels.size());
    const Tensor z = matrix(c.z, {n, 2});
    const Tensor turned = matrix(std::vector<double>(c.z.rbegin(), c.z.rend()), {n, 2});
    Arguments a;
    a.tensors["labels"] = indices(c.labels);
    a.tensors["target"] = Tensor::zeros({n}, DType::f64);
    for (int64_t i = 0; i < n; ++i) a.tensors["target"].raw<double>()[i] = c.labels[size_t(i)];
    a.tensors["same"] = Tensor::full({n}, 1, DType::i32);
    if (n) a.tensors["same"].raw<int32_t>()[0] = 0;
    Extreme one{c.name, Reads::embeddings, {{"z", z}}, a, c.promise};
    if (c.cosines_only) one.skip = distances;
    const std::string name = c.name;
    one.second_beyond_f32 = name == "small" || name == "large beside small";
    if (name == "large") one.kernel_rounds = {"n_pairs"};
    // Nothing to compare is exactly nothing.
    if (name == "anchors without positives") one.but_zero = {"sup_con", "triplet_mined", "circle"};
    if (name == "one class") one.but_zero = {"triplet_mined", "circle"};
    if (name == "all labels ignored") one.but_zero = {"sup_con", "triplet_mined", "circle", "multi_similarity"};
    if (name.starts_with("a batch of one"))
      one.but_zero = {"sup_con",  "triplet_mined",      "circle",  "multi_similarity", "uniformity", "cosent", "simcse",
                      "info_nce", "info_nce_both_ways", "nt_xent", "sup_con_views"};
    table.push_back(one);
    Extreme two = one, three = one;
    two.reads = Reads::two_embeddings;
    two.inputs = {{"a", z}, {"b", turned}};
    table.push_back(two);
    three.reads = Reads::three_embeddings;
    three.inputs = {{"anchor", z}, {"positive", turned}, {"hard", z.clone()}};
    table.push_back(three);
    Extreme proxies = one;
    proxies.reads = Reads::proxies;
    proxies.inputs = {{"x", z}, {"proxies", matrix({1, 0, 0, 0, -1, 1, 2, 2, 1, 0, 3, 3}, {6, 2})}};
    if (name == "all labels ignored") proxies.but_zero = {"proxy_anchor"};
    table.push_back(proxies);
  }
}

void add_cosines(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> x, std::vector<int32_t> labels, Promise promise = Promise::finite) {
    const int64_t n = int64_t(labels.size()), classes = n ? int64_t(x.size()) / n : 3;
    table.emplace_back(
        Extreme{name, Reads::cosines, {{"cosines", matrix(x, {n, classes})}}, {{{"labels", indices(labels)}}}, promise});
  };
  row("cosine 1", {1, 0, -1}, {0});
  row("cosine -1", {-1, 1, 0}, {0});
  row("cosine 0", {0, 0, 0}, {2});
  row("just beyond 1", {1.0000001, 0, -1.0000001}, {0});
  row("all labels ignored", {0.5, 0.1, 0.2}, {-1}, Promise::zero);
  row("an empty batch", {}, {}, Promise::zero);
  row("one class", {0.5}, {0}, Promise::zero);
  row("an unlabelled row of nonsense", {0.5, 0.1, nan, infinity}, {1, -1});
  row("NaN", {nan, 0.1}, {0}, Promise::no_number);
}

void add_numbers(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> p, std::vector<double> t,
                       Promise promise = Promise::finite) -> Extreme& {
    const Shape shape{int64_t(p.size())};
    return table.emplace_back(
        Extreme{name, Reads::numbers, {{"prediction", matrix(p, shape)}, {"target", matrix(t, shape)}}, {}, promise});
  };
  row("equal", {1, 2}, {1, 2});
  row("far apart", {1e4, -1e4}, {-1e4, 1e4});
  row("subnormal", {tiny, 0}, {0, tiny});
  row("squares beyond the range", {huge, 0}, {0, 0}, Promise::unbounded).skip = {"mse"};  // its gradient is 2 huge
  row("an empty batch", {}, {}, Promise::zero);
  row("NaN", {nan, 0}, {0, 0}, Promise::no_number);
}
void add_probabilities(Extremes& table) {
  const auto row = [&](const char* name, std::vector<double> p, std::vector<double> t, int64_t rows = 1,
                       Promise promise = Promise::finite) {
    const Shape shape{rows, rows ? int64_t(p.size()) / rows : 3};
    table.emplace_back(Extreme{name, Reads::probabilities, {{"p", matrix(p, shape)}}, {{{"target", matrix(t, shape)}}}, promise});
  };
  row("certain and right", {1, 0, 0}, {1, 0, 0});
  row("certain and wrong", {0, 1, 0}, {1, 0, 0});
  row("nothing there", {0, 0, 0}, {0, 0, 0});
  row("subnormal", {tiny, tiny, 0}, {1, 0, 0});
  row("an empty batch", {}, {}, 0, Promise::zero);
  row("NaN", {nan, 0, 0}, {1, 0, 0}, 1, Promise::no_number);
}

void add_chains(Extremes& table) {
  struct Case {
    const char* name;
    std::vector<double> e;
    std::vector<double> between;
    std::vector<int32_t> tags, offsets;
    Promise promise = Promise::finite;
  };
  const double inf = infinity;
  const std::vector<double> flat{0, 0, 0, 0};
  const Case cases[] = {
      {"large, right", {1e4, -1e4, 1e4, -1e4}, flat, {0, 0}, {0, 2}},
      {"large, wrong", {1e4, -1e4, 1e4, -1e4}, flat, {1, 1}, {0, 2}},
      {"large transitions", {0, 0, 0, 0}, {1e4, -1e4, -1e4, 1e4}, {0, 1}, {0, 2}},
      {"the largest numbers", {huge, 0, 0, 0}, flat, {0, 1}, {0, 2}, Promise::unbounded},
      {"subnormal", {tiny, 0, 0, tiny}, flat, {0, 1}, {0, 2}},
      {"a forbidden tag that is not taken", {-inf, 0, 0, -inf}, flat, {1, 0}, {0, 2}},
      {"a forbidden tag that is taken", {-inf, 0, 0, 0}, flat, {0, 0}, {0, 2}, Promise::unbounded},
      {"a forbidden transition", {0, 0, 0, 0}, {0, -inf, 0, 0}, {0, 0}, {0, 2}},
      {"a forbidden transition that is taken", {0, 0, 0, 0}, {0, -inf, 0, 0}, {0, 1}, {0, 2}, Promise::unbounded},
      {"every path forbidden", {-inf, -inf, 0, 0}, flat, {0, 0}, {0, 2}},
      {"an empty sequence", {1, 2, 3, 4}, flat, {0, 1}, {0, 0, 2}},
      {"only empty sequences", {}, flat, {}, {0, 0, 0}, Promise::zero},
      {"no sequences", {}, flat, {}, {0}, Promise::zero},
      {"one token", {1, 2}, flat, {1}, {0, 1}},
      {"all tags ignored", {1, 2, 3, 4}, flat, {-1, -1}, {0, 2}, Promise::zero},
      {"NaN", {nan, 2, 3, 4}, flat, {0, 1}, {0, 2}, Promise::no_number},
  };
  for (const Case& c : cases)
    table.emplace_back(Extreme{c.name,
                               Reads::chain,
                               {{"emissions", matrix(c.e, {int64_t(c.tags.size()), 2})}, {"between", matrix(c.between, {2, 2})}},
                               {{{"tags", indices(c.tags)}, {"offsets", indices(c.offsets)}}},
                               c.promise});
}

void add_frames(Extremes& table) {
  struct Case {
    const char* name;
    std::vector<double> x;
    std::vector<int32_t> offsets, targets, target_offsets;
    Promise promise = Promise::finite;
  };
  const double inf = infinity;
  const Case cases[] = {
      {"large", {1e4, -1e4, 0, 1e4}, {0, 2}, {1}, {0, 1}},
      {"the largest numbers", {huge, 0, 0, huge}, {0, 2}, {1}, {0, 1}, Promise::unbounded},
      {"a masked blank", {-inf, 1, -inf, 2}, {0, 2}, {1}, {0, 1}},
      {"a masked symbol", {1, -inf, 2, -inf}, {0, 2}, {1}, {0, 1}, Promise::unbounded},
      {"no target", {1, 2, 3, 4}, {0, 2}, {}, {0, 0}},
      {"a target that does not fit", {1, 2, 3, 4}, {0, 2}, {1, 1}, {0, 2}, Promise::zero},
      {"an empty sequence", {1, 2}, {0, 0, 1}, {1}, {0, 0, 1}},
      {"no sequences", {}, {0}, {}, {0}, Promise::zero},
      {"NaN", {nan, 2, 3, 4}, {0, 2}, {1}, {0, 1}, Promise::no_number},
  };
  for (const Case& c : cases) {
    const Arguments a{
        {{"offsets", indices(c.offsets)}, {"targets", indices(c.targets)}, {"target_offsets", indices(c.target_offsets)}}};
    table.emplace_back(Extreme{c.name, Reads::frames, {{"logits", matrix(c.x, {int64_t(c.x.size()) / 2, 2})}}, a, c.promise});
  }
}

}  // namespace

TEST_CASE("no value or gradient is NaN unless it was promised") {
  Extremes table;
  add_logits(table);
  add_two_logits(table);
  add_cells(table);
  add_embeddings(table);
  add_cosines(table);
  add_numbers(table);
  add_probabilities(table);
  add_chains(table);
  add_frames(table);
  size_t calls = 0;
  for (const Extreme& row : table)
    for (const LossCall& call : loss_calls()) {
      if (call.reads != row.reads || std::count(row.skip.begin(), row.skip.end(), call.name)) continue;
      for (DType dtype : {DType::f32, DType::f64}) check(row, call, dtype), ++calls;
    }
  std::cout << "extreme values: " << table.size() << " inputs, " << loss_calls().size() << " losses, " << calls << " calls\n";
  CHECK(table.size() >= 60);
}

namespace {

/// What a loss of the registry is given of a row of the table, where it suits its task.
struct Question {
  Reads reads;
  Answer answer;
  const char* leaf;
  std::function<void(const Arguments&, Batch&)> fill;
};

Tensor one_each(int64_t rows) {
  const Tensor offsets = Tensor::empty({rows + 1}, DType::i32);
  for (int64_t r = 0; r <= rows; ++r) offsets.raw<int32_t>()[r] = int32_t(r);
  return offsets;
}

const Question questions[] = {
    {Reads::logits, {Rows::sequences, Link::softmax}, "logits", [](const Arguments& a, Batch& b) { b.labels = a["labels"]; }},
    {Reads::cells,
     {Rows::sequences, Link::sigmoid},
     "scores",
     [](const Arguments& a, Batch& b) { b.cells = a.marks("positive"); }},
    {Reads::chain,
     {Rows::words, Link::softmax},
     "emissions",
     [](const Arguments& a, Batch& b) { b.token_labels = a["tags"], b.word_offsets = a["offsets"]; }},
    {Reads::numbers,
     {Rows::sequences, Link::identity},
     "prediction",
     [](const Arguments& a, Batch& b) { b.targets = a["target"], b.offsets = one_each(b.targets.size()); }},
    {Reads::cosines, {Rows::sequences, Link::softmax}, "cosines", [](const Arguments& a, Batch& b) { b.labels = a["labels"]; }},
    {Reads::cells,
     {Rows::spans, Link::sigmoid},
     "scores",
     [](const Arguments& a, Batch& b) {  // every cell is the only span of a text of one token
       b.cells = a.marks("positive").view({a.marks("positive").size()});
       b.offsets = one_each(b.cells.size());
     }},
};

void check_registered(const std::string& name, const Loss& loss, const Extreme& row, const Question& how, DType dtype) {
  Tape tape;
  Arguments all = row.arguments;
  Tensors leaves;
  Tensor input;
  for (auto& [what, t] : all.tensors) t = as(t, dtype);
  for (const auto& [what, t] : row.inputs) {
    all.tensors[what] = as(t, dtype);
    if (std::string(what) == how.leaf) input = tape.leaf(as(t, dtype));
  }
  leaves.push_back(input);
  Batch batch;
  how.fill(all, batch);
  if (how.answer.rows == Rows::spans) input = reshape(input, {input.size()});
  if (how.answer.link == Link::identity) input = reshape(input, {input.size(), 1});
  Output out;
  out.logits = input;
  const Tensor value = how.reads == Reads::chain ? loss(input, batch) : loss.of(out, batch);
  CHECK_MESSAGE(!std::isnan(value.item()), name << ", " << row.name << ": NaN");
  if (!value.on_tape() || std::ranges::count(row.kernel_rounds, "cross_entropy")) return;
  const std::string problem = orders_agree(value, leaves, true);
  CHECK_MESSAGE(problem.empty(), name << ", " << row.name << ", " << tapedeck::name_of(dtype) << ": " << problem);
}

}  // namespace

TEST_CASE("the losses of the registry, as experiments name them, keep both orders at the edges") {
  Extremes table;
  add_logits(table);
  add_cells(table);
  add_chains(table);
  add_numbers(table);
  add_cosines(table);
  const std::set<std::string> of_cosines{"arc_face", "cos_face"};
  std::map<std::string, int> rows;
  for (const auto& [name, entry] : Registry<Loss>::entries()) {
    rows[name] = 0;
    for (const Question& how : questions)
      for (const Extreme& row : table) {
        const auto loss = configured<Loss>(name, name == "class_balanced" ? R"({"counts": [3, 2, 1, 4]})" : "{}");
        if (of_cosines.contains(name) != (how.reads == Reads::cosines)) continue;
        if (row.reads != how.reads || row.promise == Promise::no_number || !loss->suits(how.answer)) continue;
        for (const DType dtype : {DType::f32, DType::f64}) check_registered(name, *loss, row, how, dtype), ++rows[name];
      }
  }
  int total = 0;
  for (const auto& [name, count] : rows) {
    CHECK_MESSAGE(count > 0, name << " is in no row");
    total += count;
  }
  std::cout << "extreme values: " << rows.size() << " losses of the registry, " << total << " rows\n";
}

TEST_CASE("extreme logits give finite values and gradients") {
  struct Row {
    const char* name;
    std::vector<double> x;
  };
  const Row rows[] = {
      {"large", {1e4, -1e4, 0}}, {"all equal", {5, 5, 5}}, {"masked class", {1, -infinity, 2}}, {"huge", {1e30, -1e30, 0}}};
  for (auto& row : rows) {
    CAPTURE(row.name);
    Tape tape;
    const Tensor x = tape.leaf(matrix(row.x, {1, 3}));
    const Tensor y = tape.leaf(matrix(row.x, {1, 3}));
    for (const Tensor& value :
         {cross_entropy(x, indices({0})), kl_divergence(x, y, Reduction::sum), symmetric_kl(x, y, Reduction::sum)}) {
      CHECK(std::isfinite(value.item()));
      const Tensor g = gradient(value, x);
      for (int i = 0; i < 3; ++i) CHECK(std::isfinite(g.item(i)));
    }
  }
}

TEST_CASE("an ignored row is exactly nothing, whatever it holds") {
  Tape tape;
  const Tensor x = tape.leaf(matrix({2, 1, 0, NAN, infinity, -infinity}, {2, 3}));
  const Tensor value = cross_entropy(x, indices({0, -1}), {0.1, 0.1 / 3});
  CHECK(value.item() == doctest::Approx(0.507606).epsilon(2e-6));
  const Tensor g = gradient(value, x);
  for (int i = 3; i < 6; ++i) CHECK(g.item(i) == 0);
}
