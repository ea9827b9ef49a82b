// What the views answer: the origin of injected NaN and infinity, cut gradients, differences, a trace that other programs read,
// and that hostile names stay words. Next: look_scale_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/fused.h>
#include <tapedeck/ops/ops.h>

#include "kernels/parallel.h"
#include "support/look_subjects.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using nlohmann::json;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

LookOptions as_json() {
  LookOptions o;
  o.json = true;
  return o;
}

/// Writes a bad number into what one computation makes.
struct Injector : Recorder {
  uint32_t target = nothing, at = nothing;
  double bad = 0;
  uint32_t count = 0;
  void end(const OpCall& call, bool done) override {
    if (done && count++ == target) at = poison(call) ? target : nothing;
    Recorder::end(call, done);
  }
  bool poison(const OpCall& call) const {
    if (call.traits.may_be_infinite) return false;
    const auto spoil = [&](const Tensor& t) {
      if (!t || !t.has_data() || !is_floating(t.dtype()) || t.size() == 0) return false;
      dispatch(t.dtype(), [&](auto tag) { t.raw<decltype(tag)>()[t.size() / 2] = decltype(tag)(bad); });
      return true;
    };
    if (call.kind == OpCall::Kind::backward) {
      for (auto& g : call.dx)
        if (g.wanted && spoil(g.into)) return true;
      return false;
    }
    if (call.kind == OpCall::Kind::recompute_output) return spoil(call.out[call.output]);
    for (size_t k = 0; k < call.out.size(); ++k)  // an output that shares a buffer would spoil an older value
      if ((k >= call.in.size() || call.in[k].storage() != call.out[k].storage() || call.kind == OpCall::Kind::add) &&
          spoil(call.out[k]))
        return true;
    return false;
  }
};

}  // namespace

TEST_CASE("an injected NaN or infinity is traced to the very record, forward, backward and second order") {
  int64_t injections = 0;
  std::map<int, int64_t> by_order;
  for (const char* model : look_models) {
    test::ModelFixture f(model, DType::f32);
    const auto run = [&](uint32_t target, double bad) {
      f.tape.clear();
      f.zero_gradients();
      Injector injector;
      injector.target = target;
      injector.bad = bad;
      run_step(f);
      return std::pair(injector.at, injector.finish());
    };
    const auto total = uint32_t(run(nothing, 0).second.records.size());
    constexpr double bads[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity()};
    for (uint32_t turn = 0; turn < 2 * total; ++turn) {
      const uint32_t target = turn / 2;
      const auto [at, r] = run(target, bads[turn % 3]);
      if (at == nothing) continue;
      uint32_t expected = nothing, seen = 0;
      for (uint32_t i = 0; i < r.records.size() && expected == nothing; ++i)
        if (r.records[i].kind != OpRecord::Kind::leaf && seen++ == target) expected = i;
      const NonFinite found = find_non_finite(r);
      ++injections;
      ++by_order[r.records[expected].order];
      CAPTURE(target);
      CAPTURE(r.records[expected].op);
      REQUIRE_FALSE(found.path.empty());
      CHECK(found.path[0] == expected);
      CHECK(look_nan(r, {}).find(text("born in #", expected, " ")) != std::string::npos);
    }
  }
  MESSAGE(injections, " injections");
  CHECK(injections >= 600);
  for (int order : {0, 1, 2}) CHECK(by_order[order] > 30);
}

TEST_CASE("the path of a NaN leads from its birth to the loss") {
  Tape tape;
  Recorder recorder;
  const Tensor x = tape.leaf(Tensor::of<float>({1, 0, 2}, {3}));
  const Tensor loss = mean(square(log(x)) + x);
  backward(loss);
  const Recording r = recorder.finish();
  const NonFinite found = find_non_finite(r);
  std::vector<std::string> ops;
  for (uint32_t i : found.path) ops.push_back(r.records[i].op);
  REQUIRE(ops.size() == 4);
  CHECK(ops[0] == "log");
  CHECK(ops[1] == "square");
  CHECK(ops[3] == "mean");
  CHECK(look_nan(r, {}).find("log_softmax") != std::string::npos);
  CHECK(look_nan(record_model(look_models[0]), {}).find("every value is finite") != std::string::npos);
}

