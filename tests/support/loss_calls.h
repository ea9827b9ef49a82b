// Every loss once, called by name with named tensors and numbers: the golden table and the table of extreme values both go
// through here, so a new loss is one row in this file. Next: ../losses_golden_test.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <tapedeck/losses/contrastive.h>
#include <tapedeck/losses/loss.h>
#include <tapedeck/losses/metric.h>
#include <tapedeck/losses/multilabel.h>
#include <tapedeck/losses/proxies.h>
#include <tapedeck/losses/sequence.h>

namespace tapedeck::testing {

/// Arguments of a call; what is missing is undefined or has the default of the loss.
struct Arguments {
  std::map<std::string, Tensor> tensors = {};
  std::map<std::string, double> numbers = {};
  std::string reduction = "sum";

  Tensor operator[](const char* name) const {
    const auto it = tensors.find(name);
    return it == tensors.end() ? Tensor{} : it->second;
  }
  Tensor cells() const { return (*this)[tensors.contains("scores") ? "scores" : "logits"]; }
  Tensor first() const { return (*this)[tensors.contains("x") ? "x" : "a"]; }
  Tensor second() const { return (*this)[tensors.contains("y") ? "y" : "b"]; }
  bool flag(const char* name, double otherwise = 0) const { return (*this)(name, otherwise) != 0; }
  Tensor marks(const char* name) const {  // given as i32
    const Tensor given = (*this)[name];
    if (!given) return given;
    const Tensor u8 = Tensor::empty(given.shape(), DType::u8);
    for (int64_t i = 0; i < given.size(); ++i) u8.raw<uint8_t>()[i] = given.item(i) != 0;
    return u8;
  }
  double operator()(const char* name, double otherwise) const {
    const auto it = numbers.find(name);
    return it == numbers.end() ? otherwise : it->second;
  }
  std::optional<double> maybe(const char* name) const {
    return numbers.contains(name) ? std::optional((*this)(name, 0)) : std::nullopt;
  }
  std::vector<double> weights() const { return of_classes("weight_"); }
  std::vector<double> of_classes(const std::string& name) const {
    std::vector<double> w;
    for (int c = 0; numbers.contains(name + std::to_string(c)); ++c) w.push_back(numbers.at(name + std::to_string(c)));
    return w;
  }
  RowWeights average() const { return {weights(), 0}; }
  Similarity similarity() const { return flag("dot") ? Similarity::dot : Similarity::cosine; }
  SupCon sup_con_options() const {
    SupCon o;
    o.temperature = (*this)("temperature", o.temperature);
    o.base_temperature = (*this)("base_temperature", 0);
    o.form = flag("in") ? SupConForm::in : SupConForm::out;
    o.contrast = flag("one") ? ContrastMode::one : ContrastMode::all;
    o.no_positive = flag("drop") ? NoPositive::drop : NoPositive::keep;
    o.similarity = similarity();
    return o;
  }
  Reduction reduction_kind() const {
    return reduction == "sum"         ? Reduction::sum
           : reduction == "mean"      ? Reduction::mean
           : reduction == "batchmean" ? Reduction::batchmean
                                      : Reduction::tokenmean;
  }
};

/// What a loss reads, so that a table of inputs knows which losses it concerns.
enum class Reads {
  logits,
  two_logits,
  cells,
  probabilities,
  numbers,
  two_embeddings,
  three_embeddings,
  embeddings,
  cosines,
  proxies,
  chain,
  frames
};

struct LossCall {
  const char* name;
  Reads reads;
  Tensor (*call)(const Arguments&);
  bool whole_gradient = true;  // false: a factor is held constant, so differences see another gradient
};

using Args = const Arguments&;
inline const std::vector<LossCall>& loss_calls() {
  using enum Reads;
  static const std::vector<LossCall> calls = {
      {"cross_entropy", logits,
       [](Args a) {
         const double e = a("smoothing", 0), classes = double(a["logits"].shape().cols());
         Smoothing smoothing{e, classes > 0 ? e / classes : 0};
         if (a.flag("others")) smoothing = {e + e / (classes - 1), e / (classes - 1)};
         return a.flag("by_class") ? cross_entropy_by_class(a["logits"], a["labels"], smoothing, a.weights())
                                   : cross_entropy(a["logits"], a["labels"], smoothing, a.weights());
       }},
      {"class_balanced", logits,
       [](Args a) {
         return cross_entropy(a["logits"], a["labels"], {}, class_balanced_weights(a.of_classes("count_"), a("beta", 0.99)));
       }},
      {"focal", logits, [](Args a) { return focal(a["logits"], a["labels"], a("gamma", 2), a.average()); }},
      {"poly1", logits, [](Args a) { return poly1(a["logits"], a["labels"], a("epsilon", 1), a.average()); }},
      {"asymmetric", logits,
       [](Args a) {
         return asymmetric(a["logits"], a["labels"], a("gamma_positive", 0), a("gamma_negative", 4), a("smoothing", 0.1),
                           a.average());
       }},
      {"symmetric_cross_entropy", logits,
       [](Args a) {
         return symmetric_cross_entropy(a["logits"], a["labels"], a("alpha", 0.1), a("beta", 1), a("log_zero", -4), a.average());
       }},
      {"generalised_cross_entropy", logits,
       [](Args a) { return generalised_cross_entropy(a["logits"], a["labels"], a("q", 0.7), a.average()); }},
      {"hinge", logits, [](Args a) { return hinge(a["logits"], a["labels"], a("margin", 1), int(a("power", 1)), a.average()); }},
      {"self_adjusting_dice", logits,
       [](Args a) { return self_adjusting_dice(a["logits"], a["labels"], a("alpha", 1), a("smooth", 1), a.average()); }},
      {"dice_of_classes", logits,
       [](Args a) { return dice_of_classes(a["logits"], a["labels"], a("alpha", 1), a("smooth", 1), a.average()); }},
      {"entropy", logits, [](Args a) { return entropy(a["logits"], a["counts"]); }},
      {"soft_cross_entropy", cells, [](Args a) { return soft_cross_entropy(a.cells(), a["q"]); }},
      {"kl_divergence", two_logits, [](Args a) { return kl_divergence(a["a"], a["b"], a.reduction_kind(), a.marks("mask")); }},
      {"symmetric_kl", two_logits, [](Args a) { return symmetric_kl(a["a"], a["b"], a.reduction_kind(), a.marks("mask")); }},
      {"jensen_shannon", two_logits, [](Args a) { return jensen_shannon(a["a"], a["b"], a.reduction_kind(), a.marks("mask")); }},
      {"hellinger", two_logits, [](Args a) { return hellinger(a["a"], a["b"], a.reduction_kind(), a.marks("mask")); }},
      {"sigmoid_divergence", two_logits,
       [](Args a) { return sigmoid_divergence(a["a"], a["b"], a.reduction_kind(), a.marks("mask")); }},
      {"mse", numbers, [](Args a) { return mse(a["prediction"], a["target"]); }},
      {"huber", numbers, [](Args a) { return huber(a["prediction"], a["target"], a("delta", 1)); }},
      {"log_cosh", numbers, [](Args a) { return log_cosh(a["prediction"], a["target"]); }},
      {"pinball", numbers, [](Args a) { return pinball(a["prediction"], a["target"], a("quantile", 0.5)); }},
      {"bce_with_logits", cells, [](Args a) { return bce_with_logits(a.cells(), a["target"]); }},
      {"asymmetric_multilabel", cells,
       [](Args a) {
         return asymmetric_multilabel(a.cells(), a["target"], a("gamma_positive", 1), a("gamma_negative", 4), a("clip", 0.05));
       }},
      {"asymmetric_multilabel_held", cells,
       [](Args a) {
         return asymmetric_multilabel(a.cells(), a["target"], a("gamma_positive", 1), a("gamma_negative", 4), a("clip", 0.05), 0,
                                      true);
       },
       false},
      {"zlpr", cells, [](Args a) { return zlpr(a["scores"], a.marks("positive")); }},
      {"zlpr_soft", cells, [](Args a) { return zlpr_soft(a["scores"], a["target"]); }},
      {"pairwise_multilabel", cells, [](Args a) { return pairwise_multilabel(a["scores"], a.marks("positive")); }},
      {"global_pointer", cells,
       [](Args a) {  // a matrix is one cell per row
         const Tensor x = a["scores"], offsets = Tensor::zeros({x.shape()[0] + 1}, DType::i32);
         if (x.shape().rank() == 1) return global_pointer(x, a.marks("positive"), a["offsets"]);
         for (int64_t r = 1; r < offsets.size(); ++r) offsets.raw<int32_t>()[r] = int32_t(r * x.shape()[1]);
         return global_pointer(reshape(x, {x.size()}), a.marks("positive").view({x.size()}), offsets);
       }},
      {"dice", probabilities, [](Args a) { return dice(a["p"], a["target"], a("smooth", 1), a.flag("squared")); }},
      {"info_nce", two_embeddings, [](Args a) { return info_nce(a["a"], a["b"], a("temperature", 0.1), a.similarity()); }},
      {"info_nce_both_ways", two_embeddings,
       [](Args a) { return info_nce_both_ways(a["a"], a["b"], a("temperature", 0.1), a.similarity()); }},
      {"simcse", two_embeddings, [](Args a) { return simcse(a["a"], a["b"], a("temperature", 0.05)); }},
      {"simcse_supervised", three_embeddings,
       [](Args a) { return simcse_supervised(a["anchor"], a["positive"], a["hard"], a("temperature", 0.05), a("weight", 1)); }},
      {"nt_xent", two_embeddings, [](Args a) { return nt_xent(a["a"], a["b"], a("temperature", 0.5), a.similarity()); }},
      {"sup_con", embeddings, [](Args a) { return sup_con(a["z"], a["labels"], a.sup_con_options()); }},
      {"sup_con_views", two_embeddings,
       [](Args a) {
         const Tensor views[] = {a["a"], a["b"]};
         return sup_con(views, a["labels"], a.sup_con_options());
       }},
      {"alignment", two_embeddings, [](Args a) { return alignment(a.first(), a.second(), a("power", 2)); }},
      {"uniformity", embeddings, [](Args a) { return uniformity(a[a["x"] ? "x" : "z"], a("t", 2)); }},
      {"align_uniform", two_embeddings, [](Args a) { return align_uniform(a.first(), a.second(), a("weight", 1)); }},
      {"triplet", three_embeddings,
       [](Args a) { return triplet(a["anchor"], a["positive"], a[a["negative"] ? "negative" : "hard"], a("margin", 0.3)); }},
      {"triplet_mined", embeddings,
       [](Args a) {
         return triplet_mined(a["z"], a["labels"], a.flag("semi_hard") ? Mining::semi_hard : Mining::hardest, a.maybe("margin"));
       }},
      {"contrastive_pair", two_embeddings,
       [](Args a) { return contrastive_pair(a.first(), a.second(), a.marks("same"), a("margin", 1)); }},
      {"n_pairs", three_embeddings, [](Args a) { return n_pairs(a["anchor"], a["positive"], a("l2", 0)); }},
      {"multi_similarity", embeddings,
       [](Args a) {
         return multi_similarity(a["z"], a["labels"], {a("alpha", 2), a("beta", 50), a("base", 0.5), a.maybe("mining")});
       }},
      {"circle", embeddings, [](Args a) { return circle(a["z"], a["labels"], a("margin", 0.25), a("scale", 256)); }, false},
      {"cosent", two_embeddings, [](Args a) { return cosent(a.first(), a.second(), a["target"], a("scale", 20)); }},
      {"barlow_twins", two_embeddings, [](Args a) { return barlow_twins(a["a"], a["b"], a("weight", 0.005)); }},
      {"vicreg", two_embeddings,
       [](Args a) {
         return vicreg(a["a"], a["b"], {a("similarity", 25), a("variance", 25), a("covariance", 1), 1e-4});
       }},
      {"arc_face", cosines, [](Args a) { return arc_face(a["cosines"], a["labels"], a("margin", 0.5), a("scale", 64)); }},
      {"cos_face", cosines, [](Args a) { return cos_face(a["cosines"], a["labels"], a("margin", 0.35), a("scale", 64)); }},
      {"proxy_anchor", proxies,
       [](Args a) { return proxy_anchor(a["x"], a["proxies"], a["labels"], a("margin", 0.1), a("scale", 32)); }},
      {"crf_nll", chain,
       [](Args a) {
         return crf_nll(a["emissions"], {a["between"], a["start"], a["end"]}, a["tags"], a["offsets"],
                        a.flag("token") ? PerUnit::token : PerUnit::sequence);
       }},
      {"memm_nll", chain,
       [](Args a) {
         return memm_nll(a["emissions"], a["between"], a["tags"], a["offsets"],
                         a.flag("token", 1) ? PerUnit::token : PerUnit::sequence, a.flag("reversed"),
                         a.flag("mean") ? Joined::mean : Joined::sum);
       }},
      {"ctc", frames,
       [](Args a) {
         return ctc(a["logits"], a["offsets"], a["targets"], a["target_offsets"], int32_t(a("blank", 0)),
                    a.flag("token") ? PerUnit::token : PerUnit::sequence);
       }},
  };
  return calls;
}
inline const LossCall* find_loss(const std::string& name) {
  for (const LossCall& call : loss_calls())
    if (name == call.name) return &call;
  return nullptr;
}

}  // namespace tapedeck::testing
