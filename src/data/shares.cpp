// Stratified drawing by largest remainders; without classes it takes the first rows of the order. Next: shares.h.
#include "src/data/shares.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace tapedeck {
namespace {

/// Rows of one kind: those whose rarest class it is.
struct Stratum {
  int64_t rows = 0, quota = 0, most = 0;  // most: what may be taken
};

/// Shares of `size` by largest remainder, within what may be taken of each.
void set_quotas(std::vector<Stratum>& strata, int64_t size, int64_t rows) {
  int64_t given = 0;
  std::vector<size_t> by_remainder(strata.size());
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  for (Stratum& s : strata) given += s.quota = std::min(s.most, size * s.rows / rows);
  std::ranges::stable_sort(by_remainder,
                           [&](size_t a, size_t b) { return size * strata[a].rows % rows > size * strata[b].rows % rows; });
  for (bool more = true; more && given < size;) {
    more = false;
    for (const size_t s : by_remainder) {
      if (given == size || strata[s].quota == strata[s].most) continue;
      ++strata[s].quota, ++given;
      more = true;
    }
  }
}

}  // namespace

std::vector<std::vector<int32_t>> classes_of(const std::vector<Row>& rows, const Task& task) {
  std::map<std::string, int32_t> numbers;
  std::vector<std::vector<int32_t>> all;
  std::set<std::string> names;
  for (const Row& row : rows) {
    names.clear();
    task.classes_of(row, names);
    std::vector<int32_t>& mine = all.emplace_back();
    for (const std::string& name : names) mine.push_back(numbers.try_emplace(name, int32_t(numbers.size())).first->second);
  }
  return all;
}

std::vector<bool> draw_share(const std::vector<std::vector<int32_t>>& classes, int64_t size, const std::vector<int64_t>& order) {
  std::vector<int64_t> left;  // rows of each class that are not taken
  for (const auto& mine : classes)
    for (const int32_t c : mine) {
      left.resize(std::max(left.size(), size_t(c) + 1), 0);
      ++left[size_t(c)];
    }
  std::vector<Stratum> strata(left.size() + 1);  // the last: rows without classes
  std::vector<size_t> stratum;
  for (const auto& mine : classes) {
    const auto rarest = std::ranges::min_element(mine, {}, [&](int32_t c) { return left[size_t(c)]; });
    stratum.push_back(rarest == mine.end() ? left.size() : size_t(*rarest));
    ++strata[stratum.back()].rows;
  }
  for (size_t s = 0; s < strata.size(); ++s) strata[s].most = strata[s].rows - (s < left.size() && strata[s].rows == left[s]);
  set_quotas(strata, size, std::ssize(classes));
  std::vector<bool> taken(classes.size());
  for (const int64_t row : order) {
    const auto& mine = classes[size_t(row)];
    Stratum& own = strata[stratum[size_t(row)]];
    if (own.quota == 0 || std::ranges::any_of(mine, [&](int32_t c) { return left[size_t(c)] < 2; })) continue;
    --own.quota;
    for (const int32_t c : mine) --left[size_t(c)];
    taken[size_t(row)] = true;
  }
  return taken;
}

}  // namespace tapedeck
