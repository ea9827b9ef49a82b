// look html: one file without network that steps through the recording. The data are JSON in which <, > and & are escaped, so
// that no name can end the element it stands in. Next: page/page.js, which steps through it.
#include <cmath>
#include <map>
#include <span>

#include <tapedeck/tape/op_table.h>

#include "src/look/contributions.h"
#include "src/look/html_page.h"
#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

std::string escaped_json(std::string_view s) {
  std::string out;
  for (char c : json_text(s)) out += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : c == '&' ? "\\u0026" : std::string(1, c);
  return out;
}
std::string digits(double v, const char* format = "%.6g") { return std::isfinite(v) ? printed(format, v) : "null"; }
int64_t index(uint32_t i) { return i == nothing ? -1 : int64_t(i); }

template <class Items, class F>
std::string json_array(const Items& items, F&& write) {
  std::string out = "[";
  for (auto& item : items) out += (out.size() > 1 ? "," : "") + write(item);
  return out + "]";
}

/// Writes what the script reads; a text that occurs again is named by its number.
class PageData {
 public:
  explicit PageData(const Recording& r) : r_(r), sums_(contributions(r)) {}
  std::string json() {
    const std::string values = value_list(), records = json_array(r_.records, [&](auto&x) { return "\n" + record(x); });
    std::string about = title(r_);
    about.erase(about.find_last_not_of('\n') + 1);
    size_t sampled = 1;
    for (auto& v : r_.values) sampled = std::max(sampled, v.sample.size());
    return "{\"title\":" + escaped_json(about) + text(",\"sampled\":", sampled, ",\"room\":", room()) +
           ",\"purposes\":" + json_array(memory_names, [](auto s) { return escaped_json(s); }) + ",\"docs\":" + docs() +
           ",\"buffers\":" + json_array(r_.buffers, buffer) + ",\"values\":" + values + ",\"records\":" + records +
           ",\"texts\":" + json_array(texts_, [](auto& s) { return escaped_json(s); }) + "}";
  }

 private:
  std::string value_list() {
    uint32_t id = 0;
    return json_array(r_.values, [&](auto&) { return "\n" + value(id++); });
  }

  std::string value(uint32_t id) {
    const RecordedValue& v = r_.values[id];
    const ValueSummary& s = v.summary;
    std::string out = text("{\"type\":", say(std::string(name_of(v.dtype)) + v.shape.str()));
    const auto given = [&](const char* key, uint32_t i) {
      if (i != nothing) out += text(",\"", key, "\":", i);
    };
    if (!v.name.empty()) given("name", say(v.name));
    given("buffer", v.buffer), given("by", v.made_by), given("of", v.gradient_of), given("copy", v.copy_of);
    if (v.offset > 0) out += text(",\"at\":", v.offset);
    if (r_.statistics)
      out += text(",\"sum\":[", list_of({s.min, s.max, s.mean, s.norm}), ",", s.zeros,
                  s.finite() ? "" : text(",", s.nan, ",", s.infinite), "]");
    const size_t step = (v.sample.size() + room() - 1) / room();
    std::vector<float> thin;
    for (size_t k = 0; k < v.sample.size(); k += step) thin.push_back(v.sample[k]);
    if (!thin.empty()) out += text(",\"heat\":", json_array(thin, [](float x) { return digits(double(x), "%.4g"); }));
    const Contribution& sum = sums_[id];
    if (sum.total) out += text(",\"adds\":[", index(sum.into), ",", sum.number, ",", sum.total, ",", index(sum.before), "]");
    return out + "}";
  }

