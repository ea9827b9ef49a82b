// look saved: every buffer of activations that is alive when the backward sweep begins: how large, who made it, which rows
// hold it and why, when it goes. The sum is what the pool counts, to the byte. Next: mem.cpp.
#include <map>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

constexpr std::string_view for_others = "held for other rows";

struct Held {
  uint32_t buffer, value;
  std::vector<std::pair<uint32_t, std::string>> holders;
};

/// The sweep that fills parameter gradients, or the first one.
const RecordedSweep* main_sweep(const Recording& r) {
  for (auto& s : r.sweeps)
    if (s.fill) return &s;
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
  for (auto& h : held)  // who reads it first, then who only holds it for them
    std::stable_partition(h.holders.begin(), h.holders.end(), [](auto& holder) { return holder.second != for_others; });
  largest_first(held, 0, [&](auto& h) { return r.buffers[h.buffer].bytes; });
  return held;
}

std::string wanted_by(const Recording& r, const Held& h) {
  if (h.holders.empty()) return "no row: a handle outside the tape holds it";
  const auto& [record, why] = h.holders[0];
  return text(short_name(r, record), ": ", plain(why),
              h.holders.size() > 1 ? text(" (and ", h.holders.size() - 1, " more)") : "");
}

std::string until(const RecordedBuffer& b) { return b.given == nothing ? "the end" : text("#", b.given); }

const std::vector<std::string> saved_heading{"bytes", "value", "made by", "wanted by", "until"};

/// Of the chosen records: what each one's backward reads, parameters and the batch included.
std::string kept_for(const Recording& r, uint32_t at, const LookOptions& o) {
  Json list = Json::list();
  TableRows rows{saved_heading};
  uint64_t sum = 0;
  for (uint32_t i = 0; i < at && i < r.records.size(); ++i) {
    if (!selected(r.records[i], o)) continue;
    for (auto& save : r.records[i].saves) {
      const RecordedValue& v = r.values[save.value];
      if (save.why == for_others || v.buffer == nothing) continue;
      sum += v.bytes();
      rows.push_back({std::to_string(v.bytes()), shown(r, save.value), where(r, v.made_by),
                      short_name(r, i) + ": " + plain(save.why), until(r.buffers[v.buffer])});
      list.items.push_back(
          json_object({{"record", i}, {"value", typed(r, save.value)}, {"bytes", v.bytes()}, {"why", plain(save.why)}}));
    }
  }
  if (o.json) return list.dump() + "\n";
  const std::string whom = (o.op.empty() ? "the ops" : plain(o.op)) + (o.scope.empty() ? "" : " in " + plain(o.scope));
  return title(r) + text(rows.size() - 1, " values, ", sum, " bytes, are kept for the backward of ", whom, "\n") +
         table(rows, "rlllr");
}

Json to_json(const Recording& r, const Held& h) {
  const RecordedBuffer& b = r.buffers[h.buffer];
  const auto holder = [](auto& h) { return json_object({{"record", h.first}, {"why", plain(h.second)}}); };
  return json_object({{"bytes", b.bytes},
                      {"value", h.value == nothing ? Json{} : Json::of(typed(r, h.value))},
                      {"made_by", h.value == nothing ? Json{} : index_json(r.values[h.value].made_by)},
                      {"dies_at", index_json(b.given)},
                      {"wanted_by", json_list(h.holders, holder)}});
}

}  // namespace

std::string look_saved(const Recording& r, const LookOptions& o) {
  const RecordedSweep* sweep = main_sweep(r);
  if (!sweep) return title(r) + "no backward sweep was recorded, so nothing is kept for one\n";
  if (!o.op.empty() || !o.scope.empty()) return kept_for(r, sweep->at, o);
  std::vector<Held> held = held_at(r, *sweep);
  if (o.json)
    return json_object({{"total_bytes", sweep->bytes}, {"saved", json_list(held, [&](auto& h) { return to_json(r, h); })}})
               .dump() +
           "\n";
  uint64_t sum = 0, outside = 0;
  for (auto& h : held) {
    sum += r.buffers[h.buffer].bytes;
    if (h.holders.empty()) outside += r.buffers[h.buffer].bytes;
  }
  const size_t count = held.size();
  if (o.top > 0) held.resize(std::min(held.size(), size_t(o.top)));
  TableRows rows{saved_heading};
  for (auto& h : held) {
    const RecordedBuffer& b = r.buffers[h.buffer];
    const bool known = h.value != nothing;
    rows.push_back({std::to_string(b.bytes), known ? shown(r, h.value) : "(a list of the framework)",
                    known ? where(r, r.values[h.value].made_by) : "", known ? wanted_by(r, h) : "", until(b)});
  }
  return title(r) + table(rows, "rlllr") +
         text(sweep->bytes, " bytes of activations in ", count, " buffers when backward begins at #", sweep->at, "; ", outside,
              " of them are held by no row, ", sweep->bytes - sum, " are older than the recording\n");
}

}  // namespace tapedeck
