// Making the folder of a run and writing what went in. Why so much: a result that cannot be traced to its inputs is a
// rumour. Next: environment.cpp, run_recorder.cpp.
#include "src/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

#include "src/config/locations.h"
#include "src/train/checked_json.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;

std::string formatted_time(const char* format, bool utc) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (utc) gmtime_r(&now, &parts);
  else localtime_r(&now, &parts);
  char buffer[64];
  return {buffer, std::strftime(buffer, sizeof buffer, format, &parts)};
}

/// Every path option of a part that is a file: the tokenizer's vocabulary.
void collect_files(Part& part, std::vector<std::string>& files) {
  Fields fields;
  part.describe(fields);
  std::error_code ignored;
  for (Field& field : fields.all)
    if (Path** path = std::get_if<Path*>(&field.target); path && **path && fs::is_regular_file((*path)->path, ignored))
      files.push_back((*path)->path);
}

/// Names of the extended files, made unique: two folders may hold a base.json each.
std::string unique_name(const std::string& path, std::set<std::string>& taken) {
  const fs::path name = fs::path(path).filename();
  std::string unique = name.string();
  for (int i = 2; !taken.insert(unique).second; ++i) unique = text(name.stem().string(), "-", i, name.extension().string());
  return unique;
}

}  // namespace

std::string folder_time() { return formatted_time("%Y-%m-%d_%H%M", false); }
std::string clock_time() { return formatted_time("%H:%M:%S", false); }
std::string utc_time() { return formatted_time("%Y-%m-%dT%H:%M:%SZ", true); }

void make_folder(const std::string& path) {
  std::error_code problem;
  fs::create_directories(path, problem);
  if (problem)
    throw Error(ErrorKind::data, text("cannot make the folder ", path, ": ", problem.message()),
                "choose another place with -o DIR");
}

std::string make_run_folder(const std::string& root, const std::string& name, const std::string& hash) {
  const fs::path parent = fs::absolute(root) / name;
  make_folder(parent.string());
  const std::string base = folder_time() + "-" + hash.substr(0, 8);
  for (int attempt = 1;; ++attempt) {
    const fs::path folder = parent / (attempt == 1 ? base : text(base, "-", attempt));
    std::error_code problem;
    if (fs::create_directory(folder, problem)) return folder.lexically_normal().string();
    if (problem)
      throw Error(ErrorKind::data, text("cannot make the folder ", folder.string(), ": ", problem.message()),
                  "choose another place with -o DIR");
  }
}

std::string make_new_folder(const std::string& path) {
  fs::path folder = fs::absolute(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // DIR/
  make_folder(folder.parent_path().string());
  std::error_code problem;
  if (fs::create_directory(folder, problem)) return folder.string();
  if (!problem)
    throw Error(ErrorKind::usage, path + " exists already", "go on with it by `tapedeck resume`, or name a new folder");
  throw Error(ErrorKind::data, text("cannot make the folder ", path, ": ", problem.message()), "name another one");
}

void point_latest_at(const std::string& run_folder) {
  const fs::path folder(run_folder), link = folder.parent_path() / "latest", aside = folder.parent_path() / ".latest.new";
  std::error_code problem;
  fs::remove(aside, problem);
  fs::create_directory_symlink(folder.filename(), aside, problem);
  if (problem) std::ofstream(aside) << folder.filename().string() << "\n";
  fs::rename(aside, link, problem);
}

std::vector<std::string> input_files(ExperimentConfig& config) {
  std::vector<std::string> files = config.data->files();
  collect_files(*config.tokenizer, files);
  for (const Path& plugin : config.plugins) files.push_back(plugin.path);
  return files;
}

void write_inputs(const std::string& folder, const LoadedExperiment& loaded, const Json& resolved,
                  const std::vector<std::string>& input_files, const std::vector<std::string>& command_line) {
  const auto write = [&](const std::string& name, const std::string& content) {
    write_file_atomically(folder + "/" + name, content);
  };
  write("experiment.json", loaded.main_text);
  std::set<std::string> taken;
  for (size_t i = 1; i < loaded.sources.size(); ++i) {
    make_folder(folder + "/sources");
    write("sources/" + unique_name(loaded.sources[i]->name, taken), loaded.sources[i]->text);
  }
  write("origins.json", origins(loaded.tree, resolved).dump() + "\n");
  const Json facts = environment(input_files, command_line);
  write("environment.json", facts.dump() + "\n");
  const Json* dirty = value_at(facts, "git.dirty");
  if (dirty && dirty->boolean) write("git.diff", output_of({"git", "--no-optional-locks", "diff", "HEAD"}, 2, size_t{1} << 20));
  write("resolved.json", with_checksum(resolved));  // last: its presence makes this a run folder
}

FolderLock::FolderLock(const std::string& folder) : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw Error(ErrorKind::data, text("cannot open the folder ", folder, ": ", std::strerror(errno)));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;  // some network file systems know no locks
  close(descriptor_);
  throw Error(ErrorKind::data, text("another process is working in ", folder), "wait for it, or stop it first");
}

