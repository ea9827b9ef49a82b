// Any part in the smallest surroundings in which it works: what `gradcheck` measures and `explain` shows. No part is known here
// by its name, so one from outside is treated like a built-in one. Next: check_part.cpp.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/objectives/objective.h>
#include <tapedeck/tasks/task.h>

namespace tapedeck {

/// shown: f32, two examples, sizes as the part has them by default. checked: f64, six examples; sizes that have a usual name
/// (width, layers, heads, ...) are small, so that differences can be taken for every parameter.
enum class Size { shown, checked };

/// Short texts with every sort of label at once, and what one task asks of them.
class FixtureTexts {
 public:
  static constexpr int64_t vocabulary = 12, longest = 9, classes = 3;
  /// task: by default classification.
  explicit FixtureTexts(Size size, int64_t texts = 1, const std::string& task = "classification");
  int64_t size() const { return data_.size(); }
  /// The examples [begin, end) as a micro-batch of a step on all of them.
  Batch batch(int64_t begin, int64_t end, const Loss& loss) const;
  Batch batch(const Loss& loss) const { return batch(0, size(), loss); }
  Batch batch() const;  // as cross_entropy weighs them
  DType dtype() const { return dtype_; }
  const Task& task() const { return *data_.task; }
  int64_t outputs() const { return task().outputs(vocabulary); }
  /// Of the logits that the task asks for.
  Shape logits(const Batch& batch) const;

 private:
  DType dtype_;
  Dataset data_;
  std::vector<int64_t> order_;
};

/// A part as `list` names it, and options in place of its defaults ("alpha=2", "loss=focal").
struct PartName {
  std::string_view kind, name;
  std::span<const std::string> sets = {};
};
/// Error{config} with every mistake among the options.
void require_options(const PartName& part);

/// What a part is as a function of tensors, all of which are differentiated.
struct PartFixture {
  std::string name;                      // "six rows, training"
  std::vector<std::string> input_names;  // "logits", "head.weight"
  std::vector<Tensor> inputs;
  std::function<Tensors(In)> call;
};
/// A loss on logits, a head on pooled vectors, an encoder or model on texts; empty for other kinds. Error{config} is the part's
/// own when it cannot be used like that.
std::vector<PartFixture> part_fixtures(const PartName& part, Size size);
/// A loss with what it requires filled in, and the task that it is tried on.
struct LossFixture {
  std::shared_ptr<const Loss> loss;
  std::string task;
};
LossFixture fixture_loss(const PartName& part);

/// A method with a model, its parameters and a batch. One update went before, so that what is extra_state from step to step holds
/// something.
struct MethodFixture {
  static constexpr int64_t number = 12;  // of the update: a multiple of what "every" usually is
  std::shared_ptr<Objective> objective;
  std::string_view around;  // the name of the objective, where the part is inside one
  std::shared_ptr<ModelSpec> spec;
  ParamStore store;
  std::unique_ptr<Model> model;
  std::unique_ptr<FixtureTexts> texts;

  Batch batch() const { return texts->batch(objective->task()); }
  Step step(Tape& tape, const Batch& batch, int64_t update = number, int64_t piece = 0) const {
    return Step(tape, *model, store, objective->task(), batch, root_key(41) / "step" / update, update, Mode::train, piece);
  }
};
/// An objective, or an adversary or embedding loss inside the objective that uses it; null for other kinds. Throws the
/// objective's Error{config} when none of the models suits it.
std::unique_ptr<MethodFixture> method_fixture(const PartName& part, Size size);

}  // namespace tapedeck
