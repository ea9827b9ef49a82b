// L1, L2 and max-norm, straight on the slabs. Sums are made in double, one parameter after the other.
#include <tapedeck/nn/penalties.h>

#include <cmath>

namespace tapedeck {

void Penalty::describe(Fields& f) {
  f("match", match, "patterns over parameter paths, * for any run of characters").required().length(1, 1000);
  f("l1", l1, "adds l1 sum |w| to the loss, gradient l1 sign(w), 0 at 0; it draws weights to 0 without setting them to 0")
      .at_least(0);
  f("l2", l2,
    "adds l2/2 sum w^2 to the loss, gradient l2 w. Adam divides it by the gradient's size: optimizer.weight_decay is the "
    "decoupled form")
      .at_least(0);
  f("max_norm", max_norm,
    "largest length of a row of a matrix (the weights into one unit) or of a whole vector, restored after every update (Srebro "
    "and "
    "Shraibman 2005; with dropout, Hinton et al. 2012: 3 to 4)")
      .above(0);
  f("noise", noise,
    "deviation of Gaussian noise that every training pass adds to them; the gradient is taken at the noisy weights and moves the "
    "plain "
    "ones (Graves 2011)")
      .at_least(0);
}

void Penalties::bind(const ParamStore& store, const std::vector<Penalty>& penalties) {
  rules_.clear();
  for (const Penalty& penalty : penalties)
    for (int32_t i : store.match(penalty.match, "training.penalties")) {
      const Parameter& p = store.all()[size_t(i)];
      if (p.trainable) rules_.push_back({&p, penalty.l1, penalty.l2, penalty.max_norm});
    }
}

double Penalties::add_gradients() const {
  double total = 0;
  for (const Rule& rule : rules_) {
    if (rule.l1 == 0 && rule.l2 == 0) continue;
    dispatch(rule.parameter->value.dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T* w = rule.parameter->value.raw<T>();
      T* gradient = rule.parameter->gradient.raw<T>();
      double magnitude = 0, square = 0;
      for (int64_t i = 0; i < rule.parameter->value.size(); ++i) {
        magnitude += std::abs(double(w[i]));
        square += double(w[i]) * double(w[i]);
        gradient[i] += T(rule.l1) * T((w[i] > 0) - (w[i] < 0)) + T(rule.l2) * w[i];
      }
      total += rule.l1 * magnitude + 0.5 * rule.l2 * square;
    });
  }
  return total;
}

void Penalties::project() const {
  for (const Rule& rule : rules_) {
    if (!rule.max_norm) continue;
    const Shape& shape = rule.parameter->shape;
    const int64_t columns = shape.rank() == 2 ? shape[1] : shape.size();
    dispatch(rule.parameter->value.dtype(), [&](auto tag) {
      using T = decltype(tag);
      T* w = rule.parameter->value.raw<T>();
      for (T* row = w; row < w + shape.size(); row += columns) {
        double square = 0;
        for (int64_t c = 0; c < columns; ++c) square += double(row[c]) * double(row[c]);
        if (std::sqrt(square) <= *rule.max_norm) continue;
        const T factor = T(*rule.max_norm / std::sqrt(square));
        for (int64_t c = 0; c < columns; ++c) row[c] *= factor;
      }
    });
  }
}

}  // namespace tapedeck
