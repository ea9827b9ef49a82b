// "running_text": a text without rows or labels, a stream of tokens. Next: src/tasks/language_model.cpp, which cuts windows.
#include <algorithm>

#include "src/data/file_reader.h"
#include "src/data/unicode.h"

namespace tapedeck {
namespace {

struct RunningTextReader final : FileReader {
  void describe(Fields& f) override {
    describe_files(f);
    describe_encoding(f);
    f("stride", stride_,
      "tokens from the start of one training window to the next: 1 lets them start anywhere; default tokenizer.max_length, so "
      "that an epoch sees every token once")
        .at_least(1);
  }

  Splits read(Key key) const override {
    Splits splits = FileReader::read(key);
    splits.stride = stride_;
    return splits;
  }

 private:
  std::string usual_task() const override { return "language_model"; }
  void parse(const TextFile& file, RowSink& rows) const override {
    if (!file.content.empty()) rows.unlabelled({file.content, "", "", 1});
  }

  /// The end of the text: characters before it never see it.
  void cut_validation(Splits& splits, double share, Key) const override {
    std::string& text = splits.train.rows[0].text;
    const auto characters = int64_t(unicode::count(text)), kept = int64_t(double(characters) * (1 - share));
    if (kept < 1 || kept >= characters) throw empty_share(splits.train.name, share, characters, "characters");
    size_t at = 0;
    for (int64_t i = 0; i < kept; ++i) unicode::next(text, at);
    const auto line = 1 + std::count(text.begin(), text.begin() + std::ptrdiff_t(at), '\n');
    splits.validation = {splits.train.name, {{text.substr(at), "", "", line}}};
    text.resize(at);
  }

  std::optional<int64_t> stride_;
};
TAPEDECK_PART(Reader, RunningTextReader, "running_text",
              "A text as one stream of tokens, each the label of the one before it, seen in windows of tokenizer.max_length "
              "tokens. A validation share is the end of the text.");

}  // namespace
}  // namespace tapedeck
