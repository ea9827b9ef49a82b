// `tapedeck gradcheck` on every name that `tapedeck list` has and that has derivatives, and on parts with mistakes, each of which
// it must find. Next: outside/wrong.cpp for the mistakes, check/check_part.h for the promises.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <tapedeck/check/check_part.h>

#include "support/process.h"

using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

/// Parts that cannot be checked, and what they say about it. None that is built in: adding one is a row here.
struct Exemption {
  const char *kind, *name, *reason;
};
const std::vector<Exemption> exemptions = {};

std::vector<std::string> names_of(const Parsed& list) {
  std::vector<std::string> names;
  for (const Parsed& entry : list)
    if (const std::string kind = entry["kind"]; kind == "op" || tapedeck::can_be_checked(kind))
      names.push_back(kind + "." + entry["name"].get<std::string>());
  return names;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("everything with derivatives keeps its promises, one name after another") {
  const std::vector<std::string> names = names_of(Parsed::parse(run_tool({"list", "--json"}).out));
  CHECK(names.size() >= 140);
  std::vector<std::string> words{"gradcheck", "--json"};
  words.insert(words.end(), names.begin(), names.end());
  const Finished finished = run_tool(words, {.seconds = 600});
  CHECK(finished.exit_code == 0);
  const Parsed all = Parsed::parse(finished.out);
  CHECK(all["sound"] == true);
  REQUIRE(all["reports"].size() == names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const Parsed& report = all["reports"][i];
    CAPTURE(report.dump());
    CHECK(report["kind"].get<std::string>() + "." + report["name"].get<std::string>() == names[i]);
    CHECK(report["sound"] == true);
    const auto exempt = std::ranges::find_if(exemptions, [&](auto& e) { return std::string(e.kind) + "." + e.name == names[i]; });
    CHECK(report.contains("exempt") == (exempt != exemptions.end()));
    if (exempt != exemptions.end()) CHECK(has(report["exempt"], exempt->reason));
    else CHECK(report["checks"].size() >= 2);
  }
}

TEST_CASE("a part with a mistake is found out, and what is wrong is named") {
  struct Mistake {
    const char *name, *promise, *where;
  };
  const Mistake mistakes[] = {
      {"wrong_slope", "first derivatives agree with differences", "logits, element"},
      {"wrong_mean", "micro-batches add up to the batch", "element 0"},
      {"wrong_head", "first derivatives agree with differences", "head."},
      {"wrong_encoder", "first derivatives agree with differences", "encoder.table"},
      {"wrong_run", "run() adds the gradient of loss()", "element"},
      {"wrong_share", "micro-batches add up to the batch", "element"},
      {"wrong_op", "the gradient agrees with differences", "encoder."},
  };
  const std::string plugin = TAPEDECK_WRONG_PLUGIN;
  for (const Mistake& mistake : mistakes) {
    const Finished finished = run_tool({"gradcheck", mistake.name, "--plugin", plugin});
    CAPTURE(finished.out);
    CHECK(finished.exit_code == 1);
    CHECK(has(finished.out, std::string("FAILED: ") + mistake.promise));
    CHECK(has(finished.out.substr(std::min(finished.out.size(), finished.out.find("FAILED"))), mistake.where));
    CHECK(has(finished.out, "breaks its promises"));
  }
  const Finished op = run_tool({"gradcheck", "wrong_square", "--plugin", plugin});
  CHECK(op.exit_code == 1);
  CHECK(has(op.out, "(5) gradcheck"));
  const Finished several = run_tool({"gradcheck", "loss.mse", "wrong_mean", "huber", "--plugin", plugin, "--json"});
  CHECK(several.exit_code == 1);
  CHECK(Parsed::parse(several.out)["sound"] == false);
  CHECK(Parsed::parse(several.out)["reports"].size() == 3);
}

TEST_CASE("what cannot be checked says why, in one line") {
  const Finished refused = run_tool({"gradcheck", "needs_weather", "--plugin", TAPEDECK_WRONG_PLUGIN});
  CHECK(refused.exit_code == 0);
  CHECK(refused.out ==
        "loss needs_weather: not checked, because it cannot be used here: needs_weather: the data have no weather\n");
  struct Trial {
    const char *word, *said;
  };
  for (const Trial& trial : {Trial{"adamw", "of the kind optimizer, which has no derivatives"},
                             {"accuracy", "of the kind metric"},
                             {"r_dorp", "did you mean \"r_drop\""},
                             {"loss.accuracy", "there is nothing called"}}) {
    const Finished finished = run_tool({"gradcheck", trial.word});
    CAPTURE(finished.err);
    CHECK(finished.exit_code == 2);
    CHECK(has(finished.err, trial.said));
  }
}
