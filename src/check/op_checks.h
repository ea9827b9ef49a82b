// The eleven checks of the op table, each a function over one row (design: "three kinds of op, one table"). A check returns
// what it found wrong; where it cannot apply it says why. Next: check_op.cpp.
#pragma once
#include <algorithm>
#include <map>
#include <new>

#include <tapedeck/tape/gradcheck.h>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "op_rows.h"

namespace tapedeck::testing {

struct Findings {
  std::vector<std::string> failures;
  std::string does_not_apply;  // why, when the check has no meaning for this row
  Gap worst;                   // of the gradchecks
  void expect(const Gap& gap, double limit, std::string_view what) {
    if (!(gap.relative <= limit)) failures.push_back(text(what, ": ", gap.str(), " (limit ", limit, ")"));
  }
  void expect(bool holds, const std::string& what) {
    if (!holds) failures.push_back(what);
  }
};

/// Finite, and nothing is earned.
inline bool sound(const Cost& c) { return c.flops >= 0 && c.bytes >= 0 && std::isfinite(c.flops) && std::isfinite(c.bytes); }
inline Cost backward_cost(const Node& node, In in, In out, In dy, Wanted wanted) {
  Few<Grad, max_inputs> dx;
  for (size_t k = 0; k < in.size(); ++k) dx.push_back({wanted[k] ? in[k] : Tensor(), wanted[k], false});
  return node.op->backward_cost(in, out, dy, dx);
}

/// (1) What infer promises is what forward makes: shapes and dtypes agree, and forward fills every element itself.
inline Findings check_infer(const OpRow& row) {
  Findings found;
  Play play(*row.row, row.row->inputs);
  const auto nodes = play.rows_of(row.op);
  found.expect(!nodes.empty(), "the call records no row of this name");
  for (const Node* node : nodes) {
    const Tensors in = detached(node->in);
    const Specs specs = node->op->infer(in);
    found.expect(specs.size() == node->out.size(), "infer and the row disagree on the number of outputs");
    const Cost cost = node->op->cost(in);
    found.expect(sound(cost), text("costs ", cost.flops, " flops, ", cost.bytes, " bytes"));
    Tensors again;
    for (size_t k = 0; k < specs.size() && k < node->out.size(); ++k) {
      const Spec& s = specs[k];
      found.expect(s.shape == node->out[k].shape() && s.dtype == node->out[k].dtype(),
                   text("output ", k, ": infer says ", name_of(s.dtype), s.shape.str(), ", the row has ",
                        name_of(node->out[k].dtype()), node->out[k].shape().str()));
      again.push_back(s.shares >= 0 ? in[size_t(s.shares)].view(s.shape) : Tensor::empty(s.shape, s.dtype));
      if (s.shares < 0) poison(again[k]);
    }
    node->op->forward(in, again);
    for (size_t k = 0; k < again.size(); ++k)
      found.expect(same_bits(again[k], node->out[k]),
                   text("output ", k, ": forward into a fresh buffer differs: ", compare(again[k], node->out[k]).str()));
  }
  return found;
}

/// (2) f32 agrees with f64 on the same numbers, outputs and first gradients.
inline Findings check_f32_f64(const OpRow& row) {
  Findings found;
  const double limit = row.tolerance();
  Play narrow(*row.row, row.row->inputs), wide(*row.twin, converted(row.row->inputs, DType::f64));
  for (size_t k = 0; k < wide.outputs.size(); ++k)
    found.expect(compare(narrow.outputs[k], wide.outputs[k]), limit, text("output ", k));
  if (!wide.differentiable()) return found;
  const Tensors g = narrow.gradients(), exact = wide.gradients();
  double scale = 0;
  for (const Tensor& t : exact) scale = std::max(scale, largest_entry(t));
  for (size_t k = 0; k < g.size(); ++k)
    if (g[k]) found.expect(compare(g[k], exact[k], scale), limit, text("gradient of input ", k));
  return found;
}

/// (3) The forward kernel equals the reference.
inline Findings check_reference(const OpRow& row) {
  Findings found;
  Play play(*row.row, row.row->inputs);
  found.does_not_apply = "a primitive has no reference";
  for (const Node* node : play.rows_of(row.op)) {
    if (!node->traits.has_reference) continue;
    found.does_not_apply.clear();
    const Tensors y = node->op->reference(detached(node->in));
    found.expect(y.size() >= 1 && y.size() <= node->out.size(), "the reference returns too few or too many outputs");
    for (size_t k = 0; k < y.size(); ++k) found.expect(compare(node->out[k], y[k]), row.tolerance(), text("output ", k));
  }
  return found;
}

/// (4) The backward kernel equals the rule (or the pulled-back reference); accumulating adds; inputs that are not wanted
/// and outputs without a gradient may be absent.
inline Findings check_backward(const OpRow& row) {
  Findings found;
  Play play(*row.row, row.row->inputs);
  found.does_not_apply = "no backward kernel: the rule is the only way";
  for (const Node* node : play.rows_of(row.op)) {
    if (!node->traits.has_backward || !node->traits.differentiable) continue;
    const Tensors in = detached(node->in), out = detached(node->out);
    const int outputs = int(differentiable_outputs(*node));
    for (int only = -1; only < (outputs > 1 ? outputs : 0); ++only) {  // all outputs have a gradient, then one of several
      const Tensors dy = output_gradients(*node, only);
      const WantedInputs all(in);
      const auto kernel = kernel_gradients(*node, in, out, dy, all);
      if (!kernel) continue;
      found.does_not_apply.clear();
      const Cost cost = backward_cost(*node, in, out, dy, all);
      found.expect(sound(cost), text("backward costs ", cost.flops, " flops, ", cost.bytes, " bytes"));
      const Tensors rule = node->op->vjp(in, out, dy, all);
      double scale = 0;
      for (const Tensor& t : rule) scale = std::max(scale, largest_entry(t));
      Tensors start;
      start.resize(in.size());
      for (size_t k = 0; k < in.size(); ++k)
        if (all.flags[k]) start[k] = random_like(in[k], "start", int(k));
      const Tensors added = *kernel_gradients(*node, in, out, dy, all, start);
      for (size_t k = 0; k < in.size(); ++k) {
        if (!all.flags[k]) continue;
        const std::string what = text("gradient of input ", k, only < 0 ? "" : text(" from output ", only));
        found.expect(compare((*kernel)[k], rule[k], scale), row.tolerance(), what);
        found.expect(compare(added[k], start[k] + (*kernel)[k]),
                     row.dtype == DType::f64 ? 1e-14 * row.row->scale : 4e-6 * row.row->scale, what + ", accumulated");
        const Tensors alone = *kernel_gradients(*node, in, out, dy, WantedInputs(in, int(k)));
        found.expect(same_bits(alone[k], (*kernel)[k]), what + " changes when no other gradient is wanted");
      }
    }
  }
  return found;
}

/// (5) First derivatives against differences of the loss, in f64.
inline Findings check_gradcheck(const OpRow& row) {
  Findings found;
  const Tensors x = copies(row.row->inputs);
  Play play(*row.row, x);
  if (!play.differentiable()) {
    found.does_not_apply = "no floating output depends on a floating input";
    return found;
  }
  found.worst = gradcheck(x, play.gradients(), [&] { return loss_of(row.row->call(x)).item(); });
  found.expect(found.worst, 1e-8, "first derivative");
  return found;
}

/// (6) Second derivatives through all inputs: differences of <first gradient, v> against the recorded sweep's derivative.
inline Findings check_gradcheck2(const OpRow& row) {
  Findings found;
  const Tensors x = copies(row.row->inputs);
  Tensors v;
  for (size_t k = 0; k < x.size(); ++k) v.push_back(random_like(x[k], "direction", int(k)));
  Play play(*row.row, x);
  if (!play.differentiable()) {
    found.does_not_apply = "no floating output depends on a floating input";
    return found;
  }
  Tensor along;
  const Tensors g = play.gradients(Order::differentiable);
  for (size_t k = 0; k < g.size(); ++k) {
    if (!g[k] || !g[k].on_tape()) continue;
    const Tensor part = sum(g[k] * v[k]);
    along = along ? along + part : part;
  }
  Tensors second;
  for (const Tensor& t : x) second.push_back(is_floating(t.dtype()) ? Tensor::zeros(t.shape(), t.dtype()) : Tensor{});
  if (along && along.on_tape()) second = play.spread(gradients(along, play.leaves()));
  found.worst = gradcheck(x, second, [&] {
    Play moved(*row.row, x);
    const Tensors first = moved.gradients();
    double sum = 0;
    for (size_t k = 0; k < first.size(); ++k)
      for (int64_t i = 0; first[k] && i < first[k].size(); ++i) sum += first[k].item(i) * v[k].item(i);
    return sum;
  });
  found.expect(found.worst, 1e-7, "second derivative");
  return found;
}

/// What a call computes, and the entry that gaps are relative to: each value it left on the tape, then the first gradients.
struct Computed {
  std::string what;
  Tensor value;
  double scale = 0;
};
inline std::vector<Computed> everything(const OpRow& row) {
  std::vector<Computed> all;
  Play play(*row.row, row.row->inputs);
  for (NodeId i = 0; i < play.end_of_call; ++i)
    for (const Tensor& t : play.tape.node(i).out)
      all.push_back({text("row ", i, " (", play.tape.node(i).op->name(), ")"), t.clone()});
  for (const Tensor& t : play.outputs) all.push_back({"an output", t.clone()});
  if (!play.differentiable()) return all;
  const Tensors g = play.gradients();
  double scale = 0;
  for (const Tensor& t : g) scale = std::max(scale, largest_entry(t));
  for (size_t k = 0; k < g.size(); ++k)
    if (g[k]) all.push_back({text("gradient of input ", k), g[k].clone(), scale});
  return all;
}

/// Puts threads, instruction set and GEMM backend back, whatever happens in between.
struct KeepMachine {
  int threads = kernels::threads();
  std::string set{kernels::instruction_set()};
  kernels::GemmBackend backend = kernels::gemm_backend();
  ~KeepMachine() {
    kernels::set_threads(threads);
    kernels::use_instruction_set(set);
    kernels::use_gemm(backend);
  }
};

/// (7) Equal bits at any number of threads.
inline Findings check_threads(const OpRow& row) {
  Findings found;
  const KeepMachine keep;
  kernels::set_threads(1);
  const std::vector<Computed> one = everything(row);
  for (int n : {2, 3, 7}) {
    kernels::set_threads(n);
    const std::vector<Computed> many = everything(row);
    for (size_t k = 0; k < one.size(); ++k)
      if (!same_bits(many[k].value, one[k].value))
        found.failures.push_back(text(one[k].what, " with ", n, " threads: ", compare(many[k].value, one[k].value).str()));
  }
  return found;
}

/// (8) Every compiled instruction set agrees with the portable one, with both GEMM backends.
inline Findings check_instruction_sets(const OpRow& row) {
  Findings found;
  using kernels::GemmBackend;
  const KeepMachine keep;
  found.expect(kernels::use_instruction_set("portable"), "no portable kernels");
  kernels::use_gemm(GemmBackend::native);
  const std::vector<Computed> portable = everything(row);
  for (std::string_view set : kernels::instruction_sets())
    for (GemmBackend backend : {GemmBackend::native, GemmBackend::openblas}) {
      kernels::use_instruction_set(set);
      kernels::use_gemm(backend);
      const std::vector<Computed> other = everything(row);
      for (size_t k = 0; k < portable.size(); ++k)
        found.expect(compare(other[k].value, portable[k].value, portable[k].scale), row.tolerance(),
                     text(portable[k].what, " with ", set, backend == GemmBackend::native ? ", native GEMM" : ", OpenBLAS"));
    }
  return found;
}

/// Other elements, which no kernel may trip over: NaN; the other condition; indices that trade places; offsets of the sequences
/// in reverse order. Negative indices mean none and stay.
inline void spoil(const Tensor& t) {
  if (is_floating(t.dtype())) return poison(t);
  if (t.dtype() == DType::u8) {
    for (uint8_t& condition : t.data<uint8_t>()) condition = !condition;
    return;
  }
  const std::span<int32_t> all = t.data<int32_t>();
  if (!all.empty() && all[0] == 0 && std::ranges::is_sorted(all)) {
    const int32_t end = all.back();
    std::ranges::reverse(all);
    for (int32_t& offset : all) offset = end - offset;
    return;
  }
  for (size_t i = 0, j = all.size(); i < j;) {
    if (all[i] < 0) ++i;
    else if (all[j - 1] < 0) --j;
    else std::swap(all[i++], all[--j]);
  }
}

/// Values that some row's saves() lists, and whether spoiling any of them was ever noticed: by op, then "input 2".
struct SaveUse {
  bool noticed = false;
  const char* why = "";
};
inline std::map<std::string, std::map<std::string, SaveUse>> save_uses;

/// Whether restore() brings back every output that it promises, bit for bit.
inline bool restores_outputs(const Node& node, const Tensors& in, const Tensors& out) {
  for (size_t k = 0; k < out.size(); ++k) {
    if (!(node.op->recomputes() >> k & 1)) continue;
    Tensors y = copies(out);
    poison(y[k]);
    if (!node.op->recompute(in, y, k) || !same_bits(y[k], node.out[k])) return false;
  }
  return true;
}

/// (9) Backward and restore read what saves() lists and nothing else: everything else is NaN and nobody notices.
inline Findings check_saves(const OpRow& row) {
  Findings found;
  Play play(*row.row, row.row->inputs);
  found.does_not_apply = "no floating output depends on a floating input";
  for (const Node* node : play.rows_of(row.op)) {
    if (!node->traits.differentiable || !play.differentiable()) continue;
    found.does_not_apply.clear();
    const Tensors dy = output_gradients(*node);
    const WantedInputs wanted(node->in);
    const Saves saves = node->op->saves();
    const Tensors expected = first_order(*node, copies(node->in), copies(node->out), dy, wanted);
    const auto unchanged = [&](const Tensors& in, const Tensors& out) {
      const Tensors now = first_order(*node, in, out, dy, wanted);
      for (size_t k = 0; k < expected.size(); ++k)
        if (!same_bits(now[k], expected[k])) return false;
      return restores_outputs(*node, in, out);
    };
    Tensors in = copies(node->in), out = copies(node->out);
    const auto listed = [&](Save::Kind kind, size_t k) {
      for (const Save& s : saves)
        if (s.kind == kind && size_t(s.index) == k) return true;
      return false;
    };
    for (size_t k = 0; k < in.size(); ++k)
      if (in[k] && !listed(Save::input, k)) poison(in[k]);
    for (size_t k = 0; k < out.size(); ++k)
      if (!listed(Save::output, k)) poison(out[k]);
    found.expect(unchanged(in, out), "backward or restore reads a value that saves() does not list, or restore gives other bits");
    for (const Save& s : saves) {
      const size_t k = size_t(s.index), count = s.kind == Save::input ? node->in.size() : node->out.size();
      found.expect(s.index >= 0 && k < count && s.why && *s.why,
                   text("saves() lists ", s.kind == Save::input ? "input " : "output ", s.index,
                        ", which the row lacks or does not explain"));
      if (k >= count) continue;
      SaveUse& use = save_uses[row.op][text(s.kind == Save::input ? "input " : "output ", k, " (", s.why, ")")];
      use.why = s.why;
      if (!(s.kind == Save::input ? node->in : node->out)[k]) continue;
      Tensors one_in = copies(node->in), one_out = copies(node->out);
      spoil((s.kind == Save::input ? one_in : one_out)[k]);
      use.noticed = use.noticed || !unchanged(one_in, one_out);
    }
  }
  return found;
}

/// (10) A misuse raises its error, says what was expected, and names the op. One call for each misuse of the op.
inline Findings check_misuse(std::string_view op, const OpMisuse& misuse) {
  Findings found;
  try {
    misuse.call();
    found.failures.push_back("raised nothing");
  } catch (const Error& e) {
    const std::string what = e.what();
    found.expect(e.kind() == misuse.kind,
                 text("raised an error of kind ", int(e.kind()), " instead of ", int(misuse.kind), ": ", what));
    found.expect(what.find(misuse.expect) != std::string::npos, text("the message lacks \"", misuse.expect, "\": ", what));
    found.expect(what.find(op) != std::string::npos, text("the message does not name the op: ", what));
  } catch (const std::exception& e) { found.failures.push_back(text("raised something that is not an Error: ", e.what())); }
  return found;
}

/// (11) Warm calls, forward and first-order backward, allocate nothing. `allocations` counts operator new.
template <class Counter>
Findings check_allocations(const OpRow& row, const Counter& allocations) {
  Findings found;
  Tape tape;
  const auto step = [&] {
    Tensors inputs, leaves;
    for (const Tensor& x : row.row->inputs) {
      inputs.push_back(is_floating(x.dtype()) ? tape.leaf(x) : x);
      if (is_floating(x.dtype())) leaves.push_back(inputs[inputs.size() - 1]);
    }
    {
      const Tensors y = row.row->call(inputs);
      if (const Tensor loss = loss_of(y); loss && loss.on_tape()) gradients(loss, leaves);
    }
    tape.clear();
  };
  for (int i = 0; i < 3; ++i) step();
  const int64_t heap = allocations, system = Pool::instance().stats().system_allocations;
  for (int i = 0; i < 2; ++i) step();
  const int64_t heap_after = allocations, system_after = Pool::instance().stats().system_allocations;
  found.expect(heap_after == heap, text(heap_after - heap, " calls of operator new in two warm steps"));
  found.expect(system_after == system, text(system_after - system, " buffers taken from the system in two warm steps"));
  return found;
}

}  // namespace tapedeck::testing
