// What a struct of options cannot say by itself: metrics, sizes and durations that contradict
// each other. Everything here needs no data. Next: src/run/check_data.cpp for what does.
#include <algorithm>
#include <filesystem>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/config.h>
#include <tapedeck/config/plugin.h>

#include "src/config/locations.h"
#include "src/config/stages.h"
#include "src/train/step_runner.h"

namespace tapedeck {
namespace {

using Unit = Duration::Unit;

class ConfigCheck {
 public:
  ConfigCheck(const Json& tree, const ExperimentConfig& config, Diagnostics& diagnostics)
      : tree_(tree), config_(config), diagnostics_(diagnostics) {}

  void run() {
    if (const Json* stages = value_at(tree_, "stages"); stages && !stages->is(Json::Kind::null))
      check_stages(*stages, diagnostics_);
    output();
    seeds();
    metrics();
    batches();
    durations();
    runtime();
    sweep();
  }

 private:
  void report(const char* code, std::string message, const Location& where, std::string hint = "", std::string note = "") {
    diagnostics_.add({code, std::move(message), where, std::move(hint), std::move(note)});
  }
  void report_at(const char* code, std::string message, const char* path, std::string hint = "", std::string note = "") {
    report(code, std::move(message), locate(tree_, path), std::move(hint), std::move(note));
  }

  void seeds() {
    if (const Json* given = value_at(tree_, "seeds"); given && given->is(Json::Kind::array) && given->items.empty())
      report("TD0310", "seeds must have at least 1 entry, found 0", given->where);
    std::set<int64_t> seen;
    for (size_t i = 0; i < config_.seeds.size(); ++i)
      if (!seen.insert(config_.seeds[i]).second)
        report_at("TD0322", text("seeds holds ", config_.seeds[i], " twice"), text("seeds.", i).c_str(), "every seed once");
  }

  /// A file made by somebody else says where to write only within reach of the eye: an absolute path, or one that does not
  /// climb out of where the person stands.
  void output() {
    namespace fs = std::filesystem;
    const Json* given = value_at(tree_, "output");
    if (!given || !given->is(Json::Kind::string) || (given->where.source && given->where.source->command_line)) return;
    if (!fs::path(given->string).lexically_normal().string().starts_with("..")) return;
    std::error_code problem;
    const fs::path here = fs::current_path(problem), there = fs::absolute(config_.output.path, problem).lexically_normal();
    if (problem || std::mismatch(here.begin(), here.end(), there.begin(), there.end()).first != here.end())
      report("TD0327", text("output leads out of the working directory: ", in_quotes(there.string())), given->where,
             "say so yourself: -o DIR or --set output=DIR, or write an absolute path");
  }

  void metrics() {
    const EvaluationOptions& evaluation = config_.evaluation;
    std::vector<std::string> known;
    for (auto& [name, entry] : Registry<Metric>::entries()) known.push_back(name);
    std::set<std::string> seen;
    for (size_t i = 0; i < evaluation.metrics.size(); ++i) {
      const std::string metric = metric_name(evaluation.metrics[i]);
      const std::string path = text("evaluation.metrics.", i);
      if (!Registry<Metric>::find(metric))
        report_at("TD0313", "there is no metric " + in_quotes(metric), path.c_str(), suggest(metric, known),
                  "known: " + join(known));
      if (!seen.insert(metric).second)
        report_at("TD0322", "evaluation.metrics holds " + in_quotes(metric) + " twice", path.c_str(), "every metric once");
    }
    for (const Choice<Metric>& probe : evaluation.probes) seen.emplace(probe.name());
    std::string best = metric_name(evaluation.best);
    best = best.substr(0, best.find('@'));  // one of several values of a metric
    if (best.empty() || best == "loss" || (evaluation.metrics.empty() && Registry<Metric>::find(best)) || seen.contains(best))
      return;
    const std::vector<std::string> measured(seen.begin(), seen.end());
    report_at("TD0315", "evaluation.best is " + in_quotes(best) + ", which is not among evaluation.metrics", "evaluation.best",
              suggest(best, measured.empty() ? known : measured),
              "measured: " + (measured.empty() ? join(known) : join(measured) + ", loss"));
  }

  void batches() {
    const TrainingOptions& training = config_.training;
    const int64_t micro = training.micro_batch_size.value_or(training.batch_size);
    if (micro > training.batch_size)
      report_at("TD0316", text("training.micro_batch_size ", micro, " is larger than training.batch_size ", training.batch_size),
                "training.micro_batch_size", text("at most ", training.batch_size));
    else if (config_.objective)
      attempt(tree_, "training.micro_batch_size", "TD0316", diagnostics_,
              [&] { check_micro_batches(training, *config_.objective); });
  }

  void positive(const Duration& duration, const char* path, const char* meaning) {
    if (duration && duration.amount <= 0) report_at("TD0317", text(path, " is ", in_quotes(duration.str()), ": ", meaning), path);
  }

  void durations() {
    const TrainingOptions& training = config_.training;
    positive(training.duration, "training.duration", "nothing would be trained");
    positive(training.time_limit, "training.time_limit", "nothing would be trained");
    positive(config_.evaluation.every, "evaluation.every", "evaluations need a distance");
    positive(config_.evaluation.patience, "evaluation.patience", "training would stop at once");
    positive(config_.checkpoints.every, "checkpoints.every", "checkpoints need a distance");
    positive(config_.logging.every, "logging.every", "records need a distance");
    if (!config_.schedule) return;
    const Duration &warmup = config_.schedule->warmup, &whole = training.duration;
    const bool whole_run = warmup.unit == Unit::percent && warmup.amount >= 100;
    if (whole_run || (warmup.unit == whole.unit && warmup.amount > whole.amount && whole.amount > 0))
      report_at("TD0317",
                "schedule.warmup " + in_quotes(warmup.str()) + " leaves nothing of training.duration " + in_quotes(whole.str()),
                "schedule.warmup", "shorten the warm-up");
  }

