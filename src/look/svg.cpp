// look svg: the step drawn as it runs. Forward records go down on the left; what belongs to their gradients stands beside them, a
// lane each for what is computed again, for the way back (upwards) and for its derivative. Orange: saved values. Next: html.cpp.
#include <algorithm>
#include <cmath>
#include <map>

#include "src/look/graph.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

constexpr double width = 250, height = 36, gap_x = 90, gap_y = 18, margin = 60, heading = 96;

std::string escaped(std::string_view s) {
  std::string out;
  for (char c : plain(s))
    out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}
bool inside_a_character(std::string_view s, size_t at) {
  return at < s.size() && (static_cast<unsigned char>(s[at]) & 0xC0u) == 0x80u;
}
/// The last `longest` bytes after "..", which says more of a scope than its first.
std::string tail(std::string_view s, size_t longest) {
  const std::string whole = plain(s);
  if (whole.size() <= longest) return escaped(whole);
  size_t begin = whole.size() - longest + 2;
  while (inside_a_character(whole, begin)) ++begin;
  return ".." + escaped(whole.substr(begin));
}
std::string head(std::string_view s, size_t longest) {
  const std::string whole = plain(s);
  size_t end = std::min(whole.size(), longest);
  while (end > 0 && inside_a_character(whole, end)) --end;
  return escaped(whole.substr(0, end)) + (end < whole.size() ? ".." : "");
}

constexpr std::string_view lane_names[] = {"forward", "computed again", "backward", "second order", "higher orders"};

int lane_of(const OpRecord& x) {
  if (x.kind == OpRecord::Kind::again || x.kind == OpRecord::Kind::restore) return 1;
  return x.kind == OpRecord::Kind::update ? 2 : x.order == 0 ? 0 : std::min<int>(x.order + 1, 4);
}

struct BoxPlace {
  double x = 0, y = 0;
  int lane = 0;
};
struct Layout {
  std::vector<BoxPlace> boxes;
  std::vector<int> lanes;
  double right = 0, bottom = 0;
};

/// The forward record (as a row of the drawing) that a node belongs to: its own, its origin's, or that of the node before it.
std::vector<int> rows_of(const Recording& r, const Graph& g) {
  std::vector<int> row(g.nodes.size(), -1);
  int rows = 0;
  for (uint32_t n = 0; n < g.nodes.size(); ++n) {
    const OpRecord& x = r.records[g.nodes[n].record];
    if (x.kind == OpRecord::Kind::update) continue;
    if (lane_of(x) == 0) {
      row[n] = rows++;
      continue;
    }
    const uint32_t origin = x.origin == nothing ? nothing : g.node_of[x.origin];
    row[n] = origin != nothing && origin < n ? row[origin] : n > 0 ? row[n - 1] : 0;
  }
  for (int& one : row)
    if (one < 0) one = rows;  // updates come last
  return row;
}

/// Cells of (row, lane) hold a pile of nodes; a row is as high as its highest pile. On the way back the first is the lowest.
Layout place(const Recording& r, const Graph& g) {
  const std::vector<int> row = rows_of(r, g);
  std::map<std::pair<int, int>, std::vector<uint32_t>> cells;
  Layout out;
  out.boxes.resize(g.nodes.size());
  for (uint32_t n = 0; n < g.nodes.size(); ++n) {
    out.boxes[n].lane = lane_of(r.records[g.nodes[n].record]);
    cells[{row[n], out.boxes[n].lane}].push_back(n);
    if (std::find(out.lanes.begin(), out.lanes.end(), out.boxes[n].lane) == out.lanes.end())
      out.lanes.push_back(out.boxes[n].lane);
  }
  std::sort(out.lanes.begin(), out.lanes.end());
  double y = heading;
  for (auto cell = cells.begin(); cell != cells.end();) {
    const int here = cell->first.first;
    size_t highest = 0;
    for (auto other = cell; other != cells.end() && other->first.first == here; ++other)
      highest = std::max(highest, other->second.size());
    for (; cell != cells.end() && cell->first.first == here; ++cell) {
      const auto& pile = cell->second;
      const auto column = std::find(out.lanes.begin(), out.lanes.end(), cell->first.second) - out.lanes.begin();
      for (size_t k = 0; k < pile.size(); ++k) {
        const size_t step = cell->first.second == 0 ? k : pile.size() - 1 - k;
        out.boxes[pile[k]].x = margin + double(column) * (width + gap_x);
        out.boxes[pile[k]].y = y + double(step) * (height + gap_y);
      }
    }
    y += double(highest) * (height + gap_y);
  }
  out.right = margin + double(std::max<size_t>(out.lanes.size(), 2)) * (width + gap_x);
  out.bottom = y + margin / 2;
  return out;
}

