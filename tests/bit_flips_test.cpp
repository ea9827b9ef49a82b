// One bit is turned in every file of a run folder, and what reads the folder afterwards (eval and predict, resume of a run that
// was stopped, resume of one that is finished) either says which file is damaged, or tells the same story to the last digit.
// TAPEDECK_EVERY_BIT=1 turns every bit of the small files. Next: fuzz/fuzz.cpp for damage of every other sort.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include <tapedeck/base/error.h>
#include <tapedeck/base/random.h>
#include <tapedeck/run/run.h>
#include <tapedeck/train/checkpoint.h>

#include "kernels/parallel.h"
#include "src/train/checked_json.h"
#include "support/run_contents.h"
#include "support/run_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

constexpr const char* experiment = R"({
  "name": "flips",
  "data": {"type": "labelled_lines", "train": "train.txt", "validation": "validation.txt"},
  "tokenizer": {"type": "word", "max_length": 8},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 4, "heads": 1, "feed_forward": 4}},
  "training": {"duration": "4 steps", "batch_size": 4},
  "evaluation": {"every": "2 steps"},
  "checkpoints": {"every": "2 steps"},
  "logging": {"every": "1 steps"},
  "runtime": {"threads": 1}
})";

RunOptions quiet(std::string output = "") { return {.output = std::move(output), .progress = ProgressMode::none}; }

std::string story(const std::map<std::string, double>& values) {
  std::string out;
  for (auto& [name, value] : values) out += " " + name + "=" + hexadecimal(value);
  return out + "\n";
}

/// Numbers of a checkpoint and the answers it gives.
std::string used(const std::string& folder, const std::string& input, bool silently = true) {
  std::string out;
  for (const char* which : {"best", "last"}) {
    const auto run = open_run(folder, which);
    if (silently && !run->notes.empty()) throw Error(ErrorKind::checkpoint, run->notes[0], "said on the screen");
    for (auto& [split, values] : evaluate_splits(*run)) out += split + story(values);
    predict_file(*run, input, [&](const std::string& line) { out += line + "\n"; });
  }
  return out;
}

std::string went_on(const std::string& folder) {
  std::string out;
  for (const SeedResult& seed : resume_run(folder, quiet()).seeds)
    out += story(seed.best) + story(seed.last) + text(seed.steps, " ", seed.stop_reason, "\n");
  return out;
}

/// ... and everything it leaves behind that does not hold times.
std::string finished(const std::string& folder) {
  std::string out = went_on(folder);
  REQUIRE_MESSAGE(fs::exists(folder + "/metrics.json"), out);
  out += figures(folder).dump() + records(folder);
  for (auto& [name, bytes] : last_checkpoint(folder)) out += name + bytes;
  return out + read_raw(folder + "/predictions/validation-best.jsonl");
}

struct FolderUse {
  const char* what;
  std::string folder;
  std::function<std::string(const std::string& folder)> story;
  bool writes;  // so every trial needs a folder of its own
};

struct Count {
  int64_t flips = 0, detected = 0, same = 0;
};

class Trials {
 public:
  Trials(const FolderUse& use, const std::string& scratch) : use_(use), scratch_(scratch) {
    prepare();
    expected_ = use_.story(place());
  }

  void flip(const std::string& file, size_t bit, Count& count) {
    if (use_.writes) prepare();
    const std::string path = place() + "/" + file, good = read_raw(path);
    CAPTURE(file);
    CAPTURE(bit);
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
    write_raw(path, bad);
    ++count.flips;
    try {
      const std::string told = use_.story(place());
      CHECK_MESSAGE(told == expected_, use_.what, ": ", file, ": bit ", bit % 8, " of byte ", bit / 8, " changes what is said");
      ++count.same;
    } catch (const Error& e) {
      ++count.detected;
      const std::string said = e.what(), name = fs::path(file).filename().string();
      const bool named = said.find(name) != said.npos || said.find("checkpoints") != said.npos;
      CHECK_MESSAGE(named, use_.what, ": ", file, ": bit ", bit % 8, " of byte ", bit / 8, ": ", said);
      CHECK_MESSAGE((exit_code(e.kind()) >= 3 && exit_code(e.kind()) <= 5), said);
      CHECK_MESSAGE((!e.hint().empty() || said.starts_with("error TD")), said);  // diagnostics hold their hints
    }
    if (!use_.writes) write_raw(path, good);
  }

 private:
  std::string place() const { return use_.writes ? scratch_ : use_.folder; }
  void prepare() {
    if (!use_.writes) return;
    fs::remove_all(scratch_);
    fs::copy(use_.folder, scratch_, fs::copy_options::recursive);
  }
  const FolderUse& use_;
  std::string scratch_, expected_;
};

/// A run of four steps, and one that was stopped after the third, its last checkpoint after the second.
struct Runs {
  TempFolder folder{Medium::memory};
  std::string whole, stopped;

