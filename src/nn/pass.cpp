// One forward pass: which tensor a parameter is, what is added at a site, the key of each dropout. Next: layers.cpp.
#include <tapedeck/nn/pass.h>

namespace tapedeck {

Pass::Pass(const ParamStore& store, const Batch& batch, Mode mode, Key key, std::span<const Tensor> leaves,
           std::span<const Delta> deltas, std::optional<double> dropout)
    : store_(store), batch_(batch), mode_(mode), key_(key), leaves_(leaves), deltas_(deltas), dropout_(dropout) {}

Tensor rows_of_piece(const Tensor& value, const Tensor& x, const Batch& piece) {
  const int64_t rows = x.shape().rows();
  if (value.shape().rows() == rows) return value;
  const int64_t first = value.shape().rows() == piece.total_tokens ? piece.first_token : piece.first_sequence;
  return slice(value, 0, first, first + rows);
}

Tensor Pass::shifted(std::string_view name, Tensor x, const Batch& batch) const {
  for (auto& delta : deltas_)
    if (delta.site == name) x = delta.map ? (*delta.map)(x, batch) : x + rows_of_piece(delta.value, x, batch);
  return x;
}

Tensor Pass::operator()(Param p) const {
  const Parameter& parameter = store_[p];
  Tensor value = leaves_.empty() ? parameter.value : leaves_[size_t(p.index)];
  if (parameter.noise > 0 && training())  // keyed by the path: a parameter read twice is the same both times
    value = value + Tensor::normal(value.shape(), key_ / "weight" / parameter.path, 0, parameter.noise, value.dtype());
  static const Batch none;  // a parameter's rows stand nowhere in a batch
  return deltas_.empty() ? value : shifted(parameter.path, value, none);
}

bool Pass::watches(std::string_view name) const {
  for (auto& delta : deltas_)
    if (delta.site == name) return true;
  for (auto& watched : watched_)
    if (watched == name) return true;
  return false;
}

Tensor Pass::site(std::string_view name, Tensor x) {
  if (!watches(name)) return x;
  x = shifted(name, x, batch_);
  sites_.push_back({interned(name), x});
  return x;
}

Tape* Pass::recording() const {
  for (auto& leaf : leaves_)
    if (leaf.on_tape()) return &Tape::of(leaf);
  return nullptr;
}

double Pass::rate(double p) const { return !training() || p == 0 ? 0 : dropout_.value_or(p); }

DropoutSpec Pass::dropout_spec(double p, Rows rows, int64_t cols) const {
  const int64_t first = rows == Rows::tokens ? batch_.first_token : batch_.first_sequence;
  return {rate(p), key_ / scope_hash(current_scope()), uint64_t(first * cols)};
}

DropoutSpec Pass::attention_dropout(double p, int64_t heads) const {
  return {rate(p), key_ / scope_hash(current_scope()), uint64_t(batch_.first_pair * heads)};
}

Tensor Pass::dropout(const Tensor& x, double p, Rows rows) const {
  const DropoutSpec spec = dropout_spec(p, rows, x.shape().cols());
  return spec.p == 0 ? x : tapedeck::dropout(x, spec.p, spec.key, spec.first);
}

}  // namespace tapedeck
