// Drawing. Nothing is told by colour alone: each group has its own dashes, and the figure says in words what it shows.
// Next: report.cpp.
#include "src/study/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include <tapedeck/base/error.h>

#include "src/study/report_page.h"

namespace tapedeck {
namespace {

constexpr double width = 460, height = 250, left = 58, right = 10, top = 8, bottom = 40;
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"};
constexpr const char* dashes[] = {"", "7 3", "2 3", "9 3 2 3", "4 4", "1 2", "12 4"};
constexpr size_t kinds = std::size(colours);

std::string place(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", value);
  return buffer;
}

std::string short_number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", value);
  return buffer;
}

/// About `count` round numbers that lie in [low, high].
std::vector<double> ticks(double low, double high, int count) {
  const double raw = (high - low) / count, power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double factor : {1.0, 2.0, 2.5, 5.0})
    if (raw <= factor * power * 1.0001) {
      step = factor * power;
      break;
    }
  std::vector<double> all;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step && all.size() < 20; ++i) all.push_back(i * step);
  return all;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart) {
    bool any = false;
    for (const Series& series : chart.series)
      for (const Points& line : series.lines)
        for (const auto& [x, y] : line) {
          if (!usable(x, y)) continue;
          const double at = axis(x);
          if (!any) x0_ = x1_ = at, y0_ = y1_ = y;
          x0_ = std::min(x0_, at), x1_ = std::max(x1_, at), y0_ = std::min(y0_, y), y1_ = std::max(y1_, y);
          any = true;
        }
    if (!(x1_ > x0_)) x0_ -= 0.5, x1_ += 0.5;
    if (!(y1_ > y0_)) y0_ -= 0.5 * std::max(1e-3, std::abs(y0_)), y1_ += 0.5 * std::max(1e-3, std::abs(y1_));
    const double room = 0.04 * (y1_ - y0_);
    y0_ -= room, y1_ += room;
    if (!chart.names.empty()) x0_ -= 0.4, x1_ += 0.4;
  }

  std::string svg(const std::string& id, const std::string& description) const {
    std::string out =
        text("<svg viewBox=\"0 0 ", width, " ", height, "\" role=\"img\" aria-labelledby=\"", id, "t ", id, "d\"><title id=\"",
             id, "t\">", escaped_html(chart_.title), "</title><desc id=\"", id, "d\">", escaped_html(description), "</desc>\n");
    out += axes();
    for (size_t i = 0; i < chart_.series.size(); ++i) out += series(chart_.series[i], i % kinds);
    return out + "</svg>\n";
  }

 private:
  bool usable(double x, double y) const { return std::isfinite(x) && std::isfinite(y) && (!chart_.log_x || x > 0); }
  double axis(double x) const { return chart_.log_x ? std::log10(x) : x; }
  double across(double x) const { return left + (axis(x) - x0_) / (x1_ - x0_) * (width - left - right); }
  double down(double y) const { return height - bottom - (y - y0_) / (y1_ - y0_) * (height - top - bottom); }

  std::string axes() const {
    std::string out;
    for (double y : ticks(y0_, y1_, 5))
      out += text("<line class=\"grid\" x1=\"", left, "\" x2=\"", width - right, "\" y1=\"", place(down(y)), "\" y2=\"",
                  place(down(y)), "\"/><text x=\"", left - 6, "\" y=\"", place(down(y) + 4), "\" text-anchor=\"end\">",
                  short_number(y), "</text>\n");
    const auto tick = [&](double at, const std::string& label) {
      out += text("<line class=\"axis\" x1=\"", place(at), "\" x2=\"", place(at), "\" y1=\"", height - bottom, "\" y2=\"",
                  height - bottom + 4, "\"/><text x=\"", place(at), "\" y=\"", height - bottom + 18, "\" text-anchor=\"middle\">",
                  escaped_html(label), "</text>\n");
    };
    const double scale = (width - left - right) / (x1_ - x0_);
    if (!chart_.names.empty())
      for (const auto& [x, name] : chart_.names) tick(across(x), name.size() > 14 ? name.substr(0, 13) + "~" : name);
    else
      for (double x : ticks(x0_, x1_, 5)) tick(left + (x - x0_) * scale, short_number(chart_.log_x ? std::pow(10, x) : x));
    out += text("<line class=\"axis\" x1=\"", left, "\" x2=\"", width - right, "\" y1=\"", height - bottom, "\" y2=\"",
                height - bottom, "\"/><text x=\"", place((left + width - right) / 2), "\" y=\"", height - 6,
                "\" text-anchor=\"middle\">", escaped_html(chart_.x), "</text>\n");
    return out;
  }

  std::string path(const Points& points) const {
    std::string out;
    for (const auto& [x, y] : points)
      if (usable(x, y)) out += (out.empty() ? "" : " ") + place(across(x)) + "," + place(down(y));
    return out;
  }

  std::string series(const Series& s, size_t kind) const {
    const std::string colour = colours[kind];
    std::string out;
    if (s.dots) {
      for (const Points& line : s.lines)
        for (const auto& [x, y] : line)
          if (usable(x, y))
            out += text("<circle cx=\"", place(across(x)), "\" cy=\"", place(down(y)), "\" r=\"4\" fill=\"", colour,
                        "\" fill-opacity=\".65\"/>\n");
      return out;
    }
    const Band band = band_of(s.lines);
    if (s.lines.size() > 1) {
      Points outline = band.low;
      outline.insert(outline.end(), band.high.rbegin(), band.high.rend());
      out += text("<polygon class=\"band\" fill=\"", colour, "\" points=\"", path(outline), "\"/>\n");
      for (const Points& line : s.lines)
        out += text("<polyline class=\"thin\" stroke=\"", colour, "\" points=\"", path(thinned(line, 150)), "\"/>\n");
    }
    out += text("<polyline class=\"mean\" stroke=\"", colour, "\" stroke-dasharray=\"", dashes[kind], "\" points=\"",
                path(band.mean), "\"/>\n");
    if (band.mean.size() == 1 && usable(band.mean[0].first, band.mean[0].second))
      out += text("<circle cx=\"", place(across(band.mean[0].first)), "\" cy=\"", place(down(band.mean[0].second)),
                  "\" r=\"3\" fill=\"", colour, "\"/>\n");
    return out;
  }

  const Chart& chart_;
  double x0_ = 0, x1_ = 1, y0_ = 0, y1_ = 1;
};

