// Texts that do not lie in a file of the run's format: typed, piped in, a line each. Predictions, vectors and neighbours of them.
// Next: src/app/command_predict.cpp, src/app/command_embed.cpp, src/app/command_similar.cpp.
#pragma once
#include <functional>
#include <istream>
#include <span>
#include <string>
#include <vector>

#include <tapedeck/run/run.h>

namespace tapedeck {

/// A line as a row: a JSON object with "text" (and "text_b"), a JSON string, or the text as it stands with a tab before a
/// second one. Error{data} naming `source` and `line`.
Row text_row(std::string line, const std::string& source, int64_t number);

/// Reads a stream to its end and hands over rows in order: as many as have arrived, `most` at a time. Whoever types a line gets
/// the answer to it at once, whoever pipes in a file gets full batches. Empty lines are left out.
void for_rows(std::istream& input, const std::string& source, int64_t most, const std::function<void(const Table&)>& use);

/// One line of JSON per row, as predict_file gives. Error{usage} for a task that has no answer per row.
void predict_rows(LoadedRun& run, const Table& table, const std::function<void(const std::string&)>& line);

/// The vector of each row, f32 [rows, width]: what the model compares, or pools for its head. Error{usage} for a model without.
Tensor embed_rows(LoadedRun& run, const Table& table);

struct Neighbour {
  int64_t row = 0;
  double cosine = 0;
};
/// The `count` rows of `vectors` [n, d] with the largest cosine to query [d], the largest first, the earlier row first among
/// equals. A vector without length has cosine 0 to all.
std::vector<Neighbour> nearest(const Tensor& vectors, std::span<const float> query, int64_t count);

/// f32 [n, d] as a .npy file (format 1.0 of NumPy), written whole or not at all.
void write_npy(const std::string& path, const Tensor& matrix);

}  // namespace tapedeck
