// The pictures: svg and the page. They fold repeated layers, stay small, load nothing, and no name in a recording becomes
// anything but text. Next: src/look/html.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include <tapedeck/look/views.h>
#include <tapedeck/ops/ops.h>

#include "kernels/parallel.h"
#include "src/config/sha256.h"
#include "src/look/contributions.h"
#include "support/hostile_names.h"
#include "support/look_models.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

const bool one_thread = (kernels::set_threads(1), true);

int64_t count(const std::string& text, const std::string& word) {
  int64_t n = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + word.size())) ++n;
  return n;
}

/// "sha256-" and the digest in base64 (RFC 4648), as content security policies want it.
std::string policy_hash(std::string_view content) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256(content);
  std::vector<unsigned> bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes.push_back(unsigned(std::stoul(hex.substr(i, 2), nullptr, 16)));
  std::string out = "sha256-";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned word =
        bytes[i] << 16 | (i + 1 < bytes.size() ? bytes[i + 1] << 8 : 0) | (i + 2 < bytes.size() ? bytes[i + 2] : 0);
    for (int k = 0; k < 4; ++k) out += i + size_t(k) <= bytes.size() ? digits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// What stands between the nth place that says `begin` and `end`.
std::string between(const std::string& page, const std::string& begin, const std::string& end, int n = 1) {
  size_t at = 0;
  for (int k = 0; k < n; ++k) at = page.find(begin, at) + begin.size();
  return page.substr(at, page.find(end, at) - at);
}
std::string data_of(const std::string& page) { return between(page, "id=\"data\">", "</script>"); }

/// With hostile names in the places of every third.
Recording with_names(const Recording& recording, const std::string& name) {
  Recording r = recording;
  for (size_t i = 0; i < r.records.size(); i += 3) r.records[i].scope = r.records[i].op = name;
  for (size_t i = 0; i < r.values.size(); i += 3) r.values[i].name = name;
  r.about = {{"experiment", name}};
  return r;
}

void check_inert(const Recording& r) {
  const std::string page = look_html(r, {});
  CHECK(count(page, "<script") == 3);
  CHECK(count(page, "</script>") == 3);
  CHECK(data_of(page).find_first_of("<>&") == std::string::npos);
  CHECK(nlohmann::json::accept(data_of(page)));
  const std::string drawing = look_svg(r, {});
  CHECK(count(drawing, "<script") == 0);
  CHECK(count(drawing, "<img") == 0);
  CHECK(count(drawing, "<g>") == count(drawing, "</g>"));
}

}  // namespace

TEST_CASE("the page's policy allows its own style and script and nothing else") {
  CHECK(policy_hash("") == "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  const std::string page = look_html(record_model(look_models[0]), {}), policy = between(page, "content=\"", "\">");
  CHECK(policy == text("default-src 'none'; style-src '", policy_hash(between(page, "<style>", "</style>")), "'; script-src '",
                       policy_hash(between(page, "<script>", "</script>", 1)), "' '",
                       policy_hash(between(page, "<script>", "</script>", 2)), "'"));
  CHECK(page.find("default-src 'none'") != page.npos);
  for (const char* word : {"http:", "https:", "src=", "@import", "url(", "fetch(", "innerHTML", "eval("}) {
    CAPTURE(std::string(word));
    CHECK(page.find(word) == page.npos);
  }
}

TEST_CASE("what the page shows is what list --json says") {
  for (const char* model : look_models) {
    const Recording r = record_model(model);
    LookOptions o;
    o.json = true;
    const auto listed = nlohmann::json::parse(look_list(r, o)), shown = nlohmann::json::parse(data_of(look_html(r, {})));
    const auto say = [&](const nlohmann::json& x, const char* key) { return shown["texts"][x[key].get<size_t>()]; };
    REQUIRE(shown["records"].size() == listed.size());
    nlohmann::json record;  // what a record does not say is as in the one before
    for (size_t i = 0; i < listed.size(); ++i) {
      record.update(shown["records"][i]);
      CHECK(say(record, "phase") == listed[i]["phase"]);
      CHECK(say(record, "scope") == listed[i]["scope"]);
      CHECK(record["ns"] == listed[i]["ns"]);
      for (auto& out : listed[i]["out"])
        CHECK(shown["values"][out["id"].get<size_t>()]["sum"][3].get<double>() ==
              doctest::Approx(out["norm"].get<double>()).epsilon(1e-5));
    }
  }
}

