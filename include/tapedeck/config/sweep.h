// What a sweep tries: a part that turns lists and ranges into points, each a few assignments as --set takes them.
// Next: src/config/sweep.cpp, study/sweep.h for running them.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/base/registry.h>

namespace tapedeck {

/// One combination: {"optimizer.lr=0.001", "objective.alpha=4"}.
using SweepPoint = std::vector<std::string>;

/// Part of the points trained for part of training.duration.
struct SweepRung {
  double share = 1;    // of the duration
  int64_t points = 0;  // how many take part: the best of the rung before
};

struct SweepSpec : Part {
  static constexpr const char* kind = "sweep";
  Json over = Json::dict();  // {"optimizer.lr": [1e-4, 3e-4]}
  std::string goal;          // metric on validation; "": what decides in the experiment
  /// Error{config} naming the key that is wrong.
  virtual std::vector<SweepPoint> points() const = 0;
  virtual std::vector<SweepRung> rungs(int64_t points) const { return {{1, points}}; }
  void describe(Fields& f) override;
};

/// "optimizer.lr=1e-4,3e-4" as an entry of `over`: commas outside of brackets and quotes separate. Error{usage} for anything
/// else.
void add_sweep(Json& over, const std::string& assignment);

}  // namespace tapedeck
