// What is asked of the logits: what a row of them speaks about, and how it becomes an answer. Here the data (through their task),
// the model and the loss meet; none of them knows the others. Next: tasks/task.h.
#pragma once
#include <string_view>

namespace tapedeck {

/// What the first axis of a value counts; a word is one or more tokens, represented by the first.
enum class Rows { tokens, sequences, spans, words };
/// How logits become probabilities: one choice between the columns of a row, a yes or no for every logit, or not at all.
enum class Link { softmax, sigmoid, identity };

constexpr std::string_view name_of(Rows rows) {
  return rows == Rows::tokens ? "tokens" : rows == Rows::words ? "words" : rows == Rows::spans ? "spans" : "texts";
}

struct Answer {
  Rows rows = Rows::sequences;
  Link link = Link::softmax;
  bool operator==(const Answer&) const = default;
};

/// "classes", "numbers", "spans", ...: what one gets.
constexpr std::string_view name_of(Answer a) {
  if (a.rows == Rows::spans) return "spans";
  if (a.link == Link::identity) return "numbers";
  if (a.link == Link::sigmoid) return "sets of classes";
  return a.rows == Rows::tokens ? "next tokens" : a.rows == Rows::words ? "tags" : "classes";
}

}  // namespace tapedeck
