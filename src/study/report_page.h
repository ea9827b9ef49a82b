// The frame of a report: one file without scripts and requests, whose only style is the one the build put into the program.
// Next: report_page.cpp, src/study/page/report.css.
#pragma once
#include <string>
#include <vector>

#include "src/base/embedded.h"

namespace tapedeck::study {
std::span<const EmbeddedFile> report_files();  // report
}

namespace tapedeck {

std::string escaped_html(std::string_view text);
/// rows: the first one is the head. style: a class of the table, "" or "text" or "matrix".
std::string html_table(const std::vector<std::vector<std::string>>& rows, const std::string& caption = "",
                       const std::string& style = "");
/// The whole file. body is HTML.
std::string html_page(const std::string& title, const std::string& body);
std::string html_figure(double value);  // "0.9712", "-"

}  // namespace tapedeck
