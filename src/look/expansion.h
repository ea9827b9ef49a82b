// What a recording cannot hold: the step is computed again, and where a record comes by, its op and all elements are there. Then
// the op is taken apart, or its derivatives are checked. Next: expansion.cpp, cursor.cpp.
#pragma once
#include <functional>
#include <span>
#include <string>

#include <tapedeck/look/cursor.h>
#include <tapedeck/tape/tape.h>

namespace tapedeck::look {

/// A record of a recording, and the one whose gradient it computes. A path of them leads into the expansion of the first.
struct PathStep {
  uint32_t record = nothing, origin = nothing;
};
using Path = std::span<const PathStep>;

/// The record in smaller ops on its own inputs: the op's reference, or, of a backward kernel, its rule.
struct Expansion {
  Recording recording;
  double gap = -1;      // largest difference of the results by their largest element; -1: nothing to compare
  std::string refusal;  // why there is none
};
Expansion expand(const Cursor::Recompute& recompute, Path path);

/// Analytic derivatives of the record's op at its own inputs, in f64, against differences. Returns what to print.
std::string check_gradient(const Cursor::Recompute& recompute, Path path);

}  // namespace tapedeck::look
