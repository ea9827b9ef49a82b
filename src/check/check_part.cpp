// gradcheck for what is made of ops: first derivatives against differences of the value, second derivatives against differences
// of the first along one direction; and the sums that micro-batches and several sweeps promise. Next: fixture.cpp.
#include <tapedeck/check/check_part.h>

#include <algorithm>
#include <iterator>

#include <tapedeck/base/error.h>
#include <tapedeck/check/replay.h>
#include <tapedeck/tape/gradcheck.h>

#include "src/check/fixture.h"

namespace tapedeck {
namespace {

using testing::Gap;
using Function = std::function<Tensor(In)>;
using Values = std::vector<Tensor>;

constexpr double first_limit = 1e-7, second_limit = 1e-6, sum_limit = 1e-10;
constexpr const char *first_promise = "first derivatives agree with differences",
                     *second_promise = "second derivatives agree with differences";

Tensor random(const Shape& shape, std::string_view what) { return Tensor::normal(shape, root_key(29) / what, 0, 1, DType::f64); }

/// Of any number of inputs; a list of tensors holds sixteen.
Values gradients_of(const Tensor& y, In x, Order order = Order::first) {
  Values all;
  for (size_t begin = 0; begin < x.size(); begin += max_inputs)
    for (Tensor& g : gradients(y, x.subspan(begin, std::min<size_t>(max_inputs, x.size() - begin)), order))
      all.push_back(std::move(g));
  return all;
}

/// Gradients of f at x, or of their sum weighted by `direction`.
Values gradients_at(const Function& f, In x, In direction = {}) {
  Tape tape;
  Values leaves;
  for (const Tensor& t : x) leaves.push_back(tape.leaf(t));
  const Tensor y = f(leaves);
  if (!y.on_tape())
    throw Error(ErrorKind::value, "the value does not depend on any of the inputs",
                "use ops: what is computed outside them has no gradient");
  if (direction.empty()) return gradients_of(y, leaves);
  const Values g = gradients_of(y, leaves, Order::differentiable);
  Tensor along;
  for (size_t k = 0; k < g.size(); ++k)
    if (g[k].on_tape()) along = along ? along + sum(g[k] * direction[k]) : sum(g[k] * direction[k]);
  if (along) return gradients_of(along, leaves);
  Values zero;
  for (const Tensor& t : x) zero.push_back(Tensor::zeros(t.shape(), t.dtype()));
  return zero;
}

/// A number that depends on every result, with a second derivative even where the results are linear; scores may be -inf.
Tensor as_number(const Tensors& results) {
  if (results.size() == 1 && results[0].size() == 1) return results[0];
  Tensor all;
  for (const Tensor& y : results) {
    const Tensor one = sum(sigmoid(y) * random(y.shape(), "projection"));
    all = all ? all + one : one;
  }
  return all;
}

/// Where a function bends so much that the stencil is too wide for it, a narrower one decides; a wrong gradient stays wrong.
Gap differences(In inputs, In analytic, const std::function<double()>& value, double limit) {
  const Gap wide = testing::gradcheck(inputs, analytic, value);
  if (wide.relative <= limit) return wide;
  const Gap narrow = testing::gradcheck(inputs, analytic, value, testing::stencil_step / 8);
  return narrow.relative <= limit ? narrow : wide;
}

/// "head.weight, element 3: ..." instead of "input 2, element 3: ...".
Gap named(Gap gap, const PartFixture& row) {
  for (size_t k = row.inputs.size(); k-- > 0;)
    if (gap.where == text("input ", k)) gap.where = row.input_names[k];
  return gap;
}

void check_derivatives(const PartFixture& row, std::vector<PartCheck>& checks) {
  const Function f = [&](In x) { return as_number(row.call(x)); };
  Values direction;
  for (const Tensor& x : row.inputs) direction.push_back(random(x.shape(), text("direction ", direction.size())));
  const auto slope = [&] {
    const Values g = gradients_at(f, row.inputs);
    double along = 0;
    for (size_t k = 0; k < g.size(); ++k) along += sum(g[k] * direction[k]).item();
    return along;
  };
  const Gap first = differences(
      row.inputs, gradients_at(f, row.inputs), [&] { return f(row.inputs).item(); }, first_limit);
  const Gap second = differences(row.inputs, gradients_at(f, row.inputs, direction), slope, second_limit);
  checks.push_back({row.name, first_promise, named(first, row), first_limit});
  checks.push_back({row.name, second_promise, named(second, row), second_limit});
}

/// Micro-batches add up to the batch, and an example without a label counts nothing.
void check_loss_sums(const PartName& part, std::vector<PartCheck>& checks) {
  const auto [loss, task] = fixture_loss(part);
  const FixtureTexts texts(Size::checked, 1, task);
  const Answer asked = texts.task().answer();
  if (asked.rows != Rows::sequences) return;
  const int64_t n = texts.size();
  const Tensor logits = random({n, texts.outputs()}, "logits");
  Tensor parts;
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 2}, {2, n}}) {
    const Tensor part = (*loss)(slice(logits, 0, begin, end), texts.batch(begin, end, *loss));
    parts = parts ? parts + part : part;
  }
  checks.push_back({text(n, " examples"), "micro-batches add up to the batch",
                    testing::compare(parts, (*loss)(logits, texts.batch(*loss))), sum_limit});
  if (asked.link == Link::identity) return;
  Batch batch = texts.batch(*loss);
  batch.labels.raw<int32_t>()[1] = -1;
  const Values g = gradients_at([&, &loss = *loss](In x) { return loss(x[0], batch); }, In(&logits, 1));
  const Tensor of_row = slice(g[0], 0, 1, 2);
  checks.push_back({text(n, " examples, one without label"), "an example without label has no gradient",
                    testing::compare(of_row, Tensor::zeros(of_row.shape(), DType::f64)), 0});
}

