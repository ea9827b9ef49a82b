// What a tensor of a saved model needs to become a parameter, and the way back. Next: load.cpp, export_weights.cpp.
#pragma once
#include <functional>

#include "src/pretrained/config_json.h"

namespace tapedeck {

/// One parameter of ours, and the `parts` tensors of theirs that make it.
struct LayoutOf {
  Layout layout = Layout::same;
  int64_t parts = 1, head_size = 0, skipped_rows = 0;
  static LayoutOf row(const NameRow& row, const PretrainedConfig& config);

  Shape their_shape(const Shape& ours) const;  // of each part
  /// read(part, first, count, out) gives elements of a part of theirs.
  template <class T>
  void take(const Shape& ours, T* out, const std::function<void(int64_t, int64_t, int64_t, T*)>& read) const;
  /// One part, in their shape; the rows before the first position are 0.
  Tensor give(const Tensor& ours, int64_t part) const;
};

}  // namespace tapedeck
