// Flags to model and data. Every number of the data is a hash of its place, so that another program can make the same:
// number i is SplitMix64(seed 2^32 + i) modulo its range; an example takes one number for its label, then one per token.
#include "src/app/bench_model.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck::app {
namespace {

struct ModelSize {
  const char* name;
  int64_t layers, width, heads, feed_forward, batch, length;
};
constexpr ModelSize sizes[] = {
    {"tiny", 2, 128, 4, 512, 32, 32}, {"mini", 6, 384, 6, 1536, 32, 64}, {"base", 4, 768, 12, 3072, 16, 128}};

/// One length per example: all the same, or those of the file in turn.
std::vector<int64_t> example_lengths(const TrainFlags& flags) {
  std::vector<int64_t> in_turn = {flags.length};
  if (!flags.lengths.empty()) {
    std::error_code problem;
    std::ifstream file;
    if (!std::filesystem::is_fifo(flags.lengths, problem)) file.open(flags.lengths);  // a pipe may wait for ever
    if (!file.is_open())
      throw Error(ErrorKind::data, "cannot read " + in_quotes(flags.lengths), "give a file with one length per line");
    in_turn.clear();
    for (int64_t length; file >> length;) in_turn.push_back(length);
    const bool sound = file.eof() && !in_turn.empty() && std::all_of(in_turn.begin(), in_turn.end(), [](int64_t length) {
                         return length > 0 && length <= 1 << 20;
                       });
    if (!sound)
      throw Error(ErrorKind::data, in_quotes(flags.lengths) + " does not hold lengths", "one whole number above 0 per line");
  }
  std::vector<int64_t> lengths(size_t(flags.batch * flags.batches));
  for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = in_turn[i % in_turn.size()];
  return lengths;
}

Dataset make_examples(const TrainFlags& flags) {
  Dataset data;
  data.name = "bench";
  for (int64_t i = 0; i < flags.classes; ++i) data.labels.push_back(std::to_string(i));
  uint64_t at = uint64_t(flags.seed) << 32;
  const auto draw = [&](int64_t range) { return int32_t(root_key(at++).bits % uint64_t(range)); };
  for (const int64_t length : example_lengths(flags)) {
    Example& example = data.examples.emplace_back();
    example.label = draw(flags.classes);
    for (int64_t i = 0; i < length; ++i) example.ids.push_back(draw(flags.vocabulary));
  }
  return data;
}

Json parts_json(const TrainFlags& flags, Diagnostics& diagnostics) {
  Json objective = Json::of(flags.objective == "plain" ? "cross_entropy" : flags.objective);
  if (flags.objective.starts_with("{"))
    objective = parse_json(std::make_shared<const Source>(Source{"--objective", flags.objective, ".", true}), diagnostics);
  return json_object({{"model", json_object({{"type", "text"},
                                             {"encoder", json_object({{"type", "transformer"},
                                                                      {"layers", flags.layers},
                                                                      {"width", flags.width},
                                                                      {"heads", flags.heads},
                                                                      {"feed_forward", flags.feed_forward},
                                                                      {"norm", flags.norm},
                                                                      {"dropout", flags.dropout}})},
                                             {"head", json_object({{"type", "linear"}, {"dropout", flags.dropout}})}})},
                      {"objective", std::move(objective)},
                      {"optimizer", json_object({{"type", "adamw"}, {"lr", flags.lr}})}});
}

}  // namespace

TrainFlags filled_in(TrainFlags flags) {
  const ModelSize& size =
      *std::find_if(std::begin(sizes), std::end(sizes), [&](const ModelSize& s) { return flags.model == s.name; });
  const auto otherwise = [](int64_t& value, int64_t preset) {
    if (!value) value = preset;
  };
  otherwise(flags.feed_forward, flags.width ? 4 * flags.width : size.feed_forward);
  otherwise(flags.layers, size.layers);
  otherwise(flags.width, size.width);
  otherwise(flags.heads, size.heads);
  otherwise(flags.batch, size.batch);
  otherwise(flags.length, size.length);
  return flags;
}

void BenchParts::describe(Fields& f) {
  f("model", model, "");
  f("objective", objective, "");
  f("optimizer", optimizer, "");
}

