// cube_corner: shifts to a random corner of the cube |d| <= epsilon: the shift of FGSM without its gradient, so what FGSM has to beat.
#include <tapedeck/objectives/adversary.h>

namespace tapedeck {
namespace {

/// x + epsilon sign(e), e normal: a function of the step's key and the place in the batch, as all randomness is.
struct CubeCornerShift final : SiteMap {
  CubeCornerShift(const Noise& noise, double epsilon) : noise(noise), epsilon(epsilon) {}
  Tensor operator()(const Tensor& x, const Batch& batch) const override {
    const Tensor signs = noise.draw(x.shape(), x.dtype(), batch);
    dispatch(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      for (T& e : signs.data<T>()) e = T(e < 0 ? -epsilon : epsilon);
    });
    return x + signs;
  }
  Noise noise;
  double epsilon;
};

/// "objective": {"type": "adversarial", "adversary": {"type": "cube_corner", "epsilon": 0.01}}
struct CubeCorner final : Adversary {
  Step attack(Step& step, const AttackObjective&, const Tensor&) const override {
    const Noise noise(step.key() / "corner" / at, Noise::Kind::normal, 1);
    return step.with(at, std::allocate_shared<CubeCornerShift>(PoolAllocator<CubeCornerShift>(), noise, epsilon), masks);
  }
};
TAPEDECK_PART(Adversary, CubeCorner, "cube_corner", "A random corner of the cube |d| <= epsilon: what fgsm has to beat.");

}  // namespace
}  // namespace tapedeck
