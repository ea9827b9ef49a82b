// Shapes of the generated Unicode tables in unicode_table.cpp. Next: unicode.h, the functions that read them.
#pragma once
#include <cstdint>

namespace tapedeck::unicode {

struct Range { uint32_t first, last, value; };              // the same value for first..last, sorted by first
struct Run { uint32_t first, last, step; int32_t delta; };  // first, first + step, .. last each move by delta
struct Several { uint32_t from, to[3]; };                   // 0 ends `to`

extern const Range class_ranges[], mark_ranges[], bare_ranges[];
extern const Run lower_runs[];
extern const Several bare_several[];
extern const int class_ranges_count, mark_ranges_count, bare_ranges_count, lower_runs_count, bare_several_count;

}  // namespace tapedeck::unicode
