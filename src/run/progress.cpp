// The three faces of progress. Nothing here influences the run. Next: run_recorder.cpp.
#include "src/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <tapedeck/base/printable.h>

#include "src/run/run_folder.h"

namespace tapedeck {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char buffer[256];
  const int length = std::snprintf(buffer, sizeof buffer, pattern, values...);
  return {buffer, size_t(std::clamp(length, 0, int(sizeof buffer) - 1))};
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    std::string lower(value);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return false;
}

int terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string eta(double seconds_left) {
  const std::time_t then = std::time(nullptr) + std::time_t(seconds_left);
  std::tm parts{};
  localtime_r(&then, &parts);
  char buffer[16];
  return {buffer, std::strftime(buffer, sizeof buffer, "%H:%M", &parts)};
}

struct Silent final : Progress {
  void begin(const std::string&) override {}
  void step(const StepRecord&, double, double) override {}
  void evaluation(const EvaluationRecord&) override {}
  void line(const std::string&) override {}
};

struct Records final : Progress {
  void begin(const std::string&) override {}
  void step(const StepRecord&, double, double) override {}
  void evaluation(const EvaluationRecord&) override {}
  void line(const std::string&) override {}
  void record(const std::string& json) override { say(printable(json) + "\n"); }
};

class Plain final : public Progress {
 public:
  void begin(const std::string& prefix) override {
    prefix_ = prefix.empty() ? "" : prefix + " ";
    rhythm_.restart();
  }
  void step(const StepRecord& record, double rate, double left) override {
    if (rhythm_.due(record)) line(plain_step(record, rate, left));
  }
  void evaluation(const EvaluationRecord& record) override { line(plain_evaluation(record)); }
  void line(const std::string& text) override { say(clock_time() + " " + prefix_ + printable_message(text) + "\n"); }

 private:
  std::string prefix_;
  PlainRhythm rhythm_;
};

class Live final : public Progress {
 public:
  ~Live() override { end(); }
  void begin(const std::string& prefix) override {
    prefix_ = prefix.empty() ? "" : prefix + "  ";
    drawn_ = {};
  }
  void step(const StepRecord& record, double rate, double left) override {
    const auto now = Clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100) && record.step < record.total_steps) return;
    drawn_ = now;
    draw(record, rate, left);
  }
  void evaluation(const EvaluationRecord& record) override { line(plain_evaluation(record)); }
  void line(const std::string& text) override {
    say("\r\x1b[K" + prefix_ + printable_message(text) + "\n");
    if (!last_.empty()) say(last_);
  }
  void end() override {
    if (!last_.empty()) say("\n");
    last_.clear();
  }

 private:
  void draw(const StepRecord& r, double rate, double left) {
    const double share = r.total_steps > 0 ? double(r.step) / double(r.total_steps) : 0;
    const double epochs = r.step > 0 ? r.epoch * double(r.total_steps) / double(r.step) : 0;
    const std::string head = prefix_ + format("epoch %d/%d  ", int(std::max(1.0, std::ceil(r.epoch - 1e-9))),
                                              int(std::max(1.0, std::ceil(epochs - 1e-9))));
    const std::string tail =
        format("  %3.0f%%  %lld/%lld  loss %.4g  lr %.2g  %.0f ex/s  left %s", 100 * share, static_cast<long long>(r.step),
               static_cast<long long>(r.total_steps), r.loss, r.lr, rate, duration_text(left).c_str());
    const int room = terminal_width() - 1 - int(head.size() + tail.size());
    std::string text = head + (room >= 4 ? bar(share, std::min(room, 30)) : "") + tail;
    if (room < 0) text.resize(size_t(std::max(0, terminal_width() - 1)));
    last_ = "\r\x1b[K" + text;
    say(last_);
  }
  std::string bar(double share, int width) const {
    const int halves = int(share * 2 * width);
    std::string text;
    for (int i = 0; i < width; ++i) {
      if (utf8_) text += 2 * i + 2 <= halves ? "━" : 2 * i + 1 <= halves ? "╸" : " ";
      else text += 2 * i + 2 <= halves ? "=" : 2 * i + 1 <= halves ? "-" : " ";
    }
    return text;
  }

  const bool utf8_ = speaks_utf8();
  std::string prefix_, last_;
  Clock::time_point drawn_{};
};

}  // namespace

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto s = static_cast<long long>(std::min(seconds, 1e12) + 0.5);
  return s >= 3600 ? format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60) : format("%lld:%02lld", s / 60, s % 60);
}

std::string plain_step(const StepRecord& r, double rate, double left) {
  std::string out = format("step %lld/%lld %.1f%% epoch %.2f loss %.4f lr %.2g %.0f ex/s", static_cast<long long>(r.step),
                           static_cast<long long>(r.total_steps),
                           r.total_steps > 0 ? 100.0 * double(r.step) / double(r.total_steps) : 0.0, r.epoch, r.loss, r.lr, rate);
  return left > 0 ? out + " eta " + eta(left) : out;
}

std::string plain_evaluation(const EvaluationRecord& record) {
  std::string out = format("eval step %lld", static_cast<long long>(record.step));
  for (const auto& [name, value] : record.values) out += " " + record.split + "/" + name + format(" %.4f", value);
  if (record.best) out += record.previous_best ? format(" (best, was %.4f)", *record.previous_best) : std::string(" (best)");
  return out;
}

bool PlainRhythm::due(const StepRecord& record) {
  const auto now = Progress::Clock::now();
  const bool first = last_step_ < 0, last = record.step == record.total_steps;
  const bool late = now - last_ >= std::chrono::seconds(30) && (record.step - last_step_) * 20 >= record.total_steps;
  if (first) last_step_ = record.step - 1;
  if (!late && !last) return false;
  last_ = now;
  last_step_ = record.step;
  return true;
}

std::unique_ptr<Progress> Progress::make(ProgressMode mode) {
  const char* terminal = std::getenv("TERM");
  const bool can_redraw = isatty(STDERR_FILENO) && !(terminal && std::strcmp(terminal, "dumb") == 0);
  if (mode == ProgressMode::automatic) mode = can_redraw ? ProgressMode::live : ProgressMode::plain;
  switch (mode) {
    case ProgressMode::live:
      return std::make_unique<Live>();
    case ProgressMode::json:
      return std::make_unique<Records>();
    case ProgressMode::none:
      return std::make_unique<Silent>();
    default:
      return std::make_unique<Plain>();
  }
}

}  // namespace tapedeck
