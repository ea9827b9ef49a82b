// How a tokenizer of a Hugging Face folder cuts a text into words before the model cuts words into tokens: the "pre_tokenizer" of
// tokenizer.json. Next: subword_models.h.
#pragma once
#include <memory>
#include <string_view>

#include "src/data/aligned_text.h"
#include "src/data/json_value.h"

namespace tapedeck {

struct PreTokenizer {
  virtual ~PreTokenizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};
using PreTokenizerPtr = std::unique_ptr<PreTokenizer>;
/// Null for null. Throws for a type or option that is not read.
PreTokenizerPtr make_pre_tokenizer(const JsonValue& json);

/// How "ByteLevel" writes a byte: a printable code point for each, Ġ for the space.
std::string_view spelling_of_byte(uint8_t byte);

}  // namespace tapedeck
