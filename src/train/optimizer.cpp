// What all update rules share: groups of parameters, the norm of the gradient, the search for a bad one.
// Next: adamw.cpp, sgd.cpp.
#include <tapedeck/train/optimizer.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kernels/kernels.h"
#include "src/train/parameter_runs.h"

namespace tapedeck {
namespace {

/// Where parameter i ends in the slabs: at the start of the next one, so that runs leave no gap.
int64_t end_of(const ParamStore& store, size_t i) {
  const auto all = store.all();
  return i + 1 < all.size() ? all[i + 1].offset : store.values().size();
}

/// N of "encoder.layers.N.attention".
std::optional<int64_t> layer_of(std::string_view path) {
  constexpr std::string_view mark = "layers.";
  const size_t at = path.find(mark);
  int64_t layer = 0;
  if (at == path.npos) return {};
  const auto [end, failed] = std::from_chars(path.data() + at + mark.size(), path.data() + path.size(), layer);
  return failed == std::errc() && end != path.data() + path.size() && *end == '.' ? std::optional(layer) : std::nullopt;
}

bool same_settings(const ParameterRun& a, const ParameterRun& b) {
  return a.trainable == b.trainable && (!a.trainable || (a.lr == b.lr && a.weight_decay == b.weight_decay));
}

}  // namespace

void ParameterGroup::describe(Fields& f) {
  f("match", match, "patterns over parameter paths, * for any run of characters").required().length(1, 1000);
  f("lr", lr, "learning rate of these parameters").at_least(0);
  f("lr_scale", lr_scale, "factor on the learning rate, in place of layer_decay's").at_least(0);
  f("weight_decay", weight_decay, "weight decay of these parameters").at_least(0);
}

void Optimizer::describe_groups(Fields& f) {
  f.list("groups", groups, "other settings for parameters that match a pattern; later groups win");
  f("layer_decay", layer_decay, "each layer learns at this share of the rate of the layer above it, the embeddings lowest of all")
      .above(0)
      .range(0, 1);
}

double layer_scale(std::string_view path, int64_t layers, double layer_decay) {
  if (path.find("embeddings.") != path.npos) return std::pow(layer_decay, double(layers + 1));
  const auto layer = layer_of(path);
  return layer ? std::pow(layer_decay, double(layers - *layer)) : 1;
}

std::vector<ParameterRun> parameter_runs(const ParamStore& store, const Optimizer& optimizer, double weight_decay) {
  struct Settings {
    double lr, lr_scale, weight_decay;
  };
  std::vector<Settings> settings;
  int64_t layers = 0;
  for (auto& p : store.all()) layers = std::max(layers, layer_of(p.path).value_or(-1) + 1);
  for (auto& p : store.all())
    settings.push_back({optimizer.lr, layer_scale(p.path, layers, optimizer.layer_decay), weight_decay});
  for (auto& group : optimizer.groups) {
    for (int32_t i : store.match(group.match, "optimizer.groups")) {
      Settings& s = settings[size_t(i)];
      s = {group.lr.value_or(s.lr), group.lr_scale.value_or(s.lr_scale), group.weight_decay.value_or(s.weight_decay)};
    }
  }
  std::vector<ParameterRun> runs;
  for (size_t i = 0; i < settings.size(); ++i) {
    const Parameter& p = store.all()[i];
    const ParameterRun next{p.offset, end_of(store, i) - p.offset, settings[i].lr * settings[i].lr_scale,
                            settings[i].weight_decay, p.trainable};
    if (!runs.empty() && same_settings(runs.back(), next)) runs.back().size += next.size;
    else runs.push_back(next);
  }
  return runs;
}

double gradient_norm(const ParamStore& store) {
  return dispatch(store.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto all = store.all();
    double sum = 0;
    for (size_t i = 0, next; i < all.size(); i = next) {  // one call per run of trainable parameters
      for (next = i + 1; next < all.size() && all[next].trainable == all[i].trainable;) ++next;
      if (!all[i].trainable) continue;
      sum += kernels::kernel_table<T>().sum_squares(end_of(store, next - 1) - all[i].offset,
                                                    store.gradients().raw<T>() + all[i].offset);
    }
    return std::sqrt(sum);
  });
}

int32_t first_non_finite_gradient(const ParamStore& store) {
  return dispatch(store.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto all = store.all();
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].trainable &&
          kernels::kernel_table<T>().first_non_finite(all[i].shape.size(), all[i].gradient.template raw<T>()) >= 0)
        return int32_t(i);
    return int32_t{-1};
  });
}

}  // namespace tapedeck
