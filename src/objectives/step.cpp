// The verbs of a training method on one batch and one tape. Next: r_drop.cpp, the shortest objective.
#include <tapedeck/objectives/step.h>

#include <tapedeck/base/error.h>

namespace tapedeck {

Step::Step(Tape& tape, const Model& model, const ParamStore& store, const Loss& loss, const Batch& batch, Key key, int64_t number, Mode mode)
    : tape_(&tape), model_(&model), store_(&store), loss_(&loss), batch_(&batch), key_(key), number_(number), mode_(mode),
      reports_(std::allocate_shared<Numbers>(PoolAllocator<Numbers>())) {
  tape.clear();
  leaves_.reserve(store.all().size());
  for (auto& p : store.all()) leaves_.push_back(p.trainable ? tape.leaf(p.value, p.gradient) : p.value);
  base_ = tape.mark();
}

View Step::forward(std::optional<double> dropout) {
  Pass pass(*store_, *batch_, mode_, key_ / "pass" / (first_pass_ + passes_++), leaves_, deltas_, dropout);
  for (auto& site : watched_) pass.watch(site);
  Output out = model_->forward(pass);
  for (auto& s : pass.sites()) sites_.push_back(s);
  return {out.logits, out.pooled, out.hidden, out.projection};
}

Tensor Step::loss(const View& view) { return (*loss_)(view.logits, *batch_); }

void Step::watch(std::string_view site) { watched_.push_back(interned(site)); }

List<Tensor> Step::values_at(std::string_view site) const {
  if (const Parameter* p = store_->find(site)) {
    if (!p->trainable)
      throw Error(ErrorKind::config, text("\"", site, "\" is frozen, so it has no gradient"), "do not freeze it, or choose another site");
    return {leaves_[size_t(p - store_->all().data())]};
  }
  List<Tensor> values;
  for (auto& s : sites_) if (s.site == site && s.value.on_tape()) values.push_back(s.value);
  if (values.empty())
    throw Error(ErrorKind::value, text("no pass of this step crossed the site \"", site, "\""), "watch(site) before forward(), and name a site the model has");
  return values;
}

namespace {
Tensor total(const Tensors& parts) {
  Tensor sum = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) sum = sum + parts[i];
  return sum;
}
}  // namespace

void Step::backward(const Tensor& loss) {
  tapedeck::backward(loss);
  sites_.clear();
  tape_->rewind(base_);
}

Tensor Step::backward(const Tensor& loss, std::string_view site) {
  const Tensor gradient = total(tapedeck::backward(loss, values_at(site)));
  sites_.clear();
  tape_->rewind(base_);
  return gradient;
}

Tensor Step::grad(const Tensor& loss, std::string_view site, Order order) { return total(gradients(loss, values_at(site), order)); }

Step Step::with(std::string_view site, const Tensor& delta, DropoutMasks masks) const {
  Step shifted = *this;
  shifted.sites_.clear();
  shifted.first_pass_ = masks == DropoutMasks::same ? first_pass_ : first_pass_ + passes_;
  shifted.passes_ = 0;
  for (auto& d : shifted.deltas_) {
    if (d.site != site) continue;
    d.value = d.value + delta.detach();
    return shifted;
  }
  shifted.deltas_.push_back({interned(site), delta.detach()});
  return shifted;
}

void Step::report(std::string_view name, double value) {
  (*reports_)[interned(name)] = value;
}

}  // namespace tapedeck
