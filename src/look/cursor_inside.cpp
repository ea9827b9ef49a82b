// What the cursor answers by computing the step again: the smaller ops inside an op, and the op's derivatives against
// differences. Next: expansion.cpp.
#include <tapedeck/look/cursor.h>

#include "src/look/cursor_text.h"
#include "src/look/expansion.h"

namespace tapedeck {
namespace {

using namespace look;

constexpr uint32_t first_lines = 11;
constexpr const char* from_file =
    "a recording from a file holds no ops and few elements; `tapedeck step EXPERIMENT` computes the step again\n";

/// "input 0" becomes "input 0, %67": the values that the expansion of x begins with. forward: the record that has x's inputs.
void name_inputs(Recording& inside, const OpRecord& x, const OpRecord& forward) {
  std::vector<uint32_t> inputs, gradients;
  for (auto& use : forward.in)
    if (use.role == Use::Role::input) inputs.push_back(use.value);
  for (auto& use : x.in)
    if (use.role == Use::Role::gradient) gradients.push_back(use.value);
  size_t input = 0, gradient = 0;
  for (auto& v : inside.values) {
    if (v.name.starts_with("input ") && input < inputs.size()) v.name += ", " + label(inputs[input++]);
    if (v.name.starts_with("gradient of output ") && gradient < gradients.size()) v.name += ", " + label(gradients[gradient++]);
  }
}

}  // namespace

std::vector<PathStep> Cursor::path(uint32_t record) const {
  std::vector<PathStep> all;
  for (auto& level : levels_) {
    const uint32_t i = &level == &levels_.back() ? record : level.at;
    all.push_back({i, level.recording.records[i].origin});
  }
  return all;
}

std::string Cursor::into() {
  using Kind = OpRecord::Kind;
  const OpRecord& x = record();
  const std::string name = text("#", at(), " ", plain(x.op));
  if (x.kind == Kind::leaf) return name + " is a value without a history: there is nothing inside\n";
  if (x.kind == Kind::update) return name + " is the optimizer's: `tapedeck explain` of its type has the formula\n";
  if (x.kind == Kind::add) return name + " adds two gradients: there is nothing inside\n";
  if (x.kind == Kind::restore)
    return name + " makes a forgotten value again from another one: its forward record can be entered\n";
  if (!recompute_) return name + ": " + from_file;
  Expansion inside = expand(recompute_, path(at()));
  if (!inside.refusal.empty()) return inside.refusal;
  if (inside.recording.records.empty()) return name + " passes its gradient on as it is: no op is needed\n";
  const bool derivative = x.kind == Kind::backward;
  name_inputs(inside.recording, x, derivative && x.origin != nothing ? r().records[x.origin] : x);
  std::string out =
      text("inside ", name, derivative ? "': its rule" : ": its reference", " in ", inside.recording.records.size(), " records");
  if (inside.gap >= 0) out += text("; results differ from the op's by at most ", number(inside.gap), " of the largest element");
  out += "\n";
  levels_.push_back({std::move(inside.recording), 0});
  return out + lines_text(r(), 0, std::min(last(), first_lines - 1), at());
}

std::string Cursor::checkgrad() {
  using Kind = OpRecord::Kind;
  const OpRecord& x = record();
  if (x.kind != Kind::forward && x.kind != Kind::backward && x.kind != Kind::again)
    return text("#", at(), " ", plain(x.op), " has no derivative to check\n");
  if (!recompute_) return from_file;
  uint32_t i = at();
  for (uint32_t k = at() + 1; x.kind != Kind::backward && k <= last() && i == at(); ++k)  // its gradient kernel saw what arrived
    if (r().records[k].origin == at() && r().records[k].kind == Kind::backward && r().records[k].op == x.op) i = k;
  return text("#", i, " ", look::check_gradient(recompute_, path(i)));
}

}  // namespace tapedeck
