// What sits on the pooled vector: linear, mlp, dense or projection; chosen in JSON as "head".
#pragma once
#include <memory>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/layers.h>

namespace tapedeck {

struct Head {
  virtual ~Head() = default;
  virtual Tensor forward(Pass& pass, const Tensor& pooled /*[B,width]*/) const = 0;  // [B,outputs]
};
struct HeadSpec : Part {
  static constexpr const char* kind = "head";
  /// outputs 0: the head decides how many values it gives, as a projection does.
  virtual std::unique_ptr<Head> build(Params params, int64_t width, int64_t outputs) const = 0;
};

}  // namespace tapedeck
