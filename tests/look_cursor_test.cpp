// The cursor: what each command answers, on a step of a small model whose records are looked up by name; that the smaller ops
// inside an op are right; that nothing a user types or a recording holds breaks it. Next: src/look/cursor.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include <tapedeck/look/cursor.h>
#include <tapedeck/look/views.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tensor/compare.h>

#include "kernels/parallel.h"
#include "src/look/text.h"
#include "support/look_models.h"
#include "support/sources.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

using Kind = OpRecord::Kind;

Cursor cursor_over(const std::string& model, bool from_file = false) {
  if (from_file) return Cursor(decode(encode(record_model(model)), "tape.tdt"));
  return Cursor(record_model(model),
                [model](RecordVisitor& visitor) { record_model(model, {.statistics = false, .visitor = &visitor}); });
}

uint32_t first(const Recording& r, const std::string& op, Kind kind) {
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].op == op && r.records[i].kind == kind) return i;
  return nothing;
}

/// What {names} in rows stand for.
std::map<std::string, std::string> names_in(const Recording& r) {
  const uint32_t f = first(r, "attention", Kind::forward), b = first(r, "attention", Kind::backward),
                 linear = first(r, "linear", Kind::forward);
  std::map<std::string, std::string> names;
  const auto set = [&](const std::string& name, uint64_t n) { names["{" + name + "}"] = std::to_string(n); };
  set("last", r.records.size() - 1);
  set("count", r.records.size());
  set("last value", r.values.size() - 1);
  set("after", r.values.size());
  set("attention", f);
  set("attention + 1", f + 1);
  set("attention'", b);
  set("linear", linear);
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (r.records[i].origin == f && r.records[i].kind == Kind::backward) set("first attention'", i);
  set("attention out", r.records[f].out[0]);
  set("attention in", r.records[f].in[0].value);
  set("attention dx", r.records[b].out[0]);
  set("attention dy", r.records[b].in[0].value);
  set("attention' in", r.records[r.records[b].origin].in[0].value);
  set("attention' out", r.records[r.records[b].origin].out[0]);
  for (uint32_t i = 0; i < r.records.size(); ++i)
    if (tapedeck::look::phase(r.records[i]) == "backward") {
      set("backward", i);
      break;
    }
  names["{attention bytes}"] = std::to_string(total(r.records[f].alive));
  names["{attention rms}"] = tapedeck::look::number(tapedeck::look::root_mean_square(r.values[r.records[f].out[0]]));
  return names;
}

std::string resolved(std::string text, const std::map<std::string, std::string>& names) {
  for (auto& [name, value] : names)
    for (size_t at; (at = text.find(name)) != text.npos;) text.replace(at, name.size(), value);
  return text;
}

/// Commands one after the other; the last answer has these words and lacks those after a "!".
struct CursorCase {
  std::vector<std::string> commands, words;
  bool from_file = false;
};

