// Records as a graph for drawing: repeated layers folded into one, at most so many nodes. Next: dot.cpp, svg.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/views.h>

namespace tapedeck::look {

struct GraphNode { uint32_t record; int times = 1; };      // times: so many layers look like this one
struct GraphEdge { uint32_t from, to, value; };             // places in the list of nodes; from < to
struct Graph {
  std::vector<GraphNode> nodes;                             // in the order of execution
  std::vector<GraphEdge> edges;
  std::string notice;                                       // what was folded or left out, for the reader
};
Graph graph_of(const Recording& r, const LookOptions& o);

/// Fill colour of a node: by phase, so that rows of the second order stand out.
std::string_view colour(const OpRecord& record);

}  // namespace tapedeck::look
