// Loading plugins. The file is judged as data first, because its constructors run as soon as it is opened: a library of
// another build must be refused before that. Next: plugin_tag.h.
#include <tapedeck/config/plugin.h>

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include <tapedeck/base/error.h>
#include <tapedeck/base/fields.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/plugin_tag.h>
#include <tapedeck/data/dataset.h>
#include <tapedeck/data/tokenizer.h>
#include <tapedeck/nn/transformer.h>
#include <tapedeck/objectives/adversary.h>

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

constexpr auto own_tag = detail::make_tag();

struct PluginSection : Part {
  std::vector<Path> plugins;
  void describe(Fields& f) override { f("plugins", plugins, ""); }
};

Error refusal(const std::string& path, std::string_view problem, std::string hint) {
  return Error(ErrorKind::config, text("the plugin ", in_quotes(path), " ", problem), std::move(hint));
}

/// A structure somewhere in the file; false when it would reach beyond the end.
template <class T>
bool read_at(const std::string& bytes, uint64_t at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return true;
}

/// Whether all that the loader will map is in the file: reading beyond its end would end the process.
bool complete_library(const std::string& bytes, uint16_t machine) {
  Elf64_Ehdr header{};
  if (!read_at(bytes, 0, header) || header.e_type != ET_DYN || header.e_machine != machine ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return false;
  bool dynamic = false;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!read_at(bytes, header.e_phoff + i * sizeof segment, segment)) return false;
    if (segment.p_offset > bytes.size() || bytes.size() - segment.p_offset < segment.p_filesz) return false;
    dynamic = dynamic || segment.p_type == PT_DYNAMIC;
  }
  return dynamic;
}

/// The machine of the running program.
uint16_t own_machine() {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  Elf64_Ehdr header{};
  self.read(reinterpret_cast<char*>(&header), sizeof header);
  return header.e_machine;
}

/// What follows the mark; the mark alone, as this program holds it, is no tag.
std::string tag_in(const std::string& bytes) {
  for (size_t at = bytes.find(detail::plugin_mark); at != bytes.npos; at = bytes.find(detail::plugin_mark, at)) {
    at += detail::plugin_mark.size();
    const std::string tag = bytes.substr(at, std::min(bytes.find('\0', at), at + own_tag.size()) - at);
    if (!tag.empty()) return tag;
  }
  return "";
}

void judge(const std::string& path, const std::string& bytes) {
  if (!bytes.starts_with(std::string_view("\177ELF\2", 5)))
    throw refusal(path, "is not a shared library", "name the .so file that the build made");
  if (!complete_library(bytes, own_machine()))
    throw refusal(path, "is not a complete shared library for this machine", "build it again, here");
  const std::string tag = tag_in(bytes);
  if (tag.empty())
    throw refusal(path, "has no tag: it was not built as a plugin of tapedeck",
                  "build it with tapedeck_add_plugin(), or put TAPEDECK_PLUGIN into one of its sources (docs/guide/extend.md)");
  if (tag != plugin_tag())
    throw refusal(path, text("was built for tapedeck ", in_quotes(tag), ", and this is ", in_quotes(plugin_tag())),
                  "build it again with the headers of this tapedeck");
}

/// Where the parts of a kind are, and the ops, as one sort of thing.
template <class Kind>
struct Parts {
  using Table = std::remove_reference_t<decltype(Registry<Kind>::entries())>;
  static Table& table() { return Registry<Kind>::entries(); }
  static std::string_view kind() { return Kind::kind; }
  static std::string_view name(const typename Table::value_type& entry) { return entry.first; }
  static std::string& origin(typename Table::value_type& entry) { return entry.second.origin; }
  static void add(Table& to, Table& from) { to.merge(from); }
};
struct Ops {
  using Table = std::vector<OpEntry>;
  static Table& table() { return op_table(); }
  static std::string_view kind() { return "op"; }
  static std::string_view name(const OpEntry& op) { return op.name; }
  static std::string& origin(OpEntry& op) { return op.origin; }
  static void add(Table& to, Table& from) { std::ranges::move(from, std::back_inserter(to)); }
};

