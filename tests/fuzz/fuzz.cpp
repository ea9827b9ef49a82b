// Drives the real tool with damaged files and says what it must never do: crash, hang, end with a code that no page lists, take
// more memory than allowed, or send a terminal what a file says. `fuzz --help` names the options. Next: subjects.h, mutate.h.
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <sstream>

#include <tapedeck/base/error.h>

#include "mutate.h"
#include "subjects.h"

using namespace tapedeck;
using namespace tapedeck::fuzz;
namespace fs = std::filesystem;

namespace {

struct Options {
  std::string program = TAPEDECK_BINARY, keep = "";
  int64_t count = 200, first = 0, seed = 1, seconds = 20, memory = 2048;
};

constexpr const char* help =
    "fuzz [--count N] [--first I] [--seed S] [--seconds T] [--memory MIB] [--keep DIR] [--program TAPEDECK]\n"
    "  runs N commands on damaged files, mutants I, I+1, ... of the seed; a command may take T seconds of processor time and MIB "
    "of\n"
    "  address space (0: no limit, which a sanitizer needs); --keep DIR keeps what failed, to be tried again with --first I "
    "--count 1\n";

Options parse(int argc, char** argv) {
  Options o;
  const std::map<std::string, int64_t*> numbers = {
      {"--count", &o.count}, {"--first", &o.first}, {"--seed", &o.seed}, {"--seconds", &o.seconds}, {"--memory", &o.memory}};
  const std::map<std::string, std::string*> texts = {{"--program", &o.program}, {"--keep", &o.keep}};
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const auto number = numbers.find(name);
    const auto words = texts.find(name);
    if (words != texts.end() && !value.empty()) *words->second = value;
    else if (number == numbers.end() ||
             std::from_chars(value.data(), value.data() + value.size(), *number->second).ptr == value.data()) {
      std::fputs(help, stderr);
      std::exit(2);
    }
  }
  return o;
}

/// The codes of the table in docs/guide/errors.md, without 1, which stands for our own mistakes.
std::set<int> documented_codes() {
  std::istringstream lines(testing::read_raw(TAPEDECK_SOURCE_DIR "/docs/guide/errors.md"));
  std::set<int> codes;
  for (std::string line; std::getline(lines, line) && !line.starts_with("## Diagnostics");)
    if (line.starts_with("| ") && std::isdigit(static_cast<unsigned char>(line[2])))
      for (const char* at = line.c_str() + 2; std::isdigit(static_cast<unsigned char>(*at));) {
        char* end = nullptr;
        codes.insert(int(std::strtol(at, &end, 10)));
        at = *end == ',' ? end + 2 : end;
      }
  codes.erase(1);
  return codes;
}

struct Outcome {
  int code = -1, signal = 0;
  double seconds = 0;
  int64_t kilobytes = 0;
  bool late = false;
  std::string said;
};

Outcome execute(const Options& options, const std::string& folder, const Words& words) {
  const std::string said = folder + "/said";
  Words all = words;
  all.insert(all.begin(), options.program);
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int in = open("/dev/null", O_RDONLY), out = open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(in, 0), dup2(out, 1), dup2(out, 2);
    setenv("OMP_NUM_THREADS", "1", 1);
    const rlimit space{rlim_t(options.memory) << 20, rlim_t(options.memory) << 20}, none{0, 0};
    if (options.memory > 0) setrlimit(RLIMIT_AS, &space);
    setrlimit(RLIMIT_CORE, &none);
    if (chdir(folder.c_str()) == 0) execv(argv[0], argv.data());
    _exit(127);
  }
  Outcome outcome;
  int status = 0;
  rusage used{};
  const auto start = std::chrono::steady_clock::now();
  while (wait4(child, &status, WNOHANG, &used) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // A busy machine may be slow, a process that waits must not wait for ever.
    if (!outcome.late && std::chrono::steady_clock::now() - start > std::chrono::seconds(6 * options.seconds))
      outcome.late = kill(child, SIGKILL) == 0;
  }
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  outcome.seconds =
      double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * double(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  outcome.kilobytes = used.ru_maxrss;
  outcome.said = testing::read_raw(said);
  return outcome;
}

