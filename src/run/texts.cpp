// Lines of text to rows, rows to predictions and vectors, vectors to neighbours.
// Next: predictions.cpp.
#include <tapedeck/run/texts.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <tapedeck/base/words.h>
#include <tapedeck/tasks/task.h>
#include <tapedeck/train/checkpoint.h>
#include <tapedeck/train/metrics.h>

#include "src/data/text_file.h"
#include "src/data/unicode.h"
#include "src/run/data_notes.h"

namespace tapedeck {
namespace {

std::string member(const Json& json, const char* key, const std::string& source, int64_t number) {
  const Json::Member* found = json.find(key);
  if (!found) return "";
  if (found->value.kind != Json::Kind::string)
    throw data_error(source, number, text("\"", key, "\" is not a text"), text("write \"", key, "\": \"...\""));
  return found->value.string;
}

double length(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += double(x) * x;
  return std::sqrt(sum);
}

}  // namespace

Row text_row(std::string line, const std::string& source, int64_t number) {
  if (line.ends_with('\r')) line.pop_back();
  if (unicode::valid_prefix(line) < line.size() || line.find('\0') != std::string::npos)
    throw data_error(source, number, "is not valid UTF-8", "convert it to UTF-8");
  Row row;
  row.line = number;
  if (line.starts_with('{') || line.starts_with('"')) {
    Json json;
    try {
      json = parse_json(line, source);
    } catch (const Error& error) {
      throw data_error(source, number, text("is no JSON: ", error.message()),
                       "a line is a JSON object with \"text\", a JSON string, or a text that begins with neither { nor \"");
    }
    row.text = json.kind == Json::Kind::string ? json.string : member(json, "text", source, number);
    row.text_b = json.kind == Json::Kind::string ? "" : member(json, "text_b", source, number);
    if (row.text.empty()) throw data_error(source, number, "has no \"text\"", R"(write {"text": "..."})");
    return row;
  }
  const size_t tab = line.find('\t');
  row.text = line.substr(0, tab);
  if (tab != std::string::npos) row.text_b = line.substr(tab + 1);
  return row;
}

void for_rows(std::istream& input, const std::string& source, int64_t most, const std::function<void(const Table&)>& use) {
  Table table{source, {}};
  int64_t number = 0;
  for (std::string line; std::getline(input, line);) {
    ++number;
    if (!line.empty() && line != "\r") table.rows.push_back(text_row(std::move(line), source, number));
    const bool waiting = input.rdbuf()->in_avail() <= 0;  // nothing more has arrived yet
    if (table.rows.empty() || (!waiting && int64_t(table.rows.size()) < most)) continue;
    use(table);
    table.rows.clear();
  }
  if (!table.rows.empty()) use(table);
}

Tensor embed_rows(LoadedRun& run, const Table& table) {
  const bool joint = run.input.pairs && !run.config.model->text_form().separate;
  for (const Row& row : table.rows)
    if (!row.text_b.empty() && !joint)
      throw data_error(table.name, row.line, "has two texts, and a vector belongs to one", "give each text a line of its own");
  const Dataset data = encode(run.task, {table, *run.config.tokenizer, joint, run.config.model->text_form()});
  if (run.note)
    for (const std::string& line : data_notes("", data, table, run.config.tokenizer.name())) run.note(line);
  const Predictions all =
      predict(*run.model, run.store, run.config.objective->task(), data, run.config.evaluation.batch_size, nullptr, true);
  if (!all.embeddings)
    throw Error(ErrorKind::usage, text(run.folder, " holds a model that has no vector per text"),
                "models \"text\" and \"sentence\" have one");
  return all.embeddings.to(DType::f32);
}

std::vector<Neighbour> nearest(const Tensor& vectors, std::span<const float> query, int64_t count) {
  const int64_t n = vectors.shape()[0], width = vectors.shape()[1];
  const double size = length(query);
  std::vector<Neighbour> all;
  for (int64_t i = 0; i < n; ++i) {
    const auto row = vectors.data<float>().subspan(size_t(i * width), size_t(width));
    const double other = length(row), dot = std::inner_product(row.begin(), row.end(), query.begin(), 0.0);
    all.push_back({i, size > 0 && other > 0 ? dot / (size * other) : 0});
  }
  const auto kept = all.begin() + std::min(count, n);
  std::partial_sort(all.begin(), kept, all.end(), [](const Neighbour& a, const Neighbour& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.row < b.row;
  });
  all.erase(kept, all.end());
  return all;
}

void write_npy(const std::string& path, const Tensor& matrix) {
  std::string header =
      text("{'descr': '<f4', 'fortran_order': False, 'shape': (", matrix.shape()[0], ", ", matrix.shape()[1], "), }");
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');  // the data begin at a multiple of 64 bytes
  header += '\n';
  const std::string magic("\x93NUMPY\x01\x00", 8);
  const char length[2] = {char(header.size() & 0xff), char(header.size() >> 8)};
  write_file_atomically(path, magic + std::string(length, 2) + header +
                                  std::string(reinterpret_cast<const char*>(matrix.raw<float>()), size_t(matrix.size()) * 4));
}

}  // namespace tapedeck
