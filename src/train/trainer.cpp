// The loop: update, evaluate, save, stop. The state it carries is TrainState and the tensors; everything else follows from
// seed and step, so a run can be cut anywhere and continued to the same bits. Next: step_runner.cpp, checkpoint_folder.cpp.
#include <tapedeck/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <tapedeck/base/error.h>

#include "src/train/average.h"
#include "src/train/checkpoint_folder.h"
#include "src/train/evaluator.h"
#include "src/train/plan.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

bool present(const Dataset* data) { return data && data->size() > 0; }

class Trainer {
 public:
  explicit Trainer(const TrainSetup& setup)
      : setup_(setup),
        observer_(setup.observer ? *setup.observer : silent_),
        runner_(setup),
        evaluator_(setup),
        plan_(make_plan(setup)),
        order_(setup) {
    if (!setup.folder.empty())
      checkpoints_.emplace(setup.folder, setup.checkpoints->keep, "validation/" + evaluator_.best_metric(),
                           [this](const std::string& line) { observer_.note(line); });
    reset_memory_peak();
    if (setup.training->average) averaged_.emplace(*setup.store, *setup.training->average, plan_.counts);
    state_.seed = setup.seed;
    state_.config_hash = setup.config_hash;
    state_.vocabulary_hash = setup.vocabulary_hash;
    state_.dtype = setup.store->dtype();
  }

  TrainResult run(bool resume) {
    const bool found = resume && load();
    observer_.begin(found ? state_.step : -1);
    if (state_.evaluated != state_.step &&
        (plan_.evaluation_due(state_.step) || (setup_.evaluation->at_start && state_.step == 0))) {
      save(evaluate());
    }
    const std::string reason = loop();
    if (reason != "signal") return finish(reason);
    save_now();
    return result(reason);
  }

 private:
  bool signalled() const { return setup_.stop_signal && *setup_.stop_signal != 0; }

  /// False when there is nothing to go on from.
  bool load() {
    std::optional<TrainState> found;
    if (checkpoints_) found = checkpoints_->resume(state_, *setup_.store, *setup_.optimizer, extra_state());
    if (!found) return observer_.note("no checkpoint yet: starting from the beginning"), false;
    if (averaged_) averaged_->swap();  // the file of the model holds the mean, "weights" the weights
    state_ = *found;
    saved_ = state_.step;
    if (state_.step > plan_.counts.total)
      observer_.note(text("the checkpoint is at step ", state_.step, ", beyond training.duration (", plan_.counts.total,
                          " steps): nothing more is trained"));
    return true;
  }

  Carried extra_state() const {
    Carried all = objective_state(setup_);
    if (averaged_) all.emplace("weights", averaged_->mean());
    return all;
  }

  std::string loop() {
    while (state_.step < plan_.counts.total) {
      if (signalled()) return "signal";
      if (out_of_patience()) return "patience";
      if (setup_.training->time_limit && seconds_since(start_) >= setup_.training->time_limit.amount) return "time_limit";
      update();
      const bool evaluated = plan_.evaluation_due(state_.step) && evaluate();
      save(evaluated);
    }
    if (signalled() && state_.evaluated != state_.step) return "signal";
    return out_of_patience() ? "patience" : "duration";
  }

  void update() {
    const auto before = Clock::now();
    const auto& examples = order_.batch(state_.step, plan_.counts);
    runner_.run(examples, state_.step, setup_.schedule->factor(state_.step, plan_.counts), record_);
    state_.step = record_.step;
    if (averaged_) averaged_->update(state_.step);
    record_.total_steps = plan_.counts.total;
    record_.turns = setup_.training->sampler->turns();
    record_.epoch = epochs();
    record_.seconds = seconds_since(start_);
    record_.examples_per_second = double(examples.size()) / std::max(seconds_since(before), 1e-9);
    observer_.step(record_);
  }

  double epochs() const { return double(state_.step) / double(plan_.counts.per_epoch); }

  /// Measures the validation split; false when a stop signal came in between (the next session evaluates instead).
  bool evaluate() {
    entered_ranking_ = false;
    EvaluationRecord record;
    if (present(setup_.validation)) {
      const Averaged mean(averaged_);
      try {
        record.values = evaluator_.measure(*setup_.validation);
      } catch (const Interrupted&) { return false; }
    }
    state_.evaluated = state_.step;
    if (record.values.empty()) return true;
    state_.last["validation"] = record.values;
    if (!state_.ranking.empty()) record.previous_best = state_.ranking[0].value;
    const auto value = record.values.find(evaluator_.best_metric());
    record.best = rank(value == record.values.end() ? std::numeric_limits<double>::quiet_NaN() : value->second);
    if (record.best) state_.best_values = record.values;
    state_.without_improvement = record.best ? 0 : state_.without_improvement + 1;
    announce(record, "validation", state_.step);
    return true;
  }

