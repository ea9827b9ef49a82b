// The tape's promises: a list without recursion, handles that turn stale instead of corrupting, gradients of any order.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include <pthread.h>

#include <tapedeck/ops/fused.h>

using namespace tapedeck;

namespace {

Tensor numbers(std::initializer_list<double> v) { return Tensor::of<double>(v, {int64_t(v.size())}); }

template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return e; }
  FAIL("no error was raised");
  return Error(ErrorKind::internal, "none");
}

}  // namespace

TEST_CASE("derivatives of any order: d^n/dx^n of x^5, sin x and exp x") {
  struct Row {
    const char* name;
    Tensor (*f)(const Tensor&);
    double (*nth)(int n, double x);
  };
  const Row rows[] = {
      {"x^5", [](const Tensor& x) { return pow(x, 5); },
       [](int n, double x) {
         double c = 1;
         for (int i = 0; i < n; ++i) c *= 5 - i;
         return c * std::pow(x, 5 - n);
       }},
      {"sin", [](const Tensor& x) { return sin(x); }, [](int n, double x) { return std::sin(x + n * std::acos(-1.0) / 2); }},
      {"exp", [](const Tensor& x) { return exp(x); }, [](int, double x) { return std::exp(x); }},
  };
  for (auto& row : rows) {
    Tape tape;
    const Tensor x = tape.leaf(Tensor::scalar(0.7, DType::f64));
    Tensor y = row.f(x);
    for (int n = 1; n <= 4; ++n) {
      y = gradient(y, x, Order::differentiable);
      CAPTURE(row.name);
      CAPTURE(n);
      CHECK(y.item() == doctest::Approx(row.nth(n, 0.7)).epsilon(1e-12));
    }
  }
}

TEST_CASE("one tensor in two argument places counts twice") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({3}));
  CHECK(gradient(sum(x * x), x).item() == 6);
  CHECK(gradient(sum(x + x), x).item() == 2);
  const Tensor w = tape.leaf(Tensor::normal({4}, root_key(1), 0, 1, DType::f64));
  const Tensor rows = tape.leaf(Tensor::normal({3, 4}, root_key(2), 0, 1, DType::f64));
  const Tensor both = gradient(sum(square(layer_norm(rows, w, w))), w);
  const Tensor a = tape.leaf(w.detach()), b = tape.leaf(w.detach());
  const Tensors parts = gradients(sum(square(layer_norm(rows, a, b))), Tensors{a, b});
  for (int i = 0; i < 4; ++i) CHECK(both.item(i) == doctest::Approx(parts[0].item(i) + parts[1].item(i)).epsilon(1e-13));
}

TEST_CASE("backward adds into the buffers of leaves and returns what is wanted besides") {
  Tape tape;
  const Tensor gradient_buffer = Tensor::full({2}, 10, DType::f64);
  const Tensor w = tape.leaf(numbers({1, 2}), gradient_buffer);
  const Tensor h = w * 3.0;
  const Tensors also = backward(sum(square(h)), Tensors{h, w});
  CHECK(gradient_buffer.item(0) == 10 + 18);
  CHECK(gradient_buffer.item(1) == 10 + 36);
  CHECK(also[0].item(1) == 12);
  CHECK(also[1].item(1) == 36);
  backward(sum(h));
  CHECK(gradient_buffer.item(0) == 10 + 18 + 3);
}

TEST_CASE("what the loss does not reach has gradient zero") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2})), unused = tape.leaf(numbers({1, 2, 3}));
  const Tensor g = gradient(sum(x), unused);
  CHECK(g.shape() == Shape{3});
  CHECK(g.item(0) == 0);
  CHECK(gradient(sum(x.detach() * x), x).item(1) == 2);  // detach cuts one of the two paths
}

TEST_CASE("a sweep leaves rows only when it is asked to") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({0.5, -1}));
  const Tensor y = sum(tanh(x) * x);
  const NodeId before = tape.size();
  gradient(y, x);
  CHECK(tape.size() == before);
  const Tensor g = gradient(y, x, Order::differentiable);
  CHECK(tape.size() > before);
  CHECK(g.on_tape());
  bool from_tanh = false;
  for (NodeId i = before; i < tape.size(); ++i) {
    REQUIRE(tape.node(i).origin != no_node);
    CHECK(tape.node(i).origin < before);
    from_tanh = from_tanh || tape.node(tape.node(i).origin).op->name() == "tanh";
  }
  CHECK(from_tanh);
}

TEST_CASE("rows know their module path, and so do errors") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2}));
  {
    Scope encoder("encoder");
    Scope layer("layers", 2);
    const Tensor y = exp(x);
    CHECK(scope_path(tape.node(tape.owner(y.place().value)).scope) == "encoder.layers.2");
    CHECK(error_of([&] { return x + numbers({1, 2, 3}); }).where() == "encoder.layers.2");
  }
  CHECK(current_scope() == 0);
  CHECK(scope_id("encoder.layers.2") == scope_id("encoder.layers.2"));
  CHECK(scope_hash(scope_id("a.b")) != scope_hash(scope_id("b.a")));
}

