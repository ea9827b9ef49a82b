// look html: one file without network that steps through the recording. The data are JSON in which <, > and & are escaped, so
// that no name can end the element it stands in. Next: html_page.cpp for the page itself.
#include <cmath>
#include <cstdio>
#include <map>

#include <tapedeck/tape/op_table.h>

#include "src/look/html_page.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::string quoted(std::string_view s) {
  std::string out;
  for (char c : Json::of(plain(s)).dump(-1)) out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : c == '&' ? "\\u0026" : std::string(1, c);
  return out;
}
std::string digits(double v, const char* format = "%.6g") {
  if (!std::isfinite(v)) return "null";
  char out[40];
  std::snprintf(out, sizeof out, format, v);
  return out;
}
int64_t index(uint32_t i) { return i == nothing ? -1 : int64_t(i); }

template <class Items, class F>
std::string list(const Items& items, F&& write) {
  std::string out = "[";
  for (auto& item : items) out += (out.size() > 1 ? "," : "") + write(item);
  return out + "]";
}

std::string value_json(const Recording& r, const RecordedValue& v) {
  std::string out = "{\"t\":" + quoted(std::string(name_of(v.dtype)) + v.shape.str());
  if (!v.name.empty()) out += ",\"n\":" + quoted(v.name);
  out += text(",\"m\":", index(v.made_by), ",\"g\":", index(v.gradient_of));
  if (r.statistics)
    out += ",\"s\":[" + digits(v.summary.min) + "," + digits(v.summary.max) + "," + digits(v.summary.mean) + "," + digits(v.summary.norm) + "," +
           std::to_string(v.summary.nan + v.summary.infinite) + "]";
  std::vector<float> thin;
  for (size_t k = 0; k < v.sample.size(); k += v.sample.size() > 32 ? 2 : 1) thin.push_back(v.sample[k]);
  return out + ",\"h\":" + list(thin, [](float x) { return digits(double(x), "%.3g"); }) + "}";
}

std::string record_json(const OpRecord& x, const std::vector<uint32_t>& replies) {
  const auto plain_index = [](uint32_t v) { return std::to_string(index(v)); };
  std::string alive;
  for (size_t k = 0; k < x.alive.size(); ++k) alive += (k ? "," : "") + std::to_string(x.alive[k]);
  return text("{\"phase\":\"", phase(x), "\",\"op\":", quoted(x.op), ",\"call\":", quoted(call(x)), ",\"scope\":", quoted(x.scope), ",\"ns\":", x.ns,
              ",\"flops\":", digits(x.flops), ",\"bytes\":", digits(x.bytes, "%.0f"), ",\"origin\":", index(x.origin), ",\"out\":", list(x.out, plain_index),
              ",\"in\":", list(x.in, [&](const Use& u) { return text("[", int(u.role), ",", u.value, "]"); }),
              ",\"saves\":", list(x.saves, [&](const RecordedSave& s) { return text("[", s.value, ",", quoted(s.why), "]"); }),
              ",\"replies\":", list(replies, plain_index), ",\"alive\":[", alive, "]}");
}

/// [bytes, purpose, taken, given, the last value seen in it] for each buffer.
std::string buffers_json(const Recording& r) {
  std::vector<uint32_t> last(r.buffers.size(), nothing);
  for (uint32_t v = 0; v < r.values.size(); ++v) if (r.values[v].buffer != nothing) last[r.values[v].buffer] = v;
  std::string out = "[";
  for (uint32_t b = 0; b < r.buffers.size(); ++b) {
    const RecordedBuffer& x = r.buffers[b];
    out += text(b ? "," : "", "[", x.bytes, ",", int(x.purpose), ",", index(x.taken), ",", index(x.given), ",", index(last[b]), "]");
  }
  return out + "]";
}

std::string data_json(const Recording& r) {
  std::vector<std::vector<uint32_t>> replies(r.records.size());
  std::map<std::string, std::string> docs;
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    if (r.records[i].origin != nothing && replies[r.records[i].origin].size() < 20) replies[r.records[i].origin].push_back(i);
    docs[r.records[i].op];
  }
  for (auto& entry : op_table()) if (docs.contains(entry.name)) docs[entry.name] = entry.doc;
  std::erase_if(docs, [](auto& entry) { return entry.second.empty(); });
  std::string records;
  for (uint32_t i = 0; i < r.records.size(); ++i) records += (i ? ",\n" : "\n") + record_json(r.records[i], replies[i]);
  return "{\"title\":" + quoted(title(r)) + ",\"purposes\":" + list(memory_names, [](std::string_view s) { return quoted(s); }) +
         ",\"docs\":{" + [&] {
           std::string out;
           for (auto& [op, doc] : docs) out += (out.empty() ? "" : ",") + quoted(op) + ":" + quoted(doc);
           return out;
         }() + "},\"buffers\":" + buffers_json(r) + ",\"values\":" + list(r.values, [&](auto& v) { return value_json(r, v); }) +
         ",\"records\":[" + records + "]}";
}

}  // namespace

std::string look_html(const Recording& r, const LookOptions&) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tapedeck look</title>\n";
  out += text("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '", page_style_hash,
              "'; script-src '", page_script_hash, "'\">\n");
  out += text("<style>", page_style, "</style></head><body>\n", page_body, "<script type=\"application/json\" id=\"data\">", data_json(r),
              "</script>\n<script>", page_script, "</script></body></html>\n");
  return out;
}

}  // namespace tapedeck
