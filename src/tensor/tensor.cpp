// Construction, sharing and conversion of tensors. Printing is in print.cpp, buffers in pool.cpp.
#include <tapedeck/tensor/tensor.h>

#include <cstring>
#include <utility>

#include <tapedeck/base/error.h>

#include "kernels/kernels.h"

namespace tapedeck {

Tensor Tensor::adopt(Storage* storage, Shape shape, DType dtype) {
  Tensor t;
  t.storage_ = storage;
  ++storage->references;
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::empty(Shape shape, DType dtype) {
  return adopt(Pool::instance().take(size_t(shape.size()) * size_of(dtype)), shape, dtype);
}

Tensor Tensor::full(Shape shape, double value, DType dtype) {
  Tensor t = empty(shape, dtype);
  switch (dtype) {
    case DType::f32:
      kernels::kernel_table<float>().fill(t.size(), float(value), t.raw<float>());
      break;
    case DType::f64:
      kernels::kernel_table<double>().fill(t.size(), value, t.raw<double>());
      break;
    case DType::i32:
      for (auto& v : t.data<int32_t>()) v = int32_t(value);
      break;
    case DType::u8:
      for (auto& v : t.data<uint8_t>()) v = uint8_t(value);
      break;
    case DType::bf16:
      throw Error(ErrorKind::dtype, "full: bf16 holds packed operands only");
  }
  return t;
}

template <class T>
Tensor Tensor::from(std::span<const T> values, Shape shape) {
  if (int64_t(values.size()) != shape.size())
    throw Error(ErrorKind::shape, text("from: ", values.size(), " values do not fill shape ", shape.str()));
  Tensor t = empty(shape, dtype_of<T>);
  if (!values.empty()) std::memcpy(t.storage_->data, values.data(), values.size_bytes());
  return t;
}
template <class T>
Tensor Tensor::of(std::initializer_list<T> values, Shape shape) {
  return from(std::span<const T>(values.begin(), values.size()), shape);
}

#define TAPEDECK_ELEMENT(T)                                       \
  template Tensor Tensor::from<T>(std::span<const T>, Shape);     \
  template Tensor Tensor::of<T>(std::initializer_list<T>, Shape); \
  template std::span<T> Tensor::data<T>() const;

namespace {

/// What released handles refer to; never given back, because it holds a reference to itself.
thread_local constinit Storage nothing{.references = 1};

[[noreturn]] void no_elements(const char* who, const Shape& shape) {
  throw Error(ErrorKind::stale, text(who, ": the elements of this value of shape ", shape.str(), " were forgotten by the tape"),
              "read a value while the step that made it runs, or record with Keep::all");
}

}  // namespace

Tensor Tensor::released(Shape shape, DType dtype) { return adopt(&nothing, shape, dtype); }
Tensor Tensor::released() const { return released(shape_, dtype_).placed(place_); }

template <class T>
std::span<T> Tensor::data() const {
  if (!storage_) throw Error(ErrorKind::value, "data: the tensor is undefined");
  if (!storage_->data) no_elements("data", shape_);
  if (dtype_of<T> != dtype_)
    throw Error(ErrorKind::dtype, text("data: asked for ", name_of(dtype_of<T>), ", but the tensor holds ", name_of(dtype_)),
                "convert it with to() or ask for its own dtype");
  return {raw<T>(), size_t(size())};
}
TAPEDECK_ELEMENT(float)
TAPEDECK_ELEMENT(double)
TAPEDECK_ELEMENT(int32_t)
TAPEDECK_ELEMENT(uint8_t)
TAPEDECK_ELEMENT(uint16_t)

Tensor Tensor::uniform(Shape shape, Key key, double low, double high, DType dtype, uint64_t first) {
  Tensor t = empty(shape, dtype);
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().fill_uniform(t.size(), key.bits, first, T(low), T(high), t.raw<T>());
  });
  return t;
}

Tensor Tensor::normal(Shape shape, Key key, double mean, double deviation, DType dtype, uint64_t first) {
  Tensor t = empty(shape, dtype);
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    kernels::kernel_table<T>().fill_normal(t.size(), key.bits, first, T(mean), T(deviation), t.raw<T>());
  });
  return t;
}

Tensor::Tensor(const Tensor& o) noexcept : storage_(o.storage_), shape_(o.shape_), dtype_(o.dtype_), place_(o.place_) {
  if (storage_) ++storage_->references;
}
Tensor::Tensor(Tensor&& o) noexcept
    : storage_(std::exchange(o.storage_, nullptr)), shape_(o.shape_), dtype_(o.dtype_), place_(std::exchange(o.place_, {})) {}
Tensor& Tensor::operator=(const Tensor& o) noexcept {
  Tensor copy(o);
  return *this = std::move(copy);
}
Tensor& Tensor::operator=(Tensor&& o) noexcept {
  std::swap(storage_, o.storage_);
  shape_ = o.shape_;
  dtype_ = o.dtype_;
  place_ = o.place_;
  return *this;
}
Tensor::~Tensor() {
  if (storage_ && --storage_->references == 0) Pool::instance().give(storage_);
}

double Tensor::item(int64_t i) const {
  if (!storage_) throw Error(ErrorKind::value, "item: the tensor is undefined");
  if (!storage_->data) no_elements("item", shape_);
  if (i < 0 || i >= size()) throw Error(ErrorKind::index, text("item: index ", i, " is outside shape ", shape_.str()));
  switch (dtype_) {
    case DType::f32:
      return double(raw<float>()[i]);
    case DType::f64:
      return raw<double>()[i];
    case DType::i32:
      return raw<int32_t>()[i];
    case DType::u8:
      return raw<uint8_t>()[i];
    case DType::bf16: {
      const uint32_t bits = uint32_t(raw<uint16_t>()[i]) << 16;
      float f;
      std::memcpy(&f, &bits, sizeof f);
      return double(f);
    }
  }
  return 0;
}

Tensor Tensor::detach() const {
  Tensor t = *this;
  t.place_ = {};
  return t;
}

Tensor Tensor::clone() const {
  Tensor t = empty(shape_, dtype_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return clone();
  Tensor t = empty(shape_, dtype);
  for (int64_t i = 0, n = size(); i < n; ++i) {
    const double v = item(i);
    switch (dtype) {
      case DType::f32:
        t.raw<float>()[i] = float(v);
        break;
      case DType::f64:
        t.raw<double>()[i] = v;
        break;
      case DType::i32:
        t.raw<int32_t>()[i] = int32_t(v);
        break;
      case DType::u8:
        t.raw<uint8_t>()[i] = uint8_t(v);
        break;
      case DType::bf16:
        throw Error(ErrorKind::dtype, "to: bf16 holds packed operands only");
    }
  }
  return t;
}

Tensor Tensor::view(Shape shape) const {
  if (shape.size() != size())
    throw Error(ErrorKind::shape, text("view: shape ", shape_.str(), " cannot be seen as ", shape.str(), ": sizes differ"));
  Tensor t = detach();
  t.shape_ = shape;
  return t;
}

void Tensor::copy_from(const Tensor& o) const {
  if (o.shape_ != shape_ || o.dtype_ != dtype_)
    throw Error(ErrorKind::shape,
                text("copy_from: ", name_of(o.dtype_), o.shape_.str(), " does not fit ", name_of(dtype_), shape_.str()));
  if (const size_t bytes = size_t(size()) * size_of(dtype_)) std::memcpy(storage_->data, o.storage_->data, bytes);
}

}  // namespace tapedeck
