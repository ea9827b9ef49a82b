// One trip of a batch through a model: which values the parameters have (leaves of a tape, or plain), which dropout
// key applies, what is added at named sites and what is remembered there. Next: model.h, objectives/step.h.
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include <tapedeck/base/words.h>
#include <tapedeck/nn/batch.h>
#include <tapedeck/nn/params.h>
#include <tapedeck/ops/fused.h>
#include <tapedeck/tensor/list.h>

namespace tapedeck {

enum class Mode { train, evaluate };  // evaluate: no dropout

/// Changes the value at a site where adding a constant is not enough: noise drawn in the shape found there, rows mixed with
/// others.
struct SiteMap {
  virtual Tensor operator()(const Tensor& x, const Batch& batch) const = 0;
  /// Of a map that reads rows of other sequences: itself for the pieces of a whole batch, given the value of all its rows there.
  virtual std::shared_ptr<const SiteMap> among(const Tensor& /*all*/, const Batch& /*whole*/) const { return {}; }
  virtual ~SiteMap() = default;
};
/// Sites with a row for every sequence, by the names they have in all models; elsewhere a row is a token. Counting rows does not
/// tell them apart where every text of a piece is one token.
constexpr bool has_rows_of_sequences(std::string_view site) { return site == "pooled" || site == "projection"; }
/// Of a value with a row for every token or sequence of the whole step: those that stand where x has rows, all if x has as many.
Tensor rows_of_piece(const Tensor& value, const Tensor& x, const Batch& piece);
/// What happens at a site, an activation a model names with pass.site(...) or a parameter's path: `map` is applied, or `value`
/// added.
struct Delta {
  std::string_view site;
  Tensor value;
  std::shared_ptr<const SiteMap> map = {};
};
struct SiteValue {
  std::string_view site;
  Tensor value;
};

class Pass {
 public:
  /// leaves: one tensor per parameter (tape leaves while training); empty: the store's plain values.
  Pass(const ParamStore& store, const Batch& batch, Mode mode, Key key, std::span<const Tensor> leaves = {},
       std::span<const Delta> deltas = {}, std::optional<double> dropout = {});

  const Batch& batch() const { return batch_; }
  bool training() const { return mode_ == Mode::train; }
  /// The parameter's value, noise of a training pass included, after the deltas at its path.
  Tensor operator()(Param p) const;
  /// Applies the deltas named `name` in order and remembers the result. This call is all that FGM, PGD, VAT, ... need of a model.
  Tensor site(std::string_view name, Tensor x);
  /// True when site(name, x) would do something: a model may then skip a fusion across the site.
  bool watches(std::string_view name) const;
  void watch(std::string_view name) { watched_.push_back(interned(name)); }

  /// f(), a Tensors; where training.recompute names the segment only these results are kept (Tape::segment).
  template <class F>
  Tensors segment(Segment s, F&& f) {
    Tape* tape = store_.recomputes(s) ? recording() : nullptr;
    return tape ? tape->activation_checkpoint(f) : f();
  }

  /// p, key and first draw of a dropout at the current scope; p is 0 outside training.
  DropoutSpec dropout_spec(double p, Rows rows, int64_t cols) const;
  DropoutSpec attention_dropout(double p, int64_t heads) const;
  Tensor dropout(const Tensor& x /*[rows, cols]*/, double p, Rows rows) const;

  const List<SiteValue>& sites() const { return sites_; }

 private:
  double rate(double p) const;
  Tape* recording() const;  // the tape that the leaves are on, if any
  Tensor shifted(std::string_view name, Tensor x, const Batch& batch) const;
  const ParamStore& store_;
  const Batch& batch_;
  Mode mode_;
  Key key_;
  std::span<const Tensor> leaves_;
  std::span<const Delta> deltas_;
  std::optional<double> dropout_;  // replaces every non-zero rate
  List<std::string_view> watched_;
  List<SiteValue> sites_;
};

}  // namespace tapedeck