FolderLock::~FolderLock() { close(descriptor_); }

namespace {

std::string status_text(const Status& status) {
  Json json = Json::dict();
  json.set("state", Json::of(status.state));
  json.set("stop_reason", status.stop_reason.empty() ? Json{} : Json::of(status.stop_reason));
  json.set("error", status.error.empty() ? Json{} : Json::of(status.error));
  json.set("seed", Json::of(int64_t(status.seed)));
  json.set("step", Json::of(status.step));
  json.set("total_steps", Json::of(status.total_steps));
  json.set("heartbeat", Json::of(utc_time()));
  json.set("process", Json::of(int64_t{getpid()}));
  json.set("exit_code", status.state == "running" ? Json{} : Json::of(status.exit_code));
  json.set("resumable", Json::of(status.resumable));
  return json.dump() + "\n";
}

/// Within the block that the file has already, and no longer than that block.
std::string overwrite_status(const std::string& path, Status status) {
  constexpr size_t longest = 2000;
  if (status.error.size() > longest) {
    size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(status.error[end]) & 0xC0u) == 0x80u) --end;
    status.error.resize(end);
  }
  const std::string content = status_text(status);
  const int handle = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  const bool written = handle >= 0 && pwrite(handle, content.data(), content.size(), 0) == ssize_t(content.size()) &&
                       ftruncate(handle, off_t(content.size())) == 0;
  const std::string problem = written ? "" : text(path, " cannot be written: ", std::strerror(errno));
  if (handle >= 0) close(handle);
  std::error_code ignored;
  if (!written && fs::file_size(path, ignored) == 0) fs::remove(path, ignored);
  return problem;
}

}  // namespace

std::string write_status(const std::string& folder, const Status& status) {
  const std::string path = folder + "/status.json";
  try {
    write_file_atomically(path, status_text(status));
    return "";
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::data) throw;
    return overwrite_status(path, status);
  }
}

Json read_json_file(const std::string& path) { return parse_json(read_file(path), path); }

std::string stage_folder(const std::string& run_folder, const std::string& stage) { return run_folder + "/stage-" + stage; }

std::vector<std::string> stage_folders(const std::string& run_folder) {
  const std::string path = run_folder + "/resolved.json";
  return fs::exists(path) ? stage_folders(run_folder, read_checked_json(path)) : std::vector<std::string>{};
}

std::vector<std::string> stage_folders(const std::string& run_folder, const Json& resolved) {
  std::vector<std::string> folders;
  if (const Json* stages = value_at(resolved, "stages"))
    for (const Json& stage : stages->items) {
      const Json::Member* name = stage.find("name");
      if (!name || !name->value.is(Json::Kind::string) || name->value.string.find('/') != std::string::npos)
        throw Error(ErrorKind::checkpoint, run_folder + "/resolved.json: a stage has no name, or none that a folder can have",
                    "restore the file from a copy");
      folders.push_back(stage_folder(run_folder, name->value.string));
    }
  return folders;
}

}  // namespace tapedeck
