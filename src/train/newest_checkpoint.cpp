// Checksums, names and the search for the newest whole checkpoint. Next: checkpoint_folder.cpp, which writes what is found here.
#include "src/train/newest_checkpoint.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/train/checkpoint.h>
#include <tapedeck/train/trainer.h>

#include "src/train/files.h"

namespace tapedeck {
namespace {

constexpr const char* parts[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
constexpr const char* damaged = "use another checkpoint: best.json, last.json and the step folders beside it name them";

/// "state.json: 512 bytes, crc32 0a1b2c3d".
std::string manifest_line(const std::string& folder, const char* part) {
  File file = File::open(folder + "/" + part);
  std::vector<std::byte> buffer(size_t{1} << 16);
  unsigned long sum = crc32(0, nullptr, 0);
  const int64_t size = file.size();
  for (int64_t left = size; left > 0;) {
    const size_t n = size_t(std::min<int64_t>(left, int64_t(buffer.size())));
    file.read(std::span(buffer).first(n));
    sum = crc32(sum, reinterpret_cast<const Bytef*>(buffer.data()), unsigned(n));
    left -= int64_t(n);
  }
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08lx", sum);
  return text(part, ": ", size, " bytes, crc32 ", hex, "\n");
}

void verify_part(const std::string& folder, const std::string& said, const char* part) {
  if (said.find(manifest_line(folder, part)) == said.npos)
    throw Error(ErrorKind::checkpoint, text(folder, "/", part, ": size or checksum differ from what was written"), damaged);
}

/// What a file that is missing or cannot be read means here.
template <class Body>
auto or_incomplete(Body&& body) {
  try {
    return body();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::data) throw;
    throw Error(ErrorKind::checkpoint, text("the checkpoint is incomplete: ", e.message()), damaged);
  }
}

/// state.json of a folder whose files are known to be as they were written.
TrainState trusted_state(const std::string& folder) {
  const std::string path = folder + "/state.json";
  TrainState state = TrainState::from_json(read_file(path), path);
  const std::string name = folder.substr(folder.rfind('/') + 1);
  if (step_of(name) && *step_of(name) != state.step)
    throw Error(ErrorKind::checkpoint, text(path, ": step is ", state.step, ", but the folder is ", name),
                "the folder was renamed or the file was changed; remove the folder to go on from the checkpoint before it");
  return state;
}

}  // namespace

std::string checkpoints_folder(const std::string& run_folder) { return run_folder + "/checkpoints"; }

std::string step_name(int64_t step) {
  const std::string digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with("step-")) return {};
  int64_t step = 0;
  const auto [end, problem] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  if (problem != std::errc{} || end != name.data() + name.size() || step < 0 || step_name(step) != name) return {};
  return step;
}

std::vector<int64_t> checkpoint_steps(const std::string& checkpoints) {
  std::vector<int64_t> all;
  for (auto& name : list_folder(checkpoints))
    if (const auto step = step_of(name)) all.push_back(*step);
  std::sort(all.begin(), all.end());
  return all;
}

std::string checkpoint_manifest(const std::string& step_folder) {
  std::string all;
  for (const char* part : parts) all += manifest_line(step_folder, part);
  return all;
}

void verify_checkpoint(const std::string& step_folder) {
  const std::string path = step_folder + "/complete";
  or_incomplete([&] {
    const std::string said = read_file(path);
    if (said == checkpoint_manifest(step_folder)) return;
    for (const char* part : parts) verify_part(step_folder, said, part);
    throw Error(ErrorKind::checkpoint, text(path, ": is damaged"), damaged);
  });
}

namespace {

/// state.json alone.
void verify_state(const std::string& step_folder) {
  or_incomplete([&] { verify_part(step_folder, read_file(step_folder + "/complete"), "state.json"); });
}

/// Throws Error{checkpoint} for a step folder that is not whole.
using Check = std::function<void(const std::string& step_folder)>;

std::optional<TrainState> newest_state(const std::string& run_folder, const Check& check, const Note& note) {
  const std::string folder = checkpoints_folder(run_folder);
  std::string first_problem;
  for (auto all = checkpoint_steps(folder); !all.empty(); all.pop_back()) {
    const std::string name = step_name(all.back()), path = folder + "/" + name;
    try {
      check(path);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::checkpoint) throw;
      if (first_problem.empty()) first_problem = e.message();
      if (note) note("skipping " + name + ": " + e.message());
      continue;
    }
    return trusted_state(path);
  }
  if (first_problem.empty()) return {};
  throw Error(ErrorKind::checkpoint, text(folder, ": every checkpoint is damaged; the newest: ", first_problem),
              "start a new run");
}

}  // namespace

std::optional<TrainState> newest_checkpoint(const std::string& run_folder, const Note& note) {
  return newest_state(run_folder, verify_checkpoint, note);
}

// Which checkpoint is the best is said by the newest state.json that is whole; whoever loads the checkpoint checks the rest of
// it.
std::string find_checkpoint(const std::string& run_folder, const std::string& which, const Note& note) {
  const std::string folder = checkpoints_folder(run_folder);
  const auto kept = [&](int64_t step) { return !list_folder(folder + "/" + step_name(step)).empty(); };
  if (const auto step = step_of(which); step && kept(*step)) return folder + "/" + which;
  if (const auto newest = newest_state(run_folder, verify_state, note)) {
    std::optional<int64_t> step;
    if (which == "last") step = newest->step;
    if (which == "best" && !newest->ranking.empty()) step = newest->ranking[0].step;
    if (step && kept(*step)) return folder + "/" + step_name(*step);
  }
  throw Error(ErrorKind::checkpoint, text(run_folder, " keeps no ", which, " checkpoint"),
              "the run kept no such checkpoint: see checkpoints.keep, or name a step folder");
}

bool has_checkpoint(const std::string& run_folder, const std::string& which) {
  try {
    return !find_checkpoint(run_folder, which).empty();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::checkpoint) throw;
    return false;
  }
}

}  // namespace tapedeck
