// tapedeck import FOLDER: what would be read of a pretrained folder, and how well it agrees with saved hidden states. Writes
// nothing.
#include <fmt/core.h>

#include <filesystem>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/data/tokenizer.h>

#include "src/app/commands.h"
#include "src/pretrained/inspect.h"

namespace tapedeck::app {
namespace {

struct ImportFlags {
  std::string folder, text = "A cat sat on the mat.", compare, dtype = "f32";
  double tolerance = 2e-5;
  bool json = false;
};

std::unique_ptr<Tokenizer> tokenizer_of(const std::string& folder) {
  auto tokenizer = Registry<Tokenizer>::find("pretrained")->make();
  Diagnostics diagnostics;
  read_fields(*tokenizer, json_object({{"from", folder}, {"max_length", 512}}), "tokenizer", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  tokenizer->fit({});
  return tokenizer;
}

bool has_tokenizer(const std::string& folder) {
  return std::filesystem::exists(folder + "/tokenizer.json") || std::filesystem::exists(folder + "/vocab.txt");
}

std::vector<std::string> tokens_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> tokens;
  for (const int32_t id : tokenizer.encode(text).ids) tokens.push_back(fmt::format("{} ({})", tokenizer.token(id), id));
  return tokens;
}

TableRows facts(const FolderEncoder& model) {
  const TransformerSpec& spec = model.config.spec;
  const TableSizes& tables = *spec.tables;
  return {
      {"architecture", fmt::format("{}: {} layers of width {}, {} heads, feed-forward {}", model.config.architecture->model_type,
                                   spec.layers, spec.width, spec.heads, *spec.feed_forward)},
      {"tables", fmt::format("{} words, {} positions, {} segments", tables.words,
                             spec.positions == Positions::rotary ? 0 : tables.positions, tables.segments)},
      {"parameters", fmt::format("{} in {:.1f} MB of files", model.store.count(), double(model.bytes) / 1e6)}};
}

int import(const ImportFlags& flags) {
  const auto folder = std::filesystem::absolute(flags.folder).lexically_normal().string();
  const auto model = open_folder(folder, flags.dtype == "f64" ? DType::f64 : DType::f32);
  TableRows rows = facts(*model);
  Json json = json_object({{"model_type", model->config.architecture->model_type},
                           {"parameters", model->store.count()},
                           {"loaded", json_list(model->report.loaded)},
                           {"new", json_list(model->report.fresh)},
                           {"unused", json_list(model->report.unused)}});
  if (has_tokenizer(folder)) {
    const auto tokenizer = tokenizer_of(folder);
    const std::vector<std::string> tokens = tokens_of(*tokenizer, flags.text);
    rows.push_back({"vocabulary", fmt::format("{} tokens{}", tokenizer->vocabulary_size(),
                                              tokenizer->vocabulary_size() > model->config.spec.tables->words
                                                  ? ", more than the table has rows: this tokenizer belongs to another model"
                                                  : "")});
    rows.push_back({"tokens", join(tokens, " ")});
    json.set("vocabulary", Json::of(tokenizer->vocabulary_size()));
    json.set("tokens", json_list(tokens));
  }
  int code = 0;
  if (!flags.compare.empty()) {
    const HiddenComparison found = compare_hidden(*model, flags.compare);
    const bool good = found.ratio() <= flags.tolerance;
    rows.push_back({"hidden states", fmt::format("{} texts, {} tokens: largest difference {:.2e} of the largest entry {:.4g}{}",
                                                 found.texts, found.tokens, found.ratio(), found.largest_entry,
                                                 good ? "" : fmt::format(", above {:.0e}", flags.tolerance))});
    json.set("difference", Json::of(found.ratio()));
    if (!good) code = exit_code(ErrorKind::checkpoint);
  }
  print(flags.json, json, table(rows, "lr") + "\n" + model->report.table());
  return code;
}

}  // namespace

void add_import(CommandLine& line) {
  auto [command, flags] =
      add_command<ImportFlags>(line, "import", "show what would be read of a pretrained folder; writes nothing", import);
  command.required("folder", flags.folder, "folder of a model saved by transformers or sentence-transformers")
      .text("--text", flags.text, "a text to show the tokens of")
      .text("--compare", flags.compare,
            "input_ids, attention_mask and last_hidden_state of some texts; exit code 5 where they differ", "FILE.safetensors")
      .number("--tolerance", flags.tolerance, "largest difference, as a share of the largest entry", 0.0)
      .choice("--dtype", flags.dtype, {"f32", "f64"}, "what to compute in");
  add_json(command, flags.json);
}

}  // namespace tapedeck::app
