// Tokens of many texts for wordpiece.py and tokenizers.py, which build this: token_ids OPTIONS < texts > tokens. A text: two
// lengths in bytes, a, b. An answer: the number of tokens, all ids, segments, first and last code points, first and last bytes;
// numbers have 32 bits, little-endian. Seconds spent on encoding go to the error output.
#include <chrono>
#include <cstdio>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/data/tokenizer.h>

using namespace tapedeck;

namespace {

Choice<Tokenizer> make(const char* options) {
  struct Holder : Part {
    Choice<Tokenizer> part;
    void describe(Fields& f) override { f("part", part, "the tokenizer"); }
  } holder;
  Diagnostics diagnostics;
  read_fields(holder, parse_json("{\"part\": " + std::string(options) + "}", "options"), "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  holder.part->fit({});
  return std::move(holder.part);
}

void write(const std::vector<int32_t>& values) { std::fwrite(values.data(), 4, values.size(), stdout); }

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const Choice<Tokenizer> tokenizer = make(argv[1]);
  std::vector<std::pair<std::string, std::string>> texts;
  for (uint32_t lengths[2]; std::fread(lengths, 4, 2, stdin) == 2;) {
    auto& [a, b] = texts.emplace_back(std::string(lengths[0], 0), std::string(lengths[1], 0));
    if (std::fread(a.data(), 1, a.size(), stdin) + std::fread(b.data(), 1, b.size(), stdin) != a.size() + b.size()) return 2;
  }
  std::vector<Encoded> answers;
  answers.reserve(texts.size());
  const auto start = std::chrono::steady_clock::now();
  for (const auto& [a, b] : texts) answers.push_back(tokenizer->encode_with_offsets(a, b));
  std::fprintf(stderr, "%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  for (const Encoded& e : answers) {
    write({int32_t(e.ids.size())});
    write(e.ids), write(e.segments);
    for (int32_t Offset::*part : {&Offset::begin, &Offset::end, &Offset::begin_byte, &Offset::end_byte}) {
      std::vector<int32_t> values(e.ids.size());
      for (size_t i = 0; i < e.offsets.size(); ++i) values[i] = e.offsets[i].*part;
      write(values);
    }
  }
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n%s\n", e.what(), e.hint().c_str());
  return 1;
}
