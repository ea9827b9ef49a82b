// The gradient cache (Gao et al. 2021, arXiv 2101.06983): passes leave vectors and no rows, the loss sees all vectors, and each
// pass is made once more, piece by piece, to be swept with the gradient of its vectors. Masks are functions of the place in the
// batch, so it is the same pass. Next: step.cpp.
#include <algorithm>
#include <array>
#include <cstring>

#include <tapedeck/base/error.h>
#include <tapedeck/objectives/step.h>

namespace tapedeck {
namespace {

/// What a pass leaves, by rows; transitions, the last, are the same in every piece.
using Parts = std::array<Tensor*, 5>;
constexpr size_t shared = 4;
Parts parts_of(View& v) { return {&v.logits, &v.pooled, &v.projection, &v.hidden, &v.transitions}; }

/// One tensor of the rows of many, which are given up.
Tensor stacked(List<Tensor>& rows) {
  if (rows.size() == 1) return rows[0];
  int64_t count = 0;
  for (const Tensor& r : rows) count += r.shape()[0];
  const Shape& one = rows[0].shape();
  const int64_t cols = one.rank() > 1 ? one.cols() : 1;
  const Tensor all = Tensor::empty(one.rank() > 1 ? Shape{count, cols} : Shape{count}, rows[0].dtype());
  auto* at = all.raw<std::byte>();
  for (Tensor& r : rows) {
    const size_t bytes = size_t(r.size()) * size_of(r.dtype());
    std::memcpy(at, r.raw<std::byte>(), bytes);
    at += bytes;
    r = {};
  }
  return all;
}

template <class T>
bool any(const Tensor& x) {
  return std::any_of(x.raw<T>(), x.raw<T>() + x.size(), [](T v) { return v != 0; });
}
bool nonzero(const Tensor& x) {
  return x && dispatch(x.dtype(), [&](auto tag) { return any<decltype(tag)>(x); });
}
void clear(const Tensor& x) { std::memset(x.raw<std::byte>(), 0, size_t(x.size()) * size_of(x.dtype())); }

/// y = sum_k <x_k, g_k> of the inputs x_0 g_0 x_1 g_1 ...: its gradient at x_k is g_k. Entries of g that are 0 ask for nothing,
/// whatever x holds there (scores may be -inf).
struct Inner final : Op {
  std::string_view name() const override { return "inner"; }
  Specs infer(In x) const override { return {{Shape{}, x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    dispatch(x[0].dtype(), [&](auto tag) {
      using T = decltype(tag);
      double sum = 0;
      for (size_t k = 0; k + 1 < x.size(); k += 2)
        for (int64_t i = 0; i < x[k].size(); ++i)
          if (const T g = x[k + 1].raw<T>()[i]; g != 0) sum += double(x[k].raw<T>()[i]) * double(g);
      y[0].raw<T>()[0] = T(sum);
    });
  }
  Tensors vjp(In x, In, In dy, Wanted wanted) const override {
    Tensors dx;
    for (size_t k = 0; k < x.size(); ++k) dx.push_back(k % 2 == 0 && wanted[k] ? x[k + 1] * dy[0] : Tensor{});
    return dx;
  }
  Cost cost(In x) const override {
    double elements = 0;
    for (size_t k = 0; k + 1 < x.size(); k += 2) elements += double(x[k].size());
    return {2 * elements, bytes_moved(x)};
  }
};

template <class Use>
void for_pieces(const Batch& batch, int64_t piece, Use use) {
  for (int64_t begin = 0; begin < batch.examples(); begin += piece)
    use(piece_of(batch, begin, std::min(batch.examples(), begin + piece)));
}

}  // namespace

View Step::travel(const Trip& trip, const Batch& batch, std::span<const Tensor> values, List<SiteValue>& sites) const {
  Pass pass(*store_, batch, trip.mode, trip.key, values, trip.deltas, trip.dropout);
  for (auto& site : trip.watched) pass.watch(site);
  View view = model_->forward(pass);
  sites = pass.sites();
  view.hidden = {};
  if (trip.only.empty()) return view;
  View there;
  for (auto& s : sites)
    if (s.site == trip.only) there.hidden = s.value;
  if (!there.hidden)
    throw Error(ErrorKind::value, text("no pass of this step crossed the site \"", trip.only, "\""), "name a site the model has");
  return there;
}

View Step::constants(const Trip& trip, std::span<const Tensor> values) const {
  std::array<List<Tensor>, shared + 1> rows;
  List<SiteValue> sites;
  for_pieces(trip.batch, piece_, [&](const Batch& piece) {
    View view = travel(trip, piece, values, sites).detach();
    const Parts parts = parts_of(view);
    for (size_t k = 0; k < parts.size(); ++k)
      if (*parts[k] && (k != shared || rows[k].empty())) rows[k].push_back(*parts[k]);
  });
  View all;
  for (size_t k = 0; k <= shared; ++k)
    if (!rows[k].empty()) *parts_of(all)[k] = stacked(rows[k]);
  return all;
}

View Step::cached(Trip trip) {
  for (size_t i = 0; i < trip.deltas.size(); ++i) {
    if (!trip.deltas[i].map || !trip.deltas[i].map->among({}, trip.batch)) continue;  // it reads no other rows
    Trip before = trip;
    before.only = trip.deltas[i].site;
    before.watched.push_back(before.only);
    std::erase_if(before.deltas, [&](const Delta& d) { return d.site == before.only; });
    trip.deltas[i].map = trip.deltas[i].map->among(cached(before).hidden, trip.batch);
  }
  CachedPass pass{id_, tape_->mark().node, std::move(trip), leaves_, {}};
  List<Tensor> values;
  for (const Tensor& leaf : leaves_) values.push_back(leaf.detach());
  View view = constants(pass.trip, values);
  const MemoryFor purpose(Memory::activations);
  const Parts out = parts_of(view), gradient = parts_of(pass.gradient);
  for (size_t k = 0; k <= shared; ++k)
    if (*out[k]) *out[k] = tape_->leaf(*out[k], *gradient[k] = Tensor::zeros(out[k]->shape(), out[k]->dtype()));
  ++ledger_->passes.forward;
  ledger_->cached.push_back(std::move(pass));
  return view;
}

/// One cached pass with rows, piece by piece: each is swept and forgotten. Returns the gradient at a site of the whole batch, or
/// at a parameter; undefined when neither is asked for or the pass does not cross the site.
Tensor Step::pull_pass(CachedPass& pass, std::string_view site, const Tensor& parameter, NodeId from) const {
  const Parts gradient = parts_of(pass.gradient);
  const bool some = std::any_of(gradient.begin(), gradient.end(), [](const Tensor* g) { return nonzero(*g); });
  Parts seeds{};  // of the outputs that matter; all, if none does, for a site's gradient of zeros
  for (size_t k = 0; k <= shared; ++k)
    if (*gradient[k] && (!some || nonzero(*gradient[k]))) seeds[k] = gradient[k];
  std::array<int64_t, shared + 1> row{};
  Tensor of_parameter;
  List<Tensor> of_site;
  bool crossed = false;
  const auto sweep = [&](const Batch& piece) {
    const NodeId begin = tape_->size();
    List<SiteValue> sites;
    View view = travel(pass.trip, piece, pass.leaves, sites);
    const Parts out = parts_of(view);
    Tensors pairs, wanted;
    for (size_t k = 0; k <= shared; ++k) {
      if (!seeds[k] || (k == shared && row[k] > 0)) continue;
      const int64_t rows = out[k]->shape()[0];
      row[k] += rows;
      if (!out[k]->on_tape()) continue;
      pairs.push_back(*out[k]);
      pairs.push_back(slice(*seeds[k], 0, row[k] - rows, row[k]));
    }
    if (parameter) wanted.push_back(parameter);
    for (auto& s : sites) {
      if (parameter || s.site != site) continue;
      crossed = true;
      if (s.value.on_tape()) wanted.push_back(s.value);
    }
    if (pairs.empty()) return;
    Tensor total;
    for (const Tensor& g : tapedeck::backward(apply(Inner{}, pairs), wanted, {}, begin, from)) total = total ? total + g : g;
    if (parameter) of_parameter = of_parameter ? of_parameter + total : total;
    else if (total) of_site.push_back(total);
  };
  for_pieces(pass.trip.batch, piece_, [&](const Batch& piece) {
    const Tape::Mark mark = tape_->mark();
    sweep(piece);
    tape_->rewind(mark);
  });
  if (crossed && of_site.empty()) throw untrained(site);
  return of_site.empty() ? of_parameter : stacked(of_site);
}

Tensor Step::pull(const Tensor& loss, std::string_view site, Fill fill, NodeId release) {
  const Tensor parameter = is_parameter(site) ? values_at(site)[0] : Tensor{};
  const NodeId from = fill == Fill::parameters ? 0 : ledger_->root;
  Tensor total;
  const auto add = [&](const Tensor& g) { total = !total ? g : g ? total + g : total; };
  for (const Tensor& g : tapedeck::backward(loss, parameter ? In(&parameter, 1) : In{}, {}, release, from)) add(g);
  for (size_t k = ledger_->cached.size(); k-- > 0;) {
    CachedPass& pass = ledger_->cached[k];
    const bool mine = pass.row >= base_.node, asks = !site.empty() && !parameter && mine && pass.trip.only.empty();
    const Parts gradient = parts_of(pass.gradient);
    const bool reached = std::any_of(gradient.begin(), gradient.end(), [](const Tensor* g) { return nonzero(*g); });
    if (asks || (reached && (mine || parameter || fill == Fill::parameters))) {
      add(pull_pass(pass, asks && is_mine(pass.owner) ? site : std::string_view(), parameter, from));
      ++ledger_->passes.forward;
      ++ledger_->passes.backward;
    }
    for (const Tensor* g : gradient)
      if (*g) clear(*g);
  }
  if (!site.empty() && !total) throw not_crossed(site);
  return total;
}

}  // namespace tapedeck
