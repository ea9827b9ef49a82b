// The fixed parts of the page of look html: its looks (html_page.cpp) and its scripts (html_script.cpp, html_record.cpp). Next:
// html.cpp, which adds the recording.
#pragma once
#include <string_view>

namespace tapedeck::look {

extern const std::string_view page_style, page_body, page_script, record_script;
/// "sha256-..." of style and scripts, for the page's content security policy; held true by tests/look_html_test.cpp.
extern const std::string_view page_style_hash, page_script_hash, record_script_hash;

}  // namespace tapedeck::look
