// Saving, pruning and loading checkpoints. Every decision is taken from the folder itself, so a crash at any point leaves
// something that the next run understands. Next: files.h (how bytes reach the disk).
#include "src/train/checkpoint_folder.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "kernels/kernels.h"
#include "src/train/safetensors.h"

namespace tapedeck {
namespace {

constexpr const char* parts[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
constexpr const char* damaged = "use another checkpoint: best.json, last.json and the step folders beside it name them";

std::string checksum(const std::string& path) {
  File file = File::open(path);
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
  return text(size, " bytes, crc32 ", hex);
}

std::string manifest(const std::string& folder) {
  std::string out;
  for (const char* part : parts) out += text(part, ": ", checksum(folder + "/" + part), "\n");
  return out;
}

std::string step_name(int64_t step) {
  const std::string digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with("step-")) return {};
  int64_t step = 0;
  const auto [end, problem] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  if (problem != std::errc{} || end != name.data() + name.size() || step_name(step) != name) return {};
  return step;
}

/// The first parameter with an element that is no number, in a slab laid out like the values; empty when all are.
std::string non_finite_parameter(const ParamStore& store, const Tensor& slab) {
  return dispatch(store.dtype(), [&](auto tag) -> std::string {
    using T = decltype(tag);
    for (auto& p : store.all())
      if (kernels::kernel_table<T>().first_non_finite(p.shape.size(), slab.raw<T>() + p.offset) >= 0) return p.path;
    return {};
  });
}

void refuse_non_finite(const TrainState& state, const ParamStore& store, const std::map<std::string, Tensor>& slabs) {
  std::string what = non_finite_parameter(store, store.values());
  for (auto& [name, slab] : slabs)
    if (what.empty())
      if (const std::string path = non_finite_parameter(store, slab); !path.empty())
        what = path + " (optimizer state " + name + ")";
  if (what.empty()) return;
  throw Error(ErrorKind::non_finite,
              text("after step ", state.step, " parameter ", what, " holds infinity or NaN; this checkpoint is not kept"),
              "lower optimizer.lr or set training.clip_grad_norm; the checkpoint before is still good");
}

/// All diagnostics in one error: the first in the message, the rest below it.
[[noreturn]] void misfit(const std::string& path, const std::vector<std::string>& problems) {
  constexpr size_t shown = 20;
  std::string all;
  for (size_t i = 0; i < problems.size() && i < shown; ++i) all += "\n  " + problems[i];
  if (problems.size() > shown) all += text("\n  and ", problems.size() - shown, " more");
  throw Error(ErrorKind::checkpoint, text(path, ": does not fit this model:", all),
              "use the experiment file that made the checkpoint");
}

/// The optimizer's state and what else is extra_state, as one file holds them.
Carried all_carried(const Optimizer& optimizer, const Carried& extra_state) {
  Carried all = optimizer.state();
  all.insert(extra_state.begin(), extra_state.end());
  return all;
}

void load_carried(const std::string& folder, const Carried& state) {
  const std::string path = folder + "/optimizer.safetensors";
  const SafeTensors file = read_safetensors(path);
  std::vector<std::string> problems;
  const std::map<std::string, Tensor> found(file.tensors.begin(), file.tensors.end());
  for (auto& [name, slab] : state) {
    const auto it = found.find(name);
    if (it == found.end()) problems.push_back(in_quotes(name) + " is missing");
    else if (it->second.shape() != slab.shape() || it->second.dtype() != slab.dtype())
      problems.push_back(text(name, ": ", name_of(it->second.dtype()), it->second.shape().str(), ", but this run has ",
                              name_of(slab.dtype()), slab.shape().str()));
  }
  for (auto& [name, tensor] : file.tensors)
    if (!state.count(name)) problems.push_back("this run has no " + in_quotes(name));
  if (!problems.empty()) misfit(path, problems);
  for (auto& [name, tensor] : file.tensors) state.at(name).copy_from(tensor);
}

void check_same_run(const std::string& folder, const TrainState& found, const TrainState& expected) {
  const auto differ = [&](const char* what, const auto& was, const auto& is) {
    if (was == is) return;
    throw Error(ErrorKind::checkpoint,
                text(folder, ": ", what, " was ", was, " when this checkpoint was written, now it is ", is),
                "resume with the experiment file and data of the run, or start a new run");
  };
  differ("the seed", found.seed, expected.seed);
  differ("the number type", name_of(found.dtype), name_of(expected.dtype));
  differ("the hash of the experiment", found.config_hash, expected.config_hash);
  differ("the hash of the vocabulary", found.vocabulary_hash, expected.vocabulary_hash);
}

}  // namespace

void verify_checkpoint(const std::string& folder) {
  const std::string path = folder + "/complete";
  try {
    if (read_file(path) == manifest(folder)) return;
  } catch (const Error& e) { throw Error(ErrorKind::checkpoint, text("the checkpoint is incomplete: ", e.message()), damaged); }
  const std::string said = read_file(path);
  for (const char* part : parts)
    if (said.find(text(part, ": ", checksum(folder + "/" + part), "\n")) == said.npos)
      throw Error(ErrorKind::checkpoint, text(folder, "/", part, ": size or checksum differ from what was written"), damaged);
  throw Error(ErrorKind::checkpoint, text(path, ": is damaged"), damaged);
}

CheckpointFolder::CheckpointFolder(const std::string& run_folder, const CheckpointOptions::Keep& keep, std::string metric)
    : folder_(run_folder + "/checkpoints"), keep_(keep), metric_(std::move(metric)) {}

std::string CheckpointFolder::path_of(int64_t step) const { return folder_ + "/" + step_name(step); }

std::vector<int64_t> CheckpointFolder::steps() const {
  std::vector<int64_t> all;
  for (auto& name : list_folder(folder_))
    if (const auto step = step_of(name)) all.push_back(*step);
  std::sort(all.begin(), all.end());
  return all;
}

std::string CheckpointFolder::save(const TrainState& state, const ParamStore& store, const Optimizer& optimizer,
                                   const Carried& extra_state) {
  const Carried slabs = all_carried(optimizer, extra_state);
  refuse_non_finite(state, store, optimizer.state());
  make_folders(folder_);
  for (auto& name : list_folder(folder_))
    if (is_hidden_leftover(name)) remove_all(folder_ + "/" + name);
  const std::string path = path_of(state.step), hidden = hidden_name(path);
  try {
    make_folders(hidden);
    NamedTensors tensors;
    for (auto& p : store.all()) tensors.emplace_back(p.path, p.value);
    write_file(hidden + "/model.safetensors", [&](File& file) { write_tensors(file, tensors, {{"format", "tapedeck"}}); });
    write_file(hidden + "/optimizer.safetensors", [&](File& file) { write_tensors(file, {slabs.begin(), slabs.end()}); });
    write_file(hidden + "/state.json", [&](File& file) { file.write(state.to_json()); });
    write_file(hidden + "/complete", [&](File& file) { file.write(manifest(hidden)); });
    sync_folder(hidden);
    if (list_folder(path).empty()) rename_path(hidden, path);
    else exchange_paths(hidden, path);
  } catch (...) {
    remove_quietly(hidden);
    throw;
  }
  sync_folder(folder_);
  remove_all(hidden);  // what was exchanged, if anything
  if (keep_.best > 0 && !state.ranking.empty()) point("best", state.ranking[0].step, state.ranking[0].value);
  std::optional<double> value;
  if (const auto split = state.last.find("validation"); split != state.last.end())
    if (const auto it = split->second.find(metric_.substr(metric_.find('/') + 1)); it != split->second.end()) value = it->second;
  point("last", state.step, value);
  prune(state);
  return path;
}

void CheckpointFolder::point(const std::string& which, int64_t step, std::optional<double> value) const {
  Json json = Json::dict();
  json.set("path", Json::of(step_name(step)));
  json.set("metric", Json::of(metric_));
  json.set("value", value ? Json::of(*value) : Json{});
  json.set("step", Json::of(step));
  const std::string path = folder_ + "/" + which + ".json", content = json.dump(-1) + "\n";
  const auto names = list_folder(folder_);
  if (std::binary_search(names.begin(), names.end(), which + ".json") && read_file(path) == content) return;
  write_file_atomically(path, content);
}

void CheckpointFolder::prune(const TrainState& state) const {
  const auto all = steps();
  const int64_t last = std::max<int64_t>(1, keep_.last);  // the one just written is needed to resume
  const int64_t newer = std::count_if(all.begin(), all.end(), [&](int64_t s) { return s > state.step; });
  const int64_t first_kept = int64_t(all.size()) - newer - last;
  for (int64_t i = 0; i < int64_t(all.size()); ++i) {
    const int64_t step = all[size_t(i)];
    if (step <= state.step && i >= first_kept) continue;
    const auto best = std::span(state.ranking).first(std::min(state.ranking.size(), size_t(keep_.best)));
    if (std::any_of(best.begin(), best.end(), [&](auto& r) { return r.step == step; })) continue;
    const std::string hidden = hidden_name(path_of(step));
    rename_path(path_of(step), hidden);
    remove_all(hidden);
  }
}

std::optional<TrainState> CheckpointFolder::resume(const TrainState& expected, ParamStore& store, Optimizer& optimizer,
                                                   const std::function<void(const std::string&)>& note,
                                                   const Carried& extra_state) {
  auto all = steps();
  if (all.empty()) return {};
  std::string first_problem;
  for (; !all.empty(); all.pop_back()) {
    const std::string folder = path_of(all.back());
    try {
      verify_checkpoint(folder);
    } catch (const Error& e) {
      if (first_problem.empty()) first_problem = e.message();
      note("skipping " + step_name(all.back()) + ": " + e.message());
      continue;
    }
    TrainState state = TrainState::from_json(read_file(folder + "/state.json"), folder + "/state.json");
    check_same_run(folder, state, expected);
    load_parameters(folder, store);
    load_carried(folder, all_carried(optimizer, extra_state));
    return state;
  }
  throw Error(ErrorKind::checkpoint, text(folder_, ": every checkpoint is damaged; the newest: ", first_problem),
              "start a new run");
}

Tensor load_values(const std::string& checkpoint_folder, const ParamStore& store) {
  verify_checkpoint(checkpoint_folder);
  const std::string path = checkpoint_folder + "/model.safetensors";
  const SafeTensors file = read_safetensors(path);
  std::map<std::string_view, const Tensor*> found;
  for (auto& [name, tensor] : file.tensors) found.emplace(name, &tensor);
  std::vector<std::string> problems;
  for (auto& p : store.all()) {
    const auto it = found.find(p.path);
    if (it == found.end()) problems.push_back("parameter " + p.path + " is missing");
    else if (it->second->shape() != p.shape)
      problems.push_back(
          text("parameter ", p.path, " has shape ", it->second->shape().str(), ", the model needs ", p.shape.str()));
    else if (!is_floating(it->second->dtype()))
      problems.push_back(
          text("parameter ", p.path, " holds ", name_of(it->second->dtype()), ", the model needs ", name_of(store.dtype())));
  }
  for (auto& [name, tensor] : file.tensors)
    if (!store.find(name)) problems.push_back("the model has no parameter " + name);
  if (!problems.empty()) misfit(path, problems);
  const Tensor values = Tensor::zeros(store.values().shape(), store.dtype());
  for (auto& p : store.all()) {
    const Tensor& value = *found.at(p.path);
    store.window(values, p).copy_from(value.dtype() == store.dtype() ? value : value.to(store.dtype()));
  }
  return values;
}

void load_parameters(const std::string& checkpoint_folder, ParamStore& store) {
  store.values().copy_from(load_values(checkpoint_folder, store));
}

std::string find_checkpoint(const std::string& run_folder, const std::string& which) {
  const std::string folder = run_folder + "/checkpoints", path = folder + "/" + which + ".json";
  const char* hint = "the run kept no such checkpoint: see checkpoints.keep, or name a step folder";
  if (step_of(which) && !list_folder(folder + "/" + which).empty()) return folder + "/" + which;
  try {
    const Json json = parse_json(read_file(path), path);
    const auto* member = json.find("path");
    if (member && member->value.is(Json::Kind::string) && step_of(member->value.string))
      return folder + "/" + member->value.string;
  } catch (const Error& e) { throw Error(ErrorKind::checkpoint, e.message(), hint); }
  throw Error(ErrorKind::checkpoint, text(path, ": names no checkpoint"), hint);
}

}  // namespace tapedeck
