// Reports of a run and of a comparison: what came out, how it got there, what was asked for, what it cost.
// Next: report_sweep.cpp, report_page.cpp.
#include <tapedeck/study/report.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/run/progress.h"
#include "src/run/run_folder.h"
#include "src/study/answers.h"
#include "src/study/csv.h"
#include "src/study/curves.h"
#include "src/study/report_page.h"
#include "src/study/report_parts.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
constexpr size_t most_labels = 25;

std::string shown_value(const Json& json) { return json.is(Json::Kind::string) ? json.string : json.dump(-1); }

std::string cut(const std::string& words, size_t bytes) {
  if (words.size() <= bytes) return words;
  size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return words.substr(0, end) + " ...";
}

std::string mean_and_sd(const std::vector<double>& values) {
  const Statistics s = statistics(values);
  return s.n == 0 ? "-" : s.n == 1 ? html_figure(s.mean) : html_figure(s.mean) + " ± " + html_figure(s.sd);
}

std::string results_table(const std::vector<SavedSeed>& seeds) {
  std::map<std::string, std::map<std::string, std::vector<double>>> values;  // metric, part
  for (const SavedSeed& seed : seeds)
    for (const char* part : {"best", "last", "test"})
      for (const auto& [name, value] : seed.values(part)) values[name][part].push_back(value);
  std::vector<std::vector<std::string>> rows = {{"", "validation, best checkpoint", "validation, last", "test"}};
  for (auto& [name, parts] : values)
    rows.push_back({name, mean_and_sd(parts["best"]), mean_and_sd(parts["last"]), mean_and_sd(parts["test"])});
  return rows.size() == 1
             ? "<p>Nothing is finished yet.</p>\n"
             : html_table(rows, seeds.size() > 1 ? text("mean ± standard deviation over ", seeds.size(), " seeds") : "");
}

std::string matrix_section(const Answers& answers) {
  if (answers.labels.size() < 2) return "";
  std::string out = "<h2>Which label is taken for which</h2>\n";
  const auto never = answers.never_predicted();
  if (!never.empty()) out += "<p><b>Never predicted: " + escaped_html(join(never)) + ".</b></p>\n";
  if (answers.labels.size() <= most_labels) {
    out +=
        "<div class=\"wide\" tabindex=\"0\"><table class=\"matrix\"><caption>rows: label; columns: predicted, on "
        "validation</caption>"
        "<tr><td></td>";
    for (const std::string& label : answers.labels) out += "<th scope=\"col\">" + escaped_html(cut(label, 20)) + "</th>";
    out += "</tr>\n";
    for (size_t i = 0; i < answers.labels.size(); ++i) {
      int64_t total = 0;
      for (int64_t count : answers.matrix[i]) total += count;
      out += "<tr><th scope=\"row\">" + escaped_html(cut(answers.labels[i], 20)) + "</th>";
      for (size_t k = 0; k < answers.labels.size(); ++k) {
        const double share = total ? double(answers.matrix[i][k]) / double(total) : 0;
        const int light = 255 - int(85 * share);  // dark text stays readable on it
        char colour[8];
        std::snprintf(colour, sizeof colour, "#%02x%02xff", light, std::min(255, light + 20));
        out += text("<td bgcolor=\"", colour, "\">", i == k ? "<b>" : "", answers.matrix[i][k], i == k ? "</b>" : "", "</td>");
      }
      out += "</tr>\n";
    }
    return out + "</table></div>\n";
  }
  std::vector<std::pair<int64_t, std::pair<size_t, size_t>>> mistaken;
  for (size_t i = 0; i < answers.labels.size(); ++i)
    for (size_t k = 0; k < answers.labels.size(); ++k)
      if (i != k && answers.matrix[i][k]) mistaken.push_back({answers.matrix[i][k], {i, k}});
  std::stable_sort(mistaken.begin(), mistaken.end(), [](auto& a, auto& b) { return a.first > b.first; });
  std::vector<std::vector<std::string>> rows = {{"label", "predicted", "rows"}};
  for (size_t i = 0; i < std::min<size_t>(15, mistaken.size()); ++i)
    rows.push_back(
        {answers.labels[mistaken[i].second.first], answers.labels[mistaken[i].second.second], text(mistaken[i].first)});
  return out + html_table(rows, text("the most frequent confusions of ", answers.labels.size(), " labels"), "text");
}

