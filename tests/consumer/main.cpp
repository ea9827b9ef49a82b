// Holds the new op to the op table's promises and the new parts to theirs, then trains the experiment that names them. Exit code
// 0: all is well.
#include <cstdio>
#include <cstdlib>
#include <new>

#include <tapedeck/check/check_op.h>
#include <tapedeck/check/check_part.h>
#include <tapedeck/run/run.h>

namespace {
int64_t allocations = 0;  // calls of operator new, for check 11
}
[[gnu::noinline]] void* operator new(size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes ? bytes : 1)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

int main(int, char** argv) try {
  const tapedeck::OpReport report = tapedeck::check_op(tapedeck::find_op("soft_cap"), [] { return allocations; });
  const tapedeck::PartReport head = tapedeck::check_part("head", "capped"),
                             objective = tapedeck::check_part("objective", "twice");
  std::fputs((report.str() + head.str() + objective.str()).c_str(), stdout);
  const tapedeck::RunResult run =
      tapedeck::run_experiment(argv[1], {.output = argv[2], .progress = tapedeck::ProgressMode::none});
  const double accuracy = run.seeds.at(0).best.at("accuracy");
  std::printf("accuracy %.3f\n", accuracy);
  return report.sound() && head.sound() && objective.sound() && run.exit_code == 0 && accuracy > 0.9 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
