// Plain values of the binder: one JSON value into one C++ value, or a diagnostic. Why apart: fields_read.cpp is then only
// about sections, lists and parts. Next: fields_read.cpp.
#pragma once
#include <string>

#include <tapedeck/base/fields.h>

namespace tapedeck {

/// One field and the value it is to receive.
struct Slot {
  const Field& field;
  const Json& json;
  std::string path;  // "optimizer.groups.0.lr"
};

/// "a string", "a list", "1.5": what stands where something else was wanted.
std::string found_text(const Json& json);

class ValueReader {
 public:
  explicit ValueReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

 protected:
  void report(std::string code, std::string message, const Location& where, std::string hint, std::string note);
  void wrong_type(const Json& json, const std::string& what, const std::string& wanted, std::string hint = "");

  // True if the value was taken; otherwise `out` keeps its default and a diagnostic says why.
  bool read(const Slot& slot, bool& out);
  bool read(const Slot& slot, int64_t& out);
  bool read(const Slot& slot, double& out);
  bool read(const Slot& slot, std::string& out);
  bool read(const Slot& slot, Path& out);
  bool read(const Slot& slot, Duration& out);
  /// Whether it is a list of as many entries as the field allows.
  bool is_list(const Slot& slot);

 private:
  bool is_number(const Slot& slot, const std::string& wanted);
  bool in_range(const Slot& slot);

  Diagnostics& diagnostics_;
};

}  // namespace tapedeck
