// Recordings whose every text was chosen to break out of where it stands: ends of elements, quotes, scripts, marks that turn
// the direction of writing, broken UTF-8, ten thousand letters. The same for the same seed.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/base/random.h>
#include <tapedeck/look/recording.h>

namespace tapedeck::testing {

inline const std::vector<std::string> hostile_pieces = {"</script><script>window.hacked=1;alert(1)</script>",
                                                        "\"><img src=x onerror=window.hacked=1>",
                                                        "'\";window.hacked=1;//",
                                                        "\xe2\x80\xae"
                                                        "desrever",
                                                        std::string(10000, 'x'),
                                                        "<!--<script>",
                                                        "]]>",
                                                        "-->",
                                                        "\xff\xfe\x01\x1b[2J",
                                                        "&lt;b&gt;&quot;",
                                                        "\\\"n\\\n\\u003c/script\\u003e",
                                                        "</style><style>*{display:none}</style>",
                                                        "</title></svg><svg onload=window.hacked=1>",
                                                        "<iframe src=javascript:parent.hacked=1>",
                                                        "<link rel=stylesheet href=https://example.com/x.css>",
                                                        "__proto__",
                                                        "constructor",
                                                        "${window.hacked=1}`",
                                                        "javascript:window.hacked=1",
                                                        std::string("\0\t\r\n", 4),
                                                        "\xe2\x80\xa8\xe2\x80\xa9",
                                                        "\xf0\x9f\x92\xa5\xed\xa0\x80",
                                                        "%61",
                                                        "",
                                                        "NaN"};

class HostileNames {
 public:
  explicit HostileNames(uint64_t seed) : key_(root_key(seed)) {}
  uint64_t number() { return random_bits(key_, drawn_++); }
  /// One to four pieces, or up to 40 random bytes.
  std::string name() {
    std::string out;
    if (number() % 8 == 0) {
      for (uint64_t n = number() % 40; n > 0; --n) out += char(number() & 0xFF);
      return out;
    }
    for (uint64_t n = 1 + number() % 4; n > 0; --n) out += hostile_pieces[number() % hostile_pieces.size()];
    return out;
  }

 private:
  Key key_;
  uint64_t drawn_ = 0;
};

/// The recording with every text of it replaced.
inline Recording hostile(Recording r, uint64_t seed) {
  HostileNames names(seed);
  for (auto& [key, value] : r.about) key = names.name(), value = names.name();
  for (auto& [scope, place] : r.places) scope = names.name(), place = names.name();
  for (auto& v : r.values) v.name = names.name();
  for (auto& x : r.records) {
    x.op = names.name(), x.scope = names.name();
    x.attributes.resize(names.number() % 4);
    for (auto& [key, value] : x.attributes) key = names.name(), value = names.name();
    for (auto& save : x.saves) save.why = names.name();
  }
  return r;
}

}  // namespace tapedeck::testing
