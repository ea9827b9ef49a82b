// A small grammar of opinions: sentences with negation that flips the sentiment, twice if it is said twice.
// Next: grammar.cpp for words and templates, reader_builtin.cpp for the splits.
#pragma once
#include <string>

#include <tapedeck/base/random.h>

namespace tapedeck {

struct Opinion {
  std::string text;
  bool positive = false;
};
/// A sentence that depends on the key alone.
Opinion make_opinion(Key key);

}  // namespace tapedeck
