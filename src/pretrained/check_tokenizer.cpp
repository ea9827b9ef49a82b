// Ids in another order, or a cased vocabulary read in lower case, train without a complaint and learn next to nothing: hence the
// comparison with the folder's own tokenizer. Next: encoder.cpp.
#include "src/pretrained/check_tokenizer.h"

#include <algorithm>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

std::unique_ptr<Tokenizer> own_tokenizer(const std::string& folder) {
  std::error_code ignored;
  for (const char* file : {"tokenizer.json", "vocab.txt"})
    if (std::filesystem::exists(folder + "/" + file, ignored)) {
      auto tokenizer = Registry<Tokenizer>::find("pretrained")->make();
      Diagnostics diagnostics;
      read_fields(*tokenizer, json_object({{"from", folder}, {"max_length", 512}}), "tokenizer", diagnostics);
      tokenizer->fit({});
      return tokenizer;
    }
  return nullptr;
}

[[noreturn]] void differ(const std::string& what, const std::string& folder) {
  throw Error(ErrorKind::config, text("the tokenizer is not that of the encoder's folder: ", what),
              text("\"tokenizer\": {\"type\": \"pretrained\", \"from\": ", in_quotes(folder), "}"));
}

}  // namespace

void check_tokenizer(const Tokenizer& mine, const std::string& folder) {
  const auto theirs = own_tokenizer(folder);
  if (!theirs) return;
  const int64_t common = std::min(mine.vocabulary_size(), theirs->vocabulary_size());
  for (int32_t id = 0; id < common; ++id)
    if (mine.token(id) != theirs->token(id))
      differ(text("token ", id, " is ", in_quotes(mine.token(id)), ", in ", folder, " it is ", in_quotes(theirs->token(id))),
             folder);
  for (const char* probe : {"the Cat SAT on a Mat", "caf\u00e9 na\u00efve \u00dcber", "it's 12,5 %."})
    if (mine.token_ids(probe) != theirs->token_ids(probe))
      differ(text("it cuts ", in_quotes(probe), " in another way (capitals or accents)"), folder);
}

}  // namespace tapedeck
