// fork and exec, with the one thing posix_spawn cannot do: a child that hears of its parent's death. Next: sweep.cpp.
#include "src/study/jobs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <tapedeck/base/error.h>

namespace tapedeck {

void Jobs::start(size_t number, const std::vector<std::string>& words, const std::string& output) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid(), child = fork();
  if (child < 0) throw Error(ErrorKind::data, text("cannot start a process: ", std::strerror(errno)), "use fewer --jobs");
  if (child == 0) {  // nothing but system calls between fork and exec
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(143);
    const int in = open("/dev/null", O_RDONLY), out = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  numbers_[child] = number;
}

void Jobs::poll(const std::function<void(size_t, int)>& ended) {
  for (auto at = numbers_.begin(); at != numbers_.end();) {
    int status = 0;
    const pid_t done = waitpid(at->first, &status, WNOHANG);
    if (done == 0 || (done < 0 && errno == EINTR)) {
      ++at;
      continue;
    }
    const size_t number = at->second;
    at = numbers_.erase(at);
    ended(number, done < 0 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
  usleep(numbers_.empty() ? 0 : 20'000);
}

void Jobs::signal_all(int signal) const {
  for (const auto& [process, number] : numbers_) kill(process, signal);
}

}  // namespace tapedeck
