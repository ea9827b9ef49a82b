// Values that parameters start from instead of random numbers: a pretrained folder, the stage before. The store remembers who
// asked for them; what reads them lives above. Next: params.h.
#pragma once
#include <string>
#include <vector>

namespace tapedeck {

class ParamStore;

/// What came of it, so that nothing is left out in silence.
struct StartReport {
  std::string from;                         // a folder or checkpoint
  std::vector<std::string> loaded, unused;  // tensors of the file
  std::vector<std::string> fresh;  // parameters of the model that it says nothing about, with the reason where there is one
  std::string summary() const;     // "F: 101 tensors loaded; new: head.weight, head.bias; unused: cls.seq_relationship.bias"
  std::string table() const;       // a line per name
};

struct StartingValues {
  virtual ~StartingValues() = default;
  /// Writes into the values of an allocated store. Error{checkpoint} listing every tensor that does not fit.
  virtual StartReport load(ParamStore& store) const = 0;
};

}  // namespace tapedeck
