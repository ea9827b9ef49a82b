// Reads lines, writes their WordPiece ids: wordpiece_ids VOCAB lowercase|cased MAX_LENGTH < lines. Built by wordpiece.py.
#include <iostream>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/data/tokenizer.h>

int main(int argc, char** argv) {
  using namespace tapedeck;
  if (argc != 4) return 2;
  Json options = Json::dict();
  options.set("vocab", Json::of(argv[1]));
  options.set("lowercase", Json::of(argv[2] == std::string("lowercase")));
  options.set("max_length", Json::of(int64_t{std::stoi(argv[3])}));
  Choice<Tokenizer> tokenizer("wordpiece");
  Diagnostics diagnostics;
  read_fields(*tokenizer, options, "tokenizer", diagnostics);
  if (!diagnostics.empty()) { std::cerr << diagnostics.render(); return 3; }
  tokenizer->fit({});
  for (std::string line; std::getline(std::cin, line);) {
    const size_t split = line.find('\x1f');  // a pair
    const std::string second = split == std::string::npos ? "" : line.substr(split + 1);
    for (int32_t id : tokenizer->encode(line.substr(0, split), second).ids) std::cout << id << ' ';
    std::cout << '\n';
  }
}
