// Where the cursor stands, how it moves and where it stops; a stack of recordings, because one can step into an op. What it
// says is in cursor_text.cpp. Next: cursor_inside.cpp.
#include <tapedeck/look/cursor.h>

#include <algorithm>
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

constexpr int64_t lines_around = 5;

}  // namespace

Cursor::Cursor(Recording recording, Again again) : again_(std::move(again)) {
  if (recording.records.empty()) throw Error(ErrorKind::usage, "the recording holds no records", "record a step: tapedeck look list EXPERIMENT --save tape.tdt");
  levels_.push_back({std::move(recording), 0});
}

const std::vector<Cursor::Command>& Cursor::commands() {
  static const std::vector<Command> all = {
      {"next", "[N]", "the next record, or the Nth from here", &Cursor::next},
      {"back", "[N]", "the record before, or the Nth before", &Cursor::back},
      {"goto", "#N", "that record", &Cursor::go},
      {"into", "", "the op's reference: the smaller ops, computed on this record's own inputs", &Cursor::into},
      {"out", "", "back from an op's smaller ops to the op", &Cursor::out},
      {"value", "%N", "a value: type, maker, summary, elements; a name works as well", &Cursor::value},
      {"grad", "%N", "its gradient: each contribution up to here, and those to come", &Cursor::grad},
      {"why", "%N", "why it is there: the line of the chain rule, who keeps it and for what, when it goes", &Cursor::why},
      {"break", "op GLOB, scope GLOB, nan", "a place to stop at: ops or scopes that match, numbers that are none", &Cursor::set_break},
      {"breaks", "", "the places to stop at", &Cursor::breaks},
      {"delete", "N", "forgets a place to stop at", &Cursor::remove},
      {"continue", "[back]", "to the next place to stop at, or the one before", &Cursor::proceed},
      {"list", "", "the records around this one", &Cursor::list},
      {"where", "", "position, phase, what it belongs to, memory alive", &Cursor::where},
      {"memory", "", "bytes alive by purpose, and the largest buffers", &Cursor::memory},
      {"phase", "", "the first record of the next phase", &Cursor::phase},
      {"find", "TEXT", "the next record with it in the name of its op, of its place or of a value it uses", &Cursor::find},
      {"explain", "", "what the op computes", &Cursor::explain},
      {"checkgrad", "", "the op's derivatives against differences, on this record's own inputs", &Cursor::checkgrad},
      {"help", "", "this list", &Cursor::help},
      {"quit", "", "ends", &Cursor::quit},
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
  if (found == names.end()) found = std::find_if(names.begin(), names.end(), [&](auto& name) { return name.starts_with(words[0]); });
  try {
    if (found == names.end()) {
      const std::string near = suggest(words[0], names);
      mistake("there is no command " + in_quotes(words[0]), near.empty() ? "help lists them" : near);
    }
    repeat_ = line;
    const Command& command = commands()[size_t(found - names.begin())];
    words.erase(words.begin());
    if (*command.arguments == 0 && !words.empty()) mistake(text(command.name, " takes nothing, not ", in_quotes(words[0])));
    return (this->*command.run)(words);
  } catch (const Error& error) {
    return text("error: ", error.what(), "\n");
  }
}

std::string Cursor::greeting() const {
  return title(r()) + text(r().records.size(), " records, ", r().values.size(), " values; help lists the commands\n") + record_text(r(), at());
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

namespace {

int64_t count_in(const std::vector<std::string>& words) {
  if (words.empty()) return 1;
  const auto n = number_of(words[0]);
  if (!n || *n < 1 || words.size() > 1) mistake("a number of records is a whole number from 1 on, not " + in_quotes(joined(words, 0)));
  return *n;
}

}  // namespace

std::string Cursor::next(const Words& words) {
  if (at() == last()) return text("this is the last record, #", last(), "\n");
  return move(std::min<int64_t>(int64_t(last() - at()), count_in(words)) + at());
}
std::string Cursor::back(const Words& words) {
  if (at() == 0) return "this is the first record, #0\n";
  return move(at() - std::min<int64_t>(at(), count_in(words)));
}
std::string Cursor::go(const Words& words) {
  const auto n = words.size() == 1 ? number_of(words[0], '#') : std::nullopt;
  if (!n) mistake("goto takes the number of a record", text("#0 to #", last()));
  return move(*n);
}

/// By number, or the newest one of that name up to here.
uint32_t Cursor::value_named(const std::string& name) const {
  if (name.empty()) mistake("which value?", text("%0 to %", r().values.size() - 1, ", or a name"));
  if (const auto n = number_of(name, '%')) {
    if (*n < 0 || *n >= int64_t(r().values.size())) mistake(text("there is no value %", *n, ": the values are %0 to %", r().values.size() - 1));
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

std::string Cursor::value(const Words& words) { return value_text(r(), at(), value_named(joined(words, 0))); }
std::string Cursor::grad(const Words& words) { return gradient_text(r(), at(), value_named(joined(words, 0))); }
std::string Cursor::why(const Words& words) { return why_text(r(), at(), value_named(joined(words, 0))); }

std::string Cursor::set_break(const Words& words) {
  const std::string what = words.empty() ? "" : words[0], pattern = joined(words, 1);
  const bool nan = what == "nan" && words.size() == 1;
  if (!nan && ((what != "op" && what != "scope") || words.size() != 2)) mistake("break takes `op GLOB`, `scope GLOB` or `nan`", "e.g. break op attention*");
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
  return std::any_of(x.out.begin(), x.out.end(), [&](uint32_t v) { return bad(r().values[v]); });
}

std::string Cursor::breaks(const Words&) {
  constexpr const char* kinds[] = {"op ", "scope ", "nan"};
  std::string out;
  for (auto& b : breaks_) out += text(b.number, "  ", kinds[b.kind], plain(b.pattern), "\n");
  return out.empty() ? "no places to stop at: break sets one\n" : out;
}

std::string Cursor::remove(const Words& words) {
  const auto n = words.size() == 1 ? number_of(words[0]) : std::nullopt;
  const size_t before = breaks_.size();
  if (n) std::erase_if(breaks_, [&](auto& b) { return b.number == *n; });
  if (breaks_.size() == before) mistake("delete takes the number of a place to stop at", before ? "breaks lists them" : "there are none");
  return breaks({});
}

std::string Cursor::proceed(const Words& words) {
  const bool backwards = words.size() == 1 && words[0] == "back";
  if (!words.empty() && !backwards) mistake("continue takes nothing or `back`, not " + in_quotes(joined(words, 0)));
  const int64_t by = backwards ? -1 : 1;
  for (int64_t i = at() + by; i >= 0 && i <= int64_t(last()); i += by)
    for (auto& b : breaks_)
      if (stops(uint32_t(i), b)) return text("break ", b.number, "\n") + move(i);
  return text(breaks_.empty() ? "no places to stop at" : "nowhere to stop", backwards ? " before here: the first record\n" : " after here: the last record\n") +
         move(backwards ? 0 : last());
}

std::string Cursor::list(const Words&) {
  return lines_text(r(), uint32_t(std::max<int64_t>(0, int64_t(at()) - lines_around)), uint32_t(std::min<int64_t>(last(), int64_t(at()) + lines_around)), at());
}

std::string Cursor::where(const Words&) {
  std::string out;
  for (auto& level : levels_) out += text(out.empty() ? "" : "inside it: ", "#", level.at, " of ", level.recording.records.size(), ", ",
                                          tapedeck::look::phase(level.recording.records[level.at]), ": ", tapedeck::look::where(level.recording, level.at), "\n");
  if (const std::string place = asked_for(levels_[0].recording, levels_[0].recording.records[levels_[0].at]); !place.empty()) out += "asked for at " + place + "\n";
  return out + text(total(record().alive), " bytes (", bytes_text(double(total(record().alive))), ") alive after it, at most ", record().peak, " while it ran\n");
}

std::string Cursor::memory(const Words&) { return memory_text(r(), at()); }

std::string Cursor::phase(const Words&) {
  for (uint32_t i = at() + 1; i <= last(); ++i)
    if (tapedeck::look::phase(r().records[i]) != tapedeck::look::phase(record())) return move(i);
  return text("#", at(), " is in the last phase, ", tapedeck::look::phase(record()), "\n");
}

std::string Cursor::find(const Words& words) {
  const std::string wanted = joined(words, 0);
  if (wanted.empty()) mistake("find what?", "e.g. find softmax");
  const auto has = [&](const std::string& name) { return name.find(wanted) != name.npos; };
  for (uint32_t step = 1; step <= last() + 1; ++step) {
    const uint32_t i = (at() + step) % (last() + 1);
    const OpRecord& x = r().records[i];
    const auto named = [&](uint32_t v) { return has(r().values[v].name); };
    if (has(x.op) || has(x.scope) || (x.kind != OpRecord::Kind::leaf && std::any_of(x.out.begin(), x.out.end(), named)) || std::any_of(x.in.begin(), x.in.end(), [&](auto& use) { return named(use.value); }))
      return move(i);
  }
  return "no record has " + in_quotes(wanted) + " in its names\n";
}

std::string Cursor::explain(const Words&) {
  const std::string op = record().op;
  const auto entry = std::find_if(op_table().begin(), op_table().end(), [&](auto& e) { return e.name == op; });
  if (entry == op_table().end()) return record().kind == OpRecord::Kind::update ? "the optimizer's update: see `tapedeck explain` of its type\n" : plain(op) + " is not in the table of ops\n";
  std::string out = text(op, ": ", entry->doc, "\n");
  if (record().kind == OpRecord::Kind::backward) out += "this record is its derivative: from gradients of the outputs to gradients of the inputs\n";
  return out + text("`tapedeck explain ", op, "` shows its reference, its backward in ops, cost and checks\n");
}

std::string Cursor::help(const Words&) {
  Rows rows;
  for (auto& command : commands()) rows.push_back({text("  ", command.name, " ", command.arguments), command.doc});
  return table(rows, "ll") + "the beginning of a word is enough; an empty line repeats the last command\n";
}

std::string Cursor::quit(const Words&) {
  done_ = true;
  return "";
}

}  // namespace tapedeck
