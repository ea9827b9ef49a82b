// The listings of docs/guide/extend/, built into the program: `tapedeck new` writes them under another name. The build makes
// their source file from these very pages' code. Next: command_new.cpp.
#pragma once
#include <span>
#include <string_view>

namespace tapedeck::app {

struct Skeleton { std::string_view kind, text; };
std::span<const Skeleton> skeletons();

}  // namespace tapedeck::app
