// look list --json: the same records for machines. Next: list_json.cpp.
#pragma once
#include <string>
#include <vector>

#include <tapedeck/look/views.h>

namespace tapedeck::look {

std::string list_json(const Recording& r, const std::vector<uint32_t>& records, const LookOptions& o);

}  // namespace tapedeck::look
