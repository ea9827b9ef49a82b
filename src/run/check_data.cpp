// The checks that need the data: does the loss suit the labels, the metrics the task, the patterns the parameters, the
// sites the model, the memory the machine. Next: assemble.cpp.
#include "src/run/check_data.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/config/locations.h"
#include "src/train/evaluator.h"

namespace tapedeck {
namespace {

class DataCheck {
 public:
  DataCheck(const Json& tree, const ExperimentConfig& config, const DataFacts& data, Diagnostics& diagnostics)
      : tree_(tree), config_(config), data_(data), diagnostics_(diagnostics) {}

  void run() {
    if (binds(tree_, "objective", Choice<Objective>("cross_entropy"))) task();
    metrics();
    if (binds(tree_, "training", TrainingOptions{}))
      attempt("TD0321", "training.sampler", [&] { config_.training.sampler->check(*data_.train, config_.training.batch_size); });
    if (binds(tree_, "model", Choice<ModelSpec>("text"))) model();
  }

 private:
  void report(const char* code, std::string message, const Location& where, std::string hint = "", std::string note = "") {
    diagnostics_.add({code, std::move(message), where, std::move(hint), std::move(note)});
  }

  /// What a part refuses by throwing becomes a diagnostic at the option that the message names.
  template <class Body>
  bool attempt(const char* code, const char* path, Body body) {
    try {
      body();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::config) throw;
      report(code, error.message(), locate_mentioned(tree_, path, error.what()), error.hint());
      return false;
    }
  }

  void task() {
    if (!config_.objective->needs_labels()) return;
    const Loss& loss = config_.objective->task();
    const Task& task = task_of(*data_.train);
    if (const std::string problem = mismatch(loss, task); !problem.empty())
      return report("TD0319", problem, locate(tree_, "objective"), text("use the loss ", in_quotes(task.defaults().loss)),
                    text(name_of(loss.answer()), " as labels: ", task_asking(loss.answer())->defaults().data));
    if (!attempt("TD0319", "data", [&] { task.check(*data_.train); })) return;
    attempt("TD0319", "objective", [&] { loss.check(data_.input.outputs); });
  }

  void metrics() {
    const auto& names = config_.evaluation.metrics;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string name = metric_name(names[i]);
      const auto* entry = Registry<Metric>::find(name);
      const Task& task = task_of(*data_.train);
      const std::string problem = entry ? mismatch(*entry->make(), name, task) : "";
      if (!problem.empty())
        report("TD0314", problem, locate(tree_, text("evaluation.metrics.", i)), "", "suited: " + join(suited_metrics(task)));
    }
    const bool chosen = value_at(tree_, "evaluation.best") || value_at(tree_, "evaluation.patience");
    if (chosen && data_.validation->size() == 0)
      report("TD0315", "evaluation.best and patience need validation data, but there are none", locate(tree_, "evaluation"),
               "add \"validation\" to the data: a file or a share such as \"10%\"");
  }

  void model() {
    ParamStore store;
    std::unique_ptr<Model> model;
    if (!attempt("TD0320", "model", [&] { model = config_.model->build(Params(store), data_.input); })) return;
    const Task& task = task_of(*data_.train);
    if (model->logit_rows() != task.answer().rows)
      return report("TD0320", text("the model answers for ", name_of(model->logit_rows()), ", but the task ", in_quotes(task.name), " asks about ", name_of(task.answer().rows)),
                    locate(tree_, value_at(tree_, "model") ? "model" : value_at(tree_, "task") ? "task" : "data"), text("use the model ", in_quotes(task.defaults().model)),
                    text("for this model: ", task_asking({model->logit_rows(), Link::softmax})->defaults().data));
    memory(store);
    for (size_t i = 0; i < config_.freeze.size(); ++i) pattern(store.paths(), "parameter", config_.freeze[i], "freeze", text("freeze.", i));
    const auto& recompute = config_.training.recompute;
    for (size_t i = 0; i < recompute.size(); ++i)
      pattern(store.segments(), "layer", recompute[i], "training.recompute", text("training.recompute.", i));
    const auto& penalties = config_.training.penalties;
    for (size_t p = 0; p < penalties.size(); ++p)
      for (size_t i = 0; i < penalties[p].match.size(); ++i)
        pattern(store.paths(), "parameter", penalties[p].match[i], "training.penalties", text("training.penalties.", p, ".match.", i));
    if (config_.optimizer) {
      const auto& groups = config_.optimizer->groups;
      for (size_t g = 0; g < groups.size(); ++g)
        for (size_t i = 0; i < groups[g].match.size(); ++i)
          pattern(store.paths(), "parameter", groups[g].match[i], "optimizer.groups", text("optimizer.groups.", g, ".match.", i));
    }
    const auto& all = store.all();
    const bool trains = std::any_of(all.begin(), all.end(), [&](const Parameter& p) {
      return std::none_of(config_.freeze.begin(), config_.freeze.end(),
                          [&](const std::string& glob) { return glob_match(glob, p.path); });
    });
    if (!trains)
      report("TD0312", "freeze matches every parameter: nothing would train", locate(tree_, "freeze"),
               "leave some parameters free");
    if (binds(tree_, "objective", Choice<Objective>("cross_entropy"))) sites(store, *model);
  }

