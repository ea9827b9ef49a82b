// The pre-tokenizers of tokenizer.json. Next: pattern.h, what "Split" and "ByteLevel" look for.
#include "src/data/pre_tokenizer.h"

#include <algorithm>
#include <array>

#include "src/data/pattern.h"

namespace tapedeck {
namespace pre_tokenizers {
namespace {

/// Calls `each(point, begin, end)` for every code point.
template <class Each>
void for_points(std::string_view text, Each&& each) {
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t point = uint8_t(text[at]) < 0x80 ? uint8_t(text[at++]) : unicode::next(text, at);
    each(point, begin, at);
  }
}

/// What becomes of the matches of a pattern.
enum class Behavior { removed, isolated, with_previous, with_next, contiguous };

Behavior behavior_of(const JsonValue& json, Behavior otherwise) {
  if (!json.has("behavior")) return otherwise;
  const JsonValue value = json.at("behavior");
  const std::string& name = value.string();
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::with_previous;
  if (name == "MergedWithNext") return Behavior::with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  throw value.unknown_type("Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

struct Match {
  size_t begin, end;
  bool is;
};  // what lies between matches included

std::vector<Match> joined(const std::vector<Match>& matches, Behavior behavior) {
  std::vector<Match> out;
  bool before = false;
  const bool next = behavior == Behavior::with_next;
  for (size_t i = 0; i < matches.size(); ++i) {
    const Match& m = matches[next ? matches.size() - 1 - i : i];
    const bool join = behavior == Behavior::contiguous ? m.is == before : m.is && !before;
    before = m.is;
    if (!join || out.empty()) out.push_back(m);
    else if (next) out.back().begin = m.begin;
    else out.back().end = m.end;
  }
  if (next) std::reverse(out.begin(), out.end());
  return out;
}

/// `find(text, found)` calls found(begin, end) for every match.
template <class Find>
void cut_at(AlignedText& text, Behavior behavior, bool invert, Find&& find) {
  std::vector<Match> matches;
  cut(text, [&](std::string_view view, auto add) {
    matches.clear();
    size_t done = 0;
    find(view, [&](size_t begin, size_t end) {
      if (begin > done) matches.push_back({done, begin, invert});
      matches.push_back({begin, end, !invert});
      done = end;
    });
    if (done < view.size()) matches.push_back({done, view.size(), invert});
    if (behavior != Behavior::removed && behavior != Behavior::isolated) matches = joined(matches, behavior);
    for (const Match& m : matches)
      if (!(m.is && behavior == Behavior::removed)) add(m.begin, m.end);
  });
}

/// Every code point of a class is a match.
template <class In>
void cut_at_points(AlignedText& text, Behavior behavior, In&& in) {
  cut_at(text, behavior, false, [&](std::string_view view, auto found) {
    for_points(view, [&](uint32_t point, size_t begin, size_t end) {
      if (in(point)) found(begin, end);
    });
  });
}

bool punctuation(uint32_t point) { return unicode::classes(point) & unicode::punctuation; }

/// Runs of code points of one class; class 0 is left out.
template <class ClassOf>
void cut_classes(AlignedText& text, ClassOf&& class_of) {
  cut(text, [&](std::string_view view, auto add) {
    size_t from = 0;
    int last = 0;
    for_points(view, [&](uint32_t point, size_t begin, size_t) {
      const int now = class_of(point);
      if (now == last && now >= 0) return;
      if (last) add(from, begin);
      from = begin, last = now;
    });
    if (last) add(from, view.size());
  });
}

struct BertWords final : PreTokenizer {
  void apply(AlignedText& text) const override {
    cut_classes(text, [](uint32_t point) { return unicode::white_space(point) ? 0 : punctuation(point) ? -1 : 1; });
  }
};

struct Whitespace final : PreTokenizer {
  void apply(AlignedText& text) const override {
    cut_classes(text, [](uint32_t point) { return unicode::word(point) ? 1 : unicode::white_space(point) ? 0 : 2; });
  }
};

struct WhitespaceSplit final : PreTokenizer {
  void apply(AlignedText& text) const override {
    cut_classes(text, [](uint32_t point) { return unicode::white_space(point) ? 0 : 1; });
  }
};

struct Punctuation final : PreTokenizer {
  explicit Punctuation(const JsonValue& json) : behavior(behavior_of(json, Behavior::isolated)) {}
  void apply(AlignedText& text) const override { cut_at_points(text, behavior, punctuation); }
  Behavior behavior;
};

struct Digits final : PreTokenizer {
  explicit Digits(const JsonValue& json)
      : behavior(json.boolean("individual_digits", false) ? Behavior::isolated : Behavior::contiguous) {}
  void apply(AlignedText& text) const override {
    cut_at_points(text, behavior,
                  [](uint32_t point) { return unicode::number(point) || point - 0x11DE0 < 10 || point - 0x16FF4 < 3; });
  }
  Behavior behavior;
};

struct Delimiter final : PreTokenizer {
  explicit Delimiter(const JsonValue& json) {
    size_t at = 0;
    const std::string& text = json.at("delimiter").string();
    if (text.empty()) throw json.at("delimiter").error("is empty");
    point = unicode::next(text, at);
  }
  void apply(AlignedText& text) const override {
    cut_at_points(text, Behavior::removed, [&](uint32_t p) { return p == point; });
  }
  uint32_t point;
};

struct Split final : PreTokenizer {
  explicit Split(const JsonValue& json)
      : pattern(json.at("pattern")), behavior(behavior_of(json, Behavior::removed)), invert(json.boolean("invert", false)) {}
  void apply(AlignedText& text) const override {
    cut_at(text, behavior, invert, [&](std::string_view view, auto found) { pattern.find_all(view, found); });
  }
  Pattern pattern;
  Behavior behavior;
  bool invert;
};

struct ByteLevel final : PreTokenizer {
  explicit ByteLevel(const JsonValue& json)
      : prefix(json.boolean("add_prefix_space", true)), use_regex(json.boolean("use_regex", true)) {}
  void apply(AlignedText& text) const override {
    if (prefix)
      rewrite(text, [](Rewriter& to) {
        if (!to.old().starts_with(' ')) to.prepend(" ");
        to.copy_rest();
      });
    if (use_regex) cut(text, [&](std::string_view view, auto add) { words.find_all(view, add); });
    rewrite(text, [](Rewriter& to) {
      for (char c : to.old()) to.spell_byte(spelling_of_byte(uint8_t(c)));
    });
  }
  bool prefix, use_regex;
  Pattern words;
};

struct Metaspace final : PreTokenizer {
  explicit Metaspace(const JsonValue& json) : mark(json.string("replacement", "\u2581")), split(json.boolean("split", true)) {
    const std::string scheme = json.string("prepend_scheme", "always");
    if (scheme != "always" && scheme != "first" && scheme != "never")
      throw json.at("prepend_scheme").unknown_type("always, first, never");
    if (unicode::count(mark) != 1) throw json.at("replacement").error("is not one character");
    prepend = json.boolean("add_prefix_space", true) && scheme != "never";
    only_first = scheme == "first";
  }
  void apply(AlignedText& text) const override {
    rewrite(text, [&](Rewriter& to) {
      const std::string_view old = to.old();
      size_t done = 0;
      if (prepend && !old.starts_with(' ') && !old.starts_with(mark) && (!only_first || to.at_source_start())) {
        to.prepend(mark);
        unicode::next(old, done);
      }
      for (size_t space = old.find(' ', done); space != old.npos; space = old.find(' ', done)) {
        to.copy(space - done);
        to.skip(1);
        size_t at = 0;
        to.put(unicode::next(mark, at), 1);
        done = space + 1;
      }
      to.copy(old.size() - done);
    });
    if (split)
      cut(text, [&](std::string_view view, auto add) {
        size_t from = 0;
        for (size_t at = view.find(mark, 1); at != view.npos; at = view.find(mark, at + mark.size())) add(from, at), from = at;
        add(from, view.size());
      });
  }
  std::string mark;
  bool split, prepend, only_first;
};

struct Sequence final : PreTokenizer {
  explicit Sequence(const JsonValue& json) {
    for (size_t i = 0; i < json.size(); ++i) steps.push_back(make_pre_tokenizer(json.at(i)));
  }
  void apply(AlignedText& text) const override {
    for (const PreTokenizerPtr& step : steps)
      if (step) step->apply(text);
  }
  std::vector<PreTokenizerPtr> steps;
};

}  // namespace
}  // namespace pre_tokenizers

std::string_view spelling_of_byte(uint8_t byte) {
  static const auto spellings = [] {
    std::array<std::string, 256> all;
    uint32_t next = 256;  // for bytes that are not printable
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      unicode::append(all[b], printable ? b : next++);
    }
    return all;
  }();
  return spellings[byte];
}

PreTokenizerPtr make_pre_tokenizer(const JsonValue& json) {
  if (json.is_null()) return nullptr;
  const JsonValue type = json.at("type");
  const std::string& name = type.string();
  if (name == "BertPreTokenizer") return std::make_unique<pre_tokenizers::BertWords>();
  if (name == "Whitespace") return std::make_unique<pre_tokenizers::Whitespace>();
  if (name == "WhitespaceSplit") return std::make_unique<pre_tokenizers::WhitespaceSplit>();
  if (name == "Punctuation") return std::make_unique<pre_tokenizers::Punctuation>(json);
  if (name == "Digits") return std::make_unique<pre_tokenizers::Digits>(json);
  if (name == "CharDelimiterSplit") return std::make_unique<pre_tokenizers::Delimiter>(json);
  if (name == "Split") return std::make_unique<pre_tokenizers::Split>(json);
  if (name == "ByteLevel") return std::make_unique<pre_tokenizers::ByteLevel>(json);
  if (name == "Metaspace") return std::make_unique<pre_tokenizers::Metaspace>(json);
  if (name == "Sequence") return std::make_unique<pre_tokenizers::Sequence>(json.at("pretokenizers"));
  throw type.unknown_type(
      "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, CharDelimiterSplit, Split, ByteLevel, Metaspace, "
      "Sequence");
}

}  // namespace tapedeck
