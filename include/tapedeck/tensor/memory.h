// What memory is for, and how much of it is in use: every buffer of the pool is counted under the purpose that was named
// when it was taken. Next: pool.h (where buffers come from).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tapedeck {

enum class Memory : uint8_t { workspace, parameters, gradients, moments, activations, batch, scratch, count };
constexpr std::array<std::string_view, size_t(Memory::count)> memory_names = {"workspace",   "parameters", "gradients", "moments",
                                                                              "activations", "batch",      "scratch"};
using MemoryParts = std::array<size_t, size_t(Memory::count)>;  // bytes by purpose
size_t total(const MemoryParts& parts);

/// Of this thread's pool, and of the kernels' working buffers of all threads (scratch), which only grow.
struct MemoryUse {
  MemoryParts now{}, peak{};  // peak: the composition when most was in use
  size_t resident_peak = 0;   // of the whole process, the program itself included; 0: unknown
};
MemoryUse memory_use();
/// Peaks are counted from here on (the resident peak excepted).
void reset_memory_peak();

/// Names what buffers taken in its lifetime are for; the innermost one holds.
class MemoryFor {
 public:
  explicit MemoryFor(Memory purpose);
  ~MemoryFor();
  MemoryFor(const MemoryFor&) = delete;
  MemoryFor& operator=(const MemoryFor&) = delete;

 private:
  Memory before_;
};

}  // namespace tapedeck
