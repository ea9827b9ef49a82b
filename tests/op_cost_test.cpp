// What an op says it costs is what its mathematics costs: each op is written a second time over a scalar type (its twin), which
// gives the same numbers with doubles and counts itself with Counted<double>. Next: support/op_twins.h.
#include <doctest/doctest.h>

#include <iostream>
#include <set>

#include <tapedeck/ops/fused.h>
#include <tapedeck/ops/ops.h>

#include "kernels/parallel.h"
#include "src/ops/op_rows.h"
#include "support/twins_packed.h"

namespace tapedeck::testing {
namespace {

constexpr double tolerance = 1e-11;               // relative to the largest entry, or to 1
constexpr size_t fewest_shapes = 20;

/// How many different calls (attributes, shapes) of an op were looked at.
struct Seen { std::set<std::string> calls; int64_t forward = 0, backward = 0, restore = 0; };
std::map<std::string, Seen, std::less<>> seen;

std::string label(const Node& node) {
  Attributes attributes;
  node.op->attributes(attributes);
  std::string out(node.op->name());
  for (const auto& [name, value] : attributes.all) out += " " + name + "=" + value;
  for (const Tensor& t : node.in) out += " " + t.shape().str();
  return out;
}

template <class S>
std::vector<Array<S>> arrays(In tensors) {
  std::vector<Array<S>> all;
  for (const Tensor& t : tensors) all.push_back(t ? Array<S>(t) : Array<S>());
  return all;
}

template <class S>
Call<S> call_of(const Described& about, In x, In y, In dy = {}, Asked dx = {}) {
  Call<S> c{about, arrays<S>(x), arrays<S>(y), arrays<S>(dy), {}, {}, {}, {}};
  for (const Tensor& t : dy) c.reached.push_back(bool(t));
  for (const Grad& g : dx) {
    c.dx.push_back(g.wanted ? Array<S>(g.into) : Array<S>());
    c.wanted.push_back(g.wanted);
    c.accumulate.push_back(g.accumulate);
  }
  return c;
}

bool agrees(const Array<double>& twin, const Tensor& value) {
  const double scale = std::max(largest_entry(value), 1.0);
  if (twin.size() != value.size()) return false;
  for (int64_t i = 0; i < twin.size(); ++i) {
    const double a = twin[i], b = value.item(i);
    if (a != b && !(std::isnan(a) && std::isnan(b)) && !(std::fabs(a - b) <= tolerance * scale)) return false;
  }
  return true;
}

double bytes(In tensors) {
  double all = 0;
  for (const Tensor& t : tensors) if (t) all += double(t.size()) * double(size_of(t.dtype()));
  return all;
}

/// Every input is read and every output written once; of a table only what is looked up.
double bytes_moved(const Node& node, In in) {
  const std::string_view name = node.op->name();
  const double element = double(size_of(node.out[0].dtype())), out = bytes(node.out);
  if (name == "reshape") return 0;
  if (name == "gather" || name == "pick" || name == "slice") return out + out + bytes(in.subspan(1));
  if (name == "segment_first" || name == "segment_take") {
    int64_t read = 0;
    for (int64_t i = 0; i < in[1].size(); ++i)
      read += name == "segment_take" ? in[1].item(i) >= 0 : i > 0 && in[1].item(i) > in[1].item(i - 1) ? in[0].shape()[1] : 0;
    return out + double(read) * element + bytes(in.subspan(1));
  }
  if (!name.starts_with("embedding")) return bytes(in) + out;
  double read = 0;
  for (const Tensor& t : in) read += t.shape().rank() == 2 ? double(in[1].size() * t.shape()[1]) * element : bytes(In(&t, 1));
  return read + out;
}

/// The flops that part counts on these arguments.
template <class... Arguments>
double counted(const Doing<Number>& count, const Arguments&... arguments) {
  Call<Number> c = call_of<Number>(arguments...);
  Number::flops = 0;
  count(c);
  return double(Number::flops);
}

void check_forward(const Node& node, In in, const Twin& twin, const Described& about) {
  const Tensors fresh = copies(node.out);
  for (const Tensor& t : fresh) poison(t);
  Call<double> c = call_of<double>(about, in, fresh);
  twin.forward.compute(c);
  for (size_t k = 0; k < node.out.size(); ++k) CHECK_MESSAGE(agrees(c.y[k], node.out[k]), "output ", k, " is not the twin's");
  CHECK(node.op->cost(in).flops == counted(twin.forward.count, about, in, In(fresh)));
  CHECK(node.op->cost(in).bytes == bytes_moved(node, in));
}

/// Inputs that are wanted (only < 0: all floating ones), into fresh buffers or added to what is there.
Few<Grad, max_inputs> grads_of(In in, int only, bool accumulate) {
  Few<Grad, max_inputs> dx;
  const WantedInputs wanted(in, only);
  for (size_t k = 0; k < in.size(); ++k)
    dx.push_back(!wanted.flags[k] ? Grad{} : Grad{random_like(in[k], "there", int(k)), true, accumulate});
  return dx;
}

void check_backward(const Node& node, In in, In out, const Twin& twin, const Described& about, In dy, int only, bool accumulate) {
  const Few<Grad, max_inputs> before = grads_of(in, only, accumulate);
  Few<Grad, max_inputs> dx = grads_of(in, only, accumulate);
  if (!node.op->backward(in, out, copies(dy), dx)) return;
  const std::span<const Grad> asked = before;
  REQUIRE_MESSAGE(twin.backward.compute, "no twin of the backward kernel");
  Call<double> c = call_of<double>(about, in, out, dy, asked);
  twin.backward.compute(c);
  for (size_t k = 0; k < dx.size(); ++k)
    if (dx[k].wanted) CHECK_MESSAGE(agrees(c.dx[k], dx[k].into), "gradient of input ", k, " is not the twin's");
  const Cost cost = node.op->backward_cost(in, out, dy, asked);
  CHECK(cost.flops == counted(twin.backward.count, about, in, out, dy, asked));
  double made = 0;
  for (const Grad& g : dx) if (g.wanted && !g.accumulate) made += bytes(In(&g.into, 1));
  CHECK(cost.bytes >= made);
  CHECK(cost.bytes <= 4 * bytes(in) + bytes(out) + bytes(dy) * double(1 + 2 * in.size()));
  ++seen[std::string(node.op->name())].backward;
}

void check_restore(const Node& node, In in, In out, const Twin& twin, const Described& about) {
  for (size_t k = 0; k < out.size(); ++k) {
    if (!(node.op->restores() >> k & 1)) continue;
    const Tensors y = copies(out);
    poison(y[k]);
    REQUIRE_MESSAGE(twin.restore.compute, "no twin of restore");
    Call<double> c = call_of<double>(about, in, In(y));
    twin.restore.compute(c);
    CHECK_MESSAGE(agrees(c.y[k], out[k]), "restored output ", k, " is not the twin's");
    CHECK(node.op->restore_cost(in, out, k).flops == counted(twin.restore.count, about, in, In(y)));
    ++seen[std::string(node.op->name())].restore;
  }
}

/// Everything about a row whose like was not seen before.
void check_row(const Node& node) {
  const std::string name(node.op->name()), call = label(node);
  static const std::set<std::string, std::less<>> of_the_tape{"leaf", "alias", "accumulate"};
  if (of_the_tape.contains(name) || !seen[name].calls.insert(call).second) return;
  CAPTURE(call);
  const auto found = twins().find(name);
  REQUIRE_MESSAGE(found != twins().end(), name, " has no twin in tests/support/twins_*.h");
  const Tensors in = detached(node.in), out = detached(node.out);
  const Described about(*node.op);
  check_forward(node, in, found->second, about);
  ++seen[name].forward;
  check_restore(node, in, out, found->second, about);
  if (!node.traits.has_backward || !node.traits.differentiable) return;
  const int outputs = int(differentiable_outputs(node));
  for (int only_output = -1; only_output < (outputs > 1 ? outputs : 0); ++only_output)
    for (int only = -1; only < int(in.size()); ++only) {
      if (only >= 0 && !is_floating(in[size_t(only)].dtype())) continue;
      for (bool accumulate : {false, true})
        check_backward(node, in, out, found->second, about, output_gradients(node, only_output), only, accumulate);
    }
}

/// All rows that a call leaves on a tape, those of its first and second derivatives included.
void check_rows_of(const OpCase& row) {
  Play play(row, row.inputs);
  if (play.differentiable()) {
    Tensor along;
    for (const Tensor& g : play.gradients(Order::differentiable)) {
      if (!g || !g.on_tape()) continue;
      const Tensor part = sum(square(g));
      along = along ? along + part : part;
    }
    if (along && along.on_tape()) gradients(along, play.leaves(), Order::differentiable);
  }
  for (NodeId i = 0; i < play.tape.size(); ++i)
    if (play.tape.node(i).op) check_row(play.tape.node(i));
}

/// The inputs of a row in other sizes: equal axes stay equal, offsets get other lengths, indices are drawn anew. The op may refuse.
class Resized {
 public:
  Resized(const OpCase& row, int draw) : key_(root_key(31) / row.name / draw) {
    for (const Tensor& t : row.inputs)
      if (is_offsets(t)) draw_offsets(t);
    for (size_t k = 0; k < row.inputs.size(); ++k) inputs_.push_back(resized(row.inputs[k], int(k)));
  }
  const std::vector<Tensor>& inputs() const { return inputs_; }

