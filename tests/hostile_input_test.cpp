// Input made to harm: what it says never reaches a terminal as it is, what it asks for is bounded before it is done, and what is
// no file is not waited for. Next: data_broken_test.cpp for honest mistakes, fuzz/fuzz.cpp for the rest.
#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <zlib.h>

#include <chrono>
#include <cstring>
#include <functional>

#include <tapedeck/base/printable.h>
#include <tapedeck/base/words.h>
#include <tapedeck/config/config.h>
#include <tapedeck/config/source.h>
#include <tapedeck/train/checkpoint.h>

#include "src/run/run_recorder.h"
#include "support/data_files.h"
#include "support/hostile_names.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using namespace std::string_literals;

namespace {

/// Bytes that no terminal should get; told apart without the code under test.
bool raw(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i]);
    if ((a < 0x20 && a != '\n') || a == 0x7F || a == 0xC0 || a == 0xFF) return true;
    for (const char* mark : {"\xC2\x9B", "\xE2\x80\xAE", "\xE2\x80\xA8", "\xE2\x81\xA6", "\xE2\x80\x8F"})
      if (text.compare(i, std::strlen(mark), mark) == 0) return true;
  }
  return false;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) { return e.what(); }
  return "";
}

double seconds(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const std::string evil =
    "\x1b[2J\x1b]0;x\x07\xE2\x80\xAE"
    "drow\xC2\x9B"
    "1m\xE2\x80\xA8\x7F";

std::string tensor_file(const std::string& header) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header;
}

/// The text as a JSON string.
std::string json(const std::string& text) { return Json::of(text).dump(); }

/// What checking an experiment says, all of it.
std::string complaints(const TempFolder& folder, const std::string& content) {
  write_raw(folder / "x.json", content);
  return message_of([&] {
    Diagnostics diagnostics;
    LoadedExperiment loaded = load_experiment(folder / "x.json", {}, diagnostics);
    ExperimentConfig config;
    if (!loaded.tree.members.empty()) bind_experiment(loaded.tree, config, diagnostics);
    if (!diagnostics.empty()) diagnostics.raise();
  });
}

}  // namespace

