// Where the cursor stands, how it moves and where it stops; a stack of recordings, because one can step into an op. What it
// says is in cursor_text.cpp. Next: cursor_inside.cpp.
#include <tapedeck/look/cursor.h>

#include <charconv>
#include <optional>
#include <sstream>

#include <tapedeck/base/words.h>
#include <tapedeck/tape/op_table.h>

#include "src/look/cursor_text.h"

namespace tapedeck {
namespace {

using namespace look;

/// A whole number, alone or behind the mark; nothing for anything else.
std::optional<int64_t> number_of(std::string_view word, char mark = 0) {
  if (mark && !word.empty() && word[0] == mark) word.remove_prefix(1);
  int64_t n = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), n);
  return problem == std::errc{} && end == word.data() + word.size() ? std::optional(n) : std::nullopt;
}

std::string joined(const std::vector<std::string>& words, size_t from) {
  return words.size() <= from ? "" : join({words.begin() + std::ptrdiff_t(from), words.end()}, " ");
}

[[noreturn]] void mistake(const std::string& what, const std::string& hint = "") { throw Error(ErrorKind::usage, what, hint); }

int64_t count_in(const std::vector<std::string>& words) {
  if (words.empty()) return 1;
  const auto n = number_of(words[0]);
  if (!n || *n < 1 || words.size() > 1)
    mistake("a number of records is a whole number from 1 on, not " + in_quotes(joined(words, 0)));
  return *n;
}

constexpr uint32_t lines_around = 5;

}  // namespace

Cursor::Cursor(Recording recording, Recompute recompute) : recompute_(std::move(recompute)) {
  if (recording.records.empty())
    throw Error(ErrorKind::usage, "the recording holds no records",
                "record a step: tapedeck look list EXPERIMENT --save tape.tdt");
  levels_.push_back({std::move(recording), 0});
}

const std::vector<Cursor::Command>& Cursor::commands() {
  using C = Cursor&;
  using W = const Words&;
  static const std::vector<Command> all = {
      {"next", "[N]", "the next record, or the Nth from here",
       [](C c, W words) {
         if (c.at() == c.last()) return text("this is the last record, #", c.last(), "\n");
         return c.move(std::min<int64_t>(c.last() - c.at(), count_in(words)) + c.at());
       }},
      {"back", "[N]", "the record before, or the Nth before",
       [](C c, W words) {
         return c.at() == 0 ? "this is the first record, #0\n" : c.move(c.at() - std::min<int64_t>(c.at(), count_in(words)));
       }},
      {"goto", "#N", "that record",
       [](C c, W words) {
         const auto n = words.size() == 1 ? number_of(words[0], '#') : std::nullopt;
         if (!n) mistake("goto takes the number of a record", text("#0 to #", c.last()));
         return c.move(*n);
       }},
      {"into", "", "the op's reference: the smaller ops, computed on this record's own inputs", [](C c, W) { return c.into(); }},
      {"out", "", "back from an op's smaller ops to the op",
       [](C c, W) {
         if (c.levels_.size() == 1) return std::string("this is the step itself: nothing was entered\n");
         c.levels_.pop_back();
         return record_text(c.r(), c.at());
       }},
      {"value", "%N", "a value: type, maker, summary, elements; a name works as well",
       [](C c, W words) { return value_text(c.r(), c.at(), c.value_named(joined(words, 0))); }},
      {"grad", "%N", "its gradient: each contribution up to here, and those to come",
       [](C c, W words) { return gradient_text(c.r(), c.at(), c.value_named(joined(words, 0))); }},
      {"why", "%N", "why it is there: the line of the chain rule, who keeps it and for what, when it goes",
       [](C c, W words) { return why_text(c.r(), c.at(), c.value_named(joined(words, 0))); }},
      {"break", "op GLOB, scope GLOB, nan", "a place to stop at: ops or scopes that match, numbers that are none",
       [](C c, W words) { return c.set_break(words); }},
      {"breaks", "", "the places to stop at", [](C c, W) { return c.breaks(); }},
      {"delete", "N", "forgets a place to stop at",
       [](C c, W words) {
         const auto n = words.size() == 1 ? number_of(words[0]) : std::nullopt;
         const size_t before = c.breaks_.size();
         if (n) std::erase_if(c.breaks_, [&](auto& b) { return b.number == *n; });
         if (c.breaks_.size() == before)
           mistake("delete takes the number of a place to stop at", before ? "breaks lists them" : "there are none");
         return c.breaks();
       }},
      {"continue", "[back]", "to the next place to stop at, or the one before",
       [](C c, W words) {
         const bool backwards = words == Words{"back"};
         if (!words.empty() && !backwards) mistake("continue takes nothing or `back`, not " + in_quotes(joined(words, 0)));
         return c.proceed(backwards);
       }},
      {"list", "", "the records around this one",
       [](C c, W) {
         return lines_text(c.r(), c.at() - std::min(c.at(), lines_around), std::min(c.last(), c.at() + lines_around), c.at());
       }},
      {"where", "", "position, phase, what it belongs to, memory alive", [](C c, W) { return c.position(); }},
      {"memory", "", "bytes alive by purpose, and the largest buffers", [](C c, W) { return memory_text(c.r(), c.at()); }},
      {"phase", "", "the first record of the next phase",
       [](C c, W) {
         for (uint32_t i = c.at() + 1; i <= c.last(); ++i)
           if (phase(c.r().records[i]) != phase(c.record())) return c.move(i);
         return text("#", c.at(), " is in the last phase, ", phase(c.record()), "\n");
       }},
      {"find", "TEXT", "the next record with it in the name of its op, of its place or of a value it uses",
       [](C c, W words) { return c.find(joined(words, 0)); }},
      {"explain", "", "what the op computes", [](C c, W) { return c.explain(); }},
      {"checkgrad", "", "the op's derivatives against differences, on this record's own inputs",
       [](C c, W) { return c.checkgrad(); }},
      {"help", "", "this list",
       [](C, W) {
         TableRows rows;
         for (auto& command : commands()) rows.push_back({text("  ", command.name, " ", command.arguments), command.doc});
         return table(rows, "ll") + "the beginning of a word is enough; an empty line repeats the last command\n";
       }},
      {"quit", "", "ends", [](C c, W) { return c.done_ = true, std::string(); }},
  };
  return all;
}

