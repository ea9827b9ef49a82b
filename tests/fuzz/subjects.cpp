// Making the workspace. Next: fuzz.cpp.
#include "subjects.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <stdexcept>

#include <tapedeck/base/error.h>

#include "mutate.h"

namespace tapedeck::fuzz {
namespace {

namespace fs = std::filesystem;
using testing::read_raw, testing::write_raw;

const Words one_step = {"--set", "training.duration=1 steps", "--progress", "plain", "-o", "out"};

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void succeed(const std::string& program, const std::string& folder, const Words& words) {
  const testing::Finished done =
      testing::run_tool(words, {.program = program, .directory = folder, .environment = {"OMP_NUM_THREADS=1"}});
  if (done.exit_code != 0) throw std::runtime_error(words[0] + " " + words[1] + " failed: " + done.err);
}

/// Files that a text names between quotes, those of folders included.
std::set<std::string> named_files(const std::string& text, const fs::path& root) {
  std::set<std::string> files;
  for (size_t at = text.find('"'); at != text.npos; at = text.find('"', at + 1)) {
    const std::string name = text.substr(at + 1, text.find('"', at + 1) - at - 1);
    if (!name.starts_with("data/")) continue;
    if (fs::is_regular_file(root / name)) files.insert(name);
    else if (fs::is_directory(root / name))
      for (const auto& entry : fs::recursive_directory_iterator(root / name))
        if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), root).string());
  }
  return files;
}

/// What `complete` of a checkpoint says about its other files.
std::string manifest(const fs::path& step) {
  std::string out;
  for (const char* part : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string bytes = read_raw((step / part).string());
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08lx", crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    out += text(part, ": ", bytes.size(), " bytes, crc32 ", hex, "\n");
  }
  return out;
}

}  // namespace

Workspace::Workspace(const std::string& source_folder, const std::string& program) {
  const auto over = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
  fs::copy(source_folder + "/configs/smoke", path(), over);
  fs::copy(source_folder + "/tests/fuzz/seeds", path(), over);
  Words names;
  for (const auto& entry : fs::directory_iterator(path()))
    if (entry.path().extension() == ".json") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) add_config(name);
  add_run("tsv", "data/test.tsv", program);
  add_run("spans", "data/spans-test.jsonl", program);
  add_run("multi_label", "data/sets-validation.jsonl", program);
  add_run("bpe", "data/test.txt", program);
  add_tape(program);
  fs::copy(path() + "/runs", path() + "/pristine", over);
}

const std::vector<Subject>& Workspace::subjects(const std::string& kind) const {
  return kind == "config" ? configs_ : kind == "data" ? data_ : kind == "run" ? runs_ : tapes_;
}

void Workspace::add_config(const std::string& name) {
  Subject config{
      "config", name, {}, {{"check", name}, {"show", "--origin", name}, {"look", "list", name}, {"check", "--parameters", name}}};
  config.commands.push_back(joined({"run", name}, one_step));
  configs_.push_back(config);
  for (const std::string& file : named_files(read_raw(path() + "/" + name), path()))
    data_.push_back({"data", file, {}, {{"check", name}, joined({"run", name}, one_step)}});
}

void Workspace::add_run(const std::string& name, const std::string& predicted, const std::string& program) {
  succeed(program, path(),
          {"run", name + ".json", "--set", "training.duration=4 steps", "--set", "evaluation.every=2 steps", "-q", "-o", "made"});
  const std::string folder = "runs/" + name;
  fs::create_directories(path() + "/runs");
  fs::rename(fs::directory_iterator(fs::directory_iterator(path() + "/made")->path())->path(), path() + "/" + folder);
  fs::remove_all(path() + "/made");
  const std::vector<Words> commands = {{"eval", folder},
                                       {"eval", folder, "--checkpoint", "last", "--json"},
                                       {"predict", folder, predicted},
                                       {"resume", folder, "--set", "training.duration=5 steps", "--progress", "plain"},
                                       {"resume", folder}};
  for (const auto& entry : fs::recursive_directory_iterator(path() + "/" + folder))
    if (entry.is_regular_file() && entry.path().filename() != "log.txt")  // what is looked at afterwards
      runs_.push_back({"run", fs::relative(entry.path(), path()).string(), folder, commands});
  data_.push_back({"data", predicted, {}, {{"predict", folder, predicted}, {"eval", folder, "--data", predicted}}});
}

void Workspace::add_tape(const std::string& program) {
  fs::create_directories(path() + "/tapes");
  for (const char* name : {"base", "r_drop"}) {
    const std::string tape = std::string("tapes/") + name + ".tdt";
    succeed(program, path(), {"look", "list", std::string(name) + ".json", "--save", tape, "-o", "out.txt"});
    Subject subject{"tape", tape, {}, {{"look", "diff", "tapes/base.tdt", "tapes/r_drop.tdt"}, {"look", "list", "--json", tape}}};
    for (const char* view : {"list", "saved", "mem", "reach", "flow", "nan", "trace", "verify", "svg", "html", "err"})
      subject.commands.push_back({"look", view, tape});
    tapes_.push_back(subject);
  }
}

std::string Workspace::original(const Subject& subject) const {
  if (subject.folder.empty()) return read_raw(path() + "/" + subject.file);
  return read_raw(path() + "/pristine" + subject.file.substr(4));
}

void Workspace::damage(const Subject& subject, const std::string& bytes, bool seal) const {
  const fs::path file = path() + "/" + subject.file;
  write_raw(file.string(), seal ? resealed(bytes) : bytes);
  if (seal && fs::exists(file.parent_path() / "complete") && file.filename() != "complete")
    write_raw((file.parent_path() / "complete").string(), manifest(file.parent_path()));
}

void Workspace::restore(const Subject& subject) const {
  const std::string folder = path() + "/" + subject.folder;
  fs::remove_all(path() + "/out");
  if (subject.folder.empty()) return;
  fs::remove_all(folder);
  fs::copy(path() + "/pristine" + subject.folder.substr(4), folder, fs::copy_options::recursive);
}

}  // namespace tapedeck::fuzz