/// Within a lane along its side, or straight where the boxes touch; between lanes from side to side.
std::string arrow(const BoxPlace& a, const BoxPlace& b, Use::Role role) {
  constexpr std::string_view colours[] = {"#8a8a8a", "#3b62a8", "#d9820f", "#8a8a8a"};
  std::string path;
  if (a.lane != b.lane) {
    const bool right = b.x > a.x;
    const double x1 = right ? a.x + width : a.x, x2 = right ? b.x : b.x + width, y1 = a.y + height / 2, y2 = b.y + height / 2;
    path = text("M", x1, " ", y1, " C", (x1 + x2) / 2, " ", y1, " ", (x1 + x2) / 2, " ", y2, " ", x2, " ", y2);
  } else if (std::fabs(a.y - b.y) < 1.5 * (height + gap_y)) {
    const bool down = b.y > a.y;
    path = text("M", a.x + width / 2, " ", down ? a.y + height : a.y, " L", b.x + width / 2, " ", down ? b.y : b.y + height);
  } else {
    const bool left = a.lane == 0;
    const double side = left ? a.x : a.x + width,
                 reach = std::min(gap_x - 10.0, 14 + 0.04 * std::fabs(a.y - b.y)) * (left ? -0.6 : 1);
    const double y1 = a.y + height / 2, y2 = b.y + height / 2;
    path = text("M", side, " ", y1, " C", side + reach, " ", y1, " ", side + reach, " ", y2, " ", side, " ", y2);
  }
  return text("<path d=\"", path, "\" fill=\"none\" stroke=\"", colours[size_t(role)], "\" marker-end=\"url(#tip)\"/>\n");
}

std::string box(const Recording& r, const GraphNode& n, const BoxPlace& at) {
  const OpRecord& record = r.records[n.record];
  const std::string shape =
      record.out.empty() ? "" : text(name_of(r.values[record.out[0]].dtype), r.values[record.out[0]].shape.str());
  return text("<g><title>", escaped(where(r, n.record) + ": " + call(record)), "</title><rect x=\"", at.x, "\" y=\"", at.y,
              "\" width=\"", width, "\" height=\"", height, "\" rx=\"6\" fill=\"", colour(record),
              "\" stroke=\"#555\"/><text x=\"", at.x + 8, "\" y=\"", at.y + 15, "\">",
              head(record.op + (record.kind == OpRecord::Kind::backward ? "'" : ""), shape.size() > 10 ? 19 : 24),
              n.times > 1 ? text(" ×", n.times) : "", "</text><text x=\"", at.x + width - 8, "\" y=\"", at.y + 15,
              "\" text-anchor=\"end\" font-size=\"10\">", head(shape, 18), "</text><text x=\"", at.x + 8, "\" y=\"", at.y + 29,
              "\" fill=\"#555\" font-size=\"10\">", tail(n.scope, 44), "</text></g>\n");
}

}  // namespace

std::string look_svg(const Recording& r, const LookOptions& o) {
  const Graph g = graph_of(r, o);
  const Layout layout = place(r, g);
  const std::string heading_line = title(r);
  std::string out = text(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", layout.right, "\" height=\"", layout.bottom, "\" viewBox=\"0 0 ",
      layout.right, " ", layout.bottom,
      "\" font-family=\"sans-serif\" font-size=\"12\">\n<defs><marker id=\"tip\" viewBox=\"0 0 6 6\" refX=\"6\" refY=\"3\" "
      "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0 L6 3 L0 6 Z\" fill=\"#666\"/></marker></defs>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"20\" y=\"18\">",
      escaped(std::string_view(heading_line).substr(0, heading_line.find('\n'))),
      "</text>\n<text x=\"20\" y=\"36\" fill=\"#555\">arrows: grey values, orange saved since the forward pass, blue gradients"
      "</text>\n<text x=\"20\" y=\"54\" fill=\"#555\">",
      escaped(g.notice), "</text>\n");
  for (size_t k = 0; k < layout.lanes.size(); ++k)
    out += text("<text x=\"", margin + double(k) * (width + gap_x), "\" y=\"80\" font-weight=\"bold\">",
                lane_names[size_t(layout.lanes[k])], "</text>\n");
  for (auto& e : g.edges) out += arrow(layout.boxes[e.from], layout.boxes[e.to], e.role);
  for (uint32_t n = 0; n < g.nodes.size(); ++n) out += box(r, g.nodes[n], layout.boxes[n]);
  return out + "</svg>\n";
}

}  // namespace tapedeck
