// What somebody who studies a training step asks: each question answered by one command of the real tool, and the answer held
// against what follows from `look list --json` or from mathematics. Next: docs/guide/look.md, look_views_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include <tapedeck/base/error.h>
#include <tapedeck/look/recording.h>

#include "support/process.h"
#include "support/sources.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

std::string experiment(const std::string& encoder, const std::string& more = "", const std::string& head = "linear") {
  return R"({"name": "tiny",
  "data": {"type": "builtin", "train": 40, "validation": 16, "test": 16},
  "model": {"type": "text", "head": ")" +
         head + R"(",
            "encoder": {"type": "transformer", "width": 8, "heads": 2, "feed_forward": 16, )" +
         encoder + R"(}},
  "training": {"duration": "10 steps", "batch_size": 8})" +
         more + R"(,
  "runtime": {"threads": 1}})";
}

/// Experiments of milliseconds; some have a mistake that a question is about.
struct ToolFixture {
  TempFolder folder{Medium::memory};
  ToolFixture() {
    const auto write = [&](const char* name, const std::string& json) {
      write_raw(folder / (std::string(name) + ".json"), json);
    };
    const std::string plugin = std::string(R"(, "plugins": [")") + TAPEDECK_BROKEN_PLUGIN + R"("])";
    write("tiny", experiment(R"("layers": 1)"));
    write("wetter", experiment(R"("layers": 1, "dropout": 0.2)"));
    write("logarithm", experiment(R"("layers": 1)", plugin, "logarithm"));
    write("stuck", experiment(R"("layers": 1)", plugin, "stuck"));
    write("saturated",
          experiment(
              R"("layers": 2, "activation": "tanh")",
              R"(, "optimizer": {"type": "adamw", "groups": [{"match": ["encoder.layers.0.feed_forward.in.*"], "lr": 1000}]})"));
  }
  Finished run(const std::vector<std::string>& arguments, const std::string& input = "") const {
    const Finished finished = run_tool(arguments, {.directory = folder.path(), .input = input});
    CAPTURE(finished.err);
    CHECK(finished.exit_code == 0);
    return finished;
  }
  Parsed records(const std::string& from, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"look", "list", from, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return Parsed::parse(run(words).out);
  }
};

std::string type_of(const Parsed& value) {
  std::string out = "%" + std::to_string(value["id"].get<int>()) + ":" + value["dtype"].get<std::string>() + "[";
  for (auto& n : value["shape"]) out += (out.back() == '[' ? "" : ",") + std::to_string(n.get<int>());
  return out + "]";
}
int64_t elements(const Parsed& value) {
  int64_t n = 1;
  for (auto& d : value["shape"]) n *= d.get<int64_t>();
  return n;
}
bool finite(const Parsed& value) { return value["nan"] == 0 && value["infinite"] == 0; }
bool computed(const Parsed& record) { return record["op"] != "leaf" && record["phase"] != "update"; }
std::string place(const Parsed& record) {
  return "#" + std::to_string(record["index"].get<int>()) + " " + record["op"].get<std::string>();
}

using Words = std::vector<std::string>;

Words largest_tensor(const ToolFixture& tool) {
  Parsed best;
  std::string maker;
  for (auto& record : tool.records("tiny.json"))
    for (auto& value : record["out"])
      if (computed(record) && (best.is_null() || elements(value) > elements(best))) best = value, maker = place(record);
  return {"the largest tensor then: " + type_of(best), "made by " + maker};
}

Words birth_of_nan(const ToolFixture& tool) {
  for (auto& record : tool.records("logarithm.json")) {
    const bool sound = std::all_of(record["in"].begin(), record["in"].end(), finite);
    for (auto& value : record["out"])
      if (sound && !finite(value)) {
        CHECK(record["op"] == "log");
        return {"born in " + place(record) + " in head",
                type_of(value) + " holds " + std::to_string(value["nan"].get<int>()) + " NaN", "example", "log_softmax"};
      }
  }
  return {"nothing"};
}

Words cut_parameter(const ToolFixture& tool) {
  const Parsed records = tool.records("stuck.json");
  Words words;
  int trainable = 0, reached = 0;
  for (auto& update : records) {
    if (update["phase"] != "update") continue;
    ++trainable;
    reached += update["in"][1]["norm"].get<double>() > 0;
    if (update["in"][1]["norm"].get<double>() > 0) continue;
    for (auto& record : records)
      if (computed(record) &&
          std::any_of(record["in"].begin(), record["in"].end(), [&](auto& in) { return in["id"] == update["in"][0]["id"]; })) {
        words.push_back(update["scope"].get<std::string>() + ": cut by " + place(record));
        break;
      }
  }
  CHECK(words == Words{"head.gate: cut by " + words.at(0).substr(words.at(0).find('#'))});
  words.push_back("reaches " + std::to_string(reached) + " of " + std::to_string(trainable));
  return words;
}

Words slowest(const ToolFixture& tool) {
  std::map<std::string, double> by_op;
  double all = 0;
  for (auto& record : tool.records("tape.tdt")) {
    if (!computed(record)) continue;
    by_op[record["op"].get<std::string>() + ", " + record["phase"].get<std::string>()] += record["ns"].get<double>();
    all += record["ns"].get<double>();
  }
  const auto most = std::max_element(by_op.begin(), by_op.end(), [](auto& a, auto& b) { return a.second < b.second; });
  char figures[80];
  std::snprintf(figures, sizeof figures, ", %.1f us of %.1f us", most->second / 1000, all / 1000);
  return {"most time: " + most->first + figures};
}

Words kept_for_attention(const ToolFixture& tool) {
  Words words;
  for (auto& record : tool.records("tiny.json", {"--op", "attention", "--phase", "forward"}))
    for (auto& save : record["saves"])
      if (save["why"] != "held for other rows") {
        words.push_back("%" + std::to_string(save["id"].get<int>()) + ":");
        words.push_back(place(record) + ": " + save["why"].get<std::string>());
      }
  CHECK(words.size() == 8);  // queries, keys and values; offsets; the output; the normaliser
  words.push_back("4 values, ");
  return words;
}

Words flops_of_a_layer(const ToolFixture& tool) {
  std::map<std::string, double> flops;
  double products = 0;
  for (auto& record : tool.records("tiny.json")) {
    const std::string scope = record["scope"];
    if (!scope.starts_with("encoder.layers.0.") || record["phase"] == "update") continue;
    flops[record["phase"]] += record["flops"].get<double>();
    if (record["op"] == "linear" && record["phase"] == "forward")
      products += 2.0 * double(elements(record["in"][0]) * record["in"][1]["shape"][0].get<int64_t>());
  }
  CHECK(flops["forward"] >= products);  // 2 T in out for each product, and something for the rest
  CHECK(flops["forward"] < 2.5 * products);
  char text[100];
  std::snprintf(text, sizeof text, "%.0f", flops["forward"]);
  Words words{std::string("forward ") + text + " flops"};
  std::snprintf(text, sizeof text, "%.0f", flops["backward"]);
  words.push_back(std::string("backward ") + text + " flops");
  return words;
}

Words same_bits_again(const ToolFixture& tool) {
  const Parsed one = tool.records("tiny.json"), two = tool.records("tiny.json", {"--set", "runtime.threads=2"});
  int64_t count = 0;
  REQUIRE(one.size() == two.size());
  for (size_t i = 0; i < one.size(); ++i) {
    count += computed(one[i]);
    for (size_t k = 0; k < one[i]["out"].size(); ++k) CHECK(one[i]["out"][k]["hash"] == two[i]["out"][k]["hash"]);
  }
  return {std::to_string(count) + " of " + std::to_string(count) + " records give the same bits"};
}

/// The rows of "backward in ops" of `explain tanh`, computed; its derivative is 1 - tanh^2.
Words derivative_of_tanh(const ToolFixture& tool) {
  std::istringstream rows(tool.run({"explain", "tanh"}).out);
  const double x = 0.7;
  std::map<std::string, double> values{{"%0", x}, {"%1", std::tanh(x)}};
  double last = 0;
  bool backward = false;
  for (std::string line; std::getline(rows, line);) {
    if (line.find("backward in ops") != line.npos) backward = true;
    if (!backward || line.find(" = ") == line.npos) continue;
    const std::string name = line.substr(2, line.find(' ', 2) - 2), call = line.substr(line.find(" = ") + 3);
    std::string op = call.substr(0, call.find('(')), arguments = call.substr(call.find('(') + 1);
    for (char& c : arguments)
      if (c == ',' || c == ')') c = ' ';
    std::istringstream in(arguments);
    std::vector<double> given;
    for (std::string word; in >> word;)
      given.push_back(word[0] == '%'                ? values.at(word)
                      : word.find('=') != word.npos ? std::stod(word.substr(word.find('=') + 1))
                                                    : 1);  // dy is 1
    if (op == "add_scalar") last = given.at(0) + given.at(1);
    else if (op == "scale" || op == "mul") last = given.at(0) * given.at(1);
    else if (op == "negate") last = -given.at(0);
    else if (op == "square") last = given.at(0) * given.at(0);
    else FAIL("an op that this test does not compute: ", op);
    values[name] = last;
  }
  CHECK(last == doctest::Approx(1 - std::tanh(x) * std::tanh(x)));
  return {"y = tanh x", "backward in ops"};
}

Words vanishing(const ToolFixture& tool) {
  std::vector<std::pair<double, std::string>> sizes;
  for (auto& update : tool.records("saturated.json"))
    if (update["phase"] == "update")
      sizes.emplace_back(update["in"][1]["norm"].get<double>() / std::sqrt(double(elements(update["in"][1]))),
                         update["scope"].get<std::string>());
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes[0].second.starts_with("encoder.layers.0.feed_forward.in."));
  CHECK(sizes[1].second.starts_with("encoder.layers.0.feed_forward.in."));
  const double middle = sizes[sizes.size() / 2].first;
  CHECK(sizes[1].first < middle / 1000);
  CHECK(sizes[2].first > middle / 1000);
  return {"smallest gradient: " + sizes[0].second + ", ",
          "vanishing: encoder.layers.0.feed_forward.in.weight, encoder.layers.0.feed_forward.in.bias\n"};
}