std::string Cursor::answer(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  if (words.empty()) return repeat_.empty() ? "" : answer(repeat_);
  std::vector<std::string> names;
  for (auto& command : commands()) names.push_back(command.name);
  auto found = std::find(names.begin(), names.end(), words[0]);
  if (found == names.end())
    found = std::find_if(names.begin(), names.end(), [&](auto& name) { return name.starts_with(words[0]); });
  try {
    if (found == names.end()) {
      const std::string near = suggest(words[0], names);
      mistake("there is no command " + in_quotes(words[0]), near.empty() ? "help lists them" : near);
    }
    repeat_ = line;
    const Command& command = commands()[size_t(found - names.begin())];
    words.erase(words.begin());
    if (*command.arguments == 0 && !words.empty()) mistake(text(command.name, " takes nothing, not ", in_quotes(words[0])));
    return command.run(*this, words);
  } catch (const Error& error) { return text("error: ", error.what(), "\n"); }
}

std::string Cursor::greeting() const {
  return title(r()) + text(r().records.size(), " records, ", r().values.size(), " values; help lists the commands\n") +
         record_text(r(), at());
}

std::string Cursor::prompt() const {
  std::string out;
  for (auto& level : levels_) out += text(out.empty() ? "#" : " > #", level.at);
  return out + " " + plain(record().op) + "> ";
}

std::string Cursor::move(int64_t to) {
  if (to < 0 || to > int64_t(last())) mistake(text("there is no record #", to, ": the records are #0 to #", last()));
  levels_.back().at = uint32_t(to);
  return record_text(r(), at());
}

/// By number, or the newest one of that name up to here.
uint32_t Cursor::value_named(const std::string& name) const {
  if (name.empty()) mistake("which value?", text("%0 to %", r().values.size() - 1, ", or a name"));
  if (const auto n = number_of(name, '%')) {
    if (*n < 0 || *n >= int64_t(r().values.size()))
      mistake(text("there is no value %", *n, ": the values are %0 to %", r().values.size() - 1));
    return uint32_t(*n);
  }
  uint32_t found = nothing;
  std::vector<std::string> names;
  for (uint32_t v = 0; v < r().values.size(); ++v) {
    const RecordedValue& value = r().values[v];
    if (!value.name.empty()) names.push_back(plain(value.name));
    if (value.name == name && (found == nothing || value.made_by == nothing || value.made_by <= at())) found = v;
  }
  if (found == nothing) mistake("no value is called " + in_quotes(name), suggest(name, names));
  return found;
}

