// The recorder: it changes no bit, it misses nothing, what it says of memory is what the pool says. Its file survives any damage
// as an error. Next: look_faithful_test.cpp, look_views_test.cpp.
#include <doctest/doctest.h>

#include <set>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/fused.h>
#include <tapedeck/ops/ops.h>
#include <tapedeck/tape/op_table.h>

#include "kernels/parallel.h"
#include "support/compare.h"
#include "support/look_models.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

struct Setting {
  const char* name;
  RecorderOptions options;
};
const Setting settings[] = {{"structure", {.statistics = false}},
                            {"statistics", {}},
                            {"everything", {.statistics = true, .replay = true, .shadow = true, .derivatives = true}}};

}  // namespace

TEST_CASE("gradients have the same bits whatever the recorder looks at") {
  for (const char* model : look_models) {
    CAPTURE(std::string(model));
    test::ModelFixture plain(model, DType::f32);
    plain.zero_gradients();
    const double loss = run_step(plain);
    for (const Setting& setting : settings) {
      CAPTURE(std::string(setting.name));
      test::ModelFixture notify(model, DType::f32);
      notify.zero_gradients();
      Recorder recorder(setting.options);
      name_all(recorder, notify.store);
      CHECK(run_step(notify) == loss);
      CHECK(recorder.finish().records.size() > 50);
      CHECK(same_bits(plain.store.gradients(), notify.store.gradients()));
    }
  }
}

TEST_CASE("a model's records are complete: every row of the tape, every gradient that was made") {
  struct Counter : Recorder {
    using Recorder::Recorder;
    int64_t works = 0, rows = 0;
    void end(const OpCall& call, bool done) override {
      works += done;
      Recorder::end(call, done);
    }
    void appended(const Tape& tape, NodeId row) override {
      rows += tape.node(row).in.empty();
      Recorder::appended(tape, row);
    }
  };
  for (const char* model : look_models) {
    test::ModelFixture f(model, DType::f32);
    f.zero_gradients();
    Counter counter;
    run_step(f);
    const Recording r = counter.finish();
    CHECK(int64_t(r.records.size()) == counter.works + counter.rows);
    int64_t second = 0;
    for (uint32_t i = 0; i < r.records.size(); ++i) {
      const OpRecord& x = r.records[i];
      second += x.order == 2;
      for (uint32_t v : x.out) CHECK((r.values[v].made_by == i || x.kind == OpRecord::Kind::leaf));
      for (auto& use : x.in) CHECK((r.values[use.value].made_by == nothing || r.values[use.value].made_by < i));
    }
    CHECK((second > 0) == (model == look_models[2]));
  }
}

TEST_CASE("memory: the recorder's peak and what it says is saved are the pool's counts, to the byte") {
  struct AtSweep : Recorder {
    using Recorder::Recorder;
    size_t activations = 0;
    void sweep_started(const Tape& tape, const Tensor& v, const Tensor& g, Order order, bool fill) override {
      if (fill && !activations) activations = memory_use().now[size_t(Memory::activations)];
      Recorder::sweep_started(tape, v, g, order, fill);
    }
  };
  for (const char* model : look_models) {
    for (Keep keep : {Keep::all, Keep::needed}) {
      if (keep == Keep::needed && model == look_models[2]) continue;
      test::ModelFixture f(model, DType::f32);
      f.tape.keep(keep);
      run_step(f);
      f.tape.clear();
      Pool::instance().reset_peak();
      AtSweep recorder({.statistics = false});
      run_step(f);
      const Recording r = recorder.finish();
      uint64_t peak = 0;
      for (auto& x : r.records) peak = std::max(peak, x.peak);
      CHECK(peak == Pool::instance().stats().peak_bytes);
      LookOptions json;
      json.json = true;
      const std::string saved = look_saved(r, json);
      CHECK(recorder.activations > 0);
      CHECK(saved.find(text("\"total_bytes\": ", recorder.activations, ",")) != saved.npos);
    }
  }
}

TEST_CASE("the hash of bits changes with every bit and its place, and with no number of threads") {
  for (size_t bytes : {1u, 7u, 8u, 64u, 71u, 1000u, 65536u, 65537u, 200003u}) {
    CAPTURE(bytes);
    std::string data(bytes, '\0');
    for (size_t i = 0; i < bytes; ++i) data[i] = char(i * 37 % 251);
    std::set<uint64_t> seen{hash_bits(data.data(), bytes)};
    size_t changes = 0;
    for (size_t at = 0; at < bytes; at += 1 + bytes / 97, ++changes) {
      data[at] = char(data[at] ^ 1);
      seen.insert(hash_bits(data.data(), bytes));
      data[at] = char(data[at] ^ 1);
    }
    CHECK(seen.size() == changes + 1);
    seen.insert(hash_bits(data.data(), bytes - 1));
    CHECK(seen.size() == changes + 2);
    kernels::set_threads(3);
    CHECK(seen.contains(hash_bits(data.data(), bytes)));
    kernels::set_threads(1);
    CHECK(seen.size() == changes + 2);
  }
}

TEST_CASE("a recording survives its file, and no damage to the file survives reading") {
  const Recording recording = record_model(look_models[0], {.derivatives = true});
  const std::string file = encode(recording);
  const Recording again = decode(file, "tape.tdt");
  CHECK(encode(again) == file);
  CHECK(look_list(again, {}) == look_list(recording, {}));
  const auto refused = [&](const std::string& bytes) {
    try {
      decode(bytes, "tape.tdt");
    } catch (const Error& error) {
      return error.kind() == ErrorKind::data && std::string(error.what()).find("tape.tdt") != std::string::npos;
    }
    return false;
  };
  const size_t stride = std::max<size_t>(1, file.size() / 400);
  for (size_t n = 0; n < file.size(); n += stride) CHECK(refused(file.substr(0, n)));
  for (size_t at = 0; at < file.size(); at += stride) {
    std::string wrong = file;
    wrong[at] = char(wrong[at] ^ 0x55);
    CHECK(refused(wrong));
  }
  CHECK(refused(file + "x"));
  // With a checksum that fits the damage: it is refused or it is a recording that every view can read.
  int64_t read = 0;
  for (size_t at = 20; at + 8 < file.size(); at += stride) {
    try {
      const Recording r = decode(damaged(file, at), "tape.tdt");
      ++read;
      for (auto& view : look_views()) CHECK_FALSE(view.show(r, {}).empty());
      look_diff(r, recording);
    } catch (const Error& error) { CHECK(error.kind() == ErrorKind::data); }
  }
  CHECK(read > 10);
}

TEST_CASE("atoms: ops with a reference become smaller ops, and the loss stays what it is") {
  for (const char* model : look_models) {
    test::ModelFixture whole(model, DType::f64), split(model, DType::f64);
    const double loss = run_step(whole);
    Recorder recorder({.atoms = true});
    CHECK(run_step(split) == doctest::Approx(loss).epsilon(1e-9));
    std::set<std::string> names;
    const Recording r = recorder.finish();
    for (auto& x : r.records) names.insert(x.op);
    CHECK_FALSE(names.contains("attention"));
    CHECK_FALSE(names.contains("linear"));
    CHECK(names.contains("matmul"));
  }
}
