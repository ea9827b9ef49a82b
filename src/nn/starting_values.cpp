// The three lists of a start, as words. Next: params.cpp.
#include <tapedeck/nn/starting_values.h>

#include <algorithm>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

std::string shortened(const std::vector<std::string>& names) {
  constexpr size_t shown = 8;
  const size_t n = std::min(names.size(), shown);
  return join({names.begin(), names.begin() + std::ptrdiff_t(n)}) +
         (names.size() > n ? text(" and ", names.size() - n, " more") : "");
}

}  // namespace

std::string StartReport::summary() const {
  std::string out = text(from, ": ", loaded.size(), " tensors loaded");
  if (!fresh.empty()) out += "; new: " + shortened(fresh);
  if (!unused.empty()) out += "; unused: " + shortened(unused);
  return out;
}

std::string StartReport::table() const {
  std::string out;
  for (const auto& [word, names] : {std::pair{"loaded  ", &loaded}, {"new     ", &fresh}, {"unused  ", &unused}})
    for (const std::string& name : *names) out += word + name + "\n";
  return out;
}

}  // namespace tapedeck
