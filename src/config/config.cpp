// The sections of an experiment and their options, in the order in which `show` prints them. Why one file: this is the
// format. Next: check_config.cpp for what a struct of options cannot say.
#include <tapedeck/config/config.h>

#include <algorithm>

#include <tapedeck/tensor/machine.h>

namespace tapedeck {

using Unit = Duration::Unit;

bool LoggingOptions::writes(const char* target) const { return std::find(to.begin(), to.end(), target) != to.end(); }

void LoggingOptions::describe(Fields& f) {
  f("every", every, "how often a training record is written").in({Unit::steps, Unit::epochs, Unit::percent});
  f("to", to, "console: progress and log; jsonl: metrics.jsonl").one_of({"console", "jsonl"});
}

int RuntimeOptions::thread_count() const { return threads.is(Json::Kind::integer) ? int(threads.integer) : usable_cores(); }

void RuntimeOptions::describe(Fields& f) {
  f("threads", threads,
    "how many threads compute: a count, or \"auto\" for the cores this process may use; results do not depend on it");
  f("deterministic", deterministic, "always true: equal seeds give equal bits");
  f.names("dtype", dtype, {{"f32", DType::f32}, {"f64", DType::f64}}, "precision of parameters and arithmetic");
  f("precision", precision,
    "operands of linear layers while they are multiplied: f32, or bf16 (8 bits of mantissa, sums in f32; needs avx512_bf16)")
      .one_of({"f32", "bf16"});
  f("gemm", gemm, "who multiplies matrices").one_of({"auto", "native", "openblas"});
}

void ExperimentConfig::describe(Fields& f) {
  f("name", name, "names the run's folder: letters, digits, dot, dash, underscore").required();
  f("notes", notes, "free text for people");
  f("tags", tags, "free words for people");
  f("seed", seed, "runs once with this seed (default 0)").at_least(0);
  f("seeds", seeds, "repeats the run with each seed and reports mean, deviation and interval").at_least(0);
  f("output", output, "folder that receives runs (default runs in the working directory)");
  f("plugins", plugins, "shared libraries with further parts and ops: code that runs with the rights of the program");
  f("data", data, "where examples come from");
  f("task", task, "what is asked of the data and how an answer looks; default: what the data say");
  f("tokenizer", tokenizer, "text to token ids");
  f("model", model, "token ids to logits");
  f("objective", objective, "training method");
  f("optimizer", optimizer, "update rule");
  f("schedule", schedule, "learning rate over the run");
  f("training", training, "length, batches, clipping");
  f("evaluation", evaluation, "metrics, and which checkpoint is best");
  f("checkpoints", checkpoints, "when to save and what to keep");
  f("logging", logging, "records of the run");
  f("freeze", freeze, "patterns over parameter names; what they match does not train");
  f("runtime", runtime, "threads, precision, libraries");
  f("stages", stages,
    "a list of overrides, each with a name, that run one after the other, each from the parameters of the one before");
  f("sweep", sweep, "many runs instead of one: which options vary, and how; crossed with the seeds");
}

PreparationCounts& preparation_counts() {
  static PreparationCounts counts;
  return counts;
}

std::vector<uint64_t> ExperimentConfig::all_seeds() const {
  if (!seeds.empty()) return {seeds.begin(), seeds.end()};
  return {uint64_t(seed.value_or(0))};
}

}  // namespace tapedeck
