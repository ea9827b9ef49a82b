// What an update of each method costs, counted in passes over the batch: the table of the methods' published costs. A sweep
// back through two forward passes counts as two; a recorded sweep is swept again by the next one.
#include <doctest/doctest.h>

#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::test;

namespace {

PassCount passes_of(const std::string& objective, bool run, int64_t number = 0) {
  ModelFixture f(tiny_model(objective));
  const Batch b = f.batch();
  Step s(f.tape, *f.model, f.store, f.config.objective->task(), b, root_key(9) / "step" / number, number);
  if (run) f.config.objective->run(s);
  else s.backward(f.config.objective->loss(s));
  return s.passes();
}

struct MethodPasses {
  std::string name, objective;
  int64_t forward, backward, number = 0;
};
const MethodPasses rows[] = {
    {"one pass", R"("cross_entropy")", 1, 1},
    {"R-Drop", R"({"type": "r_drop"})", 2, 2},
    {"R-Drop, m passes", R"({"type": "r_drop", "passes": 4})", 4, 4},
    {"FGM", R"({"type": "fgm"})", 2, 2},
    {"FGM, shifted loss alone", R"({"type": "fgm", "train": "adversarial"})", 2, 2},
    {"FGSM", R"({"type": "fgsm"})", 2, 2},
    {"PGD, K = 1", R"({"type": "pgd", "steps": 1})", 2, 2},
    {"PGD, K = 3", R"({"type": "pgd", "steps": 3})", 4, 4},
    {"PGD, K = 3, shifted loss alone", R"({"type": "pgd", "steps": 3, "train": "adversarial"})", 4, 4},
    {"PGD, K = 3, Madry's random start", R"({"type": "pgd", "steps": 3, "start": 1, "train": "adversarial"})", 4, 4},
    {"PGD, K = 3, random start and clean loss", R"({"type": "pgd", "steps": 3, "start": 1})", 5, 5},
    {"FreeLB, K = 1", R"({"type": "freelb", "steps": 1})", 1, 1},
    {"FreeLB, K = 3", R"({"type": "freelb", "steps": 3})", 3, 3},
    {"FreeLB, K = 3, random start", R"({"type": "freelb", "steps": 3, "start": 0.2})", 3, 3},
    {"VAT", R"({"type": "vat"})", 3, 3},
    {"VAT, two iterations", R"({"type": "vat", "iterations": 2})", 4, 4},
    {"random noise alone", R"({"type": "adversarial", "adversary": "random", "train": "adversarial"})", 1, 1},
    {"random noise", R"({"type": "adversarial", "adversary": "random"})", 2, 2},
    {"gradient penalty: back, then back through both", R"({"type": "gradient_penalty"})", 1, 3},
    {"gradient penalty, WGAN's two-sided form", R"({"type": "gradient_penalty", "form": "two_sided"})", 1, 3},
    {"the loss under its own name", R"("supervised")", 1, 1},
    {"R-Drop, an update without it", R"({"type": "r_drop", "every": 7})", 1, 1, 3},
    {"SMART", R"({"type": "smart"})", 3, 3},
    {"SMART, two steps", R"({"type": "smart", "steps": 2})", 4, 4},
    {"noise consistency", R"({"type": "noise_consistency"})", 2, 2},
    {"R3F", R"({"type": "r3f"})", 2, 2},
    {"entropy minimisation", R"({"type": "entropy"})", 1, 1},
    {"mixup", R"({"type": "mixup"})", 1, 1},
    {"manifold mixup", R"({"type": "mixup", "at": ["pooled", "hidden"]})", 1, 1},
    {"SAM", R"({"type": "sam"})", 2, 2},
    {"AWP", R"({"type": "awp"})", 2, 2},
    {"AWP, clean gradient as well", R"({"type": "awp", "train": "both"})", 2, 2},
    {"periodic, its update", R"({"type": "periodic", "every": 3, "loss": {"type": "pgd"}})", 4, 4, 3},
    {"periodic, another's update", R"({"type": "periodic", "every": 3, "loss": {"type": "pgd"}})", 1, 1, 4},
    {"FreeLB, K = 4", R"({"type": "freelb", "steps": 4})", 4, 4},
    {"VAT + entropy minimisation", R"({"type": "entropy", "loss": {"type": "vat"}})", 3, 3},
    // An attack inside another method keeps its clean pass, which the sweep of the whole then walks through once more.
    {"VAT around FGM: the clean pass is shared", R"({"type": "vat", "loss": {"type": "fgm"}})", 4, 5},
    {"AWP around PGD, K = 2: attacked once", R"({"type": "awp", "loss": {"type": "pgd", "steps": 2}})", 5, 6},
    {"AWP around PGD, K = 2: attacked again", R"({"type": "awp", "attack": "again", "loss": {"type": "pgd", "steps": 2}})", 6, 7},
    {"SimCSE", R"("simcse")", 2, 2},
    {"SimCSE, 2N - 1 candidates", R"({"type": "simcse", "candidates": "2n-1"})", 2, 2},
    {"NT-Xent", R"("nt_xent")", 2, 2},
    {"SupCon", R"({"type": "sup_con", "weight": 1})", 2, 2},
    {"SupCon beside cross-entropy, three views", R"({"type": "sup_con", "passes": 3})", 3, 3},
    {"SCAL", R"("scal")", 2, 3},
    {"SCAL, PGD of three steps", R"({"type": "scal", "adversary": {"type": "pgd", "steps": 3}})", 4, 5},
    {"USCAL", R"("uscal")", 3, 5},
    {"mean teacher: its pass has no way back", R"({"type": "mean_teacher"})", 2, 1},
    {"distillation", R"({"type": "distillation", "teacher": "not read here"})", 2, 1},
    {"temporal ensembling", R"("temporal_ensembling")", 1, 1},
    {"a sum of two terms", R"({"type": "sum", "terms": [{"loss": "cross_entropy"}, {"loss": "r_drop"}]})", 3, 3},
    {"a mean teacher of R-Drop", R"({"type": "mean_teacher", "loss": "r_drop"})", 3, 2},
    {"FGM around R-Drop", R"({"type": "fgm", "loss": {"type": "r_drop"}})", 4, 4},
};

}  // namespace

