// Parameters by construction: a parameter exists because a layer's constructor asked its builder for one. Its path
// names it in JSON, checkpoints and errors, and keys its initial values. Values and gradients are one slab each.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/nn/starting_values.h>
#include <tapedeck/tape/scope.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck {

/// How a parameter starts. uniform: in [-scale, scale]; normal: deviation `scale`; constant: `scale`.
struct Init {
  enum class Kind { constant, uniform, normal } kind = Kind::constant;
  double scale = 0;
  static Init zeros() { return {}; }
  static Init ones() { return {Kind::constant, 1}; }
  static Init normal(double deviation) { return {Kind::normal, deviation}; }
  static Init uniform(double bound) { return {Kind::uniform, bound}; }
  /// Glorot and Bengio 2010: uniform with variance 2 / (fan_in + fan_out); shape [out, in].
  static Init xavier(const Shape& shape);
  /// He et al. 2015: normal with variance 2 / fan_in; shape [out, in].
  static Init kaiming(const Shape& shape);
};

struct Parameter {
  std::string path;  // "encoder.layers.0.attention.qkv.weight"
  Shape shape;
  Init init;
  bool trainable = true;
  double noise = 0;        // deviation of the Gaussian noise that training passes read it with
  int64_t offset = 0;      // elements from the start of the slabs
  Tensor value, gradient;  // windows into the slabs
};

/// Handle that a layer keeps.
struct Param {
  int32_t index = -1;
  explicit operator bool() const { return index >= 0; }
};

/// A stretch of a model, such as a layer, whose values may be computed again in the backward sweep instead of kept.
struct Segment {
  int32_t index = -1;
};

class ParamStore {
 public:
  Param declare(std::string path, Shape shape, Init init);  // a path declared twice throws Error{internal}
  /// Lays out the slabs and draws the initial values: parameter p from key / p.path. Call after building the model; once more for
  /// the same start again, whatever happened to the values meanwhile.
  void allocate(DType dtype, Key key, bool gradients = true);  // without them: for passes that nobody differentiates
  void release();                                              // gives the slabs back until they are allocated again
  /// Parameters that match any glob stop training; a glob that matches nothing throws Error{config} with the nearest pattern.
  void freeze(const std::vector<std::string>& globs);
  /// Training passes add Gaussian noise of this deviation to what matches, each pass its own; same error.
  void make_noisy(const std::vector<std::string>& globs, double deviation);
  Segment declare_segment(std::string path);
  /// Segments that match any glob keep their results only; same error.
  void recompute(const std::vector<std::string>& globs);
  bool recomputes(Segment s) const { return segments_[size_t(s.index)].recomputed; }
  std::vector<std::string> segments() const;                                                  // their paths
  std::vector<int32_t> match(const std::vector<std::string>& globs, const char* what) const;  // same error

  /// Layers that bring values along ask for them while they are built; whoever starts a run from nothing loads them after
  /// allocate().
  void start_from(std::shared_ptr<const StartingValues> values) { starts_.push_back(std::move(values)); }
  const std::vector<std::shared_ptr<const StartingValues>>& starts() const { return starts_; }
  /// The parameters below `path` are to be those that a file has for this part of its model: "pooler", "classifier".
  struct Borrowed {
    std::string path, part;
  };
  void borrow(std::string path, std::string part) { borrowed_.push_back({std::move(path), std::move(part)}); }
  const std::vector<Borrowed>& borrowed() const { return borrowed_; }

  std::span<const Parameter> all() const { return parameters_; }
  const Parameter& operator[](Param p) const { return parameters_[size_t(p.index)]; }
  const Parameter* find(std::string_view path) const;
  DType dtype() const { return dtype_; }
  int64_t count() const;                            // trainable and frozen elements, without alignment gaps
  const Tensor& values() const { return values_; }  // [slab elements]; gaps hold 0
  const Tensor& gradients() const { return gradients_; }
  std::vector<std::string> paths() const;
  /// The parameter's part of a slab laid out like values(): shares its buffer.
  Tensor window(const Tensor& slab, const Parameter& p) const;

 private:
  std::vector<Parameter> parameters_;
  struct Stretch {
    std::string path;
    bool recomputed = false;
  };
  std::vector<Stretch> segments_;
  std::vector<std::shared_ptr<const StartingValues>> starts_;
  std::vector<Borrowed> borrowed_;
  Tensor values_, gradients_;
  DType dtype_ = DType::f32;
};

/// The builder a layer's constructor receives: a place in the tree of names.
class Params {
 public:
  explicit Params(ParamStore& store, std::string path = {}) : store_(&store), path_(std::move(path)) {}
  Params operator/(std::string_view name) const {
    return Params(*store_, path_.empty() ? std::string(name) : path_ + "." + std::string(name));
  }
  Params operator/(int64_t index) const { return *this / std::to_string(index); }
  Param make(std::string_view name, Shape shape, Init init) const { return store_->declare((*this / name).path_, shape, init); }
  Segment segment() const { return store_->declare_segment(path_); }
  void start_from(std::shared_ptr<const StartingValues> values) const { store_->start_from(std::move(values)); }
  void borrow(std::string part) const { store_->borrow(path_, std::move(part)); }
  const std::string& path() const { return path_; }
  ScopeId scope() const { return scope_id(path_); }

 private:
  ParamStore* store_;
  std::string path_;
};

}  // namespace tapedeck
