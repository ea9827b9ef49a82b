// Names, seeds and stores parameters in slabs while layers are built; fills their first values. Next: pass.cpp.
#include <tapedeck/nn/params.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

constexpr int64_t alignment = 16;  // elements: 64 bytes of f32

Tensor slab(int64_t size, DType dtype, Memory purpose) {
  const MemoryFor here(purpose);
  return Tensor::zeros({size}, dtype);
}

/// The pattern that would have matched: a name, or everything below a part of one.
std::string hint_for(const std::string& glob, const std::vector<std::string>& names, const char* noun) {
  std::set<std::string> patterns(names.begin(), names.end()), sections;
  for (const std::string& name : names) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      patterns.insert(name.substr(0, dot + 1) + "*");
    sections.insert(in_quotes(name.substr(0, name.find('.')) + ".*"));
  }
  if (names.empty()) return text("the model has no ", noun);
  const std::string near = did_you_mean(glob, {patterns.begin(), patterns.end()});
  if (near.empty()) return "there are: " + join({sections.begin(), sections.end()});
  const auto count = std::count_if(names.begin(), names.end(), [&](const std::string& name) { return glob_match(near, name); });
  return text("nearest: ", in_quotes(near), " (", count, " ", noun, count == 1 ? ")" : "s)");
}

/// Which names match any glob, in order; Error{config} for a glob that matches none. noun: what the names are of.
std::vector<int32_t> matches(const std::vector<std::string>& globs, const std::vector<std::string>& names, const char* what,
                             const char* noun) {
  std::vector<int32_t> hits;
  for (auto& glob : globs) {
    const size_t before = hits.size();
    for (size_t i = 0; i < names.size(); ++i)
      if (glob_match(glob, names[i])) hits.push_back(int32_t(i));
    if (hits.size() > before) continue;
    throw Error(ErrorKind::config, text(what, " pattern ", in_quotes(glob), " matches no ", noun), hint_for(glob, names, noun));
  }
  std::sort(hits.begin(), hits.end());
  hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  return hits;
}

/// Elements [first, first + n) of a start, which depend on their own number only.
Tensor start_of(const Parameter& p, Key key, int64_t first, int64_t n) {
  const DType dtype = p.value.dtype();
  switch (p.init.kind) {
    case Init::Kind::constant:
      break;
    case Init::Kind::uniform:
      return Tensor::uniform({n}, key, -p.init.scale, p.init.scale, dtype, uint64_t(first));
    case Init::Kind::normal:
      return Tensor::normal({n}, key, 0, p.init.scale, dtype, uint64_t(first));
  }
  return Tensor::full({n}, p.init.scale, dtype);
}

/// In pieces, so that a large table takes no memory beside itself.
void fill(const Parameter& p, Key key) {
  constexpr int64_t piece = 1 << 18;
  const auto unit = int64_t(size_of(p.value.dtype()));
  for (int64_t at = 0; at < p.shape.size(); at += piece) {
    const int64_t n = std::min(piece, p.shape.size() - at);
    std::memcpy(p.value.raw<char>() + at * unit, start_of(p, key, at, n).raw<char>(), size_t(n * unit));
  }
}

}  // namespace

Init Init::xavier(const Shape& shape) { return uniform(std::sqrt(6.0 / double(shape[0] + shape[-1]))); }
Init Init::kaiming(const Shape& shape) { return normal(std::sqrt(2.0 / double(shape[-1]))); }

Param ParamStore::declare(std::string path, Shape shape, Init init) {
  if (values_) throw Error(ErrorKind::internal, text("parameter ", path, " was declared after the store was laid out"));
  if (find(path))
    throw Error(ErrorKind::internal, text("parameter ", path, " was declared twice"), "give one of the two layers its own name");
  Parameter p;
  p.path = std::move(path);
  p.shape = shape;
  p.init = init;
  parameters_.push_back(std::move(p));
  return {int32_t(parameters_.size() - 1)};
}

void ParamStore::release() {
  values_ = gradients_ = {};
  for (auto& p : parameters_) p.value = p.gradient = {};
}

void ParamStore::allocate(DType dtype, Key key, bool gradients) {
  release();
  dtype_ = dtype;
  int64_t end = 0;
  for (auto& p : parameters_) {
    p.offset = end;
    end += (p.shape.size() + alignment - 1) / alignment * alignment;
  }
  values_ = slab(end, dtype, Memory::parameters);
  if (gradients) gradients_ = slab(end, dtype, Memory::gradients);
  for (auto& p : parameters_) {
    p.value = window(values_, p);
    if (gradients) p.gradient = window(gradients_, p);
    fill(p, key / p.path);
  }
}

Tensor ParamStore::window(const Tensor& slab, const Parameter& p) const {
  const size_t unit = size_of(slab.dtype());
  return Tensor::adopt(Pool::instance().window(slab.storage(), size_t(p.offset) * unit, size_t(p.shape.size()) * unit), p.shape,
                       slab.dtype());
}

void ParamStore::freeze(const std::vector<std::string>& globs) {
  for (int32_t i : match(globs, "freeze")) parameters_[size_t(i)].trainable = false;
}

void ParamStore::make_noisy(const std::vector<std::string>& globs, double deviation) {
  for (int32_t i : match(globs, "training.penalties")) parameters_[size_t(i)].noise = deviation;
}

std::vector<int32_t> ParamStore::match(const std::vector<std::string>& globs, const char* what) const {
  return matches(globs, paths(), what, "parameter");
}

Segment ParamStore::declare_segment(std::string path) {
  segments_.push_back({std::move(path)});
  return {int32_t(segments_.size() - 1)};
}

void ParamStore::recompute(const std::vector<std::string>& globs) {
  for (int32_t i : matches(globs, segments(), "training.recompute", "layer")) segments_[size_t(i)].recomputed = true;
}

std::vector<std::string> ParamStore::segments() const {
  std::vector<std::string> all;
  for (auto& s : segments_) all.push_back(s.path);
  return all;
}

const Parameter* ParamStore::find(std::string_view path) const {
  for (auto& p : parameters_)
    if (p.path == path) return &p;
  return nullptr;
}

int64_t ParamStore::count() const {
  int64_t n = 0;
  for (auto& p : parameters_) n += p.shape.size();
  return n;
}

std::vector<std::string> ParamStore::paths() const {
  std::vector<std::string> all;
  for (auto& p : parameters_) all.push_back(p.path);
  return all;
}

}  // namespace tapedeck
