// Finding added tokens: the longest at every place, from left to right. Next: added_tokens.h.
#include "src/data/added_tokens.h"

#include <algorithm>

namespace tapedeck {
namespace {

uint32_t point_before(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (uint8_t(text[at]) & 0xC0) == 0x80);
  return unicode::next(text, at);
}

size_t spaces_before(std::string_view text, size_t at) {
  while (at > 0) {
    size_t begin = at - 1;
    while (begin > 0 && (uint8_t(text[begin]) & 0xC0) == 0x80) --begin;
    if (size_t end = begin; !unicode::white_space(unicode::next(text, end))) break;
    at = begin;
  }
  return at;
}

size_t spaces_behind(std::string_view text, size_t at) {
  for (size_t next = at; at < text.size(); at = next)
    if (!unicode::white_space(unicode::next(text, next))) break;
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const JsonValue& json, const SubwordModel& model, const Normalizer* normalizer) {
  struct Words {
    std::vector<std::string> texts;
    Set* set;
  } kinds[] = {{{}, &raw_}, {{}, &normalized_}};
  for (size_t i = 0; i < json.size(); ++i) {
    const JsonValue entry = json.at(i);
    const std::string& content = entry.at("content").string();
    const auto id = int32_t(entry.at("id").integer());
    if (content.empty()) continue;
    const int32_t known = model.table.find(content);
    if (known >= 0 && known != id)
      throw entry.at("id").error(text("is ", id, ", model.vocab gives \"", content, "\" the id ", known), "the file is damaged");
    if (known < 0 && id < model.table.size() && !model.table.token(id).empty())
      throw entry.at("id").error(text("is ", id, ", which model.vocab gives to \"", model.table.token(id), "\""),
                                 "the file is damaged");
    if (id > 2 * model.table.size() + int64_t(json.size()) + 100000)
      throw entry.at("id").error(text("is ", id, ", far beyond the ", model.table.size(), " tokens of model.vocab"),
                                 "the file is damaged");
    if (const auto [at, fresh] = by_id_.try_emplace(id, content); !fresh)
      throw entry.at("id").error(text("is ", id, ", which \"", at->second, "\" has"), "the file is damaged");
    Words& kind = kinds[entry.boolean("normalized", !entry.boolean("special", false))];
    std::string written = content;
    if (kind.set == &normalized_ && normalizer) {
      AlignedText rewritten(content);
      normalizer->apply(rewritten);
      written = rewritten.text;
    }
    kind.texts.push_back(std::move(written));
    kind.set->rules.push_back(
        {id, entry.boolean("single_word", false), entry.boolean("lstrip", false), entry.boolean("rstrip", false)});
  }
  for (const Words& kind : kinds) {
    std::vector<std::pair<std::string_view, int32_t>> words;
    for (size_t i = kind.texts.size(); i-- > 0;)
      if (!kind.texts[i].empty()) words.emplace_back(kind.texts[i], int32_t(i));
    if (!words.empty()) kind.set->trie = Trie(std::move(words));
  }
}

void AddedTokens::apply(AlignedText& text, const Normalizer* normalizer) const {
  raw_.cut_out(text);
  if (normalizer) normalizer->apply(text);
  normalized_.cut_out(text);
}

int32_t AddedTokens::find(std::string_view token) const {
  for (const auto& [id, content] : by_id_)
    if (content == token) return id;
  return -1;
}

void AddedTokens::Set::cut_out(AlignedText& text) const {
  if (trie.empty()) return;
  cut(text, [&](std::string_view view, auto add) {
    size_t done = 0;
    for (size_t at = 0; at < view.size();) {
      int32_t node = Trie::root, found = -1;
      size_t stop = at;
      for (size_t end = at; end < view.size();) {
        node = trie.step(node, uint8_t(view[end++]));
        if (node == Trie::none) break;
        if (trie.id(node) >= 0) found = trie.id(node), stop = end;
      }
      if (found < 0) {
        ++at;
        continue;
      }
      const Rules& rule = rules[size_t(found)];
      size_t start = at, behind = stop;
      at = stop;
      if (rule.single_word) {
        if (start > 0 && unicode::word(point_before(view, start))) continue;
        if (size_t next = stop; stop < view.size() && unicode::word(unicode::next(view, next))) continue;
      }
      if (rule.strip_left) start = std::max(spaces_before(view, start), done);
      if (rule.strip_right) behind = spaces_behind(view, behind);
      add(done, start);
      add(start, behind, rule.id);
      done = behind;
    }
    add(done, view.size());
  });
}

}  // namespace tapedeck