  void runtime() {
    const Json& threads = config_.runtime.threads;
    constexpr int64_t most = 1024;
    const bool automatic = threads.is(Json::Kind::string) && threads.string == "auto";
    if (threads.is(Json::Kind::integer)) {
      if (threads.integer < 1 || threads.integer > most)
        report_at("TD0304", text("runtime.threads must be between 1 and ", most), "runtime.threads");
    } else if (!automatic) {
      report_at("TD0303", "runtime.threads must be a whole number or \"auto\"", "runtime.threads");
    }
    if (config_.runtime.precision == "bf16" && config_.runtime.dtype == DType::f64)
      report_at("TD0325", "runtime.precision bf16 has no meaning with runtime.dtype f64", "runtime.precision",
                "remove one of them");
    if (!config_.runtime.deterministic)
      report_at("TD0306", "runtime.deterministic cannot be false: equal seeds always give equal bits", "runtime.deterministic",
                "remove it");
  }

  void sweep() {
    if (config_.sweep) attempt(tree_, "sweep.over", "TD0311", diagnostics_, [&] { config_.sweep->points(); });
  }

  const Json& tree_;
  const ExperimentConfig& config_;
  Diagnostics& diagnostics_;
};

/// Whether the place is that of a value or key in the section.
bool speaks_of(const Json& section, const Location& where) {
  const auto here = [&](const Location& l) {
    return l.source == where.source && l.line == where.line && l.column == where.column;
  };
  return here(section.where) ||
         std::any_of(section.items.begin(), section.items.end(), [&](const Json& item) { return speaks_of(item, where); }) ||
         std::any_of(section.members.begin(), section.members.end(),
                     [&](const Json::Member& member) { return here(member.where) || speaks_of(member.value, where); });
}

void make_absolute(Path& path) {
  if (path) path.path = std::filesystem::absolute(path.path).lexically_normal().string();
}

/// The working directory of a later `resume` or `eval` is another one.
void make_paths_absolute(Part& part) {
  Fields fields;
  part.describe(fields);
  for (Field& field : fields.all) {
    if (Path** path = std::get_if<Path*>(&field.target)) make_absolute(**path);
    else if (auto** paths = std::get_if<std::vector<Path>*>(&field.target))
      std::for_each((*paths)->begin(), (*paths)->end(), make_absolute);
    else if (Part** group = std::get_if<Part*>(&field.target)) make_paths_absolute(**group);
    else if (AnyList* list = std::get_if<AnyList>(&field.target))
      for (size_t i = 0; i < list->size(); ++i) make_paths_absolute(*list->at(i));
    else if (AnyChoice** choice = std::get_if<AnyChoice*>(&field.target); choice && (*choice)->part())
      make_paths_absolute(*(*choice)->part());
  }
}

/// `--set optimizer.lr=1e-4` means the default optimizer when the file names none. Files themselves have to say the type.
void complete(Part& part, Json& json) {
  Fields fields;
  part.describe(fields);
  for (Field& field : fields.all) {
    Json::Member* member = json.find(field.name);
    if (!member || !member->value.is(Json::Kind::object)) continue;
    Json& value = member->value;
    if (Part** group = std::get_if<Part*>(&field.target)) complete(**group, value);
    AnyChoice** choice = std::get_if<AnyChoice*>(&field.target);
    if (!choice) continue;
    const bool from_command_line = value.where.source && value.where.source->command_line;
    if (from_command_line && !value.find("type") && !(*choice)->name().empty()) {
      Json type = Json::of(std::string((*choice)->name()));
      type.where = value.where;
      value.set("type", std::move(type));
    }
    const Json::Member* type = value.find("type");
    const std::unique_ptr<Part> chosen = type ? (*choice)->example(type->value.string) : nullptr;
    if (chosen) complete(*chosen, value);
  }
}

}  // namespace

void complete_types(Json& tree, Diagnostics& diagnostics) {
  load_plugins(tree, diagnostics);
  ExperimentConfig defaults;
  complete(defaults, tree);
}

std::set<std::string> bind_experiment(Json& tree, ExperimentConfig& config, Diagnostics& diagnostics) {
  return bind_experiment(tree, first_seed(tree), config, diagnostics);
}

std::set<std::string> bind_experiment(Json& tree, int64_t seed, ExperimentConfig& config, Diagnostics& diagnostics) {
  ++preparation_counts().binds;
  complete_types(tree, diagnostics);
  const Json bound = substitute_seed(tree, seed);
  const size_t before = diagnostics.list().size();
  read_fields(config, bound, "", diagnostics);
  std::set<std::string> unread;
  for (size_t i = before; i < diagnostics.list().size(); ++i)
    for (const Json::Member& section : bound.members)
      if (speaks_of(section.value, diagnostics.list()[i].where)) unread.insert(section.key);
  make_paths_absolute(config);
  ConfigCheck(bound, config, diagnostics).run();
  return unread;
}

}  // namespace tapedeck