std::string belief_section(const Answers& answers, int& number) {
  if (answers.bins.empty()) return "";
  Points real, ideal;
  for (const Answers::Bin& bin : answers.bins)
    if (bin.rows) real.emplace_back(bin.confidence / double(bin.rows), double(bin.right) / double(bin.rows));
  ideal = {{real.front().first, real.front().first}, {real.back().first, real.back().first}};
  const Chart chart{.title = text("reliability: error ", html_figure(answers.calibration_error())),
                    .x = "largest probability",
                    .y = "share right",
                    .series = {{"share right", {real}, false}, {"ideal", {ideal}, false}},
                    .log_x = false,
                    .names = {}};
  std::string out =
      "<h2>Can its probabilities be believed?</h2>\n<div class=\"charts\">" + figure_of(chart, number++) + "</div>\n";
  if (answers.worst.empty()) return out;
  std::vector<std::vector<std::string>> rows = {{"probability", "label", "predicted", "text"}};
  for (const Answers::Wrong& w : answers.worst)
    rows.push_back({html_figure(w.confidence), w.label, w.predicted, cut(w.text, 240)});
  return out + html_table(rows, "the surest mistakes of the first seed", "text");
}

std::string cost_section(const std::string& folder, const std::vector<SavedSeed>& seeds) {
  std::vector<std::vector<std::string>> rows = {{"", ""}};
  double seconds = 0;
  std::vector<double> steps, memory;
  for (const SavedSeed& seed : seeds) {
    seconds += seed.seconds();
    if (const Json* value = value_at(seed.metrics, "steps")) steps.push_back(value->number);
    if (const Json* value = value_at(seed.metrics, "memory.resident_peak")) memory.push_back(value->number / (1 << 20));
  }
  rows.push_back({"time", duration_text(seconds) + text(" for ", seeds.size(), seeds.size() == 1 ? " seed" : " seeds")});
  if (!steps.empty()) rows.push_back({"steps", text(statistics(steps).mean)});
  if (!memory.empty()) rows.push_back({"resident memory at the peak", text(int64_t(statistics(memory).high), " MiB")});
  if (fs::exists(folder + "/environment.json")) {
    const Json facts = read_json_file(folder + "/environment.json");
    for (const auto& [path, name] :
         {std::pair("tapedeck", "version"), std::pair("started", "started"), std::pair("machine.cpu", "processor"),
          std::pair("machine.threads", "threads"), std::pair("machine.gemm", "products"), std::pair("git.commit", "git commit")})
      if (const Json* value = value_at(facts, path)) rows.push_back({name, shown_value(*value)});
  }
  return "<h2>What it cost</h2>\n" + html_table(rows, "", "text");
}

}  // namespace

std::string config_section(const std::string& run_folder) {
  const Json resolved = resolved_of(run_folder);
  const std::string path = run_folder + "/origins.json";
  const Json origins = fs::exists(path) ? read_json_file(path) : Json::dict();
  std::vector<std::vector<std::string>> rows = {{"option", "value", "from"}}, defaults = rows;
  for (const auto& [name, value] : leaves(resolved)) {
    const Json::Member* origin = origins.find(name);
    const std::string from = origin ? origin->value.string : "default";
    (from == "default" ? defaults : rows).push_back({name, cut(shown_value(value), 300), from});
  }
  std::string out = "<h2>What was asked for</h2>\n" + html_table(rows, "", "text");
  return out + "<details><summary>" + text(defaults.size() - 1) + " options at their defaults</summary>" +
         html_table(defaults, "", "text") + "</details>\n";
}

std::string chart_section(const std::vector<Chart>& charts, int& number) {
  std::string out;
  for (const Chart& chart : charts) out += figure_of(chart, number++);
  return out.empty() ? "" : "<h2>Curves</h2>\n<div class=\"charts\">\n" + out + "</div>\n";
}

namespace {

std::string report_of_run(const std::string& folder) {
  const std::vector<SavedSeed> all = seeds_of_run(folder);
  std::vector<SavedSeed> seeds;
  for (const SavedSeed& seed : all)
    if (seed.finished()) seeds.push_back(seed);
  const std::string run_folder = all.empty() ? folder : all.front().run_folder;
  const Json resolved = resolved_of(run_folder);
  const Json *name = value_at(resolved, "name"), *notes = value_at(resolved, "notes");
  std::string body = "<p class=\"quiet\">" + escaped_html(folder) + "</p>\n";
  if (notes) body += "<p>" + escaped_html(notes->string) + "</p>\n";
  if (seeds.size() < all.size())
    body += text("<p><b>", all.size() - seeds.size(), " of ", all.size(), " seeds are not finished.</b></p>\n");
  body += results_table(seeds);
  int number = 1;
  body += chart_section(charts_of({{"", curves_of(all)}}), number);
  const Answers answers = answers_of(seeds);
  body +=
      matrix_section(answers) + belief_section(answers, number) + config_section(run_folder) + cost_section(run_folder, seeds);
  return html_page(name ? name->string : fs::path(folder).filename().string(), body);
}

}  // namespace