const std::vector<CursorCase> cursor_cases = {
    // moving
    {{"where"}, {"#0 of {count}, forward", "bytes", "alive"}},
    {{"next"}, {"#1 of {count}"}},
    {{"n 3"}, {"#3 of {count}"}},
    {{"next 1000000"}, {"#{last} of {count}"}},
    {{"goto #{last}", "next"}, {"this is the last record, #{last}"}},
    {{"back"}, {"this is the first record, #0"}},
    {{"goto {attention}"},
     {"#{attention} of", "attention[", "makes  %{attention out}", "rms {attention rms}", "reads  %{attention in}",
      "keeps  %{attention in}: probabilities"}},
    {{"g #{attention}", "b"}, {"linear["}},
    {{"goto {attention}", "b 2", "n"}, {"linear["}},
    {{"next 2", "", ""}, {"#6 of"}},
    {{"phase"}, {"#{backward} of", "backward"}},
    {{"phase", "phase", "phase"}, {"in the last phase"}},
    {{"find attention"}, {"attention"}},
    {{"goto {last}", "find embeddings"}, {"#"}},
    {{"find no such thing"}, {"no record has \"no such thing\""}},
    {{"goto {attention}", "list"}, {">  {attention}", "linear", "residual_norm", "!>  {linear}"}},
    {{"goto {attention}", "where"},
     {"#{attention} of {count}, forward: #{attention} attention in encoder.layers.0.attention", "{attention bytes} bytes"}},
    {{"goto {attention}", "memory"},
     {"after #{attention}: {attention bytes} bytes alive", "parameters", "activations", "one block for all parameters"}},
    // stopping
    {{"break op attention", "continue"}, {"break 1", "#{attention} of"}},
    {{"break op attention", "c", "c back"}, {"nowhere to stop before here", "#0 of"}},
    {{"break op attention", "goto {last}", "continue back"}, {"break 1", "attention'["}},
    {{"break scope *layers.1*", "continue"}, {"encoder.layers.1"}},
    {{"break nan", "continue"}, {"nowhere to stop after here", "#{last} of"}},
    {{"break nan"}, {"break 1: 0 of {count} records"}},
    {{"continue"}, {"no places to stop at"}},
    {{"break op atten*", "break nan", "breaks"}, {"1  op atten*", "2  nan"}},
    {{"break op atten*", "break nan", "delete 1"}, {"2  nan", "!atten"}},
    {{"delete 1"}, {"error", "there are none"}},
    {{"breaks"}, {"no places"}},
    // values
    {{"value %{attention out}"},
     {"%{attention out}:f32[", "made by #{attention} attention", "(later)", "rms {attention rms}", "elements"}},
    {{"goto {attention}", "v {attention out}"}, {"!(later)", "rms"}},
    {{"value encoder.layers.0.attention.qkv.weight"},
     {"(encoder.layers.0.attention.qkv.weight)", "made outside the tape", "min", "elements"}},
    {{"value encoder.layers.0.attention.qkv.weigth"}, {"error", "did you mean \"encoder.layers.0.attention.qkv.weight\""}},
    {{"value %{attention dx}"}, {"the gradient of %{attention' in}"}},
    {{"grad %{attention' in}"},
     {"the gradient of %{attention' in}", "0 of 1 contributions up to #0", "1 later: #{attention'} attention'"}},
    {{"goto {attention'}", "grad %{attention' in}"},
     {"1 of 1 contributions", "attention' in encoder", "writes: %{attention dx}", "from %{attention dy}",
      "the gradient of %{attention' out}", "elements"}},
    {{"goto {last}", "gr head.weight"}, {"1 of 1 contributions", "linear' in head adds", "the gradient of %"}},
    {{"why %{attention in}"},
     {"made by #", "kept for backward by #{attention} attention", "probabilities are recomputed", "it does not exist yet at #0",
      "given back before #"}},
    {{"goto {attention}", "why %{attention in}"}, {"alive at #{attention}", "read by", "#{attention} attention"}},
    {{"goto {last}", "w %{attention in}"}, {"gone at #{last}"}},
    {{"why %{attention dx}"},
     {"(d %{attention' out} / d %{attention' in})^T", "by #{attention'} attention'", "%{attention dy} = d %",
      "kept since forward (probabilities"}},
    {{"why head.weight"}, {"made outside the tape", "parameters, taken before the recording", "given back after it", "read by"}},
    // into an op
    {{"goto {attention}", "into"},
     {"inside #{attention} attention: its reference in ", "records; results differ from the op's by at most", "softmax"}},
    {{"goto {attention}", "into", "where"}, {"#{attention} of {count}", "inside it: #0 of"}},
    {{"goto {attention}", "into", "n", "out"}, {"#{attention} of {count}"}},
    {{"goto {attention}", "into", "value %0"}, {"input 0", "elements"}},
    {{"goto {attention}", "into", "phase"}, {"last phase"}},
    {{"goto {attention}", "into", "goto {last}"}, {"error", "the records are #0 to #"}},
    {{"goto {attention'}", "into"}, {"inside #{attention'} attention': its rule in ", "results differ from the op's by at most"}},
    {{"goto {attention'}", "into", "find softmax", "value %0"}, {"input 0"}},
    {{"out"}, {"nothing was entered"}},
    {{"goto 0", "into"}, {"#0 "}},
    {{"goto {attention}", "into"}, {"holds no ops", "tapedeck step EXPERIMENT"}, true},
    {{"goto {attention}", "checkgrad"},
     {"#{first attention'} attention in f64 on this record's inputs, with the gradient that arrived",
      "analytic and numeric derivatives agree"}},
    {{"goto {attention'}", "ch"}, {"random directions", "agree, worst gap"}},
    {{"goto {linear}", "checkgrad"}, {"linear in f64", "agree"}},
    {{"goto {attention}", "into", "checkgrad"}, {"with a random gradient from above", "agree"}},
    {{"goto {attention}", "checkgrad"}, {"holds no ops"}, true},
    {{"goto {attention}", "value %{attention out}"}, {"rms {attention rms}", "elements"}, true},
    {{"goto {attention}", "explain"}, {"attention: ", "tapedeck explain attention"}},
    {{"goto {attention'}", "explain"}, {"this record is its derivative"}},
    // mistakes
    {{"nxt"}, {"error: there is no command \"nxt\"", "did you mean \"next\""}},
    {{"xyzzy"}, {"error: there is no command \"xyzzy\"", "help lists them"}},
    {{"\x1b[2J"}, {"error", "!\x1b"}},
    {{"goto #99999999"}, {"error: there is no record #99999999: the records are #0 to #{last}"}},
    {{"goto -1"}, {"error", "#0 to #{last}"}},
    {{"goto"}, {"error: goto takes the number of a record", "#0 to #{last}"}},
    {{"goto 1e3"}, {"error"}},
    {{"next 0"}, {"error", "a whole number from 1 on"}},
    {{"next 99999999999999999999999"}, {"error"}},
    {{"next 9223372036854775807"}, {"#{last} of"}},
    {{"value"}, {"error: which value?", "%0 to %{last value}"}},
    {{"value %{after}"}, {"error: there is no value %{after}: the values are %0 to %{last value}"}},
    {{"value %-1"}, {"error"}},
    {{"break"}, {"error: break takes"}},
    {{"break op"}, {"error: break takes"}},
    {{"break scope a b"}, {"error: break takes"}},
    {{"continue forward"}, {"error: continue takes nothing or `back`"}},
    {{"list 3"}, {"error: list takes nothing"}},
    {{"find"}, {"error: find what?"}},
    {{"", "  \t "}, {}},
    {{"help"}, {"checkgrad", "continue [back]", "an empty line repeats"}},
};

}  // namespace

