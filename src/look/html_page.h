// The fixed parts of the page of look html, the files of src/look/page/ as the build put them into the program. Next: html.cpp,
// which adds the recording.
#pragma once
#include "src/base/embedded.h"

namespace tapedeck::look {

std::span<const EmbeddedFile> page_files();  // style, body, page, record

}  // namespace tapedeck::look
