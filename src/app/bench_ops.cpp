// tapedeck bench ops: the hot ops at the sizes of a model, their kernels alone, forward and backward. A row's share is the
// time that the roofline allows (the larger of flops by peak and bytes by bandwidth) divided by the time it took.
#include <fmt/core.h>

#include <tapedeck/ops/fused.h>
#include <tapedeck/tape/tape.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>

#include "src/app/bench_model.h"

namespace tapedeck::app {
namespace {

struct OpsFlags : TrainFlags {
  int64_t repeats = 7;
  double seconds = 0.05;
};

/// A call that records one op. Inputs from `parameters` on are parameters: their gradients are added up, as in a step.
struct Subject {
  std::string name;
  std::vector<Tensor> inputs;
  size_t parameters;
  std::function<Tensor(In)> call;
};
/// elements: of the activation that goes in or comes out, whichever is larger.
struct OpRow {
  std::string name, direction;
  int64_t elements;
  double seconds, flops, bytes;
};

/// What the machine does at best: flops a second, and bytes a second from each level, the better of triad and in place.
struct Roof {
  double flops = 0, bytes[3] = {}, room[3] = {};  // room: bytes that a level holds, all threads together
  double seconds(double work, double traffic) const {
    const int level = traffic <= room[0] ? 0 : traffic <= room[1] ? 1 : 2;
    return std::max(work / flops, traffic / bytes[level]);
  }
};
Roof measure_roof() {
  const int n = threads();
  Roof roof{.flops = *fma_peak(DType::f32, n)};
  for (int i = 0; i < 3; ++i) {
    const auto level = MemoryLevel(i);
    roof.bytes[i] = std::max(triad_bandwidth(level, n), triad_bandwidth(level, n, true));
    roof.room[i] = double(stream_bytes(level, n)) * (level == MemoryLevel::l2 ? 2 : 4);
  }
  return roof;
}

Tensor numbers(Shape shape, const char* name) { return Tensor::uniform(shape, root_key(1) / name, -1, 1); }

Tensor indices(int64_t n, const std::function<int64_t(int64_t)>& value) {
  const Tensor t = Tensor::empty({n}, DType::i32);
  for (int64_t i = 0; i < n; ++i) t.raw<int32_t>()[i] = int32_t(value(i));
  return t;
}

std::vector<Subject> subjects(const TrainFlags& f) {
  const int64_t t = f.batch * f.length, d = f.width, h = f.feed_forward, v = f.vocabulary, heads = f.heads;
  const Tensor x = numbers({t, d}, "x"), residual = numbers({t, d}, "residual"), gain = numbers({d}, "gain"),
               bias = numbers({d}, "bias");
  const Tensor qkv = numbers({t, 3 * d}, "qkv"), wide = numbers({t, h}, "wide"), logits = numbers({t, v}, "logits"),
               other = numbers({t, v}, "other"), word = numbers({v, d}, "word"), position = numbers({f.length, d}, "position");
  const Tensor offsets = indices(f.batch + 1, [&](int64_t i) { return i * f.length; });
  const Tensor tokens = indices(t, [&](int64_t i) { return int64_t(root_key(uint64_t(i)).bits % uint64_t(v)); });
  const Tensor positions = indices(t, [&](int64_t i) { return i % f.length; });
  const double p = f.dropout;
  const Key key = root_key(2);
  const auto weight = [&](int64_t out, int64_t in) { return numbers({out, in}, "weight"); };
  const auto lin = [](Activation act) { return [act](In in) { return linear(in[0], in[1], in[2], act); }; };
  const auto attend = [heads, key](double rate) {
    return [=](In in) { return attention(in[0], in[1], {heads, false, {rate, key, 0}}); };
  };
  const auto sum_norm = [key](double rate) {
    return [=](In in) { return residual_norm(in[0], in[1], in[2], in[3], 1e-5, {rate, key, 0}).norm; };
  };
  return {{"linear to q, k, v", {x, weight(3 * d, d), numbers({3 * d}, "b")}, 1, lin(Activation::none)},
          {"linear, gelu", {x, weight(h, d), numbers({h}, "b")}, 1, lin(Activation::gelu)},
          {"linear back", {wide, weight(d, h), bias}, 1, lin(Activation::none)},
          {"attention", {qkv, offsets}, 2, attend(0)},
          {"attention, dropout", {qkv, offsets}, 2, attend(p)},
          {"residual, norm", {x, residual, gain, bias}, 2, sum_norm(0)},
          {"residual, dropout, norm", {x, residual, gain, bias}, 2, sum_norm(p)},
          {"layer norm", {x, gain, bias}, 1, [](In in) { return layer_norm(in[0], in[1], in[2]); }},
          {"dropout", {x}, 1, [=](In in) { return dropout(in[0], p, key); }},
          {"gelu", {wide}, 1, [](In in) { return gelu(in[0]); }},
          {"embedding, norm",
           {word, tokens, position, positions, gain, bias},
           0,
           [](In in) { return embedding_norm(in[0], in[1], in[2], in[3], {}, {}, in[4], in[5], 1e-5); }},
          {"softmax", {logits}, 1, [](In in) { return softmax(in[0]); }},
          {"cross entropy", {logits, tokens}, 1, [](In in) { return cross_entropy_rows(in[0], in[1]); }},
          {"symmetric kl", {logits, other}, 2, [](In in) { return symmetric_kl_rows(in[0], in[1]); }}};
}

/// The op's own kernels on the tensors of its row, with the costs that it states.
void measure(const Subject& subject, const OpsFlags& flags, std::vector<OpRow>& rows) {
  Tape tape;
  Tensors leaves;
  for (const Tensor& input : subject.inputs) leaves.push_back(is_floating(input.dtype()) ? tape.leaf(input) : input);
  const Tensor result = subject.call(leaves);
  const Node& node = tape.node(tape.size() - 1);
  const size_t used = result.place().value - node.first;
  const Cost cost = node.op->cost(node.in);
  Tensors out, dy;
  for (const Tensor& t : node.out) out.push_back(t.detach());
  for (size_t i = 0; i < out.size(); ++i) dy.push_back(i == used ? Tensor::full(out[i].shape(), 0.5) : Tensor());
  const auto forward = [&] { node.op->forward(node.in, out); };
  const int64_t elements = subject.parameters ? std::max(node.in[0].size(), out[0].size()) : out[0].size();
  rows.push_back(
      {subject.name, "forward", elements, median_seconds(flags.repeats, flags.seconds, forward), cost.flops, cost.bytes});
  Few<Grad, max_inputs> grads;
  for (size_t i = 0; i < node.in.size(); ++i) {
    const Tensor& input = node.in[i];
    Grad grad;
    grad.wanted = input && is_floating(input.dtype());
    grad.accumulate = grad.wanted && i >= subject.parameters;
    if (grad.wanted) grad.into = Tensor::zeros(input.shape());
    grads.push_back(grad);
  }
  const Cost back = node.op->backward_cost(node.in, out, dy, grads);
  const auto backward = [&] { node.op->backward(node.in, out, dy, grads); };
  rows.push_back({"", "backward", elements, median_seconds(flags.repeats, flags.seconds, backward), back.flops, back.bytes});
}

/// Clipping's norm and the update of every parameter of the model.
void measure_update(const OpsFlags& flags, std::vector<OpRow>& rows) {
  const BenchRun run(flags);
  const ParamStore& store = run.store;
  Optimizer& optimizer = *run.setup.optimizer;
  optimizer.bind(store);
  const double bytes = double(store.values().size()) * double(size_of(store.values().dtype()));
  int64_t step = 0;
  const double norm = median_seconds(flags.repeats, flags.seconds, [&] { gradient_norm(store); });
  rows.push_back({"gradient norm", "", store.values().size(), norm, 2 * double(store.values().size()), bytes});
  const double update = median_seconds(flags.repeats, flags.seconds, [&] { optimizer.update(1, 1, ++step); });
  rows.push_back({"adamw", "", store.values().size(), update, 14 * double(store.values().size()), 8 * bytes});
}

int bench_ops(const OpsFlags& given) {
  use_products(given);
  OpsFlags flags = given;
  static_cast<TrainFlags&>(flags) = filled_in(given);
  const Roof roof = measure_roof();
  std::vector<OpRow> rows;
  for (const Subject& subject : subjects(flags)) measure(subject, flags, rows);
  measure_update(flags, rows);
  Json list = Json::list();
  TableRows lines = {{"op", "", "us", "ns/element", "GF/s", "GB/s", "share of the roofline"}};
  std::string name;
  for (const OpRow& row : rows) {
    const double share = roof.seconds(row.flops, row.bytes) / row.seconds;
    if (!row.name.empty()) name = row.name;
    list.items.push_back(json_object({{"op", name},
                                      {"direction", row.direction},
                                      {"elements", row.elements},
                                      {"seconds", row.seconds},
                                      {"flops", row.flops},
                                      {"bytes", row.bytes},
                                      {"share_of_roofline", share}}));
    lines.push_back({row.name, row.direction, fmt::format("{:.1f}", 1e6 * row.seconds),
                     fmt::format("{:.3f}", 1e9 * row.seconds / double(row.elements)), giga(row.flops / row.seconds),
                     giga(row.bytes / row.seconds), fmt::format("{:.3f}", share)});
  }
  const std::string heading = fmt::format("{}: {} tokens of {}, {} threads, {} GF/s, {} / {} / {} GB/s from L2 / L3 / memory\n",
                                          flags.model, flags.batch * flags.length, flags.width, threads(), giga(roof.flops),
                                          giga(roof.bytes[0]), giga(roof.bytes[1]), giga(roof.bytes[2]));
  return print_bench(flags, std::move(list), heading, lines,
                     {{"fma_peak", roof.flops},
                      {"bandwidth_l2", roof.bytes[0]},
                      {"bandwidth_l3", roof.bytes[1]},
                      {"bandwidth_memory", roof.bytes[2]}});
}

}  // namespace

void add_bench_ops(CommandLine& line) {
  auto [command, flags] =
      add_command<OpsFlags>(line, "bench ops", "the hot ops at the sizes of a model, forward and backward", bench_ops);
  add_size_flags(command, flags);
  command.number("--repeats", flags.repeats, "measurements, of which the median counts", int64_t{1})
      .number("--seconds", flags.seconds, "least time of a measurement", 0.0001);
  add_product_flags(command, flags);
}

}  // namespace tapedeck::app
