// Loading plugins. The file is judged as data first, because its constructors run as soon as it is opened: a library of
// another build must be refused before that. Next: plugin_tag.h.
#include <tapedeck/experiment/plugin.h>

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
#include <tapedeck/data/dataset.h>
#include <tapedeck/data/tokenizer.h>
#include <tapedeck/experiment/plugin_tag.h>
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

Error refusal(const std::string& path, std::string_view problem, std::string remedy) {
  return Error(ErrorKind::config, text("the plugin ", in_quotes(path), " ", problem), std::move(remedy));
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
  if (!read_at(bytes, 0, header) || header.e_type != ET_DYN || header.e_machine != machine || header.e_phentsize != sizeof(Elf64_Phdr))
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

/// One kind's registry while a plugin is opened: emptied, so that what the plugin adds stands alone, then put together again.
template <class T>
class Newcomers {
 public:
  Newcomers() : before_(std::exchange(Registry<T>::entries(), {})) {}
  ~Newcomers() {
    if (accepted_) before_.merge(Registry<T>::entries());
    Registry<T>::entries() = std::move(before_);
  }
  void accept() { accepted_ = true; }
  /// The first name that is taken, in words; empty if there is none.
  std::string clash() const {
    for (const auto& [name, entry] : Registry<T>::entries())
      if (before_.contains(name)) return text(T::kind, " ", in_quotes(name));
    return "";
  }

 private:
  typename std::remove_reference_t<decltype(Registry<T>::entries())> before_;
  bool accepted_ = false;
};

/// All or nothing: a plugin that brings one name too many brings none.
template <class... Kinds>
void open(const std::string& path, const fs::path& library) {
  std::tuple<Newcomers<Kinds>...> parts;
  const size_t ops = op_table().size();
  if (!dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    const char* reason = dlerror();
    throw refusal(path, text("cannot be loaded: ", reason ? reason : "no reason given"), "build it again with the headers of this tapedeck");
  }
  std::string taken;
  ((taken = taken.empty() ? std::get<Newcomers<Kinds>>(parts).clash() : taken), ...);
  for (size_t i = ops; i < op_table().size(); ++i)
    for (size_t k = 0; k < i && taken.empty(); ++k)
      if (op_table()[k].name == op_table()[i].name) taken = "op " + in_quotes(op_table()[i].name);
  if (!taken.empty()) {
    op_table().resize(ops);
    throw refusal(path, "brings the " + taken + ", which exists already", "give it another name");
  }
  (std::get<Newcomers<Kinds>>(parts).accept(), ...);
}

}  // namespace

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
  open<Reader, Tokenizer, Sampler, ModelSpec, EncoderSpec, HeadSpec, Loss, Objective, Adversary, Optimizer, Schedule, Metric>(path, whole);
  loaded.insert(whole.string());
}

void load_plugins(const Json& tree, Complaints& complaints) {
  const Json::Member* given = tree.find("plugins");
  if (!given) return;
  Json section = Json::dict();
  section.set("plugins", given->value);
  PluginSection wanted;
  Complaints when_bound;                          // what is no list of paths is said when the experiment is bound
  read_fields(wanted, section, "", when_bound);
  if (!when_bound.empty()) return;
  for (size_t i = 0; i < wanted.plugins.size(); ++i) try {
      load_plugin(wanted.plugins[i].path);
    } catch (const Error& e) {
      complaints.add({"TD0326", e.message(), given->value.items[i].where, e.remedy(), ""});
    }
}

}  // namespace tapedeck
