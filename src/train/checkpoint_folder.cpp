// Saving, pruning and loading checkpoints. Every decision is taken from the folder itself, so a crash at any point leaves
// something that the next run understands. Next: files.h (how bytes reach the disk).
#include "src/train/checkpoint_folder.h"

#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "kernels/kernels.h"
#include "src/train/files.h"
#include "src/train/safetensors.h"

namespace tapedeck {
namespace {

/// The first parameter with an element that is no number, in a slab laid out like the values; empty when all are.
std::string non_finite_parameter(const ParamStore& store, const Tensor& slab) {
  return dispatch(store.dtype(), [&](auto tag) -> std::string {
    using T = decltype(tag);
    for (auto& p : store.all())
      if (kernels::kernel_table<T>().first_non_finite(p.shape.size(), slab.raw<T>() + p.offset) >= 0) return p.path;
    return {};
  });
}

void refuse_non_finite(const TrainState& state, const ParamStore& store, const std::map<std::string, Tensor>& slabs,
                       bool has_other) {
  std::string what = non_finite_parameter(store, store.values());
  for (auto& [name, slab] : slabs)
    if (what.empty())
      if (const std::string path = non_finite_parameter(store, slab); !path.empty())
        what = path + " (optimizer state " + name + ")";
  if (what.empty()) return;
  throw Error(
      ErrorKind::non_finite,
      text("after step ", state.step, " parameter ", what, " holds infinity or NaN; this checkpoint is not kept"),
      text("lower optimizer.lr or set training.clip_grad_norm", has_other ? "; the checkpoint before is still good" : ""));
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

CheckpointFolder::CheckpointFolder(const std::string& run_folder, const CheckpointOptions::Keep& keep, std::string metric,
                                   Note note)
    : run_folder_(run_folder),
      folder_(checkpoints_folder(run_folder)),
      keep_(keep),
      metric_(std::move(metric)),
      note_(std::move(note)) {}

std::string CheckpointFolder::path_of(int64_t step) const { return folder_ + "/" + step_name(step); }

std::string CheckpointFolder::save(const TrainState& state, const ParamStore& store, const Optimizer& optimizer,
                                   const Carried& extra_state) {
  const Carried slabs = all_carried(optimizer, extra_state);
  refuse_non_finite(state, store, optimizer.state(), !checkpoint_steps(folder_).empty());
  make_folders(folder_);
  const std::string path = path_of(state.step), hidden = hidden_name(path);
  try {
    make_folders(hidden);
    NamedTensors tensors;
    for (auto& p : store.all()) tensors.emplace_back(p.path, p.value);
    write_file(hidden + "/model.safetensors", [&](File& file) { write_tensors(file, tensors, {{"format", "tapedeck"}}); });
    write_file(hidden + "/optimizer.safetensors", [&](File& file) { write_tensors(file, {slabs.begin(), slabs.end()}); });
    write_file(hidden + "/state.json", [&](File& file) { file.write(state.to_json()); });
    write_file(hidden + "/complete", [&](File& file) { file.write(checkpoint_manifest(hidden)); });
    sync_folder(hidden);
    if (list_folder(path).empty()) rename_path(hidden, path);
    else exchange_paths(hidden, path);
  } catch (...) {
    remove_quietly(hidden);
    throw;
  }
  sync_folder(folder_);
  settle(state);
  prune_newer(state.step);
  return path;
}

void CheckpointFolder::settle(const TrainState& state) const {
  const bool best = keep_.best > 0 && !state.ranking.empty();
  if (best) point("best", state.ranking[0].step, state.ranking[0].value);
  else tidy([&] { remove_all(folder_ + "/best.json"); });
  std::optional<double> value;
  if (const auto split = state.last.find("validation"); split != state.last.end())
    if (const auto it = split->second.find(metric_.substr(metric_.find('/') + 1)); it != split->second.end()) value = it->second;
  point("last", state.step, value);
  tidy([&] { sweep_leftovers(folder_); });
  prune(state);
}

std::optional<int64_t> CheckpointFolder::settle() const {
  tidy([&] { sweep_leftovers(folder_); });
  const auto state = newest_checkpoint(run_folder_, note_);
  if (!state) return {};
  settle(*state);
  return state->step;
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

/// Superfluous files harm nobody: what cannot be removed is said, and tried again after the next save or on resume.
void CheckpointFolder::tidy(const std::function<void()>& removal) const {
  try {
    removal();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::data) throw;
    if (note_) note_(text("warning: ", e.message(), "; the checkpoints are good, and it is tried again later"));
  }
}

/// Hidden first, so that a step folder is whole or not there.
void CheckpointFolder::remove_step(int64_t step) const {
  tidy([&] {
    const std::string hidden = hidden_name(path_of(step));
    rename_path(path_of(step), hidden);
    remove_all(hidden);
  });
}

void CheckpointFolder::prune(const TrainState& state) const {
  auto all = checkpoint_steps(folder_);
  std::erase_if(all, [&](int64_t step) { return step > state.step; });
  all.resize(all.size() -
             std::min(all.size(), size_t(std::max<int64_t>(1, keep_.last))));  // the last ones stay: resume needs one
  const auto best = std::span(state.ranking).first(std::min(state.ranking.size(), size_t(keep_.best)));
  for (int64_t step : all)
    if (std::none_of(best.begin(), best.end(), [&](auto& r) { return r.step == step; })) remove_step(step);
}

/// Damaged ones, which a resumed run passed over and now has overtaken.
void CheckpointFolder::prune_newer(int64_t than) const {
  for (int64_t step : checkpoint_steps(folder_))
    if (step > than) remove_step(step);
}

std::optional<TrainState> CheckpointFolder::resume(const TrainState& expected, ParamStore& store, Optimizer& optimizer,
                                                   const Carried& extra_state) {
  tidy([&] { sweep_leftovers(folder_); });
  auto state = newest_checkpoint(run_folder_, note_);
  if (!state) {
    for (const char* pointer : {"/best.json", "/last.json"}) tidy([&] { remove_all(folder_ + pointer); });
    return {};
  }
  const std::string folder = path_of(state->step);
  check_same_run(folder, *state, expected);
  load_parameters(folder, store);
  load_carried(folder, all_carried(optimizer, extra_state));
  settle(*state);
  return state;
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

}  // namespace tapedeck
