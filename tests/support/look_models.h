// Models whose steps the recorder tests record: three architectures, first and second order.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/recorder.h>

#include "model_fixture.h"

namespace tapedeck::testing {

inline const char* const look_models[] = {
    R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 2, "width": 8, "heads": 2, "feed_forward": 16, "dropout": 0.1}},
        "objective": "cross_entropy"})",
    R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16, "norm": "pre",
        "dropout": 0.2}, "pooling": "mean"}, "objective": {"type": "r_drop", "alpha": 1}})",
    R"({"model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16, "dropout": 0}},
        "objective": {"type": "gradient_penalty"}})"};

/// A model as it is (1), or with a gradient penalty around its objective, which differentiates the backward pass (2).
inline std::string look_model(const char* json, int order) {
  std::string all = json;
  const std::string key = "\"objective\": ";
  if (order < 2 || all.find("gradient_penalty") != all.npos) return all;
  return all.insert(all.find(key) + key.size(), R"({"type": "gradient_penalty", "loss": )") + "}";
}

inline void name_all(Recorder& recorder, const ParamStore& store) {
  for (auto& p : store.all()) recorder.name_parameter(p.value, p.gradient, p.path, p.trainable);
}

/// One step of the objective, without an update.
inline double run_step(test::ModelFixture& f) {
  const Batch batch = f.batch();
  Step step = f.step(batch);
  return f.config.objective->run(step);
}

inline Recording record_model(const std::string& json, RecorderOptions options = {}, DType dtype = DType::f32) {
  test::ModelFixture f(json, dtype);
  f.zero_gradients();
  run_step(f);  // buffers are warm
  f.tape.clear();
  f.zero_gradients();
  Recorder recorder(options);
  name_all(recorder, f.store);
  run_step(f);
  return recorder.finish();
}

/// The recording over and over, until there are so many records; values and buffers are new each time, and no more parameters.
inline Recording repeated(const Recording& one, size_t at_least) {
  Recording r = one;
  while (r.records.size() < at_least) {
    const auto values = uint32_t(r.values.size()), buffers = uint32_t(r.buffers.size()), before = uint32_t(r.records.size());
    const auto moved = [](uint32_t& i, uint32_t by) {
      if (i != nothing) i += by;
    };
    for (auto b : one.buffers) moved(b.taken, before), moved(b.given, before), r.buffers.push_back(b);
    for (auto v : one.values) {
      moved(v.buffer, buffers), moved(v.made_by, before), moved(v.gradient_of, values), moved(v.copy_of, values);
      v.trainable = false;
      r.values.push_back(std::move(v));
    }
    for (auto x : one.records) {
      moved(x.origin, before);
      for (auto& use : x.in) use.value += values;
      for (auto& v : x.out) v += values;
      for (auto& save : x.saves) save.value += values;
      for (auto& d : x.derivatives) d.of += values, d.by += values;
      r.records.push_back(std::move(x));
    }
  }
  return r;
}

/// The file of a recording with a bit changed, and a checksum that fits the damage.
inline std::string damaged(const std::string& file, size_t at) {
  std::string wrong = file.substr(0, file.size() - 8);
  wrong[at] = char(wrong[at] ^ (at % 2 ? 0x80 : 0x01));
  const uint64_t sum = hash_bits(wrong.data(), wrong.size());
  return wrong.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

}  // namespace tapedeck::testing
