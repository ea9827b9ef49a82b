// What people should hear about their data: rows left out, texts cut, tokens that the vocabulary does not have. Next:
// seed_runs.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// A line for each thing that is worth one. split: what the line begins with, or the name of the file. tokenizer: its type, for
/// the hint.
std::vector<std::string> data_notes(const std::string& split, const Dataset& data, const Table& table,
                                    std::string_view tokenizer);
std::vector<std::string> data_notes(const ExperimentData& data, std::string_view tokenizer);
/// "0.0% train, 12.3% validation": the shares of unknown tokens.
std::string unknown_text(const ExperimentData& data);
/// By split: examples, skipped, cut, longest, tokens, unknown.
Json data_json(const ExperimentData& data);

}  // namespace tapedeck
