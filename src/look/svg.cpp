// look svg: the graph drawn in layers: a record lies below everything it reads, neighbours are ordered by the mean place of
// what they read. Colour by phase; arrows carry values. Next: html.cpp.
#include <algorithm>
#include <numeric>

#include "src/look/graph.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

constexpr int width = 190, height = 38, gap_x = 18, gap_y = 30, margin = 20, heading = 46;

std::string escaped(std::string_view s, size_t longest = 200) {
  std::string cut = plain(s), out;
  if (cut.size() > longest) {
    size_t end = longest - 3;
    while (end > 0 && (static_cast<unsigned char>(cut[end]) & 0xC0u) == 0x80u) --end;
    cut = cut.substr(0, end) + "...";
  }
  for (char c : cut) out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

struct Spot { int layer = 0; double x = 0; };

/// The layer is the longest way from a record that reads nothing drawn; edges lead from lower to higher places in the list.
std::vector<Spot> place(const Graph& g) {
  std::vector<Spot> spots(g.nodes.size());
  std::vector<std::vector<uint32_t>> reads(g.nodes.size());
  for (auto& e : g.edges) reads[e.to].push_back(e.from);
  int deepest = 0;
  for (uint32_t n = 0; n < g.nodes.size(); ++n) {
    for (uint32_t from : reads[n]) spots[n].layer = std::max(spots[n].layer, spots[from].layer + 1);
    deepest = std::max(deepest, spots[n].layer);
  }
  std::vector<std::vector<uint32_t>> layers(size_t(deepest) + 1);
  for (uint32_t n = 0; n < g.nodes.size(); ++n) layers[size_t(spots[n].layer)].push_back(n);
  for (auto& layer : layers) {
    std::vector<double> wish(g.nodes.size(), 0);
    for (uint32_t n : layer)
      if (!reads[n].empty())
        wish[n] = std::accumulate(reads[n].begin(), reads[n].end(), 0.0, [&](double sum, uint32_t m) { return sum + spots[m].x; }) / double(reads[n].size());
    std::stable_sort(layer.begin(), layer.end(), [&](uint32_t a, uint32_t b) { return wish[a] < wish[b]; });
    double least = margin;
    for (uint32_t n : layer) {
      spots[n].x = std::max(least, wish[n]);
      least = spots[n].x + width + gap_x;
    }
  }
  return spots;
}

std::string node_text(const Recording& r, const GraphNode& n, double x, double y) {
  const OpRecord& record = r.records[n.record];
  const std::string shape = record.out.empty() ? "" : " " + typed(r, record.out[0]);
  const std::string times = n.times > 1 ? text(" ×", n.times) : "";
  return text("<g><title>", escaped(where(r, n.record) + ": " + call(record)), "</title><rect x=\"", x, "\" y=\"", y, "\" width=\"", width,
              "\" height=\"", height, "\" rx=\"6\" fill=\"", colour(record), "\" stroke=\"#555\"/><text x=\"", x + 8, "\" y=\"", y + 16, "\">",
              escaped(record.op + (record.kind == OpRecord::Kind::backward ? "'" : ""), 22), times, "<tspan fill=\"#555\">", escaped(shape, 22),
              "</tspan></text><text x=\"", x + 8, "\" y=\"", y + 31, "\" fill=\"#555\" font-size=\"10\">", escaped(record.scope, 34),
              "</text></g>\n");
}

}  // namespace

std::string look_svg(const Recording& r, const LookOptions& o) {
  const Graph g = graph_of(r, o);
  const std::vector<Spot> spots = place(g);
  double right = 400, bottom = heading;
  const auto y_of = [&](uint32_t n) { return double(heading + spots[n].layer * (height + gap_y)); };
  for (uint32_t n = 0; n < g.nodes.size(); ++n) {
    right = std::max(right, spots[n].x + width + margin);
    bottom = std::max(bottom, y_of(n) + height + margin);
  }
  std::string out = text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", right, "\" height=\"", bottom, "\" viewBox=\"0 0 ", right, " ", bottom,
                         "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"", margin,
                         "\" y=\"18\">", escaped(title(r)), "</text>\n<text x=\"", margin, "\" y=\"36\" fill=\"#555\">forward blue, backward orange, "
                         "second order violet, update green", g.notice.empty() ? "" : "; ", escaped(g.notice), "</text>\n");
  for (auto& e : g.edges) {
    const double x1 = spots[e.from].x + width / 2.0, y1 = y_of(e.from) + height, x2 = spots[e.to].x + width / 2.0, y2 = y_of(e.to);
    out += text("<path d=\"M", x1, " ", y1, " C", x1, " ", y1 + gap_y, " ", x2, " ", y2 - gap_y, " ", x2, " ", y2,
                "\" fill=\"none\" stroke=\"#999\"/>\n");
  }
  for (uint32_t n = 0; n < g.nodes.size(); ++n) out += node_text(r, g.nodes[n], spots[n].x, y_of(n));
  return out + "</svg>\n";
}

}  // namespace tapedeck
