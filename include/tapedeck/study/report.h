// One HTML file about a run, a sweep or a comparison: no scripts, no requests, under a megabyte. Next: src/study/report.cpp.
#pragma once
#include <string>

#include <tapedeck/study/compare.h>

namespace tapedeck {

/// The report of a folder: of a run (over its seeds), or of a sweep (it holds sweep.json). Error{usage} for any other folder.
std::string report_html(const std::string& folder);
std::string report_html(const Comparison& comparison);
/// Writes report.html into the folder and returns its path.
std::string write_report(const std::string& folder);

/// metrics.jsonl of every seed as comma-separated values: seed, then every key. Of a sweep: its results.csv.
std::string report_csv(const std::string& folder);
/// A line for each curve: its name, a sparkline of the mean over seeds, its first and last value.
std::string report_lines(const std::string& folder);

}  // namespace tapedeck
