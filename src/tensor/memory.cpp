// How much memory is in use, and for what. Next: pool.cpp.
#include <tapedeck/tensor/memory.h>

#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include <tapedeck/tensor/pool.h>

#include "kernels/scratch.h"

namespace tapedeck {
namespace {

/// VmHWM of /proc/self/status: the most pages this process ever had in memory.
size_t resident_peak() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n'))
    if (size_t kib = 0; word == "VmHWM:" && status >> kib) return kib * 1024;
  return 0;
}

}  // namespace

size_t total(const MemoryParts& parts) {
  size_t sum = 0;
  for (size_t bytes : parts) sum += bytes;
  return sum;
}

MemoryUse memory_use() {
  const Pool& pool = Pool::instance();
  MemoryUse use{pool.now_, pool.at_peak_, resident_peak()};
  use.now[size_t(Memory::scratch)] = use.peak[size_t(Memory::scratch)] = kernels::scratch_total();
  return use;
}

void reset_memory_peak() { Pool::instance().reset_peak(); }

MemoryFor::MemoryFor(Memory purpose) : before_(std::exchange(Pool::instance().purpose_, purpose)) {}
MemoryFor::~MemoryFor() { Pool::instance().purpose_ = before_; }

}  // namespace tapedeck
