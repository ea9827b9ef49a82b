// Filling in what a part requires, and making the texts, models and inputs to try it on. Next: check_part.cpp.
#include "src/check/fixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/config/source.h>
#include <tapedeck/nn/head.h>
#include <tapedeck/nn/transformer.h>

namespace tapedeck {
namespace {

const Key key = root_key(23);

Tensor random(const Shape& shape, std::string_view what, DType dtype, double mean = 0, double deviation = 1) {
  return Tensor::normal(shape, key / what, mean, deviation, dtype);
}

/// Gives what has no default a value, and usual sizes a small one where everything is to be differentiated.
class Defaults {
 public:
  explicit Defaults(Size size) : size_(size) {}
  void fill(Part& part) {
    Fields fields;
    part.describe(fields);
    for (Field& field : fields.all) std::visit([&](auto& target) { (*this)(field, target); }, field.target);
  }

 private:
  template <class T>
  void operator()(Field&, T&) {}
  void operator()(Field& f, int64_t*& value) {
    if (const int64_t* small = usual(f)) *value = *small;
  }
  void operator()(Field& f, std::optional<int64_t>*& value) {
    if (const int64_t* small = usual(f)) *value = *small;
  }
  void operator()(Field& f, std::vector<double>*& values) {
    if (!f.is_required || !values->empty()) return;
    for (int64_t i = 0; i < FixtureTexts::classes; ++i) values->push_back(double(i + 2));
  }
  void operator()(Field& f, Json*& value) {
    if (!f.example.empty()) *value = parse_json(f.example, f.name);
  }
  void operator()(Field& f, Path*& path) {
    if (f.is_required && !*path) path->path = "example";
  }
  void operator()(Field& f, std::string*& words) {
    if (f.is_required && words->empty()) *words = f.choices.empty() ? "example" : f.choices.front();
  }
  void operator()(Field& f, AnyChoice*& choice) {
    if (f.is_required && !choice->part()) choice->choose(choice->names().front());
    if (choice->part()) fill(*choice->part());
  }
  void operator()(Field&, Part*& group) { fill(*group); }
  void operator()(Field& f, AnyList& list) {
    while (f.is_required && list.size() < std::max<size_t>(f.shortest, 1)) fill(*list.append());
  }

