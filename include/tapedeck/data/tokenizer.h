// Text to ids: word, character, WordPiece and pretrained tokenizers behind one interface.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/fields.h>
#include <tapedeck/base/registry.h>
#include <tapedeck/data/reader.h>

namespace tapedeck {

/// Where a token stands in its text, [begin, end) in code points and in bytes. Special tokens around a text: all 0.
struct Offset {
  int32_t begin = 0, end = 0, begin_byte = 0, end_byte = 0;
};

struct Encoded {
  std::vector<int32_t> ids, segments;  // segments: same length, 0 or 1
  std::vector<Offset> offsets{};       // where they are asked for: same length, or empty
  int64_t cut = 0;                     // tokens of the text that max_length left no room for
};

struct Tokenizer : Part {
  static constexpr const char* kind = "tokenizer";
  /// Builds the vocabulary from the training rows where the type needs that (word, character); reads vocab.txt otherwise.
  virtual void fit(const Table& train) = 0;
  /// [CLS] a [SEP] or [CLS] a [SEP] b [SEP], cut to max_length (pairs: longest first, as BERT does).
  virtual Encoded encode(std::string_view a, std::string_view b = {}) const = 0;
  /// encode() and where every token stands in a or b; no offsets from a tokenizer that does not know them.
  virtual Encoded encode_with_offsets(std::string_view a, std::string_view b = {}) const { return encode(a, b); }
  /// The ids of a text of any length: no special tokens, nothing cut.
  virtual std::vector<int32_t> token_ids(std::string_view text) const = 0;
  /// token_ids() and where every token stands; no offsets from a tokenizer that does not know them.
  virtual Encoded tokens_with_offsets(std::string_view text) const { return {token_ids(text), {}}; }
  /// The id of a token, special ones included; -1 when there is none.
  virtual int32_t id(std::string_view token) const = 0;
  virtual int64_t vocabulary_size() const = 0;
  virtual int64_t max_length() const = 0;
  virtual std::string token(int32_t id) const = 0;
  /// Everything fit() learnt, so that a run directory can be used without its data.
  virtual Json state() const = 0;
  virtual void restore(const Json& state) = 0;
};

}  // namespace tapedeck
