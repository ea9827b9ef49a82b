// The small pieces messages are made of. Why: every floor quotes, lists and suggests in the same way.
// Next: base/json.h for did_you_mean.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tapedeck {

/// "word", with the quotes; long words are cut, and what is not printable is escaped: base/printable.h.
std::string in_quotes(std::string_view word);
std::string join(const std::vector<std::string>& words, std::string_view between = ", ");
/// did you mean "lr"? Empty if no candidate is near.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);
/// The same word, kept until this thread ends: a name to hold on to without a copy. A known word never allocates.
std::string_view interned(std::string_view word);

}  // namespace tapedeck
