// The derivatives of a loss or a head against differences, for `tapedeck gradcheck`. Next: gradcheck_part.cpp.
#pragma once
#include <optional>
#include <string>

#include <tapedeck/tape/gradcheck.h>

#include "src/app/commands.h"

namespace tapedeck::app {

struct PartCheck {
  static constexpr double first_limit = 1e-7, second_limit = 1e-6;
  std::string title;
  testing::Gap first, second;
  bool sound() const { return first.relative <= first_limit && second.relative <= second_limit; }
  std::string str() const;
};
/// Nothing if no loss or head has this name. A part that cannot be used on random logits of classes throws what it throws.
std::optional<PartCheck> check_part(const std::string& name);

}  // namespace tapedeck::app