 private:
  static bool is_offsets(const Tensor& t) {
    return t.dtype() == DType::i32 && t.size() > 1 && t.item(0) == 0 && std::ranges::is_sorted(t.data<int32_t>());
  }
  int64_t below(int64_t n) { return int64_t(random_below(key_, uint64_t(used_++), uint64_t(n))); }
  void draw_offsets(const Tensor& before) {
    offsets_ = Tensor::zeros(before.shape(), DType::i32);
    tokens_ = int64_t(before.item(before.size() - 1));
    pairs_ = new_pairs_ = 0;
    for (int64_t b = 1; b < before.size(); ++b) {
      const int64_t old = int64_t(before.item(b) - before.item(b - 1)), now = below(6);
      offsets_.raw<int32_t>()[b] = int32_t(offsets_.item(b - 1)) + int32_t(now);
      pairs_ += old * old, new_pairs_ += now * now;
    }
  }
  /// Numbers of pairs and of tokens follow the offsets; others become a multiple or anything.
  int64_t dimension(int64_t n) {
    const auto [known, fresh] = dimensions_.try_emplace(n, 0);
    if (!fresh) return known->second;
    int64_t to = below(2) ? n * (1 + below(3)) : 1 + below(9);
    if (offsets_ && tokens_ > 0 && n == tokens_) to = int64_t(offsets_.item(offsets_.size() - 1));
    else if (offsets_ && n == offsets_.size() - 1) to = n;
    else if (offsets_ && pairs_ > 0 && n % pairs_ == 0) to = n / pairs_ * new_pairs_;
    else if (offsets_ && tokens_ > 0 && n % tokens_ == 0) to = n / tokens_ * int64_t(offsets_.item(offsets_.size() - 1));
    return known->second = to;
  }
  Tensor resized(const Tensor& t, int k) {
    if (is_offsets(t) && offsets_ && t.size() == offsets_.size()) return offsets_;
    Shape shape;
    for (int axis = 0; axis < t.shape().rank(); ++axis) shape.push(dimension(t.shape()[axis]));
    if (is_floating(t.dtype())) return Tensor::uniform(shape, key_ / k, 0.3, 3, DType::f64);
    const Tensor drawn = Tensor::empty(shape, t.dtype());
    const int64_t limit = t.dtype() == DType::u8 ? 2 : 1 + below(4);
    for (int64_t i = 0; i < drawn.size(); ++i) {
      if (t.dtype() == DType::u8) drawn.raw<uint8_t>()[i] = uint8_t(below(limit));
      else drawn.raw<int32_t>()[i] = int32_t(below(limit));
    }
    return drawn;
  }

