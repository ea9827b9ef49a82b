// The normalizers of tokenizer.json, with the alignment `tokenizers` gives to each. Next: charsmap.cpp, SentencePiece's table.
#include "src/data/normalizer.h"

#include <algorithm>

#include "src/data/pattern.h"

namespace tapedeck {
namespace normalizers {
namespace {

bool is_ascii(const AlignedText& text) { return ascii_prefix(text.text) == text.text.size(); }

/// Calls `each(point, bytes)` for every code point of the old reading; it must put, copy or skip it.
template <class Each>
void for_points(Rewriter& to, Each&& each) {
  const std::string_view old = to.old();
  for (size_t at = 0; at < old.size();) {
    const size_t before = at;
    const uint32_t point = uint8_t(old[at]) < 0x80 ? uint8_t(old[at++]) : unicode::next(old, at);
    each(point, at - before);
  }
}

template <class Drop>
void drop(AlignedText& text, Drop&& unwanted) {
  rewrite(text, [&](Rewriter& to) {
    for_points(to, [&](uint32_t point, size_t bytes) { unwanted(point) ? to.skip(bytes) : to.copy(bytes); });
  });
}

void lower(AlignedText& text) {
  if (is_ascii(text)) {
    for (const Piece& piece : text.pieces)
      if (piece.token < 0)
        for (uint32_t i = piece.begin; i < piece.end; ++i)
          if (uint8_t(text.text[i] - 'A') < 26) text.text[i] = char(text.text[i] + 32);
    return;
  }
  std::string small;
  rewrite(text, [&](Rewriter& to) {
    for_points(to, [&](uint32_t point, size_t) {
      small.clear();
      unicode::append_lower(small, point);
      int change = 0;
      for (size_t at = 0; at < small.size(); change = 1) to.put(unicode::next(small, at), change);
    });
  });
}

struct Changed {
  uint32_t point;
  int change, combining;
};

/// Unicode's normal forms (UAX #15): decompose, sort marks by their class, compose again for NFC and NFKC.
void normal_form(AlignedText& text, bool compatibility, bool composed) {
  if (is_ascii(text)) return;
  std::vector<Changed> run;  // from one starter up to the next
  rewrite(text, [&](Rewriter& to) {
    const auto flush = [&] {
      std::stable_sort(run.begin(), run.end(), [](const Changed& a, const Changed& b) { return a.combining < b.combining; });
      for (const Changed& c : run) to.put(c.point, c.change);
      run.clear();
    };
    std::vector<Changed> all;
    for_points(to, [&](uint32_t point, size_t) {
      uint32_t parts[unicode::longest_decomposition];
      const int count = unicode::decompose(point, compatibility, parts);
      for (int i = 0; i < count; ++i) {
        const int combining = unicode::combining_class(parts[i]);
        if (composed) {
          all.push_back({parts[i], i ? 1 : 0, combining});
          continue;
        }
        if (!combining) flush();
        run.push_back({parts[i], i ? 1 : 0, combining});
      }
    });
    if (!composed) return flush();
    for (size_t i = 0; i < all.size();) {  // sorted runs of marks
      size_t end = i + 1;
      while (all[i].combining && end < all.size() && all[end].combining) ++end;
      std::stable_sort(all.begin() + std::ptrdiff_t(i), all.begin() + std::ptrdiff_t(end),
                       [](const Changed& a, const Changed& b) { return a.combining < b.combining; });
      i = end;
    }
    const auto put = [&](const Changed& c) { to.put(c.point, c.change); };
    for (size_t i = 0; i < all.size();) {
      if (all[i].combining) {  // no starter before it
        put(all[i++]);
        continue;
      }
      Changed starter = all[i++];
      int last = -1;  // class of the mark kept last; -1: none
      run.clear();
      for (; i < all.size(); ++i) {
        const Changed& next = all[i];
        const uint32_t both = last < next.combining ? unicode::compose(starter.point, next.point) : 0;
        if (both) starter = {both, starter.change + next.change - 1, 0};
        else if (!next.combining) break;
        else run.push_back(next), last = next.combining;
      }
      put(starter);
      std::for_each(run.begin(), run.end(), put);
    }
    run.clear();
  });
}

struct Bert final : Normalizer {
  explicit Bert(const JsonValue& json)
      : clean(json.boolean("clean_text", true)),
        spread(json.boolean("handle_chinese_chars", true)),
        lowercase(json.boolean("lowercase", true)),
        strip(json.boolean("strip_accents", lowercase)) {}
  void apply(AlignedText& text) const override {
    if (clean || spread)
      rewrite(text, [&](Rewriter& to) {
        for_points(to, [&](uint32_t point, size_t bytes) {
          const uint32_t classes = unicode::classes(point);
          if (clean && (classes & unicode::control)) return to.skip(bytes);
          if (clean && (classes & unicode::space)) return to.put(' ', 0);
          if (!spread || !(classes & unicode::ideograph)) return to.copy(bytes);
          to.put(' ', 0), to.put(point, 1), to.put(' ', 1);
        });
      });
    if (strip && !is_ascii(text)) {
      normal_form(text, false, false);
      drop(text, unicode::nonspacing_mark);
    }
    if (lowercase) lower(text);
  }
  bool clean, spread, lowercase, strip;
};

struct Form final : Normalizer {
  Form(bool compatibility_, bool composed_) : compatibility(compatibility_), composed(composed_) {}
  void apply(AlignedText& text) const override { normal_form(text, compatibility, composed); }
  bool compatibility, composed;
};

struct Lowercase final : Normalizer {
  void apply(AlignedText& text) const override { lower(text); }
};
struct StripAccents final : Normalizer {
  void apply(AlignedText& text) const override { drop(text, unicode::combining_mark); }
};

struct Strip final : Normalizer {
  explicit Strip(const JsonValue& json) : left(json.boolean("strip_left", true)), right(json.boolean("strip_right", true)) {}
  void apply(AlignedText& text) const override {
    rewrite(text, [&](Rewriter& to) {
      const std::string_view old = to.old();
      size_t begin = 0, end = 0;
      bool inside = !left;
      for (size_t at = 0; at < old.size();) {
        const bool space = unicode::white_space(unicode::next(old, at));
        inside = inside || !space;
        if (!inside) begin = at;
        if (!space || !right) end = at;
      }
      to.skip(begin);
      if (end > begin) to.copy(end - begin);
    });
  }
  bool left, right;
};

struct Prepend final : Normalizer {
  explicit Prepend(const JsonValue& json) : prefix(json.at("prepend").string()) {}
  void apply(AlignedText& text) const override {
    rewrite(text, [&](Rewriter& to) { to.prepend(prefix), to.copy_rest(); });
  }
  std::string prefix;
};

struct Replace final : Normalizer {
  explicit Replace(const JsonValue& json) : pattern(json.at("pattern")), content(json.at("content").string()) {
    if (!pattern.literal() && content.find('$') != content.npos)
      throw json.at("content").error("refers to groups of the pattern, which is not read");
  }
  void apply(AlignedText& text) const override {
    rewrite(text, [&](Rewriter& to) {
      const std::string_view old = to.old();
      size_t done = 0;
      pattern.find_all(old, [&](size_t begin, size_t end) {
        to.copy(begin - done);
        to.skip(end - begin);
        for (size_t at = 0; at < content.size();) to.put(unicode::next(content, at), 1);
        done = end;
      });
      to.copy(old.size() - done);
    });
  }
  Pattern pattern;
  std::string content;
};

struct Sequence final : Normalizer {
  explicit Sequence(const JsonValue& json) {
    for (size_t i = 0; i < json.size(); ++i) steps.push_back(make_normalizer(json.at(i)));
  }
  void apply(AlignedText& text) const override {
    for (const NormalizerPtr& step : steps)
      if (step) step->apply(text);
  }
  std::vector<NormalizerPtr> steps;
};

}  // namespace
}  // namespace normalizers

NormalizerPtr make_normalizer(const JsonValue& json) {
  if (json.is_null()) return nullptr;
  const JsonValue type = json.at("type");
  const std::string& name = type.string();
  if (name == "BertNormalizer") return std::make_unique<normalizers::Bert>(json);
  if (name == "Lowercase") return std::make_unique<normalizers::Lowercase>();
  if (name == "NFC") return std::make_unique<normalizers::Form>(false, true);
  if (name == "NFD") return std::make_unique<normalizers::Form>(false, false);
  if (name == "NFKC") return std::make_unique<normalizers::Form>(true, true);
  if (name == "NFKD") return std::make_unique<normalizers::Form>(true, false);
  if (name == "StripAccents") return std::make_unique<normalizers::StripAccents>();
  if (name == "Strip") return std::make_unique<normalizers::Strip>(json);
  if (name == "Prepend") return std::make_unique<normalizers::Prepend>(json);
  if (name == "Replace") return std::make_unique<normalizers::Replace>(json);
  if (name == "Precompiled") return make_charsmap(json);
  if (name == "Sequence") return std::make_unique<normalizers::Sequence>(json.at("normalizers"));
  throw type.unknown_type(
      "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, StripAccents, Strip, Prepend, Replace, Precompiled, Sequence");
}

}  // namespace tapedeck
