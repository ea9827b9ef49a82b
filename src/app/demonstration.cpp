// Records one trip forward and back of a loss, head, encoder or model, and one update of a method, whose trips through the model
// are told apart by a model that counts. Next: explain_part.cpp.
#include "src/app/demonstration.h"

#include <fmt/core.h>

#include <optional>

#include <tapedeck/base/error.h>
#include <tapedeck/look/recorder.h>

namespace tapedeck::app {
namespace {

/// Writes down between which records each pass of the model lies.
struct CountingModel final : Model {
  CountingModel(const Model& model, const Recorder& recorder, std::vector<RecordedPass>& passes)
      : model(model), recorder(recorder), passes(passes) {}
  Output forward(Pass& pass) const override {
    const uint32_t begin = recorder.records();
    Output out = model.forward(pass);
    passes.push_back({begin, recorder.records()});
    return out;
  }
  Rows logit_rows() const override { return model.logit_rows(); }
  std::vector<std::string> sites() const override { return model.sites(); }

  const Model& model;
  const Recorder& recorder;
  std::vector<RecordedPass>& passes;
};

std::string on(const PartFixture& row) {
  if (row.inputs.size() > 4) {
    int64_t numbers = 0;
    for (const Tensor& x : row.inputs) numbers += x.size();
    return fmt::format("{}: {} numbers in {} tensors", row.name, numbers, row.inputs.size());
  }
  std::string out = row.name + ":";
  for (size_t k = 0; k < row.inputs.size(); ++k)
    out +=
        fmt::format("{} {} {}{}", k ? "," : "", row.input_names[k], name_of(row.inputs[k].dtype()), row.inputs[k].shape().str());
  return out;
}

Demonstration of_function(const PartName& part) {
  const PartFixture row = part_fixtures(part, Size::shown).front();
  Demonstration shown;
  shown.given = on(row);
  for (const PartFixture& checked : part_fixtures(part, Size::checked)) shown.checks.push_back(on(checked));
  std::vector<Tensor> gradients;
  for (const Tensor& x : row.inputs) gradients.push_back(Tensor::zeros(x.shape(), x.dtype()));
  Tape tape;
  Recorder recorder({.statistics = false});
  std::vector<Tensor> leaves;
  for (size_t k = 0; k < row.inputs.size(); ++k) {
    recorder.name_parameter(row.inputs[k], gradients[k], row.input_names[k], true);
    leaves.push_back(tape.leaf(row.inputs[k], gradients[k]));
  }
  const Tensors results = row.call(leaves);
  if (results[0].on_tape()) backward(results[0], {}, Tensor::full(results[0].shape(), 1, results[0].dtype()));
  shown.recording = recorder.finish();
  return shown;
}

Demonstration of_method(const PartName& part) {
  const auto fixture = method_fixture(part, Size::shown);
  Demonstration shown;
  shown.is_method = true;
  shown.given = fmt::format("two texts of 3 and 2 tokens and a model of {} parameters{}", fixture->store.count(),
                            part.kind == Objective::kind ? "" : fmt::format(", inside the objective {}", fixture->around));
  shown.checks = {fmt::format("6 texts, {} parameters", fixture->store.count())};
  const Batch batch = fixture->batch();
  Tape tape;
  tape.keep(fixture->objective->second_order() ? Keep::all : Keep::needed);
  Recorder recorder({.statistics = false});
  for (const Parameter& p : fixture->store.all()) recorder.name_parameter(p.value, p.gradient, p.path, p.trainable);
  const CountingModel model(*fixture->model, recorder, shown.passes);
  Step step(tape, model, fixture->store, fixture->objective->task(), batch, root_key(41) / "step" / fixture->number,
            fixture->number);
  fixture->objective->run(step);
  shown.count = step.passes();
  shown.recording = recorder.finish();
  return shown;
}

}  // namespace

Demonstration demonstrate(const PartName& part) {
  const bool function = part.kind == Loss::kind || part.kind == "head" || part.kind == "encoder" || part.kind == "model";
  return function ? of_function(part) : of_method(part);
}

}  // namespace tapedeck::app
