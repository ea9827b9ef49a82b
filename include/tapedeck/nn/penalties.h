// What weights cost by themselves, how long they may grow and how noisily they are read: L1, L2, max-norm and Gaussian noise on
// parameters named by patterns. Penalties apply once per update, so micro-batches do not change them. Next:
// src/train/step_runner.cpp, which calls it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <tapedeck/base/fields.h>
#include <tapedeck/nn/params.h>

namespace tapedeck {

struct Penalty : Part {
  std::vector<std::string> match;  // patterns over parameter paths
  double l1 = 0, l2 = 0, noise = 0;
  std::optional<double> max_norm;
  void describe(Fields& f) override;
};

class Penalties {
 public:
  /// A pattern that matches nothing throws Error{config}; frozen parameters are left alone.
  void bind(const ParamStore& store, const std::vector<Penalty>& penalties);
  bool empty() const { return rules_.empty(); }
  /// Adds l1 sign(w) + l2 w to the gradients and returns l1 sum |w| + l2/2 sum w^2. sign(0) = 0.
  double add_gradients() const;
  /// Shortens every row of a matrix (the weights into one unit), or a whole vector, to length max_norm at most (Srebro and
  /// Shraibman 2005; Hinton et al. 2012). Call after the update.
  void project() const;

 private:
  struct Rule {
    const Parameter* parameter;
    double l1, l2;
    std::optional<double> max_norm;
  };
  std::vector<Rule> rules_;
};

}  // namespace tapedeck