  const int64_t* usual(const Field& f) const {
    static const std::map<std::string_view, int64_t> sizes{{"width", 4},     {"layers", 1}, {"heads", 2}, {"feed_forward", 4},
                                                           {"head_size", 4}, {"hidden", 5}, {"out", 3}};
    const auto found = size_ == Size::checked ? sizes.find(f.name) : sizes.end();
    return found != sizes.end() && double(found->second) >= f.low && double(found->second) <= f.high ? &found->second : nullptr;
  }
  Size size_;
};

/// What stands for a part in a file, under the name of its kind.
template <class T>
struct Written : Part {
  Choice<T> choice;
  void describe(Fields& f) override { f(T::kind, choice, ""); }
};

/// Fills in what is required, then reads the options over it; `place` is where in the part they belong ("adversary.").
template <class T>
void complete(Written<T>& written, const std::string& place, std::span<const std::string> sets, Size size) {
  Defaults(size).fill(*written.choice);
  if (sets.empty()) return;
  Json tree = write_fields(written);
  Diagnostics diagnostics;
  for (const std::string& set : sets) apply_set(tree, text(T::kind, ".", place, set), diagnostics);
  read_fields(written, tree, "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
}

template <class T>
std::shared_ptr<T> filled(const PartName& part, Size size) {
  const auto written = std::make_shared<Written<T>>();
  if (!written->choice.choose(part.name)) throw Error(ErrorKind::usage, text("there is no ", T::kind, " \"", part.name, "\""));
  complete(*written, "", part.sets, size);
  return {written, written->choice.get()};
}

/// Values of a size at which everything matters: a fresh bias or embedding would be too close to 0.
void draw(ParamStore& store, DType dtype) {
  store.allocate(dtype, key / "init");
  for (const Parameter& p : store.all())
    p.value.copy_from(random(p.shape, p.path, dtype, p.init.kind == Init::Kind::constant ? p.init.scale : 0, 0.3));
}

/// A module with parameters of its own as a function: the given inputs, then the parameters.
struct Module {
  ParamStore store;
  std::unique_ptr<Encoder> encoder;
  std::unique_ptr<Head> head;
  std::unique_ptr<Model> model;
};
PartFixture case_of(std::string name, std::shared_ptr<const Module> module, std::shared_ptr<const Batch> batch, Mode mode,
                    std::vector<std::pair<std::string, Tensor>> given, std::function<Tensors(Pass&, In)> call) {
  PartFixture row{std::move(name), {}, {}, {}};
  const auto add = [&](const std::string& what, const Tensor& value) {
    row.input_names.push_back(what);
    row.inputs.push_back(value);
  };
  for (auto& [what, value] : given) add(what, value);
  for (const Parameter& p : module->store.all()) add(p.path, p.value);
  row.call = [=, count = given.size()](In x) {
    Pass pass(module->store, *batch, mode, key / "pass", x.subspan(count));
    return call(pass, x.first(count));
  };
  return row;
}
std::vector<PartFixture> both_modes(const std::string& what, const std::shared_ptr<const Module>& module, const Batch& batch,
                                    Size size, const std::vector<std::pair<std::string, Tensor>>& given,
                                    const std::function<Tensors(Pass&, In)>& call) {
  const auto shared = std::make_shared<const Batch>(batch);
  std::vector<PartFixture> rows{case_of(what + ", training", module, shared, Mode::train, given, call)};
  if (size == Size::checked) rows.push_back(case_of(what + ", evaluating", module, shared, Mode::evaluate, given, call));
  return rows;
}

std::vector<PartFixture> loss_cases(const PartName& part, Size size) {
  const auto [loss, task] = fixture_loss(part);
  const FixtureTexts texts(size, 1, task);
  const Batch batch = texts.batch(*loss);
  const Answer asked = batch.answer;
  const std::string what = asked.rows == Rows::spans      ? "scores of spans"
                           : asked.link == Link::identity ? "predictions"
                                                          : "logits";
  return {{text(texts.size(), " examples"),
           {what},
           {random(texts.logits(batch), "logits", texts.dtype())},
           [loss = loss, batch](In x) { return Tensors{(*loss)(x[0], batch)}; }}};
}

std::vector<PartFixture> head_cases(const PartName& part, Size size) {
  const auto spec = filled<HeadSpec>(part, size);
  const FixtureTexts texts(size);
  const int64_t width = size == Size::shown ? 8 : 6;
  auto module = std::make_shared<Module>();
  try {
    module->head = spec->build(Params(module->store) / "head", width, texts.classes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    module = std::make_shared<Module>();  // one that decides itself how many values it gives
    module->head = spec->build(Params(module->store) / "head", width, 0);
  }
  draw(module->store, texts.dtype());
  return both_modes(text(texts.size(), " rows"), module, texts.batch(), size,
                    {{"pooled", random({texts.size(), width}, "pooled", texts.dtype())}},
                    [head = module->head.get()](Pass& pass, In x) { return Tensors{head->forward(pass, x[0])}; });
}

std::vector<PartFixture> encoder_cases(const PartName& part, Size size) {
  const FixtureTexts texts(size);
  auto module = std::make_shared<Module>();
  module->encoder = filled<EncoderSpec>(part, size)
                        ->build(Params(module->store) / "encoder", {texts.vocabulary, texts.longest, texts.classes, true});
  draw(module->store, texts.dtype());
  return both_modes(text(texts.size(), " texts"), module, texts.batch(), size, {},
                    [encoder = module->encoder.get()](Pass& pass, In) { return Tensors{encoder->forward(pass)}; });
}

std::shared_ptr<Module> built(const ModelSpec& spec, int64_t outputs, DType dtype) {
  auto module = std::make_shared<Module>();
  module->model =
      spec.build(Params(module->store), {FixtureTexts::vocabulary, FixtureTexts::longest, outputs, !spec.text_form().separate});
  draw(module->store, dtype);
  return module;
}

std::vector<PartFixture> model_cases(const PartName& part, Size size) {
  const auto spec = filled<ModelSpec>(part, size);
  const bool separate = spec->text_form().separate;
  auto module = built(*spec, FixtureTexts::classes, FixtureTexts(size).dtype());
  const FixtureTexts texts(size, separate ? 2 : 1, task_asking({module->model->logit_rows(), Link::softmax})->name);
  if (texts.outputs() != FixtureTexts::classes) module = built(*spec, texts.outputs(), texts.dtype());
  return both_modes(text(texts.size(), separate ? " pairs of texts" : " texts"), module, texts.batch(), size, {},
                    [model = module->model.get()](Pass& pass, In) {
                      const Output out = model->forward(pass);
                      Tensors given;
                      for (const Tensor& t : {out.logits, out.pooled, out.hidden, out.projection, out.transitions})
                        if (t) given.push_back(t);
                      return given;
                    });
}

}  // namespace

FixtureTexts::FixtureTexts(Size size, int64_t texts, const std::string& task)
    : dtype_(size == Size::shown ? DType::f32 : DType::f64) {
  data_.name = "fixture";
  data_.labels = {"a", "b", "c"};
  const auto asked = make_task(task);
  asked->labels = data_.labels;
  data_.task = asked;
  data_.pairs = texts == 1;
  data_.texts = texts;
  data_.labelled = true;
  for (int64_t i = 0; i < (size == Size::shown ? 2 : 6); ++i) {
    Example& e = data_.examples.emplace_back();
    for (int64_t t = 0; t < texts; ++t) {
      const int64_t length = std::array{3, 2, 5, 1, 4, 2}[size_t((i + 2 * t) % 6)], begin = std::ssize(e.ids);
      for (int64_t k = 0; k < length; ++k) {
        e.ids.push_back(int32_t(random_below(key / "ids" / i / t, uint64_t(k), vocabulary)));
        e.segments.push_back(2 * k > length);
        e.words.push_back(int32_t(begin + k));
        e.classes.push_back(int32_t((i + k) % classes));
      }
      if (texts > 1) e.ends.push_back(int32_t(begin + length));
      e.masks.push_back({int32_t(begin), int32_t(begin + 1), int32_t(begin + length)});
    }
    e.label = int32_t(i % classes);
    e.target = std::sin(double(i + 1));
    const auto last = int32_t(e.ids.size()) - 1;
    e.spans = {{0, last, e.label}, {last / 2, last / 2, 1}};
    order_.push_back(i);
  }
}

Shape FixtureTexts::logits(const Batch& batch) const {
  switch (batch.answer.rows) {
    case Rows::spans:
      return batch.cells.shape();
    case Rows::tokens:
      return {batch.token_count(), outputs()};
    case Rows::words:
      return {batch.words.size(), outputs()};
    case Rows::sequences:
      break;
  }
  return {batch.examples(), outputs()};
}

Batch FixtureTexts::batch() const { return batch(0, size(), *Choice<Loss>("cross_entropy")); }

Batch FixtureTexts::batch(int64_t begin, int64_t end, const Loss& loss) const {
  Batch batch = collate(data_, order_, begin, end, dtype_);
  batch.labels = Tensor::empty({end - begin}, DType::i32);
  batch.targets = Tensor::empty({end - begin}, dtype_);
  for (int64_t i = begin; i < end; ++i) {
    batch.labels.raw<int32_t>()[i - begin] = data_.examples[size_t(i)].label;
    dispatch(dtype_,
             [&](auto tag) { batch.targets.raw<decltype(tag)>()[i - begin] = decltype(tag)(data_.examples[size_t(i)].target); });
  }
  batch.total_weight = 0;
  for (int64_t i = 0; i < size(); ++i) batch.total_weight += task().weight(loss, data_, i);
  return batch;
}

LossFixture fixture_loss(const PartName& part) {
  const auto loss = filled<Loss>(part, Size::checked);
  std::string task = "classification";
  if (!loss->suits({})) {
    task = task_asking(loss->answer())->name;
    for (const auto& [name, entry] : Registry<Task>::entries())
      if (entry.make()->defaults().loss == part.name) task = name;
  }
  loss->check(FixtureTexts(Size::checked, 1, task).outputs());
  return {loss, task};
}

std::vector<PartFixture> part_fixtures(const PartName& part, Size size) {
  if (part.kind == Loss::kind) return loss_cases(part, size);
  if (part.kind == HeadSpec::kind) return head_cases(part, size);
  if (part.kind == EncoderSpec::kind) return encoder_cases(part, size);
  if (part.kind == ModelSpec::kind) return model_cases(part, size);
  return {};
}

namespace {

/// The objective that uses parts of a kind, and the option that names them.
struct Around {
  std::string_view kind, objective;
};
constexpr Around around[] = {{"adversary", "adversarial"}, {"embedding_loss", "metric_learning"}};

const Around* around_kind(std::string_view kind) {
  const auto found = std::ranges::find(around, kind, &Around::kind);
  return found == std::end(around) ? nullptr : found;
}

AnyChoice& choice_in(Part& part, std::string_view option) {
  Fields fields;
  part.describe(fields);
  for (Field& field : fields.all)
    if (AnyChoice** choice = std::get_if<AnyChoice*>(&field.target); choice && field.name == option) return **choice;
  throw Error(ErrorKind::internal, text("there is no option ", option));
}

/// The objective itself, or the one around the part.
std::shared_ptr<Objective> filled_method(const PartName& part) {
  const Around* outer = around_kind(part.kind);
  if (!outer) return filled<Objective>(part, Size::checked);
  const auto written = std::make_shared<Written<Objective>>();
  written->choice.choose(outer->objective);
  if (!choice_in(*written->choice, part.kind).choose(part.name))
    throw Error(ErrorKind::usage, text("there is no ", part.kind, " \"", part.name, "\""));
  complete(*written, text(part.kind, "."), part.sets, Size::checked);
  return {written, written->choice.get()};
}

std::shared_ptr<ModelSpec> read_model(const std::string& json) {
  const auto written = std::make_shared<Written<ModelSpec>>();
  Diagnostics diagnostics;
  read_fields(*written, parse_json("{\"model\": " + json + "}", "fixture"), "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  return {written, written->choice.get()};
}

/// The method with this model, after an update; throws what the method throws.
std::unique_ptr<MethodFixture> with_model(const PartName& part, const std::string& model, Size size) {
  auto m = std::make_unique<MethodFixture>();
  m->objective = filled_method(part);
  if (const Around* outer = around_kind(part.kind)) m->around = outer->objective;
  m->spec = read_model(model);
  const Loss& task = m->objective->task();
  m->texts = std::make_unique<FixtureTexts>(size, 1, task.suits({}) ? "classification" : task_asking(task.answer())->name);
  const int64_t outputs = m->texts->outputs();
  task.check(outputs);
  auto module = built(*m->spec, outputs, m->texts->dtype());
  m->store = std::move(module->store);
  m->model = std::move(module->model);
  // a teacher: the parameters, a little way off
  const auto load = [&](const std::string&) {
    return random(m->store.values().shape(), "teacher", m->store.dtype(), 0, 0.1) + m->store.values();
  };
  for (auto& [place, objective] : with_inner(*m->objective)) objective->begin({m->store, m->texts->size(), outputs, load});
  Tape tape;
  const Batch batch = m->batch();
  Step before = m->step(tape, batch, m->number - 1);
  m->objective->loss(before);
  for (auto& [place, objective] : with_inner(*m->objective)) objective->updated(m->store, m->number - 1);
  return m;
}

}  // namespace

void require_options(const PartName& part) {
  if (part.kind == Loss::kind) filled<Loss>(part, Size::checked);
  else if (part.kind == HeadSpec::kind) filled<HeadSpec>(part, Size::checked);
  else if (part.kind == EncoderSpec::kind) filled<EncoderSpec>(part, Size::checked);
  else if (part.kind == ModelSpec::kind) filled<ModelSpec>(part, Size::checked);
  else filled_method(part);
}

std::unique_ptr<MethodFixture> method_fixture(const PartName& part, Size size) {
  if (part.kind != Objective::kind && !around_kind(part.kind)) return nullptr;
  const std::string encoder =
      R"("encoder": {"type": "transformer", "layers": 1, "width": 4, "heads": 2, "feed_forward": 4, "dropout": 0.2}})";
  std::optional<Error> refused;
  for (const char* model : {R"({"type": "text", )", R"({"type": "span", "head_size": 4, )",
                            R"({"type": "sentence", "pooling": "mask", "templates": ["{} [MASK]"], )"})
    try {
      return with_model(part, model + encoder, size);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::config) throw;
      if (!refused) refused = error;
    }
  throw *refused;
}

}  // namespace tapedeck
