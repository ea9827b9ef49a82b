// One optimizer step: micro-batches, gradients, the hunt for a number that is none, clipping, the update.
// Next: trainer.cpp (when), dry_run.cpp (how much).
#pragma once
#include <span>
#include <string>

#include <tapedeck/look/recorder.h>
#include <tapedeck/train/trainer.h>

namespace tapedeck {

/// What every step needs, for runs that come from no file as well: each throws Error{config}, which whoever read a file can give
/// a place.
void check_sites(const Objective& objective, const Model& model, const ParamStore& store);
void check_loss(const Loss& loss, const Dataset& train);
void check_micro_batches(const TrainingOptions& training, const Objective& objective);
/// All of them; Error{data} for an empty training split.
void check_setup(const TrainSetup& setup);
/// Tells the objective and all objectives inside it what training is about.
void begin_objectives(const TrainSetup& setup);
/// What they carry from step to step, by place and name: "objective.loss.teacher".
std::map<std::string, Tensor> objective_state(const TrainSetup& setup);
/// Tells a recorder the paths of all parameters.
void name_parameters(Recorder& recorder, const ParamStore& store);

class StepRunner {
 public:
  /// Checks what a step needs, binds the optimizer and empties the gradients.
  explicit StepRunner(const TrainSetup& setup);

  /// Update number `number` (from 0) on the examples `order`; fills loss, lr, grad_norm and reports of the record.
  /// Throws Error{non_finite} before anything is updated, naming parameter, op and module path.
  void run(std::span<const int64_t> order, int64_t number, double factor, StepRecord& record);

 private:
  double add_gradients(Tape& tape, std::span<const int64_t> order, int64_t number, StepRecord& record);
  [[noreturn]] void explain(std::span<const int64_t> order, int64_t number, double loss, double norm, StepRecord& record);
  void update(double factor, double grad_scale, int64_t step);
  std::string trace_back(std::span<const int64_t> order, int64_t number, StepRecord& record);
  double total_weight(std::span<const int64_t> order) const;

  const TrainSetup& setup_;
  std::vector<Objective*> objectives_;  // the objective and those inside it
  int64_t micro_batch_;
  Penalties penalties_;
  Tape tape_;
};

}  // namespace tapedeck