std::string report_html(const std::string& folder) {
  if (fs::exists(folder + "/sweep.json")) return report_of_sweep(folder);
  if (fs::exists(folder + "/resolved.json")) return report_of_run(folder);
  throw Error(ErrorKind::usage, folder + " is neither a run nor a sweep", "name a folder that `tapedeck run` printed");
}

std::string report_html(const Comparison& c) {
  std::string body = "<div class=\"words\">";
  for (const std::string& sentence : c.words) body += "<p>" + escaped_html(sentence) + "</p>\n";
  body += "</div>\n<p class=\"quiet\">A: " + escaped_html(c.name_a + ", " + c.folder_a) +
          "<br>B: " + escaped_html(c.name_b + ", " + c.folder_b) + "</p>\n";
  std::vector<std::vector<std::string>> rows = {{"", c.name_a, c.name_b, "difference", "95 % interval", "sign-flip p"}};
  for (const MetricComparison& m : c.metrics)
    rows.push_back({m.split + " " + m.metric, html_figure(m.mean_a), html_figure(m.mean_b), html_figure(m.difference),
                    html_figure(m.interval.interval.low) + " to " + html_figure(m.interval.interval.high), html_figure(m.p)});
  body += html_table(rows, text("means over ", c.seeds.size(), " pairs of seeds"));
  Chart pairs{.title = c.metrics.front().split + " " + c.metrics.front().metric + " by seed",
              .x = "side",
              .y = c.metrics.front().metric,
              .series = {},
              .log_x = false,
              .names = {{0, c.name_a}, {1, c.name_b}}};
  for (size_t i = 0; i < c.seeds.size(); ++i)
    pairs.series.push_back({text("seed ", c.seeds[i]), {{{0, c.metrics.front().a[i]}, {1, c.metrics.front().b[i]}}}, false});
  int number = 1;
  body += "<div class=\"charts\">" + figure_of(pairs, number++) + "</div>\n";
  body += chart_section(charts_of({{c.name_a, curves_of(c.runs_a)}, {c.name_b, curves_of(c.runs_b)}}), number);
  if (!c.predictions.empty()) {
    rows = {{"", "rows", "only " + c.name_a + " right", "only " + c.name_b + " right", "McNemar p"}};
    for (const PredictionComparison& p : c.predictions)
      rows.push_back({text("seed ", p.seed), text(p.rows), text(p.only_a), text(p.only_b), html_figure(p.p)});
    body += "<h2>Row by row</h2>\n" + html_table(rows, "predictions on validation");
  }
  rows = {{"options that differ"}};
  for (const std::string& change : c.changes) rows.push_back({change});
  if (rows.size() > 1) body += "<h2>What was asked for</h2>\n" + html_table(rows, "", "text");
  return html_page(c.name_a + " and " + c.name_b, body);
}

std::string write_report(const std::string& folder) {
  const std::string path = folder + "/report.html";
  write_file_atomically(path, report_html(folder));
  return path;
}

std::string report_csv(const std::string& folder) {
  return fs::exists(folder + "/sweep.json") ? read_file(folder + "/results.csv") : metrics_csv(folder);
}

std::string report_lines(const std::string& folder) {
  std::vector<std::pair<std::string, Points>> lines;
  if (fs::exists(folder + "/sweep.json")) return "";
  for (const Chart& chart : charts_of({{"", curves_of(seeds_of_run(folder))}}))
    for (const Series& series : chart.series) lines.emplace_back(series.name, band_of(series.lines).mean);
  size_t longest = 0;
  for (const auto& [name, mean] : lines) longest = std::max(longest, name.size());
  std::string out;
  for (const auto& [name, mean] : lines)
    if (!mean.empty())
      out += name + std::string(longest - name.size() + 2, ' ') + sparkline(mean, 40) +
             text("  ", mean.front().second, " -> ", mean.back().second, "\n");
  return out;
}

}  // namespace tapedeck
