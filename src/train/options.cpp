// The fields of the sections training, evaluation and checkpoints.
#include <tapedeck/train/trainer.h>

namespace tapedeck {

using Unit = Duration::Unit;

void TrainingOptions::describe(Fields& f) {
  f("duration", duration, "length of training").in({Unit::epochs, Unit::steps, Unit::examples});
  f("batch_size", batch_size, "examples per update").range(1, 1 << 24);
  f("micro_batch_size", micro_batch_size, "examples per forward pass: the same update with less memory; default batch_size")
      .at_least(1);
  f("recompute", recompute,
    "patterns over layers (encoder.layers.*) whose activations are computed again in the backward pass instead of "
    "kept: the same bits, less memory, about a third more time");
  f("sampler", sampler, "order of the examples");
  f("drop_last", drop_last, "leave out the examples of an epoch that do not fill a batch, so that every update sees batch_size");
  f.list("penalties", penalties, "what weights cost by themselves, and how long they may grow");
  f("clip_grad_norm", clip_grad_norm, "largest Euclidean norm of the gradient of all parameters; longer ones are scaled down")
      .above(0);
  f("average", average, "measure and keep a mean of the weights along the way instead of the last ones");
  f("time_limit", time_limit, "stop, evaluate and save after so much wall time of one session").in({Unit::seconds});
}

void EvaluationOptions::describe(Fields& f) {
  f("every", every, "time between evaluations of the validation split; the end is always evaluated")
      .in({Unit::epochs, Unit::steps, Unit::percent, Unit::examples});
  f("at_start", at_start, "evaluate before the first update as well");
  f("metrics", metrics, "what to measure besides the loss; default accuracy, or spearman for regression");
  f.list("probes", probes, "metrics with options of their own, such as { \"type\": \"knn_accuracy\", \"k\": 1 }");
  f("best", best, "metric that decides which checkpoint is best; default the first");
  f("direction", direction, "whether more or less of it is better; default what the metric says").one_of({"max", "min"});
  f("patience", patience, "stop after so long without a better value").in({Unit::evaluations, Unit::epochs, Unit::steps});
  f("min_change", min_change, "a value counts as better when it is better by more than this").at_least(0);
  f("batch_size", batch_size, "examples per forward pass of an evaluation").range(1, 1 << 24);
}

void CheckpointOptions::Keep::describe(Fields& f) {
  f("best", best, "how many of the best checkpoints stay").range(0, 1000);
  f("last", last, "how many of the newest checkpoints stay; resuming needs one").range(1, 1000);
}

void CheckpointOptions::describe(Fields& f) {
  f("every", every, "time between checkpoints; default at every evaluation")
      .in({Unit::epochs, Unit::steps, Unit::percent, Unit::evaluations});
  f("keep", keep, "which checkpoints stay on disk");
}

}  // namespace tapedeck