Words first_difference(const ToolFixture& tool) {
  const Parsed a = tool.records("tiny.json", {"--step", "0"}), b = tool.records("wetter.json", {"--step", "0"});
  for (size_t i = 0; i < a.size(); ++i) {
    bool same = a[i]["op"] == b[i]["op"] && a[i]["attributes"] == b[i]["attributes"];
    for (size_t k = 0; same && k < a[i]["out"].size(); ++k) same = a[i]["out"][k]["hash"] == b[i]["out"][k]["hash"];
    if (!same) return {"first difference at " + place(a[i]) + " in " + a[i]["scope"].get<std::string>(), "p=0.1", "p=0.2"};
  }
  return {"nothing"};
}

/// The error of one record by hand: cross-entropy of the recorded logits in double. And the largest of all.
Words furthest_off(const ToolFixture& tool) {
  tool.run({"look", "err", "tiny.json", "--save", "err.tdt"});
  const Recording r = decode(read_raw(tool.folder / "err.tdt"), "err.tdt");
  double by_hand = -1;
  for (auto& x : r.records) {
    if (x.op != "cross_entropy_rows" || x.kind != OpRecord::Kind::forward) continue;
    const RecordedValue &logits = r.values[x.in[0].value], &labels = r.values[x.in[1].value], &rows = r.values[x.out[0]];
    const auto classes = size_t(logits.shape[1]);
    REQUIRE(logits.sample.size() == size_t(logits.shape.size()));
    double off = 0, largest = 0;
    for (size_t i = 0; i < rows.sample.size(); ++i) {
      double sum = 0;
      for (size_t c = 0; c < classes; ++c) sum += std::exp(double(logits.sample[i * classes + c]));
      const double exact = std::log(sum) - double(logits.sample[i * classes + size_t(labels.sample[i])]);
      off = std::max(off, std::fabs(exact - double(rows.sample[i])));
      largest = std::max(largest, std::fabs(exact));
    }
    by_hand = off / largest;
    CHECK(x.error == doctest::Approx(by_hand).epsilon(1e-6));
  }
  CHECK(by_hand >= 0);
  uint32_t worst = 0;
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].error > r.records[worst].error) worst = i;
  char error[40];
  std::snprintf(error, sizeof error, "%.4g of the largest element", r.records[worst].error);
  return {"furthest off: #" + std::to_string(worst) + " " + r.records[worst].op, error};
}

