// The checks that need the data: does the loss suit the labels, the metrics the task, the patterns the parameters, the
// sites the model, the memory the machine. Next: prepare.cpp.
#include "src/run/check_data.h"

#include <unistd.h>

#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/config/locations.h"
#include "src/train/evaluator.h"
#include "src/train/step_runner.h"

namespace tapedeck {

void build_model(RunState& run, const Attempt& attempt) {
  const ExperimentConfig& config = run.config;
  ParamStore& store = run.store;
  attempt("model", [&] {
    run.model = config.model->build(Params(store), run.data->input);
    if (!store.borrowed().empty() && store.starts().empty())
      throw Error(ErrorKind::config,
                  text(store.borrowed()[0].path, ".from is ", in_quotes(store.borrowed()[0].part),
                       ", but the encoder comes from no folder"),
                  "give it the encoder \"pretrained\", or leave \"from\" out");
  });
  if (!run.model) return;
  const auto each = [&](const std::vector<std::string>& patterns, const std::string& path, const auto& use) {
    for (size_t i = 0; i < patterns.size(); ++i) attempt(text(path, ".", i), [&] { use(std::vector<std::string>{patterns[i]}); });
  };
  each(config.freeze, "freeze", [&](const auto& pattern) { store.freeze(pattern); });
  each(config.training.recompute, "training.recompute", [&](const auto& pattern) { store.recompute(pattern); });
  for (size_t i = 0; i < config.training.penalties.size(); ++i) {
    const Penalty& penalty = config.training.penalties[i];
    each(penalty.match, text("training.penalties.", i, ".match"), [&](const auto& pattern) {
      if (penalty.noise > 0) store.make_noisy(pattern, penalty.noise);
      else store.match(pattern, "training.penalties");
    });
  }
  for (size_t i = 0; config.optimizer && i < config.optimizer->groups.size(); ++i)
    each(config.optimizer->groups[i].match, text("optimizer.groups.", i, ".match"),
         [&](const auto& pattern) { store.match(pattern, "optimizer.groups"); });
}

namespace {

class DataCheck {
 public:
  DataCheck(const Json& tree, RunState& run, const std::set<std::string>& unread, Diagnostics& diagnostics)
      : tree_(tree), run_(run), unread_(unread), diagnostics_(diagnostics) {}

  void run() {
    if (!unread_.contains("objective")) task();
    metrics();
    if (!unread_.contains("training"))
      attempt("TD0321", "training.sampler", [&] { config_.training.sampler->check(train_, config_.training.batch_size); });
    if (!unread_.contains("model")) model();
  }

 private:
  void report(const char* code, std::string message, const Location& where, std::string hint = "", std::string note = "") {
    diagnostics_.add({code, std::move(message), where, std::move(hint), std::move(note)});
  }

  bool attempt(const char* code, const std::string& path, const std::function<void()>& body) {
    return tapedeck::attempt(tree_, path, code, diagnostics_, body);
  }

  void task() {
    if (!config_.objective->needs_labels()) return;
    if (!attempt("TD0319", "objective", [&] { check_loss(config_.objective->task(), train_); })) return;
    const Task& task = task_of(train_);
    if (!attempt("TD0319", "data", [&] { task.check(train_); })) return;
    attempt("TD0319", "objective", [&] { config_.objective->task().check(run_.data->input.outputs); });
  }

  void metrics() {
    const auto& names = config_.evaluation.metrics;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string name = metric_name(names[i]);
      const auto* entry = Registry<Metric>::find(name);
      const Task& task = task_of(train_);
      const std::string problem = entry ? mismatch(*entry->make(), name, task) : "";
      if (!problem.empty())
        report("TD0314", problem, locate(tree_, text("evaluation.metrics.", i)), "", "suited: " + join(suited_metrics(task)));
    }
    const bool chosen = value_at(tree_, "evaluation.best") || value_at(tree_, "evaluation.patience");
    if (chosen && run_.data->validation.size() == 0)
      report("TD0315", "evaluation.best and patience need validation data, but there are none", locate(tree_, "evaluation"),
             "add \"validation\" to the data: a file or a share such as \"10%\"");
  }

  void model() {
    build_model(run_, [&](const std::string& path, const std::function<void()>& body) {
      attempt(path == "model" ? "TD0320" : "TD0312", path, body);
    });
    if (!run_.model) return;
    const Model& model = *run_.model;
    const Task& task = task_of(train_);
    if (model.logit_rows() != task.answer().rows)
      return report("TD0320",
                    text("the model answers for ", name_of(model.logit_rows()), ", but the task ", in_quotes(task.name),
                         " asks about ", name_of(task.answer().rows)),
                    locate(tree_, value_at(tree_, "model")  ? "model"
                                  : value_at(tree_, "task") ? "task"
                                                            : "data"),
                    text("use the model ", in_quotes(task.defaults().model)),
                    text("for this model: ", task_asking({model.logit_rows(), Link::softmax})->defaults().data));
    memory();
    const auto parameters = run_.store.all();
    if (std::none_of(parameters.begin(), parameters.end(), [](const Parameter& p) { return p.trainable; }))
      report("TD0312", "freeze matches every parameter: nothing would train", locate(tree_, "freeze"),
             "leave some parameters free");
    if (!unread_.contains("objective"))
      attempt("TD0318", "objective", [&] { check_sites(*config_.objective, model, run_.store); });
  }

  /// Values, gradients and two moments have to fit; better said now than by the kernel of the operating system.
  void memory() {
    const auto elements = double(run_.store.count());
    const double needed = elements * 4 * double(size_of(config_.runtime.dtype)), gib = double(1 << 30);
    const double present = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
    if (needed <= present) return;
    report("TD0323",
           text("the model has ", int64_t(elements / 1e6), " million parameters and would need ", int64_t(needed / gib),
                " GiB; this machine has ", int64_t(present / gib)),
           locate(tree_, "model"), "make it smaller");
  }

  const Json& tree_;
  RunState& run_;
  const std::set<std::string>& unread_;
  Diagnostics& diagnostics_;
  const ExperimentConfig& config_ = run_.config;
  const Dataset& train_ = run_.data->train;
};

}  // namespace

void check_data(const Json& tree, RunState& run, const std::set<std::string>& unread, Diagnostics& diagnostics) {
  DataCheck(tree, run, unread, diagnostics).run();
}

}  // namespace tapedeck
