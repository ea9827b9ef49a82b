// look dot: the graph in Graphviz's language, clusters by place in the model. Next: svg.cpp, which needs no Graphviz.
#include <map>

#include "src/look/graph.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::string quoted(std::string_view s) {
  std::string out = "\"";
  for (char c : plain(s)) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string look_dot(const Recording& r, const LookOptions& o) {
  const Graph g = graph_of(r, o);
  std::string out = "digraph tape {\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n";
  if (!g.notice.empty()) out += "  label=" + quoted(g.notice) + ";\n";
  std::map<std::string, std::string> clusters;
  for (uint32_t n = 0; n < g.nodes.size(); ++n) {
    const OpRecord& x = r.records[g.nodes[n].record];
    const std::string shape = x.out.empty() ? "" : " " + r.values[x.out[0]].shape.str();
    const std::string times = g.nodes[n].times > 1 ? text(" x", g.nodes[n].times) : "";
    clusters[g.nodes[n].scope + " " + std::string(phase(x))] +=
        text("    n", n, " [label=", quoted(x.op + shape + times), ", fillcolor=\"", colour(x), "\"];\n");
  }
  int number = 0;
  for (auto& [scope, nodes] : clusters) out += text("  subgraph cluster_", number++, " {\n    label=", quoted(scope), ";\n", nodes, "  }\n");
  for (auto& e : g.edges) out += text("  n", e.from, " -> n", e.to, " [label=", quoted(label(e.value)), e.role == Use::Role::saved ? ", color=\"#d9820f\"" : "", "];\n");
  return out + "}\n";
}

}  // namespace tapedeck
