// Mean teacher (Tarvainen and Valpola 2017, arXiv 1703.01780): the student agrees with a teacher whose weights are the running
// mean of its own; examples without labels count as well. Next: temporal_ensembling.cpp, which remembers predictions instead.
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/teacher.h>

namespace tapedeck {
namespace {

struct MeanTeacher final : Wrapper {
  WeightSchedule strength;
  Divergence divergence;
  double decay = 0.999;
  bool noisy = true;
  Teacher teacher;
  MeanTeacher() {
    divergence.usual = Distance::brier;
    divergence.detach_clean = true;
  }

  void describe(Fields& f) override {
    f("loss", inner, "what is trained beside: a task loss or another objective");
    strength.describe(f, "weight of the agreement with the teacher");
    divergence.describe(f);
    f("decay", decay, "share of the teacher that an update keeps, at most t / (t + 1) after t updates").at_least(0).below(1);
    f("teacher_dropout", noisy, "the teacher drops units as well, with masks of its own");
  }

  void begin(const SetupContext& course) override { teacher.begin(course.store); }
  std::map<std::string, Tensor> extra_state() const override { return {{"teacher", teacher.values()}}; }
  void updated(const ParamStore& store, int64_t number) override {
    const double t = double(number + 1);
    teacher.follow(store, std::min(decay, t / (t + 1)));
  }

  Tensor loss(Step& step) override {
    const Tensor task = inner->loss(step);
    const double weight = strength.at(step);
    if (weight == 0) return task;
    const Tensor apart = divergence(teacher.forward(step, noisy ? Mode::train : Mode::evaluate), step.cached_forward(), step);
    step.report("disagreement", apart.item());
    return task + apart * weight;
  }
};
TAPEDECK_PART(Objective, MeanTeacher, "mean_teacher", "The student agrees with the running mean of its own weights (Tarvainen and Valpola 2017).",
              {.equation = "L + weight(t) mean_i |softmax f(x_i; theta, noise) - softmax f(x_i; theta', noise')|^2, theta' held constant\n"
                           "theta' <- d theta' + (1 - d) theta after every update, d = min(decay, t / (t + 1))",
               .source = "Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017, arXiv 1703.01780, equations 1 and 2",
               .cost = "2F + 1B (the teacher's pass has no way back)",
               .pitfalls = "The weight needs a ramp: at the start the teacher knows nothing.\n"
                           "Published weights are for the mean over classes; here the square is summed over classes.\n"
                           "Nested in an attack the teacher sees the shifted input too, and its running mean moves once per update.\n"
                           "Examples without labels are rows with an empty label."});

}  // namespace
}  // namespace tapedeck
