// Do the ids of a tokenizer mean what the rows of a folder's table mean? Next: load.h.
#pragma once
#include <string>

#include <tapedeck/data/tokenizer.h>

namespace tapedeck {

/// Error{config} naming the first token that has another id in the folder's own tokenizer, or the text that is cut differently.
/// Nothing for a folder without a tokenizer.
void check_tokenizer(const Tokenizer& mine, const std::string& folder);

}  // namespace tapedeck
