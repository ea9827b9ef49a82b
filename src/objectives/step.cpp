// The verbs of a training method on one batch and one tape. Next: r_drop.cpp, the shortest objective.
#include <tapedeck/objectives/step.h>

#include <algorithm>

#include <tapedeck/base/error.h>

namespace tapedeck {

Step::Step(Tape& tape, const Model& model, const ParamStore& store, const Loss& loss, const Batch& batch, Key key, int64_t number,
           Mode mode, int64_t piece)
    : tape_(&tape),
      model_(&model),
      store_(&store),
      loss_(&loss),
      batch_(&batch),
      key_(key),
      number_(number),
      mode_(mode),
      piece_(piece < batch.examples() ? piece : 0),
      ledger_(std::allocate_shared<Ledger>(PoolAllocator<Ledger>())) {
  tape.clear();
  leaves_.reserve(store.all().size());
  for (auto& p : store.all()) leaves_.push_back(p.trainable ? tape.leaf(p.value, p.gradient) : p.value);
  base_ = tape.mark();
  ledger_->root = base_.node;
  ledger_->parent.push_back(-1);
}

View Step::forward(std::optional<double> dropout) {
  const Key key = key_ / "pass" / (first_pass_ + passes_++);
  if (piece_) {
    const View view = cached({*batch_, key, mode_, dropout, deltas_, watched_});
    if (passes_ == 1) first_ = view;
    return view;
  }
  Pass pass(*store_, *batch_, mode_, key, leaves_, deltas_, dropout);
  for (auto& site : watched_) pass.watch(site);
  const NodeId begin = tape_->mark().node;
  const View view = model_->forward(pass);
  for (auto& s : pass.sites()) ledger_->crossings.push_back({id_, begin, s});
  ++ledger_->passes.forward;
  ledger_->live.push_back(tape_->mark().node);
  if (passes_ == 1) first_ = view;
  return view;
}

View Step::forward(const Batch& other) {
  const Key key = key_ / "other" / (first_pass_ + passes_);
  if (piece_) return cached({other, key, mode_});
  Pass pass(*store_, other, mode_, key, leaves_);
  return model_->forward(pass);
}

View Step::cached_forward() { return passes_ > 0 ? first_ : forward(); }

View Step::forward_no_grad(std::span<const Tensor> values, Mode mode, DropoutMasks masks) {
  const Key key = key_ / (masks == DropoutMasks::same ? "pass" : "observe") / first_pass_;
  ++ledger_->passes.forward;
  if (piece_) return constants({*batch_, key, mode, {}, deltas_}, values);
  Pass pass(*store_, *batch_, mode, key, values, deltas_);
  return model_->forward(pass);
}

Tensor Step::loss(const View& view) const {
  const Tensor own = loss_->of(view, *batch_);
  return partners_ ? own * keep_ + loss_->of(view, *partners_) * (1 - keep_) : own;
}

void Step::watch(std::string_view site) { watched_.push_back(interned(site)); }

List<Tensor> Step::values_at(std::string_view site) const {
  if (const Parameter* p = store_->find(site)) {
    if (!p->trainable)
      throw Error(ErrorKind::config, text("\"", site, "\" is frozen, so it has no gradient"),
                  "do not freeze it, or choose another site");
    return {leaves_[size_t(p - store_->all().data())]};
  }
  List<Tensor> values;
  bool crossed = false;
  for (auto& c : ledger_->crossings) {
    if (c.at.site != site || !is_mine(c.owner)) continue;
    crossed = true;
    if (c.at.value.on_tape()) values.push_back(c.at.value);
  }
  if (values.empty()) throw crossed ? untrained(site) : not_crossed(site);
  return values;
}

Error Step::untrained(std::string_view site) {
  return Error(ErrorKind::config, text("nothing below the site \"", site, "\" is trained, so it has no gradient"),
               "do not freeze all of it, or choose a later site");
}
Error Step::not_crossed(std::string_view site) {
  return Error(ErrorKind::value, text("no pass of this step crossed the site \"", site, "\""),
               "watch(site) before forward(), and name a site the model has");
}

namespace {
Tensor total(const Tensors& parts) {
  Tensor sum = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) sum = sum + parts[i];
  return sum;
}
}  // namespace

bool Step::is_mine(int32_t step) const {
  while (step > id_) step = ledger_->parent[size_t(step)];
  return step == id_;
}

/// Recorded passes between the rows this step started from and the loss: what a sweep from it walks through.
int64_t Step::passes_swept(const Tensor& loss) const {
  if (!loss.on_tape()) return 0;  // the sweep will say so
  const auto& live = ledger_->live;
  const NodeId last = tape_->owner(loss.place().value) + 1;
  return std::count_if(live.begin(), live.end(), [&](NodeId end) { return end > base_.node && end <= last; });
}

