// A comparison in sentences. Next: compare_words.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/study/compare.h>

namespace tapedeck {

/// What the numbers of the first metric allow to say, and what they do not.
std::vector<std::string> comparison_words(const Comparison& comparison);

}  // namespace tapedeck
