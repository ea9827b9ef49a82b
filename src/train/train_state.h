// What a run must remember besides its tensors: state.json of a checkpoint. Random numbers and sample order need nothing
// stored, they follow from seed and step. Next: checkpoint_folder.h.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <tapedeck/tensor/dtype.h>

namespace tapedeck {

using Values = std::map<std::string, double>;

struct TrainState {
  static constexpr int64_t format = 1;
  struct Ranked {
    int64_t step = 0;
    double value = 0;
  };

  int64_t step = 0;  // updates done
  uint64_t seed = 0;
  std::string config_hash, vocabulary_hash;
  DType dtype = DType::f32;
  int64_t evaluated = -1;              // step of the last evaluation
  int64_t without_improvement = 0;     // evaluations since the best one
  std::vector<Ranked> ranking;         // best evaluations, the best first
  Values best_values;                  // all metrics at the best evaluation
  std::map<std::string, Values> last;  // all metrics at the last evaluation, by split

  std::string to_json() const;
  /// Throws Error{checkpoint} naming `path`.
  static TrainState from_json(const std::string& content, const std::string& path);
};

}  // namespace tapedeck
