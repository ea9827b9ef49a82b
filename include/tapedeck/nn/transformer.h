// Multi-head attention on packed sequences and the transformer encoder built from it, with the norm before or after
// each block (Vaswani et al. 2017; Xiong et al. 2020, "On layer normalization in the transformer architecture").
#pragma once
#include <memory>
#include <vector>

#include <tapedeck/base/registry.h>
#include <tapedeck/nn/layers.h>
#include <tapedeck/nn/model.h>
#include <tapedeck/nn/noise.h>

namespace tapedeck {

struct AttentionOptions {
  int64_t width = 0, heads = 1;
  bool causal = false, rotary = false;
  double dropout = 0;     // on the attention probabilities
  double drop_heads = 0;  // of a whole head
};
/// softmax(q k^T / sqrt(d/heads)) v inside each sequence, then the output projection: [T,d] -> [T,d].
class MultiHeadAttention {
 public:
  MultiHeadAttention() = default;
  MultiHeadAttention(Params params, const AttentionOptions& options, Initializer init);
  Tensor operator()(Pass& pass, const Tensor& x) const;

 private:
  ScopeId scope_ = 0;
  AttentionOptions options_;
  Linear qkv_, out_;
};

/// Tokens of a batch to one vector each.
struct Encoder {
  virtual ~Encoder() = default;
  virtual Tensor forward(Pass& pass) const = 0;  // [T, width]
  virtual int64_t width() const = 0;
  /// True when a token's vector depends on no later token.
  virtual bool causal() const { return false; }
  /// The table of word vectors [vocabulary, width], for heads that share it; none if the encoder has no such table.
  virtual Param word_table() const { return {}; }
  /// Whether logits over the vocabulary get a bias; GPT-2 has none.
  virtual bool logit_bias() const { return true; }
  virtual std::vector<std::string> sites() const { return {}; }
};
struct EncoderSpec : Part {
  static constexpr const char* kind = "encoder";
  virtual std::unique_ptr<Encoder> build(Params params, const ModelInput& input) const = 0;
};

enum class Norm { pre, post };
enum class Positions { learned, rotary, none };

/// Rows of the tables of a saved model, which may be more than the data ask for. segments 0: no such table.
struct TableSizes {
  int64_t words = 0, positions = 0, segments = 0;
};

/// "encoder": {"type": "transformer", ...}
struct TransformerSpec : EncoderSpec {
  int64_t layers = 2, width = 128, heads = 4;
  std::optional<int64_t> feed_forward;  // default 4 * width
  Norm norm = Norm::post;
  double dropout = 0.1;
  std::optional<double> attention_dropout;  // default: dropout
  Positions positions = Positions::learned;
  bool causal = false;
  Activation activation = Activation::gelu;
  double epsilon = 1e-5;
  Initializer initializer = Initializer::xavier;
  NoiseOptions noise;
  std::optional<TableSizes> tables;  // no option; default: what the data ask for, segments where they are pairs
  bool logit_bias = true;            // no option
  void describe(Fields& f) override;
  std::unique_ptr<Encoder> build(Params params, const ModelInput& input) const override;
};

}  // namespace tapedeck