TEST_CASE("passes of one update") {
  for (const MethodPasses& row : rows) {
    CAPTURE(row.name);
    const PassCount count = passes_of(row.objective, true, row.number);
    CHECK(count.forward == row.forward);
    CHECK(count.backward == row.backward);
  }
}

TEST_CASE("nested inside another method an objective makes the same forward passes") {
  for (const MethodPasses& row : rows) {
    CAPTURE(row.name);
    CHECK(passes_of(row.objective, false, row.number).forward == row.forward);
  }
}

TEST_CASE("updates without the regulariser make one pass") {
  for (const char* objective :
       {R"({"type": "r_drop", "every": 3})", R"({"type": "vat", "every": 3})", R"({"type": "vat", "weight": 0})",
        R"({"type": "mean_teacher", "every": 3})", R"({"type": "mean_teacher", "weight": 0})",
        R"({"type": "sum", "terms": [{"loss": "cross_entropy"}, {"loss": "r_drop", "every": 3}]})"}) {
    CAPTURE(objective);
    const PassCount skipped = passes_of(objective, true, 4);
    CHECK(skipped.forward == 1);
    CHECK(skipped.backward == 1);
  }
  CHECK(passes_of(R"({"type": "vat", "every": 3})", true, 6).forward == 3);
  CHECK(passes_of(R"({"type": "vat", "ramp": "10 steps"})", true, 0).forward == 1);
  CHECK(passes_of(R"({"type": "vat", "ramp": "10 steps"})", true, 1).forward == 3);
}