std::string words(const Chart& chart) {
  std::string out;
  for (const Series& s : chart.series) {
    if (s.dots) continue;
    const Band band = band_of(s.lines);
    if (band.mean.empty()) continue;
    const auto [least, most] =
        std::minmax_element(band.mean.begin(), band.mean.end(), [](auto& a, auto& b) { return a.second < b.second; });
    out += text(s.name, s.lines.size() > 1 ? text(", mean of ", s.lines.size(), " seeds") : "", ": from ",
                short_number(band.mean.front().second), " to ", short_number(band.mean.back().second), ", least ",
                short_number(least->second), " at ", chart.x, " ", short_number(least->first), ", most ",
                short_number(most->second), " at ", short_number(most->first), ". ");
  }
  return out.empty() ? chart.y + " against " + chart.x : out;
}

}  // namespace

Points thinned(const Points& points, size_t most) {
  if (points.size() <= most) return points;
  Points kept;
  for (size_t i = 0; i < most; ++i) kept.push_back(points[i * (points.size() - 1) / (most - 1)]);
  return kept;
}

Band band_of(const std::vector<Points>& lines) {
  std::map<double, std::vector<double>> at;
  for (const Points& line : lines)
    for (const auto& [x, y] : line)
      if (std::isfinite(y)) at[x].push_back(y);
  Points mean, low, high;
  for (const auto& [x, values] : at) {
    if (2 * values.size() < lines.size()) continue;  // a place that few seeds have would make the mean jump
    double sum = 0;
    for (double v : values) sum += v;
    mean.emplace_back(x, sum / double(values.size()));
    low.emplace_back(x, *std::min_element(values.begin(), values.end()));
    high.emplace_back(x, *std::max_element(values.begin(), values.end()));
  }
  return {thinned(mean, 300), thinned(low, 300), thinned(high, 300)};
}

std::string figure_of(const Chart& chart, int number) {
  std::string out = "<figure><figcaption>" + escaped_html(chart.title) + "</figcaption>\n" +
                    Drawing(chart).svg(text("c", number), words(chart));
  if (chart.series.size() > 1) {
    out += "<ul class=\"legend\">";
    for (size_t i = 0; i < chart.series.size(); ++i) {
      const size_t kind = i % kinds;
      const std::string mark = chart.series[i].dots
                                   ? text("<circle cx=\"15\" cy=\"5\" r=\"4\" fill=\"", colours[kind], "\"/>")
                                   : text("<line x1=\"0\" x2=\"30\" y1=\"5\" y2=\"5\" stroke-width=\"2.5\" stroke=\"",
                                          colours[kind], "\" stroke-dasharray=\"", dashes[kind], "\"/>");
      out +=
          "<li><svg viewBox=\"0 0 30 10\" aria-hidden=\"true\">" + mark + "</svg>" + escaped_html(chart.series[i].name) + "</li>";
    }
    out += "</ul>";
  }
  return out + "</figure>\n";
}

std::string sparkline(const Points& points, size_t width) {
  constexpr const char* bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  Points shown;
  for (const auto& point : points)
    if (std::isfinite(point.second)) shown.push_back(point);
  shown = thinned(shown, std::max<size_t>(2, width));
  if (shown.empty()) return "";
  const auto [low, high] = std::minmax_element(shown.begin(), shown.end(), [](auto& a, auto& b) { return a.second < b.second; });
  const double range = high->second - low->second, base = low->second;
  std::string out;
  for (const auto& point : shown) out += bars[range > 0 ? std::min(7, int(8 * (point.second - base) / range)) : 3];
  return out;
}

}  // namespace tapedeck
