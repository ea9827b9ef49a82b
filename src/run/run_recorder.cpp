// Writing down what happens, as it happens; a resumed run has the same records as one that was never stopped.
// Next: progress.cpp.
#include "src/run/run_recorder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <tapedeck/base/error.h>
#include <tapedeck/base/printable.h>
#include <tapedeck/train/checkpoint.h>

namespace tapedeck {
namespace {

constexpr auto heartbeat = std::chrono::seconds(5);

/// Keeps the records up to `step` and returns which they are. A line that a crash cut short is dropped, and so is the test,
/// which comes once, at the end.
std::set<std::pair<int64_t, std::string>> keep_until(const std::string& path, int64_t step) {
  std::set<std::pair<int64_t, std::string>> kept;
  std::string text;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    Json record;
    try {
      record = parse_json(line, path);
    } catch (const Error&) { continue; }
    const Json::Member *at = record.find("step"), *split = record.find("split");
    if (!at || !split || !at->value.is(Json::Kind::integer) || !split->value.is(Json::Kind::string)) continue;
    if (at->value.integer > step || split->value.string == "test") continue;
    kept.emplace(at->value.integer, split->value.string);
    text += line + "\n";
  }
  in.close();
  write_file_atomically(path, text);
  return kept;
}

double rounded(double value, double unit) { return std::round(value / unit) * unit; }

/// Steps in an epoch, from a record that has both.
int64_t epoch_steps(const StepRecord& record) {
  return record.epoch > 0 ? std::max<int64_t>(1, std::llround(double(record.step) / record.epoch)) : 1;
}

}  // namespace

void Log::line(const std::string& words) {
  try {
    if (!file_) file_.emplace(File::append(path_));
    file_->write(clock_time() + " " + printable_message(words) + "\n");
    failing_ = false;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::data) throw;
    file_.reset();
    if (!std::exchange(failing_, true)) complain_(text("warning: ", e.what(), "; the run goes on without this part of its log"));
  }
}

RunRecorder::RunRecorder(Where where, const LoggingOptions& logging, Log& log, Progress& progress, const RunOptions& options,
                         Status& status)
    : where_(std::move(where)),
      logging_(logging),
      log_(log),
      progress_(progress),
      options_(options),
      path_(where_.seed_folder + "/metrics.jsonl"),
      status_(status) {
  if (where_.of > 1) prefix_ = text("seed ", where_.seed, " ");
  progress_.begin(where_.of > 1 ? text("seed ", where_.number, "/", where_.of) : "");
  rhythm_.restart();
}

void RunRecorder::begin(int64_t step) {
  if (step < 0) remove_all(path_);
  else if (std::filesystem::exists(path_)) written_ = keep_until(path_, step);
  status_.seed = where_.seed;
  status_.step = std::max<int64_t>(0, step);
  beat(true);
  if (logging_.writes("jsonl")) records_.emplace(File::append(path_));
}

bool RunRecorder::due(const StepRecord& record) {
  const int64_t per_epoch = epoch_steps(record);
  const StepCounts counts{.per_epoch = per_epoch, .total = record.total_steps, .evaluation = per_epoch, .batch_size = 1};
  const int64_t every = std::max<int64_t>(1, counts.steps(logging_.every, "logging.every"));
  const bool in_turn = record.step <= record.turns || record.step % every < std::min(record.turns, every);  // one of each kind
  return in_turn || record.step == record.total_steps;
}

void RunRecorder::step(const StepRecord& record) {
  write_step(record);
  if (options_.after_step) options_.after_step(record.step);
}

void RunRecorder::write_step(const StepRecord& record) {
  if (first_step_ < 0) first_step_ = record.step - 1, first_seconds_ = std::max(0.0, record.seconds);
  rate_ = rate_ > 0 ? 0.95 * rate_ + 0.05 * record.examples_per_second : record.examples_per_second;
  const auto done = double(record.step - first_step_);
  const double left = (record.seconds - first_seconds_) / std::max(1.0, done - 1) * double(record.total_steps - record.step);
  status_.step = record.step;
  status_.total_steps = record.total_steps;
  progress_.step(record, rate_, left);
  if (rhythm_.due(record)) log_.line(prefix_ + plain_step(record, rate_, left));
  beat(false);
  if (!due(record) || written_.contains({record.step, "train"})) return;
  Json json = Json::dict();
  json.set("t", Json::of(rounded(record.seconds, 0.001)));
  json.set("step", Json::of(record.step));
  json.set("epoch", Json::of(record.epoch));
  json.set("split", Json::of("train"));
  json.set("loss", Json::of(record.loss));
  for (const auto& [name, value] : record.reports) json.set(std::string(name), Json::of(value));
  json.set("lr", Json::of(record.lr));
  json.set("grad_norm", Json::of(record.grad_norm));
  json.set("examples_per_s", Json::of(rounded(record.examples_per_second, 0.1)));
  write(json);
}

void RunRecorder::evaluation(const EvaluationRecord& record) {
  const std::string line = plain_evaluation(record);
  log_.line(prefix_ + line);
  progress_.evaluation(record);
  if (written_.contains({record.step, record.split})) return;
  Json json = Json::dict();
  json.set("t", Json::of(rounded(record.seconds, 0.001)));
  json.set("step", Json::of(record.step));
  json.set("epoch", Json::of(record.epoch));
  json.set("split", Json::of(record.split));
  for (const auto& [name, value] : record.values) json.set(name, Json::of(value));
  if (record.split == "validation") json.set("best", Json::of(record.best));
  write(json);
}

void RunRecorder::saving() {
  if (records_) records_->sync();
}

void RunRecorder::checkpoint(const std::string& path, int64_t step, bool best) {
  const std::string line =
      text("saved step ", step, best ? " (best) in " : " in ", std::filesystem::path(path).filename().string());
  log_.line(prefix_ + line);
  if (options_.verbose) progress_.line(line);
  beat(true);
}

void RunRecorder::note(const std::string& line) {
  log_.line(prefix_ + line);
  progress_.line(line);
}

void RunRecorder::write(const Json& record) {
  const std::string line = record.dump(-1);
  progress_.record(line);
  if (records_) records_->write(line + "\n");
}

void RunRecorder::beat(bool now) {
  const auto time = Progress::Clock::now();
  if (!now && time - beat_ < heartbeat) return;
  beat_ = time;
  const std::string problem = write_status(where_.run_folder, status_);
  if (!problem.empty() && !std::exchange(status_failing_, true)) note("warning: " + problem);
}

}  // namespace tapedeck
