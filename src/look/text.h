// What views share: tables, short numbers, names of values and phases. Names from a recording may be hostile: whatever goes
// to a terminal passes through plain().
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>
#include <tapedeck/look/views.h>

namespace tapedeck::look {

using Rows = std::vector<std::vector<std::string>>;
/// Columns aligned, each as `sides` says: 'l' or 'r'; the last of a row is not padded.
std::string table(const Rows& rows, std::string_view sides);
std::string plain(std::string_view text);         // control characters and broken UTF-8 replaced by ?, at most 200 bytes
std::string number(double v);                     // four significant digits
std::string bytes_text(double bytes);             // "1.5 MiB"
std::string count_text(double n);                 // "1.5M"
std::string time_text(uint64_t ns);               // "12.3 us"

std::string label(uint32_t value);                // "%12"
std::string typed(const Recording& r, uint32_t value);           // "%12:f32[3,4]"
std::string shown(const Recording& r, uint32_t value);           // "%12:f32[3,4] (encoder.weight)" where it has a name
std::string_view phase(const OpRecord& record);   // "forward", "backward", "second", "third", "recompute", "update"
std::string call(const OpRecord& record);         // "linear[act=gelu bias=true] %1 %2", with what it reads
std::string where(const Recording& r, uint32_t record);          // "#12 linear in encoder.layers.0.ff"
std::string title(const Recording& r);            // one line: experiment, step, threads
std::string asked_for(const Recording& r, const OpRecord& record);   // "trec.json:7 model.encoder", where the experiment asks for it; ""
bool selected(const Recording& r, const OpRecord& record, const LookOptions& o);
double root_mean_square(const RecordedValue& v);
double saved_bytes(const Recording& r, const OpRecord& record);
/// The value itself, or what it is a copy of.
uint32_t original(const Recording& r, uint32_t value);
bool bad(const RecordedValue& v);                 // holds NaN, or an infinity that nobody meant

/// "row 37 (token 5 of example 3), column 12": where an element is; what a row is, where a list of where sequences begin says
/// so. Of a vector only that, of one element nothing.
std::string place_text(const Recording& r, uint32_t value, int64_t element);

/// A buffer that is alive when `at` records are done, and the newest value in it; the largest first. mem.cpp.
struct Owner { uint32_t buffer, value = nothing; };
std::vector<Owner> alive_at(const Recording& r, uint32_t at);
std::string owner_text(const Recording& r, const Owner& owner);   // its value, or why it has none

}  // namespace tapedeck::look
