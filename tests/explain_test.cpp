// What `tapedeck explain` shows of a part at work: every loss, head, encoder, model and method has an example, and what it says
// there is what the recorder and the tables of passes say. Next: method_pages_test.cpp for the words, op_table_test.cpp for ops.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <tapedeck/check/check_part.h>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

std::string explained(const std::string& topic) {
  const Finished finished = run_tool({"explain", topic});
  CAPTURE(finished.err);
  CHECK(finished.exit_code == 0);
  return finished.out.substr(std::min(finished.out.size(), finished.out.find("\nExample: ")));
}

Parsed example(const std::string& topic) {
  const Parsed all = Parsed::parse(run_tool({"explain", topic, "--json"}).out);
  REQUIRE(all["examples"].size() == 1);
  return all["examples"][0];
}

}  // namespace

TEST_CASE("every part with derivatives is shown at work, in lines that can be read") {
  const Parsed list = Parsed::parse(run_tool({"list", "--json"}).out);
  int parts = 0;
  for (const Parsed& entry : list) {
    const std::string kind = entry["kind"], name = entry["name"];
    if (!tapedeck::can_be_checked(kind)) continue;
    ++parts;
    CAPTURE(kind + "." + name);
    const std::string text = explained(kind + "." + name);
    const bool method = kind == "objective" || kind == "adversary" || kind == "embedding_loss";
    for (const char* words : {"\nExample: ", method ? "  forward   pass 1: " : "\nForward (",
                              method ? "  backward  from %" : "\nBackward (", "\nCost there:\n", " flops"})
      CHECK_MESSAGE(has(text, words), words << " is missing in\n" << text);
    CHECK(has(text, "\nChecks: tapedeck gradcheck " + kind + "." + name + ", on\n  6 "));
    CHECK(has(text, "Kept for backward") == !method);
    const std::vector<std::string> lines = lines_of(text);
    CHECK(lines.size() < 110);
    for (const std::string& line : lines) CHECK_MESSAGE(line.size() < 240, line);
  }
  CHECK(parts >= 70);
}

TEST_CASE("a method's example makes the passes that its table says") {
  struct Passes {
    const char* name;
    int forward, backward;
  };  // of the defaults: objective_passes_test.cpp
  for (const Passes& row : {Passes{"supervised", 1, 1},
                            {"r_drop", 2, 2},
                            {"fgm", 2, 2},
                            {"pgd", 4, 4},
                            {"freelb", 3, 3},
                            {"vat", 3, 3},
                            {"gradient_penalty", 1, 3},
                            {"sam", 2, 2},
                            {"mean_teacher", 2, 1},
                            {"distillation", 2, 1},
                            {"simcse", 2, 2},
                            {"scal", 2, 3},
                            {"uscal", 3, 5},
                            {"temporal_ensembling", 1, 1}}) {
    CAPTURE(std::string(row.name));
    const std::string topic = std::string("objective.") + row.name, text = explained(topic);
    CHECK(has(text, "passes: " + std::to_string(row.forward) + " forward, " + std::to_string(row.backward) + " backward"));
    const Parsed data = example(topic);
    CHECK(data["forward_passes"] == row.forward);
    CHECK(data["backward_passes"] == row.backward);
    CHECK(data["records"].size() > 20);
    CHECK(has(text, "  forward   pass " + std::to_string(row.forward)));
    CHECK_FALSE(has(text, "  forward   pass " + std::to_string(row.forward + 1)));
  }
  CHECK(has(explained("objective.fgm"), "with %"));  // the shifted pass and its perturbation
  CHECK(has(explained("mean_teacher"), "pass 2, off the tape"));
  CHECK(has(explained("gradient_penalty"), "\n  recorded  from %"));
}

TEST_CASE("an example follows the options it is given") {
  const auto shown = [](const std::vector<std::string>& words) { return run_tool(words).out; };
  CHECK(has(shown({"explain", "objective.pgd", "--set", "steps=1"}), "passes: 2 forward, 2 backward"));
  CHECK(has(shown({"explain", "r_drop", "--set", "passes=4", "--set", "loss=focal"}), "passes: 4 forward, 4 backward"));
  CHECK(has(shown({"explain", "transformer", "--set", "layers=12"}), "encoder.layers.11 "));
  CHECK(has(shown({"explain", "adversary.pgd", "--set", "steps=1"}), "inside the objective adversarial"));
  CHECK(has(shown({"gradcheck", "r_drop", "--set", "distance=mse", "--set", "loss=focal"}), "keeps its promises"));
  struct Trial {
    std::vector<std::string> words;
    int code;
    const char* said;
  };
  for (const Trial& trial : {Trial{{"explain", "r_drop", "--set", "pases=4"}, 3, "did you mean \"passes\""},
                             {{"gradcheck", "r_drop", "--set", "passes=1"}, 3, "TD0304"},
                             {{"gradcheck", "softmax", "--set", "p=1"}, 2, "an op has none"},
                             {{"explain", "adamw", "--set", "lr=1"}, 2, "has none"}}) {
    const Finished refused = run_tool(trial.words);
    CAPTURE(refused.err);
    CHECK(refused.exit_code == trial.code);
    CHECK(has(refused.err, trial.said));
  }
}

TEST_CASE("a layer's example: what is repeated is folded, flops are those of its records, parameters have their names") {
  const std::string text = explained("transformer");
  CHECK(has(text, "encoder.layers.1 "));
  CHECK(has(text, "the same 7 rows"));
  CHECK(has(text, "linear' d%"));
  const std::string head = explained("head.linear");
  CHECK(has(head, "pooled f32[2,8], head.weight f32[3,8], head.bias f32[3]"));
  CHECK(has(head, "linear[act=none bias=true] %"));
  CHECK(has(head, " weight bias\n"));
  CHECK(has(head, "d weight:[3,8], d bias:[3] = linear'"));
  double forward = 0, backward = 0;
  const Parsed data = example("head.linear");
  for (const Parsed& record : data["records"])
    (record["phase"] == "forward" ? forward : backward) += record["flops"].get<double>();
  CHECK(data["forward_flops"] == forward);
  CHECK(data["backward_flops"] == backward);
  CHECK(backward > 0);
}

TEST_CASE("a part that cannot be shown says why, and one that computes outside the ops is notified so") {
  const Finished refused = run_tool({"explain", "needs_weather", "--plugin", TAPEDECK_WRONG_PLUGIN});
  CHECK(refused.exit_code == 0);
  CHECK(has(refused.out,
            "Example: none, because it cannot be used on short texts with labels:\n  needs_weather: the data have no weather\n"));
  for (const char* name : {"adamw", "accuracy", "shuffle"}) CHECK_FALSE(has(run_tool({"explain", name}).out, "Example: "));
}
