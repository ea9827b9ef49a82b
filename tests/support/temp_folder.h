// A folder of its own for a test, removed at the end.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace tapedeck::testing {

/// disk: where files usually go; memory: where a sync costs nothing, for tests that save thousands of times.
enum class Medium { disk, memory };

class TempFolder {
 public:
  explicit TempFolder(Medium medium = Medium::disk) {
    const std::filesystem::path shared("/dev/shm");
    const bool in_memory = medium == Medium::memory && access(shared.c_str(), W_OK) == 0;
    std::string name = ((in_memory ? shared : std::filesystem::temp_directory_path()) / "tapedeck-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no folder for temporary files");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write_raw(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }
inline std::string read_raw(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace tapedeck::testing
