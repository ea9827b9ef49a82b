// The listings of docs/guide/extend/, built into the program: `tapedeck new` writes them under another name. Next:
// command_new.cpp.
#pragma once
#include "src/base/embedded.h"

namespace tapedeck::app {

std::span<const EmbeddedFile> skeletons();  // by kind: "op", "layer", ...

}  // namespace tapedeck::app