  /// Puts this step's value where it belongs among the best; true when it is the new best.
  bool rank(double value) {
    auto& ranking = state_.ranking;
    const bool best = ranking.empty() ? !std::isnan(value) : evaluator_.improves(value, ranking[0].value);
    const auto worse = [&](const TrainState::Ranked& r) { return evaluator_.better(value, r.value); };
    const auto at = best ? ranking.begin() : std::find_if(ranking.begin() + !ranking.empty(), ranking.end(), worse);
    const size_t room = size_t(std::max<int64_t>(1, setup_.checkpoints->keep.best));
    const auto place = size_t(at - ranking.begin());
    entered_ranking_ = !std::isnan(value) && place < room;
    if (entered_ranking_) ranking.insert(at, {state_.step, value});
    if (ranking.size() > room) ranking.resize(room);
    return best;
  }

  void announce(EvaluationRecord& record, const char* split, int64_t step) {
    for (const std::string& name : evaluator_.newly_undefined(record.values))
      observer_.note(text(split, "/", name, " has no value here (null in the files): the split lacks what it compares"));
    record.split = split;
    record.step = step;
    record.epoch = double(step) / double(plan_.counts.per_epoch);
    record.seconds = seconds_since(start_);
    observer_.evaluation(record);
  }

  bool out_of_patience() const {
    const Duration& patience = setup_.evaluation->patience;
    if (!patience || state_.ranking.empty()) return false;
    if (patience.unit == Duration::Unit::evaluations) return double(state_.without_improvement) >= patience.amount;
    return state_.step - state_.ranking[0].step >= plan_.counts.steps(patience, "evaluation.patience");
  }

  /// Saves when a checkpoint is due, or when this evaluation made it one of the best.
  void save(bool evaluated) {
    const bool ranked = evaluated && entered_ranking_ && setup_.checkpoints->keep.best > 0;
    const bool due = plan_.checkpoint_due(state_.step) || (evaluated && !setup_.checkpoints->every);
    if (!checkpoints_) {
      if (!ranked || state_.ranking[0].step != state_.step) return;
      const Averaged mean(averaged_);
      best_parameters_ = setup_.store->values().clone();
    } else if (ranked || due) {
      saved_ = -1;
      save_now();
    }
  }
  void save_now() {
    if (!checkpoints_ || saved_ == state_.step) return;
    const Averaged mean(averaged_);
    observer_.saving();
    const std::string path = checkpoints_->save(state_, *setup_.store, *setup_.optimizer, extra_state());
    saved_ = state_.step;
    observer_.checkpoint(path, state_.step, !state_.ranking.empty() && state_.ranking[0].step == state_.step);
  }

  TrainResult finish(const std::string& reason) {
    if (state_.evaluated != state_.step && evaluate()) save(true);
    save_now();  // the end is kept, whatever checkpoints.every says
    if (state_.evaluated != state_.step) return result("signal");
    if (averaged_) averaged_->swap();  // training is over: from here the mean is the model
    const int64_t tested = take_best();
    Values test;
    if (present(setup_.test)) {
      try {
        EvaluationRecord record;
        record.values = evaluator_.measure(*setup_.test);
        if (record.values.empty()) observer_.note("the test split has no labels: nothing to measure");
        else announce(record, "test", tested);
        test = std::move(record.values);
      } catch (const Interrupted&) { return result("signal"); }
    }
    TrainResult all = result(reason);
    all.test = std::move(test);
    if (!all.test.empty()) all.test["step"] = double(tested);
    return all;
  }

  /// Leaves the best parameters in the store where they were kept; the step they come from.
  int64_t take_best() {
    if (setup_.checkpoints->keep.best < 1 || state_.ranking.empty() || state_.ranking[0].step == state_.step) return state_.step;
    const int64_t best = state_.ranking[0].step;
    if (checkpoints_) load_parameters(checkpoints_->path_of(best), *setup_.store);
    else if (best_parameters_) setup_.store->values().copy_from(best_parameters_);
    return best;
  }

  TrainResult result(const std::string& reason) const {
    TrainResult out;
    out.stop_reason = reason;
    if (reason == "signal") out.signal = setup_.stop_signal->load();
    out.steps = state_.step;
    out.epochs = epochs();
    out.seconds = seconds_since(start_);
    out.memory = memory_use();
    if (!state_.ranking.empty()) {
      out.best = state_.best_values;
      out.best["step"] = double(state_.ranking[0].step);
    }
    if (const auto it = state_.last.find("validation"); it != state_.last.end()) {
      out.last = it->second;
      out.last["step"] = double(state_.evaluated);
    }
    return out;
  }

  const TrainSetup& setup_;
  Observer silent_;
  Observer& observer_;
  const Clock::time_point start_ = Clock::now();
  StepRunner runner_;
  Evaluator evaluator_;
  Plan plan_;
  ExampleOrder order_;
  std::optional<CheckpointFolder> checkpoints_;
  std::optional<AveragedWeights> averaged_;
  TrainState state_;
  StepRecord record_;
  int64_t saved_ = -1;  // step of the newest checkpoint that holds the present state
  bool entered_ranking_ = false;
  Tensor best_parameters_;  // when there is no folder to keep them in
};

}  // namespace

TrainResult train(const TrainSetup& setup, bool resume) { return Trainer(setup).run(resume); }

}  // namespace tapedeck
