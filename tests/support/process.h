// Running the real tool in a test: arguments in, exit code, signal and both outputs out.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "temp_folder.h"

namespace tapedeck::testing {

struct Finished {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out, err;
};

struct Launch {
  std::string program = TAPEDECK_BINARY;
  std::string directory = {};                 // working directory; "" keeps the test's
  std::string stdout_path = {};               // "" captures it
  std::string input = {};                     // on stdin
  std::vector<std::string> environment = {};  // "NAME=value", added
  int seconds = 120;                          // then it is killed, which no test expects
  std::function<void(pid_t)> meanwhile = {};  // called about every 2 ms while it runs
};

/// Runs tapedeck with these arguments and waits for its end.
inline Finished run_tool(const std::vector<std::string>& arguments, const Launch& launch = {}) {
  TempFolder scratch(Medium::memory);
  const std::string out = launch.stdout_path.empty() ? scratch / "out" : launch.stdout_path, err = scratch / "err";
  if (!launch.input.empty()) write_raw(scratch / "in", launch.input);
  const std::string from = launch.input.empty() ? "/dev/null" : scratch / "in";
  std::vector<std::string> words = {launch.program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int in = open(from.c_str(), O_RDONLY), to = open(out.c_str(), O_WRONLY | O_CREAT, 0600),
              problems = open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    dup2(in, 0), dup2(to, 1), dup2(problems, 2);
    for (const std::string& variable : launch.environment) putenv(const_cast<char*>(variable.c_str()));
    if (launch.directory.empty() || chdir(launch.directory.c_str()) == 0) execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(launch.seconds);
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (launch.meanwhile) launch.meanwhile(child);
    if (std::chrono::steady_clock::now() > deadline) kill(child, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Finished finished{WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0, "", read_raw(err)};
  if (launch.stdout_path.empty()) finished.out = read_raw(out);
  return finished;
}

}  // namespace tapedeck::testing
