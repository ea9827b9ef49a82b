// Span scores as the causal product of last tokens with first tokens, the ragged primitive of attention. Next:
// losses/multilabel.cpp.
#include <tapedeck/nn/global_pointer.h>

#include <cmath>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

/// Calls f(begin, length, type) in the order of the scores.
template <class F>
void each_cell(const Tensor& offsets, int64_t types, F f) {
  const int32_t* o = offsets.raw<int32_t>();
  for (int64_t b = 0; b + 1 < offsets.size(); ++b)
    for (int64_t a = 0; a < types; ++a) f(o[b], o[b + 1] - o[b], a);
}

/// Elements of x at indices, as a list.
Tensor elements(const Tensor& x, const Tensor& index) {
  return reshape(gather(reshape(x, {x.size(), 1}), index), {index.size()});
}

/// Shared scores [pairs] repeated for every type, plus what each type thinks of the first and the last token.
Tensor with_types(const Tensor& shared, const Tensor& kinds /*[T, 2 types]*/, const Tensor& offsets, int64_t types) {
  const Tensor pair = Tensor::empty({shared.size() * types}, DType::i32), first = pair.clone(), last = pair.clone();
  int64_t at = 0, pairs = 0;
  each_cell(offsets, types, [&](int64_t begin, int64_t n, int64_t a) {
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < n; ++i, ++at) {
        pair.raw<int32_t>()[at] = int32_t(pairs + j * n + i);
        first.raw<int32_t>()[at] = int32_t((begin + i) * 2 * types + a);
        last.raw<int32_t>()[at] = int32_t((begin + j) * 2 * types + types + a);
      }
    if (a + 1 == types) pairs += n * n;
  });
  return elements(shared, pair) + (elements(kinds, first) + elements(kinds, last)) * 0.5;
}

}  // namespace

GlobalPointer::GlobalPointer(Params params, const GlobalPointerOptions& options)
    : scope_(params.scope()),
      options_(options),
      points_(params / "points", options.width, 2 * options.head_size * (options.efficient ? 1 : options.types)) {
  if (options.rotary && options.head_size % 2)
    throw Error(ErrorKind::config,
                text("global_pointer: head_size ", options.head_size, " is odd; rotation turns pairs of columns"),
                "give an even one");
  if (options.efficient) kinds_ = Linear(params / "kinds", 2 * options.head_size, 2 * options.types);
}

Tensor GlobalPointer::operator()(Pass& pass, const Tensor& hidden) const {
  const Batch& batch = pass.batch();
  const Tensor points = points_(pass, hidden);  // [T, 2 heads size]: queries of all heads, then keys
  const int64_t heads = options_.efficient ? 1 : options_.types, width = heads * options_.head_size;
  Tensor kinds;
  if (options_.efficient) kinds = kinds_(pass, points);
  Scope here(scope_);
  const Tensor turned = options_.rotary ? rotary(points, batch.positions, 2 * width, options_.head_size) : points;
  const Tensor first = slice(turned, 1, 0, width), last = slice(turned, 1, width, 2 * width);
  const Tensor scores = ragged_scores(last, first, batch.offsets, heads, true, 1 / std::sqrt(double(options_.head_size)));
  return options_.efficient ? with_types(scores, kinds, batch.offsets, options_.types) : scores;
}

Tensor GlobalPointer::cells(const Tensor& offsets, int64_t types) {
  const Tensor begin = Tensor::zeros({(offsets.size() - 1) * types + 1}, DType::i32);
  int32_t* next = begin.raw<int32_t>();
  each_cell(offsets, types, [&](int64_t, int64_t n, int64_t) { next[1] = next[0] + int32_t(n * n), ++next; });
  return begin;
}

}  // namespace tapedeck
