// Rows of comma-separated values (RFC 4180), with numbers that read back to the same bits. Next: csv.cpp.
#pragma once
#include <string>
#include <vector>

namespace tapedeck {

std::string csv_row(const std::vector<std::string>& cells);
std::string csv_number(double value);  // empty for what is not a number

/// metrics.jsonl of every seed of a run as one table: seed, then every key that some record has.
std::string metrics_csv(const std::string& run_folder);

}  // namespace tapedeck
