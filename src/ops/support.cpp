// Checks, broadcasting and case inputs shared by the ops. Messages are put together only when they are thrown.
#include "support.h"

#include <cmath>

#include "kernels/parallel.h"

namespace tapedeck {

void detail::run_ranges(int64_t n, int64_t grain, void (*body)(const void*, int64_t, int64_t), const void* context) {
  kernels::parallel_ranges(n, grain, [&](int64_t begin, int64_t end) { body(context, begin, end); });
}

void add_or_copy(const Tensor& x, const Grad& dx) {
  dispatch(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().copy_rows(1, x.size(), x.raw<T>(), x.size(), dx.into.raw<T>(), x.size(), dx.accumulate);
  });
}

void fill_zero(const Tensor& x) {
  dispatch(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().fill(x.size(), T(0), x.raw<T>());
  });
}

std::string shapes(In x) {
  std::string out;
  for (const Tensor& t : x) out += (out.empty() ? "" : ", ") + (t ? t.shape().str() : std::string("undefined"));
  return out;
}

void raise(ErrorKind kind, std::string message, std::string_view hint) {
  Error e(kind, std::move(message), std::string(hint));
  if (current_scope()) e.at(scope_path(current_scope()));
  throw e;
}

void shape_error(std::string_view op, In x, std::string_view expected, std::string_view hint) {
  raise(ErrorKind::shape, text(op, ": got ", shapes(x), "; ", expected), hint);
}

void require_floating(std::string_view op, In x) {
  DType first = DType::f32;
  bool seen = false;
  for (const Tensor& t : x) {
    if (!t) continue;
    if (!is_floating(t.dtype()))
      raise(ErrorKind::dtype, text(op, ": got ", name_of(t.dtype()), t.shape().str(), "; needs f32 or f64"),
            "convert with to(DType::f32)");
    if (seen && t.dtype() != first)
      raise(ErrorKind::dtype, text(op, ": got ", name_of(first), " and ", name_of(t.dtype()), " (shapes ", shapes(x), ")"),
            "convert one of them with to()");
    first = t.dtype();
    seen = true;
  }
}

void require_floating(std::string_view op, std::initializer_list<Tensor> x) { require_floating(op, In(x.begin(), x.size())); }

void require_defined(std::string_view op, std::string_view what, const Tensor& x) {
  if (!x)
    raise(ErrorKind::value, text(op, ": ", what, " is undefined (it has no buffer)"), "pass a tensor that was computed or made");
}

void require_dtype(std::string_view op, std::string_view what, const Tensor& x, DType expected) {
  require_defined(op, what, x);
  if (x.dtype() != expected)
    raise(ErrorKind::dtype, text(op, ": ", what, " is ", name_of(x.dtype()), x.shape().str(), "; needs ", name_of(expected)),
          text("convert with to(DType::", name_of(expected), ")"));
}

void require_rank(std::string_view op, std::string_view what, const Tensor& x, int rank) {
  require_defined(op, what, x);
  if (x.shape().rank() != rank)
    raise(ErrorKind::shape, text(op, ": ", what, " has shape ", x.shape().str(), "; needs rank ", rank), "reshape it");
}

void require_shape(std::string_view op, std::string_view what, const Tensor& x, const Shape& expected) {
  require_defined(op, what, x);
  if (!(x.shape() == expected))
    raise(ErrorKind::shape, text(op, ": ", what, " has shape ", x.shape().str(), "; needs ", expected.str()));
}

void require_indices(std::string_view op, std::string_view what, const Tensor& index, int64_t limit, std::string_view limit_of,
                     std::optional<int32_t> ignore) {
  require_dtype(op, what, index, DType::i32);
  require_rank(op, what, index, 1);
  const int32_t* values = index.raw<int32_t>();
  for (int64_t i = 0; i < index.size(); ++i) {
    if ((values[i] >= 0 && values[i] < limit) || (ignore && values[i] == *ignore)) continue;
    raise(ErrorKind::index, text(op, ": ", what, "[", i, "] is ", values[i], ", but there are ", limit, " ", limit_of),
          text("entries must lie in 0..", limit - 1));
  }
}

int require_axis(std::string_view op, const Tensor& x, int axis) {
  require_defined(op, "x", x);
  const int rank = x.shape().rank();
  if (axis < -rank || axis >= rank)
    raise(ErrorKind::shape, text(op, ": axis ", axis, " is out of range for shape ", x.shape().str()),
          rank ? text("axes lie in ", -rank, "..", rank - 1) : std::string("a scalar has no axes"));
  return axis < 0 ? axis + rank : axis;
}

std::optional<kernels::Broadcast> broadcast(const Shape& a, const Shape& b) {
  using kernels::Broadcast;
  if (a == b) return Broadcast::same;
  if (b.rank() > a.rank()) return {};
  if (b.size() == 1) return Broadcast::scalar;
  if (b.rows() == 1 && b.cols() == a.cols()) return Broadcast::row;
  if (b.rank() == a.rank() && b.cols() == 1 && a.with(a.rank() - 1, 1) == b) return Broadcast::column;
  return {};
}

Around around(const Shape& shape, int axis) {
  Around a;
  if (axis < 0) axis += shape.rank();
  for (int i = 0; i < axis; ++i) a.outer *= shape[i];
  a.axis = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) a.inner *= shape[i];
  return a;
}

Tensor case_input(Shape shape, Key key, DType dtype) { return Tensor::normal(shape, key, 0, 1, DType::f64).to(dtype); }

Tensor case_input(Shape shape, std::string_view seed, DType dtype) { return case_input(shape, root_key(20) / seed, dtype); }

Tensor case_uniform(Shape shape, std::string_view seed, DType dtype, double low, double high) {
  return Tensor::uniform(shape, root_key(21) / seed, low, high, DType::f64).to(dtype);
}

Tensor case_away_from(std::initializer_list<double> kinks, Shape shape, std::string_view seed, DType dtype, double gap) {
  Tensor x = case_input(shape, seed, DType::f64);
  for (double& v : x.data<double>())
    for (double kink : kinks)
      if (std::abs(v - kink) < gap) v = v < kink ? v - 2 * gap : v + 2 * gap;
  return x.to(dtype);
}

Tensor case_indices(int64_t count, int64_t limit, std::string_view seed) {
  Tensor index = Tensor::empty({count}, DType::i32);
  for (int64_t i = 0; i < count; ++i)
    index.raw<int32_t>()[i] = int32_t(random_below(root_key(22) / seed, uint64_t(i), uint64_t(limit)));
  return index;
}

OpCase case_of(std::string name, std::vector<Tensor> inputs, std::function<Tensor(In)> call) {
  return {std::move(name), std::move(inputs), [call = std::move(call)](In x) { return Tensors{call(x)}; }, {}, 1};
}

double added(Asked dx) {
  double elements = 0;
  for (const Grad& g : dx)
    if (g.wanted && g.accumulate) elements += double(g.into.size());
  return elements;
}

Cost cost_of_adding(const Tensor& index, const Tensor& dy, const Grad& dx) {
  const double read = bytes_of(index) + bytes_of(dy);
  return {double(dy.size()), read + (dx.accumulate ? 2 * bytes_of(dy) : bytes_of(dx.into))};
}

Cost cost_of_placing(const Tensor& index, const Tensor& dy, const Grad& dx) {
  return {dx.accumulate ? double(dy.size()) : 0, cost_of_adding(index, dy, dx).bytes};
}

double bytes_of(const Tensor& t) { return t ? double(t.size()) * double(size_of(t.dtype())) : 0; }

}  // namespace tapedeck
