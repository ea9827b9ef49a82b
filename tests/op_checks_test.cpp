// Who checks the checks: one small op with a flaw for each promise of the op table. Every check must find its flaw and
// find nothing in the sound op. Next: op_table_test.cpp, which runs the same checks over the real ops.
#include <doctest/doctest.h>

#include "src/check/op_checks.h"
#include "support/count_allocations.h"

namespace tapedeck::testing {
namespace {

enum class Flaw {
  none,
  unnamed,
  leaves_the_last_element,
  coarse_in_f32,
  forward_off,
  backward_off,
  ignores_accumulate,
  derivative_off,
  second_derivative_lost,
  counts_threads,
  depends_on_instruction_set,
  reads_what_it_did_not_save,
  saves_what_it_never_reads,
  names_a_missing_value,
  allocates,
  costs_less_than_nothing
};

/// y = x^3 with dx = 3 x^2 dy, and one flaw.
struct Cube final : Op {
  Flaw flaw;
  explicit Cube(Flaw flaw) : flaw(flaw) {}

  std::string_view name() const override { return flaw == Flaw::unnamed ? "nameless" : "cube"; }
  Specs infer(In x) const override {
    if (x[0].shape().rank() != 1) throw Error(ErrorKind::shape, "cube: needs rank 1");
    return {{x[0].shape(), x[0].dtype()}};
  }
  template <class T>
  void forward_as(const T* x, T* y, int64_t n) const {
    if (flaw == Flaw::leaves_the_last_element) --n;
    T factor = 1;
    if (flaw == Flaw::coarse_in_f32 && sizeof(T) == 4) factor = T(1.0003);
    if (flaw == Flaw::forward_off) factor = T(1.0003);
    if (flaw == Flaw::counts_threads) factor += T(1e-6) * T(kernels::threads());
    if (flaw == Flaw::depends_on_instruction_set && kernels::instruction_set() != "portable") factor = T(1.0003);
    for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i] * x[i] * x[i];
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) { forward_as(x[0].raw<decltype(tag)>(), y[0].raw<decltype(tag)>(), x[0].size()); });
  }
  double slope() const { return flaw == Flaw::derivative_off ? 3.001 : 3; }
  template <class T>
  void backward_as(const T* x, const T* y, const T* dy, const Grad& dx) const {
    const double factor = flaw == Flaw::backward_off ? 3.001 : slope();
    for (int64_t i = 0; i < dx.into.size(); ++i) {
      const T g = T(factor) * x[i] * x[i] * dy[i] + (flaw == Flaw::reads_what_it_did_not_save ? y[i] * T(0) : T(0));
      T& to = dx.into.raw<T>()[i];
      to = dx.accumulate && flaw != Flaw::ignores_accumulate ? to + g : g;
    }
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    if (flaw == Flaw::allocates) ::operator delete(::operator new(8));  // called by name: a new-expression could be elided
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      backward_as(x[0].raw<T>(), y[0].raw<T>(), dy[0].raw<T>(), dx[0]);
    });
    return true;
  }
  Tensors vjp(In x, In, In dy, Wanted) const override {
    return {square(flaw == Flaw::second_derivative_lost ? x[0].detach() : x[0]) * dy[0] * slope()};
  }
  Tensors reference(In x) const override { return {x[0] * square(x[0])}; }
  Saves saves() const override {
    Saves s{{Save::input, 0, "dx = 3 x^2 dy"}};
    if (flaw == Flaw::saves_what_it_never_reads) s.push_back({Save::output, 0, "out of habit"});
    if (flaw == Flaw::names_a_missing_value) s.push_back({Save::input, 5, "from another op"});
    return s;
  }
  Cost cost(In x) const override {
    return {(flaw == Flaw::costs_less_than_nothing ? -2.0 : 2.0) * double(x[0].size()), bytes_moved(x)};
  }
  Cost backward_cost(In x, In y, In dy, Asked dx) const override { return {cost(x).flops, bytes_moved(x, y, dy, dx)}; }
};

OpCase case_with(Flaw flaw, DType dtype) {
  return {"a flaw",
          {Tensor::of<double>({0.5, -1.2, 0.8, 1.7}, {4}).to(dtype)},
          [flaw](In x) { return Tensors{apply(Cube(flaw), {x[0]})}; },
          {},
          1};
}

/// All failures of a check over both dtypes.
std::vector<std::string> failures(Flaw flaw, Findings (*check)(const OpRow&), bool f64_only) {
  const OpCase f32 = case_with(flaw, DType::f32), f64 = case_with(flaw, DType::f64);
  std::vector<std::string> all;
  if (!f64_only) all = check({"cube", DType::f32, &f32, &f64}).failures;
  for (const std::string& failure : check({"cube", DType::f64, &f64, &f32}).failures) all.push_back(failure);
  return all;
}

struct Trial {
  const char* flaw_name;
  Flaw flaw;
  Findings (*check)(const OpRow&);
  const char* said;
  bool f64_only = false;
};

