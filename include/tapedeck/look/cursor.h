// Walking through a recording record by record, asking questions on the way: a line in, text out. It reads no terminal and
// writes none, so a test can drive it. Next: src/look/cursor.cpp, src/app/command_step.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <tapedeck/look/recorder.h>

namespace tapedeck {

namespace look { struct Spot; }

class Cursor {
 public:
  /// Computes the recorded step once more with somebody watching. `into` and `checkgrad` need it: ops and all elements are not in
  /// a recording.
  using Again = std::function<void(RecordVisitor&)>;
  explicit Cursor(Recording recording, Again again = {});

  std::string greeting() const;
  std::string prompt() const;                     // "#34 attention> "
  /// What the command prints. A mistake in it is an answer as well; an empty line repeats the last command.
  std::string answer(const std::string& line);
  bool done() const { return done_; }             // after quit

  struct Command { const char *name, *arguments, *doc; std::string (Cursor::*run)(const std::vector<std::string>& words); };
  /// In the order in which a shortened word is resolved: "b" is back, "br" is break.
  static const std::vector<Command>& commands();

 private:
  using Words = std::vector<std::string>;         // those after the command
  /// A recording that is walked through: the step, or an expansion of the record of the level before.
  struct Level { Recording recording; uint32_t at = 0; };
  struct Break { enum Kind : uint8_t { op, scope, not_finite } kind; std::string pattern; int number; };

  const Recording& r() const { return levels_.back().recording; }
  uint32_t at() const { return levels_.back().at; }
  const OpRecord& record() const { return r().records[at()]; }
  uint32_t last() const { return uint32_t(r().records.size()) - 1; }
  std::string move(int64_t to);
  uint32_t value_named(const std::string& name) const;
  bool stops(uint32_t record, const Break& b) const;
  std::vector<look::Spot> path(uint32_t record) const;   // from the step down to a record of this level

  std::string next(const Words& words);
  std::string back(const Words& words);
  std::string go(const Words& words);
  std::string into(const Words& words);
  std::string out(const Words& words);
  std::string value(const Words& words);
  std::string why(const Words& words);
  std::string proceed(const Words& words);
  std::string list(const Words& words);
  std::string memory(const Words& words);
  std::string phase(const Words& words);
  std::string find(const Words& words);
  std::string explain(const Words& words);
  std::string help(const Words& words);
  std::string quit(const Words& words);
  std::string grad(const Words& words);
  std::string set_break(const Words& words);
  std::string breaks(const Words& words);
  std::string remove(const Words& words);
  std::string checkgrad(const Words& words);
  std::string where(const Words& words);

  std::vector<Level> levels_;
  std::vector<Break> breaks_;
  int break_count_ = 0;
  Again again_;
  std::string repeat_;
  bool done_ = false;
};

}  // namespace tapedeck
