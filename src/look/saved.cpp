// look saved: every buffer of activations that is alive when the backward sweep begins: how large, who made it, which rows
// hold it and why, when it goes. The sum is what the pool counts, to the byte. Next: mem.cpp.
#include <algorithm>
#include <map>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

struct Held { uint32_t buffer, value; std::vector<std::pair<uint32_t, std::string>> holders; };

/// The sweep that fills parameter gradients, or the first one.
const RecordedSweep* main_sweep(const Recording& r) {
  for (auto& s : r.sweeps) if (s.fill) return &s;
  return r.sweeps.empty() ? nullptr : &r.sweeps[0];
}

std::vector<Held> held_at(const Recording& r, const RecordedSweep& sweep) {
  const uint32_t at = sweep.at;
  std::vector<Held> held;
  std::map<uint32_t, size_t> by_buffer;
  for (uint32_t b : sweep.activations) {
    by_buffer[b] = held.size();
    held.push_back({b, nothing, {}});
  }
  for (uint32_t v = 0; v < r.values.size(); ++v) {
    const auto found = by_buffer.find(r.values[v].buffer);
    const bool made = r.values[v].made_by == nothing || r.values[v].made_by < at;
    if (found != by_buffer.end() && made && held[found->second].value == nothing) held[found->second].value = v;
  }
  for (uint32_t i = 0; i < at && i < r.records.size(); ++i)
    for (auto& save : r.records[i].saves)
      if (const auto found = by_buffer.find(r.values[save.value].buffer); found != by_buffer.end())
        held[found->second].holders.emplace_back(i, save.why);
  for (auto& h : held)                            // who reads it first, then who only holds it for them
    std::stable_partition(h.holders.begin(), h.holders.end(), [](auto& holder) { return holder.second != "held for other rows"; });
  std::stable_sort(held.begin(), held.end(), [&](auto& a, auto& b) { return r.buffers[a.buffer].bytes > r.buffers[b.buffer].bytes; });
  return held;
}

std::string wanted_by(const Recording& r, const Held& h) {
  if (h.holders.empty()) return "no row: a handle outside the tape holds it";
  const auto& [record, why] = h.holders[0];
  const std::string more = h.holders.size() > 1 ? text(" (and ", h.holders.size() - 1, " more)") : "";
  return text("#", record, " ", plain(r.records[record].op), ": ", plain(why), more);
}

Json to_json(const Recording& r, const std::vector<Held>& held, uint64_t sum) {
  Json all = Json::dict(), list = Json::list();
  for (auto& h : held) {
    const RecordedBuffer& b = r.buffers[h.buffer];
    Json j = Json::dict(), holders = Json::list();
    j.set("bytes", Json::of(int64_t(b.bytes)));
    j.set("value", h.value == nothing ? Json{} : Json::of(typed(r, h.value)));
    j.set("made_by", h.value == nothing || r.values[h.value].made_by == nothing ? Json{} : Json::of(int64_t(r.values[h.value].made_by)));
    j.set("dies_at", b.given == nothing ? Json{} : Json::of(int64_t(b.given)));
    for (auto& [record, why] : h.holders) {
      Json holder = Json::dict();
      holder.set("record", Json::of(int64_t(record)));
      holder.set("why", Json::of(plain(why)));
      holders.items.push_back(std::move(holder));
    }
    j.set("wanted_by", std::move(holders));
    list.items.push_back(std::move(j));
  }
  all.set("total_bytes", Json::of(int64_t(sum)));
  all.set("saved", std::move(list));
  return all;
}

/// Of the chosen records: what each one's backward reads, parameters and the batch included.
std::string kept_for(const Recording& r, uint32_t at, const LookOptions& o) {
  Json list = Json::list();
  Rows rows{{"bytes", "value", "made by", "wanted by", "until"}};
  uint64_t sum = 0;
  for (uint32_t i = 0; i < at && i < r.records.size(); ++i) {
    if (!selected(r, r.records[i], o)) continue;
    for (auto& save : r.records[i].saves) {
      const RecordedValue& v = r.values[save.value];
      if (save.why == "held for other rows" || v.buffer == nothing) continue;
      const uint32_t given = r.buffers[v.buffer].given;
      sum += v.bytes();
      rows.push_back({std::to_string(v.bytes()), shown(r, save.value), where(r, v.made_by), text("#", i, " ", plain(r.records[i].op), ": ", plain(save.why)),
                      given == nothing ? "the end" : "#" + std::to_string(given)});
      Json j = Json::dict();
      j.set("record", Json::of(int64_t(i)));
      j.set("value", Json::of(typed(r, save.value)));
      j.set("bytes", Json::of(int64_t(v.bytes())));
      j.set("why", Json::of(plain(save.why)));
      list.items.push_back(std::move(j));
    }
  }
  if (o.json) return list.dump() + "\n";
  const std::string whom = (o.op.empty() ? "the ops" : plain(o.op)) + (o.scope.empty() ? "" : " in " + plain(o.scope));
  return title(r) + text(rows.size() - 1, " values, ", sum, " bytes, are kept for the backward of ", whom, "\n") + table(rows, "rlllr");
}

}  // namespace

std::string look_saved(const Recording& r, const LookOptions& o) {
  const RecordedSweep* sweep = main_sweep(r);
  if (!sweep) return title(r) + "no backward sweep was recorded, so nothing is kept for one\n";
  if (!o.op.empty() || !o.scope.empty()) return kept_for(r, sweep->at, o);
  std::vector<Held> held = held_at(r, *sweep);
  uint64_t sum = 0, outside = 0;
  for (auto& h : held) {
    sum += r.buffers[h.buffer].bytes;
    if (h.holders.empty()) outside += r.buffers[h.buffer].bytes;
  }
  if (o.json) return to_json(r, held, sweep->bytes).dump() + "\n";
  const size_t count = held.size();
  if (o.top > 0) held.resize(std::min(held.size(), size_t(o.top)));
  Rows rows{{"bytes", "value", "made by", "wanted by", "until"}};
  for (auto& h : held) {
    const RecordedBuffer& b = r.buffers[h.buffer];
    rows.push_back({std::to_string(b.bytes), h.value == nothing ? "(a list of the framework)" : shown(r, h.value),
                    h.value == nothing ? "" : where(r, r.values[h.value].made_by), h.value == nothing ? "" : wanted_by(r, h),
                    b.given == nothing ? "the end" : "#" + std::to_string(b.given)});
  }
  return title(r) + table(rows, "rlllr") +
         text(sweep->bytes, " bytes of activations in ", count, " buffers when backward begins at #", sweep->at, "; ", outside,
              " of them are held by no row, ", sweep->bytes - sum,
              " are older than the recording\n");
}

}  // namespace tapedeck