TEST_CASE("printable: what commands a terminal is spelt out, everything else stays") {
  const struct {
    std::string text, shown;
  } rows[] = {{"plain text, \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\n\tx", "plain text, \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\n\tx"},
              {"\x1b[31m\r\b\x7f"s + "\0"s, "\\u001B[31m\\u000D\\u0008\\u007F\\u0000"},
              {"\xC2\x9Bx\xC2\x80", "\\u009Bx\\u0080"},
              {"\xE2\x80\xAE\xE2\x81\xA6\xE2\x80\x8E\xD8\x9C", "\\u202E\\u2066\\u200E\\u061C"},
              {"\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF", "\\u2028\\u2029\\uFEFF"},
              {"\xF3\xA0\x81\x81", "\\uDB40\\uDC41"},
              {"\xFF\xC0\xAF\xED\xA0\x80\xE2\x80",
               "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
              {"\xE2\x80\x8D", "\xE2\x80\x8D"}};  // joins letters and emoji
  for (const auto& row : rows) CHECK(printable(row.text) == row.shown);
  CHECK(printable_message("a\n12:00:00 done\n  b") == "a\n  12:00:00 done\n  b");
  CHECK(printable_message(std::string(5000, 'x'), 100) == std::string(100, 'x') + "... (4900 bytes more)");
  CHECK(shortened("a\xE4\xB8\xAD", 3) == "a");
  for (const std::string& piece : hostile_pieces) CHECK_FALSE(raw(in_quotes(piece)));
}

TEST_CASE("names of a file reach no message raw") {
  const TempFolder folder;
  const std::string quoted = json(evil);
  const auto read = [&](const std::string& options, const std::string& bytes) {
    put(folder, "t", bytes);
    return message_of([&] { make_part<Reader>(options, folder.path())->read(root_key(1)); });
  };
  const std::pair<const char*, std::string> messages[] = {
      {"column", read(R"({"type":"tsv","train":"t"})", evil + "\tb\nx\t1\n")},
      {"column twice", read(R"({"type":"csv","train":"t"})", evil + "," + evil + "\na,1\n")},
      {"label", read(R"({"type":"tsv","train":"t","labels":["a"]})", "text\tlabel\nx\t" + evil + "\n")},
      {"number", read(R"({"type":"tsv","train":"t","label_type":"number"})", "text\tlabel\nx\t" + evil + "\n")},
      {"key", read(R"({"type":"jsonl","train":"t"})", "{" + quoted + ": 1}\n")},
      {"tag", read(R"({"type":"bio","train":"t"})", "word " + evil + "\n\n")},
      {"path",
       message_of([&] { make_part<Reader>(R"({"type":"tsv","train":)" + quoted + "}", folder.path())->read(root_key(1)); })},
      {"tensor", message_of([&] {
         put(folder, "m.safetensors", tensor_file("{" + quoted + R"(: {"dtype":"F32","shape":[2],"data_offsets":[0,4]}})"));
         read_safetensors(folder / "m.safetensors");
       })},
      {"tensor of an unknown type", message_of([&] {
         put(folder, "m.safetensors", tensor_file(R"({"a": {"dtype":)" + quoted + "}}"));
         read_safetensors(folder / "m.safetensors");
       })},
      {"section", complaints(folder, "{\"name\": \"x\", " + quoted + ": 1}")},
      {"value", complaints(folder, "{\"name\": " + quoted + "}")},
      {"part", complaints(folder, "{\"name\": \"x\", \"objective\": " + quoted + "}")},
      {"raw text", complaints(folder, "{\"name\": \"x\", // \x1b[2J\xC2\x9B\n\"objective\": \xE2\x80\xAE}")},
      {"base file", complaints(folder, "{\"name\": \"x\", \"extends\": " + quoted + "}")},
  };
  for (const auto& [what, message] : messages) {
    CAPTURE(what);
    CAPTURE(message);
    CHECK_FALSE(message.empty());
    CHECK_FALSE(raw(message));
  }
  const TempFolder run;
  Log(run.path(), [](const std::string&) {}).line("note about " + evil + "\n12:00:00 done");
  const std::string log = read_raw(run / "log.txt");
  CHECK_FALSE(raw(log));
  CHECK(log.find("\n  12:00:00 done") != log.npos);
}

TEST_CASE("a message quotes little of a file that was named by mistake") {
  const TempFolder folder;
  const std::string secret = "root:$6$" + std::string(5000, 's') + ":19000:0:99999:7:::\n";
  for (const char* type : {"tsv", "csv", "jsonl", "labelled_lines", "spans"}) {
    CAPTURE(type);
    put(folder, "t", secret);
    const std::string said = message_of(
        [&] { make_part<Reader>(text("{\"type\":\"", type, "\",\"train\":\"t\"}"), folder.path())->read(root_key(1)); });
    CHECK_FALSE(said.empty());
    CHECK(said.find(std::string(40, 's')) == said.npos);
  }
}

TEST_CASE("what unfolds without end is stopped at a limit that can be raised") {
  const TempFolder folder;
  const std::string line = "text\tlabel\n" + std::string(1 << 20, 'x') + "\t1\n";
  gzFile file = gzopen((folder / "t.gz").c_str(), "wb");
  gzwrite(file, line.data(), unsigned(line.size()));
  for (int i = 0; i < 3; ++i) gzwrite(file, line.data() + 11, unsigned(line.size() - 11));
  gzclose(file);
  const auto said = [&](const char* limit) {
    return message_of([&] {
      make_part<Reader>(text(R"({"type":"tsv","train":"t.gz","max_file_mib":)", limit, "}"), folder.path())->read(root_key(1));
    });
  };
  CHECK(said("2").find("unfolds to more than 2 MiB") != std::string::npos);
  CHECK(said("2").find("max_file_mib") != std::string::npos);
  CHECK(said("8") == "");
  put(folder, "t.gz", std::string(3 << 20, 'x'));
  CHECK(said("2").find("has more than 2 MiB") != std::string::npos);
}

TEST_CASE("pipes, sockets, devices and folders are refused, a pipe with a writer is read") {
  const TempFolder folder;
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", (folder / "socket").c_str());
  REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const auto said = [&](const std::string& path) {
    return message_of([&] { make_part<Reader>(R"({"type":"tsv","train":)" + json(path) + "}", "/")->read(root_key(1)); });
  };
  const std::pair<std::string, const char*> rows[] = {{folder / "pipe", "a pipe that nobody writes to"},
                                                      {folder / "socket", "a socket"},
                                                      {"/dev/zero", "a device"},
                                                      {folder.path(), "a directory"}};
  for (const auto& [path, words] : rows) {
    CAPTURE(path);
    CHECK(seconds([&] { CHECK(said(path).find(words) != std::string::npos); }) < 20);
    Diagnostics diagnostics;
    CHECK(message_of([&] { load_experiment(path, {}, diagnostics); }).find(words) != std::string::npos);
  }
  close(listener);
  const std::string command = "printf 'text\\tlabel\\na\\t1\\nb\\t0\\n' > '" + (folder / "pipe") + "' &";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(said(folder / "pipe") == "");
}

TEST_CASE("depth and size of a text are seen before they cost anything") {
  const TempFolder folder;
  std::string many = "{\"name\": \"x\"";
  for (int i = 0; i < 10000; ++i) many += text(", \"k", i, "\": 1");
  std::string more = "{\"name\": \"x\"";
  for (int i = 0; i < 20001; ++i) more += text(", \"k", i, "\": 1");
  std::string values = "{\"name\": \"x\", \"notes\": [1";
  for (int i = 0; i < 200000; ++i) values += ",1";
  const struct {
    const char* what;
    std::string content, said;
  } rows[] = {{"two million brackets", "{\"name\": \"x\", \"notes\": " + std::string(2000000, '['), "TD0104"},
              {"two million braces",
               [] {
                 std::string all;
                 for (int i = 0; i < 2000000; ++i) all += "{\"a\":";
                 return all;
               }(),
               "TD0104"},
              {"ten thousand unknown keys", many + "}", "... and 9980 more"},
              {"more keys than an object may have", more + "}", "more than 20000 keys in one object"},
              {"more values than a file may have", values + "]}", "more than 200000 values"},
              {"one endless line", "{\"name\": \"" + std::string(15 << 20, 'x') + "\"}", "TD0210"}};
  for (const auto& row : rows) {
    const std::string what = row.what;
    CAPTURE(what);
    std::string said;
    CHECK(seconds([&] { said = complaints(folder, row.content); }) < 4);  // under a second on an idle core
    CHECK(said.find(row.said) != said.npos);
    CHECK(said.size() < 30000);
  }
  put(folder, "foreign/tokenizer.json", "{\"model\": " + std::string(2000000, '['));
  const std::string said =
      message_of([&] { make_part<Tokenizer>(R"({"type":"pretrained","from":"foreign"})", folder.path())->fit({}); });
  CHECK(said.find("more than 64 levels") != said.npos);
}
