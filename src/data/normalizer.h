// How a tokenizer of a Hugging Face folder rewrites a text before it is cut: the "normalizer" of tokenizer.json.
// Next: pre_tokenizer.h.
#pragma once
#include <memory>

#include "src/data/aligned_text.h"
#include "src/data/json_value.h"

namespace tapedeck {

struct Normalizer {
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text) const = 0;
};
using NormalizerPtr = std::unique_ptr<Normalizer>;
/// Null for null. Throws for a type or option that is not read.
NormalizerPtr make_normalizer(const JsonValue& json);
/// SentencePiece's table of replacements (charsmap.cpp).
NormalizerPtr make_charsmap(const JsonValue& json);

}  // namespace tapedeck
