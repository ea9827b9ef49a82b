// A part at work under the recorder, on a fixture: what explain shows beyond equation and options. Next: explain_part.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/recording.h>

#include "src/check/fixture.h"

namespace tapedeck::app {

/// A trip through the model: its records, as a range.
struct RecordedPass {
  uint32_t begin = 0, end = 0;
};

struct Demonstration {
  std::string given;  // "two texts of 3 and 2 tokens"
  Recording recording;
  std::vector<RecordedPass> passes;  // of a method
  PassCount count;                   // of a method
  bool is_method = false;
  std::vector<std::string> checks;  // on what gradcheck takes it
};
/// Throws what the part throws when it is used like this.
Demonstration demonstrate(const PartName& part);

}  // namespace tapedeck::app
