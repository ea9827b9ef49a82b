// Loading an experiment: the file, what it extends, --set, variables, and the checks that concern the file as a whole.
// Why: relative files, circles and formats are settled here once. Next: source_merge.cpp, source_set.cpp, source_vars.cpp.
#include <tapedeck/config/source.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/config.h>

#include "src/base/open_file.h"

#include "built_in.h"
#include "source_parts.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Kind = Json::Kind;

constexpr size_t most_files = 100;
constexpr size_t most_bytes = (size_t{16} << 20) + 1;  // one more than the parser accepts, so that it can say so

/// The content, or why there is none.
struct FileText {
  std::string text, problem;
};
FileText read_file(const fs::path& path) {
  OpenFile file(path.string());
  FileText read;
  if (file.problem().empty()) file.read(read.text, most_bytes);
  if (!file.problem().empty()) read.problem = file.missing() ? std::strerror(ENOENT) : "it " + file.problem();
  return read;
}

// The file in the same folder whose name is nearest, as a hint.
std::string nearest_file(const fs::path& path) {
  std::error_code code;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, code), end; !code && it != end && names.size() < 1000; it.increment(code)) {
    if (it->path().extension() == ".json") names.push_back(it->path().filename().string());
  }
  return suggest(path.filename().string(), names);
}

class Loader {
 public:
  explicit Loader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  std::vector<std::shared_ptr<const Source>> sources;

  Json load_main(const std::string& path) {
    if (path.empty()) return read("built-in experiment", std::string(built_in_experiment()[0].text), "");
    FileText file = read_file(path);
    if (!file.problem.empty()) {
      throw Error(ErrorKind::config, "cannot read the experiment file " + in_quotes(path) + ": " + file.problem,
                  nearest_file(path));
    }
    return read(path, std::move(file.text), path);
  }

 private:
  Json read(const std::string& name, std::string content, const fs::path& path) {
    auto source = std::make_shared<Source>();
    source->name = name;
    source->text = std::move(content);
    source->directory = path.parent_path().string();
    sources.push_back(source);
    Json tree = parse_json(source, diagnostics_);
    if (!tree.is(Kind::object)) {
      if (diagnostics_.empty())
        diagnostics_.add({"TD0106", "an experiment must be an object", tree.where, "{ \"name\": ... }", ""});
      return Json::dict();
    }
    check_format(tree, diagnostics_);
    check_seeds(tree);
    open_files_.push_back(identity(path));
    Json base = read_bases(tree, path);
    open_files_.pop_back();
    erase(tree, "extends");
    erase(tree, "$schema");
    erase(tree, "crc32");  // of a resolved.json that is run as it is, or edited and run
    return merge_files(base, tree);
  }

  static std::string identity(const fs::path& path) {
    std::error_code code;
    const fs::path canonical = fs::weakly_canonical(path, code);
    return (code ? path : canonical).string();
  }

  void check_seeds(const Json& tree) {
    const Json::Member *seed = tree.find("seed"), *seeds = tree.find("seeds");
    if (!seed || !seeds || seed->value.is(Kind::null) || seeds->value.is(Kind::null)) return;
    diagnostics_.add(
        {"TD0206", "\"seed\" and \"seeds\" exclude each other", std::max(seed, seeds)->where, "remove one of the two", ""});
  }

  Json read_bases(const Json& tree, const fs::path& path) {
    const Json::Member* extends = tree.find("extends");
    Json base = Json::dict();
    if (!extends || extends->value.is(Kind::null)) return base;
    const Json& value = extends->value;
    const std::vector<Json> names = value.is(Kind::array) ? value.items : std::vector<Json>{value};
    for (const Json& name : names) {
      if (!name.is(Kind::string) || name.string.empty()) {
        diagnostics_.add({"TD0303", "extends must be a file name or a list of file names", name.where, "", ""});
      } else {
        base = merge_files(base, read_base(name, path.parent_path() / name.string));
      }
    }
    return base;
  }

  Json read_base(const Json& name, const fs::path& path) {
    const std::string shown = path.lexically_normal().string(), self = identity(path);
    if (const auto first = std::find(open_files_.begin(), open_files_.end(), self); first != open_files_.end()) {
      std::vector<std::string> chain;
      for (auto it = first; it != open_files_.end(); ++it) chain.push_back(fs::path(*it).filename().string());
      chain.push_back(path.filename().string());
      diagnostics_.add({"TD0202", "the files extend each other in a circle", name.where, "", join(chain, " -> ")});
      return Json::dict();
    }
    if (sources.size() >= most_files) {
      if (!too_many_) diagnostics_.add({"TD0203", text("more than ", most_files, " files"), name.where, "", ""});
      too_many_ = true;
      return Json::dict();
    }
    FileText file = read_file(path);
    if (!file.problem.empty()) {
      diagnostics_.add({"TD0201", "cannot read " + in_quotes(shown) + ": " + file.problem, name.where, nearest_file(path), ""});
      return Json::dict();
    }
    return read(shown, std::move(file.text), path);
  }

  // A file that gives "seed" or "seeds" thereby drops the other one of the files it extends.
  static Json merge_files(Json base, const Json& over) {
    if (over.find("seed")) erase(base, "seeds");
    if (over.find("seeds")) erase(base, "seed");
    return merge(base, over);
  }

  Diagnostics& diagnostics_;
  std::vector<std::string> open_files_;
  bool too_many_ = false;
};

void check_name(const Json& tree, Diagnostics& diagnostics) {
  const Json::Member* name = tree.find("name");
  if (!name || name->value.is(Kind::null)) {
    diagnostics.add({"TD0307", "the experiment needs \"name\"", tree.where, "", ""});
  } else if (name->value.is(Kind::string)) {
    constexpr const char* allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const std::string& s = name->value.string;
    if (s.find_first_not_of('.') == std::string::npos || s.find_first_not_of(allowed) != std::string::npos || s.size() > 200) {
      diagnostics.add({"TD0210", in_quotes(s) + " cannot be the name of an experiment", name->value.where,
                       "letters, digits, dot, dash and underscore", ""});
    }
  }
}

}  // namespace

void erase(Json& object, std::string_view key) {
  std::erase_if(object.members, [&](const Json::Member& member) { return member.key == key; });
}

void check_format(const Json& tree, Diagnostics& diagnostics) {
  const Json::Member* format = tree.find("format");
  if (!format || format->value.is(Kind::null)) return;
  if (!format->value.is(Kind::integer) || format->value.integer != 1) {
    diagnostics.add({"TD0209", "this program reads format 1, not " + format->value.dump(-1).substr(0, 40), format->value.where,
                     "write 1", ""});
  }
}

LoadedExperiment load_experiment(const std::string& path, const std::vector<std::string>& sets, Diagnostics& diagnostics) {
  ++preparation_counts().loads;
  Loader loader(diagnostics);
  LoadedExperiment experiment;
  experiment.tree = loader.load_main(path);
  experiment.sources = std::move(loader.sources);
  experiment.main_text = experiment.sources.front()->text;
  Json& tree = experiment.tree;
  for (const std::string& assignment : sets) apply_set(tree, assignment, diagnostics);
  if (const Json::Member* format = tree.find("format"); format && format->value.where.source->command_line)
    check_format(tree, diagnostics);
  erase(tree, "format");
  if (!diagnostics.empty() && tree.members.empty()) return experiment;  // the text could not be read: nothing more to say
  substitute_variables(tree, diagnostics);
  check_name(tree, diagnostics);
  return experiment;
}

}  // namespace tapedeck
