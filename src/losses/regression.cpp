// Losses of numbers against numbers.
#include <tapedeck/losses/regression.h>

#include "support.h"

namespace tapedeck {
namespace {

Tensor difference(std::string_view loss, const Tensor& prediction, const Tensor& target) {
  require_same(loss, prediction, target);
  return prediction - target;
}
double count(const Tensor& x, double total) { return total > 0 ? total : double(x.size()); }

}  // namespace

Tensor mse(const Tensor& prediction, const Tensor& target, double total) {
  const Tensor d = difference("mse", prediction, target);
  return share(square(d), count(d, total));
}

Tensor huber(const Tensor& prediction, const Tensor& target, double delta, double total) {
  require_positive("huber", "delta", delta);
  const Tensor d = difference("huber", prediction, target), near = clamp(d, -delta, delta);
  return share(square(near) * 0.5 + relu(abs(d) - delta) * delta, count(d, total));  // near is +-delta outside
}

Tensor log_cosh(const Tensor& prediction, const Tensor& target, double total) {
  const Tensor d = difference("log_cosh", prediction, target);
  return share(softplus(d * -2.0) + d - std::log(2.0), count(d, total));
}

Tensor pinball(const Tensor& prediction, const Tensor& target, double quantile, double total) {
  if (!(quantile > 0 && quantile < 1))
    throw Error(ErrorKind::value, text("pinball: quantile is ", quantile), "give a number between 0 and 1");
  const Tensor e = -difference("pinball", prediction, target);
  return share(relu(e) * quantile + relu(-e) * (1 - quantile), count(e, total));
}

}  // namespace tapedeck
