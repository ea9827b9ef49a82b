// The words of a record, of a value and of a number, in one place for every view, the cursor and explain. Names from a recording
// may be hostile: whatever goes to a terminal passes through plain(). Next: text.cpp.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json_build.h>
#include <tapedeck/base/table.h>
#include <tapedeck/look/views.h>

namespace tapedeck::look {

std::string plain(std::string_view text);           // control characters and broken UTF-8 replaced by ?, at most 200 bytes
std::string printed(const char* format, double v);  // as printf does
std::string number(double v);                       // four significant digits
std::string bytes_text(double bytes);               // "1.5 MiB"
std::string count_text(double n);                   // "1.5M"
std::string time_text(uint64_t ns);                 // "12.3 us"

std::string label(uint32_t value);                             // "%12"
std::string typed(const Recording& r, uint32_t value);         // "%12:f32[3,4]"
std::string shown(const Recording& r, uint32_t value);         // "%12:f32[3,4] (encoder.weight)" where it has a name
std::string_view phase(const OpRecord& record);                // "forward", "backward", "second", "third", "recompute", "update"
std::string attributes_text(const OpRecord& record);           // "act=gelu bias=true"
std::string call(const OpRecord& record);                      // "linear[act=gelu bias=true] %1 %2", with what it reads
std::string line(const Recording& r, const OpRecord& record);  // "%3:f32[2,4] = " and the call
std::string short_name(const Recording& r, uint32_t record);   // "#12 linear", "#92 linear'" of its derivative
std::string where(const Recording& r, uint32_t record);        // "#12 linear in encoder.layers.0.ff"
std::string made_by(const Recording& r, uint32_t record);      // "made by #12 linear", "made outside the tape"
std::string title(const Recording& r);                         // one line: experiment, step, threads
std::string asked_for(const Recording& r,
                      const OpRecord& record);  // "trec.json:7 model.encoder", where the experiment asks for it; ""
/// "encoder.layers.2.ff" -> "encoder.layers.", 2, ".ff"; index -1 and all of it in stack when no part is a number.
struct Layer {
  std::string stack, rest;
  int64_t index = -1;
};
Layer layer_of(const std::string& scope);
bool selected(const OpRecord& record, const LookOptions& o);
/// Sorted by size(item), the largest first; with `top` only so many.
template <class Items, class F>
void largest_first(Items& items, int64_t top, F&& size) {
  std::stable_sort(items.begin(), items.end(), [&](auto& a, auto& b) { return size(a) > size(b); });
  if (top > 0) items.resize(std::min(items.size(), size_t(top)));
}
double root_mean_square(const RecordedValue& v);
double saved_bytes(const Recording& r, const OpRecord& record);
/// The value itself, or what it is a copy of.
uint32_t original(const Recording& r, uint32_t value);
bool bad(const RecordedValue& v);  // holds NaN, or an infinity that nobody meant
bool makes_bad(const Recording& r, const OpRecord& record);
Json index_json(uint32_t i);                                                                            // null for none
std::string json_text(std::string_view text);                                                           // in quotes, plain
std::string list_json(const Recording& r, const std::vector<uint32_t>& records, const LookOptions& o);  // look list --json

/// "row 37 (token 5 of example 3), column 12": where an element is; what a row is, where a list of where sequences begin says
/// so. Of a vector only that, of one element nothing.
std::string place_text(const Recording& r, uint32_t value, int64_t element);
std::string first_bad_text(const Recording& r, uint32_t value);  // "the first at element 4, row 1, column 0"

/// A buffer that is alive when `at` records are done, and the newest value in it; the largest first. mem.cpp.
struct Owner {
  uint32_t buffer, value = nothing;
};
std::vector<Owner> alive_at(const Recording& r, uint32_t at);
std::string owner_text(const Recording& r, const Owner& owner);  // its value, or why it has none

}  // namespace tapedeck::look
