// "Precompiled": SentencePiece's table of replacements, a double array of prefixes and the texts they become. The table is asked
// for short graphemes first, then for single code points; a match of a prefix replaces the whole, as in `tokenizers`. Next:
// normalizer.h.
#include <algorithm>
#include <array>
#include <optional>

#include "src/data/normalizer.h"

namespace tapedeck {
namespace {

std::string from_base64(const JsonValue& json) {
  static const auto values = [] {
    std::array<int8_t, 256> table{};
    table.fill(-1);
    const std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < letters.size(); ++i) table[uint8_t(letters[i])] = int8_t(i);
    return table;
  }();
  std::string_view in = json.string();
  while (in.ends_with('=')) in.remove_suffix(1);
  std::string out;
  out.reserve(in.size() / 4 * 3);
  uint32_t bits = 0;
  int have = 0;
  for (char c : in) {
    const int value = values[uint8_t(c)];
    if (value < 0) throw json.error("is no base64 text");
    bits = bits << 6 | uint32_t(value);
    if ((have += 6) >= 8) out += char(bits >> (have -= 8) & 0xFF);
  }
  return out;
}

class Charsmap final : public Normalizer {
 public:
  explicit Charsmap(const JsonValue& json) {
    const std::string bytes = from_base64(json);
    const auto word = [&](size_t i) {
      return uint32_t(uint8_t(bytes[i])) | uint32_t(uint8_t(bytes[i + 1])) << 8 | uint32_t(uint8_t(bytes[i + 2])) << 16 |
             uint32_t(uint8_t(bytes[i + 3])) << 24;
    };
    const size_t size = bytes.size() < 4 ? 0 : word(0);
    if (size == 0 || size % 4 || size > bytes.size() - 4) throw json.error("is no SentencePiece table, or not all of it");
    for (size_t i = 4; i < 4 + size; i += 4) units_.push_back(word(i));
    texts_ = bytes.substr(4 + size);
    if (unicode::valid_prefix(texts_) != texts_.size())
      throw json.error("is no SentencePiece table: its replacements are no UTF-8");
    for (uint32_t c = 0; c < 0x80; ++c) {
      const char one = char(c);
      changes_ascii_[c] = replacement({&one, 1}).has_value();
    }
  }

  void apply(AlignedText& text) const override {
    rewrite(text, [&](Rewriter& rewriter) {
      Output to(rewriter);
      const std::string_view old = rewriter.old();
      int32_t state = 0;
      for (size_t at = 0; at < old.size();) {
        const auto ascii = [&](size_t i) { return i == old.size() || uint8_t(old[i]) - 0x20u < 0x5F; };
        size_t plain = at;  // each of these is a grapheme of its own
        while (plain < old.size() && ascii(plain) && ascii(plain + 1) && !changes_ascii_[uint8_t(old[plain])]) ++plain;
        if (plain > at) {
          to.copy(old.substr(at, plain - at));
          at = plain, state = 0;
          continue;
        }
        const size_t begin = at;
        uint32_t last = unicode::next(old, at);
        for (size_t next_at = at; at < old.size(); at = next_at) {
          const uint32_t next = unicode::next(old, next_at);
          if (unicode::grapheme_break(last, next, state)) break;
          last = next;
        }
        grapheme(old.substr(begin, at - begin), to);
      }
    });
  }

 private:
  /// Holds the last code point back: what is dropped behind it becomes part of its change. What is dropped at the very beginning
  /// is not counted at all, so that everything behind it stands one place too early, as in `tokenizers`.
  class Output {
   public:
    explicit Output(Rewriter& to) : to_(to) {}
    ~Output() { flush(); }
    void put(uint32_t point, int change) {
      flush();
      point_ = point, change_ = change, held_ = true;
    }
    void copy(std::string_view text) {
      size_t last = text.size() - 1;
      while ((uint8_t(text[last]) & 0xC0) == 0x80) --last;
      flush();
      size_t at = 0;
      if (shifted_)
        while (at < last) to_.put(unicode::next(text, at), 0);
      else to_.copy(last);
      put(unicode::next(text, last), 0);
    }
    void drop(int points) { held_ ? void(change_ -= points) : void(shifted_ = true); }

   private:
    void flush() {
      if (held_) to_.put(point_, change_);
      held_ = false;
    }
    Rewriter& to_;
    uint32_t point_ = 0;
    int change_ = 0;
    bool held_ = false, shifted_ = false;
  };

  void grapheme(std::string_view all, Output& to) const {
    if (all.size() < 6)
      if (const auto text = replacement(all)) return replace(all, *text, to);
    for (size_t at = 0; at < all.size();) {
      const size_t begin = at;
      unicode::next(all, at);
      const std::string_view one = all.substr(begin, at - begin);
      if (const auto text = replacement(one)) replace(one, *text, to);
      else to.copy(one);
    }
  }

  /// Equal counts change code point by code point; what is more is inserted at the end, what is less is dropped there.
  static void replace(std::string_view old, std::string_view by, Output& to) {
    const auto count = int(unicode::count(by)), more = count - int(unicode::count(old));
    int left = count;
    for (size_t at = 0; at < by.size(); --left) to.put(unicode::next(by, at), left <= more ? 1 : 0);
    if (more < 0) to.drop(-more);
  }

  /// The text for the shortest prefix of `chunk` in the table.
  std::optional<std::string_view> replacement(std::string_view chunk) const {
    const auto offset = [](uint32_t unit) { return size_t(unit >> 10) << ((unit & (1u << 9)) >> 6); };
    size_t node = offset(units_[0]);
    for (char c : chunk) {
      if (c == 0) return std::nullopt;
      node ^= uint8_t(c);
      if (node >= units_.size()) return std::nullopt;
      const uint32_t unit = units_[node];
      if ((unit & (1u << 31 | 0xFF)) != uint8_t(c)) return std::nullopt;
      node ^= offset(unit);
      if (node >= units_.size()) return std::nullopt;
      if (unit >> 8 & 1) {
        const size_t begin = units_[node] & ~(1u << 31);
        if (begin >= texts_.size()) return std::nullopt;
        return std::string_view(texts_).substr(begin, std::min(texts_.find('\0', begin), texts_.size()) - begin);
      }
    }
    return std::nullopt;
  }

  std::vector<uint32_t> units_;
  std::string texts_;
  std::array<bool, 0x80> changes_ascii_{};
};

}  // namespace

NormalizerPtr make_charsmap(const JsonValue& json) {
  const JsonValue table = json.at("precompiled_charsmap");
  if (table.is_null() || table.string().empty()) return nullptr;
  return std::make_unique<Charsmap>(table);
}

}  // namespace tapedeck
