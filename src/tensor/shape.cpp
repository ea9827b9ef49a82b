// The sizes of a tensor: checked, counted, printed. Next: tensor.cpp.
#include <tapedeck/tensor/shape.h>

#include <tapedeck/base/error.h>

namespace tapedeck {

Shape::Shape(std::initializer_list<int64_t> dims) {
  for (int64_t d : dims) push(d);
}

Shape& Shape::push(int64_t dim) {
  if (rank_ == max_rank) throw Error(ErrorKind::shape, text("a shape has at most ", max_rank, " dimensions"));
  if (dim < 0) throw Error(ErrorKind::shape, text("a dimension cannot be negative, got ", dim));
  dims_[size_t(rank_++)] = dim;
  return *this;
}

int Shape::axis(int a, const char* who) const {
  if (a < -rank_ || a >= rank_) throw Error(ErrorKind::shape, text(who, ": axis ", a, " is out of range for shape ", str()));
  return a < 0 ? a + rank_ : a;
}

Shape Shape::without(int axis) const {
  Shape s;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) s.push(dims_[size_t(i)]);
  return s;
}

std::string Shape::str() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += (i ? "," : "") + std::to_string(dims_[size_t(i)]);
  return s + "]";
}

}  // namespace tapedeck
