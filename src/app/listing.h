// Records in the short form that explain prints: parameters by name, f32 understood, repeated layers once. Next: listing.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <tapedeck/look/recording.h>

namespace tapedeck::app {

/// A record of a sweep, of whatever order, or one that a sweep needed once more.
bool in_sweep(const OpRecord& record);

/// "%7:[2,3] = linear[act=none bias=true] %6 weight bias".
class Lines {
 public:
  explicit Lines(const Recording& r) : r_(r) {}
  std::string operator()(const OpRecord& record) const;
  std::string type(uint32_t value) const;
  /// "head.weight", "d head.weight" or "%12"; inside the scope that owns it "weight".
  std::string name(uint32_t value, const OpRecord& record) const;

 private:
  std::string call(const OpRecord& record) const;
  const Recording& r_;
};

/// A line a row: flops, place, the row. A layer that does what the one before did is one line; a long list is cut and says so.
std::string rows_text(const Recording& r, const std::vector<uint32_t>& records);

struct Total {
  double flops = 0, bytes = 0;
};
Total total_of(const Recording& r, bool backward);

/// What rows keep, by op and reason, the largest first; parameters aside.
std::string kept_text(const Recording& r);

}  // namespace tapedeck::app
