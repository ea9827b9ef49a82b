// Tokens and their ids; [CLS] a [SEP] b [SEP] within max_length.
#include "src/data/vocabulary_tokenizer.h"

#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>

namespace tapedeck {

std::pair<size_t, size_t> lengths_within(size_t a, size_t b, size_t room) {
  if (a + b <= room) return {a, b};
  const size_t shorter = std::min(a, b), half = room / 2;
  size_t keep_short = shorter, keep_long = room - std::min(shorter, room);
  if (keep_long < keep_short) keep_short = half, keep_long = room - half;
  return a > b ? std::pair(std::min(a, keep_long), std::min(b, keep_short))
               : std::pair(std::min(a, keep_short), std::min(b, keep_long));
}

void VocabularyTokenizer::require_vocabulary() const {
  if (tokens_.empty()) throw Error(ErrorKind::value, "the tokenizer has no vocabulary yet", "call fit() or restore() first");
}

std::vector<int32_t> VocabularyTokenizer::token_ids(std::string_view text) const {
  require_vocabulary();
  std::vector<int32_t> ids;
  append_ids(text, ids, nullptr);
  return ids;
}

Encoded VocabularyTokenizer::tokens_with_offsets(std::string_view text) const {
  require_vocabulary();
  Encoded out;
  append_ids(text, out.ids, &out.offsets);
  return out;
}

Encoded VocabularyTokenizer::encode(std::string_view a, std::string_view b, bool offsets) const {
  require_vocabulary();
  std::vector<int32_t> first, second;
  std::vector<Offset> first_at, second_at;
  append_ids(a, first, offsets ? &first_at : nullptr);
  append_ids(b, second, offsets ? &second_at : nullptr);
  const bool pair = !b.empty();
  const auto room = size_t(std::max<int64_t>(0, max_length_ - (pair ? 3 : 2)));
  const auto [keep_first, keep_second] = lengths_within(first.size(), second.size(), room);
  Encoded out;
  out.cut = int64_t(first.size() + second.size() - keep_first - keep_second);
  first.resize(keep_first), second.resize(keep_second);
  if (offsets) first_at.resize(keep_first), second_at.resize(keep_second);
  out.ids.reserve(first.size() + second.size() + 3);
  out.ids.push_back(first_);
  out.ids.insert(out.ids.end(), first.begin(), first.end());
  out.ids.push_back(separator_);
  out.segments.assign(out.ids.size(), 0);
  if (pair) {
    out.ids.insert(out.ids.end(), second.begin(), second.end());
    out.ids.push_back(separator_);
    out.segments.resize(out.ids.size(), 1);
  }
  if (!offsets) return out;
  out.offsets.resize(1);  // special tokens stand nowhere
  out.offsets.insert(out.offsets.end(), first_at.begin(), first_at.end());
  out.offsets.resize(first.size() + 2);
  out.offsets.insert(out.offsets.end(), second_at.begin(), second_at.end());
  out.offsets.resize(out.ids.size());
  return out;
}

std::string VocabularyTokenizer::token(int32_t id) const {
  if (id < 0 || id >= vocabulary_size())
    throw Error(ErrorKind::index, text("token id ", id, " is outside the vocabulary of ", vocabulary_size()), "");
  return tokens_[size_t(id)];
}

Json VocabularyTokenizer::state() const {
  Json tokens = Json::list();
  for (const std::string& t : tokens_) tokens.items.push_back(Json::of(t));
  Json state = Json::dict();
  state.set("tokens", std::move(tokens));
  return state;
}

void VocabularyTokenizer::restore(const Json& state) {
  const Json::Member* saved = state.is(Json::Kind::object) ? state.find("tokens") : nullptr;
  std::vector<std::string> tokens;
  if (saved)
    for (const Json& item : saved->value.items) tokens.push_back(item.string);
  std::string missing;
  if (!set_tokens(std::move(tokens), missing))
    throw Error(ErrorKind::checkpoint, text("the saved vocabulary has no ", missing),
                "the tokenizer file is damaged; use another checkpoint");
}

bool VocabularyTokenizer::set_tokens(std::vector<std::string> tokens, std::string& missing) {
  TokenIndex index;
  index.reserve(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) index.insert_or_assign(tokens[i], int32_t(i));
  for (std::string_view name : special_names)
    if (!index.contains(name) && name != "[MASK]") {
      missing = name;
      return false;
    }
  tokens_ = std::move(tokens);
  index_ = std::move(index);
  unknown_ = id_of("[UNK]"), first_ = id_of("[CLS]"), separator_ = id_of("[SEP]");
  return true;
}

void VocabularyTokenizer::set_counted(const std::map<std::string, int64_t>& counts, int64_t min_count, int64_t max_size) {
  std::vector<std::pair<std::string, int64_t>> found;
  for (const auto& [token, n] : counts)
    if (n >= min_count) found.emplace_back(token, n);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> tokens(std::begin(special_names), std::end(special_names));
  for (auto& [token, n] : found) {
    if (max_size && int64_t(tokens.size()) >= max_size) break;
    tokens.push_back(std::move(token));
  }
  std::string missing;
  set_tokens(std::move(tokens), missing);
}

void VocabularyTokenizer::describe_length(Fields& f) {
  f("max_length", max_length_,
    "longest sequence of tokens, special ones included; longer texts are cut, running text into windows of it")
      .range(3, 1 << 20);
}

void VocabularyTokenizer::describe_counts(Fields& f) {
  f("min_count", min_count_, "leave out tokens that train holds less often").at_least(1);
  f("max_size", max_size_, "largest vocabulary, the five special tokens included; 0: no limit").at_least(0);
}

}  // namespace tapedeck
