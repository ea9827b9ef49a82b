// Tensors as text for people: nested brackets, six significant digits, an ellipsis past the limit.
#include <cstdio>

#include <tapedeck/tensor/tensor.h>

namespace tapedeck {
namespace {

void print_axis(const Tensor& t, int axis, int64_t& next, int64_t limit, std::string& out) {
  if (axis == t.shape().rank()) {
    if (next >= limit) {
      ++next;
      return;
    }
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", t.item(next++));
    out += number;
    return;
  }
  out += '[';
  for (int64_t i = 0; i < t.shape()[axis]; ++i) {
    if (next >= limit) {
      out += i ? ", ..." : "...";
      break;
    }
    if (i) out += ", ";
    print_axis(t, axis + 1, next, limit, out);
  }
  out += ']';
}

}  // namespace

std::string Tensor::str(int64_t max_elements) const {
  if (!storage_) return "undefined";
  std::string out = std::string(name_of(dtype_)) + shape_.str() + " ";
  int64_t next = 0;
  print_axis(*this, 0, next, max_elements, out);
  return out;
}

}  // namespace tapedeck
