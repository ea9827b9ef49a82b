// What a cursor says about a record or a value, as functions of the recording and a position in it. Next: cursor_text.cpp.
#pragma once
#include <string>

#include "src/look/text.h"

namespace tapedeck::look {

std::string record_text(const Recording& r, uint32_t i);                 // what it makes, reads and keeps, what it costs
std::string value_text(const Recording& r, uint32_t at, uint32_t v);     // name, type, summary, elements
std::string gradient_text(const Recording& r, uint32_t at, uint32_t v);  // of v: contributions up to `at`, and those to come
std::string why_text(const Recording& r, uint32_t at, uint32_t v);       // how it was made, who keeps and reads it, when it goes
std::string memory_text(const Recording& r, uint32_t at);                // bytes alive after `at` by purpose, the largest
std::string lines_text(const Recording& r, uint32_t first, uint32_t last, uint32_t at);  // a line each, `at` marked

}  // namespace tapedeck::look
