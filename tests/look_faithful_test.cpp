// A recording is what happened: every record computed again gives the same bits, records come in the order in which kernels ran,
// and no kernel of an op runs without one, by a counter that the kernels tick themselves. Next: support/kernel_ticks.h.
#include <doctest/doctest.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include <tapedeck/look/views.h>

#include "kernels/parallel.h"
#include "support/kernel_ticks.h"
#include "support/look_subjects.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using nlohmann::json;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

/// What a computation left in its buffers, and the ticks of the kernels that wrote there.
struct Made {
  uint64_t hash;
  int64_t tick;
};

/// A recorder, and beside it the contents of what every computation wrote: ticks belong to records by equal contents.
struct Witness : Recorder {
  using Recorder::Recorder;
  std::vector<std::vector<Made>> made;  // by computation that was done

  void begin(const OpCall& call) override {
    KernelTicks::expected = true;
    Recorder::begin(call);
  }
  void end(const OpCall& call, bool done) override {
    if (done) made.push_back(results(call));
    Recorder::end(call, done);  // it may compute again, and looks at elements
    KernelTicks::expected = false;
  }
  static std::vector<Made> results(const OpCall& call) {
    std::vector<Made> all;
    const auto add = [&](const Tensor& t) {
      const size_t bytes = size_t(t.size()) * size_of(t.dtype());
      all.push_back({hash_bits(t.raw<std::byte>(), bytes), KernelTicks::latest(t.raw<std::byte>(), bytes)});
    };
    if (call.kind == OpCall::Kind::backward) {
      for (auto& g : call.dx)
        if (g.wanted) add(g.into);
    } else if (call.kind == OpCall::Kind::recompute_output) {
      add(call.out[call.output]);
    } else {
      for (auto& t : call.out) add(t);
    }
    return all;
  }
};

/// Without a record only constants are made: Tensor::zeros, Tensor::normal and their like.
void check_nothing_missing() {
  for (auto& [kernel, times] : KernelTicks::unexpected)
    CHECK_MESSAGE(kernel.starts_with("fill"), kernel, " ran ", times, " times without a record");
}

bool computes(const OpRecord& x) { return x.kind != OpRecord::Kind::leaf && x.kind != OpRecord::Kind::update; }

struct Ordered {
  int64_t records = 0, of_second_order = 0;
};

void check_order(const std::string& model, Ordered& total) {
  test::ModelFixture f(model, DType::f32);
  f.zero_gradients();
  KernelTicks::written.clear();
  KernelTicks::unexpected.clear();
  Witness witness;
  run_step(f);
  const Recording r = witness.finish();
  LookOptions as_json;
  as_json.json = true;
  const json list = json::parse(look_list(r, as_json));
  REQUIRE(list.size() == r.records.size());
  size_t computation = 0;
  int64_t inversions = 0, last = 0;
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& x = r.records[i];
    CHECK(list[i]["index"] == i);
    CHECK(list[i]["op"] == x.op);
    if (!computes(x)) continue;
    REQUIRE(computation < witness.made.size());
    const std::vector<Made>& made = witness.made[computation++];
    REQUIRE(made.size() == x.out.size());
    const bool hands_on = x.op == "reshape" || x.op == "alias";
    for (size_t k = 0; k < made.size(); ++k) {
      CHECK(r.values[x.out[k]].hash == made[k].hash);
      inversions += !hands_on && made[k].tick > 0 && made[k].tick <= last;
    }
    for (auto& m : made)
      if (!hands_on) last = std::max(last, m.tick);
    total.records += !made.empty() && made[0].tick > 0;
    total.of_second_order += x.order == 2;
  }
  CHECK(computation == witness.made.size());
  CHECK(inversions == 0);
  check_nothing_missing();
}

}  // namespace

TEST_CASE("the index of a record is its place in the order of execution, by ticks of the kernels") {
  install_ticks<float>();
  Ordered total;
  for (const char* model : look_models)
    for (int order : {1, 2}) {
      CAPTURE(order);
      CAPTURE(std::string(model));
      check_order(look_model(model, order), total);
    }
  std::cout << "order: " << total.records << " records held against ticks, " << total.of_second_order << " of the second order\n";
  CHECK(total.records > 600);
  CHECK(total.of_second_order > 300);
}

TEST_CASE("every record of every op, loss and model gives the same bits when it is computed again, to the third order") {
  install_ticks<float>();
  int64_t recordings = 0, records = 0;
  const int64_t before = KernelTicks::count;
  for (const Subject& subject : look_subjects()) {
    for (int order = 1; order <= subject.orders; ++order) {
      CAPTURE(subject.name);
      CAPTURE(order);
      KernelTicks::unexpected.clear();
      Witness witness({.statistics = false, .replay = true});
      subject.run(order);
      const Recording recording = witness.finish();
      ++recordings;
      bool named = subject.op.empty();
      for (auto& x : recording.records) {
        named = named || x.op == subject.op;
        if (!computes(x)) continue;
        ++records;
        CHECK_MESSAGE(x.replay == OpRecord::Replay::equal, x.op, " ", int(x.kind));
      }
      CHECK(named);
      check_nothing_missing();
    }
  }
  std::cout << "replay: " << recordings << " recordings, " << records << " records, " << KernelTicks::count - before
            << " kernels, those that ran\n  twice included\n";
  CHECK(recordings >= 200);
  CHECK(records > 3 * recordings);
}
