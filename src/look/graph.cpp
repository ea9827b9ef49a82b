// Folding: layers of one stack ("encoder.layers.0", ".1", ...) that do the same ops in the same order are drawn once. What
// flows from one layer to the next then leads from the folded layer to what follows the last. Next: svg.cpp.
#include "src/look/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "src/look/text.h"

namespace tapedeck::look {
namespace {

constexpr size_t most_nodes = 400;

/// "encoder.layers.2.ff" -> "encoder.layers", 2, "ff"; index -1 when no part is a number.
struct Layer { std::string stack, rest; int64_t index = -1; };
Layer layer_of(const std::string& scope) {
  for (size_t begin = 0; begin < scope.size();) {
    const size_t dot = std::min(scope.find('.', begin), scope.size());
    const std::string part = scope.substr(begin, dot - begin);
    if (!part.empty() && part.size() < 7 && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return {scope.substr(0, begin), dot < scope.size() ? scope.substr(dot) : "", std::stoll(part)};
    begin = dot + 1;
  }
  return {scope, "", -1};
}

using Stack = std::pair<std::string, int>;                  // and the order of its records
using Layers = std::map<int64_t, std::vector<uint32_t>>;    // records by layer

std::map<Stack, Layers> stacks_of(const Recording& r, const std::vector<uint32_t>& chosen) {
  std::map<Stack, Layers> stacks;
  for (uint32_t i : chosen)
    if (const Layer l = layer_of(r.records[i].scope); l.index >= 0) stacks[{l.stack, r.records[i].order}][l.index].push_back(i);
  return stacks;
}

bool alike(const Recording& r, const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](uint32_t i, uint32_t j) {
    const OpRecord &x = r.records[i], &y = r.records[j];
    return x.op == y.op && x.kind == y.kind && layer_of(x.scope).rest == layer_of(y.scope).rest;
  });
}

}  // namespace

std::string_view colour(const OpRecord& record) {
  if (record.kind == OpRecord::Kind::update) return "#d9efd9";
  constexpr std::string_view fills[] = {"#dfe9f7", "#f7e6d8", "#e3d0f5"};
  return fills[std::min<size_t>(record.order, 2)];
}

Graph graph_of(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> chosen;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].kind != OpRecord::Kind::leaf && selected(r, r.records[i], o)) chosen.push_back(i);
  std::vector<uint32_t> stands_for(r.records.size(), nothing);
  std::map<uint32_t, int> times;
  Graph g;
  for (uint32_t i : chosen) stands_for[i] = i;
  for (auto& [stack, layers] : stacks_of(r, chosen)) {
    const auto first = layers.begin();
    int same = 1;
    for (auto layer = std::next(first); layer != layers.end(); ++layer) {
      if (!alike(r, first->second, layer->second)) continue;
      ++same;
      for (size_t k = 0; k < layer->second.size(); ++k) stands_for[layer->second[k]] = first->second[k];
    }
    if (same == 1) continue;
    for (uint32_t i : first->second) times[i] = same;
    g.notice += text(g.notice.empty() ? "" : "; ", same, " layers of ", plain(stack.first), "* drawn as one");
  }
  std::vector<uint32_t> node_of(r.records.size(), nothing);
  size_t left_out = 0;
  for (uint32_t i : chosen) {
    if (stands_for[i] != i) continue;
    if (g.nodes.size() == most_nodes) { ++left_out; continue; }
    node_of[i] = uint32_t(g.nodes.size());
    g.nodes.push_back({i, times.contains(i) ? times[i] : 1});
  }
  if (left_out) g.notice += text(g.notice.empty() ? "" : "; ", left_out, " more records are not drawn: narrow with --scope, --phase or --op");
  std::set<std::pair<uint32_t, uint32_t>> seen;
  for (uint32_t i : chosen)
    for (auto& use : r.records[i].in) {
      const uint32_t value = original(r, use.value), maker = r.values[value].made_by;
      if (maker == nothing || stands_for[maker] == nothing) continue;
      const uint32_t from = node_of[stands_for[maker]], to = node_of[stands_for[i]];
      if (from != nothing && to != nothing && from < to && seen.emplace(from, to).second) g.edges.push_back({from, to, value});
    }
  return g;
}

}  // namespace tapedeck::look
