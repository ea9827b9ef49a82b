// Stopping the real tool with real signals and going on: exit codes, status, and the same ending. determinism_test.cpp
// stops at every single step; here the operating system does.
#include <doctest/doctest.h>

#include "support/process.h"
#include "support/run_contents.h"

using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

constexpr const char* long_run = R"({
  "name": "long",
  "data": {"type": "builtin", "train": 64, "validation": 16, "test": 16},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "4000 steps", "batch_size": 8},
  "evaluation": {"every": "100 steps"},
  "logging": {"every": "1 steps"},
  "runtime": {"threads": 1}
})";

/// The only run below a root.
std::string run_in(const std::string& root) {
  for (const auto& entry : fs::directory_iterator(root + "/long")) return entry.path().string();
  return "";
}

/// Sends the signal once the run has passed `step`.
std::function<void(pid_t)> send_after(const std::string& root, int step, int signal) {
  return [root, step, signal, sent = false](pid_t child) mutable {
    if (sent || !fs::exists(root + "/long")) return;
    const std::string folder = run_in(root);
    if (folder.empty() ||
        read_raw(folder + "/metrics.jsonl").find("\"step\": " + std::to_string(step) + ",") == std::string::npos)
      return;
    sent = kill(child, signal) == 0;
  };
}

struct Interruption {
  const char* name;
  int signal, step, exit_code;
};

}  // namespace

TEST_CASE("signals end a run with their code, and resume ends it as if nothing had happened") {
  const TempFolder folder(Medium::memory);
  write_raw(folder / "long.json", long_run);
  const auto launch = [&](std::vector<std::string> arguments, std::function<void(pid_t)> meanwhile = {}) {
    return run_tool(arguments, {.directory = folder.path(), .meanwhile = std::move(meanwhile)});
  };
  REQUIRE(launch({"run", "long.json", "-q", "-o", "whole"}).exit_code == 0);
  const std::string whole = run_in(folder / "whole");
  for (const Interruption& row : {Interruption{"interrupt", SIGINT, 30, 130},
                                  {"terminate", SIGTERM, 250, 143},
                                  {"hang up", SIGHUP, 60, 129},
                                  {"notice of a batch system", SIGUSR1, 90, 138},
                                  {"limit of CPU time", SIGXCPU, 120, 152},
                                  {"kill", SIGKILL, 150, -1}}) {
    CAPTURE(row.name);
    const std::string root = folder / row.name;
    const Finished stopped =
        launch({"run", "long.json", "--progress", "plain", "-o", root}, send_after(root, row.step, row.signal));
    CHECK(stopped.exit_code == row.exit_code);
    const std::string run = run_in(root);
    REQUIRE_FALSE(run.empty());
    CHECK_FALSE(fs::exists(run + "/metrics.json"));
    if (row.signal != SIGKILL) {
      const auto status = nlohmann::json::parse(read_raw(run + "/status.json"));
      CHECK(status["state"] == "interrupted");
      CHECK(status["resumable"] == true);
      CHECK(status["exit_code"] == row.exit_code);
      CHECK(stopped.err.find("tapedeck resume") != std::string::npos);
      CHECK(stopped.out.empty());
    }
    const Finished resumed = launch({"resume", run});
    CAPTURE(resumed.err);
    CHECK(resumed.exit_code == 0);
    CHECK(figures(run) == figures(whole));
    CHECK(records(run) == records(whole));
    CHECK(last_checkpoint(run) == last_checkpoint(whole));
    const Finished again = launch({"resume", run, "-q"});
    CHECK(again.exit_code == 0);
    CHECK(again.out.find("nothing left to do") != std::string::npos);
  }
}