  Key key_;
  int64_t used_ = 0, tokens_ = 0, pairs_ = 0, new_pairs_ = 0;
  Tensor offsets_;
  std::map<int64_t, int64_t> dimensions_;
  std::vector<Tensor> inputs_;
};

/// More shapes of an op than its rows have.
void check_resized(const OpEntry& entry) {
  const std::vector<OpCase> rows = entry.cases(DType::f64);
  for (int draw = 0; draw < 200 && seen[entry.name].calls.size() < fewest_shapes; ++draw)
    for (const OpCase& row : rows) {
      OpCase other = row;
      other.inputs = Resized(row, draw).inputs();
      try {
        Tensors(row.call(In(other.inputs)));
      } catch (const Error&) {                    // these sizes do not go together
        continue;
      }
      CAPTURE(row.name);
      check_rows_of(other);
    }
}

TEST_CASE("flops of every op are those that its twin counts, forward and backward") {
  kernels::set_threads(1);
  add_elementwise_twins();
  add_layout_twins();
  add_row_twins();
  add_norm_twins();
  add_packed_twins();
  for (const OpEntry& entry : op_table())
    for (const OpCase& row : entry.cases(DType::f64)) {
      CAPTURE(row.name);
      check_rows_of(row);
    }
  for (const OpEntry& entry : op_table()) check_resized(entry);
  int64_t calls = 0, backward = 0;
  for (const OpEntry& entry : op_table()) {
    const Seen& of = seen[entry.name];
    calls += of.forward, backward += of.backward;
    CHECK_MESSAGE(of.calls.size() >= fewest_shapes, entry.name, " was looked at in ", of.calls.size(), " shapes only");
  }
  std::cout << "flops counted: " << op_table().size() << " ops, " << calls << " calls, " << backward << " backward calls\n";
}

}  // namespace
}  // namespace tapedeck::testing
