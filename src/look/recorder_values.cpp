// Which value a handle means, and where memory stands. A buffer that is taken anew begins a new life, so values are known by
// (buffer, offset), never by address. Next: elements.cpp.
#include <tapedeck/look/recorder.h>

#include <algorithm>

#include "src/look/elements.h"

namespace tapedeck {

uint64_t Recorder::place_key(const TapePosition& p) { return uint64_t(p.epoch) << 32 | p.value; }

void Recorder::taken(const Storage& s) {
  if (paused_) return;
  buffers_[&s] = uint32_t(recording_.buffers.size());
  recording_.buffers.push_back({s.bytes, s.purpose, uint32_t(recording_.records.size()), nothing});
  alive_[size_t(s.purpose)] += s.bytes;
  live_ += s.bytes;
  most_ = std::max(most_, live_);
}

void Recorder::given(const Storage& s) {
  if (paused_) return;
  recording_.buffers[buffer_of(&s)].given = uint32_t(recording_.records.size());
  buffers_.erase(&s);
  alive_[size_t(s.purpose)] -= s.bytes;
  live_ -= s.bytes;
}

uint32_t Recorder::buffer_of(const Storage* s) {
  while (s->parent) s = s->parent;  // a window lies in its slab
  const auto [at, fresh] = buffers_.try_emplace(s, uint32_t(recording_.buffers.size()));
  if (fresh) recording_.buffers.push_back({s->bytes, s->purpose, nothing, nothing});
  return at->second;
}

uint64_t Recorder::key_of(const Tensor& t) {
  const Storage* slab = t.storage();
  while (slab->parent) slab = slab->parent;
  return uint64_t(buffer_of(slab)) << 40 | uint64_t(t.raw<std::byte>() - slab->data);
}

uint32_t Recorder::new_value(const Tensor& t, uint32_t made_by) {
  const auto id = uint32_t(recording_.values.size());
  RecordedValue& v = recording_.values.emplace_back();
  v.dtype = t.dtype();
  v.shape = t.shape();
  v.made_by = made_by;
  if (!t.has_data()) return id;
  v.buffer = buffer_of(t.storage());
  v.offset = key_of(t) & ((uint64_t{1} << 40) - 1);
  values_[key_of(t)] = id;
  if (options_.statistics) look_at(id, t);
  return id;
}

void Recorder::look_at(uint32_t id, const Tensor& t) {
  RecordedValue& v = recording_.values[id];
  v.hash = hash_bits(t.raw<std::byte>(), v.bytes());
  v.summary = summarise(t);
  v.sample = look::sample(t);
  if (v.summary.min != v.summary.max) by_hash_[v.hash] = id;
}

uint32_t Recorder::value_of(const Tensor& t) {
  if (!t) return nothing;
  if (t.on_tape())
    if (const auto placed = placed_.find(place_key(t.place())); placed != placed_.end()) return placed->second;
  if (!t.has_data()) return nothing;
  const auto known = values_.find(key_of(t));
  const uint64_t hash = options_.statistics ? hash_bits(t.raw<std::byte>(), size_t(t.size()) * size_of(t.dtype())) : 0;
  if (known != values_.end()) {
    const RecordedValue& v = recording_.values[known->second];
    if (v.shape == t.shape() && v.dtype == t.dtype() && v.hash == hash) return known->second;
  }
  const uint32_t before = known != values_.end() ? known->second : nothing;
  const auto twin = by_hash_.find(hash);
  const uint32_t same = options_.statistics && twin != by_hash_.end() ? twin->second : nothing;
  const uint32_t id = new_value(t, nothing);
  RecordedValue& v = recording_.values[id];
  if (before != nothing) {  // the same place: reshaped, or written to by something that is no op
    const RecordedValue& old = recording_.values[before];
    v.name = old.name;
    v.trainable = old.trainable && old.hash == hash;
    v.gradient_buffer = old.gradient_buffer;
    if (old.hash == hash) v.copy_of = before;
  } else if (same != nothing && recording_.values[same].bytes() == v.bytes() && recording_.values[same].dtype == v.dtype) {
    v.copy_of = same;
  }
  if (v.name.empty() && recording_.buffers[v.buffer].purpose == Memory::batch) v.name = "batch";
  return id;
}

void Recorder::name_parameter(const Tensor& value, const Tensor& gradient, const std::string& path, bool trainable) {
  const uint32_t v = value_of(value), g = gradient ? value_of(gradient) : nothing;
  recording_.values[v].name = path;
  recording_.values[v].trainable = trainable;
  if (g == nothing) return;
  recording_.values[g].name = "gradient of " + path;
  recording_.values[g].gradient_buffer = true;
  recording_.values[g].gradient_of = v;
}

}  // namespace tapedeck
