// Tapes for running a reference when nothing is being recorded; nested references take one each, and warm ones allocate nothing.
// Next: op.cpp, which pulls gradients back through one.
#pragma once
#include <memory>
#include <vector>

#include <tapedeck/tape/tape.h>

namespace tapedeck {

class TapeListener;

class ScratchTape {
 public:
  ScratchTape() {
    if (depth_ == stack().size()) stack().push_back(std::make_unique<Tape>());
    tape_ = stack()[depth_++].get();
  }
  ~ScratchTape() {
    tape_->clear();
    --depth_;
  }
  ScratchTape(const ScratchTape&) = delete;
  ScratchTape& operator=(const ScratchTape&) = delete;
  Tape& operator*() { return *tape_; }

 private:
  static std::vector<std::unique_ptr<Tape>>& stack() {
    static thread_local std::vector<std::unique_ptr<Tape>> tapes;
    return tapes;
  }
  static inline thread_local size_t depth_ = 0;
  Tape* tape_;
};

/// While one lives, ops on this thread infer and record but compute nothing: values have shapes and no elements, nobody is told.
class ShapesOnly {
 public:
  ShapesOnly();
  ~ShapesOnly();
  ShapesOnly(const ShapesOnly&) = delete;
  ShapesOnly& operator=(const ShapesOnly&) = delete;
  static bool on() { return on_; }

 private:
  static inline thread_local bool on_ = false;
  bool before_;
  TapeListener* listener_;
};

}  // namespace tapedeck
