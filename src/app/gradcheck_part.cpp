// gradcheck for what is made of ops: a loss on random logits, a head on random vectors, in f64. First derivatives against
// differences of the value, second derivatives against differences of the first along one direction. Next: command_gradcheck.cpp.
#include <tapedeck/losses/loss.h>
#include <tapedeck/nn/head.h>
#include <tapedeck/tape/gradcheck.h>

#include "src/app/gradcheck_part.h"

namespace tapedeck::app {
namespace {

using Function = std::function<Tensor(In)>;

Tensor random(Shape shape, std::string_view what) { return Tensor::normal(shape, root_key(23) / what, 0, 1, DType::f64); }

Tensor counted(int64_t n, int64_t period) {
  const Tensor t = Tensor::empty({n}, DType::i32);
  for (int64_t i = 0; i < n; ++i) t.raw<int32_t>()[i] = int32_t(period > 0 ? i % period : i);
  return t;
}

/// Gradients of f at x; a second tape row by row when they are to be differentiated along `direction`.
Tensors gradients_at(const Function& f, In x, In direction) {
  Tape tape;
  Tensors leaves;
  for (const Tensor& t : x) leaves.push_back(tape.leaf(t));
  const Tensor y = f(leaves);
  if (!y.on_tape()) return {};
  if (direction.empty()) return gradients(y, leaves);
  const Tensors g = gradients(y, leaves, Order::differentiable);
  Tensor along;
  for (size_t k = 0; k < g.size(); ++k)
    if (g[k].on_tape()) along = along ? along + sum(g[k] * direction[k]) : sum(g[k] * direction[k]);
  if (along) return gradients(along, leaves);
  Tensors zero;
  for (const Tensor& t : x) zero.push_back(Tensor::zeros(t.shape(), t.dtype()));
  return zero;
}

PartCheck check(std::string title, const Function& f, const Tensors& x) {
  Tensors direction;
  for (size_t k = 0; k < x.size(); ++k) direction.push_back(random(x[k].shape(), text("direction ", k)));
  const Tensors first = gradients_at(f, x, {});
  if (first.empty()) throw Error(ErrorKind::usage, title + ": its value does not depend on its inputs");
  PartCheck result{std::move(title), {}, {}};
  result.first = testing::gradcheck(x, first, [&] { return f(x).item(); });
  result.second = testing::gradcheck(x, gradients_at(f, x, direction), [&] {
    const Tensors g = gradients_at(f, x, {});
    double along = 0;
    for (size_t k = 0; k < g.size(); ++k) along += sum(g[k] * direction[k]).item();
    return along;
  });
  return result;
}

PartCheck check_loss(const std::string& name, const Loss& loss) {
  constexpr int64_t examples = 6, classes = 4;
  Batch batch;
  batch.offsets = counted(examples + 1, 0);
  batch.tokens = batch.positions = counted(examples, 3);
  batch.total_sequences = batch.total_tokens = batch.total_labelled = examples;
  if (loss.regression()) batch.targets = random({examples}, "targets");
  else batch.labels = counted(examples, classes);
  const Tensors logits{random({examples, loss.regression() ? 1 : classes}, "logits")};
  return check("loss " + name, [&](In x) { return loss(x[0], batch); }, logits);
}

PartCheck check_head(const std::string& name, const HeadSpec& spec) {
  constexpr int64_t rows = 3, width = 6, outputs = 2;
  ParamStore store;
  const std::unique_ptr<Head> head = spec.build(Params(store) / "head", width, outputs);
  store.allocate(DType::f64, root_key(29));
  Batch batch;
  batch.offsets = counted(rows + 1, 0);
  batch.tokens = batch.positions = counted(rows, 2);
  batch.total_sequences = batch.total_tokens = rows;
  Tensors inputs{random({rows, width}, "pooled")};
  for (const Parameter& p : store.all()) inputs.push_back(p.value);
  return check("head " + name, [&](In x) {
    Pass pass(store, batch, Mode::evaluate, root_key(31), x.subspan(1));
    const Tensor y = head->forward(pass, x[0]);
    return sum(y * random(y.shape(), "projection")) + sum(square(y)) * 0.5;
  }, inputs);
}

}  // namespace

std::optional<PartCheck> check_part(const std::string& name) {
  if (const auto* entry = Registry<Loss>::find(name)) return check_loss(name, *entry->make());
  if (const auto* entry = Registry<HeadSpec>::find(name)) return check_head(name, *entry->make());
  return {};
}

std::string PartCheck::str() const {
  const auto line = [](const char* what, const testing::Gap& gap, double limit) {
    return text("  ", what, ": ", gap.relative <= limit ? "agrees with differences, " : "FAILED, ", "worst gap ", gap.relative, " (limit ", limit,
                ")", gap.relative <= limit ? "" : "\n    " + gap.str(), "\n");
  };
  return title + ", in f64\n" + line("first derivatives", first, first_limit) + line("second derivatives", second, second_limit);
}

}  // namespace tapedeck::app
