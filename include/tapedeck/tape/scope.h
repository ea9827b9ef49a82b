// The module path ("encoder.layers.2.attention") of whatever is being computed: an RAII stack that names rows on the
// tape and places in errors. Paths are interned once, so entering a known scope never allocates.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tapedeck {

using ScopeId = uint32_t;  // 0: the root, ""

class Scope {
 public:
  explicit Scope(std::string_view name);
  Scope(std::string_view name, int64_t index);  // "layers.2"
  explicit Scope(ScopeId path);                 // an absolute path: layers remember theirs
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  ScopeId before_;
};

ScopeId current_scope();
std::string scope_path(ScopeId id);
ScopeId scope_id(std::string_view path);  // interns "encoder.layers.2" from the root
/// A hash of the path's text, the same in every run: keys dropout masks.
uint64_t scope_hash(ScopeId id);

}  // namespace tapedeck
