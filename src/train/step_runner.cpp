// The order of a step matters: nothing is written to a parameter before loss and gradient are known to be finite.
// Next: trainer.cpp.
#include "src/train/step_runner.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/look/views.h>
#include <tapedeck/train/checkpoint.h>

namespace tapedeck {
namespace {

void zero_gradients(const ParamStore& store) {
  const Tensor& g = store.gradients();
  std::fill_n(g.raw<uint8_t>(), size_t(g.size()) * size_of(g.dtype()), uint8_t{0});
}

/// The folder itself, or the best checkpoint of a run folder.
std::string checkpoint_in(const std::string& folder) {
  return std::filesystem::exists(folder + "/checkpoints") ? find_checkpoint(folder, "best") : folder;
}

}  // namespace

void check_sites(const Objective& objective, const Model& model, const ParamStore& store) {
  const std::vector<std::string> sites = model.sites();
  for (const std::string& site : objective.sites()) {
    if (store.find(site) || std::find(sites.begin(), sites.end(), site) != sites.end()) continue;
    std::vector<std::string> known = store.paths();
    known.insert(known.begin(), sites.begin(), sites.end());
    throw Error(ErrorKind::config, text("the model has no site or parameter ", in_quotes(site)),
                text(suggest(site, known), " sites: ", join(sites),
                     store.all().empty() ? "" : "; or a parameter such as " + store.all()[0].path));
  }
}

void check_loss(const Loss& loss, const Dataset& train) {
  const Task& task = task_of(train);
  const std::string problem = mismatch(loss, task);
  if (problem.empty()) return;
  throw Error(ErrorKind::config, problem,
              text("use the loss ", in_quotes(task.defaults().loss), "; ", name_of(loss.answer()),
                   " as labels: ", task_asking(loss.answer())->defaults().data));
}

void check_micro_batches(const TrainingOptions& training, const Objective& objective) {
  if (!training.micro_batch_size || *training.micro_batch_size >= training.batch_size) return;
  if (!objective.couples_examples() || !objective.second_order()) return;
  throw Error(ErrorKind::config,
              text("training.micro_batch_size ", *training.micro_batch_size, " does not go with this objective: its examples ",
                   "influence each other and it differentiates a gradient, which needs the rows of the whole batch of ",
                   training.batch_size),
              "remove micro_batch_size, or lower batch_size");
}

void check_setup(const TrainSetup& setup) {
  if (setup.train->size() == 0) throw Error(ErrorKind::data, "the training split is empty", "check data.train");
  if (setup.objective->needs_labels()) check_loss(setup.objective->task(), *setup.train);
  check_micro_batches(*setup.training, *setup.objective);
  setup.training->sampler->check(*setup.train, setup.training->batch_size);
  check_sites(*setup.objective, *setup.model, *setup.store);
}

void begin_objectives(const TrainSetup& setup) {
  const Task& task = task_of(*setup.train);
  const SetupContext context{
      *setup.store, setup.train->size(), task.answer().rows == Rows::sequences ? task.outputs(0) : 0,
      [&store = *setup.store](const std::string& folder) { return load_values(checkpoint_in(folder), store); }};
  for (auto& [place, objective] : with_inner(*setup.objective)) objective->begin(context);
}

std::map<std::string, Tensor> objective_state(const TrainSetup& setup) {
  std::map<std::string, Tensor> all;
  for (auto& [place, objective] : with_inner(*setup.objective))
    for (auto& [name, tensor] : objective->extra_state())
      all.emplace(text("objective.", place, place.empty() ? "" : ".", name), tensor);
  return all;
}

StepRunner::StepRunner(const TrainSetup& setup) : setup_(setup) {
  check_setup(setup);
  micro_batch_ = std::min(setup.training->batch_size, setup.training->micro_batch_size.value_or(setup.training->batch_size));
  setup.optimizer->bind(*setup.store);
  setup.schedule->base_lr = setup.optimizer->lr;
  penalties_.bind(*setup.store, setup.training->penalties);
  zero_gradients(*setup.store);
  tape_.keep(setup.objective->second_order() ? Keep::all : Keep::needed);
  begin_objectives(setup);
  for (auto& [place, objective] : with_inner(*setup.objective)) objectives_.push_back(objective);
}

double StepRunner::total_weight(std::span<const int64_t> order) const {
  double total = 0;
  for (int64_t i : order) total += task_of(*setup_.train).weight(setup_.objective->task(), *setup_.train, i);
  return total;
}

double StepRunner::add_gradients(Tape& tape, std::span<const int64_t> order, int64_t number, StepRecord& record) {
  const Key key = root_key(setup_.seed) / "step" / number;
  const double weight = total_weight(order);
  const auto size = int64_t(order.size());
  double loss = 0;
  for (auto& [name, value] : record.reports) value = 0;
  const bool together = setup_.objective->couples_examples();  // one step of the whole batch, whose passes go in pieces
  const int64_t share = together ? size : micro_batch_;
  for (int64_t begin = 0; begin < size; begin += share) {
    Batch batch = collate(*setup_.train, order, begin, std::min(size, begin + share), setup_.store->dtype());
    batch.total_weight = weight;
    tape.clear();
    Step step(tape, *setup_.model, *setup_.store, setup_.objective->task(), batch, key, number, Mode::train,
              together ? micro_batch_ : 0);
    loss += setup_.objective->run(step);
    for (auto& [name, value] : step.reports()) record.reports[name] += value;  // like the loss: shares that add up
    if (begin + share < size) continue;
    std::erase_if(record.reports, [&](auto& entry) { return entry.first != "penalty" && !step.reports().contains(entry.first); });
  }
  tape.clear();
  return loss;
}

void StepRunner::run(std::span<const int64_t> order, int64_t number, double factor, StepRecord& record) {
  const double loss = add_gradients(tape_, order, number, record);
  if (!penalties_.empty()) record.reports["penalty"] = penalties_.add_gradients();
  const double norm = gradient_norm(*setup_.store);
  if (!std::isfinite(loss) || !std::isfinite(norm)) explain(order, number, loss, norm, record);
  const double limit = setup_.training->clip_grad_norm.value_or(norm);
  update(factor, norm > limit ? limit / norm : 1, number + 1);
  penalties_.project();
  for (Objective* objective : objectives_) objective->updated(*setup_.store, number);
  record.step = number + 1;
  record.loss = loss;
  record.lr = setup_.optimizer->lr * factor;
  record.grad_norm = norm;
}

void StepRunner::update(double factor, double grad_scale, int64_t step) {
  if (!tape_listener) return setup_.optimizer->update(factor, grad_scale, step);
  std::vector<Tensor> values, gradients;
  for (auto& p : setup_.store->all())
    if (p.trainable) values.push_back(p.value), gradients.push_back(p.gradient);
  tape_listener->updating("update", values, gradients);
  setup_.optimizer->update(factor, grad_scale, step);
  tape_listener->updated();
}

void name_parameters(Recorder& recorder, const ParamStore& store) {
  for (auto& p : store.all()) recorder.name_parameter(p.value, p.trainable ? p.gradient : Tensor{}, p.path, p.trainable);
}

/// The answer of `look nan` for this step, recorded while it is computed again; the recording stays in the run folder.
std::string StepRunner::trace_back(std::span<const int64_t> order, int64_t number, StepRecord& record) {
  Recorder recorder;
  name_parameters(recorder, *setup_.store);
  add_gradients(tape_, order, number, record);
  Recording recording = recorder.finish();
  recording.places = setup_.places;
  recording.about = {{"step", std::to_string(number + 1)}, {"seed", std::to_string(setup_.seed)}};
  if (!setup_.folder.empty()) write_file_atomically(setup_.folder + "/tape.tdt", encode(recording));
  zero_gradients(*setup_.store);
  return look_nan(recording, {});
}

void StepRunner::explain(std::span<const int64_t> order, int64_t number, double loss, double norm, StepRecord& record) {
  const int32_t bad = first_non_finite_gradient(*setup_.store);
  std::string message = text("step ", number + 1, ": ");
  if (!std::isfinite(loss)) message += text("the loss is ", loss, bad >= 0 ? " and " : "");
  if (bad >= 0) message += text("the gradient of ", setup_.store->all()[size_t(bad)].path, " is not finite");
  else if (std::isfinite(loss)) message += text("the norm of the gradient is ", norm, ", although its elements are finite");
  std::string place;
  if (tape_listener) throw Error(ErrorKind::non_finite, message);  // somebody records this step already
  zero_gradients(*setup_.store);
  try {  // the same step again, looking at every value as it is made
    Tape tape;
    tape.set_check_finite(true);
    add_gradients(tape, order, number, record);
  } catch (const Error& found) {
    if (found.kind() != ErrorKind::non_finite) throw;
    message += "; first seen in " + found.message();
    place = found.where();
  }
  zero_gradients(*setup_.store);
  std::istringstream answer(trace_back(order, number, record));
  if (setup_.observer)
    for (std::string line; std::getline(answer, line);) setup_.observer->note(line);
  Error error(ErrorKind::non_finite, message + "; no parameter was changed",
              text("lower optimizer.lr, set training.clip_grad_norm or lengthen schedule.warmup",
                   !setup_.folder.empty() && has_checkpoint(setup_.folder, "last") ? "; the last checkpoint is still good" : ""));
  if (!place.empty()) error.at(place);
  throw error;
}

}  // namespace tapedeck
