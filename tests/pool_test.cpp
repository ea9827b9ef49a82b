// The pool: blocks that do not overlap, little waste, neighbours that grow together again, and a count by purpose.
#include <doctest/doctest.h>

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/base/random.h>
#include <tapedeck/tensor/list.h>
#include <tapedeck/tensor/tensor.h>

#include "src/tensor/heap.h"

using namespace tapedeck;

namespace {

constexpr size_t mib = size_t{1} << 20;

/// Sizes as training has them: many small ones, some of megabytes.
size_t some_size(Key key, uint64_t i) {
  const uint64_t power = random_below(key / "power", i, 23);
  return 1 + random_below(key / "size", i, uint64_t{1} << power);
}

}  // namespace

TEST_CASE("blocks are aligned, waste little, never overlap, and come back as one") {
  StorageRecords records;
  Heap heap(records, 16 * mib);
  std::map<std::byte*, Storage*> held;
  const Key key = root_key(1);
  size_t largest = 0, in_use = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    if (held.size() > 200 || (!held.empty() && random_below(key / "give", i, 5) < 2)) {
      auto victim = std::next(held.begin(), int64_t(random_below(key / "which", i, held.size())));
      CHECK(victim->second->data[0] == victim->second->data[victim->second->bytes - 1]);
      in_use -= victim->second->bytes;
      heap.give(victim->second);
      held.erase(victim);
      continue;
    }
    const size_t bytes = some_size(key, i);
    Storage* block = heap.take(bytes);
    REQUIRE(block);
    CHECK(reinterpret_cast<uintptr_t>(block->data) % 64 == 0);
    CHECK(block->bytes >= bytes);
    CHECK(block->bytes <= std::max<size_t>(bytes + 63, bytes + bytes / 32));
    const auto above = held.lower_bound(block->data);
    CHECK((above == held.end() || block->data + block->bytes <= above->first));
    CHECK((above == held.begin() || std::prev(above)->first + std::prev(above)->second->bytes <= block->data));
    block->data[0] = block->data[block->bytes - 1] = std::byte(i);
    held[block->data] = block;
    largest = std::max(largest, in_use += block->bytes);
  }
  CHECK(heap.reserved_bytes() <= 2 * largest + 32 * mib);
  for (auto& [data, block] : held) heap.give(block);
  const int64_t regions = heap.regions_taken();
  heap.give(heap.take(16 * mib));  // a whole region is one block again
  CHECK(heap.regions_taken() == regions);
  heap.trim();
  CHECK(heap.reserved_bytes() == 0);
}

TEST_CASE("batches of ever new lengths do not scatter the pool") {
  StorageRecords records;
  Heap heap(records, 4 * mib);
  size_t peak = 0;
  for (uint64_t step = 0; step < 300; ++step) {
    const size_t tokens = 256 + random_below(root_key(2), step, 768);
    std::vector<Storage*> activations;
    size_t in_use = 0;
    for (size_t layer = 0; layer < 6; ++layer)
      for (size_t width : {64, 192, 64, 256, 64})
        in_use += (activations.push_back(heap.take(tokens * width * 4)), activations.back()->bytes);
    peak = std::max(peak, in_use);
    for (size_t i = 0; i < activations.size(); i += 2) heap.give(activations[i]);
    for (size_t i = 1; i < activations.size(); i += 2) heap.give(activations[i]);
  }
  CHECK(heap.reserved_bytes() <= peak + peak / 8 + 8 * mib);
}

TEST_CASE("buffers are counted by what they are for, now and at the peak") {
  const MemoryParts before = memory_use().now;
  Tensor weights, batch;
  {
    const MemoryFor parameters(Memory::parameters);
    weights = Tensor::empty({int64_t(mib)});
    const MemoryFor inner(Memory::batch);
    batch = Tensor::empty({1024}, DType::i32);
  }
  reset_memory_peak();
  { const Tensor scratch = Tensor::empty({int64_t(mib / 2)}); }
  const MemoryUse use = memory_use();
  const auto grown = [&](const MemoryParts& parts, Memory purpose) { return parts[size_t(purpose)] - before[size_t(purpose)]; };
  CHECK(grown(use.now, Memory::parameters) == 4 * mib);
  CHECK(grown(use.now, Memory::batch) == 4096);
  CHECK(grown(use.now, Memory::workspace) == 0);
  CHECK(grown(use.peak, Memory::parameters) == 4 * mib);
  CHECK(grown(use.peak, Memory::workspace) == 2 * mib);
  CHECK(total(use.peak) - total(use.now) == 2 * mib);
  CHECK(use.resident_peak > mib);
  weights = batch = {};
  CHECK(memory_use().now == before);
}

TEST_CASE("a buffer that no machine has is an error, not a crash") {
  for (const int64_t elements : {int64_t{1} << 45, int64_t{1} << 60}) {
    CAPTURE(elements);
    CHECK_THROWS_AS(Tensor::empty({elements}), Error);
  }
  CHECK(Tensor::empty({0}));
}

TEST_CASE("lists live in the pool") {
  const size_t before = Pool::instance().stats().live_bytes;
  {
    List<Tensor> tensors;
    for (int i = 0; i < 100; ++i) tensors.push_back(Tensor::scalar(i));
    Numbers numbers;
    numbers["loss"] += 2;
    CHECK(numbers.at("loss") == 2);
    CHECK(tensors[99].item() == 99);
    CHECK(Pool::instance().stats().live_bytes > before + 100 * sizeof(Tensor));
  }
  CHECK(Pool::instance().stats().live_bytes == before);
}

TEST_CASE("a thread's pool ends with it; what outlives it stays whole") {
  const auto run = [](void* (*work)(void*)) {
    pthread_t thread;
    void* result = nullptr;
    REQUIRE(pthread_create(&thread, nullptr, work, nullptr) == 0);
    pthread_join(thread, &result);
    return result;
  };
  const auto own = run([](void*) -> void* {
    const Tensor t = Tensor::full({1000}, 3);
    return reinterpret_cast<void*>(uintptr_t(t.item(999)));
  });
  CHECK(own == reinterpret_cast<void*>(uintptr_t{3}));
  static Tensor* kept = nullptr;
  run([](void*) -> void* {
    kept = new Tensor(Tensor::full({100'000}, 5));
    return nullptr;
  });
  CHECK(kept->item(99'999) == 5);  // read on another thread, which must not give it back
}
