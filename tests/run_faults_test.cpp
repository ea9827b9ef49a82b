// What a run leaves is whole: the tool is killed, or refused a file call or memory, at one point after another; then `resume`
// must leave the folder of a run that nobody disturbed. TAPEDECK_FAULTS=all goes through every point instead of a sample.
// Next: support/faults.h.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "support/faults.h"

using namespace tapedeck::testing;

namespace {

/// Three evaluations that save, one pruned checkpoint, a best one that is not the last, predictions and a test.
constexpr const char* experiment = R"({"name": "faults", "seed": 3,
  "data": {"type": "builtin", "train": 24, "validation": 8, "test": 8},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "6 steps", "batch_size": 8},
  "evaluation": {"every": "2 steps"},
  "logging": {"every": "1 steps"},
  "runtime": {"threads": 1}
})";

FaultBench& bench() {
  static FaultBench one(experiment);
  return one;
}

bool every_point() {
  const char* asked = std::getenv("TAPEDECK_FAULTS");
  return asked && std::string(asked) == "all";
}

/// 1..points, or about `sample` of them; a sample shifts with `phase` so that rows do not all try the same.
std::vector<long> points_to_try(long points, long sample, long phase) {
  const long stride = every_point() ? 1 : std::max(1L, points / sample);
  std::vector<long> all;
  for (long at = 1 + phase % stride; at <= points; at += stride) all.push_back(at);
  return all;
}

/// status.json tells how the process ended; it may be missing only where nothing could be recorded yet.
void check_status(const Finished& finished) {
  if (!bench().holds("status.json")) {
    CHECK(read_raw(bench().run_folder() + "/metrics.jsonl").empty());
    return;
  }
  const auto status = bench().status();
  REQUIRE(status.is_object());
  if (status["state"] == "finished" && finished.exit_code == 8 && finished.out.empty()) return;  // done, but not printed
  CHECK(status["state"] == (finished.exit_code == 0 ? "finished" : "failed"));
  CHECK(status["exit_code"] == finished.exit_code);
  CHECK(status["error"].is_string() == (finished.exit_code != 0));
}

/// Goes on and compares everything; what never became a run folder is refused with its code.
void check_resumed() {
  if (!bench().holds("resolved.json")) {
    if (!bench().run_folder().empty()) CHECK(bench().resume().exit_code == 5);
    return;
  }
  const Finished resumed = bench().resume();
  CAPTURE(resumed.err);
  CHECK(resumed.exit_code == 0);
  const auto found = bench().contents();
  for (auto& [name, bytes] : bench().whole()) {
    CAPTURE(name);
    if (name == "environment.json") continue;
    REQUIRE(found.count(name) == 1);
    CHECK(found.at(name) == bytes);
  }
  for (auto& [name, bytes] : found) {
    CAPTURE(name);
    CHECK(bench().whole().count(name) == 1);
  }
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
TEST_CASE("faults") { MESSAGE("skipped: a sanitizer's own allocator must come first"); }
#else

TEST_CASE("killed at any file call, a run resumes to the same folder") {
  for (const char* kind : {"kill", "torn"}) {
    long tried = 0;
    for (long at : points_to_try(long(bench().calls().size()), 40, 3 * (kind[0] == 't'))) {
      const std::string call = bench().calls()[size_t(at - 1)];
      if (kind[0] == 't' && call != "write") continue;
      CAPTURE(std::string(kind));
      CAPTURE(at);
      CAPTURE(call);
      CHECK(bench().run({kind, at}).signal == SIGKILL);
      check_resumed();
      ++tried;
    }
    MESSAGE(std::string(kind) << ": " << tried << " of " << bench().calls().size() << " file calls");
  }
}

TEST_CASE("killed while it resumes, a run resumes to the same folder") {
  long tried = 0;
  const auto size = long(bench().calls().size());
  for (long first : {size / 2, size * 3 / 4, size - 2})
    for (long again : points_to_try(size, 12, 0)) {
      CAPTURE(first);
      CAPTURE(again);
      CHECK(bench().run({"kill", first}).signal == SIGKILL);
      const Finished second = bench().resume({"kill", again});
      CHECK((second.signal == SIGKILL || second.exit_code == 0));
      check_resumed();
      ++tried;
    }
  MESSAGE(tried << " pairs of kills");
}

TEST_CASE("a file call that fails ends with exit code 4 or a warning, a true status and a folder that resumes") {
  for (const int code : {ENOSPC, EIO}) {
    std::map<int, long> ends;
    for (long at : points_to_try(long(bench().calls().size()), 40, code)) {
      const std::string call = bench().calls()[size_t(at - 1)];
      CAPTURE(code);
      CAPTURE(at);
      CAPTURE(call);
      const Finished finished = bench().run({std::to_string(code), at});
      CAPTURE(finished.err);
      CHECK((finished.exit_code == 0 || finished.exit_code == 4));
      CHECK(finished.err.find("a mistake in tapedeck") == std::string::npos);
      if (finished.exit_code == 4) CHECK(finished.err.find(std::strerror(code)) != std::string::npos);
      if (call == "unlink") {  // a checkpoint that could not be pruned ends nothing
        CHECK(finished.exit_code == 0);
        CHECK(read_raw(bench().run_folder() + "/log.txt").find("warning: ") != std::string::npos);
      }
      ++ends[finished.exit_code];
      check_status(finished);
      check_resumed();
    }
    MESSAGE(std::string(std::strerror(code)) << ": " << ends[4] << " ended with 4, " << ends[0] << " went on");
  }
}

TEST_CASE("a disk that is full from any file call on ends with exit code 4 and a true status") {
  std::map<int, long> ends;
  for (long at : points_to_try(long(bench().calls().size()), 40, 1)) {
    CAPTURE(at);
    const Finished finished = bench().run({"full", at});
    CAPTURE(finished.err);
    CHECK((finished.exit_code == 0 || finished.exit_code == 4));
    ++ends[finished.exit_code];
    check_status(finished);
    check_resumed();
  }
  MESSAGE("full: " << ends[4] << " ended with 4, " << ends[0] << " went on");
}

TEST_CASE("memory that is refused ends with exit code 8 and a true status") {
  for (const char* kind : {"memory", "large"}) {
    std::map<int, long> ends;
    const long points = bench().allocations(), sample = every_point() ? 500 : 40;
    for (long i = 0; i < sample; ++i) {
      const long at = 1 + i * points / sample;
      CAPTURE(std::string(kind));
      CAPTURE(at);
      const Finished finished = bench().run({kind, at});
      CAPTURE(finished.err);
      CHECK((finished.exit_code == 0 || finished.exit_code == 8));
      if (finished.exit_code == 8) CHECK(finished.err.find("out of memory") != std::string::npos);
      ++ends[finished.exit_code];
      check_status(finished);
      check_resumed();
    }
    MESSAGE(std::string(kind) << ": " << ends[8] << " of " << sample << " ended with 8, " << ends[0] << " went on");
  }
}
#endif
