// Records as a graph for drawing: repeated layers folded into one, at most so many nodes. Next: svg.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/views.h>

namespace tapedeck::look {

struct GraphNode {
  uint32_t record;
  int times = 1;
  std::string scope = {};
};  // times: so many layers have it, then their scope has a *
struct GraphEdge {
  uint32_t from, to, value;
  Use::Role role;
};  // places in the list of nodes; from < to
struct Graph {
  std::vector<GraphNode> nodes;  // in the order of execution
  std::vector<GraphEdge> edges;
  std::vector<uint32_t> node_of;  // by record; nothing: not drawn
  std::string notice;             // what was folded or left out, for the reader
};
Graph graph_of(const Recording& r, const LookOptions& o);

/// Fill colour of a node: by phase, so that rows of the second order stand out, and what is computed once more.
std::string_view colour(const OpRecord& record);

}  // namespace tapedeck::look
