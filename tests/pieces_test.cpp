// micro_batch_size changes memory and time, never the update: each row trains whole and in pieces, equal or not, with one thread
// and with several. Examples that influence each other go through the gradient cache. Next:
// support/piece_rows.h.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include <tapedeck/tensor/compare.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/memory.h>

#include "src/train/step_runner.h"
#include "support/piece_rows.h"
#include "support/temp_folder.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr int64_t vocabulary = 12, longest = 9, examples = 7;
constexpr double lr = 0.01;  // the second update starts where the first ended, rounding included

/// Short texts, one a single token, with an answer of every kind; one example is not labelled where it may be.
Dataset texts_for(const Surroundings& in) {
  Dataset data{"train", {}, {"a", "b", "c"}};
  data.task = task_with(in.task, data.labels);
  data.texts = in.texts;
  data.labelled = true;
  const Key key = root_key(77) / in.name;
  if (std::string_view(in.task) == "language_model") {
    data.stream.context = data.stream.stride = 5;
    for (uint64_t i = 0; i < 5 * examples - 2; ++i) data.stream.ids.push_back(int32_t(random_below(key, i, vocabulary)));
    return data;
  }
  for (int64_t i = 0; i < examples; ++i) {
    Example& e = data.examples.emplace_back();
    for (int64_t t = 0; t < in.texts; ++t) {
      const int64_t length = std::array{3, 2, 5, 1, 4, 2, 6}[size_t((i + 2 * t) % 7)] + (in.templates ? 2 : 0),
                    begin = std::ssize(e.ids);
      for (int64_t k = 0; k < length; ++k) {
        e.ids.push_back(int32_t(random_below(key / i / t, uint64_t(k), vocabulary)));
        e.words.push_back(int32_t(begin + k));
        e.classes.push_back(int32_t((i + k) % 3));
      }
      if (in.texts > 1) e.ends.push_back(int32_t(begin + length));
      if (in.templates) e.masks.push_back({int32_t(begin), int32_t(begin + 1), int32_t(begin + length - 1)});
    }
    e.label = i == 4 ? -1 : int32_t(i % 3);
    e.target = std::sin(double(i + 1));
    const auto last = int32_t(e.ids.size()) - 1;
    e.spans = {{0, last, int32_t(i % 3)}, {last / 2, last / 2, 1}};
  }
  return data;
}

std::string folder_of_teacher(const Surroundings& in);

/// A model and its data, about to make update 12 (a multiple of what "every" usually is) after one that leaves something behind.
struct Trained {
  explicit Trained(const PieceRow& row, std::optional<int64_t> micro, DType dtype = DType::f64, int64_t copies = 1,
                   int64_t width = 4)
      : data(texts_for(*row.in)) {
    for (int64_t i = examples; i < copies * examples; ++i) data.examples.push_back(data.examples[size_t(i % examples)]);
    std::string options = row.options;
    if (options.find("TEACHER") != options.npos) options = replaced(options, "TEACHER", folder_of_teacher(*row.in));
    objective = configured<Objective>(row.objective, "{" + options + "}");
    build(*row.in, dtype, width);
    training.batch_size = copies * examples, training.micro_batch_size = micro;
    optimizer->lr = rate;
  }
  void build(const Surroundings& in, DType dtype, int64_t width) {
    const std::string spec =
        text("{", in.model, R"(, "encoder": {"type": "transformer", "heads": 2, "layers": )", width > 4 ? 4 : 1, R"(, "width": )",
             width, R"(, "feed_forward": )", width, R"(, "dropout": 0.2, "causal": )",
             std::string_view(in.task) == "language_model" ? "true" : "false", "}}");
    struct Chosen : Part {
      Choice<ModelSpec> model;
      void describe(Fields& f) override { f("model", model, ""); }
    } chosen;
    Diagnostics diagnostics;
    read_fields(chosen, parse_json("{\"model\": " + spec + "}", "row"), "", diagnostics);
    if (!diagnostics.empty()) FAIL(diagnostics.render());
    model = chosen.model->build(Params(store), {vocabulary, longest, data.task->outputs(vocabulary), false});
    store.allocate(dtype, root_key(5) / "init");
    for (auto& p : store.all())
      p.value.copy_from(Tensor::normal(p.shape, root_key(6) / p.path, p.init.scale == 1 ? 1 : 0, 0.3, dtype));
  }
  TrainSetup setup() {
    TrainSetup all;
    all.model = model.get(), all.store = &store, all.objective = objective.get();
    all.optimizer = optimizer.get(), all.schedule = schedule.get(), all.train = &data;
    all.training = &training, all.evaluation = &evaluation, all.checkpoints = &checkpoints, all.seed = 3;
    return all;
  }
  /// The sum of the updates, which is the sum of their gradients.
  void run() {
    const TrainSetup all = setup();
    StepRunner runner(all);
    const Tensor before = store.values().clone();
    for (int64_t number : updates) {
      StepRecord record;
      runner.run(order(), number, 1, record);
      loss += record.loss;
      for (auto& [name, value] : record.reports) reports[std::string(name)] += value;
    }
    moved = (store.values() - before) / rate;
  }
  std::vector<int64_t> order() const {
    std::vector<int64_t> all(size_t(training.batch_size));
    for (int64_t i = 0; i < training.batch_size; ++i) all[size_t(i)] = (i * 3 + 1) % training.batch_size;
    return all;
  }