TEST_CASE("a sum of gradients is shown as it grows: each value in it says which contribution it adds") {
  Recorder recorder;
  Tape tape;
  const Tensor x = tape.leaf(Tensor::scalar(0.5));
  const Tensors ways{sin(x), tanh(x), exp(x)};
  gradient(ways[0] * ways[1] + ways[2], x);
  const Recording r = recorder.finish();
  const std::vector<look::Contribution> sums = look::contributions(r);
  // from the last row up
  const double slopes[] = {std::exp(0.5), std::sin(0.5) / (std::cosh(0.5) * std::cosh(0.5)), std::tanh(0.5) * std::cos(0.5)};
  double sum = 0;
  uint32_t number = 0;
  for (uint32_t v = 0; v < sums.size(); ++v) {
    if (sums[v].total == 0) continue;
    CAPTURE(v);
    CHECK(sums[v].total == 3);
    CHECK(sums[v].number == number + 1);
    CHECK(sums[v].into == r.records[0].out[0]);
    sum += slopes[number++];
    CHECK(r.values[v].summary.max == doctest::Approx(sum).epsilon(1e-6));
  }
  CHECK(number == 3);
}

TEST_CASE("names are inert in the page and the drawing") {
  const Recording recording = record_model(look_models[0]);
  for (const std::string& name : hostile_pieces) {
    CAPTURE(name.substr(0, 40));
    check_inert(with_names(recording, name));
  }
  for (uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    check_inert(hostile(recording, seed));
  }
}

TEST_CASE("a page of 2,000 records has at most 2 MB, one of 20,000 at most 12 MB") {
  struct {
    size_t records, bytes;
  } rows[] = {{2000, 2'000'000}, {20000, 12'000'000}};
  for (const char* model : look_models) {
    const Recording one = record_model(model, {.derivatives = true});
    for (auto& row : rows) {
      CAPTURE(row.records);
      Recording r = repeated(one, row.records);
      r.records.resize(row.records);
      const std::string page = look_html(r, {});
      CHECK(page.size() <= row.bytes);
      CHECK(page.size() > row.bytes / 4);
    }
  }
}

TEST_CASE("a drawing folds what repeats and stays small") {
  const Recording one = record_model(look_models[0]), r = repeated(one, 2000);
  const std::string drawing = look_svg(r, {});
  CHECK(drawing.find("more records are not drawn") != std::string::npos);
  CHECK(count(drawing, "<g>") <= 400);
  const std::string folded = look_svg(one, {});
  CHECK(folded.find("2 layers of encoder.layers.* drawn as one") != std::string::npos);
  CHECK(folded.find("×2") != std::string::npos);
  CHECK(count(folded, "<g>") < int64_t(one.records.size()));
  const std::string second = look_svg(record_model(look_models[2]), {});
  CHECK(second.find("#e3d0f5\" stroke") != std::string::npos);
  CHECK(folded.find("#e3d0f5\" stroke") == std::string::npos);
}

TEST_CASE("the drawing goes down forward and up backward, and no two boxes lie on each other") {
  for (const char* model : look_models) {
    const std::string drawing = look_svg(record_model(model), {});
    const std::regex box(
        R"box(<rect x="([0-9.]+)" y="([0-9.]+)" width="[0-9.]+" height="[0-9.]+" rx="6" fill="(#[0-9a-f]+)")box");
    std::set<std::pair<double, double>> places;
    std::map<std::string, std::vector<double>> heights;  // by colour: of the phase
    for (auto at = std::sregex_iterator(drawing.begin(), drawing.end(), box); at != std::sregex_iterator(); ++at) {
      const double x = std::stod((*at)[1]), y = std::stod((*at)[2]);
      CHECK(places.emplace(x, y).second);
      heights[(*at)[3]].push_back(y);
    }
    CHECK(places.size() > 20);
    const std::vector<double>&forward = heights["#dfe9f7"], &back = heights["#f7e6d8"];
    CHECK(std::is_sorted(forward.begin(), forward.end()));
    if (model == look_models[0]) CHECK(std::is_sorted(back.rbegin(), back.rend()));
    CHECK(back.front() > back.back());
  }
}
