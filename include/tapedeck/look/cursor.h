// Walking through a recording record by record, asking questions on the way: a line in, text out. It reads no terminal and
// writes none, so a test can drive it. Next: src/look/cursor.cpp, src/app/command_step.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <tapedeck/look/recorder.h>

namespace tapedeck {

namespace look {
struct PathStep;
}

class Cursor {
 public:
  using Words = std::vector<std::string>;
  /// Computes the recorded step once more with somebody watching. `into` and `checkgrad` need it: ops and all elements are not in
  /// a recording.
  using Recompute = std::function<void(RecordVisitor&)>;
  explicit Cursor(Recording recording, Recompute recompute = {});

  std::string greeting() const;
  std::string prompt() const;  // "#34 attention> "
  /// What the command prints. A mistake in it is an answer as well; an empty line repeats the last command.
  std::string answer(const std::string& line);
  bool done() const { return done_; }  // after quit

  struct Command {
    const char *name, *arguments, *doc;
    std::string (*run)(Cursor&, const Words& words);
  };  // words: after the name
  /// In the order in which a shortened word is resolved: "b" is back, "br" is break.
  static const std::vector<Command>& commands();

 private:
  /// A recording that is walked through: the step, or an expansion of the record of the level before.
  struct Level {
    Recording recording;
    uint32_t at = 0;
  };
  struct Break {
    enum Kind : uint8_t { op, scope, not_finite } kind;
    std::string pattern;
    int number;
  };

  const Recording& r() const { return levels_.back().recording; }
  uint32_t at() const { return levels_.back().at; }
  const OpRecord& record() const { return r().records[at()]; }
  uint32_t last() const { return uint32_t(r().records.size()) - 1; }
  std::string move(int64_t to);
  uint32_t value_named(const std::string& name) const;
  bool stops(uint32_t record, const Break& b) const;
  std::vector<look::PathStep> path(uint32_t record) const;  // from the step down to a record of this level

  std::string into();
  std::string checkgrad();
  std::string set_break(const Words& words);
  std::string breaks() const;
  std::string proceed(bool backwards);
  std::string find(const std::string& wanted);
  std::string explain() const;
  std::string position() const;

  std::vector<Level> levels_;
  std::vector<Break> breaks_;
  int break_count_ = 0;
  Recompute recompute_;
  std::string repeat_;
  bool done_ = false;
};

}  // namespace tapedeck