Findings allocation_check(const OpRow& row) { return check_allocations(row, allocations); }
Findings narrow_against_wide(const OpRow& row) { return row.dtype == DType::f32 ? check_f32_f64(row) : Findings{}; }

const Trial trials[] = {
    {"no row of its name", Flaw::unnamed, check_infer, "records no row"},
    {"an element is never written", Flaw::leaves_the_last_element, check_infer, "fresh buffer differs"},
    {"a negative cost", Flaw::costs_less_than_nothing, check_infer, "costs -8 flops"},
    {"a negative cost of backward", Flaw::costs_less_than_nothing, check_backward, "backward costs -8 flops"},
    {"f32 is coarse", Flaw::coarse_in_f32, narrow_against_wide, "output 0"},
    {"forward is off", Flaw::forward_off, check_reference, "output 0"},
    {"backward is off", Flaw::backward_off, check_backward, "gradient of input 0"},
    {"accumulate is ignored", Flaw::ignores_accumulate, check_backward, "accumulated"},
    {"the derivative is off, kernel and rule alike", Flaw::derivative_off, check_gradcheck, "first derivative", true},
    {"the second derivative is lost", Flaw::second_derivative_lost, check_gradcheck2, "second derivative", true},
    {"the number of threads shows", Flaw::counts_threads, check_threads, "2 threads"},
    {"the instruction set shows", Flaw::depends_on_instruction_set, check_instruction_sets, "native GEMM"},
    {"an unlisted value is read", Flaw::reads_what_it_did_not_save, check_saves, "saves() does not list"},
    {"a missing value is listed", Flaw::names_a_missing_value, check_saves, "which the row lacks"},
    {"backward reaches the heap", Flaw::allocates, allocation_check, "operator new"},
};

TEST_CASE("each check finds the flaw it is there for") {
  for (const Trial& trial : trials) {
    CAPTURE(std::string(trial.flaw_name));
    if (trial.flaw == Flaw::depends_on_instruction_set && kernels::instruction_sets().size() == 1)
      continue;  // none to tell apart
    const std::vector<std::string> found = failures(trial.flaw, trial.check, trial.f64_only);
    REQUIRE(!found.empty());
    CHECK_MESSAGE(found[0].find(trial.said) != std::string::npos, "said instead: " << found[0]);
  }
}

TEST_CASE("no check finds a flaw in a sound op") {
  for (const Trial& trial : trials) {
    const std::vector<std::string> found = failures(Flaw::none, trial.check, trial.f64_only);
    CHECK_MESSAGE(found.empty(),
                  "check for \"" << std::string(trial.flaw_name) << "\" complains: " << (found.empty() ? "" : found[0]));
  }
}

TEST_CASE("a value that is listed but never read is noticed over all rows") {
  for (const auto& [flaw, noticed] : {std::pair{Flaw::none, true}, {Flaw::saves_what_it_never_reads, false}}) {
    save_uses.clear();
    CHECK(failures(flaw, check_saves, false).empty());
    bool all = true;
    for (const auto& use : save_uses["cube"]) all = all && use.second.noticed;
    CHECK(all == noticed);
  }
}

TEST_CASE("a misuse must raise the promised error and name the op") {
  const auto raise = [](ErrorKind kind, const char* message) { return [=] { throw Error(kind, message); }; };
  const OpMisuse misuses[] = {
      {"sound", raise(ErrorKind::shape, "cube: needs rank 1"), ErrorKind::shape, "rank 1"},
      {"nothing raised", [] {}, ErrorKind::shape, "rank 1"},
      {"another kind", raise(ErrorKind::dtype, "cube: needs rank 1"), ErrorKind::shape, "rank 1"},
      {"another message", raise(ErrorKind::shape, "cube: wrong"), ErrorKind::shape, "rank 1"},
      {"the op is not named", raise(ErrorKind::shape, "needs rank 1"), ErrorKind::shape, "rank 1"},
      {"not an Error", [] { throw std::runtime_error("cube: needs rank 1"); }, ErrorKind::shape, "rank 1"}};
  for (const OpMisuse& misuse : misuses) {
    CAPTURE(misuse.name);
    CHECK(check_misuse("cube", misuse).failures.empty() == (misuse.name == "sound"));
  }
}

TEST_CASE("the four-point stencil is sharp, and large rows are checked along directions") {
  CHECK(std::fabs(central_difference([](double t) { return std::exp(0.3 + t); }) - std::exp(0.3)) < 1e-11);
  const int64_t many = full_jacobian_limit + 1;
  const Tensor x = Tensor::normal({many}, root_key(5), 0, 1, DType::f64), before = x.clone();
  Tensor g = (square(x) * 3.0).clone();
  const Tensor in[] = {x};
  const auto value = [&] { return sum(square(x) * x).item(); };
  CHECK(gradcheck(in, In(&g, 1), value).relative < 1e-9);
  CHECK(same_bits(x, before));
  set(g, many / 2, g.item(many / 2) + 0.01);
  CHECK(gradcheck(in, In(&g, 1), value).relative > 1e-6);
}

}  // namespace
}  // namespace tapedeck::testing
