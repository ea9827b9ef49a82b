// look mem: bytes alive over the records by purpose, the peak, and who owns what is alive then. Counted by the pool, so it
// agrees with it to the byte; working buffers of the kernels are not the pool's. Next: reach.cpp.
#include <cmath>
#include <map>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

constexpr size_t columns = 64, owners = 10;

uint32_t peak_record(const Recording& r) {
  const auto smaller = [](auto& a, auto& b) { return a.peak < b.peak; };
  return uint32_t(std::max_element(r.records.begin(), r.records.end(), smaller) - r.records.begin());
}

/// The largest of each stretch of records, as bars of eight heights.
std::string spark(const Recording& r, uint64_t peak) {
  constexpr const char* bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t n = r.records.size(), width = std::min(n, columns);
  std::string out;
  for (size_t c = 0; c < width; ++c) {
    uint64_t most = 0;
    for (size_t i = c * n / width; i < (c + 1) * n / width; ++i) most = std::max(most, r.records[i].peak);
    out += bars[peak ? size_t(std::ceil(8 * double(most) / double(peak))) : 0];
  }
  return out;
}

std::string series_json(const Recording& r, uint32_t at) {
  const auto row = [](const OpRecord& record) {
    Json j = Json::dict();
    for (size_t k = 0; k < record.alive.size(); ++k)
      if (Memory(k) != Memory::scratch) j.set(std::string(memory_names[k]), json_value(record.alive[k]));
    j.set("peak", json_value(record.peak));
    return j;
  };
  return json_object({{"peak_bytes", r.records[at].peak}, {"peak_record", at}, {"records", json_list(r.records, row)}}).dump(-1) +
         "\n";
}

}  // namespace

namespace look {

std::vector<Owner> alive_at(const Recording& r, uint32_t at) {
  std::vector<Owner> all;
  std::map<uint32_t, size_t> place;
  for (uint32_t b = 0; b < r.buffers.size(); ++b)
    if (r.buffers[b].alive(at)) place[b] = all.size(), all.push_back({b});
  for (uint32_t v = 0; v < r.values.size(); ++v) {
    const auto found = place.find(r.values[v].buffer);
    if (found == place.end() || (r.values[v].made_by != nothing && r.values[v].made_by > at)) continue;
    if (all[found->second].value == nothing || r.values[v].made_by != nothing) all[found->second].value = v;
  }
  largest_first(all, 0, [&](auto& owner) { return r.buffers[owner.buffer].bytes; });
  return all;
}

std::string owner_text(const Recording& r, const Owner& owner) {
  const Memory purpose = r.buffers[owner.buffer].purpose;
  if (purpose == Memory::parameters || purpose == Memory::gradients || purpose == Memory::moments)
    return "(one block for all parameters)";
  return owner.value == nothing ? "(no value was seen in it)" : shown(r, owner.value);
}

}  // namespace look

namespace {

/// The largest tensor that is alive while `at` runs; blocks of parameters, gradients and moments are none.
std::string largest_text(const Recording& r, uint32_t at) {
  const std::vector<Owner> all = alive_at(r, at);
  const auto is_tensor = [&](const Owner& o) { return owner_text(r, o)[0] == '%'; };
  const auto largest = std::find_if(all.begin(), all.end(), is_tensor);
  if (largest == all.end()) return "";
  const RecordedBuffer& b = r.buffers[largest->buffer];
  const auto others =
      std::count_if(largest + 1, all.end(), [&](auto& o) { return is_tensor(o) && r.buffers[o.buffer].bytes == b.bytes; });
  return text("the largest tensor then: ", shown(r, largest->value), ", ", b.bytes, " bytes of ", memory_names[size_t(b.purpose)],
              ", ", made_by(r, r.values[largest->value].made_by), others ? text(" (", others, " more of that size)") : "", "\n");
}

}  // namespace

std::string look_mem(const Recording& r, const LookOptions& o) {
  if (r.records.empty()) return title(r) + "nothing was recorded\n";
  const uint32_t at = peak_record(r);
  if (o.json) return series_json(r, at);
  const OpRecord& top = r.records[at];
  std::string out =
      title(r) + text("peak ", top.peak, " bytes (", bytes_text(double(top.peak)), ") at ", where(r, at), ", ", phase(top), "\n");
  out += largest_text(r, at) + "\n|" + spark(r, top.peak) + "|  records 0 to " + std::to_string(r.records.size() - 1) + "\n\n";
  TableRows rows{{"purpose", "at the peak", "most", "at the end"}};
  for (size_t k = 0; k < top.alive.size(); ++k) {
    size_t most = 0;
    for (auto& record : r.records) most = std::max(most, record.alive[k]);
    if (most == 0) continue;
    rows.push_back({std::string(memory_names[k]), bytes_text(double(top.alive[k])), bytes_text(double(most)),
                    bytes_text(double(r.records.back().alive[k]))});
  }
  out += table(rows, "lrrr") + "\n";
  const std::vector<Owner> all = alive_at(r, at);
  TableRows owned{{"bytes", "purpose", "value", "made by"}};
  for (size_t k = 0; k < all.size() && k < (o.top > 0 ? size_t(o.top) : owners); ++k) {
    const RecordedBuffer& b = r.buffers[all[k].buffer];
    const uint32_t v = all[k].value;
    const std::string what = owner_text(r, all[k]);
    owned.push_back({std::to_string(b.bytes), std::string(memory_names[size_t(b.purpose)]), what,
                     what.starts_with('(') ? "" : where(r, r.values[v].made_by)});
  }
  return out + table(owned, "rlll");
}

}  // namespace tapedeck
