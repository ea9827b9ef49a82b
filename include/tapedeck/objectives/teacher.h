// Another set of parameter values for the same model, run without a record: the teacher of mean_teacher and distillation.
// Next: src/objectives/teacher.cpp.
#pragma once
#include <vector>

#include <tapedeck/objectives/objective.h>

namespace tapedeck {

class Teacher {
 public:
  /// Starts as a copy of the student.
  void begin(const ParamStore& store) { begin(store, store.values().clone()); }
  /// values: laid out like store.values().
  void begin(const ParamStore& store, Tensor values);
  /// teacher <- decay teacher + (1 - decay) student.
  void follow(const ParamStore& student, double decay);
  /// A pass of the step's batch; the student's own values before begin(). Nothing flows back.
  View forward(Step& step, Mode mode, DropoutMasks masks = DropoutMasks::fresh) const {
    return step.forward_no_grad(windows_, mode, masks);
  }
  const Tensor& values() const { return values_; }

 private:
  Tensor values_;
  std::vector<Tensor> windows_;  // one per parameter
};

}  // namespace tapedeck
