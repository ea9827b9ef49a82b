// A shape: up to six dimensions, held inline so that making one never allocates.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace tapedeck {

class Shape {
 public:
  static constexpr int max_rank = 6;
  Shape() = default;                           // a scalar: rank 0, size 1
  Shape(std::initializer_list<int64_t> dims);  // throws Error{shape} on rank > 6 or a negative dimension
  int rank() const { return rank_; }
  /// Negative axes count from the end; out of range throws Error{shape}.
  int64_t operator[](int axis) const { return dims_[size_t(axis < 0 ? axis + rank_ : axis)]; }
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < rank_; ++i) n *= dims_[size_t(i)];
    return n;
  }
  /// Elements of the last axis, and how many such rows there are (a scalar is 1 x 1).
  int64_t cols() const { return rank_ ? dims_[size_t(rank_ - 1)] : 1; }
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank_; ++i) n *= dims_[size_t(i)];
    return n;
  }
  const int64_t* data() const { return dims_.data(); }
  /// Axis in 0..rank-1; throws Error{shape} naming `who`.
  int axis(int a, const char* who) const;
  Shape with(int axis, int64_t size) const {
    Shape s = *this;
    s.dims_[size_t(axis)] = size;
    return s;
  }
  Shape without(int axis) const;
  Shape& push(int64_t dim);
  std::string str() const;  // "[3,4]"
  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.dims_[size_t(i)] != b.dims_[size_t(i)]) return false;
    return true;
  }

 private:
  std::array<int64_t, max_rank> dims_{};
  int rank_ = 0;
};

}  // namespace tapedeck
