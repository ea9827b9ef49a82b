// Names first: every problem of a folder is found before a single value is read. Next: layout.cpp.
#include "src/pretrained/load.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/config/sha256.h"
#include "src/pretrained/layout.h"

namespace tapedeck {
namespace {

/// Where a parameter comes from.
struct Origin {
  const Parameter* parameter = nullptr;
  std::vector<std::string> names;  // theirs, without the prefix
  LayoutOf layout;
  std::vector<const Weight*> weights = {};
};

class Matching {
 public:
  Matching(const WeightFiles& files, const PretrainedConfig& config, const std::string& path, const ParamStore& store)
      : files_(files), config_(config), path_(path), store_(store) {
    for (auto& [name, weight] : files.weights()) {
      const std::string plain = without_habits(name);
      if (!found_.emplace(plain, Found{name, &weight}).second)
        problems_.push_back(text(name, " and ", found_.at(plain).name, " are two names of one tensor"));
    }
  }

  std::vector<Origin> origins() {
    std::vector<Origin> all;
    for (const Parameter& p : store_.all()) {
      Origin origin = origin_of(p);
      if (origin.names.empty()) report_.fresh.push_back(p.path);
      else if (complete(origin)) all.push_back(std::move(origin));
    }
    for (const ParamStore::Borrowed& head : store_.borrowed())
      if (!lent_.contains(head.path))
        problems_.push_back(text(head.path, ".from: a model of the type ", config_.architecture->model_type, " has no ",
                                 head.part, " for this head"));
    leftovers();
    return all;
  }
  StartReport report() {
    if (!problems_.empty()) misfit();
    report_.from = files_.name();
    return report_;
  }

 private:
  struct Found {
    std::string name;  // as in the file
    const Weight* weight;
    bool used = false;
  };

  /// Old files say gamma and beta; files of a model with a head put the encoder below a prefix.
  std::string without_habits(const std::string& name) const {
    const std::string_view prefix = config_.architecture->prefix;
    std::string plain = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    if (plain.ends_with(".gamma")) plain.replace(plain.size() - 5, 5, "weight");
    if (plain.ends_with(".beta")) plain.replace(plain.size() - 4, 4, "bias");
    return plain;
  }

  Origin origin_of(const Parameter& p) {
    if (p.path.starts_with(path_ + ".")) {
      const FoundRow found = find_row(*config_.architecture, std::string_view(p.path).substr(path_.size() + 1));
      if (found.row) return {&p, their_names(found), LayoutOf::row(*found.row, config_)};
    }
    for (const ParamStore::Borrowed& head : store_.borrowed()) {
      if (!p.path.starts_with(head.path + ".")) continue;
      const std::string local = p.path.substr(head.path.size() + 1);
      for (const HeadRow& row : config_.architecture->heads)
        for (const char* ending : {"weight", "bias"})
          if (row.part == head.part && local == (row.ours.empty() ? "" : std::string(row.ours) + ".") + ending) {
            lent_.insert(head.path);
            return {&p, {text(row.theirs, ".", ending)}, {}};
          }
    }
    return {};
  }

  /// Finds the tensors of a parameter; false, with the problems, when one is missing or has another shape or type.
  bool complete(Origin& origin) {
    const Shape wanted = origin.layout.their_shape(origin.parameter->shape);
    const size_t before = problems_.size();
    for (const std::string& name : origin.names) {
      const auto it = found_.find(name);
      if (it == found_.end()) {
        missing_.emplace_back(name, origin.parameter->path);
        problems_.emplace_back();  // worded below, when it is known which names are left over
        missing_at_.push_back(problems_.size() - 1);
        continue;
      }
      Found& found = it->second;
      found.used = true;
      if (found.weight->shape != wanted)
        problems_.push_back(text(found.name, " has ", found.weight->shape.str(), ", wanted ", wanted.str(), " for ",
                                 origin.parameter->path, ": ", said_by_config(origin)));
      else if (!WeightFiles::readable(*found.weight))
        problems_.push_back(text(found.name, ": ", found.weight->type, " is not read; save as F32"));
      else report_.loaded.push_back(found.name);
      origin.weights.push_back(found.weight);
    }
    return problems_.size() == before;
  }

