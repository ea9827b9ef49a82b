// One text after another through the encoder, so that nothing but the texts takes memory. Next: encoder.cpp.
#include "src/pretrained/inspect.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/nn/pass.h>
#include <tapedeck/train/checkpoint.h>

#include "src/pretrained/load.h"
#include "src/pretrained/weight_files.h"

namespace tapedeck {
namespace {

class HiddenFile {
 public:
  explicit HiddenFile(const std::string& path) : path_(path), file_(WeightFiles::of_file(path)) {
    ids_ = find("input_ids", true), mask_ = find("attention_mask", false), types_ = find("token_type_ids", false);
    hidden_ = find("last_hidden_state", true);
    const Shape& shape = ids_->shape;
    if (shape.rank() != 2 || hidden_->shape.rank() != 3 || hidden_->shape.without(2) != shape || !WeightFiles::readable(*hidden_))
      reject("input_ids is [n,length] and last_hidden_state [n,length,width]");
    for (const Weight* other : {mask_, types_})
      if (other && other->shape != shape) reject("attention_mask and token_type_ids have the shape of input_ids");
  }
  int64_t texts() const { return ids_->shape[0]; }
  int64_t length() const { return ids_->shape[1]; }
  int64_t width() const { return hidden_->shape[2]; }

  /// Of one text, without its padding.
  struct Text {
    std::vector<int32_t> ids, types, places;
  };
  Text text_at(int64_t i) const {
    const auto ids = integers(ids_, i), mask = integers(mask_, i), types = integers(types_, i);
    Text out;
    for (int64_t t = 0; t < length(); ++t) {
      if (mask_ && !mask[size_t(t)]) continue;
      out.ids.push_back(ids[size_t(t)]);
      out.types.push_back(types_ ? types[size_t(t)] : 0);
      out.places.push_back(int32_t(t));
    }
    return out;
  }
  std::vector<double> hidden_at(int64_t i) const {
    std::vector<double> out(size_t(length() * width()));
    file_.read(*hidden_, i * length() * width(), length() * width(), out.data());
    return out;
  }
  [[noreturn]] void reject(const std::string& why) const {
    throw Error(ErrorKind::data, path_ + ": " + why,
                "from safetensors.torch import save_file: save_file({'input_ids': ..., 'attention_mask': ..., "
                "'last_hidden_state': ...}, FILE)");
  }

 private:
  const Weight* find(const char* name, bool needed) const {
    const auto it = file_.weights().find(name);
    if (it != file_.weights().end()) return &it->second;
    if (needed) reject(text("holds no ", name));
    return nullptr;
  }
  std::vector<int32_t> integers(const Weight* weight, int64_t i) const {
    std::vector<int32_t> out(size_t(weight ? length() : 0));
    if (weight && !file_.read_integers(*weight, i * length(), length(), out.data()))
      reject(text("whole numbers are I64 or I32, not ", weight->type));
    return out;
  }
  std::string path_;
  WeightFiles file_;
  const Weight *ids_ = nullptr, *mask_ = nullptr, *types_ = nullptr, *hidden_ = nullptr;
};

Tensor ints(const std::vector<int32_t>& values) { return Tensor::from<int32_t>(values, {std::ssize(values)}); }

Tensor hidden_of(const FolderEncoder& folder, const HiddenFile::Text& one) {
  std::vector<int32_t> positions(one.ids.size());
  for (size_t t = 0; t < positions.size(); ++t) positions[t] = int32_t(t);
  Batch batch;
  batch.tokens = ints(one.ids), batch.segments = ints(one.types), batch.positions = ints(positions);
  batch.offsets = ints({0, int32_t(one.ids.size())});
  Pass pass(folder.store, batch, Mode::evaluate, root_key(0));
  return folder.encoder->forward(pass);
}

}  // namespace

std::unique_ptr<FolderEncoder> open_folder(const std::string& folder, DType dtype) {
  auto out = std::make_unique<FolderEncoder>();
  const WeightFiles files = WeightFiles::open(folder);
  for (const std::string& path : files.paths()) out->bytes += int64_t(std::filesystem::file_size(path));
  const std::string path = folder + "/config.json";
  out->config = read_config(parse_json(read_file(path), path), path);
  const TableSizes& rows = *out->config.spec.tables;
  out->encoder = out->config.spec.build(Params(out->store) / "encoder", {.vocabulary = rows.words, .max_length = rows.positions});
  out->store.allocate(dtype, root_key(0), /*gradients=*/false);
  out->report = FolderStart(folder, out->config, "encoder", "").load(out->store);
  return out;
}

HiddenComparison compare_hidden(const FolderEncoder& folder, const std::string& path) {
  const HiddenFile file(path);
  if (file.width() != folder.config.spec.width)
    file.reject(text("vectors of ", file.width(), " numbers, the encoder gives ", folder.config.spec.width));
  HiddenComparison out;
  for (int64_t i = 0; i < file.texts(); ++i) {
    const HiddenFile::Text one = file.text_at(i);
    if (one.ids.empty()) continue;
    const Tensor mine = hidden_of(folder, one);
    const std::vector<double> theirs = file.hidden_at(i);
    for (size_t t = 0; t < one.ids.size(); ++t)
      for (int64_t c = 0; c < file.width(); ++c) {
        const double wanted = theirs[size_t(one.places[t] * file.width() + c)];
        out.largest_entry = std::max(out.largest_entry, std::abs(wanted));
        out.largest_difference = std::max(out.largest_difference, std::abs(wanted - mine.item(int64_t(t) * file.width() + c)));
      }
    ++out.texts;
    out.tokens += std::ssize(one.ids);
  }
  return out;
}

}  // namespace tapedeck
