// What is damaged and which commands then meet it: the smoke experiments and their data, run folders and recordings that the
// tool itself makes first, and seeds/ for the formats that none of these has. Next: mutate.h.
#pragma once
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace tapedeck::fuzz {

using Words = std::vector<std::string>;

struct Subject {
  std::string kind;             // "config", "data", "run", "tape"
  std::string file;             // below the workspace
  std::string folder = {};      // the run folder it belongs to, made again after every command
  std::vector<Words> commands;  // paths are relative to the workspace
};

/// A folder with everything in it, the same for the same seeds.
class Workspace {
 public:
  /// program: the tool that makes run folders and recordings.
  Workspace(const std::string& source_folder, const std::string& program);
  const std::string& path() const { return folder_.path(); }
  const std::vector<Subject>& subjects(const std::string& kind) const;
  /// Writes the damaged file; seal: with checksums that fit.
  void damage(const Subject& subject, const std::string& bytes, bool seal) const;
  /// As it was before.
  void restore(const Subject& subject) const;
  std::string original(const Subject& subject) const;

 private:
  void add_config(const std::string& name);
  void add_run(const std::string& name, const std::string& predicted, const std::string& program);
  void add_tape(const std::string& program);
  testing::TempFolder folder_{testing::Medium::memory};
  std::vector<Subject> configs_, data_, runs_, tapes_;
};

}  // namespace tapedeck::fuzz
