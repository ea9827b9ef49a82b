// A tensor: contiguous, row-major, reference-counted, 64-byte aligned. There are no strides: transposes are
// GEMM flags, head splitting happens inside attention, reshape shares, permute copies. Next: tape/tape.h.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include <tapedeck/base/random.h>
#include <tapedeck/tensor/dtype.h>
#include <tapedeck/tensor/pool.h>
#include <tapedeck/tensor/shape.h>

namespace tapedeck {

class Tape;
using ValueId = uint32_t;

/// Where a value lives on a tape. A handle whose epoch is not the row's is stale and raises Error{stale}.
struct TapePosition {
  Tape* tape = nullptr;
  ValueId value = 0;
  uint32_t epoch = 0;
};

class Tensor {
 public:
  Tensor() = default;  // undefined: no buffer
  static Tensor empty(Shape shape, DType dtype = DType::f32);
  static Tensor full(Shape shape, double value, DType dtype = DType::f32);
  static Tensor zeros(Shape shape, DType dtype = DType::f32) { return full(shape, 0, dtype); }
  static Tensor scalar(double value, DType dtype = DType::f32) { return full({}, value, dtype); }
  template <class T>
  static Tensor of(std::initializer_list<T> values, Shape shape);
  template <class T>
  static Tensor from(std::span<const T> values, Shape shape);
  /// Element i depends on (key, first + i) only.
  static Tensor uniform(Shape shape, Key key, double low, double high, DType dtype = DType::f32, uint64_t first = 0);
  static Tensor normal(Shape shape, Key key, double mean, double deviation, DType dtype = DType::f32, uint64_t first = 0);

  Tensor(const Tensor& o) noexcept;
  Tensor(Tensor&& o) noexcept;
  Tensor& operator=(const Tensor& o) noexcept;
  Tensor& operator=(Tensor&& o) noexcept;
  ~Tensor();

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  int64_t size() const { return shape_.size(); }
  /// Elements; T must be the dtype's type, else Error{dtype}.
  template <class T>
  std::span<T> data() const;
  template <class T>
  T* raw() const {
    return reinterpret_cast<T*>(storage_->data);
  }                                  // unchecked, for ops
  double item(int64_t i = 0) const;  // any dtype, as double

  Tensor detach() const;                  // same buffer, off the tape
  Tensor clone() const;                   // own buffer, off the tape
  Tensor to(DType dtype) const;           // converted copy, off the tape
  Tensor view(Shape shape) const;         // same buffer, off the tape; sizes must agree
  void copy_from(const Tensor& o) const;  // same shape and dtype; writes into this buffer
  /// Shape, dtype and place without the elements: what a row keeps of a value that it may forget. Elements of a released
  /// handle are not to be read: data() and item() throw Error{stale}.
  Tensor released() const;
  static Tensor released(Shape shape, DType dtype);
  bool has_data() const { return storage_ && storage_->data; }
  bool unique() const { return storage_ && storage_->references == 1 && !storage_->parent; }
  Storage* storage() const { return storage_; }

  const TapePosition& place() const { return place_; }
  bool on_tape() const { return place_.tape != nullptr; }
  std::string str(int64_t max_elements = 64) const;  // "f32[2,2] [[1, 2], [3, 4]]"

  /// Tape and slab code only.
  static Tensor adopt(Storage* storage, Shape shape, DType dtype);
  Tensor placed(TapePosition place) const {
    Tensor t = *this;
    t.place_ = place;
    return t;
  }

 private:
  Storage* storage_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::f32;
  TapePosition place_;
};

}  // namespace tapedeck
