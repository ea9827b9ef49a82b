// What is large stays possible: a million rows on a stack of one megabyte, recorded or not, and views of a hundred thousand
// records within seconds and a bounded heap. Next: src/tape/sweep.h, which says why nothing recurses.
#include <doctest/doctest.h>

#include <pthread.h>

#include <ctime>
#include <iostream>
#include <optional>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/ops.h>

#include "kernels/parallel.h"
#include "support/count_allocations.h"
#include "support/look_models.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

constexpr int64_t million = 1'000'000;
constexpr size_t small_stack = size_t{1} << 20;  // a call has 16 bytes or more, so 65,536 nested ones are too many

/// body() on a thread of its own with a stack of one megabyte.
template <class Body>
void on_a_small_stack(Body body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, small_stack) == 0);
  pthread_t thread;
  const auto run = [](void* context) -> void* { return (*static_cast<Body*>(context))(), nullptr; };
  REQUIRE(pthread_create(&thread, &attributes, run, &body) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

/// Of this process, so that a busy machine does not count.
double seconds_of(const auto& body) {
  const std::clock_t start = std::clock();
  body();
  return double(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("a tape of a million rows needs no deep stack: forward, backward, recorded, seen and cleared") {
  double slope = 0;
  int64_t rows = 0, records = 0;
  on_a_small_stack([&] {
    Tape tape;
    for (bool recorded : {false, true}) {
      const int64_t length = recorded ? million / 4 : million;  // records take a kilobyte each
      std::optional<Recorder> recorder;
      if (recorded) recorder.emplace(RecorderOptions{.statistics = false});
      Tensor x = tape.leaf(Tensor::scalar(0.5));
      const Tensor start = x;
      for (int64_t i = 0; i < length; ++i) x = x + 1e-9;
      slope = gradient(x, start).item();
      rows = std::max<int64_t>(rows, tape.size());
      tape.clear();
      if (!recorded) continue;
      const Recording r = recorder->finish();
      records = int64_t(r.records.size());
      LookOptions shortly;
      shortly.top = 10;
      for (auto view : {look_list, look_saved, look_mem, look_nan}) CHECK_FALSE(view(r, shortly).empty());
    }
  });
  CHECK(slope == 1);
  CHECK(rows == million + 1);
  CHECK(records > million / 4);
}

TEST_CASE("views of a hundred thousand records take seconds, and list, saved, mem and nan a bounded heap") {
  const Recording r = repeated(record_model(look_models[0]), 100'000);
  for (auto& view : look_views()) {
    CAPTURE(std::string(view.name));
    const int64_t before = heap_bytes;
    most_heap_bytes = before;
    const double seconds = seconds_of([&] { CHECK_FALSE(view.show(r, {}).empty()); });
    CHECK(seconds < 5);
    const double megabytes = double(most_heap_bytes - before) * 1e-6;
    std::cout << "look " << view.name << ", " << r.records.size() << " records: " << seconds << " s, " << megabytes << " MB\n";
    const std::string_view name = view.name;
    if (name == "list" || name == "saved" || name == "mem" || name == "nan") CHECK(megabytes < 300);
  }
}
