// "similarity": the regression objective of sentence encoders, (cos(u, v) - score / scale)^2 (Reimers and Gurevych 2019,
// arXiv 1908.10084, section 3). For models whose logit is a cosine.
#include <tapedeck/base/error.h>
#include <tapedeck/losses/loss.h>

namespace tapedeck {
namespace {

struct SimilarityLoss final : Loss {
  double scale = 5;
  void describe(Fields& f) override { f("scale", scale, "the score that stands for cosine 1 (STS: 5)").above(0); }
  Tensor operator()(const Tensor& logits, const Batch& batch) const override {
    if (!batch.targets)
      throw Error(ErrorKind::config, "similarity needs pairs with scores, but the data have none",
                  "use data with numbers as labels, or an objective that needs no labels");
    const double total = batch.total_weight > 0 ? batch.total_weight : double(batch.examples());
    return sum(square(reshape(logits, {batch.examples()}) - batch.targets / scale)) / total;
  }
  bool regression() const override { return true; }
};
TAPEDECK_PART(Loss, SimilarityLoss, "similarity",
              "(logit - score / scale)^2, mean over pairs; the logit is a cosine (Reimers and Gurevych 2019).",
              {.equation = "L = (1/n) sum_i (cos(u_i, v_i) - score_i / scale)^2",
               .source = "Reimers and Gurevych, Sentence-BERT, EMNLP 2019, arXiv 1908.10084, section 3",
               .cost = "1F + 1B",
               .pitfalls = "It fits scores, while the usual measure (spearman) asks for their order only.\n"
                           "scale is the largest score of the data: 5 for STS."});

}  // namespace
}  // namespace tapedeck
