// From files and --set to one tree: extends, merging, variables; every value remembers the file it came from.
// Why: after this step the experiment is plain data and the binder needs no rules of its own. Next: schema.h, config.h.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tapedeck/base/json.h>

namespace tapedeck {

struct LoadedExperiment {
  Json tree;                                           // complete, without "$schema", "format", "extends" and "vars"
  std::vector<std::shared_ptr<const Source>> sources;  // the file itself first, then those it extends
  std::string main_text;                               // byte for byte, for the run directory
};

/// Reads the file (empty path: the built-in experiment), merges what it extends, applies the --set assignments in order
/// and replaces variables. Mistakes inside files become diagnostics; a file that cannot be read throws Error{config},
/// an assignment that is none ("lr") throws Error{usage}.
LoadedExperiment load_experiment(const std::string& path, const std::vector<std::string>& sets, Diagnostics& diagnostics);

/// Objects merge; lists and plain values replace; an object of another "type" replaces (a bare string counts as its type);
/// null removes. Used by extends, --set and stages.
Json merge(const Json& base, const Json& over);

/// One "a.b.0.c=value" onto the tree: the value is JSON if it reads as such, else a string.
void apply_set(Json& tree, const std::string& assignment, Diagnostics& diagnostics);

/// load_experiment leaves ${seed} in place when there are several seeds; this replaces it for one of them.
Json substitute_seed(const Json& tree, int64_t seed);
int64_t first_seed(const Json& tree);  // of "seeds", else "seed", else 0

/// "base.json:12", "--set seed=3" or "default".
std::string origin(const Location& where);
/// Where each plain value (or list of plain values) came from: {"optimizer.lr": "base.json:12", "seed": "--set seed=3"}.
Json origins(const Json& tree);
/// The same for every value of `resolved`, what write_fields gave after reading `tree`; values not in `tree` are "default".
Json origins(const Json& tree, const Json& resolved);

}  // namespace tapedeck
