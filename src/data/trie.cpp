// Building a trie level by level from sorted words. Next: trie.h.
#include "src/data/trie.h"

#include <algorithm>

namespace tapedeck {

Trie::Trie(std::vector<std::pair<std::string_view, int32_t>> words) {
  std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Range {
    size_t begin, end, depth;
  };  // the words that pass through a node
  std::vector<Range> ranges{{0, words.size(), 0}};
  nodes_.emplace_back();
  bytes_.push_back(0);
  for (size_t node = 0; node < nodes_.size(); ++node) {
    auto [at, end, depth] = ranges[node];
    for (; at < end && words[at].first.size() == depth; ++at) nodes_[node].id = words[at].second;
    nodes_[node].children = int32_t(nodes_.size());
    while (at < end) {
      const auto byte = uint8_t(words[at].first[depth]);
      size_t next = at;
      while (next < end && uint8_t(words[next].first[depth]) == byte) ++next;
      nodes_.emplace_back();
      bytes_.push_back(byte);
      ++nodes_[node].count;
      ranges.push_back({at, next, depth + 1});
      at = next;
    }
  }
  nodes_.shrink_to_fit();
  bytes_.shrink_to_fit();
}

}  // namespace tapedeck
