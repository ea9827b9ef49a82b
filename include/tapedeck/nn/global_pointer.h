// Scores of all spans of a sequence for each of several types: the output layer of span extraction, trained by
// losses/multilabel.h's global_pointer and compared between passes by sigmoid_divergence. Next: src/nn/global_pointer.cpp.
#pragma once
#include <tapedeck/nn/layers.h>

namespace tapedeck {

struct GlobalPointerOptions {
  int64_t width = 0, types = 1, head_size = 64;
  bool rotary = true;  // relative positions; without them short spans and long ones look alike
  bool efficient = false;
};

/// s_a(i, j) = (R_i q_{i,a})^T (R_j k_{j,a}) / sqrt(head_size), i the first and j the last token of a span, R the rotation by
/// position (kexue.fm/archives/8373; Su et al. 2022, arXiv 2208.03054, eq. 3). Each type costs 2 width head_size weights.
/// efficient: types share q and k, s_a(i, j) = q_i^T k_j / sqrt(head_size) + (u_a^T [q_i; k_i] + v_a^T [q_j; k_j]) / 2, and a
/// type costs 4 head_size weights (kexue.fm/archives/8877).
class GlobalPointer {
 public:
  GlobalPointer() = default;
  GlobalPointer(Params params, const GlobalPointerOptions& options);
  /// Flat: (sequence b, type a, last j, first i) at types sum_{c<b} len_c^2 + (a len_b + j) len_b + i; -inf where i > j. A span
  /// is predicted where its score is above 0.
  Tensor operator()(Pass& pass, const Tensor& hidden /*[T,width]*/) const;
  /// Where the scores of each (sequence, type) begin: i32 [B types + 1], what the loss global_pointer asks for.
  static Tensor cells(const Tensor& offsets /*i32 [B+1]*/, int64_t types);

 private:
  ScopeId scope_ = 0;
  GlobalPointerOptions options_;
  Linear points_, kinds_;
};

}  // namespace tapedeck