TEST_CASE("two processes do not work in one folder") {
  const TempFolder folder(Medium::memory);
  write_raw(folder / "long.json", long_run);
  const std::string root = folder / "runs";
  Finished second;
  bool tried = false;
  const Finished first = run_tool({"run", "long.json", "-q", "-o", root, "--set", "training.duration=1000000 steps"},
                                  {.directory = folder.path(), .meanwhile = [&](pid_t child) {
                                     if (tried || !fs::exists(root + "/long") || !fs::exists(run_in(root) + "/metrics.jsonl"))
                                       return;
                                     tried = true;
                                     second = run_tool({"resume", run_in(root)}, {.directory = folder.path()});
                                     kill(child, SIGINT);
                                   }});
  CHECK(first.exit_code == 130);
  CHECK(second.exit_code == 4);
  CHECK(second.err.find("another process") != std::string::npos);
}

TEST_CASE("a signal in the first moments leaves nothing that says it still runs") {
  const TempFolder folder(Medium::memory);
  write_raw(folder / "long.json", long_run);
  for (int delay = 0; delay < 40; ++delay) {
    CAPTURE(delay);
    const std::string root = folder / std::to_string(delay);
    auto start = std::chrono::steady_clock::time_point::max();  // of the tool: before, the process is this test's
    const Finished finished =
        run_tool({"run", "long.json", "-q", "-o", root},
                 {.directory = folder.path(), .meanwhile = [&, sent = false](pid_t child) mutable {
                    std::error_code gone;
                    const auto now = std::chrono::steady_clock::now();
                    if (start > now && fs::read_symlink("/proc/" + std::to_string(child) + "/exe", gone) == TAPEDECK_BINARY)
                      start = now;
                    if (sent || start > now || now - start < std::chrono::milliseconds(2 * delay)) return;
                    sent = kill(child, SIGTERM) == 0;
                  }});
    const bool untouched = finished.signal == SIGTERM;  // before main()
    CHECK((untouched || finished.exit_code == 143));
    if (!fs::exists(root + "/long")) continue;
    const std::string run = run_in(root);
    const auto status = nlohmann::json::parse(read_raw(run + "/status.json"));
    CHECK(status["state"] == "interrupted");
    CHECK(status["exit_code"] == 143);
    CHECK(fs::exists(run + "/checkpoints/last.json"));
  }
}

TEST_CASE("a run that its time limit stopped goes on, with the same limit or a longer one") {
  const TempFolder folder(Medium::memory);
  write_raw(folder / "long.json", long_run);
  const auto launch = [&](std::vector<std::string> arguments) { return run_tool(arguments, {.directory = folder.path()}); };
  REQUIRE(launch({"run", "long.json", "-q", "-o", "whole", "--set", "training.duration=1500 steps"}).exit_code == 0);
  const Finished limited = launch({"run", "long.json", "--progress", "plain", "-o", "limited", "--set",
                                   "training.duration=1500 steps", "--set", "training.time_limit=0.02 s"});
  CHECK(limited.exit_code == 0);
  CHECK(limited.err.find("tapedeck resume") != std::string::npos);
  const std::string whole = run_in(folder / "whole"), run = run_in(folder / "limited");
  const auto status = [&] { return nlohmann::json::parse(read_raw(run + "/status.json")); };
  int64_t steps = status()["step"];
  CHECK(status()["state"] == "finished");
  CHECK(status()["stop_reason"] == "time_limit");
  CHECK(status()["resumable"] == true);
  CHECK(steps < 1500);
  const Finished again = launch({"resume", run, "-q"});
  CHECK(again.exit_code == 0);
  CHECK(again.out.find("nothing left") == std::string::npos);
  CHECK(status()["step"] > steps);
  const Finished longer = launch({"resume", run, "-q", "--set", "training.time_limit=100 s"});
  CHECK(longer.exit_code == 0);
  CHECK(status()["stop_reason"] == "duration");
  CHECK(status()["resumable"] == false);
  CHECK(figures(run)["steps"] == 1500);
  for (const char* part : {"model.safetensors", "optimizer.safetensors"})
    CHECK(last_checkpoint(run)[part] == last_checkpoint(whole)[part]);
  CHECK(launch({"resume", run, "-q"}).out.find("nothing left to do") != std::string::npos);
}