  Runs() {
    std::string lines;
    for (int i = 0; i < 12; ++i) lines += i % 2 ? "good what a fine day\n" : text("bad it rains ", i, "\n");
    write_raw(folder / "train.txt", lines);
    write_raw(folder / "validation.txt", "good what a day\nbad it rains again\ngood fine\nbad rains\n");
    write_raw(folder / "experiment.json", experiment);
    whole = run_experiment(folder / "experiment.json", quiet(folder / "whole")).folder;
    RunOptions options = quiet(folder / "stopped");
    struct Killed {};
    options.after_step = [](int64_t step) {
      if (step == 3) throw Killed();
    };
    try {
      run_experiment(folder / "experiment.json", options);
    } catch (const Error&) {}  // a throw of the observer's ends the run as failed
    stopped = fs::directory_iterator(fs::directory_iterator(folder / "stopped")->path())->path().string();
  }
};

}  // namespace

TEST_CASE("a bit that turns in a run folder is found, or changes nothing") {
  const Runs runs;
  const std::string input = runs.folder / "validation.txt";
  const bool every = std::getenv("TAPEDECK_EVERY_BIT") != nullptr;
  const FolderUse uses[] = {
      {"eval and predict", runs.whole, [&](const std::string& folder) { return used(folder, input); }, false},
      {"resume of a stopped run", runs.stopped, finished, true},
      {"resume of a finished run", runs.whole, went_on, true},
  };
  Count all;
  for (const FolderUse& use : uses) {
    Trials trials(use, runs.folder / "trial");
    for (const auto& [file, bytes] : contents(use.folder)) {
      if (use.writes && (file.ends_with("last.json") || file.ends_with("metrics.jsonl"))) continue;  // without a checksum
      const Key key = root_key(1) / use.what / file;
      const size_t bits = 8 * bytes.size(), most = every ? (bytes.size() < 4096 ? bits : 4096) : use.writes ? 24 : 96;
      Count count;
      for (size_t i = 0; i < std::min(bits, most); ++i)
        trials.flip(file, bits <= most ? i : size_t(random_below(key, i, bits)), count);
      if (every)
        MESSAGE(use.what, ": ", file, ": ", count.flips, " bits, ", count.detected, " found, ", count.same, " without effect");
      all.flips += count.flips, all.detected += count.detected, all.same += count.same;
    }
  }
  MESSAGE(all.flips, " bits turned, ", all.detected, " found, ", all.same, " without effect");
  CHECK(all.detected > 500);
}

TEST_CASE("labels of another task are refused, whatever their checksum says") {
  const Runs runs;
  for (const char* labels : {R"({"labels": ["bad", "good"], "task": "spans", "pairs": false})",
                             R"({"labels": ["bad", "good"], "task": "tagging", "pairs": false})",
                             R"({"labels": [], "task": "regression", "pairs": false})", R"({"labels": ["bad"]})", "[1]", "{}"}) {
    CAPTURE(labels);
    write_raw(runs.whole + "/labels.json", with_checksum(parse_json(labels, "test")));
    try {
      used(runs.whole, runs.folder / "validation.txt");
      FAIL_CHECK("no error");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::checkpoint);
      CHECK_FALSE(e.hint().empty());
    }
  }
}

TEST_CASE("any JSON may have a checksum, and comes back as it was") {
  const TempFolder folder;
  for (const char* content : {"{}", "[1, 2]", "\"text\"", "3", "null", R"({"a": {"crc32": "x"}})", R"({"content": [1]})",
                              R"({"content": {"content": 1}, "b": "\"crc32\": \"12345678\""})"}) {
    CAPTURE(content);
    const Json json = parse_json(content, "test");
    write_raw(folder / "x.json", with_checksum(json));
    CHECK(read_checked_json(folder / "x.json").dump() == json.dump());
    std::string damaged = with_checksum(json);
    for (size_t bit = 0; bit < 8 * damaged.size(); ++bit) {
      damaged[bit / 8] = char(damaged[bit / 8] ^ (1 << bit % 8));
      write_raw(folder / "x.json", damaged);
      int notes = 0;
      try {
        const Json read = read_checked_json(folder / "x.json", [&](const std::string&) { ++notes; });
        CHECK(notes == 1);  // the bit was one of the name of the checksum
      } catch (const Error& e) { CHECK(e.kind() == ErrorKind::checkpoint); }
      damaged[bit / 8] = char(damaged[bit / 8] ^ (1 << bit % 8));
    }
  }
}

TEST_CASE("run folders without checksums are read, and it is said") {
  const Runs runs;
  const std::string input = runs.folder / "validation.txt", expected = used(runs.whole, input);
  CHECK(open_run(runs.whole, "best")->notes.empty());
  for (const char* file : {"/resolved.json", "/labels.json", "/tokenizer.json", "/metrics.json"}) {
    const std::string content = read_raw(runs.whole + file);
    const size_t at = content.rfind(",\n  \"crc32\": \"");
    REQUIRE(at != content.npos);
    write_raw(runs.whole + file, content.substr(0, at) + "\n}\n");
  }
  CHECK(used(runs.whole, input, false) == expected);
  const auto notes = open_run(runs.whole, "best")->notes;
  CHECK(notes.size() == 3);
  for (const std::string& note : notes) CHECK(note.find("has no checksum") != note.npos);
  CHECK(resume_run(runs.whole, quiet()).nothing_left);
}
