// A line chart as SVG text: axes, one mean line a group with its band, thin lines of single seeds, points. Made for 400 pixels as
// well as for 1280: the drawing is 460 units wide and its text 13. Next: chart.cpp.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace tapedeck {

using Points = std::vector<std::pair<double, double>>;  // x ascending

/// One group: the lines of its seeds. Colour and dashes follow from its place in the chart.
struct Series {
  std::string name;
  std::vector<Points> lines;
  bool dots = false;  // marks instead of a line
};
struct Chart {
  std::string title, x = "step", y;
  std::vector<Series> series;
  bool log_x = false;
  std::vector<std::pair<double, std::string>> names;  // of places on the x axis, where x is no number
};

/// <figure> with the drawing, its legend and a description in words.
std::string figure_of(const Chart& chart, int number);
/// The mean over lines at every x that all of them have, or that most have; smallest and largest beside it.
struct Band {
  Points mean, low, high;
};
Band band_of(const std::vector<Points>& lines);
/// At most `most` points, the first and last among them.
Points thinned(const Points& points, size_t most);
/// Eight heights: "▁▃▅█", at most `width` characters.
std::string sparkline(const Points& points, size_t width);

}  // namespace tapedeck
