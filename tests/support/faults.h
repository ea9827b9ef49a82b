// A small experiment run by the real tool with the fault shim preloaded (tests/faults/shim.cpp), and what its folder must hold
// in the end. Next: tests/run_faults_test.cpp.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "process.h"
#include "run_contents.h"

namespace tapedeck::testing {

/// What goes wrong at the n-th call: "kill", "torn" (half a write, then death), "full" (from there on the disk is full),
/// "memory", "large" (from there on no allocation of 32 KiB), or a number for errno.
struct Fault {
  std::string kind;
  long at = 0;
};

class FaultBench {
 public:
  /// experiment: a file named "faults".
  explicit FaultBench(const std::string& experiment) {
    write_raw(folder_ / "faults.json", experiment);
    const Finished finished = run({});
    if (finished.exit_code != 0) throw std::runtime_error("the undisturbed run failed: " + finished.err);
    calls_ = lines(folder_ / "list");
    allocations_ = std::stol("0" + read_raw(folder_ / "allocations"));
    whole_ = contents();
  }

  const std::vector<std::string>& calls() const { return calls_; }  // of the undisturbed run, as the shim names them
  long allocations() const { return allocations_; }
  const std::map<std::string, std::string>& whole() const { return whole_; }

  /// Runs the experiment in an empty folder.
  Finished run(const Fault& fault) {
    std::filesystem::remove_all(root());
    std::filesystem::remove(folder_ / "list");
    return launch({"run", "faults.json", "-q", "-o", root()}, fault);
  }
  Finished resume(const Fault& fault = {}) { return launch({"resume", run_folder(), "-q"}, fault); }

  /// "" when there is none.
  std::string run_folder() const {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(root() + "/faults", none)) return entry.path().string();
    return "";
  }
  bool holds(const std::string& name) const { return std::filesystem::exists(run_folder() + "/" + name); }
  nlohmann::json status() const { return nlohmann::json::parse(read_raw(run_folder() + "/status.json"), nullptr, false); }

  /// Everything below the run folder, timings and places aside: names of folders, bytes of files.
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> all;
    const std::string run = run_folder();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run)) {
      const std::string name = std::filesystem::relative(entry.path(), run).string();
      if (entry.is_directory()) all[name + "/"] = "";
      else all[name] = lasting(entry.path());
    }
    return all;
  }

 private:
  std::string root() const { return folder_ / "runs"; }

  static std::vector<std::string> lines(const std::string& path) {
    std::vector<std::string> all;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

  /// What of a file must not depend on time or on how often the run was stopped.
  static std::string lasting(const std::filesystem::path& path) {
    const std::string name = path.filename().string(), folder = path.parent_path().string();
    if (name == "log.txt" || name == "environment.json" || name == "report.html") return "";  // timings
    if (name == "metrics.jsonl") return records(folder);
    if (name == "metrics.json") return figures(folder).dump(1);
    if (name != "status.json") return read_raw(path.string());
    nlohmann::json json = nlohmann::json::parse(read_raw(path.string()));
    json.erase("heartbeat"), json.erase("process");
    return json.dump(1);
  }

  Finished launch(const std::vector<std::string>& arguments, const Fault& fault) {
    return run_tool(arguments, {.directory = folder_.path(),
                                .environment = {"LD_PRELOAD=" TAPEDECK_FAULT_SHIM, "TAPEDECK_FAULT_ROOT=" + root(),
                                                "TAPEDECK_FAULT_LIST=" + (folder_ / "list"),
                                                "TAPEDECK_FAULT_ALLOCATIONS=" + (folder_ / "allocations"),
                                                "TAPEDECK_FAULT_KIND=" + fault.kind,
                                                "TAPEDECK_FAULT_AT=" + std::to_string(fault.at), "OMP_NUM_THREADS=1"}});
  }

  TempFolder folder_{Medium::memory};
  std::vector<std::string> calls_;
  long allocations_ = 0;
  std::map<std::string, std::string> whole_;
};

}  // namespace tapedeck::testing