  std::string said_by_config(const Origin& origin) const {
    if (!origin.parameter->path.starts_with(path_ + ".")) return "the size of this head";
    const SizeNames& names = *config_.architecture->sizes;
    const TableSizes& rows = *config_.spec.tables;
    const std::string& path = origin.parameter->path;
    if (path.ends_with("embeddings.word")) return text("config.json says vocab_size ", rows.words);
    if (path.ends_with("embeddings.position"))
      return text("config.json says ", names.positions, " ", rows.positions + config_.skipped_rows());
    if (path.ends_with("embeddings.segment")) return text("config.json says type_vocab_size ", rows.segments);
    std::string out = text("config.json says ", names.width, " ", config_.spec.width);
    if (path.find(".feed_forward.") != path.npos) out += text(", ", names.feed_forward, " ", *config_.spec.feed_forward);
    return out;
  }

  /// The layer that a name belongs to; -1: none.
  int64_t layer_of(std::string_view name) const {
    const auto names = config_.architecture->names;
    const auto row =
        std::find_if(names.begin(), names.end(), [](const NameRow& r) { return r.theirs.find('*') != r.theirs.npos; });
    const std::string_view before = row->theirs.substr(0, row->theirs.find('*'));
    int64_t layer = -1;
    if (name.starts_with(before)) std::from_chars(name.data() + before.size(), name.data() + name.size(), layer);
    return layer;
  }

  void leftovers() {
    std::vector<std::string> left;
    std::vector<std::string> extra;
    for (auto& [plain, found] : found_) {
      if (found.used) continue;
      left.push_back(plain);
      const int64_t layer = layer_of(plain);
      const bool behind = layer >= config_.spec.layers && layer < config_.all_layers;
      if (behind || known_to_be_unused(plain)) report_.unused.push_back(found.name);
      else extra.push_back(found.name + " is not part of a model of the type " + std::string(config_.architecture->model_type));
    }
    for (size_t i = 0; i < missing_.size(); ++i) {
      const std::string near = suggest(missing_[i].first, left);
      problems_[missing_at_[i]] = text(missing_[i].first, " is not in ", files_.name(), " (wanted for ", missing_[i].second, ")",
                                       near.empty() ? "" : ": " + near);
    }
    problems_.insert(problems_.end(), extra.begin(), extra.end());
  }

  [[noreturn]] void misfit() const {
    constexpr size_t shown = 20;
    std::string all;
    for (size_t i = 0; i < problems_.size() && i < shown; ++i) all += "\n  " + problems_[i];
    if (problems_.size() > shown) all += text("\n  and ", problems_.size() - shown, " more");
    throw Error(ErrorKind::checkpoint, text(files_.name(), ": does not fit ", config_.path, ":", all),
                "config.json and weights belong together: get the folder again, or save it once more with save_pretrained(...)");
  }

  const WeightFiles& files_;
  const PretrainedConfig& config_;
  const std::string& path_;
  const ParamStore& store_;
  std::map<std::string, Found> found_;
  std::set<std::string> lent_;
  std::vector<std::pair<std::string, std::string>> missing_;  // their name, our parameter
  std::vector<size_t> missing_at_;
  std::vector<std::string> problems_;
  StartReport report_;
};

}  // namespace

std::string sha256_of(const WeightFiles& files) {
  if (files.paths().size() == 1) return sha256_of_file(files.paths()[0]);
  std::string all;
  for (const std::string& path : files.paths()) all += sha256_of_file(path) + "\n";
  return sha256(all);
}

StartReport FolderStart::load(ParamStore& store) const {
  const WeightFiles files = WeightFiles::open(folder_);
  if (!sha256_.empty() && sha256_of(files) != sha256_)
    throw Error(ErrorKind::checkpoint, files.name() + ": these are not the weights that the run started from: SHA-256 differs",
                text("it was ", sha256_.substr(0, 16), "...; name the folder it was, or start a new experiment"));
  Matching matching(files, config_, path_, store);
  const std::vector<Origin> origins = matching.origins();
  const StartReport report = matching.report();
  dispatch(store.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (const Origin& origin : origins)
      origin.layout.take<T>(origin.parameter->shape, origin.parameter->value.raw<T>(),
                            [&](int64_t part, int64_t first, int64_t count, T* out) {
                              files.read(*origin.weights[size_t(part)], first, count, out);
                            });
  });
  return report;
}

}  // namespace tapedeck
