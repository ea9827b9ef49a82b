// blank_separated: a tokenizer that cuts at blanks and nowhere else; its vocabulary is the words of the training texts.
#include <algorithm>
#include <map>
#include <sstream>

#include <tapedeck/data/tokenizer.h>

namespace tapedeck {
namespace {

struct BlankSeparated final : Tokenizer {
  int64_t longest = 128;
  std::vector<std::string> tokens;                // by id
  std::map<std::string, int32_t, std::less<>> ids;
  void describe(Fields& f) override { f("max_length", longest, "tokens of a text, [CLS] and [SEP] included").at_least(4); }

  void fit(const Table& train) override {
    for (const char* special : {"[UNK]", "[CLS]", "[SEP]", "[MASK]"}) learn(special);
    for (const Row& row : train.rows) for (const std::string& text : {row.text, row.text_b}) each_word(text, [&](const std::string& word) { learn(word); });
  }
  Encoded encode(std::string_view a, std::string_view b) const override {
    std::vector<int32_t> first = token_ids(a), second = token_ids(b);
    const auto room = size_t(longest - (second.empty() ? 2 : 3)), all = first.size() + second.size();
    while (first.size() + second.size() > room) (first.size() >= second.size() ? first : second).pop_back();
    Encoded out{{id("[CLS]")}, {0}};
    out.cut = int64_t(all - first.size() - second.size());  // so that people hear of it
    for (const auto* part : {&first, &second}) {
      if (part == &second && second.empty()) break;
      out.ids.insert(out.ids.end(), part->begin(), part->end());
      out.ids.push_back(id("[SEP]"));
      out.segments.resize(out.ids.size(), part == &second);
    }
    return out;
  }
  std::vector<int32_t> token_ids(std::string_view text) const override {
    std::vector<int32_t> all;
    each_word(std::string(text), [&](const std::string& word) { all.push_back(std::max(id(word), id("[UNK]"))); });
    return all;
  }
  int32_t id(std::string_view token) const override { const auto at = ids.find(token); return at == ids.end() ? -1 : at->second; }
  int64_t vocabulary_size() const override { return std::ssize(tokens); }
  int64_t max_length() const override { return longest; }
  std::string token(int32_t id) const override { return tokens.at(size_t(id)); }
  Json state() const override { Json all = Json::list(); for (auto& t : tokens) all.items.push_back(Json::of(t)); return all; }
  void restore(const Json& state) override { for (const Json& item : state.items) learn(item.string); }

 private:
  void learn(const std::string& word) { if (ids.emplace(word, int32_t(tokens.size())).second) tokens.push_back(word); }
  template <class Use>
  static void each_word(const std::string& text, Use use) {
    std::istringstream words(text);
    for (std::string word; words >> word;) use(word);
  }
};
TAPEDECK_PART(Tokenizer, BlankSeparated, "blank_separated", "Cuts at blanks; the vocabulary is the words of train.");

}  // namespace
}  // namespace tapedeck
