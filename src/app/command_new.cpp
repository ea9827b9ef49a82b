// tapedeck new KIND NAME: the tutorial's part under a new name, complete and tested, to be changed into your own.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>

#include "src/app/commands.h"
#include "src/app/skeletons.h"

namespace tapedeck::app {
namespace {

namespace fs = std::filesystem;

/// "squared_relu" as the name of its struct: "SquaredRelu".
std::string struct_name(std::string_view name) {
  std::string out;
  bool first = true;
  for (char c : name) {
    if (c != '_') out += first && c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
    first = c == '_';
  }
  return out;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// A listing begins with "// name: ...".
std::string_view own_name(std::string_view text) { return text.substr(3, text.find(':') - 3); }

/// A head is the tutorial's layer; "data" is what `list` calls readers.
const EmbeddedFile& skeleton_of(const std::string& kind) {
  const std::string page = kind == "head" ? "layer" : kind == "data" ? "reader" : kind;
  std::vector<std::string> kinds;
  for (const EmbeddedFile& skeleton : skeletons()) {
    if (skeleton.name == page) return skeleton;
    kinds.emplace_back(skeleton.name);
  }
  throw Error(ErrorKind::usage, "there is no skeleton for " + in_quotes(kind), suggest(kind, kinds) + " kinds: " + join(kinds));
}

void check_name(const std::string& kind, const std::string& name) {
  const bool well_formed = !name.empty() && name[0] >= 'a' && name[0] <= 'z' &&
                           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
  if (!well_formed)
    throw Error(ErrorKind::usage, in_quotes(name) + " is no name for a part",
                "small letters, digits and underscores: my_" + kind);
  bool taken = false;
  for (const PartDoc& part : all_parts()) taken = taken || (part.name == name && part.kind != "section");
  for (const OpEntry& op : op_table()) taken = taken || op.name == name;
  if (taken)
    throw Error(ErrorKind::usage, "there is something called " + in_quotes(name) + " already", "see tapedeck explain " + name);
}

struct NewFlags {
  std::string kind, name, folder;
};

int write_skeleton(const NewFlags& flags) {
  auto& [kind, name, chosen] = flags;
  const auto& [page, text, sha256] = skeleton_of(kind);
  check_name(kind, name);
  const fs::path folder = !chosen.empty()                     ? chosen
                          : fs::is_directory("models/custom") ? "models/custom"
                                                              : ".",
                 path = folder / (name + ".cpp");
  std::error_code problem;
  if (fs::exists(path, problem))
    throw Error(ErrorKind::usage, path.string() + " exists already", "remove it, or choose another name");
  std::ofstream file(path);
  file << replaced(replaced(std::string(text), own_name(text), name), struct_name(own_name(text)), struct_name(name));
  if (!file.flush())
    throw Error(ErrorKind::data, "cannot write " + path.string(), "does the folder exist, and may you write there?");
  print(fmt::format(
      "wrote {}: the {} of docs/guide/extend/{}.md under your name; change it into yours\n"
      "in models/custom/: ./deck build, then ./deck explain {}; elsewhere: build it as a plugin (docs/guide/extend.md)\n",
      path.string(), page, page, name));
  return 0;
}

}  // namespace

void add_new(CommandLine& line) {
  auto [command, flags] =
      add_command<NewFlags>(line, "new", "write the source file of a new part, complete and ready to be changed", write_skeleton);
  command
      .required("kind", flags.kind,
                "op, layer, head, encoder, model, loss, objective, adversary, task, reader, tokenizer, sampler, optimizer, "
                "schedule or metric")
      .required("name", flags.name, "its name in JSON, such as my_loss")
      .text("--to", flags.folder, "folder that receives NAME.cpp (default: models/custom, or here)", "FOLDER");
}

}  // namespace tapedeck::app