  Dataset data;
  ParamStore store;
  std::unique_ptr<Model> model;
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Optimizer> optimizer = configured<Optimizer>("sgd");
  std::unique_ptr<Schedule> schedule = configured<Schedule>("constant");
  TrainingOptions training;
  EvaluationOptions evaluation;
  CheckpointOptions checkpoints;
  double rate = lr, loss = 0;
  std::vector<int64_t> updates{11, 12};
  std::map<std::string, double> reports;
  Tensor moved;
};

/// A checkpoint of the row's model, a little way off its start.
std::string folder_of_teacher(const Surroundings& in) {
  static std::map<std::string, std::unique_ptr<TempFolder>> folders;
  auto& folder = folders[in.name];
  if (!folder) {
    folder = std::make_unique<TempFolder>(Medium::memory);
    Trained teacher({&in, "supervised", text(R"("loss": ")", in.loss, "\"")}, {});
    teacher.training.duration = {1, Duration::Unit::steps};
    TrainSetup setup = teacher.setup();
    Listener listener;
    setup.observer = &listener;
    setup.folder = folder->path();
    train(setup);
  }
  return find_checkpoint(folder->path(), "last");
}

/// What errors of the user's making say of a row, or nothing.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::internal || e.kind() == ErrorKind::stale) throw;
    return e.message();
  }
  return {};
}

/// Power iteration differentiates a difference of size xi, so rounding counts 1 / xi times as much.
double limit_of(const PieceRow& row) {
  const bool magnifies = (row.options.find(R"("type": "vat")") != row.options.npos || row.objective == "vat") &&
                         row.options.find(R"("xi": 0.5)") == row.options.npos;
  return magnifies ? 1e-9 : 1e-12;
}

std::unique_ptr<Trained> trained(const PieceRow& row, std::optional<int64_t> micro, DType dtype = DType::f64) {
  auto one = std::make_unique<Trained>(row, micro, dtype);
  one->run();
  return one;
}

void check_equal(const Trained& cut, const Trained& whole, double limit) {
  const Gap gap = compare(cut.moved, whole.moved);
  CHECK_MESSAGE(gap.relative <= limit, gap.str());
  CHECK(std::abs(cut.loss - whole.loss) <= limit * std::max(1.0, std::abs(whole.loss)));
  CHECK(cut.reports.size() == whole.reports.size());
  for (auto& [name, value] : whole.reports) {
    CAPTURE(name);
    REQUIRE(cut.reports.count(name) == 1);
    CHECK(std::abs(cut.reports.at(name) - value) <= 10 * limit * std::max(1.0, std::abs(value)));
  }
}

