// The sentences under a comparison. Why words: a p value without its sentence is read as whatever one hoped for.
// Next: src/app/command_compare.cpp.
#include "src/study/compare_words.h"

#include <cmath>
#include <cstdio>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

std::string signed_figure(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%+.4f", value);
  return buffer;
}

std::string p_text(double p) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, p < 0.001 ? "p = %.1e" : "p = %.3f", p);
  return buffer;
}

std::string pairs_text(size_t n) { return text(n, n == 1 ? " pair" : " pairs"); }

std::string verdict(const Comparison& c, const MetricComparison& m) {
  const size_t n = m.differences.size();
  if (n == 1)
    return text("One seed on each side: the difference of ", signed_figure(m.difference),
                " says nothing about chance. Run both with several seeds.");
  const std::string range = text(signed_figure(m.difference), " (95 % interval ", signed_figure(m.interval.interval.low), " to ",
                                 signed_figure(m.interval.interval.high), ", ", m.interval.bca ? "BCa" : "Student's t",
                                 "; sign-flip ", p_text(m.p), ", ", pairs_text(n), ")");
  if (m.evidence()) {
    const bool b_is_better = (m.difference > 0) == m.higher_is_better;
    return text(b_is_better ? c.name_b : c.name_a, " is better than ", b_is_better ? c.name_a : c.name_b, " on ", m.split, " ",
                m.metric, ": ", range, ".");
  }
  return text("Not enough evidence that ", c.name_a, " and ", c.name_b, " differ on ", m.split, " ", m.metric, ": ", range, ".");
}

}  // namespace

std::vector<std::string> comparison_words(const Comparison& c) {
  const MetricComparison& m = c.metrics.front();
  std::vector<std::string> words = {verdict(c, m)};
  const auto n = int64_t(m.differences.size());
  if (n > 1 && smallest_sign_flip_p(n) > 0.05)
    words.push_back(text("With ", pairs_text(size_t(n)), " the sign-flip test cannot go below ", p_text(smallest_sign_flip_p(n)),
                         ", whatever the difference: six seeds are the fewest that can show one at 5 %."));
  if (c.metrics.size() > 1 && n > 1)
    words.push_back("The other metrics are there to be read: among many tests at 5 % one in twenty speaks by chance.");
  return words;
}

}  // namespace tapedeck