TEST_CASE("a NaN is placed: row and column, token and example of packed rows, example of pooled ones") {
  const Recording clean = record_model(look_models[0]);
  test::ModelFixture f(look_models[0], DType::f32);
  const Batch batch = f.batch();
  const auto place_in = [&](const char* op, OpRecord::Kind kind, int64_t element) {
    Recording r = clean;
    const auto x =
        std::find_if(r.records.begin(), r.records.end(), [&](auto& record) { return record.op == op && record.kind == kind; });
    REQUIRE(x != r.records.end());
    ValueSummary& summary = r.values[x->out.back()].summary;
    summary.nan = 1;
    summary.first_bad = element;
    return std::pair(look_nan(r, {}), r.values[x->out.back()].shape);
  };
  for (int64_t row = 0; row < batch.tokens.size(); ++row) {
    int64_t example = 0;
    while (batch.offsets.item(example + 1) <= double(row)) ++example;
    const auto [said, shape] = place_in("dropout", OpRecord::Kind::forward, row * 8 + 3);
    REQUIRE(shape == Shape{batch.tokens.size(), 8});
    CHECK(said.find(text("the first at element ", row * 8 + 3, ", row ", row, " (token ",
                         row - int64_t(batch.offsets.item(example)), " of example ", example, "), column 3\n")) !=
          std::string::npos);
  }
  const auto [said, shape] = place_in("cross_entropy_rows", OpRecord::Kind::forward, 4);
  CHECK(said.find("element 4, example 4\n") != std::string::npos);
  const auto [weight_said, weight_shape] = place_in("linear", OpRecord::Kind::backward, 1);  // the head's bias, its last gradient
  CHECK(weight_said.find("element 1\n") != std::string::npos);
}

TEST_CASE("an edge that is cut is named, whatever cuts it and wherever") {
  int64_t cuts = 0;
  for (int length = 2; length <= 9; ++length)
    for (int at = 0; at < length; ++at)
      for (bool by_op : {false, true}) {
        CAPTURE(length);
        CAPTURE(at);
        CAPTURE(by_op);
        Tape tape;
        Recorder recorder;
        const Tensor value = Tensor::of<float>({0.5f, 0.2f}, {2}), other = Tensor::of<float>({0.1f, 0.3f}, {2});
        const Tensor slab = Tensor::zeros({2}), other_slab = Tensor::zeros({2});
        recorder.name_parameter(value, slab, "cut.weight", true);
        recorder.name_parameter(other, other_slab, "kept.weight", true);
        Tensor x = tape.leaf(value, slab);
        const Tensor y = tape.leaf(other, other_slab);
        for (int k = 0; k < length; ++k) {
          if (k == at) x = by_op ? step(x) : x.detach();
          x = tanh(x) * 1.5;
        }
        backward(sum(x * y));
        const Recording r = recorder.finish();
        const std::vector<Reach> all = find_reach(r);
        REQUIRE(all.size() == 2);
        CHECK(all[1].reached);
        CHECK_FALSE(all[0].reached);
        CHECK(all[0].used);
        REQUIRE_FALSE(all[0].cuts.empty());
        const OpRecord& named = r.records[all[0].cuts[0]];
        CHECK(named.op == (by_op ? "step" : "tanh"));
        ++cuts;
      }
  CHECK(cuts >= 88);
  for (const char* model : look_models) {
    const Recording r = record_model(model);
    for (auto& x : find_reach(r)) {
      CAPTURE(r.values[x.parameter].name);
      CHECK(x.reached);
    }
  }
}

TEST_CASE("a parameter that the loss does not use is said to be unused") {
  Tape tape;
  Recorder recorder;
  const Tensor value = Tensor::of<float>({1, 2}, {2}), gradient_of_value = Tensor::zeros({2});
  recorder.name_parameter(value, gradient_of_value, "idle", true);
  tape.leaf(value, gradient_of_value);
  const Tensor x = tape.leaf(Tensor::scalar(2));
  backward(square(x));
  const std::string said = look_reach(recorder.finish(), {});
  CHECK(said.find("idle: the loss does not depend on it") != std::string::npos);
}

TEST_CASE("two recordings of one step agree, and the first difference of two others is found") {
  const Recording a = record_model(look_models[0]);
  CHECK(look_diff(a, record_model(look_models[0])).find("agree in every bit") != std::string::npos);
  CHECK(look_diff(a, record_model(look_models[1])).find("first difference at") != std::string::npos);
  Recording b = a;
  b.values[b.records[40].out.at(0)].hash ^= 1;
  CHECK(look_diff(a, b).find("first difference at #40 ") != std::string::npos);
}

TEST_CASE("list says the same to a reader and to a machine") {
  for (const char* model : look_models) {
    const Recording r = record_model(model);
    const json all = json::parse(look_list(r, as_json()));
    REQUIRE(all.size() == r.records.size());
    for (size_t i = 0; i < all.size(); ++i) {
      CHECK(all[i]["index"] == i);
      CHECK(all[i]["op"] == r.records[i].op);
      CHECK(all[i]["out"].size() == r.records[i].out.size());
    }
    LookOptions o = as_json();
    o.op = "linear";
    o.phase = "backward";
    const json some = json::parse(look_list(r, o));
    CHECK_FALSE(some.empty());
    for (auto& x : some) CHECK((x["op"] == "linear" && x["phase"] == "backward"));
    o = as_json();
    o.top = 5;
    o.by = "flops";
    const json top = json::parse(look_list(r, o));
    REQUIRE(top.size() == 5);
    for (size_t i = 1; i < 5; ++i) CHECK(top[i - 1]["flops"] >= top[i]["flops"]);
  }
}

