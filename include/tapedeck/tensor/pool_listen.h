// Hearing of every buffer that the pool hands out and takes back. With nobody listening a buffer pays for one test of a
// pointer. Next: look/recorder.h, which writes it all down.
#pragma once
#include <tapedeck/tensor/pool.h>

namespace tapedeck {

struct PoolListener {
  virtual ~PoolListener() = default;
  virtual void taken(const Storage&) = 0;
  virtual void given(const Storage&) = 0;  // it still says how large it was and what for
};

/// Who listens to this thread's pool, if anybody.
inline constinit thread_local PoolListener* pool_listener = nullptr;

}  // namespace tapedeck
