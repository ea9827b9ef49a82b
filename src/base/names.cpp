// Comparing names: the nearest known one to a misspelt one, and wildcard patterns over parameter names.
// Why: "unknown option" without a suggestion costs people a trip to the manual. Next: fields_read.cpp.
#include <algorithm>
#include <array>
#include <set>

#include <tapedeck/base/json.h>
#include <tapedeck/base/printable.h>
#include <tapedeck/base/words.h>

namespace tapedeck {
namespace {

// What other tools call the same thing; looked at when no spelling is near.
constexpr std::array<std::pair<std::string_view, std::string_view>, 38> synonyms = {{
    {"learning_rate", "lr"},
    {"init_lr", "lr"},
    {"base_lr", "lr"},
    {"wd", "weight_decay"},
    {"decay", "weight_decay"},
    {"epochs", "duration"},
    {"max_epochs", "duration"},
    {"num_epochs", "duration"},
    {"num_train_epochs", "duration"},
    {"steps", "duration"},
    {"max_steps", "duration"},
    {"per_device_train_batch_size", "micro_batch_size"},
    {"gradient_accumulation_steps", "micro_batch_size"},
    {"accumulate", "micro_batch_size"},
    {"max_grad_norm", "clip_grad_norm"},
    {"gradient_clip_val", "clip_grad_norm"},
    {"clip_norm", "clip_grad_norm"},
    {"grad_clip", "clip_grad_norm"},
    {"criterion", "objective"},
    {"loss", "objective"},
    {"method", "objective"},
    {"scheduler", "schedule"},
    {"lr_scheduler", "schedule"},
    {"trainer", "training"},
    {"train", "training"},
    {"eval", "evaluation"},
    {"dataset", "data"},
    {"reader", "data"},
    {"random_seed", "seed"},
    {"hidden_size", "width"},
    {"d_model", "width"},
    {"dim", "width"},
    {"num_layers", "layers"},
    {"num_heads", "heads"},
    {"intermediate_size", "feed_forward"},
    {"early_stopping", "patience"},
    {"save_total_limit", "keep"},
    {"class", "type"},
}};

std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out) c = c == '-' || c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return out;
}

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

// Whether `word` holds `part` as whole words between underscores ("warmup_ratio" holds "warmup") or begins with it.
bool holds(const std::string& word, const std::string& part) {
  return ("_" + word + "_").find("_" + part + "_") != std::string::npos || (part.size() > 2 && word.starts_with(part));
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t longest = 100;  // nobody misspells more than this, and the distance is quadratic
  if (word.empty() || word.size() > longest) return "";
  const std::string typed = folded(word);
  std::string best;
  size_t best_distance = 1 + std::clamp<size_t>(typed.size() / 3, 1, 3);
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || candidate.size() > longest) continue;
    const size_t d = distance(typed, folded(candidate));
    if (d < best_distance && d < std::max(typed.size(), candidate.size())) {
      best = candidate;
      best_distance = d;
    }
  }
  if (!best.empty()) return best;
  const auto known = [&](std::string_view name) {
    return std::find(candidates.begin(), candidates.end(), name) != candidates.end();
  };
  for (const auto& [theirs, ours] : synonyms) {
    if (theirs == typed && known(ours)) return std::string(ours);
  }
  for (const std::string& candidate : candidates) {
    if (holds(typed, folded(candidate)) || holds(folded(candidate), typed)) return candidate;
  }
  return "";
}

std::string in_quotes(std::string_view word) {
  constexpr size_t longest = 80;
  const std::string_view shown = shortened(word, longest);
  std::string out = '"' + printable(shown) + (shown.size() < word.size() ? "...\"" : "\"");
  for (const auto& [raw, escape] : {std::pair('\n', "\\n"), std::pair('\t', "\\t")})
    for (size_t at = out.find(raw); at != out.npos; at = out.find(raw, at)) out.replace(at, 1, escape);
  return out;
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i) out += between;
    out += words[i];
  }
  return out;
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = did_you_mean(word, candidates);
  return nearest.empty() ? "" : "did you mean " + in_quotes(nearest) + "?";
}

bool glob_match(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {  // let the last star swallow one more character
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string_view interned(std::string_view word) {
  static thread_local std::set<std::string, std::less<>> words;
  const auto known = words.find(word);
  return known != words.end() ? *known : *words.emplace(word).first;
}

}  // namespace tapedeck
