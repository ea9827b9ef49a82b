// Losses without negatives: two views must agree while the columns of each stay apart and alive.
#include <tapedeck/losses/metric.h>

#include "support.h"

namespace tapedeck {
namespace {

Tensor centred(const Tensor& x) { return x - mean(x, 0); }
Tensor standardised(const Tensor& x, double epsilon) {
  const Tensor c = centred(x);
  return c * rsqrt(mean(square(c), 0) + epsilon);
}
Tensor diagonal(const Tensor& m) {  // [d,d] -> [d]
  const int64_t d = m.shape()[0];
  const Tensor column = Tensor::empty({d}, DType::i32);
  for (int64_t i = 0; i < d; ++i) column.raw<int32_t>()[i] = int32_t(i);
  return pick(m, column);
}
/// sum_{i != j} m_ij^2
Tensor off_diagonal(const Tensor& m) {
  const int64_t d = m.shape()[0];
  return sum(square(only(mask_of({d, d}, [&](int64_t e) { return e / d != e % d; }), m)));
}

void require_views(std::string_view loss, const Tensor& a, const Tensor& b) {
  require_matrix(loss, "a", a);
  require_same(loss, a, b);
}

}  // namespace

Tensor barlow_twins(const Tensor& a, const Tensor& b, double weight, double epsilon) {
  require_views("barlow_twins", a, b);
  if (a.size() == 0) return nothing(a);
  const Tensor c = matmul(standardised(a, epsilon), standardised(b, epsilon), true, false) / double(a.shape()[0]);
  return sum(square(1.0 - diagonal(c))) + off_diagonal(c) * weight;
}

Tensor vicreg(const Tensor& a, const Tensor& b, const VicReg& options) {
  require_views("vicreg", a, b);
  if (a.size() == 0) return nothing(a);
  const double columns = double(a.shape()[1]), freedom = double(std::max<int64_t>(1, a.shape()[0] - 1));
  const auto alive = [&](const Tensor& c) { return mean(relu(1.0 - sqrt(sum(square(c), 0) / freedom + options.epsilon))); };
  const auto apart = [&](const Tensor& c) { return off_diagonal(matmul(c, c, true, false) / freedom) / columns; };
  const Tensor x = centred(a), y = centred(b);
  return mean(square(a - b)) * options.similarity + (alive(x) + alive(y)) * (options.variance / 2) +
         (apart(x) + apart(y)) * options.covariance;
}

}  // namespace tapedeck
