// Byte strings and their ids, for "the longest (or every) token that begins here". Children of a node lie side by side.
// Next: subword_models.h.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace tapedeck {

class Trie {
 public:
  static constexpr int32_t root = 0, none = -1;
  Trie() = default;
  /// Non-empty words and their ids; of equal words the last one counts.
  explicit Trie(std::vector<std::pair<std::string_view, int32_t>> words);
  /// The node below `node` on `byte`, or none.
  int32_t step(int32_t node, uint8_t byte) const {
    const Node& from = nodes_[size_t(node)];
    const uint8_t* const children = bytes_.data() + from.children;
    const void* found = from.count ? std::memchr(children, byte, from.count) : nullptr;
    return found ? from.children + int32_t(static_cast<const uint8_t*>(found) - children) : none;
  }
  int32_t id(int32_t node) const { return nodes_[size_t(node)].id; }
  /// The node at the end of `word` below `node`, or none.
  int32_t walk(std::string_view word, int32_t node = root) const {
    for (size_t i = 0; i < word.size() && node != none; ++i) node = step(node, uint8_t(word[i]));
    return node;
  }
  int32_t find(std::string_view word) const {
    const int32_t node = nodes_.empty() || word.empty() ? none : walk(word);
    return node == none ? none : id(node);
  }
  bool empty() const { return nodes_.empty(); }

 private:
  struct Node {
    int32_t children = 0, id = none;
    uint32_t count = 0;
  };
  std::vector<Node> nodes_;
  std::vector<uint8_t> bytes_;  // that lead to each node
};

}  // namespace tapedeck