TEST_CASE("the structure of a step is the same in every recording of it") {
  const Recording a = record_model(look_models[0]), b = record_model(look_models[0]);
  for (const auto show : {look_list, look_roof})
    for (bool json : {false, true}) {
      LookOptions o;
      o.json = json;
      o.top = 12;
      o.flops_per_second = o.bytes_per_second = 1e11;
      CHECK(show(a, o) != show(b, o));
      o.structure = true;
      o.flops_per_second = o.bytes_per_second = 0;
      CHECK(show(a, o) == show(b, o));
      CHECK(show(a, o).find("linear") != std::string::npos);
    }
}

namespace {

int64_t thousandths(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }

/// What is wrong with a time line, read by a parser that is not ours; "" for nothing. arrows: how many it has.
std::string mistake_in_trace(const std::string& written, int64_t& arrows) {
  const json trace = json::parse(written, nullptr, false);  // refuses NaN, infinity and numbers too large to be finite
  if (trace.is_discarded() || trace["traceEvents"].empty()) return "no JSON, or no events";
  int64_t last = 0;
  std::vector<int64_t> around;              // ends of the slices around
  std::map<int64_t, int64_t> starts, ends;  // of arrows
  for (auto& e : trace["traceEvents"]) {
    const std::string kind = e["ph"];
    if (std::string("MXCsf").find(kind) == std::string::npos || e["name"].get<std::string>().empty())
      return "an event of no kind or without a name";
    if (kind == "M") continue;
    const int64_t at = thousandths(e["ts"]);
    if (at < last) return "time falls";
    last = at;
    if (kind == "s" && !starts.emplace(e["id"], at).second) return "an arrow with two starts";
    if (kind == "f" && !ends.emplace(e["id"], at).second) return "an arrow with two ends";
    if (kind == "C")
      for (auto& bytes : e["args"])
        if (bytes < 0) return "a negative counter";
    if (kind != "X") continue;
    const int64_t end = at + thousandths(e["dur"]);
    while (!around.empty() && around.back() <= at) around.pop_back();
    if (end <= at || (!around.empty() && end > around.back()))
      return "a slice that has no length, or sticks out of the one around it";
    around.push_back(end);
  }
  const bool paired = std::equal(starts.begin(), starts.end(), ends.begin(), ends.end(),
                                 [](auto& a, auto& b) { return a.first == b.first && a.second <= b.second; });
  arrows += int64_t(starts.size());
  return paired ? "" : "an arrow with one end, or back in time";
}

}  // namespace

TEST_CASE("a trace is strict JSON whose slices nest, whose time rises and whose arrows have two ends") {
  int64_t arrows = 0, traces = 0;
  for (const Subject& subject : look_subjects(1))
    for (int order = 1; order <= std::min(subject.orders, 2); ++order, ++traces) {
      CAPTURE(subject.name);
      Recorder recorder;
      subject.run(order);
      CHECK(mistake_in_trace(look_trace(recorder.finish(), {}), arrows) == "");
    }
  CHECK(traces >= 200);
  CHECK(arrows > 1000);
  const std::string good = R"({"traceEvents":[{"ph":"X","name":"a","ts":0,"dur":2},{"ph":"X","name":"b","ts":0.5,"dur":1}]})";
  CHECK(mistake_in_trace(good, arrows) == "");
  const std::pair<const char*, const char*> mistakes[] = {{"\"dur\":1", "\"dur\":9"},
                                                          {"0.5", "NaN"},
                                                          {"\"ts\":0,", "\"ts\":3,"},
                                                          {"}]}", "},]}"},
                                                          {R"("ph":"X","name":"b")", R"("ph":"s","id":1,"name":"b")"}};
  for (auto& [right, wrong] : mistakes) {
    CAPTURE(wrong);
    CHECK(mistake_in_trace(std::string(good).replace(good.find(right), std::string(right).size(), wrong), arrows) != "");
  }
}

TEST_CASE("verify and err answer from what was computed again") {
  const Recording r = record_model(look_models[1], {.statistics = true, .replay = true, .shadow = true});
  const json verdict = json::parse(look_verify(r, as_json()));
  CHECK(verdict["different"] == 0);
  CHECK(verdict["not_computed_again"] == 0);
  const json errors = json::parse(look_err(r, as_json()));
  CHECK(errors.size() > 20);
  for (auto& e : errors) CHECK(e["error"].get<double>() < 1e-4);
  Recording wrong = r;
  wrong.records[30].replay = OpRecord::Replay::different;
  CHECK(look_verify(wrong, {}).find("#30 ") != std::string::npos);
}

TEST_CASE("hostile names stay words on the terminal") {
  Recording r = record_model(look_models[0]);
  const std::string hostile = "\x1b[2J</script><b>\"\n\xe2\x80\xae" + std::string(10000, 'a');
  for (auto& x : r.records) x.scope = x.op = hostile;
  for (auto& v : r.values) v.name = hostile;
  for (auto& view : look_views()) {
    CAPTURE(std::string(view.name));
    const std::string out = view.show(r, {});
    CHECK(out.find('\x1b') == std::string::npos);
    CHECK(out.find("\xe2\x80\xae") == std::string::npos);
    CHECK(out.size() < 20'000'000);
  }
}