  /// Values, gradients and two moments have to fit; better said now than by the kernel of the operating system.
  void memory(const ParamStore& store) {
    double elements = 0;
    for (const Parameter& p : store.all()) {
      double size = 1;
      for (int axis = 0; axis < p.shape.rank(); ++axis) size *= double(p.shape[axis]);
      elements += size;
    }
    const double needed = elements * 4 * double(size_of(config_.runtime.dtype)), gib = double(1 << 30);
    const double present = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGESIZE));
    if (needed <= present) return;
    report("TD0323",
             text("the model has ", int64_t(elements / 1e6), " million parameters and would need ", int64_t(needed / gib),
                  " GiB; this machine has ", int64_t(present / gib)),
             locate(tree_, "model"), "make it smaller");
  }

  /// paths: what the pattern is matched against; noun: what they are of.
  void pattern(const std::vector<std::string>& paths, const std::string& noun, const std::string& glob, const char* what,
               const std::string& path) {
    const auto matches = [&](const std::string& pattern) {
      return std::count_if(paths.begin(), paths.end(), [&](auto& p) { return glob_match(pattern, p); });
    };
    if (matches(glob)) return;
    std::set<std::string> candidates(paths.begin(), paths.end());
    for (const std::string& p : paths)
      for (size_t dot = p.find('.'); dot != std::string::npos; dot = p.find('.', dot + 1))
        candidates.insert(p.substr(0, dot + 1) + "*");
    const std::string nearest = did_you_mean(glob, {candidates.begin(), candidates.end()});
    std::set<std::string> sections;
    for (const std::string& p : paths) sections.insert(in_quotes(p.substr(0, p.find('.')) + ".*"));
    report("TD0312", text(what, " pattern ", in_quotes(glob), " matches no ", noun), locate(tree_, path), "",
             nearest.empty() ? "there are: " + join({sections.begin(), sections.end()})
                             : text("nearest: ", in_quotes(nearest), " (", matches(nearest),
                                    " ", noun, matches(nearest) == 1 ? ")" : "s)"));
  }

  void sites(const ParamStore& store, const Model& model) {
    std::vector<std::string> known = model.sites();
    for (const std::string& site : config_.objective->sites()) {
      if (store.find(site) || std::find(known.begin(), known.end(), site) != known.end()) continue;
      std::vector<std::string> all = store.paths();
      all.insert(all.begin(), known.begin(), known.end());
      report("TD0318", text("the model has no site or parameter ", in_quotes(site)), locate_text(tree_, "objective", site),
               suggest(site, all),
               "sites: " + join(known) + "; or a parameter such as " + (store.all().empty() ? "" : store.all()[0].path));
    }
  }

  const Json& tree_;
  const ExperimentConfig& config_;
  const DataFacts& data_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_against_data(const Json& tree, const ExperimentConfig& config, const DataFacts& data, Diagnostics& diagnostics) {
  DataCheck(tree, config, data, diagnostics).run();
}

}  // namespace tapedeck