/// One method's update, looked at from all sides.
class MethodCheck {
 public:
  MethodCheck(MethodFixture& fixture, PartReport& report)
      : m_(fixture), report_(report), row_(text(m_.texts->size(), " texts, ", m_.store.count(), " parameters")) {}

  void run() {
    const Batch batch = m_.batch();
    Tape tape;
    Step step = m_.step(tape, batch);
    const Tensor loss = m_.objective->loss(step);
    if (!loss.on_tape())
      throw Error(ErrorKind::value, "its loss does not depend on the parameters",
                  "compose it of forward() and ops: what is computed outside them has no gradient");
    slab_ = step.grad(loss);
    for (const Parameter& p : m_.store.all()) {
      values_.push_back(p.value);
      gradients_.push_back(m_.store.window(slab_, p));
    }
    Gap gap = differences(
        values_, gradients_, [&] { return testing::replay(tape, loss).item(); }, first_limit);
    for (size_t k = values_.size(); k-- > 0;)
      if (gap.where == text("input ", k)) gap.where = m_.store.all()[k].path;
    add("the gradient agrees with differences, what is off the tape held constant", gap, first_limit);
    add("run() adds the gradient of loss()", testing::compare(run_of(batch), slab_), sum_limit);
    micro_batches();
    if (report_.sound()) whole_differences(batch);
  }

 private:
  void add(std::string promise, const Gap& gap, double limit) {
    report_.checks.push_back({row_, std::move(promise), gap, limit});
  }
  void clear() const { m_.store.gradients().copy_from(Tensor::zeros(m_.store.gradients().shape(), DType::f64)); }

  Tensor run_of(const Batch& batch, int64_t piece = 0) const {
    Tape tape;
    clear();
    Step step = m_.step(tape, batch, m_.number, piece);
    m_.objective->run(step);
    return m_.store.gradients().clone();
  }
  void micro_batches() {
    if (m_.objective->couples_examples()) {
      if (!m_.objective->second_order())
        add("a step in pieces makes the gradient of the batch", testing::compare(run_of(m_.batch(), 4), slab_), sum_limit);
      return;
    }
    Tensor both;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 2}, {2, m_.texts->size()}}) {
      const Tensor one = run_of(m_.texts->batch(begin, end, m_.objective->task()));
      both = both ? both + one : one;
    }
    add("micro-batches add up to the batch", testing::compare(both, slab_), sum_limit);
  }
  /// Whether the gradient is that of the value as it is computed from the parameters, attacks and all: a finding, not a promise.
  void whole_differences(const Batch& batch) {
    const Gap gap = testing::detail::directional_gap(values_, gradients_, [&] {
      Tape tape;
      Step step = m_.step(tape, batch);
      return m_.objective->loss(step).item();
    });
    report_.note = gap.relative < 1e-5
                       ? "its gradient is that of its value: nothing is held constant"
                       : "its gradient is not that of its value: it holds something constant, such as an attack or a teacher";
  }

  MethodFixture& m_;
  PartReport& report_;
  std::string row_;
  Tensor slab_;
  Values values_, gradients_;
};

void check(const PartName& part, PartReport& report) {
  if (const auto fixture = method_fixture(part, Size::checked)) return MethodCheck(*fixture, report).run();
  for (const PartFixture& row : part_fixtures(part, Size::checked)) check_derivatives(row, report.checks);
  if (part.kind == Loss::kind) check_loss_sums(part, report.checks);
}

}  // namespace

bool can_be_checked(std::string_view kind) {
  static constexpr std::string_view kinds[] = {"loss", "head", "encoder", "model", "objective", "adversary", "embedding_loss"};
  return std::ranges::find(kinds, kind) != std::end(kinds);
}

PartReport check_part(std::string_view kind, std::string_view name, const std::vector<std::string>& sets) {
  PartReport report{std::string(kind), std::string(name), {}, {}, {}};
  if (!can_be_checked(kind)) throw Error(ErrorKind::usage, text(kind, " has no derivatives to check"));
  const PartName part{kind, name, sets};
  require_options(part);
  try {
    check(part, report);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    report.exempt = error.message();
  }
  return report;
}

bool PartReport::sound() const { return std::ranges::all_of(checks, &PartCheck::sound); }

std::string PartReport::str() const {
  std::string out = text(kind, " ", name,
                         exempt.empty() ? ", in f64\n" : ": not checked, because it cannot be used here: " + exempt + "\n"),
              row;
  for (const PartCheck& check : checks) {
    if (check.row != row) out += text("  ", row = check.row, "\n");
    out += text("    ", check.sound() ? "" : "FAILED: ", check.promise, ": worst gap ", check.gap.relative, " (limit ",
                check.limit, ")\n", check.sound() ? "" : "      " + check.gap.str() + "\n");
  }
  if (!note.empty()) out += "  " + note + "\n";
  return exempt.empty() ? out + (sound() ? "  keeps its promises\n" : "  breaks its promises\n") : out;
}

}  // namespace tapedeck
