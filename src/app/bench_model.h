// The model, the examples and the loop's parts of `bench train`: what an experiment file would choose, from flags.
// tests/bench/torch_train.py makes the same in PyTorch. Next: bench_train.cpp.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/train/trainer.h>

#include "src/app/bench.h"

namespace tapedeck::app {

struct TrainFlags : BenchFlags {
  std::string model = "mini";  // the sizes that are 0 below come from it
  int64_t layers = 0, width = 0, heads = 0, feed_forward = 0, batch = 0, length = 0;
  int64_t vocabulary = 8000, classes = 6, batches = 8, steps = 20, warmup = 3, seed = 1;
  double dropout = 0.1, lr = 1e-5;
  std::string norm = "post", objective = "plain", recompute, lengths, save_weights;
  bool once_loss = false;
};
/// Sizes that are 0 replaced by those of flags.model.
TrainFlags filled_in(TrainFlags flags);
/// The sizes alone, and everything.
void add_size_flags(Command& command, TrainFlags& flags);
void add_train_flags(Command& command, TrainFlags& flags);

struct BenchParts : Part {
  Choice<ModelSpec> model{"text"};
  Choice<Objective> objective{"cross_entropy"};
  Choice<Optimizer> optimizer{"adamw"};
  Choice<Schedule> schedule{"constant"};
  void describe(Fields& f) override;
};

/// Everything a StepRunner needs. Not movable: the setup points into it.
struct BenchRun {
  /// Error{usage, config, data} for sizes, objectives and files of lengths that are none.
  explicit BenchRun(const TrainFlags& flags);
  BenchRun(const BenchRun&) = delete;

  TrainFlags flags;  // with every size filled in
  BenchParts parts;
  ParamStore store;
  std::unique_ptr<Model> model;
  Dataset data;
  TrainingOptions training;
  TrainSetup setup;

  /// The examples of step n: one of `batches`, in turn.
  std::vector<int64_t> order(int64_t step) const;
  double tokens_per_step() const;  // mean over the batches
  /// Flops of the model's matrix products in a step, attention included: forward, and twice that backward; mean over batches.
  double flops_per_step() const;
};

}  // namespace tapedeck::app
