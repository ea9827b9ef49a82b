// configs/quickstart.json as the build put it into the program: it runs without any file. Next: source.cpp, which reads it.
#pragma once
#include "src/base/embedded.h"

namespace tapedeck {

std::span<const EmbeddedFile> built_in_experiment();  // one file

}  // namespace tapedeck
