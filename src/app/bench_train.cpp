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

struct Measured {
  std::vector<double> seconds, losses;
  double fma_peak = 0;
};  // losses: warm-up steps included

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

Json model_json(const TrainFlags& f) {
  return json_object({{"layers", f.layers},
                      {"width", f.width},
                      {"heads", f.heads},
                      {"feed_forward", f.feed_forward},
                      {"vocabulary", f.vocabulary},
                      {"classes", f.classes},
                      {"norm", f.norm},
                      {"dropout", f.dropout},
                      {"batch", f.batch},
                      {"length", f.lengths.empty() ? Json::of(f.length) : Json::of(f.lengths)}});
}

Json memory_json(const BenchRun& run, int64_t resident_before) {
  const auto bytes = [](const Tensor& t) { return t.size() * int64_t(size_of(t.dtype())); };
  const auto pool = int64_t(Pool::instance().stats().peak_bytes), parameters = bytes(run.store.values()),
             gradients = bytes(run.store.gradients());
  int64_t state = 0;
  for (const auto& [name, tensor] : run.parts.optimizer->state()) state += bytes(tensor);
  return json_object({{"peak_resident", peak_resident_bytes()},
                      {"resident_at_start", resident_before},
                      {"parameters", parameters},
                      {"gradients", gradients},
                      {"optimizer", state},
                      {"activations", std::max<int64_t>(0, pool - parameters - gradients - state)},
                      {"scratch", memory_use().now[size_t(Memory::scratch)]}});
}

Json report_of(const BenchRun& run, const Measured& m, int64_t resident_before) {
  double sum = 0;
  for (const double s : m.seconds) sum += s;
  const double mean = sum / double(m.seconds.size()), median = quantile(m.seconds, 0.5);
  Json json = json_object({{"framework", "tapedeck " + std::string(version())},
                           {"machine", machine_json()},
                           {"model", model_json(run.flags)},
                           {"objective", run.flags.objective}});
  if (!run.flags.recompute.empty()) json.set("recompute", Json::of(run.flags.recompute));
  json_add(
      json,
      {{"parameters", run.store.count()},
       {"steps", run.flags.steps},
       {"warmup", run.flags.warmup},
       {"seconds",
        json_object({{"median", median}, {"p10", quantile(m.seconds, 0.1)}, {"p90", quantile(m.seconds, 0.9)}, {"mean", mean}})},
       {"tokens_per_step", run.tokens_per_step()},
       {"tokens_per_second", run.tokens_per_step() / mean},
       {"fma_peak", m.fma_peak},
       {"model_flops", run.flops_per_step()},
       {"share_of_peak", run.flops_per_step() / median / m.fma_peak},
       {"losses", json_list(m.losses)},
       {"memory", memory_json(run, resident_before)}});
  return json;
}

std::string to_table(const Json& json) {
  const auto at = [&](const Json& from, const char* key) -> const Json& { return from.find(key)->value; };
  const Json &seconds = at(json, "seconds"), &memory = at(json, "memory"), &losses = at(json, "losses");
  const auto ms = [&](const char* key) { return 1e3 * at(seconds, key).number; };
  const auto mib = [&](const char* key) { return fmt::format("{:.1f} MiB", at(memory, key).number / (1 << 20)); };
  const double flops = at(json, "model_flops").number, median = at(seconds, "median").number;
  return table({{"parameters", fmt::format("{}", at(json, "parameters").integer)},
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
                {"  working memory of kernels", mib("scratch")}},
               "lr");
}

int bench_train(TrainFlags flags) {
  if (flags.once_loss) flags.dropout = 0, flags.warmup = 0, flags.steps = 1;
  use_products(flags);
  const int64_t resident_before = peak_resident_bytes();
  const BenchRun run(flags);
  if (!flags.save_weights.empty()) save_weights(run);
  const Json json = report_of(run, measure(run), resident_before);
  return print(flags.json, json,
               flags.once_loss ? fmt::format("{:.9g}\n", json.find("losses")->value.items[0].number) : to_table(json));
}

}  // namespace

void add_bench_train(CommandLine& line) {
  auto [command, flags] = add_command<TrainFlags>(line, "bench train",
                                                  "time whole training steps: forward, loss, backward, clip, AdamW", bench_train);
  add_train_flags(command, flags);
  add_product_flags(command, flags);
}

}  // namespace tapedeck::app
