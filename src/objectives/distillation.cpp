// Distillation (Hinton, Vinyals and Dean 2015, arXiv 1503.02531) from a checkpoint of the same architecture: born-again
// networks (Furlanello et al. 2018, arXiv 1805.04770). Next: mean_teacher.cpp, whose teacher moves along.
#include <tapedeck/objectives/divergence.h>
#include <tapedeck/objectives/teacher.h>

namespace tapedeck {
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
  void begin(const SetupContext& course) override { teacher.begin(course.store, course.load(checkpoint.path)); }

  Tensor loss(Step& step) override {
    require_classes(step, "distillation");
    const Tensor task = weight < 1 ? inner->loss(step) * (1 - weight) : Tensor{};
    const Tensor soft = teacher.forward(step, Mode::evaluate).logits / temperature, own = step.cached_forward().logits / temperature;
    const double rows = double(std::max<int64_t>(1, step.batch().total_rows()));
    const Tensor apart = kl_divergence(soft, own, Reduction::sum) * (temperature * temperature / rows);
    step.report("disagreement", apart.item());
    return task ? task + apart * weight : apart;
  }
};
TAPEDECK_PART(Objective, Distillation, "distillation", "Learns a trained model's answers beside the labels (Hinton et al. 2015).",
              {.equation = "L = (1 - weight) CE + weight T^2 mean_i KL(softmax(teacher_i / T) || softmax(student_i / T))",
               .source = "Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, arXiv 1503.02531, section 2; into the same "
                         "architecture: Furlanello et al., Born-Again Neural Networks, ICML 2018, arXiv 1805.04770",
               .cost = "2F + 1B (the teacher's pass has no way back)",
               .pitfalls = "T^2 keeps the gradient of the soft targets at the size of the hard ones when T changes.\n"
                           "Teacher and student are one architecture here, and must share tokenizer and labels.\n"
                           "The teacher answers without dropout."});

}  // namespace
}  // namespace tapedeck
