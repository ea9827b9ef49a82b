// "global_pointer": the loss of models that score spans, zlpr over all spans of a text for each type (kexue.fm/archives/8373).
// Next: multilabel.h, where the function is.
#include <algorithm>
#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/nn/global_pointer.h>

#include "support.h"

namespace tapedeck {
namespace {

struct GlobalPointerLoss final : Loss {
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.span_labels)
      throw Error(ErrorKind::config, "global_pointer needs marked spans, but the data have none", "use data \"spans\" or \"bio\"");
    if (!logits || logits.shape().rank() != 1)
      throw Error(ErrorKind::config, "global_pointer needs a score for every span, which the model does not give", "use the model \"span\"");
    const int32_t* o = batch.offsets.raw<int32_t>();
    int64_t pairs = 0;
    for (int64_t s = 0; s < batch.sequences(); ++s) pairs += int64_t(o[s + 1] - o[s]) * (o[s + 1] - o[s]);
    const int64_t types = pairs > 0 ? logits.size() / pairs : 1;
    const auto labels = batch.labels.data<int32_t>();
    const auto marked = std::count_if(labels.begin(), labels.end(), [](int32_t label) { return label >= 0; });
    const double texts = batch.total_weight > 0 ? batch.total_weight : double(marked);
    return global_pointer(known(logits, batch, types), batch.span_labels, GlobalPointer::cells(batch.offsets, types), texts * double(types));
  }
  bool spans() const override { return true; }

 private:
  /// A text whose spans are not known has no cells: its scores are left out of both sums.
  static Tensor known(const Tensor& scores, const Batch& batch, int64_t types) {
    const int32_t *labels = batch.labels.raw<int32_t>(), *o = batch.offsets.raw<int32_t>();
    if (std::none_of(labels, labels + batch.labels.size(), [](int32_t label) { return label < 0; })) return scores;
    const Tensor mask = Tensor::zeros({scores.size()}, DType::u8);
    uint8_t* at = mask.raw<uint8_t>();
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const int64_t cells = types * int64_t(o[s + 1] - o[s]) * (o[s + 1] - o[s]);
      std::fill_n(at, cells, uint8_t(labels[s] >= 0));
      at += cells;
    }
    return only(mask, scores, -std::numeric_limits<double>::infinity());
  }
};
TAPEDECK_PART(Loss, GlobalPointerLoss, "global_pointer",
              "log(1 + sum_negative e^s) + log(1 + sum_positive e^-s) over the spans of a text, mean over texts and types (Su et al. 2022).",
              {.equation = "L = (1/(n A)) sum_i sum_a log(1 + sum_{(j,k) not in P_a} e^{s_a(j,k)}) + log(1 + sum_{(j,k) in P_a} e^{-s_a(j,k)}), j <= k",
               .source = "Su et al., Global Pointer, 2022, arXiv 2208.03054, eq. 5; kexue.fm/archives/8373",
               .cost = "1F + 1B; tokens squared times types exponentials a text",
               .pitfalls = "The first losses are large: a text of n tokens has n^2 / 2 negatives of each type.\n"
                           "A span is predicted where its score is above 0: no other threshold.\n"
                           "bert4keras divides by texts times types as here; a sum over types needs a smaller learning rate."});

}  // namespace
}  // namespace tapedeck
