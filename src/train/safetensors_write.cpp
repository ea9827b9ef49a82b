// Tensors to a .safetensors file: 8 bytes header length, JSON header padded with spaces to a multiple of 8, then the data in
// the order given (github.com/huggingface/safetensors, format). Next: safetensors_read.cpp.
#include <bit>
#include <cstring>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>

#include "src/train/safetensors.h"

namespace tapedeck {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and so are the buffers");

std::string_view stored_name(DType t, const std::string& tensor) {
  switch (t) {
    case DType::f32:
      return "F32";
    case DType::f64:
      return "F64";
    case DType::i32:
      return "I32";
    case DType::u8:
      return "U8";
    case DType::bf16:
      break;
  }
  throw Error(ErrorKind::dtype, text("tensor ", tensor, ": ", name_of(t), " is not written to files"), "convert it to f32");
}

std::span<const std::byte> bytes_of(const Tensor& t) {
  return {reinterpret_cast<const std::byte*>(t.raw<uint8_t>()), size_t(t.size()) * size_of(t.dtype())};
}

std::string header_of(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::dict();
  if (!metadata.empty()) {
    Json& notes = header.set("__metadata__", Json::dict());
    for (auto& [key, value] : metadata) notes.members.push_back({key, {}, Json::of(value)});
  }
  int64_t end = 0;
  for (auto& [name, tensor] : tensors) {
    const int64_t begin = end;
    end += int64_t(bytes_of(tensor).size());
    Json entry = Json::dict(), shape = Json::list(), range = Json::list();
    for (int i = 0; i < tensor.shape().rank(); ++i) shape.items.push_back(Json::of(tensor.shape()[i]));
    range.items = {Json::of(begin), Json::of(end)};
    entry.set("dtype", Json::of(std::string(stored_name(tensor.dtype(), name))));
    entry.set("shape", std::move(shape));
    entry.set("data_offsets", std::move(range));
    header.members.push_back({name, {}, std::move(entry)});
  }
  std::string out = header.dump(-1);
  out.resize((out.size() + 7) / 8 * 8, ' ');
  return out;
}

}  // namespace

void write_tensors(File& file, const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  const std::string header = header_of(tensors, metadata);
  const uint64_t length = header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (auto& [name, tensor] : tensors) file.write(bytes_of(tensor));
}

void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  replace_file(path, [&](File& file) { write_tensors(file, tensors, metadata); });
}

}  // namespace tapedeck
