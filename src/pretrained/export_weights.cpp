// q, k and v apart, rows turned back, padding rows put back. Next: layout.cpp.
#include "src/pretrained/export_weights.h"

#include <cmath>

#include <tapedeck/base/error.h>

#include "src/pretrained/layout.h"

namespace tapedeck {
namespace {

/// The table of sines and cosines that RoFormer's files hold: sin of every frequency, then cos.
Tensor angles(int64_t positions, int64_t head_size, DType dtype) {
  const Tensor table = Tensor::zeros({positions, head_size}, dtype);
  dispatch(dtype, [&](auto tag) {
    using T = decltype(tag);
    const int64_t half = head_size / 2;
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t i = 0; i < half; ++i) {
        const double angle = double(p) * std::pow(10000.0, -2.0 * double(i) / double(head_size));
        table.raw<T>()[p * head_size + i] = T(std::sin(angle));
        table.raw<T>()[p * head_size + half + i] = T(std::cos(angle));
      }
  });
  return table;
}

class Exporter {
 public:
  Exporter(const PretrainedConfig& config, const ExportedClass& as) : config_(config), as_(as) {}

  void encoder_parameter(const Parameter& p, std::string_view local) {
    const FoundRow found = find_row(*config_.architecture, local);
    if (!found.row) no_place(p.path);
    const LayoutOf layout = LayoutOf::row(*found.row, config_);
    const std::vector<std::string> names = their_names(found);
    for (size_t part = 0; part < names.size(); ++part) add(names[part], layout.give(p.value, int64_t(part)));
  }

  void head_parameter(const Parameter& p, std::string_view local) {
    for (const HeadRow& row : config_.architecture->heads)
      for (const char* ending : {"weight", "bias"})
        if (row.part == as_.head_part && local == (row.ours.empty() ? "" : std::string(row.ours) + ".") + ending) {
          const std::string name = text(row.theirs, ".", ending);
          if (name.starts_with("pooler.")) return add(name, p.value);
          tensors.emplace_back(name, p.value);
          return;
        }
    no_place(p.path);
  }

  /// What their classes have and ours do without.
  void buffers(DType dtype, bool has_segments) {
    const TransformerSpec& spec = config_.spec;
    const int64_t width = spec.width;
    if (config_.architecture->rotary)
      add("encoder.embed_positions.weight", angles(spec.tables->positions, width / spec.heads, dtype));
    if (config_.architecture->segments && !has_segments)
      add("embeddings.token_type_embeddings.weight", Tensor::zeros({spec.tables->segments, width}, dtype));
    if (!as_.empty_pooler) return;
    add("pooler.dense.weight", Tensor::zeros({width, width}, dtype));
    add("pooler.dense.bias", Tensor::zeros({width}, dtype));
  }

  NamedTensors tensors;

 private:
  void add(const std::string& name, const Tensor& value) {
    tensors.emplace_back((as_.prefixed ? std::string(config_.architecture->prefix) : "") + name, value);
  }
  [[noreturn]] void no_place(const std::string& path) const {
    throw Error(ErrorKind::usage, text("parameter ", path, " has no place in ", as_.name),
                "--as encoder gives the encoder without its head");
  }
  const PretrainedConfig& config_;
  const ExportedClass& as_;
};

}  // namespace

NamedTensors their_tensors(const ParamStore& store, const PretrainedConfig& config, const ExportedClass& as,
                           const std::string& encoder, const std::string& head) {
  Exporter exporter(config, as);
  for (const Parameter& p : store.all()) {
    const std::string_view path = p.path;
    if (path.starts_with(encoder + ".")) exporter.encoder_parameter(p, path.substr(encoder.size() + 1));
    else if (!as.head_part.empty() && path.starts_with(head + ".")) exporter.head_parameter(p, path.substr(head.size() + 1));
  }
  exporter.buffers(store.dtype(), store.find(encoder + ".embeddings.segment"));
  return std::move(exporter.tensors);
}

}  // namespace tapedeck
