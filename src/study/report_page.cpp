// HTML by hand: a head, tables, escaping. Next: chart.cpp.
#include "src/study/report_page.h"

#include <cmath>
#include <cstdio>

#include <tapedeck/base/error.h>

namespace tapedeck {

std::string escaped_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t') out += ' ';
    else out += c;
  }
  return out;
}

std::string html_table(const std::vector<std::vector<std::string>>& rows, const std::string& caption, const std::string& style) {
  std::string out = "<div class=\"wide\" tabindex=\"0\"><table" + (style.empty() ? "" : " class=\"" + style + "\"") + ">";
  if (!caption.empty()) out += "<caption>" + escaped_html(caption) + "</caption>";
  for (size_t r = 0; r < rows.size(); ++r) {
    out += "<tr>";
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const bool head = r == 0;
      out += head ? "<th scope=\"col\">" : c == 0 ? "<td>" : "<td class=\"long\">";
      out += escaped_html(rows[r][c]) + (head ? "</th>" : "</td>");
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string html_page(const std::string& title, const std::string& body) {
  const EmbeddedFile& style = study::report_files().front();
  return text(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>",
      escaped_html(title),
      "</title>\n<link rel=\"icon\" href=\"data:,\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "img-src data:; "
      "style-src '",
      policy_hash(style), "'\">\n<style>", style.text, "</style></head><body>\n<main>\n<h1>", escaped_html(title), "</h1>\n",
      body, "</main></body></html>\n");
}

std::string html_figure(double value) {
  if (!std::isfinite(value)) return "-";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4f", value);
  return buffer;
}

}  // namespace tapedeck