struct Question {
  const char *question, *command, *from;
  Words (*answer)(const ToolFixture&);
};
const Question questions[] = {
    {"Which tensor dominates memory?", "look mem EXPERIMENT", "tiny.json", largest_tensor},
    {"Which op made the NaN?", "look nan EXPERIMENT", "logarithm.json", birth_of_nan},
    {"Which parameter gets no gradient, and what cut it off?", "look reach EXPERIMENT", "stuck.json", cut_parameter},
    {"Where does the time go?", "look roof EXPERIMENT", "tape.tdt", slowest},
    {"What is kept for attention's backward, and why?", "look saved EXPERIMENT --op attention", "tiny.json", kept_for_attention},
    {"How many flops has this layer, forward and backward?", "look list EXPERIMENT --scope encoder.layers.0.*", "tiny.json",
     flops_of_a_layer},
    {"Does the step give the same bits again?", "look verify EXPERIMENT", "tiny.json", same_bits_again},
    {"What does an op compute, and what is its derivative?", "explain tanh", "", derivative_of_tanh},
    {"Which layer's gradient vanishes?", "look flow EXPERIMENT", "saturated.json", vanishing},
    {"Where do two runs differ first?", "look diff EXPERIMENT wetter.json --step 0", "tiny.json", first_difference},
    {"How far is f32 off, and where?", "look err EXPERIMENT", "err.tdt", furthest_off},
};

}  // namespace

