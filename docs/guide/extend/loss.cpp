// spherical: L = 1 - p_y / |p|, p = softmax(logits): a proper scoring rule that stays bounded where the logarithm does not.
// Gneiting and Raftery 2007, "Strictly proper scoring rules", section 4.1.
#include <tapedeck/losses/loss.h>

namespace tapedeck {
namespace {

struct Spherical final : Loss {
  double temperature = 1;
  void describe(Fields& f) override { f("temperature", temperature, "divides the logits").above(0); }

  /// The batch's share of the step's mean: a step of several micro-batches divides all of them by the weight of the whole.
  Tensor operator()(const Tensor& logits /*[B,c]*/, const Batch& batch) const override {
    const Tensor& labels = batch.row_labels();
    if (!labels) throw Error(ErrorKind::config, "spherical: needs class labels, but the data have none", "use loss \"mse\" for numbers");
    const Tensor column = labels.clone(), counts = Tensor::zeros(labels.shape(), logits.dtype());
    double labelled = 0;
    for (int64_t i = 0; i < labels.size(); ++i) {
      int32_t& label = column.raw<int32_t>()[i];
      labelled += weight(label);
      dispatch(logits.dtype(), [&](auto tag) { counts.raw<decltype(tag)>()[i] = decltype(tag)(weight(label)); });
      label = std::max(label, 0);                 // -1 means no label: any column will do, it counts 0
    }
    const Tensor p = softmax(logits / temperature);
    const Tensor each = 1.0 - pick(p, column) * rsqrt(sum(square(p), 1));
    return sum(each * counts) / std::max(batch.total_weight > 0 ? batch.total_weight : labelled, 1.0);
  }
  double weight(int32_t label) const override { return label < 0 ? 0 : 1; }
};
TAPEDECK_PART(Loss, Spherical, "spherical", "1 - p_y / |p|, mean over labelled examples (Gneiting and Raftery 2007).");

}  // namespace
}  // namespace tapedeck
