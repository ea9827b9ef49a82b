// What one can ask of a recording: each view is a pure function from it to text, one file each in src/look/. The command
// line offers those of look_views(). Next: docs/guide/look.md for what they print.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/look/recording.h>

namespace tapedeck {

/// Which records a view shows, and how.
struct LookOptions {
  std::string op, scope, phase;  // globs over op names and scopes; "forward", "backward", "second", "update"
  int64_t top = 0;               // only so many, the largest first; 0: all, in order
  std::string by = "time";       // what largest means: "time", "flops", "bytes", "saved"
  bool json = false;
  bool structure = false;  // of list and roof: only what shapes decide, no times and no values; largest by flops
  double flops_per_second = 0, bytes_per_second = 0;  // measured ceilings, for roof
};

std::string look_list(const Recording& r, const LookOptions& o);    // every record, in the order of execution
std::string look_saved(const Recording& r, const LookOptions& o);   // what is alive for backward, for whom and why
std::string look_mem(const Recording& r, const LookOptions& o);     // memory over time, its peak and who owns it
std::string look_reach(const Recording& r, const LookOptions& o);   // parameters the loss does not reach, and what cut them off
std::string look_flow(const Recording& r, const LookOptions& o);    // sizes of gradients and updates over the parameters
std::string look_nan(const Recording& r, const LookOptions& o);     // where the first number that is none came from
std::string look_trace(const Recording& r, const LookOptions& o);   // Chrome's trace format, for Perfetto
std::string look_verify(const Recording& r, const LookOptions& o);  // whether computing again gave the same bits
std::string look_err(const Recording& r, const LookOptions& o);     // how much f32 lost against f64
std::string look_roof(const Recording& r, const LookOptions& o);    // each op against the measured ceilings
std::string look_svg(const Recording& r, const LookOptions& o);     // the graph drawn, repeated layers once
std::string look_html(const Recording& r, const LookOptions& o);    // a page to step through, one file without network
std::string look_diff(const Recording& a, const Recording& b);      // the first record in which two recordings differ

struct LookView {
  std::string_view name, doc;
  std::string (*show)(const Recording&, const LookOptions&);
  bool replay = false, shadow = false, derivatives = false;  // what the recording needs
  bool ceilings = false;                                     // LookOptions need the machine's peaks
};
const std::vector<LookView>& look_views();

/// The answer of look_nan as data: records from where it was born to the loss or to a gradient; empty: all is finite.
struct NonFinite {
  std::vector<uint32_t> path;
  uint32_t value = nothing;
};
NonFinite find_non_finite(const Recording& r);

/// The answer of look_reach as data.
struct Reach {
  uint32_t parameter;
  bool reached, used;
  std::vector<uint32_t> cuts;
};
std::vector<Reach> find_reach(const Recording& r);

}  // namespace tapedeck
