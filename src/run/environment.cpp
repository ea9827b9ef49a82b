// environment.json: under which program, machine, repository and data a run happened. Asking git may take two seconds at
// most and never fails a run. Next: run_folder.cpp.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <sstream>

#include <tapedeck/config/plugin.h>
#include <tapedeck/run/run.h>
#include <tapedeck/tensor/machine.h>

#include "src/config/sha256.h"
#include "src/run/run_folder.h"

extern char** environ;

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Reads until the writer closes, `limit` bytes came or the time is up; false if the time was up.
bool drain(int descriptor, Clock::time_point deadline, size_t limit, std::string& out) {
  char block[4096];
  while (out.size() < limit) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{descriptor, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, int(left)) <= 0) return false;
    const ssize_t got = read(descriptor, block, sizeof block);
    if (got <= 0) return got == 0;
    out.append(block, size_t(got));
  }
  out.resize(limit);
  return true;
}

/// Commit and branch of the working directory's repository, and whether tracked files differ; null outside of one.
Json git_facts() {
  std::istringstream lines(
      output_of({"git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"}, 2, 1 << 16));
  Json json = Json::dict();
  bool dirty = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# branch.oid ")) json.set("commit", Json::of(line.substr(13)));
    else if (line.starts_with("# branch.head ")) json.set("branch", Json::of(line.substr(14)));
    else if (!line.starts_with("#")) dirty = true;
  }
  if (json.members.empty()) return {};
  json.set("dirty", Json::of(dirty));
  return json;
}

Json file_facts(const std::string& path) {
  std::error_code problem;
  Json json = Json::dict();
  json.set("path", Json::of(path));
  const auto size = fs::file_size(path, problem);
  json.set("bytes", problem ? Json{} : Json::of(int64_t(size)));
  json.set("sha256", Json::of(sha256_of_file(path)));
  return json;
}

Json build_facts() {
  Json json = Json::dict();
#if defined(__clang__)
  json.set("compiler", Json::of("clang " __clang_version__));
#else
  json.set("compiler", Json::of("gcc " __VERSION__));
#endif
#if defined(__OPTIMIZE__)
  json.set("optimized", Json::of(true));
#else
  json.set("optimized", Json::of(false));
#endif
#if defined(__SANITIZE_ADDRESS__)
  json.set("sanitizer", Json::of("address"));
#elif defined(__SANITIZE_THREAD__)
  json.set("sanitizer", Json::of("thread"));
#endif
  return json;
}

Json machine_facts() {
  const Machine m = machine();
  Json json = Json::dict();
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  json.set("host", Json::of(host));
  json.set("cpu", Json::of(m.cpu));
  json.set("cores", Json::of(m.cores));
  json.set("usable_cores", Json::of(m.usable));
  json.set("threads", Json::of(threads()));
  json.set("instruction_set", Json::of(m.instruction_set));
  json.set("gemm", Json::of(m.gemm));
  json.set("blas", Json::of(m.blas));
  return json;
}

}  // namespace

std::string output_of(const std::vector<std::string>& command, double seconds, size_t limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string out;
  const auto deadline = Clock::now() + std::chrono::milliseconds(int(seconds * 1000));
  const bool complete = problem == 0 && drain(ends[0], deadline, limit, out);
  close(ends[0]);
  if (problem != 0) return "";
  if (!complete) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return complete && (WIFEXITED(status) ? WEXITSTATUS(status) == 0 : out.size() == limit) ? out : "";
}

Json environment(const std::vector<std::string>& input_files, const std::vector<std::string>& command_line) {
  Json json = Json::dict();
  json.set("tapedeck", Json::of(std::string(version())));
  json.set("started", Json::of(utc_time()));
  json.set("build", build_facts());
  json.set("machine", machine_facts());
  Json words = Json::list();
  for (const std::string& word : command_line) words.items.push_back(Json::of(word));
  json.set("command_line", std::move(words));
  std::error_code problem;
  json.set("working_directory", Json::of(fs::current_path(problem).string()));
  json.set("git", git_facts());
  Json plugins = Json::list();
  for (const std::string& path : loaded_plugins()) plugins.items.push_back(file_facts(path));
  json.set("plugins", std::move(plugins));
  Json files = Json::list();
  for (const std::string& path : input_files) files.items.push_back(file_facts(path));
  json.set("input_files", std::move(files));
  return json;
}

}  // namespace tapedeck
