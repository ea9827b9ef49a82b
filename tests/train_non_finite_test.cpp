// Numbers that are none: the run stops before they reach a parameter or a checkpoint, and says where they came from.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/train/checkpoint.h>

#include "kernels/parallel.h"
#include "support/compare.h"
#include "support/run_files.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

/// One thread unless a test says otherwise: waiting for each other would cost more than these tiny tensors do.
const bool one_thread = (kernels::set_threads(1), true);

/// Identity that breaks: infinity at one update, in the forward or in the backward pass.
struct Breaker final : Op {
  bool backwards = false;
  std::string_view name() const override { return "breaker"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    y[0].copy_from(x[0]);
    if (!backwards) y[0].raw<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  }
  Tensors vjp(In, In, In dy, Wanted) const override {
    const Tensor bad = dy[0].clone();
    bad.raw<float>()[1] = std::numeric_limits<float>::infinity();
    return {bad};
  }
};
struct Broken final : Objective {
  Choice<Loss> inner{"cross_entropy"};
  int64_t at = 0;
  bool backwards = false;
  const Loss& task() const override { return *inner; }
  Tensor loss(Step& step) override {
    View view = step.forward();
    const Scope scope("broken.place");
    Breaker op;
    op.backwards = backwards;
    if (step.number() == at) view.logits = tapedeck::apply(op, {view.logits});
    return step.loss(view);
  }
};

}  // namespace

TEST_CASE("a number that is none stops the run before the update, and is traced to parameter, op and place") {
  for (bool backwards : {false, true}) {
    for (int64_t micro : {8, 3}) {
      CAPTURE(backwards);
      CAPTURE(micro);
      const TempFolder folder(Medium::memory);
      TinyRun run;
      run.folder = folder.path();
      auto broken = std::make_unique<Broken>();
      broken->at = 13;
      broken->backwards = backwards;
      run.objective = std::move(broken);
      run.training.micro_batch_size = micro;
      Tensor before;
      run.listener.on_step = [&](const StepRecord& r) {
        if (r.step == 13) before = run.store.values().clone();
      };
      const std::string said = thrown([&] { run.run(); }, ErrorKind::non_finite);
      CAPTURE(said);
      for (const char* part : {"step 14", "op breaker", "broken.place", "bag.table", "optimizer.lr"}) {
        CAPTURE(part);
        CHECK(said.find(part) != said.npos);
      }
      CHECK((said.find("the loss is") != said.npos) == !backwards);
      REQUIRE(before);
      CHECK(same_bits(run.store.values(), before));
      CHECK(find_checkpoint(folder.path(), "last") == folder / "checkpoints/step-000010");
      TinyRun next;
      next.folder = folder.path();
      CHECK(next.run(true).steps == 40);
    }
  }
}

TEST_CASE("the step that failed stays as a recording, and the log says what `look nan` says of it") {
  for (bool backwards : {false, true}) {
    CAPTURE(backwards);
    const TempFolder folder(Medium::memory);
    TinyRun run;
    run.folder = folder.path();
    auto broken = std::make_unique<Broken>();
    broken->at = 13;
    broken->backwards = backwards;
    run.objective = std::move(broken);
    CHECK_FALSE(thrown([&] { run.run(); }, ErrorKind::non_finite).empty());
    const Recording recording = decode(read_raw(folder / "tape.tdt"), "tape.tdt");
    CHECK(recording.about_value("step") == "14");
    const NonFinite found = find_non_finite(recording);
    const std::string answer = look_nan(recording, {});
    CAPTURE(answer);
    if (backwards) {  // its rule writes into a buffer, which no record made
      CHECK(found.path.empty());
      CHECK(answer.find("the first at element 1") != answer.npos);
      CHECK(answer.find("first read by ") != answer.npos);
      CHECK(answer.find("in head, backward") != answer.npos);
    } else {
      REQUIRE_FALSE(found.path.empty());
      CHECK(recording.records[found.path[0]].op == "breaker");
      CHECK(answer.find("in broken.place, forward") != answer.npos);
    }
    std::string said;
    for (const std::string& line : run.listener.notes) said += line + "\n";
    CHECK(said.find(answer) != said.npos);
  }
}

TEST_CASE("weights that overflow are not kept as a checkpoint") {
  const TempFolder folder(Medium::memory);
  TinyRun run;
  run.folder = folder.path();
  run.optimizer = configured<Optimizer>("sgd", R"({"lr": 1e38})");
  run.schedule = configured<Schedule>("constant");
  run.evaluation.every = {1, Duration::Unit::steps};
  CHECK_FALSE(thrown([&] { run.run(); }, ErrorKind::non_finite).empty());
  if (fs::exists(folder / "checkpoints"))
    for (auto& name : names(folder / "checkpoints"))
      if (name.starts_with("step")) load_parameters(folder / "checkpoints/" + name, run.store);
  for (int64_t i = 0; i < run.store.values().size(); ++i)
    if (fs::exists(folder / "checkpoints/last.json")) CHECK(std::isfinite(run.store.values().item(i)));
}