/// One table while a plugin is opened: emptied, so that what the plugin adds stands alone, then put together again.
template <class From>
class NewEntries {
 public:
  NewEntries() : before_(std::exchange(From::table(), {})) {}
  NewEntries(const NewEntries&) = delete;
  NewEntries& operator=(const NewEntries&) = delete;
  ~NewEntries() {
    if (accepted_) From::add(before_, From::table());
    From::table() = std::move(before_);
  }
  /// From now on they are known to come with this plugin.
  void accept(const std::string& plugin) {
    for (auto& entry : From::table()) From::origin(entry) = "the plugin " + in_quotes(plugin);
    accepted_ = true;
  }
  /// The first name that is taken, in words; empty if there is none.
  std::string clash() {
    for (auto& mine : From::table())
      for (auto& other : before_)
        if (From::name(mine) == From::name(other))
          return text("brings the ", From::kind(), " ", in_quotes(From::name(mine)), ", which exists already (",
                      From::origin(other), ")");
    return "";
  }

 private:
  typename From::Table before_;
  bool accepted_ = false;
};

/// All or nothing: a plugin that brings one name too many brings none.
template <class... Kinds>
void open(const std::string& path, const fs::path& library) {
  std::tuple<NewEntries<Ops>, NewEntries<Parts<Kinds>>...> all;
  if (!dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    const char* reason = dlerror();
    throw refusal(path, text("cannot be loaded: ", reason ? reason : "no reason given"),
                  "build it again with the headers of this tapedeck");
  }
  if (const auto inside = take_name_clashes(); !inside.empty())
    throw refusal(path, "contradicts itself: " + inside.front().str(), "give one of them another name and build it again");
  std::apply(
      [&](auto&... newcomers) {
        std::string taken;
        ((taken = taken.empty() ? newcomers.clash() : taken), ...);
        if (!taken.empty()) throw refusal(path, taken, "give it another name");
        (newcomers.accept(path), ...);
      },
      all);
}

}  // namespace

namespace {
bool refused = false;
std::vector<std::string> loaded_names;
}  // namespace

void refuse_plugins() { refused = true; }
const std::vector<std::string>& loaded_plugins() { return loaded_names; }

std::string_view plugin_tag() { return std::string_view(own_tag.data()).substr(detail::plugin_mark.size()); }

void load_plugin(const std::string& path) {
  static std::set<std::string> loaded;
  std::error_code problem;
  const fs::path whole = fs::canonical(path, problem);
  if (problem) throw refusal(path, text("cannot be found: ", problem.message()), "build it first, or correct the path");
  if (!fs::is_regular_file(whole, problem)) throw refusal(path, "is not a file", "name the .so file that the build made");
  if (loaded.contains(whole.string())) return;
  std::ifstream file(whole, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw refusal(path, "cannot be read", "see who may read it");
  judge(path, bytes);
  require_different_names();
  open<Reader, Task, Tokenizer, Sampler, ModelSpec, EncoderSpec, HeadSpec, Loss, Objective, Adversary, Optimizer, Schedule,
       Metric>(path, whole);
  loaded.insert(whole.string());
  loaded_names.push_back(whole.string());
}

void load_plugins(const Json& tree, Diagnostics& diagnostics) {
  const Json::Member* given = tree.find("plugins");
  if (!given) return;
  Json section = Json::dict();
  section.set("plugins", given->value);
  PluginSection wanted;
  Diagnostics when_bound;  // what is no list of paths is said when the experiment is bound
  read_fields(wanted, section, "", when_bound);
  if (!when_bound.empty()) return;
  for (size_t i = 0; i < wanted.plugins.size(); ++i) try {
      if (refused) throw refusal(wanted.plugins[i].path, "was not loaded", "--no-plugins refuses the code of others");
      load_plugin(wanted.plugins[i].path);
    } catch (const Error& e) { diagnostics.add({"TD0326", e.message(), given->value.items[i].where, e.hint(), ""}); }
}

}  // namespace tapedeck