TEST_CASE("commands and what they answer") {
  const std::map<std::string, std::string> names = names_in(record_model(look_models[0]));
  for (const CursorCase& row : cursor_cases) {
    Cursor cursor = cursor_over(look_models[0], row.from_file);
    std::string said;
    for (auto& command : row.commands) said = cursor.answer(resolved(command, names));
    CAPTURE(row.commands.back());
    CAPTURE(said);
    if (row.words.empty()) CHECK(said.empty());
    for (auto& word : row.words) {
      const bool absent = word[0] == '!';
      const std::string wanted = resolved(word.substr(absent), names);
      CAPTURE(wanted);
      CHECK((said.find(wanted) == said.npos) == absent);
    }
    CHECK_FALSE(cursor.done());
  }
  Cursor cursor = cursor_over(look_models[0]);
  CHECK(cursor.prompt() == "#0 " + record_model(look_models[0]).records[0].op + "> ");
  CHECK(cursor.greeting().find(names.at("{count}") + " records") != std::string::npos);
  CHECK(cursor.answer("quit").empty());
  CHECK(cursor.done());
}

TEST_CASE("forth and back meet every record, on all models") {
  for (const char* model : look_models) {
    const Recording r = record_model(model);
    Cursor cursor(r);
    std::vector<std::string> forth{cursor.answer("goto 0")}, back;
    while (forth.size() < r.records.size()) forth.push_back(cursor.answer("next"));
    CHECK(cursor.answer("next").find("the last record") != std::string::npos);
    for (size_t i = 0; i < forth.size(); ++i) {
      REQUIRE(forth[i].starts_with(text("#", i, " of ", r.records.size(), "  ")));
      CHECK(forth[i].find(tapedeck::look::call(r.records[i])) != std::string::npos);
    }
    for (back.push_back(cursor.answer("goto " + std::to_string(r.records.size() - 1))); back.size() < forth.size();)
      back.push_back(cursor.answer("back"));
    CHECK(std::vector<std::string>(back.rbegin(), back.rend()) == forth);
  }
}

