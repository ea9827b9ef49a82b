// "slots": folders of parallel files, as intent and slot data are published (SNIPS, ATIS): seq.in has a text per line, seq.out a
// tag for each of its words, label the intent. Next: src/tasks/tagging.cpp.
#include <filesystem>

#include "src/data/file_reader.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

struct SlotReader final : FileReader {
  Path dir;
  std::string train = "train", validation = "valid", test = "test", text_file = "seq.in", tag_file = "seq.out",
              label_file = "label";

  void describe(Fields& f) override {
    f("dir", dir, "folder with a folder for each split").required();
    f("train", train, "folder of the training data");
    f("validation", validation, "folder of the validation data; \"\" for none");
    f("test", test, "folder of the test data; \"\" for none");
    f("text", text_file, "file of the texts, words between blanks");
    f("tags", tag_file, "file of the tags, one for each word");
    f("label", label_file, "file of the intents, one for each text; \"\" for none. The task \"classification\" asks for them");
    describe_rows(f, /*labels=*/false);
  }

  std::vector<std::string> files() const override {
    std::vector<std::string> all;
    for (const std::string& texts : FileReader::files())
      for (const std::string& name : {text_file, tag_file, label_file})
        if (const fs::path path = fs::path(texts).parent_path() / name; !name.empty() && fs::exists(path))
          all.push_back(path.string());
    return all;
  }

 private:
  std::string usual_task() const override { return "tagging"; }
  SplitFiles split_files() const override {
    const auto file = [&](const std::string& folder) {
      return folder.empty() ? "" : (fs::path(dir.path) / folder / text_file).string();
    };
    return {file(train), file(validation), file(test)};
  }

  /// The lines of the file beside that of the texts; none where it may be missing.
  std::vector<std::string> beside(const TextFile& file, const std::string& name, bool needed) const {
    const fs::path path = fs::path(file.name).parent_path() / name;
    std::vector<std::string> lines;
    if (name.empty() || (!needed && (!fs::exists(path) || fs::path(file.name).filename() != text_file))) return lines;
    const TextFile other = load_text(path.string(), Encoding::utf8);
    Line line;
    for (Lines all(other.content); all.next(line);) lines.emplace_back(trimmed(line.text));
    return lines;
  }

  void parse(const TextFile& file, RowSink& rows) const override {
    const std::vector<std::string> tags = beside(file, tag_file, rows.labels_needed()), labels = beside(file, label_file, false);
    Line line;
    for (Lines lines(file.content); !rows.full() && lines.next(line);) {
      const auto at = size_t(line.number - 1);
      if (trimmed(line.text).empty()) continue;
      Row row{std::string(trimmed(line.text)), "", at < labels.size() ? labels[at] : "", line.number};
      const bool withheld = at >= tags.size() || (!rows.labels_needed() && (tags[at].empty() || tags[at] == "-1"));
      if (!withheld) row.labels = split(tags[at]);
      const auto words = split(row.text).size();
      if (!row.labels && rows.labels_needed()) rows.bad(line.number, text("there is no such line in ", tag_file), "");
      else if (row.labels && row.labels->size() != words)
        rows.bad(line.number, text(row.labels->size(), " tags for ", words, " words"), "");
      else rows.unlabelled(std::move(row));
    }
  }

  static std::vector<std::string> split(std::string_view line) {
    std::vector<std::string> words;
    for (size_t at = 0; (at = line.find_first_not_of(" \t", at)) != line.npos;) {
      const size_t end = std::min(line.find_first_of(" \t", at), line.size());
      words.emplace_back(line.substr(at, end - at));
      at = end;
    }
    return words;
  }
};
TAPEDECK_PART(Reader, SlotReader, "slots",
              "Folders of parallel files: texts, a tag for each word, an intent for each text (SNIPS, ATIS).");

}  // namespace
}  // namespace tapedeck
