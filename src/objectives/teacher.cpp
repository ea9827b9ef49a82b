// Teachers: a slab of values and one window per parameter. Next: mean_teacher.cpp, distillation.cpp.
#include <tapedeck/objectives/teacher.h>

namespace tapedeck {

void Teacher::begin(const ParamStore& store, Tensor values) {
  values_ = std::move(values);
  windows_.clear();
  for (auto& p : store.all()) windows_.push_back(store.window(values_, p));
}

void Teacher::follow(const ParamStore& student, double decay) {
  dispatch(values_.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* w = student.values().raw<T>();
    T* mine = values_.raw<T>();
    for (int64_t i = 0; i < values_.size(); ++i) mine[i] = T(decay) * mine[i] + T(1 - decay) * w[i];
  });
}

}  // namespace tapedeck
