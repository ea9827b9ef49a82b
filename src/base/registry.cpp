// Names that two parts want: noted while registering, reported once somebody can hear it. Next: config/plugin.h.
#include <tapedeck/base/registry.h>

#include <utility>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

std::vector<NameClash>& noted() {
  static std::vector<NameClash> list;
  return list;
}

}  // namespace

std::string NameClash::str() const {
  return text("two ", kind == "op" ? "ops" : "parts of the kind " + in_quotes(kind), " are called ", in_quotes(name), ": ", first,
              " and ", second);
}

void note_name_clash(NameClash clash) { noted().push_back(std::move(clash)); }

std::vector<NameClash> take_name_clashes() { return std::exchange(noted(), {}); }

void require_different_names() {
  if (noted().empty()) return;
  std::vector<std::string> all;
  for (const NameClash& clash : noted()) all.push_back(clash.str());
  throw Error(ErrorKind::config, join(all, "\n"), "give one of them another name and build again");
}

}  // namespace tapedeck
