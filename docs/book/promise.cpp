// A fused op and four ways to break its promise: y = x sigmoid(x) with its slope s + x s (1 - s), s = sigmoid(x). Who notices?
// Chapter 5 shows what this prints. Next: ../guide/extend/op.cpp, an op that is meant to stay.
#include <cmath>
#include <cstdio>

#include <tapedeck/ops/author.h>
#include <tapedeck/check/check_op.h>

using namespace tapedeck;

namespace {

enum Lie { honest, forgets_a_term, overwrites, reads_y, other_reference, lies };
constexpr const char* lie_names[] = {"honest", "forgets", "overwrites", "reads y", "reference"};

template <Lie lie>
struct Swish final : Op {
  std::string_view name() const override { return "swish"; }
  Specs infer(In x) const override {
    require_floating(name(), x);
    return {{x[0].shape(), x[0].dtype()}};
  }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (int64_t i = 0; i < x[0].size(); ++i) y[0].raw<T>()[i] = x[0].raw<T>()[i] / (1 + std::exp(-x[0].raw<T>()[i]));
    });
  }
  bool backward(In x, In y, In dy, Grads dx) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (int64_t i = 0; i < x[0].size(); ++i) {
        const T v = x[0].raw<T>()[i], s = 1 / (1 + std::exp(-v));
        const T slope = lie == forgets_a_term ? s : lie == reads_y ? s + y[0].raw<T>()[i] * (1 - s) : s + v * s * (1 - s);
        T& to = dx[0].into.raw<T>()[i];
        to = (dx[0].accumulate && lie != overwrites ? to : T(0)) + slope * dy[0].raw<T>()[i];
      }
    });
    return true;
  }
  Tensors reference(In x) const override { return {lie == other_reference ? gelu(x[0]) : x[0] * sigmoid(x[0])}; }
  Saves saves() const override { return {{Save::input, 0, "s is recomputed from it"}}; }
};

template <Lie lie>
std::vector<OpCase> cases(DType t) {
  return {case_of("3x5", {case_input({3, 5}, "x", t)}, [](In v) { return apply(Swish<lie>(), {v[0]}); })};
}

template <Lie lie>
OpReport report() { return check_op({"swish", "y = x sigmoid(x)", cases<lie>, nullptr}); }

int count(const OpReport& report, int check) {
  int found = 0;
  for (const std::string& failure : report.failures) found += failure.find(text("check (", check, ")")) != failure.npos;
  return found;
}

}  // namespace

int main() {
  const OpReport reports[lies] = {report<honest>(), report<forgets_a_term>(), report<overwrites>(), report<reads_y>(),
                                  report<other_reference>()};
  std::printf("%-22s", "diagnostics of");
  for (const char* name : lie_names) std::printf("%12s", name);
  for (const CheckCount& check : reports[honest].checks) {
    std::printf("\n%4d %-17s", check.number, check.name.c_str());
    for (const OpReport& report : reports) {
      const int diagnostics = count(report, check.number);
      std::printf("%12s", diagnostics ? std::to_string(diagnostics).c_str() : ".");
    }
  }
  std::printf("\n\ncheck 5 about the kernel that forgets a term:\n");
  for (const std::string& failure : reports[forgets_a_term].failures)
    if (failure.find("check (5)") != failure.npos) std::printf("  %s\n", failure.c_str());
}
