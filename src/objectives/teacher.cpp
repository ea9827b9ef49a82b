// Teachers: another set of values for the same model. It stays what a checkpoint says (distillation, born-again networks) or
// follows the student as its running mean (mean_teacher; examples without labels count as well). Next: temporal_ensembling.cpp.
#include <tapedeck/objectives/divergence.h>
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

namespace {

struct Distillation final : Wrapper {
  double weight = 0.5, temperature = 2;
  Path checkpoint;
  Teacher teacher;

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    f("teacher", checkpoint, "folder of a run of the same model, whose best checkpoint teaches, or of a checkpoint").required();
    f("weight", weight, "share of the teacher's answers; the rest is the loss").range(0, 1);
    f("temperature", temperature, "T: logits are divided by it before the softmax").above(0);
  }
  bool needs_labels() const override { return inner->needs_labels() && weight < 1; }
  void begin(const SetupContext& setup) override { teacher.begin(setup.store, setup.load(checkpoint.path)); }

  Tensor loss(Step& step) override {
    require_classes(step, "distillation");
    const Tensor task = weight < 1 ? inner->loss(step) * (1 - weight) : Tensor{};
    const Tensor soft = teacher.forward(step, Mode::evaluate).logits / temperature,
                 own = step.cached_forward().logits / temperature;
    const double rows = double(std::max<int64_t>(1, step.batch().total_rows()));
    const Tensor apart = kl_divergence(soft, own, Reduction::sum) * (temperature * temperature / rows);
    step.report("disagreement", apart.item());
    return task ? task + apart * weight : apart;
  }
};
TAPEDECK_PART(Objective, Distillation, "distillation", "Learns a trained model's answers beside the labels (Hinton et al. 2015).",
              {.equation = "L = (1 - weight) CE + weight T^2 mean_i KL(softmax(teacher_i / T) || softmax(student_i / T))",
               .source = "Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, arXiv 1503.02531, "
                         "section 2; into the same "
                         "architecture: Furlanello et al., Born-Again Neural Networks, ICML 2018, arXiv 1805.04770",
               .cost = "2F + 1B (the teacher's pass has no way back)",
               .pitfalls = "T^2 keeps the gradient of the soft targets at the size of the hard ones when T changes.\n"
                           "Teacher and student are one architecture here, and must share tokenizer and labels.\n"
                           "The teacher answers without dropout."});

struct MeanTeacher final : Regulariser {
  Divergence divergence;
  double decay = 0.999;
  bool noisy = true;
  Teacher teacher;
  MeanTeacher() : Regulariser("disagreement") {
    divergence.usual = Distance::brier;
    divergence.stop = StopGrad::target;
  }

  void describe(Fields& f) override {
    describe_loss(f, "weight of the agreement with the teacher");
    divergence.describe(f);
    f("decay", decay, "share of the teacher that an update keeps, at most t / (t + 1) after t updates").at_least(0).below(1);
    f("teacher_dropout", noisy, "the teacher drops units as well, with masks of its own");
  }

  void begin(const SetupContext& setup) override { teacher.begin(setup.store); }
  std::map<std::string, Tensor> extra_state() const override { return {{"teacher", teacher.values()}}; }
  void updated(const ParamStore& store, int64_t number) override {
    const double t = double(number + 1);
    teacher.follow(store, std::min(decay, t / (t + 1)));
  }

  Tensor term(Step& step, const Tensor&) override {
    return divergence(teacher.forward(step, noisy ? Mode::train : Mode::evaluate), step.cached_forward(), step);
  }
};
TAPEDECK_PART(
    Objective, MeanTeacher, "mean_teacher",
    "The student agrees with the running mean of its own weights (Tarvainen and Valpola 2017).",
    {.equation = "L + weight(t) mean_i |softmax f(x_i; theta, noise) - softmax f(x_i; theta', noise')|^2, theta' held constant\n"
                 "theta' <- d theta' + (1 - d) theta after every update, d = min(decay, t / (t + 1))",
     .source = "Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017, arXiv 1703.01780, equations 1 and 2",
     .cost = "2F + 1B (the teacher's pass has no way back)",
     .pitfalls =
         "The weight needs a ramp: at the start the teacher knows nothing.\n"
         "Differs from CuriousAI/mean-teacher in three constants: its distance is a mean over classes, so its weight is this "
         "one times the classes; its task loss is a mean over all examples, labelled or not; its ramp is ramp_shape "
         "\"sigmoid\".\n"
         "Nested in an attack the teacher sees the shifted input too, and its running mean moves once per update.\n"
         "Examples without labels are rows with an empty label."});

}  // namespace
}  // namespace tapedeck
