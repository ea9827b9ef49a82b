// Finding the files, and numbers of other widths. Next: load.cpp.
#include "src/pretrained/weight_files.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr const char* whole = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";

/// What `git clone` leaves in place of a large file without git-lfs.
void refuse_pointer(const File& file, const std::string& path) {
  constexpr std::string_view start = "version https://git-lfs";
  char first[start.size()];
  if (file.size() < int64_t(start.size())) return;
  file.read_at(0, std::as_writable_bytes(std::span(first)));
  if (std::string_view(first, start.size()) == start)
    throw Error(ErrorKind::checkpoint, path + ": is a Git LFS pointer (starts with version https://git-lfs), not the weights",
                "run git lfs pull in the folder it was cloned to");
}

[[noreturn]] void nothing_to_read(const std::string& folder) {
  std::set<std::string> endings;
  for (const std::string& name : list_folder(folder)) {
    if (name == "pytorch_model.bin" || name == "pytorch_model.bin.index.json")
      throw Error(ErrorKind::checkpoint, folder + "/" + name + ": is a program (a pickle), not data, and is not run",
                  text("once: python -c \"from transformers import AutoModel as A; A.from_pretrained('", folder,
                       "').save_pretrained('", folder, "')\""));
    endings.insert(fs::path(name).extension().string());
  }
  for (const char* other : {".onnx", ".h5", ".msgpack", ".gguf", ".bin", ".pt"})
    if (endings.contains(other))
      throw Error(ErrorKind::data, text(folder, ": holds no ", whole, ", only a file ", other),
                  "get the folder with model.safetensors, or save it once with transformers: save_pretrained(...)");
  throw Error(ErrorKind::data, text(folder, ": holds no ", whole),
              "the folder is one that transformers saved: save_pretrained(...)");
}

/// Shards by the index, in the order of their names; what the index says of single tensors is checked against the shards.
std::map<std::string, std::string> shard_of_each(const std::string& path) {
  const Json json = parse_json(read_file(path), path);
  const Json::Member* map = json.find("weight_map");
  if (!map || !map->value.is(Json::Kind::object) || map->value.members.empty())
    throw Error(ErrorKind::checkpoint, path + ": weight_map must name a file for every tensor", "the index is damaged");
  std::map<std::string, std::string> shards;
  for (const Json::Member& member : map->value.members) {
    const std::string& name = member.value.string;
    if (!member.value.is(Json::Kind::string) || name.empty() || name.find('/') != name.npos)
      throw Error(ErrorKind::checkpoint, text(path, ": weight_map gives no file name for ", in_quotes(member.key)),
                  "the index is damaged");
    shards[member.key] = name;
  }
  return shards;
}

/// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction.
float from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? std::ldexp(float(1024 + fraction), exponent - 25)
                                    : std::ldexp(float(fraction), -24);
  return bits & 0x8000 ? -size : size;
}
float from_bfloat(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

template <class Stored, class T, class Widen>
void read_as(const File& file, int64_t at, int64_t count, T* out, Widen widen) {
  if constexpr (std::is_same_v<Stored, T>) return file.read_at(at, std::as_writable_bytes(std::span(out, size_t(count))));
  constexpr int64_t piece = 1 << 16;
  std::vector<Stored> buffer(size_t(std::min(count, piece)));
  for (int64_t done = 0; done < count;) {
    const int64_t n = std::min(piece, count - done);
    file.read_at(at + done * int64_t(sizeof(Stored)), std::as_writable_bytes(std::span(buffer).first(size_t(n))));
    for (int64_t i = 0; i < n; ++i) out[done + i] = T(widen(buffer[size_t(i)]));
    done += n;
  }
}

}  // namespace

WeightFiles WeightFiles::open(const std::string& folder) {
  WeightFiles all;
  all.folder_ = folder;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw Error(ErrorKind::data,
                folder + (fs::exists(folder, ignored) ? ": this is a file, not a folder" : ": there is no such folder"),
                "\"from\" is the folder of a model that was saved by transformers");
  if (fs::exists(folder + "/" + whole, ignored)) {
    all.add(folder + "/" + whole);
    return all;
  }
  const std::string index = folder + "/" + index_file;
  if (!fs::exists(index, ignored)) nothing_to_read(folder);
  const auto shards = shard_of_each(index);
  std::set<std::string> names;
  for (auto& [tensor, shard] : shards) names.insert(shard);
  for (const std::string& name : names) {
    if (!fs::exists(folder + "/" + name, ignored))
      throw Error(ErrorKind::data, text(folder, "/", name, ", named in the index, is missing"),
                  "download the folder again, whole");
    all.add(folder + "/" + name);
  }
  for (auto& [tensor, shard] : shards) {
    const auto found = all.weights_.find(tensor);
    if (found == all.weights_.end() || all.paths_[found->second.file] != folder + "/" + shard)
      throw Error(ErrorKind::checkpoint, text(index, ": says that ", tensor, " is in ", shard, ", which does not hold it"),
                  "index and shards belong to different downloads");
  }
  return all;
}

WeightFiles WeightFiles::of_file(const std::string& path) {
  WeightFiles one;
  one.add(path);
  return one;
}

bool WeightFiles::read_integers(const Weight& weight, int64_t first, int64_t count, int32_t* out) const {
  const File& file = files_[weight.file];
  const auto narrow = [](int64_t x) { return x == int32_t(x) ? int32_t(x) : -1; };
  if (weight.type == "I64") read_as<int64_t>(file, weight.at + first * 8, count, out, narrow);
  else if (weight.type == "I32") read_as<int32_t>(file, weight.at + first * 4, count, out, narrow);
  else return false;
  return true;
}

void WeightFiles::add(const std::string& path) {
  File& file = files_.emplace_back(File::open(path));
  paths_.push_back(path);
  refuse_pointer(file, path);
  const StoredTensors stored = read_header(file, path);
  for (const StoredTensor& tensor : stored.tensors) {
    const Weight weight{tensor.type, tensor.shape, files_.size() - 1, stored.data + tensor.range[0]};
    if (!weights_.emplace(tensor.name, weight).second)
      throw Error(ErrorKind::checkpoint, text(path, ": ", tensor.name, " is in another shard as well"),
                  "download the folder again");
  }
}

bool WeightFiles::readable(const Weight& weight) {
  return weight.type == "F32" || weight.type == "F64" || weight.type == "F16" || weight.type == "BF16";
}

template <class T>
void WeightFiles::read(const Weight& weight, int64_t first, int64_t count, T* out) const {
  const File& file = files_[weight.file];
  const auto same = [](auto x) { return x; };
  if (weight.type == "F32") read_as<float>(file, weight.at + first * 4, count, out, same);
  else if (weight.type == "F64") read_as<double>(file, weight.at + first * 8, count, out, same);
  else if (weight.type == "F16") read_as<uint16_t>(file, weight.at + first * 2, count, out, from_half);
  else read_as<uint16_t>(file, weight.at + first * 2, count, out, from_bfloat);
}
template void WeightFiles::read(const Weight&, int64_t, int64_t, float*) const;
template void WeightFiles::read(const Weight&, int64_t, int64_t, double*) const;

}  // namespace tapedeck