/// Before a sweep after which the rows go: what only this step holds need not live through it.
void Step::release() {
  first_.hidden = {};
  std::erase_if(ledger_->crossings, [&](const Crossing& c) { return c.row >= base_.node; });
}

void Step::drop_rows() {
  release();
  first_ = first_.detach();
  std::erase_if(ledger_->live, [&](NodeId end) { return end > base_.node; });
  std::erase_if(ledger_->cached, [&](const CachedPass& pass) { return pass.row >= base_.node; });
  tape_->rewind(base_);
}

void Step::backward(const Tensor& loss) {
  ledger_->passes.backward += passes_swept(loss);
  release();
  if (piece_) pull(loss, {}, Fill::parameters, base_.node);
  else tapedeck::backward(loss, {}, {}, base_.node);
  drop_rows();
}

Tensor Step::backward(const Tensor& loss, std::string_view site) {
  if (piece_) {
    release();
    const Tensor gradient = pull(loss, site, Fill::parameters, base_.node);
    drop_rows();
    return gradient;
  }
  ledger_->passes.backward += passes_swept(loss);
  const List<Tensor> values = values_at(site);
  release();
  const Tensor gradient = total(tapedeck::backward(loss, values, {}, base_.node));
  drop_rows();
  return gradient;
}

Tensor Step::grad(const Tensor& loss, std::string_view site, Order order, Graph graph) {
  if (piece_) {
    if (order == Order::differentiable)
      throw Error(ErrorKind::config, "a step in pieces keeps no rows to differentiate twice",
                  "leave out training.micro_batch_size");
    const Tensor gradient = pull(loss, site, Fill::nothing);
    if (graph == Graph::free) drop_rows();
    return gradient;
  }
  const int64_t swept = passes_swept(loss);
  ledger_->passes.backward += swept;
  const Tensor gradient = total(gradients(loss, values_at(site), order));
  if (order == Order::differentiable) ledger_->live.insert(ledger_->live.end(), size_t(swept), tape_->mark().node);
  if (graph == Graph::free) drop_rows();
  return gradient;
}

Tensor Step::grad(const Tensor& loss, Graph graph) {
  ledger_->passes.backward += passes_swept(loss);
  const Tensor& slab = store_->gradients();
  const Tensor before = slab.clone();
  slab.copy_from(Tensor::zeros(slab.shape(), slab.dtype()));
  if (piece_) pull(loss, {}, Fill::parameters);
  else tapedeck::backward(loss);
  const Tensor gradient = slab.clone();
  slab.copy_from(before);
  if (graph == Graph::free) drop_rows();
  return gradient;
}

Step Step::fork(DropoutMasks masks) const {
  Step step = *this;
  ledger_->parent.push_back(id_);
  step.id_ = int32_t(ledger_->parent.size()) - 1;
  step.first_ = {};
  step.first_pass_ = masks == DropoutMasks::same ? first_pass_ : first_pass_ + passes_;
  step.passes_ = 0;
  step.base_ = tape_->mark();
  return step;
}

Step Step::with(std::string_view site, const Tensor& delta, DropoutMasks masks) const {
  Step step = fork(masks);
  step.deltas_.push_back({interned(site), delta.detach()});
  return step;
}

Step Step::with(std::string_view site, std::shared_ptr<const SiteMap> map, DropoutMasks masks) const {
  Step step = fork(masks);
  step.deltas_.push_back({interned(site), {}, std::move(map)});
  return step;
}

Step Step::with(const Tensor& delta, DropoutMasks masks) const {
  Step step = fork(masks);
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const Parameter& p = store_->all()[i];
    if (p.trainable) step.leaves_[i] = leaves_[i] + store_->window(delta, p);
  }
  step.base_ = tape_->mark();
  return step;
}

Step Step::with(std::string_view site, std::shared_ptr<const SiteMap> mix, const Batch& partners, double keep) const {
  if (partners_) throw Error(ErrorKind::config, "mixup inside mixup: an example can have one partner", "use one of the two");
  Step step = fork();
  step.deltas_.insert(step.deltas_.begin(), {interned(site), {}, std::move(mix)});
  step.partners_ = &partners;
  step.keep_ = keep;
  return step;
}

void Step::report(std::string_view name, double value) { ledger_->reports[interned(name)] = value; }

void Step::report_loss(std::string_view name, double value) {
  if (value != 0 || batch_->total_labelled > 0) report(name, value);
}

}  // namespace tapedeck
