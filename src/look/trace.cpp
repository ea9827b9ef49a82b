// look trace: Chrome's trace events in the subset that every viewer reads: names, complete events that nest, counters, flow
// arrows from forward to backward. Times in microseconds from 0, rising; no NaN, one writer. Next: verify.cpp.
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::string micro(uint64_t ns) { return text(ns / 1000, ".", std::to_string(1000 + ns % 1000).substr(1)); }
class Trace {
 public:
  explicit Trace(const Recording& r) : r_(r), starts_(r.records.size()), ends_(r.records.size()), arrows_(r.records.size()) {
    uint64_t now = 0;  // records do not overlap: a clock that stands still is moved on
    for (size_t i = 0; i < r.records.size(); ++i) {
      starts_[i] = std::max(now, r.records[i].start_ns);
      ends_[i] = now = starts_[i] + std::max<uint64_t>(1, r.records[i].ns);
      if (has_arrow(uint32_t(i))) arrows_[r.records[i].origin].push_back(uint32_t(i));
    }
  }

  std::string write() {
    event(R"({"ph":"M","pid":1,"tid":1,"name":"process_name","args":{"name":"tapedeck"}})");
    event(R"({"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"tape"}})");
    for (uint32_t i = 0; i < r_.records.size(); ++i) {
      if (i == 0 || group(i) != group(i - 1)) open_group(i);
      record(i);
    }
    return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[" + out_ + "\n]}\n";
  }

 private:
  /// Neighbours of one scope and phase make one enclosing slice.
  std::string group(uint32_t i) const { return r_.records[i].scope + " " + std::string(phase(r_.records[i])); }

  void open_group(uint32_t i) {
    uint32_t last = i;
    while (last + 1 < r_.records.size() && group(last + 1) == group(i)) ++last;
    slice(group(i), phase(r_.records[i]), starts_[i], ends_[last], "");
  }

  void record(uint32_t i) {
    const OpRecord& x = r_.records[i];
    slice(x.op, phase(x), starts_[i], ends_[i],
          text(R"(,"args":{"record":)", i, R"(,"call":)", json_text(call(x)), R"(,"flops":)", x.flops, R"(,"bytes":)", x.bytes,
               "}"));
    if (has_arrow(i)) arrow("f", i, starts_[i]);
    for (uint32_t later : arrows_[i]) arrow("s", later, starts_[i]);
    std::string alive;
    for (size_t k = 0; k < x.alive.size(); ++k)
      if (Memory(k) != Memory::scratch) alive += text(alive.empty() ? "" : ",", "\"", memory_names[k], "\":", x.alive[k]);
    event(text(R"({"ph":"C","pid":1,"tid":1,"name":"bytes alive","ts":)", micro(ends_[i]), R"(,"args":{)", alive, "}}"));
  }

  bool has_arrow(uint32_t i) const { return r_.records[i].origin != nothing && r_.records[i].kind == OpRecord::Kind::backward; }
  /// "s" starts the arrow numbered by the record it leads to, "f" ends it.
  void arrow(std::string_view end, uint32_t to, uint64_t at) {
    event(text(R"({"ph":")", end, R"(",)", end == "f" ? R"("bp":"e",)" : "",
               R"("pid":1,"tid":1,"cat":"gradient","name":"gradient","id":)", to, R"(,"ts":)", micro(at), "}"));
  }

  void slice(std::string_view name, std::string_view category, uint64_t start, uint64_t end, const std::string& more) {
    event(text(R"({"ph":"X","pid":1,"tid":1,"name":)", json_text(name), R"(,"cat":")", category, R"(","ts":)", micro(start),
               R"(,"dur":)", micro(end - start), more, "}"));
  }
  void event(std::string_view line) { out_ += (out_.empty() ? "\n" : ",\n") + std::string(line); }

  const Recording& r_;
  std::vector<uint64_t> starts_, ends_;
  std::vector<std::vector<uint32_t>> arrows_;  // from a record to those that compute its gradient
  std::string out_;
};

}  // namespace

std::string look_trace(const Recording& r, const LookOptions&) { return Trace(r).write(); }

}  // namespace tapedeck