TEST_CASE("stale handles raise an error and never corrupt") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2}));
  const Tape::Mark mark = tape.mark();
  const Tensor y = x * 2.0;
  tape.rewind(mark);
  CHECK(error_of([&] { return y + 1.0; }).kind() == ErrorKind::stale);
  const Tensor z = x * 3.0;  // takes the row that y had
  CHECK(z.place().value == y.place().value);
  CHECK(error_of([&] { return y + 1.0; }).kind() == ErrorKind::stale);
  CHECK((z + 1.0).item(0) == 4);
  CHECK(y.item(1) == 4);  // the value itself is still there
  Tensor orphan;
  {
    Tape other;
    orphan = other.leaf(numbers({1})) * 2.0;
  }
  CHECK(error_of([&] { return orphan + 1.0; }).kind() == ErrorKind::stale);
  CHECK(error_of([&] { return gradient(orphan, x); }).kind() == ErrorKind::stale);
  Tape second;
  const Tensor elsewhere = second.leaf(numbers({1, 2}));
  CHECK(error_of([&] { return elsewhere + x; }).kind() == ErrorKind::stale);
}

TEST_CASE("misuse of gradients says what to do") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2}));
  struct Row {
    const char* name;
    std::function<void()> call;
    ErrorKind kind;
    const char* text;
  };
  const Row rows[] = {
      {"loss off the tape", [&] { gradient(sum(x.detach()), x); }, ErrorKind::value, "not on a tape"},
      {"wrt off the tape", [&] { gradient(sum(x), x.detach()); }, ErrorKind::value, "leaf"},
      {"a vector without a seed", [&] { gradient(x * 2.0, x); }, ErrorKind::shape, "grad_output"},
      {"a grad_output of the wrong shape", [&] { gradient(x * 2.0, x, Order::first, numbers({1})); }, ErrorKind::shape,
       "grad_output"},
      {"a mark above the tape",
       [&] {
         auto m = tape.mark();
         m.node += 5;
         tape.rewind(m);
       },
       ErrorKind::stale, "mark"},
      {"a buffer that does not fit",
       [&] {
         tape.leaf(numbers({1, 2}), numbers({1}));
       },
       ErrorKind::shape, "gradient buffer"},
  };
  for (auto& row : rows) {
    CAPTURE(row.name);
    const Error e = error_of(row.call);
    CHECK(e.kind() == row.kind);
    CHECK(std::string(e.what()).find(row.text) != std::string::npos);
  }
}

TEST_CASE("non-finite values are named by op, path and element while a step is replayed") {
  Tape tape;
  tape.set_check_finite(true);
  const Tensor x = tape.leaf(numbers({1, 0}));
  Scope scope("head");
  const Error forward = error_of([&] { return log(x - 1.0); });
  CHECK(forward.kind() == ErrorKind::non_finite);
  CHECK(forward.message().find("log") != std::string::npos);
  CHECK(forward.where() == "head");
  const Tensor y = sum(sqrt(x));  // finite value, infinite derivative at 0
  const Error back = error_of([&] { return gradient(y, x); });
  CHECK(back.message().find("sqrt") != std::string::npos);
  CHECK(back.message().find("element 1") != std::string::npos);
}

TEST_CASE("a million rows on a 1 MB stack: forward, backward, recorded backward, rewind") {
  auto work = [](void*) -> void* {
    Tape tape;
    const Tensor x = tape.leaf(Tensor::scalar(1, DType::f64));
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y + 1e-6;
    const bool first = gradient(y, x).item() == 1;
    Tensor z = x;
    for (int i = 0; i < 100'000; ++i) z = z * 1.00001;
    const Tensor g = gradient(square(z), x, Order::differentiable);
    const double second = gradient(g, x).item();
    const double expected = 2 * std::pow(1.00001, 200'000);
    tape.clear();
    return reinterpret_cast<void*>(uintptr_t(first && std::abs(second / expected - 1) < 1e-6));
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &attributes, work, nullptr) == 0);
  void* result = nullptr;
  pthread_join(thread, &result);
  pthread_attr_destroy(&attributes);
  CHECK(result != nullptr);
}

TEST_CASE("sharing ops see one buffer, and gradients do not leak through it") {
  Tape tape;
  const Tensor x = tape.leaf(numbers({1, 2, 3, 4}));
  const Tensor y = reshape(x, {2, 2});
  CHECK(y.raw<double>() == x.raw<double>());
  const Tensor g = gradient(sum(y) + sum(x * 2.0), x);
  for (int i = 0; i < 4; ++i) CHECK(g.item(i) == 3);
}
