// Helpers of the data tests: small files, parts read from JSON text, the folder of real data sets.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/data/reader.h>
#include <tapedeck/data/tokenizer.h>

#include "temp_folder.h"

namespace tapedeck::testing {

/// Writes a file into the folder, folders of its own included; gives its path.
inline std::string put(const TempFolder& folder, const std::string& name, std::string_view bytes) {
  const std::string path = folder / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_raw(path, bytes);
  return path;
}

/// The part that `json` ({"type": ...}) describes; relative paths start in `folder`. Throws what the binder complains about.
template <class T>
Choice<T> make_part(const std::string& json, const std::string& folder = "") {
  struct Holder : Part {
    Choice<T> part;
    void describe(Fields& f) override { f("part", part, "the part"); }
  } holder;
  auto source = std::make_shared<Source>();
  source->name = "test.json";
  source->text = "{\"part\": " + json + "}";
  source->directory = folder;
  Diagnostics diagnostics;
  const Json root = parse_json(source, diagnostics);
  if (diagnostics.empty()) read_fields(holder, root, "", diagnostics);
  if (!diagnostics.empty()) diagnostics.raise();
  return std::move(holder.part);
}

/// The folder of real data sets, or "" (and a message) when it is absent.
inline std::string data_folder() {
  const char* named = std::getenv("TAPEDECK_DATA");
  const std::string folder = named ? named : std::string(TAPEDECK_SOURCE_DIR) + "/../shared/data";
  if (std::filesystem::is_directory(folder)) return folder;
  std::printf("skipped: no data sets in %s (set TAPEDECK_DATA)\n", folder.c_str());
  return "";
}

}  // namespace tapedeck::testing
