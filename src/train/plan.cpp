// Steps per epoch, per run and between evaluations, and which examples an update sees. Next: trainer.cpp.
#include "src/train/plan.h"

#include <algorithm>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

std::vector<std::vector<int64_t>> epoch_of(const TrainSetup& setup, int64_t epoch) {
  const TrainingOptions& training = *setup.training;
  auto batches = training.sampler->epoch(*setup.train, training.batch_size, root_key(setup.seed) / "order", epoch);
  if (training.drop_last) std::erase_if(batches, [&](const auto& batch) { return std::ssize(batch) < training.batch_size; });
  if (batches.empty())
    throw Error(ErrorKind::config,
                text("training.drop_last leaves nothing of an epoch: ", setup.train->size(), " examples fill no batch of ",
                     training.batch_size),
                "lower training.batch_size, or remove drop_last");
  return batches;
}

}  // namespace

Plan make_plan(const TrainSetup& setup) {
  Plan plan;
  plan.counts.batch_size = setup.training->batch_size;
  plan.counts.per_epoch = int64_t(epoch_of(setup, 0).size());
  plan.counts.total = plan.counts.steps(setup.training->duration, "training.duration");
  if (plan.counts.total < 1)
    throw Error(ErrorKind::config, text("training.duration \"", setup.training->duration.str(), "\" is not even one step"),
                "make it longer");
  plan.evaluate_every = std::max<int64_t>(1, plan.counts.steps(setup.evaluation->every, "evaluation.every"));
  plan.counts.evaluation = plan.evaluate_every;
  const Duration& save = setup.checkpoints->every;
  plan.save_every = save ? std::max<int64_t>(1, plan.counts.steps(save, "checkpoints.every")) : plan.evaluate_every;
  if (setup.evaluation->patience && (!setup.validation || setup.validation->size() == 0))
    throw Error(ErrorKind::config, "evaluation.patience needs a validation split", "give data.validation, or remove patience");
  return plan;
}

void check_warmup(const Schedule& schedule, const StepCounts& counts) {
  const int64_t steps = counts.steps(schedule.warmup, "schedule.warmup");
  if (steps <= counts.total) return;
  throw Error(ErrorKind::config,
              text("schedule.warmup \"", schedule.warmup.str(), "\" takes ", steps,
                   " steps and leaves nothing of training.duration, which is ", counts.total),
              "shorten the warm-up, or lengthen training.duration");
}

const std::vector<int64_t>& ExampleOrder::batch(int64_t number, const StepCounts& counts) {
  const int64_t epoch = number / counts.per_epoch;
  if (epoch != epoch_) {
    batches_ = epoch_of(setup_, epoch);
    epoch_ = epoch;
    if (int64_t(batches_.size()) != counts.per_epoch)
      throw Error(
          ErrorKind::config,
          text("the sampler made ", batches_.size(), " batches in epoch ", epoch, " and ", counts.per_epoch, " in the first"),
          "a sampler must make the same number of batches in every epoch");
  }
  return batches_[size_t(number % counts.per_epoch)];
}

}  // namespace tapedeck
