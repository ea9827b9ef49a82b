// PromptBERT (Jiang et al. 2022, arXiv 2201.04337): one sentence in two templates is a pair; what a template says without its
// sentence is subtracted from what it says with it. Next: simcse.cpp, whose pairs come from dropout alone.
#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/losses/contrastive.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/objectives/objective.h>

namespace tapedeck {
namespace {

/// The templates alone, every token at the position it had: rows of the sentences are left out.
Batch without_texts(const Batch& b) {
  const int64_t sequences = b.sequences();
  const auto offsets = b.offsets.data<int32_t>(), spans = b.text_rows.data<int32_t>(), masks = b.mask_rows.data<int32_t>();
  int64_t kept = b.token_count();
  for (int64_t s = 0; s < sequences; ++s) kept -= spans[size_t(2 * s + 1)] - spans[size_t(2 * s)];
  Batch bare;
  bare.texts = b.texts;
  bare.tokens = Tensor::empty({kept}, DType::i32), bare.positions = Tensor::empty({kept}, DType::i32);
  bare.offsets = Tensor::zeros({sequences + 1}, DType::i32), bare.mask_rows = Tensor::empty({sequences}, DType::i32);
  int32_t at = 0;
  for (int64_t s = 0; s < sequences; ++s) {
    const int32_t begin = spans[size_t(2 * s)], end = spans[size_t(2 * s + 1)];
    for (int32_t row = offsets[size_t(s)]; row < offsets[size_t(s + 1)]; ++row) {
      if (row >= begin && row < end) continue;
      if (row == masks[size_t(s)]) bare.mask_rows.raw<int32_t>()[s] = at;
      bare.tokens.raw<int32_t>()[at] = b.tokens.raw<int32_t>()[row];
      bare.positions.raw<int32_t>()[at++] = b.positions.raw<int32_t>()[row];
    }
    bare.offsets.raw<int32_t>()[s + 1] = at;
  }
  return bare;
}

/// What the template alone says, with gradients, taken off the vector that a projection reads.
struct Subtracted final : SiteMap {
  Tensor bias;
  Tensor operator()(const Tensor& x, const Batch& batch) const override {
    if (!bias) return x;
    return x - rows_of_piece(x.on_tape() ? bias : bias.detach(), x, batch);  // a pass without rows reads constants
  }
};

struct PromptBert final : TaskObjective {
  double temperature = 0.05, hard_negative_weight = 1;
  bool denoise = true, after_projection = false, hard_negatives = false, mask_equal = true;
  PromptBert() { task_loss = Choice<Loss>("similarity"); }

  void describe(Fields& f) override {
    f("temperature", temperature, "tau: cosines are divided by it").above(0);
    f("denoise", denoise, "subtract the vector of the template alone, with gradients, its tokens at the same positions");
    f.names("subtract", after_projection, {{"before", false}, {"after", true}},
            "with a projection P: before, P(h - g) (code for bert and roberta without labels, roberta with triplets); after, "
            "P(h) - P(g) "
            "(code for bert with triplets)");
    f("hard_negatives", hard_negatives,
      "the third text of every example is its negative (supervised form: triplets, one template)");
    f("hard_negative_weight", hard_negative_weight, "factor on an example's own negative inside the sum").above(0);
    f.names(
        "duplicates", mask_equal, {{"mask", true}, {"keep", false}},
        "equal texts in a batch: mask, examples that share one are no negatives of each other; keep, they are (original code)");
    f("loss", task_loss, "task loss that evaluation reports; training does not use it");
  }
  bool needs_labels() const override { return false; }
  bool couples_examples() const override { return true; }

  Tensor loss(Step& step) override {
    const Batch& batch = step.batch();
    if (!batch.text_rows)
      throw Error(ErrorKind::config, "prompt_bert reads sentences through templates, but this model has none",
                  "use \"model\": { \"type\": \"sentence\", \"pooling\": \"mask\", \"templates\": [\"...\", \"...\"] }");
    if (hard_negatives && batch.texts < 3)
      throw Error(ErrorKind::config, text("prompt_bert: hard_negatives reads a third text, but an example has ", batch.texts),
                  "use data of triplets and one template");
    if (!denoise || after_projection || !projects(step.store())) return contrast(step, batch, nullptr);
    const auto subtracted = std::allocate_shared<Subtracted>(PoolAllocator<Subtracted>());
    Step here = step.with("pooled", subtracted);
    return contrast(here, batch, subtracted.get());
  }

 private:
  static bool projects(const ParamStore& store) {
    return std::any_of(store.all().begin(), store.all().end(),
                       [](const Parameter& p) { return p.path.starts_with("projection"); });
  }

  Tensor contrast(Step& step, const Batch& batch, Subtracted* before) const {
    const Tensor z = clean(step, batch, before);
    const Tensor other = batch.texts > 1 ? z : clean(step, batch, before);  // one template: dropout makes the pair
    const Tensor a = text_of(z, batch.texts, 0), b = text_of(other, batch.texts, batch.texts > 1 ? 1 : 0);
    const Tensor equal = mask_equal ? share_a_text(batch.equal, batch.texts) : Tensor{};
    return hard_negatives ? simcse_supervised(a, b, text_of(z, batch.texts, 2), temperature, hard_negative_weight, equal)
                          : simcse(a, b, temperature, equal);
  }

  /// Of every sequence, without what its template says by itself.
  Tensor clean(Step& step, const Batch& batch, Subtracted* before) const {
    if (before) {
      before->bias = step.forward(without_texts(batch)).pooled;
      return step.forward().embedding();
    }
    const Tensor z = step.forward().embedding();
    return denoise ? z - step.forward(without_texts(batch)).embedding() : z;
  }
};
TAPEDECK_PART(
    Objective, PromptBert, "prompt_bert",
    "One sentence in two templates makes a pair, the templates' own share subtracted (Jiang et al. 2022).",
    {.equation =
         "L = mean_i -log e^{cos(d_i, d_i') / tau} / sum_j e^{cos(d_i, d_j') / tau}, d_i = h_i - g_i\n"
         "h_i: the vector at [MASK] of the first template around sentence i; g_i: of the template alone, its tokens where they\n"
         "stood; d': the same with the second template. With a projection P, d_i = P(h_i - g_i)\n"
         "hard_negatives: the sum also holds weight^[i=j] e^{cos(d_i, d_j-) / tau}, d- of the third text",
     .source =
         "Jiang et al., PromptBERT: Improving BERT Sentence Embeddings with Prompts, EMNLP 2022, arXiv 2201.04337, section 4.3",
     .cost = "2F + 2B and a short pass of the templates alone",
     .pitfalls = "Differs from the code for bert with triplets, which subtracts behind its projection: subtract \"after\".\n"
                 "It reads what a masked language model learnt: from scratch train that first.\n"
                 "Measuring uses the first template, without subtraction and without the projection.\n"
                 "A word tokenizer knows the words of a template only if the training texts hold them.\n"
                 "An empty sentence gives d = 0: cosine 0 with everything, gradient 0."});

}  // namespace
}  // namespace tapedeck
