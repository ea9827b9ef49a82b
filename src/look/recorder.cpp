// From events to records: what an op reads and makes, what a row keeps, where a sweep begins, what an update changed.
// Next: recorder_values.cpp for which value a handle means, record_again.cpp.
#include <tapedeck/look/recorder.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/look/elements.h"

namespace tapedeck {
Recorder::Recorder(RecorderOptions options)
    : options_(options),
      tape_before_(std::exchange(tape_listener, this)),
      pool_before_(std::exchange(pool_listener, this)),
      start_(Clock::now()) {
  recording_.statistics = options.statistics;
  alive_ = memory_use().now;
  alive_[size_t(Memory::scratch)] = 0;  // of the kernels, not of the pool
  live_ = most_ = total(alive_);
}

Recorder::~Recorder() {
  if (listening_) finish();
}

Recording Recorder::finish() {
  dy_copies_ = dx_copies_ = {};
  old_.clear();
  if (std::exchange(listening_, false)) {
    tape_listener = tape_before_;
    pool_listener = pool_before_;
  }
  return std::move(recording_);
}

void Recorder::use(const Tensor& t, Use::Role role) {
  const uint32_t v = value_of(t);
  if (v != nothing) pending_.in.push_back({role, v, t.on_tape(), false});
}

void Recorder::begin(const OpCall& call) {
  pending_ = {};
  using Kind = OpCall::Kind;
  constexpr OpRecord::Kind kinds[] = {OpRecord::Kind::forward, OpRecord::Kind::backward, OpRecord::Kind::again,
                                      OpRecord::Kind::restore, OpRecord::Kind::add};
  pending_.kind = kinds[size_t(call.kind)];
  pending_.op = call.op.name();
  pending_.scope = scope_path(call.scope);
  pending_.differentiable = call.traits.differentiable;
  if (!pulls_.empty() && pulls_[0] != nothing) {
    pending_.origin = pulls_[0];
    const OpRecord& origin = recording_.records[pulls_[0]];
    pending_.order = uint8_t(origin.order + (call.kind == Kind::recompute || call.kind == Kind::recompute_output ? 0 : 1));
    if (pending_.scope.empty() || call.kind == Kind::forward) pending_.scope = origin.scope;
  } else if (call.kind == Kind::add && !recording_.records.empty()) {
    pending_.order = recording_.records.back().order;
  }
  Attributes attributes;
  call.op.attributes(attributes);
  pending_.attributes = std::move(attributes.all);
  for (size_t i = 0; i < call.dy.size(); ++i) {
    use(call.dy[i], Use::Role::gradient);
    if (call.dy[i] && call.out[i]) recording_.values[pending_.in.back().value].gradient_of = value_of(call.out[i]);
  }
  if (call.kind != Kind::backward && call.kind != Kind::recompute_output) {
    for (size_t k = 0; k < call.in.size(); ++k)
      use(call.in[k], call.kind == Kind::add && k == 0 ? Use::Role::sum : Use::Role::input);
  } else {
    for (auto& save : call.op.saves()) {
      const In side = save.kind == Save::input ? call.in : call.out;
      const auto k = size_t(save.index);
      const bool target = call.kind == Kind::recompute_output && save.kind == Save::output && k == call.output;
      if (k < side.size() && side[k] && side[k].has_data() && !target) use(side[k], Use::Role::saved);
    }
    for (auto& g : call.dx)
      if (g.wanted && g.accumulate) use(g.into, Use::Role::sum);
  }
  price(call);
  if (options_.replay || options_.shadow || options_.derivatives) keep_copies(call);
  if (options_.visitor) {
    const Pause pause(*this);
    options_.visitor->before(uint32_t(recording_.records.size()), call);
  }
  pending_.start_ns = now();
}

void Recorder::price(const OpCall& call) {
  using Kind = OpCall::Kind;
  const Cost cost = call.kind == Kind::backward           ? call.op.backward_cost(call.in, call.out, call.dy, call.dx)
                    : call.kind == Kind::recompute_output ? call.op.recompute_cost(call.in, call.out, call.output)
                                                          : call.op.cost(call.in);
  pending_.flops = cost.flops;
  pending_.bytes = cost.bytes;
}

void Recorder::end(const OpCall& call, bool done) {
  pending_.ns = now() - pending_.start_ns;
  const Pause pause(*this);
  if (!done) {
    dy_copies_ = dx_copies_ = {};
    return;
  }
  const auto id = uint32_t(recording_.records.size());
  const auto make = [&](const Tensor& t, uint32_t gradient_of) {
    uint32_t name_from = nothing;
    if (const auto old = values_.find(key_of(t)); old != values_.end() && recording_.values[old->second].gradient_buffer)
      name_from = old->second;
    const uint32_t v = new_value(t, id);
    RecordedValue& value = recording_.values[v];
    value.gradient_of = gradient_of;
    value.may_be_infinite = call.traits.may_be_infinite;
    if (name_from != nothing) {
      value.name = recording_.values[name_from].name;
      value.gradient_of = recording_.values[name_from].gradient_of;
      value.gradient_buffer = true;
    }
    pending_.out.push_back(v);
  };
  if (call.kind == OpCall::Kind::backward) {
    for (size_t k = 0; k < call.dx.size(); ++k)
      if (call.dx[k].wanted) make(call.dx[k].into, value_of(call.in[k]));
  } else if (call.kind == OpCall::Kind::recompute_output) {
    make(call.out[call.output], nothing);
  } else {
    for (auto& t : call.out) make(t, nothing);
  }
  if (options_.replay) compute_again(call);
  if (options_.shadow) compute_in_f64(call);
  if (options_.derivatives) differentiate(call);
  if (options_.visitor) options_.visitor->after(id, call);
  dy_copies_ = dx_copies_ = {};
  finish_record(std::move(pending_));
}

void Recorder::finish_record(OpRecord&& record) {
  record.alive = alive_;
  record.peak = std::max(most_, live_);
  recording_.records.push_back(std::move(record));
  most_ = live_;
}

void Recorder::appended(const Tape& tape, NodeId row) {
  const Node& node = tape.node(row);
  if (node.in.empty() && !node.out.empty() && node.op->name() == "leaf") {
    pending_ = {};
    pending_.kind = OpRecord::Kind::leaf;
    pending_.op = "leaf";
    pending_.scope = scope_path(node.scope);
    pending_.start_ns = now();
    const uint32_t v = value_of(node.out[0].detach());
    pending_.out = {v};
    finish_record(std::move(pending_));
  }
  auto& rows = rows_[&tape];
  rows.resize(row, nothing);
  rows.push_back(uint32_t(recording_.records.size()) - 1);
  OpRecord& record = recording_.records.back();
  record.row = row;
  for (size_t k = 0; k < node.out.size() && k < record.out.size(); ++k) {
    placed_[place_key(node.out[k].place())] = record.out[k];
    recording_.values[record.out[k]].taped = true;
  }
}

uint32_t Recorder::record_of(const Tape& tape, NodeId row) const {
  const auto rows = rows_.find(&tape);
  return rows != rows_.end() && row < rows->second.size() ? rows->second[row] : nothing;
}

void Recorder::note_saves(const Tape& tape) {
  for (NodeId row = 0; row < tape.size(); ++row) {
    const uint32_t id = record_of(tape, row);
    const Node& node = tape.node(row);
    if (id == nothing || node.in.empty()) continue;
    OpRecord& record = recording_.records[id];
    record.saves.clear();
    const Saves reasons = node.op->saves();
    const auto add = [&](const Tensor& t, Save::Kind kind, size_t k) {
      if (!t || !t.has_data()) return;
      const bool kept = node.keeps & (uint32_t{1} << (kind == Save::input ? k : max_inputs + k));
      const auto reason =
          std::find_if(reasons.begin(), reasons.end(), [&](auto& s) { return s.kind == kind && size_t(s.index) == k; });
      const bool reads = node.traits.has_saves && reason != reasons.end();
      if (!kept || (!reads && node.keeps == Node::everything && node.traits.has_saves)) return;
      record.saves.push_back({value_of(t), reads ? reason->why : "held for other rows"});
    };
    for (size_t k = 0; k < node.in.size(); ++k) add(node.in[k], Save::input, k);
    for (size_t k = 0; k < node.out.size(); ++k) add(node.out[k], Save::output, k);
  }
}

void Recorder::sweep_started(const Tape& tape, const Tensor& value, const Tensor& gradient, Order order, bool fill) {
  if (!pulls_.empty()) return;
  const Pause pause(*this);
  const uint32_t seed = value_of(gradient);
  RecordedValue& v = recording_.values[seed];
  if (v.name.empty() && v.made_by == nothing) v.name = "seed";
  v.gradient_of = value_of(value);
  recording_.sweeps.push_back({v.gradient_of, uint32_t(recording_.records.size()), fill, order == Order::differentiable, {}, 0});
  auto& alive = recording_.sweeps.back().activations;
  for (auto& [storage, buffer] : buffers_)
    if (recording_.buffers[buffer].purpose == Memory::activations) alive.push_back(buffer);
  std::sort(alive.begin(), alive.end());
  recording_.sweeps.back().bytes = alive_[size_t(Memory::activations)];
  note_saves(tape);
}

void Recorder::pulling(const Tape& tape, NodeId row, Order) { pulls_.push_back(record_of(tape, row)); }
void Recorder::pulled() { pulls_.pop_back(); }

void Recorder::stopped(const Tape& tape, NodeId row, size_t input) {
  const uint32_t id = record_of(tape, row);
  if (id == nothing) return;
  const Node& node = tape.node(row);  // undefined inputs are not in the record
  const auto k = size_t(std::count_if(node.in.begin(), node.in.begin() + std::ptrdiff_t(input), [](auto& t) { return bool(t); }));
  if (k < recording_.records[id].in.size()) recording_.records[id].in[k].stopped = true;
}

void Recorder::updating(std::string_view rule, In values, In gradients) {
  const Pause pause(*this);
  for (size_t i = 0; i < values.size(); ++i) {
    OpRecord& record = updates_.emplace_back();
    record.kind = OpRecord::Kind::update;
    record.op = rule;
    for (auto& [t, role] : {std::pair(values[i], Use::Role::input), std::pair(gradients[i], Use::Role::gradient)})
      record.in.push_back({role, value_of(t), false, false});
    record.scope = recording_.values[record.in[0].value].name;
    watched_.push_back(values[i]);
    if (options_.statistics) old_.push_back(values[i].clone());
    record.start_ns = now();
  }
}

void Recorder::updated() {
  const Pause pause(*this);
  const uint64_t end = now();
  double size = 0;
  for (auto& t : watched_) size += double(t.size());
  for (size_t i = 0; i < updates_.size(); ++i) {
    OpRecord& record = updates_[i];
    record.ns = uint64_t(double(end - updates_.back().start_ns) * double(watched_[i].size()) / std::max(size, 1.0));
    const uint32_t before = record.in[0].value, v = new_value(watched_[i], uint32_t(recording_.records.size()));
    recording_.values[v].name = recording_.values[before].name;
    recording_.values[v].trainable = true;
    record.out = {v};
    if (options_.statistics) record.change = norm_of_change(watched_[i], old_[i]);
    record.start_ns = i == 0 ? updates_.back().start_ns : recording_.records.back().start_ns + recording_.records.back().ns;
    finish_record(std::move(record));
  }
  updates_.clear();
  watched_.clear();
  old_.clear();
}

}  // namespace tapedeck