TEST_CASE("inside every op: the smaller ops give its results, their derivatives hold, and one can go deeper") {
  int64_t entered = 0, deeper = 0, checked = 0;
  for (const char* model : look_models) {
    const Recording r = record_model(model);
    Cursor cursor = cursor_over(model);
    std::map<std::string, int> seen;
    for (uint32_t i = 0; i < r.records.size(); ++i) {
      const OpRecord& x = r.records[i];
      if (seen[x.op + std::to_string(int(x.kind))]++) continue;  // one of each kind is enough
      CAPTURE(i);
      CAPTURE(x.op);
      cursor.answer("goto " + std::to_string(i));
      const std::string check = cursor.answer("checkgrad");
      CAPTURE(check);
      CHECK(check.find("error") == check.npos);
      CHECK(check.find("DIFFER") == check.npos);
      checked += check.find("agree") != check.npos;
      const std::string said = cursor.answer("into");
      CAPTURE(said);
      CHECK(said.find("error") == said.npos);
      if (!said.starts_with("inside")) continue;
      ++entered;
      const size_t at = said.find("at most ");
      if (at != said.npos) CHECK(std::stod(said.substr(at + 8)) < 2e-5);
      const std::string inner = cursor.answer("into");
      CAPTURE(inner);
      CHECK(inner.find("error") == inner.npos);
      if (inner.starts_with("inside")) {
        ++deeper;
        cursor.answer("out");
      }
      CHECK(cursor.answer("out").starts_with(text("#", i, " of ")));
    }
  }
  CHECK(entered > 20);
  CHECK(checked > 40);
  MESSAGE(entered, " entered, ", deeper, " deeper, ", checked, " derivatives checked");
}

namespace {

/// y = x^2, whose rule forgets the 2; or y = |x - 0.5|, right but not smooth.
struct Wrong final : Op {
  bool kink = false;
  std::string_view name() const override { return "wrong"; }
  Specs infer(In x) const override { return {{x[0].shape(), x[0].dtype()}}; }
  void forward(In x, Out y) const override {
    for (int64_t e = 0; e < x[0].size(); ++e) set(y[0], e, kink ? std::fabs(x[0].item(e) - 0.5) : x[0].item(e) * x[0].item(e));
  }
  Tensors vjp(In x, In, In dy, Wanted) const override {
    const Tensor dx = dy[0].clone();
    for (int64_t e = 0; e < dx.size(); ++e) set(dx, e, dy[0].item(e) * (!kink ? x[0].item(e) : x[0].item(e) < 0.5 ? -1 : 1));
    return {dx};
  }
};

std::string check_of(const Wrong& op, std::initializer_list<float> values) {
  const auto record = [&](const RecorderOptions& options) {
    Recorder recorder(options);
    Tape tape;
    sum(tapedeck::apply(op, {tape.leaf(Tensor::of<float>(values, {int64_t(values.size())}))}));
    return recorder.finish();
  };
  Cursor cursor(record({}), [&](RecordVisitor& visitor) { record({.statistics = false, .visitor = &visitor}); });
  cursor.answer("find wrong");
  return cursor.answer("checkgrad");
}

}  // namespace

TEST_CASE("a wrong derivative differs, a kink nearby does not, and what is not finite is not agreed to") {
  CHECK(check_of({}, {0.3f, -2, 1}).find("DIFFER, worst gap 1 of the largest") != std::string::npos);
  Wrong kink;
  kink.kink = true;
  CHECK(check_of(kink, {0.3f, -2, 1}).find("agree") != std::string::npos);
  CHECK(check_of(kink, {0.50001f, -2, 1}).find("agree") != std::string::npos);  // the steps become short enough
  CHECK(check_of(kink, {0.5f, -2, 1}).find("or an input is on a kink") != std::string::npos);
  CHECK(check_of({}, {0.3f, std::numeric_limits<float>::quiet_NaN()}).find("DIFFER") != std::string::npos);
}

