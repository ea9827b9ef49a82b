// Byte-pair encoding (Sennrich et al. 2016): the pair of neighbours that was merged first in training is merged first, the
// leftmost of equal ones before the others. Next: subword_unigram.cpp.
#include <algorithm>

#include "src/data/subword_models.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

/// (left, right) -> rank and what they become; open addressing.
class MergeTable {
 public:
  struct Merge {
    uint64_t pair = empty;
    int32_t rank = 0, id = 0;
  };
  explicit MergeTable(size_t count) {
    size_t size = 16;
    while (size < 2 * count) size *= 2;
    slots_.resize(size);
  }
  void set(int32_t left, int32_t right, int32_t rank, int32_t id) {
    slots_[slot(key(left, right))] = {key(left, right), rank, id};
  }
  const Merge* find(int32_t left, int32_t right) const {
    const Merge& found = slots_[slot(key(left, right))];
    return found.pair == empty ? nullptr : &found;
  }

 private:
  static constexpr uint64_t empty = ~uint64_t{0};
  static uint64_t key(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }
  size_t slot(uint64_t pair) const {
    size_t at = size_t((pair * 0x9E3779B97F4A7C15u) >> 20) & (slots_.size() - 1);
    while (slots_[at].pair != empty && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  std::vector<Merge> slots_;
};

struct Symbol {
  int32_t id, previous, next;
  uint32_t length;
};  // length 0: merged into the one before it
struct Candidate {
  int32_t rank, position, id;
};
bool later(const Candidate& a, const Candidate& b) { return a.rank != b.rank ? a.rank > b.rank : a.position > b.position; }

struct Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

class BytePairs final : public SubwordModel {
 public:
  explicit BytePairs(const JsonValue& json)
      : merges_(json.at("merges").size()),
        prefix_(json.string("continuing_subword_prefix", "")),
        suffix_(json.string("end_of_word_suffix", "")),
        fuse_(json.boolean("fuse_unk", false)),
        bytes_(json.boolean("byte_fallback", false)),
        whole_(json.boolean("ignore_merges", false)) {
    read_vocabulary(json.at("vocab"), table);
    if (json.has("unk_token")) unknown = read_unknown(json.at("unk_token"), table);
    if (json.has("dropout") && json.at("dropout").number() != 0)
      throw json.at("dropout").error("is not 0: texts would be cut by chance");
    const JsonValue merges = json.at("merges");
    for (size_t rank = 0; rank < merges.size(); ++rank) read_merge(merges.at(rank), int32_t(rank));
    for (int byte = 0; byte < 256 && bytes_; ++byte) {
      const char* digits = "0123456789ABCDEF";
      byte_ids_.push_back(table.find({std::string{'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'}}));
    }
  }

  void encode(std::string_view word, std::vector<Token>& tokens) const override {
    if (whole_)
      if (const int32_t id = table.find(word); id >= 0) return tokens.push_back({id, 0, uint32_t(word.size())});
    thread_local Scratch scratch;
    std::vector<Symbol>& symbols = scratch.symbols;
    symbols.clear();
    letters(word, symbols);
    merge(symbols, scratch.heap);
    uint32_t at = 0;
    for (const Symbol& s : symbols) {
      if (!s.length) continue;
      tokens.push_back({s.id, at, at + s.length});
      at += s.length;
    }
  }

 private:
  void read_merge(const JsonValue& json, int32_t rank) {
    std::string left, right;
    if (json.is_list()) {
      if (json.size() != 2) throw json.error(text("has ", json.size(), " parts, wanted 2"));
      left = json.at(size_t(0)).string(), right = json.at(size_t(1)).string();
    } else {
      const std::string& both = json.string();
      const size_t space = both.find(' ');
      if (space == both.npos || both.find(' ', space + 1) != both.npos)
        throw json.error(text("is \"", both, "\", wanted two tokens with a space between them"));
      left = both.substr(0, space), right = both.substr(space + 1);
    }
    const auto id_of = [&](const std::string& token) {
      const int32_t id = table.find(token);
      if (id < 0) throw json.error(text("names \"", token, "\", which model.vocab does not have"), "the file is damaged");
      return id;
    };
    const int32_t a = id_of(left), b = id_of(right);
    merges_.set(a, b, rank, id_of(left + right.substr(std::min(prefix_.size(), right.size()))));
  }

  /// One symbol a code point; what the vocabulary lacks becomes bytes, the unknown token, or nothing.
  void letters(std::string_view word, std::vector<Symbol>& symbols) const {
    const auto add = [&](int32_t id, uint32_t length) {
      const auto here = int32_t(symbols.size());
      if (here) symbols.back().next = here;
      symbols.push_back({id, here - 1, -1, length});
    };
    uint32_t unknown_length = 0;
    const auto flush = [&] {
      if (unknown_length) add(unknown, unknown_length);
      unknown_length = 0;
    };
    std::string written;
    for (size_t at = 0; at < word.size();) {
      const size_t begin = at;
      unicode::next(word, at);
      std::string_view letter = word.substr(begin, at - begin);
      const auto length = uint32_t(letter.size());
      if ((begin && !prefix_.empty()) || (at == word.size() && !suffix_.empty())) {
        written = (begin ? prefix_ : "") + std::string(letter) + (at == word.size() ? suffix_ : "");
        letter = written;
      }
      if (const int32_t id = table.find(letter); id >= 0) {
        flush();
        add(id, length);
      } else if (bytes_ && std::all_of(letter.begin(), letter.end(), [&](char c) { return byte_ids_[uint8_t(c)] >= 0; })) {
        for (char c : letter) add(byte_ids_[uint8_t(c)], 1);
      } else if (unknown >= 0) {
        if (!fuse_) flush();
        unknown_length += length;
      }
    }
    flush();
  }

  void merge(std::vector<Symbol>& symbols, std::vector<Candidate>& heap) const {
    heap.clear();
    const auto propose = [&](int32_t left, int32_t right) {
      const MergeTable::Merge* found = merges_.find(symbols[size_t(left)].id, symbols[size_t(right)].id);
      if (found) heap.push_back({found->rank, left, found->id});
      return found != nullptr;
    };
    for (int32_t i = 0; i + 1 < std::ssize(symbols); ++i) propose(i, i + 1);
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), later);
      const Candidate best = heap.back();
      heap.pop_back();
      Symbol& left = symbols[size_t(best.position)];
      if (!left.length || left.next < 0) continue;
      Symbol& right = symbols[size_t(left.next)];
      const MergeTable::Merge* now = merges_.find(left.id, right.id);
      if (!now || now->id != best.id) continue;  // one of the two has changed since
      left.id = best.id;
      left.length += right.length;
      right.length = 0;
      left.next = right.next;
      if (left.next >= 0) symbols[size_t(left.next)].previous = best.position;
      if (left.previous >= 0 && propose(left.previous, best.position)) std::push_heap(heap.begin(), heap.end(), later);
      if (left.next >= 0 && propose(best.position, left.next)) std::push_heap(heap.begin(), heap.end(), later);
    }
  }

  MergeTable merges_;
  std::string prefix_, suffix_;
  bool fuse_, bytes_, whole_;
  std::vector<int32_t> byte_ids_;
};

}  // namespace

std::unique_ptr<SubwordModel> make_bpe(const JsonValue& json) { return std::make_unique<BytePairs>(json); }

}  // namespace tapedeck