std::string Cursor::set_break(const Words& words) {
  const std::string what = words.empty() ? "" : words[0], pattern = joined(words, 1);
  const bool nan = what == "nan" && words.size() == 1;
  if (!nan && ((what != "op" && what != "scope") || words.size() != 2))
    mistake("break takes `op GLOB`, `scope GLOB` or `nan`", "e.g. break op attention*");
  const Break b{nan ? Break::not_finite : what == "op" ? Break::op : Break::scope, pattern, ++break_count_};
  int64_t count = 0;
  for (uint32_t i = 0; i <= last(); ++i) count += stops(i, b);
  breaks_.push_back(b);
  return text("break ", b.number, ": ", count, " of ", r().records.size(), " records\n");
}

bool Cursor::stops(uint32_t i, const Break& b) const {
  const OpRecord& x = r().records[i];
  if (b.kind == Break::op) return glob_match(b.pattern, x.op);
  if (b.kind == Break::scope) return glob_match(b.pattern, x.scope);
  return makes_bad(r(), x);
}

std::string Cursor::breaks() const {
  constexpr const char* kinds[] = {"op ", "scope ", "nan"};
  std::string out;
  for (auto& b : breaks_) out += text(b.number, "  ", kinds[b.kind], plain(b.pattern), "\n");
  return out.empty() ? "no places to stop at: break sets one\n" : out;
}

std::string Cursor::proceed(bool backwards) {
  const int64_t by = backwards ? -1 : 1;
  for (int64_t i = at() + by; i >= 0 && i <= int64_t(last()); i += by)
    for (auto& b : breaks_)
      if (stops(uint32_t(i), b)) return text("break ", b.number, "\n") + move(i);
  return text(breaks_.empty() ? "no places to stop at" : "nowhere to stop",
              backwards ? " before here: the first record\n" : " after here: the last record\n") +
         move(backwards ? 0 : last());
}

std::string Cursor::position() const {
  std::string out;
  for (auto& [recording, i] : levels_)
    out += text(out.empty() ? "" : "inside it: ", "#", i, " of ", recording.records.size(), ", ", phase(recording.records[i]),
                ": ", where(recording, i), "\n");
  if (const std::string place = asked_for(levels_[0].recording, levels_[0].recording.records[levels_[0].at]); !place.empty())
    out += "asked for at " + place + "\n";
  return out + text(total(record().alive), " bytes (", bytes_text(double(total(record().alive))), ") alive after it, at most ",
                    record().peak, " while it ran\n");
}

std::string Cursor::find(const std::string& wanted) {
  if (wanted.empty()) mistake("find what?", "e.g. find softmax");
  const auto has = [&](const std::string& name) { return name.find(wanted) != name.npos; };
  for (uint32_t step = 1; step <= last() + 1; ++step) {
    const uint32_t i = (at() + step) % (last() + 1);
    const OpRecord& x = r().records[i];
    const auto named = [&](uint32_t v) { return has(r().values[v].name); };
    if (has(x.op) || has(x.scope) || (x.kind != OpRecord::Kind::leaf && std::any_of(x.out.begin(), x.out.end(), named)) ||
        std::any_of(x.in.begin(), x.in.end(), [&](auto& use) { return named(use.value); }))
      return move(i);
  }
  return "no record has " + in_quotes(wanted) + " in its names\n";
}

std::string Cursor::explain() const {
  const std::string& op = record().op;
  const auto entry = std::find_if(op_table().begin(), op_table().end(), [&](auto& e) { return e.name == op; });
  if (entry == op_table().end())
    return record().kind == OpRecord::Kind::update ? "the optimizer's update: see `tapedeck explain` of its type\n"
                                                   : plain(op) + " is not in the table of ops\n";
  std::string out = text(op, ": ", entry->doc, "\n");
  if (record().kind == OpRecord::Kind::backward)
    out += "this record is its derivative: from gradients of the outputs to gradients of the inputs\n";
  return out + text("`tapedeck explain ", op, "` shows its reference, its backward in ops, cost and checks\n");
}

}  // namespace tapedeck
