// Folding: what the layers of one stack ("encoder.layers.0", ".1", ...) have in common is drawn once, and all updates are one.
// What flows from one layer to the next then leads from the folded layer to what follows the last. Next: svg.cpp.
#include "src/look/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "src/look/text.h"

namespace tapedeck::look {
namespace {

constexpr size_t most_nodes = 400;

/// What makes records of two layers the same: stack, place within the layer, op, kind, order, and how many such came before.
using Alike = std::tuple<std::string, std::string, std::string, OpRecord::Kind, int, int>;

/// Where each record goes in a drawing: itself, or the first record that is the same in another layer.
class Folding {
 public:
  Folding(const Recording& r, const std::vector<uint32_t>& chosen) : stands_for(r.records.size(), nothing) {
    std::map<std::pair<int64_t, Alike>, int> before;
    std::map<Alike, uint32_t> first;
    for (uint32_t i : chosen) {
      const OpRecord& x = r.records[i];
      const Layer l = layer_of(x.scope);
      const bool update = x.kind == OpRecord::Kind::update;
      stands_for[i] = i;
      times[i] = 1;
      if (l.index < 0 && !update) continue;
      Alike key{update ? "" : l.stack, update ? "" : l.rest, x.op, x.kind, x.order, 0};
      if (!update) std::get<5>(key) = before[{l.index, key}]++;
      stands_for[i] = first.try_emplace(key, i).first->second;
      if (stands_for[i] != i) ++times[stands_for[i]];
      if (!update) layers[l.stack].insert(l.index);
    }
  }
  std::vector<uint32_t> stands_for;
  std::map<uint32_t, int> times;
  std::map<std::string, std::set<int64_t>> layers;
};

}  // namespace

std::string_view colour(const OpRecord& record) {
  if (record.kind == OpRecord::Kind::update) return "#d9efd9";
  if (record.kind == OpRecord::Kind::again || record.kind == OpRecord::Kind::restore) return "#ececec";
  constexpr std::string_view fills[] = {"#dfe9f7", "#f7e6d8", "#e3d0f5"};
  return fills[std::min<size_t>(record.order, 2)];
}

Graph graph_of(const Recording& r, const LookOptions& o) {
  std::vector<uint32_t> chosen;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].kind != OpRecord::Kind::leaf && selected(r.records[i], o)) chosen.push_back(i);
  const Folding folding(r, chosen);
  Graph g;
  const auto notice = [&](const std::string& line) { g.notice += (g.notice.empty() ? "" : "; ") + line; };
  for (auto& [stack, layers] : folding.layers)
    if (layers.size() > 1) notice(text(layers.size(), " layers of ", plain(stack), "* drawn as one"));
  g.node_of.assign(r.records.size(), nothing);
  size_t left_out = 0;
  for (uint32_t i : chosen) {
    if (folding.stands_for[i] != i) continue;
    if (g.nodes.size() == most_nodes) {
      ++left_out;
      continue;
    }
    g.node_of[i] = uint32_t(g.nodes.size());
    const int times = folding.times.at(i);
    const Layer l = layer_of(r.records[i].scope);
    const bool update = r.records[i].kind == OpRecord::Kind::update;
    g.nodes.push_back({i, times, times == 1 ? r.records[i].scope : update ? "all parameters" : l.stack + "*" + l.rest});
  }
  for (uint32_t i : chosen) g.node_of[i] = g.node_of[folding.stands_for[i]];
  if (left_out) notice(text(left_out, " more records are not drawn: narrow with --scope, --phase or --op"));
  std::set<std::pair<uint32_t, uint32_t>> seen;
  for (uint32_t i : chosen)
    for (auto& use : r.records[i].in) {
      const uint32_t value = original(r, use.value), maker = r.values[value].made_by;
      if (maker == nothing) continue;
      const uint32_t from = g.node_of[maker], to = g.node_of[i];
      if (from != nothing && to != nothing && from < to && seen.emplace(from, to).second)
        g.edges.push_back({from, to, value, use.role});
    }
  return g;
}

}  // namespace tapedeck::look
