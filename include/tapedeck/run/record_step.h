// Recording one training step of an experiment, and the file that keeps it. Next: look/views.h for what can be asked of it.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/recorder.h>

namespace tapedeck {

struct StepToRecord {
  std::vector<std::string> sets = {};
  int64_t step = 1;   // that many updates come first; after 0 a warm-up may have the learning rate 0
  int64_t order = 1;  // 2: with a gradient penalty around the objective, so that backward is differentiated
  RecorderOptions recorder = {};
};
/// Errors are those of `run`; a step that is not finite is recorded up to where it stopped, also if it comes before the one asked
/// for.
Recording record_step(const std::string& experiment, const StepToRecord& options);

void save_recording(const std::string& path, const Recording& recording);  // whole or not at all; Error{data}
Recording load_recording(const std::string& path);                         // Error{data}
bool is_recording(const std::string& path);                                // by its first bytes

}  // namespace tapedeck
