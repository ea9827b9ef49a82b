// A model turns a batch into logits. Its spec is a part chosen in JSON ("model": {"type": "text", ...}) that builds it
// once the data are known. Complete models live in models/.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/pass.h>

namespace tapedeck {

struct Output {
  Tensor logits;           // [rows, outputs], or a score per span: see logit_rows; undefined: none
  Tensor pooled;           // [S, width]: one row per sequence
  Tensor hidden;           // [T, width]
  Tensor projection = {};  // [S, size]: what contrast compares; undefined: pooled itself
  /// Of models of whole tag sequences, [outputs, outputs] or [outputs + 2, outputs]: scores of a tag (column) after another
  /// (row), then those of the first and of the last tag.
  Tensor transitions = {};

  /// What contrastive methods compare, [S, size].
  const Tensor& embedding() const { return projection ? projection : pooled; }
  Output detach() const { return {logits.detach(), pooled.detach(), hidden.detach(), projection.detach(), transitions.detach()}; }
};

struct Model {
  virtual ~Model() = default;
  virtual Output forward(Pass& pass) const = 0;
  /// What a row of logits speaks about.
  virtual Rows logit_rows() const { return Rows::sequences; }
  /// Activation sites that forward names, for "at" options.
  virtual std::vector<std::string> sites() const { return {}; }
};

/// What a model must fit.
struct ModelInput {
  int64_t vocabulary = 0, max_length = 0, outputs = 0;
  bool pairs = false;
};

/// How the texts of an example reach the model.
struct TextForm {
  bool separate = false;  // every text a sequence of its own; else a pair is [CLS] a [SEP] b [SEP]
  /// With {} for the text and [MASK] for the token that stands for it. A training text of its own goes into each of them, one
  /// sequence each; all others go into the first.
  std::vector<std::string> templates = {};
};

struct ModelSpec : Part {
  static constexpr const char* kind = "model";
  virtual TextForm text_form() const { return {}; }
  virtual std::unique_ptr<Model> build(Params params, const ModelInput& input) const = 0;
};

}  // namespace tapedeck
