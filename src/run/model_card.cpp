// A card that says nothing the run folder does not say. Next: export_run.cpp.
#include "src/run/model_card.h"

#include <cstdio>
#include <filesystem>

#include <tapedeck/base/words.h>

#include "src/config/locations.h"
#include "src/run/run_folder.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

/// A file of the run, from the seed's folder or the one above; null where there is none.
Json file_of(const LoadedRun& run, const char* name) {
  for (const fs::path& folder : {fs::path(run.folder), fs::path(run.folder).parent_path()})
    if (fs::exists(folder / name)) return read_json_file((folder / name).string());
  return {};
}

std::string figure(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.4g", value);
  return digits;
}

std::string metrics_table(const Json& metrics) {
  std::string out = "| split | metric | value |\n|---|---|---|\n";
  for (const auto& [key, split] : {std::pair{"best", "validation, best checkpoint"}, {"test", "test"}})
    if (const Json* values = value_at(metrics, key))
      for (const Json::Member& member : values->members)
        if (member.key != "step") out += text("| ", split, " | ", member.key, " | ", figure(member.value.number), " |\n");
  return out;
}

std::string section(const Json& resolved, std::initializer_list<const char*> names) {
  Json shown = Json::dict();
  for (const char* name : names)
    if (const Json* value = value_at(resolved, name)) shown.set(name, *value);
  return "```json\n" + shown.dump() + "\n```\n";
}

/// Files without the folders of the machine they lay on.
void shorten_paths(Json& json) {
  if (json.is(Json::Kind::string) && fs::path(json.string).is_absolute())
    json = Json::of(fs::path(json.string).filename().string());
  for (Json& item : json.items) shorten_paths(item);
  for (Json::Member& member : json.members) shorten_paths(member.value);
}

/// The model's options without the copy of somebody else's config.json.
Json without_saved(Json model) {
  if (Json::Member* encoder = model.find("encoder"))
    std::erase_if(encoder->value.members, [](const Json::Member& m) { return m.key == "saved"; });
  return model;
}

std::string cost(const LoadedRun& run) {
  const Json metrics = file_of(run, "metrics.json"), environment = file_of(run, "environment.json");
  const Json *seconds = value_at(metrics, "timings.seconds"), *steps = value_at(metrics, "steps"),
             *peak = value_at(metrics, "memory.peak"), *cpu = value_at(environment, "machine.cpu"),
             *threads = value_at(environment, "machine.threads");
  std::string out;
  if (steps && seconds) out += text(steps->integer, " steps in ", figure(seconds->number), " s");
  if (cpu && threads) out += text(" on ", threads->integer, " threads of ", cpu->string);
  if (peak) out += text(", ", figure(peak->number / (1 << 20)), " MiB of tensors at the peak");
  return out.empty() ? "not recorded\n" : out + "\n";
}

std::string use(const std::string& class_name, const std::string& as) {
  if (as == "sentence-transformers")
    return "from sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer(FOLDER)\n"
           "vectors = model.encode([\"a text\"])\n";
  return text("from transformers import AutoTokenizer, ", class_name, "\n\nmodel = ", class_name,
              ".from_pretrained(FOLDER)\ntokenizer = AutoTokenizer.from_pretrained(FOLDER)\n");
}

}  // namespace

std::string model_card(const LoadedRun& run, const Json& resolved, const std::string& class_name, const std::string& as,
                       bool empty_pooler) {
  const Json* name = value_at(resolved, "name");
  Json shown = resolved;
  if (Json::Member* model = shown.find("model")) model->value = without_saved(model->value);
  shorten_paths(shown);
  std::string out = text("---\nlibrary_name: ", as == "sentence-transformers" ? as : "transformers", "\n---\n\n# ",
                         name ? name->string : "a tapedeck model", "\n\n", class_name, ", trained with tapedeck ", version(),
                         " (", run.task->name, ").\n\n");
  out += "```python\n" + use(class_name, as) + "```\n\n";
  if (empty_pooler) out += "The pooler was not trained: its weights are zeros, and `pooler_output` means nothing.\n\n";
  out += "## Data\n\n" + section(shown, {"data", "tokenizer"}) + "\n## Metrics\n\n" + metrics_table(file_of(run, "metrics.json"));
  out += "\n## Method\n\n" + section(shown, {"model", "objective", "optimizer", "schedule", "training"}) + "\n## Cost\n\n" +
         cost(run);
  return out;
}

}  // namespace tapedeck
