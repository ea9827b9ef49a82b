// The folder of a run: made once, never reused, written so that a crash leaves either the old or the new content.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/config/config.h>
#include <tapedeck/config/source.h>

namespace tapedeck {

/// Local time as in folder names and logs: "2026-09-21_1405", "14:07:31"; UTC with a Z for machines.
std::string folder_time();
std::string clock_time();
std::string utc_time();

/// ROOT/NAME/TIME-HASH, with -2, -3, ... behind if that exists. Error{data} if it cannot be made.
std::string make_run_folder(const std::string& root, const std::string& name, const std::string& hash);
/// The folder itself, made now, with its parents. Error{usage} if it exists.
std::string make_new_folder(const std::string& path);
/// NAME/latest points at the run (a text file where links are impossible). Best effort.
void point_latest_at(const std::string& run_folder);

/// RUN/stage-NAME.
std::string stage_folder(const std::string& run_folder, const std::string& stage);
/// The stages of a run folder, in order; empty when it has none. resolved: what its resolved.json holds.
std::vector<std::string> stage_folders(const std::string& run_folder);
std::vector<std::string> stage_folders(const std::string& run_folder, const Json& resolved);

/// experiment.json, sources/, resolved.json, origins.json and environment.json.
void write_inputs(const std::string& folder, const LoadedExperiment& loaded, const Json& resolved,
                  const std::vector<std::string>& input_files, const std::vector<std::string>& command_line);
/// Data, vocabulary and plugins that an experiment reads.
std::vector<std::string> input_files(ExperimentConfig& config);
Json environment(const std::vector<std::string>& input_files, const std::vector<std::string>& command_line);

/// Who runs here: one process per folder, held until the object goes. Error{data} if another one holds it.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// status.json: what a watcher or a batch system needs to know.
struct Status {
  std::string state = "running";  // running, finished, interrupted, failed
  std::string stop_reason = {}, error = {};
  uint64_t seed = 0;
  int64_t step = 0, total_steps = 0;
  int exit_code = 0;
  bool resumable = true;
};
/// Returns what went wrong, or "". Where the disk is full the old file is overwritten in place, so that it does not go on telling
/// the past.
std::string write_status(const std::string& folder, const Status& status);

Json read_json_file(const std::string& path);  // Error{data} naming the file
void make_folder(const std::string& path);     // with parents; Error{data}

/// What a command printed, or "" if it is missing, fails or takes longer than `seconds`; at most `limit` bytes.
std::string output_of(const std::vector<std::string>& command, double seconds, size_t limit);

}  // namespace tapedeck