TEST_CASE("one command answers each question, and the answer is right") {
  const ToolFixture tool;
  tool.run({"look", "list", "tiny.json", "--save", "tape.tdt", "-o", "list.txt"});
  const std::string guide = read_text(TAPEDECK_SOURCE_DIR "/docs/guide/look.md");
  for (const Question& q : questions) {
    CAPTURE(std::string(q.question));
    const Words words = q.answer(tool);
    Words command;
    std::istringstream in(q.command);
    for (std::string word; in >> word;) command.push_back(word == "EXPERIMENT" ? q.from : word);
    const std::string said = tool.run(command).out;
    CAPTURE(said);
    for (const std::string& word : words) {
      CAPTURE(word);
      CHECK(said.find(word) != std::string::npos);
    }
    CHECK(guide.find(std::string("| ") + q.question + " | `tapedeck " + q.command + "` |") != std::string::npos);
  }
}

TEST_CASE("a run that stops at a number that is none says where it came from and leaves the step behind") {
  const ToolFixture tool;
  const Finished run = run_tool({"run", "logarithm.json"}, {.directory = tool.folder.path()});
  CAPTURE(run.err);
  CHECK(run.exit_code == 6);
  const std::string folder = "runs/tiny/latest/", log = read_raw(tool.folder / (folder + "log.txt"));
  CAPTURE(log);
  const std::string said = tool.run({"look", "nan", folder + "tape.tdt"}).out,
                    again = tool.run({"look", "nan", "logarithm.json"}).out;
  std::istringstream lines(said);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    CAPTURE(line);
    CHECK(log.find(line + "\n") != log.npos);
    CHECK(run.err.find(line + "\n") != run.err.npos);
  }
  CHECK(count > 4);
  const auto birth = [](const std::string& text) {
    return text.substr(text.find("born in"), text.find('\n', text.find("born in")) - text.find("born in"));
  };
  CHECK(birth(said) == birth(again));
  CHECK(said.find("log in head") != said.npos);
  CHECK(said.find("step 1 ") != said.npos);
}

TEST_CASE("step takes its commands from a pipe, from an experiment or from a recording, and ends with them") {
  const ToolFixture tool;
  tool.run({"look", "list", "tiny.json", "--save", "tape.tdt", "-o", "list.txt"});
  const Parsed records = tool.records("tape.tdt");
  const auto attention = std::find_if(records.begin(), records.end(), [](auto& x) { return x["op"] == "attention"; });
  REQUIRE(attention != records.end());
  const std::string at = std::to_string((*attention)["index"].get<int>()),
                    out = std::to_string((*attention)["out"][0]["id"].get<int>());
  struct Row {
    const char *from, *commands;
    Words words;
  };
  for (const Row& row : std::vector<Row>{
           {"tiny.json", "", {tapedeck::text(records.size(), " records"), "#0 of"}},
           {"tiny.json", "break op attention\nc\ninto\n", {"inside #" + at + " attention: its reference", "softmax"}},
           {"tiny.json",
            "break op attention\ncontinue\n\n",
            {"#" + at + " of " + std::to_string(records.size()), "%" + out, "attention'["}},
           {"tape.tdt", "break op attention\ncontinue\ninto\nvalue %0\n", {"holds no ops", "encoder.embeddings.word", "rms"}},
           {"tiny.json", "fnid attention\nquit\nnext\n", {"did you mean \"find\"", "!#1 of"}},
           {"tiny.json", "next", {"#1 of"}}}) {
    const Finished finished = tool.run({"step", row.from}, row.commands);
    CAPTURE(std::string(row.commands));
    CAPTURE(finished.out);
    CHECK(finished.err.empty());
    CHECK(finished.out.find("leaf> ") == std::string::npos);  // a prompt is for a terminal
    for (const std::string& word : row.words)
      CHECK((finished.out.find(word[0] == '!' ? word.substr(1) : word) == std::string::npos) == (word[0] == '!'));
  }
}
