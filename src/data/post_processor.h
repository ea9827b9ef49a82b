// What is put around the tokens of one text or two ([CLS] a [SEP] b [SEP]), and which spaces the offsets leave out: the
// "post_processor" of tokenizer.json. Next: tokenizer_pretrained.cpp.
#pragma once
#include <cstdint>
#include <vector>

#include "src/data/json_value.h"

namespace tapedeck {

struct PostProcessor {
  enum class Kind { special, first, second };
  struct Item {
    Kind kind;
    int32_t id, segment;
  };  // id: of a special token
  /// None: the texts alone.
  explicit PostProcessor(const JsonValue& json);
  const std::vector<Item>& items(bool pair) const { return pair ? pair_ : single_; }
  int64_t specials(bool pair) const;
  int32_t largest_id() const;

  bool trim = false;    // offsets of "ByteLevel" tokens leave out spaces
  bool prefix = false;  // ... but for the one that was put before the text

 private:
  void read(const JsonValue& json);
  void set(std::vector<Item> single, std::vector<Item> pair) { single_ = std::move(single), pair_ = std::move(pair); }
  std::vector<Item> single_{{Kind::first, 0, 0}}, pair_{{Kind::first, 0, 0}, {Kind::second, 0, 1}};
};

}  // namespace tapedeck
