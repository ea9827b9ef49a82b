// Shifts of a site measured in a norm: the steepest step, the nearest point of a ball, a random start. "The norm" has four
// readings (NormScope), and each part of the site that a scope names is shifted by itself. Next: adversary.h.
#pragma once
#include <tapedeck/nn/pass.h>

namespace tapedeck {

enum class NormBall { l2, linf, l1 };
/// tensor, batch: one norm over all of it. sample: one per sequence. token: one per row.
enum class NormScope { tensor, batch, sample, token };

/// argmax <g, d> over |d| <= epsilon, part by part. l2: epsilon g / |g|; linf: epsilon sign(g); l1: epsilon on the largest
/// entry. A part whose gradient is zero or not finite is left alone (0). g: [rows, d]; NormScope::sample needs the offsets
/// i32 [B+1] and a row per token or per sequence (Error{shape} otherwise).
Tensor steepest_step(const Tensor& g, double epsilon, NormBall ball, NormScope scope, const Tensor& offsets = {});

/// length * part / |part|: the gradient itself scaled to that length in the norm of the ball, part by part (l2: steepest_step;
/// linf: its largest entry becomes `length`, where steepest_step makes every entry so). Parts of zeros or not finite become 0.
Tensor unit_step(const Tensor& g, double length, NormBall ball, NormScope scope, const Tensor& offsets = {});

/// The nearest point with |part| <= epsilon (l1: Duchi et al. 2008, figure 1). A part that is not finite becomes 0.
Tensor project(const Tensor& x, double epsilon, NormBall ball, NormScope scope, const Tensor& offsets = {});

/// length * part / (|part| + 1e-6): onto the border of the ball; a part of zeros stays 0, one that is not finite becomes 0.
Tensor rescale(const Tensor& x, double length, NormBall ball, NormScope scope, const Tensor& offsets = {});

/// Noise of the shape found at a site; a function of its key and of the place in the whole step's batch.
struct Noise final : SiteMap {
  /// uniform: in [-size, size]. normal: deviation `size`. ball: uniform and at most `size` long in the given norm, each part of
  /// n elements in [-1,1] times size / sqrt(n) (l2; FreeLB, NEFTune), size (linf), size / n (l1). direction: the steepest
  /// step of length `size` for a normal draw in place of the gradient.
  enum class Kind { uniform, normal, ball, direction };
  Noise(Key key, Kind kind, double size, NormBall ball = NormBall::l2, NormScope scope = NormScope::sample,
        std::string_view at = {})
      : key(key), kind(kind), size(size), ball(ball), scope(scope), of_sequences(has_rows_of_sequences(at)) {}
  Tensor draw(const Shape& shape, DType dtype, const Batch& batch) const;
  Tensor operator()(const Tensor& x, const Batch& batch) const override { return x + draw(x.shape(), x.dtype(), batch); }

  Key key;
  Kind kind;
  double size;
  NormBall ball;
  NormScope scope;
  bool of_sequences;  // where there are as many tokens
};

}  // namespace tapedeck
