// Runs as processes: started, watched, and ended with whoever started them. Next: jobs.cpp.
#pragma once
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tapedeck {

/// Processes that run at the same time. None outlives this one: they are sent SIGTERM when it dies, and save.
class Jobs {
 public:
  /// Starts a program; stdout and stderr go to the file. Error{data} when it cannot be started.
  void start(size_t number, const std::vector<std::string>& words, const std::string& output);
  size_t running() const { return numbers_.size(); }
  /// Waits up to 20 ms for one to end: calls ended(number, exit code; 128 + signal).
  void poll(const std::function<void(size_t, int)>& ended);
  void signal_all(int signal) const;

 private:
  std::map<pid_t, size_t> numbers_;
};

}  // namespace tapedeck
