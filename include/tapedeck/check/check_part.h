// What a part promises about derivatives, for any loss, head, encoder, model, objective, adversary and embedding loss: built in,
// from models/custom, from a plugin, in a program of your own. Ops have more promises: check/check_op.h. `tapedeck gradcheck
// NAME` prints both.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/tensor/compare.h>

namespace tapedeck {

/// One promise on one row of inputs: the largest gap that was found, and how large it may be.
struct PartCheck {
  std::string row, promise;  // "6 rows, training", "first derivatives agree with differences"
  testing::Gap gap;
  double limit = 0;
  bool sound() const { return gap.relative <= limit; }
};
struct PartReport {
  std::string kind, name;
  std::vector<PartCheck> checks;
  std::string note;    // what else was found out
  std::string exempt;  // why nothing could be checked; empty when something was
  bool sound() const;
  std::string str() const;  // for the terminal
};

/// Kinds that have derivatives: loss, head, encoder, model, objective, adversary, embedding_loss.
bool can_be_checked(std::string_view kind);
/// sets: options in place of the part's defaults, as for --set: "alpha=2"; Error{config} for those it does not have. Everything
/// in f64, in surroundings that are made for it: six short texts, a model of a few hundred parameters. A part that refuses them
/// (Error{config}) is exempt with its own words; other errors are thrown. Error{usage} when there is no such part.
PartReport check_part(std::string_view kind, std::string_view name, const std::vector<std::string>& sets = {});

}  // namespace tapedeck