  /// Phase, place and memory only where they differ from those of the record before.
  std::string record(const OpRecord& x) {
    std::string out = text("{\"op\":", say(x.op), ",\"kind\":", int(x.kind), ",\"with\":", say(attributes_text(x)),
                           ",\"ns\":", x.ns, ",\"flops\":", digits(x.flops, "%.0f"), ",\"bytes\":", digits(x.bytes, "%.0f"));
    const auto news = [&](const std::string& key, uint64_t now) {
      const auto [at, fresh] = last_.try_emplace(key, now);
      if (fresh || at->second != now) out += text(",\"", key, "\":", now);
      at->second = now;
    };
    news("phase", say(phase(x))), news("scope", say(x.scope)), news("asked", say(asked_for(r_, x)));
    for (size_t k = 0; k < x.alive.size(); ++k) news(text("alive", k), x.alive[k]);
    if (x.origin != nothing) out += text(",\"from\":", x.origin);
    out += ",\"in\":" + json_array(x.in, [](const Use& u) { return text("[", int(u.role), ",", u.value, "]"); });
    out += ",\"out\":" + json_array(x.out, [](uint32_t v) { return std::to_string(v); });
    if (!x.saves.empty())
      out += ",\"saves\":" + json_array(x.saves, [&](auto& s) { return text("[", s.value, ",", say(s.why), "]"); });
    if (!x.derivatives.empty()) out += ",\"local\":" + json_array(x.derivatives, [&](auto& d) { return local(d); });
    return out + "}";
  }

  /// [of, by, at, value, depends, [[at, slope, value, before] ...]]; before only where it is not 0.
  std::string local(const LocalDerivative& d) const {
    const size_t most = std::clamp<size_t>(16'000 / std::max<size_t>(1, r_.records.size()), 2, 8);
    const auto slope = [](const PartialDerivative& s) {
      return text("[", s.at, ",", digits(s.slope), ",", digits(s.value), s.before != 0 ? "," + digits(s.before) : "", "]");
    };
    return text("[", d.of, ",", d.by, ",", d.at, ",", digits(d.value), ",", d.depends, ",",
                json_array(std::span(d.slopes).first(std::min(most, d.slopes.size())), slope), "]");
  }

  static std::string buffer(const RecordedBuffer& b) {
    return text("[", b.bytes, ",", int(b.purpose), ",", index(b.taken), ",", index(b.given), "]");
  }

  std::string docs() const {
    std::map<std::string, std::string> known;
    for (auto& x : r_.records) known[x.op];
    for (auto& entry : op_table())
      if (known.contains(entry.name)) known[entry.name] = entry.doc;
    std::erase_if(known, [](auto& entry) { return entry.second.empty(); });
    std::string out = "{";
    for (auto& [op, doc] : known) out += (out.size() > 1 ? "," : "") + escaped_json(op) + ":" + escaped_json(doc);
    return out + "}";
  }

  /// For elements of one heat map: less where there are many, so that 2,000 records stay below 2 MB and 20,000 below 12 MB.
  size_t room() const { return 6 + 60'000 / std::max<size_t>(1, r_.values.size()); }

  static std::string list_of(std::initializer_list<double> numbers) {
    std::string out;
    for (double x : numbers) out += (out.empty() ? "" : ",") + digits(x);
    return out;
  }

  uint32_t say(std::string_view s) {
    const auto [at, fresh] = numbers_.try_emplace(std::string(s), uint32_t(texts_.size()));
    if (fresh) texts_.emplace_back(s);
    return at->second;
  }

  const Recording& r_;
  const std::vector<Contribution> sums_;
  std::vector<std::string> texts_;
  std::map<std::string, uint32_t> numbers_;
  std::map<std::string, uint64_t> last_;
};

const EmbeddedFile& page_file(std::string_view name) {
  const auto files = page_files();
  return *std::find_if(files.begin(), files.end(), [&](auto& file) { return file.name == name; });
}

}  // namespace

std::string look_html(const Recording& r, const LookOptions&) {
  const EmbeddedFile &style = page_file("style"), &record = page_file("record"), &page = page_file("page");
  return text(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tapedeck look</title>\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '",
      policy_hash(style), "'; script-src '", policy_hash(record), "' '", policy_hash(page), "'\">\n<style>", style.text,
      "</style></head><body>\n", page_file("body").text, "<script type=\"application/json\" id=\"data\">", PageData(r).json(),
      "</script>\n<script>", record.text, "</script>\n<script>", page.text, "</script></body></html>\n");
}

}  // namespace tapedeck