/// The first byte that no terminal should get, in words; written apart from base/printable.h, which it judges.
std::string raw_byte(const std::string& text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned a = byte(i), b = byte(i + 1), c = byte(i + 2);
    const size_t tail = a < 0x80 ? 0 : a < 0xC2 ? 9 : a < 0xE0 ? 1 : a < 0xF0 ? 2 : a < 0xF5 ? 3 : 9;
    bool bad = (a < 0x20 && a != '\n' && a != '\t') || a == 0x7F || tail == 9 || (a == 0xC2 && b < 0xA0) ||
               (a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F) ||
               (a == 0xE2 && b == 0x80 && (c == 0x8E || c == 0x8F || (c >= 0xA8 && c <= 0xAE))) ||
               (a == 0xE2 && b == 0x81 && c >= 0xA6 && c <= 0xA9) || (a == 0xF3 && b == 0xA0 && (c == 0x80 || c == 0x81));
    for (size_t k = 1; k <= tail && !bad; ++k) bad = (byte(i + k) & 0xC0u) != 0x80u;
    if (bad) return tapedeck::text("byte ", i, " of the output is raw: ", a, " ", b, " ", c);
    i += tail;
  }
  return "";
}

std::string logs(const std::string& folder) {
  std::string all;
  for (const char* root : {"/out", "/runs"})
    if (fs::exists(folder + root))
      for (const auto& entry : fs::recursive_directory_iterator(folder + root))
        if (entry.path().filename() == "log.txt") all += testing::read_raw(entry.path().string());
  return all;
}

/// What is wrong with it, or "".
std::string judged(const Outcome& o, const Options& options, const std::set<int>& codes) {
  if (o.late) return "hangs";
  if (o.signal) return text("ends with signal ", o.signal);
  if (!codes.contains(o.code)) return text("exit code ", o.code);
  if (o.seconds > double(options.seconds)) return text("takes ", o.seconds, " s");
  return raw_byte(o.said);
}

struct Tally {
  std::map<std::string, std::map<int, int64_t>> codes;  // by kind
  double slowest = 0;
  int64_t largest = 0, failures = 0;
};

void one(const Workspace& work, const Options& options, const std::set<int>& codes, int64_t number, Tally& tally) {
  const Key key = root_key(uint64_t(options.seed)) / number;
  static constexpr const char* kinds[] = {"config", "data", "run", "tape"};
  const auto& subjects = work.subjects(kinds[random_below(key, 0, 4)]);
  const Subject& subject = subjects[random_below(key, 1, subjects.size())];
  const Words& command = subject.commands[random_below(key, 2, subject.commands.size())];
  const std::string original = work.original(subject), bytes = mutant(original, format_of(subject.file), key / "damage");
  work.damage(subject, bytes, random_below(key, 3, 4) > 0);
  const Outcome outcome = execute(options, work.path(), command);
  std::string problem = judged(outcome, options, codes);
  if (problem.empty()) problem = raw_byte(logs(work.path()));
  ++tally.codes[subject.kind][outcome.code];
  tally.slowest = std::max(tally.slowest, outcome.seconds);
  tally.largest = std::max(tally.largest, outcome.kilobytes);
  if (!problem.empty()) {
    ++tally.failures;
    std::string words;
    for (const std::string& word : command) words += " " + word;
    std::printf("mutant %lld, %s: tapedeck%s: %s\n%s\n", static_cast<long long>(number), subject.file.c_str(), words.c_str(),
                problem.c_str(), outcome.said.substr(0, 600).c_str());
    if (!options.keep.empty()) {
      const fs::path folder = fs::path(options.keep) / std::to_string(number);
      fs::create_directories(folder);
      fs::copy(work.path() + "/" + subject.file, folder / fs::path(subject.file).filename(),
               fs::copy_options::overwrite_existing);
      testing::write_raw((folder / "command").string(), words + "\n" + subject.file + "\n" + problem + "\n" + outcome.said);
    }
  }
  if (subject.folder.empty()) work.damage(subject, original, false);
  work.restore(subject);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const std::set<int> codes = documented_codes();
  const Workspace work(TAPEDECK_SOURCE_DIR, options.program);
  Tally tally;
  for (int64_t i = 0; i < options.count; ++i) one(work, options, codes, options.first + i, tally);
  for (const auto& [kind, counts] : tally.codes) {
    std::printf("%-7s", kind.c_str());
    for (const auto& [code, count] : counts) std::printf("  exit %d: %lld", code, static_cast<long long>(count));
    std::printf("\n");
  }
  std::printf("%lld commands, %lld failures; slowest %.2f s of processor time, most memory %lld MiB\n",
              static_cast<long long>(options.count), static_cast<long long>(tally.failures), tally.slowest,
              static_cast<long long>(tally.largest >> 10));
  return tally.failures ? 1 : 0;
}
