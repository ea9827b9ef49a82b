// Containers that live in the pool: what a step keeps besides tensors comes from there too, so a warm step never reaches
// the heap. Use List where an objective or a layer would use std::vector. Like tensors they belong to one thread.
#pragma once
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include <tapedeck/tensor/pool.h>

namespace tapedeck {

template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(Pool::instance().allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t) { Pool::instance().release(p); }
  friend bool operator==(PoolAllocator, PoolAllocator) { return true; }
};

template <class T>
using List = std::vector<T, PoolAllocator<T>>;

/// Numbers by name; names are interned (base/words.h) or outlive the map.
using Numbers = std::map<std::string_view, double, std::less<>, PoolAllocator<std::pair<const std::string_view, double>>>;

}  // namespace tapedeck
