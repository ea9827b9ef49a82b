// tapedeck bench train: whole training steps of a synthetic task, through the StepRunner that `run` uses; time, tokens,
// share of the multiply-add peak and memory. Next: bench_model.cpp.
#include <chrono>

#include <fmt/core.h>

#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>
#include <tapedeck/train/checkpoint.h>

#include "src/app/bench_model.h"
#include "src/train/step_runner.h"

namespace tapedeck::app {
namespace {

using Clock = std::chrono::steady_clock;

struct Measured { std::vector<double> seconds, losses; double fma_peak = 0; };   // losses: warm-up steps included

Measured measure(const BenchRun& run) {
  StepRunner runner(run.setup);
  StepRecord record;
  Measured m;
  const double before = *fma_peak(DType::f32, threads());
  for (int64_t step = 0; step < run.flags.warmup + run.flags.steps; ++step) {
    const std::vector<int64_t> order = run.order(step);
    const auto start = Clock::now();
    runner.run(order, step, 1, record);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    m.losses.push_back(record.loss);
    if (step >= run.flags.warmup) m.seconds.push_back(seconds);
  }
  m.fma_peak = std::max(before, *fma_peak(DType::f32, threads()));
  return m;
}

void save_weights(const BenchRun& run) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Parameter& p : run.store.all()) tensors.emplace_back(p.path, p.value);
  write_safetensors(run.flags.save_weights, tensors);
}

Json model_json(const TrainFlags& flags) {
  Json json = Json::dict();
  json.set("layers", Json::of(flags.layers));
  json.set("width", Json::of(flags.width));
  json.set("heads", Json::of(flags.heads));
  json.set("feed_forward", Json::of(flags.feed_forward));
  json.set("vocabulary", Json::of(flags.vocabulary));
  json.set("classes", Json::of(flags.classes));
  json.set("norm", Json::of(flags.norm));
  json.set("dropout", Json::of(flags.dropout));
  json.set("batch", Json::of(flags.batch));
  json.set("length", flags.lengths.empty() ? Json::of(flags.length) : Json::of(flags.lengths));
  return json;
}

Json memory_json(const BenchRun& run, int64_t resident_before) {
  const auto bytes = [](const Tensor& t) { return t.size() * int64_t(size_of(t.dtype())); };
  const auto pool = int64_t(Pool::instance().stats().peak_bytes), parameters = bytes(run.store.values()),
             gradients = bytes(run.store.gradients());
  int64_t state = 0;
  for (const auto& [name, tensor] : run.parts.optimizer->state()) state += bytes(tensor);
  Json json = Json::dict();
  json.set("peak_resident", Json::of(peak_resident_bytes()));
  json.set("resident_at_start", Json::of(resident_before));
  json.set("parameters", Json::of(parameters));
  json.set("gradients", Json::of(gradients));
  json.set("optimizer", Json::of(state));
  json.set("activations", Json::of(std::max<int64_t>(0, pool - parameters - gradients - state)));
  json.set("scratch", Json::of(int64_t(memory_use().now[size_t(Memory::scratch)])));
  return json;
}

Json to_json(const BenchRun& run, const Measured& m, int64_t resident_before) {
  double sum = 0;
  for (const double s : m.seconds) sum += s;
  const double mean = sum / double(m.seconds.size()), median = quantile(m.seconds, 0.5);
  Json json = Json::dict(), seconds = Json::dict(), loss = Json::list();
  json.set("framework", Json::of("tapedeck " + std::string(version())));
  json.set("machine", machine_json());
  json.set("model", model_json(run.flags));
  json.set("objective", Json::of(run.flags.objective));
  if (!run.flags.recompute.empty()) json.set("recompute", Json::of(run.flags.recompute));
  json.set("parameters", Json::of(run.store.count()));
  json.set("steps", Json::of(run.flags.steps));
  json.set("warmup", Json::of(run.flags.warmup));
  seconds.set("median", Json::of(median));
  seconds.set("p10", Json::of(quantile(m.seconds, 0.1)));
  seconds.set("p90", Json::of(quantile(m.seconds, 0.9)));
  seconds.set("mean", Json::of(mean));
  json.set("seconds", std::move(seconds));
  json.set("tokens_per_step", Json::of(run.tokens_per_step()));
  json.set("tokens_per_second", Json::of(run.tokens_per_step() / mean));
  json.set("fma_peak", Json::of(m.fma_peak));
  json.set("model_flops", Json::of(run.flops_per_step()));
  json.set("share_of_peak", Json::of(run.flops_per_step() / median / m.fma_peak));
  for (const double value : m.losses) loss.items.push_back(Json::of(value));
  json.set("losses", std::move(loss));
  json.set("memory", memory_json(run, resident_before));
  return json;
}

std::string to_table(const Json& json) {
  const auto at = [&](const Json& from, const char* key) -> const Json& { return from.find(key)->value; };
  const Json &seconds = at(json, "seconds"), &memory = at(json, "memory"), &losses = at(json, "losses");
  const auto ms = [&](const char* key) { return 1e3 * at(seconds, key).number; };
  const auto mib = [&](const char* key) { return fmt::format("{:.1f} MiB", at(memory, key).number / (1 << 20)); };
  const double flops = at(json, "model_flops").number, median = at(seconds, "median").number;
  return align({{"parameters", fmt::format("{}", at(json, "parameters").integer)},
                {"step, median", fmt::format("{:.2f} ms", ms("median"))},
                {"step, p10 .. p90", fmt::format("{:.2f} .. {:.2f} ms", ms("p10"), ms("p90"))},
                {"tokens per second", fmt::format("{:.0f}", at(json, "tokens_per_second").number)},
                {"model's products", fmt::format("{} GF a step, {} GF/s", giga(flops), giga(flops / median))},
                {"multiply-add peak", giga(at(json, "fma_peak").number) + " GF/s"},
                {"share of the peak", fmt::format("{:.3f}", at(json, "share_of_peak").number)},
                {"loss, first .. last", fmt::format("{:.6f} .. {:.6f}", losses.items.front().number, losses.items.back().number)},
                {"peak resident memory", mib("peak_resident")},
                {"  at the start", mib("resident_at_start")},
                {"  parameters", mib("parameters")},
                {"  gradients", mib("gradients")},
                {"  optimizer", mib("optimizer")},
                {"  activations", mib("activations")},
                {"  working memory of kernels", mib("scratch")}});
}

int bench_train(TrainFlags flags) {
  if (flags.once_loss) flags.dropout = 0, flags.warmup = 0, flags.steps = 1;
  use_products(flags);
  const int64_t resident_before = peak_resident_bytes();
  const BenchRun run(flags);
  if (!flags.save_weights.empty()) save_weights(run);
  const Json json = to_json(run, measure(run), resident_before);
  if (flags.json) print(json.dump() + "\n");
  else if (flags.once_loss) print(fmt::format("{:.9g}\n", json.find("losses")->value.items[0].number));
  else print(to_table(json));
  return 0;
}

}  // namespace

void add_bench_train(CommandLine& line) {
  auto flags = std::make_shared<TrainFlags>();
  Command command = line.add("bench train", "time whole training steps: forward, loss, backward, clip, AdamW", [flags] { return bench_train(*flags); });
  add_train_flags(command, *flags);
  add_product_flags(command, *flags);
}

}  // namespace tapedeck::app