BenchRun::BenchRun(const TrainFlags& given) : flags(filled_in(given)) {
  Diagnostics diagnostics;
  read_fields(parts, parts_json(flags, diagnostics), "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  data = make_examples(flags);
  int64_t longest = 0;
  for (const Example& example : data.examples) longest = std::max(longest, int64_t(example.ids.size()));
  model = parts.model->build(Params(store),
                             {.vocabulary = flags.vocabulary, .max_length = longest, .outputs = flags.classes, .pairs = false});
  if (!flags.recompute.empty()) store.recompute({flags.recompute});
  store.allocate(DType::f32, root_key(uint64_t(flags.seed)) / "init");
  training.batch_size = flags.batch;
  training.clip_grad_norm = 1.0;
  setup.model = model.get();
  setup.store = &store;
  setup.objective = parts.objective.get();
  setup.optimizer = parts.optimizer.get();
  setup.schedule = parts.schedule.get();
  setup.train = &data;
  setup.training = &training;
  setup.seed = uint64_t(flags.seed);
}

std::vector<int64_t> BenchRun::order(int64_t step) const {
  std::vector<int64_t> examples(size_t(flags.batch));
  std::iota(examples.begin(), examples.end(), step % flags.batches * flags.batch);
  return examples;
}

double BenchRun::tokens_per_step() const {
  double tokens = 0;
  for (const Example& example : data.examples) tokens += double(example.ids.size());
  return tokens / double(flags.batches);
}

double BenchRun::flops_per_step() const {
  const auto layers = double(flags.layers), width = double(flags.width), hidden = double(flags.feed_forward);
  double flops = 0;
  for (const Example& example : data.examples) {
    const auto length = double(example.ids.size());
    const double linear = 2 * length * (4 * width * width + 2 * width * hidden), attention = 4 * length * length * width;
    flops += layers * (linear + attention) + 2 * width * double(flags.classes);
  }
  return 3 * flops / double(flags.batches);
}

void add_size_flags(Command& command, TrainFlags& flags) {
  command
      .choice("--model", flags.model, {"tiny", "mini", "base"}, "sizes of model and batch; the options below change single ones")
      .number("--layers", flags.layers, "number of layers; 0: the model's, here and below", int64_t{0})
      .number("--width", flags.width, "size of a token's vector", int64_t{0})
      .number("--heads", flags.heads, "attention heads", int64_t{0})
      .number("--feed-forward", flags.feed_forward, "hidden size of the feed-forward block", int64_t{0})
      .number("--batch", flags.batch, "sequences a step", int64_t{0})
      .number("--length", flags.length, "tokens of every sequence", int64_t{0})
      .number("--vocabulary", flags.vocabulary, "rows of the embedding table", int64_t{1})
      .number("--classes", flags.classes, "classes", int64_t{2})
      .number("--dropout", flags.dropout, "drop probability", 0.0);
}

void add_train_flags(Command& command, TrainFlags& flags) {
  add_size_flags(command, flags);
  command.text("--lengths", flags.lengths, "file with one sentence length per line, taken in turn instead of --length", "FILE")
      .number("--batches", flags.batches, "different batches, taken in turn", int64_t{1})
      .choice("--norm", flags.norm, {"post", "pre"}, "layer norm before or after each block")
      .text("--objective", flags.objective, "plain, r_drop, fgm, gradient_penalty, ... or its JSON")
      .text("--recompute", flags.recompute, "segments whose values the backward sweep computes again, like encoder.layers.*",
            "GLOB")
      .number("--lr", flags.lr, "learning rate of AdamW", 0.0)
      .number("--steps", flags.steps, "steps that are timed", int64_t{1})
      .number("--warmup", flags.warmup, "steps before that", int64_t{0})
      .number("--seed", flags.seed, "of parameters, data and masks", int64_t{0})
      .text("--save-weights", flags.save_weights, "write the initial parameters, for another program to start from",
            "FILE.safetensors")
      .flag("--once-loss", flags.once_loss, "dropout 0, one step, print its loss only");
}

}  // namespace tapedeck::app
