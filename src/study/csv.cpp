// Tables for other programs. Next: src/app/command_report.cpp.
#include "src/study/csv.h"

#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/study/runs.h>

namespace tapedeck {

std::string csv_row(const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i) out += ',';
    if (cells[i].find_first_of(",\"\n\r") == std::string::npos) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (char c : cells[i]) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += '"';
  }
  return out + "\r\n";
}

std::string csv_number(double value) { return std::isfinite(value) ? Json::of(value).dump(-1) : ""; }

std::string metrics_csv(const std::string& run_folder) {
  std::vector<std::string> head = {"seed"};
  std::vector<std::pair<uint64_t, Json>> records;
  for (const SavedSeed& seed : seeds_of_run(run_folder))
    for (Json& record : json_lines(seed.folder + "/metrics.jsonl")) {
      for (const Json::Member& m : record.members)
        if (std::find(head.begin(), head.end(), m.key) == head.end()) head.push_back(m.key);
      records.emplace_back(seed.seed, std::move(record));
    }
  std::string out = csv_row(head);
  for (const auto& [seed, record] : records) {
    std::vector<std::string> row = {text(seed)};
    for (size_t i = 1; i < head.size(); ++i) {
      const Json::Member* m = record.find(head[i]);
      row.push_back(!m || m->value.is(Json::Kind::null) ? ""
                    : m->value.is(Json::Kind::string)   ? m->value.string
                                                        : m->value.dump(-1));
    }
    out += csv_row(row);
  }
  return out;
}

}  // namespace tapedeck