TEST_CASE("the memory that the cursor lists is what was alive") {
  const Recording r = record_model(look_models[0]);
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    MemoryParts listed{};
    for (auto& owner : tapedeck::look::alive_at(r, i))
      listed[size_t(r.buffers[owner.buffer].purpose)] += r.buffers[owner.buffer].bytes;
    // buffers from before the recording that nobody used are not listed
    for (size_t k = 0; k < listed.size(); ++k) CHECK(listed[k] <= r.records[i].alive[k]);
    CHECK(r.records[i].alive[size_t(Memory::activations)] - listed[size_t(Memory::activations)] <= 4096);
  }
}

TEST_CASE("a NaN is a place to stop at") {
  Tape tape;
  Recorder recorder;
  const Tensor x = tape.leaf(Tensor::of<float>({1, 0, 2}, {3}));
  backward(mean(square(log(x)) + x));
  Cursor cursor(recorder.finish());
  CHECK(cursor.answer("break nan").find(" of ") != std::string::npos);
  const std::string said = cursor.answer("continue");
  CHECK(said.find("log") != std::string::npos);
  CHECK(said.find("NOT FINITE") != std::string::npos);
}

TEST_CASE("hostile names stay words, and a recording without records is refused") {
  Recording r = record_model(look_models[0]);
  const std::string hostile = "\x1b[2J</script>\n\xe2\x80\xae" + std::string(5000, 'a');
  for (auto& x : r.records) {
    x.scope = x.op = hostile;
    x.attributes.assign(1, {hostile, hostile});
    for (auto& save : x.saves) save.why = hostile;
  }
  for (auto& v : r.values) v.name = hostile;
  r.about = {{hostile, hostile}};
  Cursor cursor(std::move(r));
  for (const char* line : {"goto 30", "list", "where", "value %30", "grad %30", "why %30", "memory", "explain", "into",
                           "checkgrad", "find \x1b", "break op \x1b*", "breaks", "continue"}) {
    const std::string said = cursor.answer(line) + cursor.prompt() + cursor.greeting();
    CAPTURE(std::string(line));
    CHECK(said.find('\x1b') == said.npos);
    CHECK(said.find("\xe2\x80\xae") == said.npos);
  }
  CHECK_THROWS_AS(Cursor(Recording{}), Error);
}

TEST_CASE("a recording with any damage that reading accepts can be walked through") {
  const std::string file = encode(record_model(look_models[0]));
  int64_t walked = 0;
  for (size_t at = 20; at + 8 < file.size(); at += file.size() / 300) {
    try {
      Cursor cursor(decode(damaged(file, at), "tape.tdt"));
      for (int step = 0; step < 9; ++step) {
        for (const char* line : {"list", "where", "memory", "explain", "phase", "find linear", "break nan", "continue"})
          CHECK_FALSE(cursor.answer(line).empty());
        for (const char* what : {"value", "grad", "why"}) CHECK_FALSE(cursor.answer(text(what, " %", step * 13)).empty());
        cursor.answer("next 9");
      }
      ++walked;
    } catch (const Error& error) { CHECK(error.kind() == ErrorKind::data); }
  }
  CHECK(walked > 10);
}

TEST_CASE("the guide lists every command with its words") {
  const std::string guide = read_text(TAPEDECK_SOURCE_DIR "/docs/guide/look.md");
  Cursor cursor(record_model(look_models[0]));
  for (auto& command : Cursor::commands()) {
    CAPTURE(std::string(command.name));
    CHECK(cursor.answer("help").find(command.doc) != std::string::npos);
    CHECK(guide.find(text("| `", command.name, *command.arguments ? " " : "", command.arguments, "` | ", command.doc, " |")) !=
          std::string::npos);
  }
}