struct Threads {
  explicit Threads(int count) : before(threads()) { set_threads(count); }
  ~Threads() { set_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("pieces make the update of the whole batch, whatever the objective, the option and the task") {
  const Threads one(1);
  std::map<std::string, int> of_task, of_objective;
  int rows = 0, together = 0, refused = 0, twice = 0;
  for (const PieceRow& row : all_piece_rows()) {
    CAPTURE(std::string(row.in->name) + ": " + row.objective + " " + row.options);
    std::unique_ptr<Trained> whole;
    if (!refusal([&] { whole = trained(row, {}); }).empty()) {
      ++refused;
      continue;
    }
    const bool coupled = whole->objective->couples_examples();
    if (coupled && whole->objective->second_order()) {
      CHECK(refusal([&] { trained(row, 3); }).find("differentiates a gradient") != std::string::npos);
      ++twice;
      continue;
    }
    ++rows, together += coupled, ++of_task[row.in->name], ++of_objective[row.objective];
    for (int64_t micro : {1, 3, 5}) {
      CAPTURE(micro);
      const auto cut = trained(row, micro);
      check_equal(*cut, *whole, limit_of(row));
      for (int count : micro == 3 && rows % 10 == 0 ? std::vector{2, 4} : std::vector<int>{}) {
        CAPTURE(count);
        const Threads several(count);
        CHECK(same_bits(trained(row, micro)->moved, cut->moved));
      }
    }
  }
  MESSAGE(rows, " rows, ", together, " of them through the gradient cache; ", refused, " that the whole batch refuses as well, ",
          twice, " that differentiate a gradient of coupled examples");
  for (auto& [name, entry] : Registry<Objective>::entries()) {
    CAPTURE(name);
    CHECK(of_objective[name] > 0);
  }
  for (const Surroundings& in : all_surroundings()) {
    CAPTURE(in.name);
    CHECK(of_task[in.name] > 0);
  }
}

TEST_CASE("in f32 contrast in pieces keeps the gradient to 1e-6") {
  const Surroundings *classes = &all_surroundings()[0], *templates = &all_surroundings()[5];
  for (const PieceRow& row :
       {PieceRow{classes, "simcse", ""}, PieceRow{classes, "nt_xent", ""}, PieceRow{classes, "sup_con", ""},
        PieceRow{classes, "scal", ""}, PieceRow{classes, "uscal", ""}, PieceRow{templates, "prompt_bert", ""}}) {
    CAPTURE(row.objective);
    const auto gradient = [&](std::optional<int64_t> micro) {  // as the change of values by an update of rate 1
      Trained one(row, micro, DType::f32);
      one.rate = one.optimizer->lr = 1;
      one.updates = {12};
      one.run();
      return one.moved;
    };
    const Tensor whole = gradient({});
    for (int64_t micro : {1, 3, 5}) {
      const Gap gap = compare(gradient(micro), whole);
      CHECK_MESSAGE(gap.relative <= 1e-6, gap.str());
    }
  }
}

TEST_CASE("eight times the batch in pieces takes the memory of the batch") {
  const PieceRow row{&all_surroundings()[0], "simcse", ""};
  const auto peak = [&](int64_t copies, std::optional<int64_t> micro) {
    Trained one(row, micro, DType::f32, copies, 64);
    reset_memory_peak();
    one.run();
    const MemoryParts parts = memory_use().peak;
    return double(total(parts) - parts[size_t(Memory::scratch)]);  // which only grows, whoever needed it
  };
  const int64_t batch = 6 * examples;
  const double small = peak(6, {}), whole = peak(48, {}), cut = peak(48, batch);
  MESSAGE("batch ", batch, ": ", small, " bytes at the peak, ", 8 * batch, ": ", whole, ", in pieces of ", batch, ": ", cut);
  CHECK(cut <= 1.3 * small);
  CHECK(whole >= 3 * small);
}
