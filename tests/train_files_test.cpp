// Files: safetensors survive the round trip and refuse hostile bytes, writes are all or nothing, checkpoints are checked to
// the last bit before anything is loaded. Next: train_loop_test.cpp.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include <tapedeck/train/checkpoint.h>

#include "src/train/checkpoint_folder.h"
#include "src/train/files.h"
#include "support/compare.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

std::string file_of(uint64_t length, const std::string& header, size_t data) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\1');
}
std::string file_of(const std::string& header, size_t data) { return file_of(header.size(), header, data); }

std::string one(const std::string& entry) { return R"({"a":{)" + entry + "}}"; }

struct Hostile {
  const char* what;
  std::string bytes;
};
std::vector<Hostile> hostile_files() {
  const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", entry = "{" + good + "}";
  std::string deep, many = "{";
  for (int i = 0; i < 100000; ++i) deep += R"({"a":)";
  for (int i = 0; i <= 100000; ++i) many += text(i ? "," : "", "\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  return {
      {"empty file", ""},
      {"seven bytes", "1234567"},
      {"length only, no header", file_of("", 0)},
      {"header longer than the file", file_of(1000, one(good), 8)},
      {"header length of 2^64-1", file_of(~uint64_t{0}, one(good), 8)},
      {"header length of 2^63", file_of(uint64_t{1} << 63, one(good), 8)},
      {"header above the cap", file_of((16u << 20) + 1, std::string((16u << 20) + 1, ' '), 0)},
      {"not JSON", file_of("{nonsense", 0)},
      {"header in another encoding", file_of(std::string("{\"\xff\":") + entry + "}", 8)},
      {"a list", file_of("[1,2]", 0)},
      {"a space before {", file_of(" " + one(good), 8)},
      {"text after the header", file_of(one(good) + "x", 8)},
      {"a second object after the header", file_of(one(good) + "{}", 8)},
      {"header cut short", file_of(one(good).substr(0, 30), 8)},
      {"comment in the header", file_of("{/*x*/\"a\":" + entry + "}", 8)},
      {"number as entry", file_of(R"({"a":3})", 0)},
      {"null as entry", file_of(R"({"a":null})", 0)},
      {"true as entry", file_of(R"({"a":true})", 0)},
      {"unknown dtype", file_of(one(R"("dtype":"F8","shape":[8],"data_offsets":[0,8])"), 8)},
      {"half precision", file_of(one(R"("dtype":"BF16","shape":[4],"data_offsets":[0,8])"), 8)},
      {"dtype as number", file_of(one(R"("dtype":1,"shape":[2],"data_offsets":[0,8])"), 8)},
      {"dtype missing", file_of(one(R"("shape":[2],"data_offsets":[0,8])"), 8)},
      {"shape missing", file_of(one(R"("dtype":"F32","data_offsets":[0,8])"), 8)},
      {"offsets missing", file_of(one(R"("dtype":"F32","shape":[2])"), 8)},
      {"dtype twice", file_of(one(good + R"(,"dtype":"F32")"), 8)},
      {"shape twice", file_of(one(good + R"(,"shape":[2])"), 8)},
      {"unknown key", file_of(one(good + R"(,"strides":[1])"), 8)},
      {"negative dimension", file_of(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8)},
      {"fractional dimension", file_of(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8)},
      {"dimension of 2^64", file_of(one(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8])"), 8)},
      {"dimensions that overflow", file_of(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), 8)},
      {"dimensions that overflow to the right size",
       file_of(one(R"("dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8])"), 8)},
      {"nested shape", file_of(one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), 8)},
      {"rank 7", file_of(one(R"("dtype":"F32","shape":[1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8)},
      {"shape larger than the range", file_of(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8)},
      {"one offset", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[8])"), 8)},
      {"three offsets", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), 8)},
      {"offsets reversed", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8)},
      {"offsets past the end", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 8)},
      {"negative offset", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), 8)},
      {"data cut short", file_of(one(good), 7)},
      {"data too long", file_of(one(good), 9)},
      {"hole at the start", file_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12)},
      {"hole between", file_of(R"({"a":)" + entry + R"(,"b":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}})", 10)},
      {"overlap", file_of(R"({"a":)" + entry + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12)},
      {"the same bytes twice", file_of(R"({"a":)" + entry + R"(,"b":)" + entry + "}", 8)},
      {"a name twice", file_of(R"({"a":)" + entry + R"(,"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", 16)},
      {"an empty name", file_of(R"({"":)" + entry + "}", 8)},
      {"a name of 300 bytes", file_of("{\"" + std::string(300, 'n') + "\":" + entry + "}", 8)},
      {"metadata with a number", file_of(R"({"__metadata__":{"k":1},"a":)" + entry + "}", 8)},
      {"metadata twice", file_of(R"({"__metadata__":{},"__metadata__":{},"a":)" + entry + "}", 8)},
      {"metadata key twice", file_of(R"({"__metadata__":{"k":"1","k":"2"},"a":)" + entry + "}", 8)},
      {"metadata as list", file_of(R"({"__metadata__":[],"a":)" + entry + "}", 8)},
      {"nesting without end", file_of(deep, 0)},
      {"more tensors than any model", file_of(many + "}", 0)},
  };
}

std::vector<std::pair<std::string, Tensor>> samples() {
  const Key key = root_key(1);
  return {{"z.last", Tensor::normal({3, 5}, key, 0, 1)},
          {"bytes", Tensor::of<uint8_t>({1, 2, 255}, {3})},
          {"a.first", Tensor::normal({2, 1, 3}, key / 1, 0, 1, DType::f64)},
          {"index", Tensor::of<int32_t>({-1, 2147483647}, {2})},
          {"scalar", Tensor::scalar(0.1, DType::f64)},
          {"none", Tensor::empty({0, 7})},
          {"deep", Tensor::zeros({1, 1, 2, 1, 1, 1})},
          {"gr\xc3\xb6\xc3\x9f"
           "e \"quoted\"\n",
           Tensor::of<float>({-0.0f, 1e-45f, 3e38f}, {3})}};
}

}  // namespace

TEST_CASE("safetensors: what is written is read back, in order and to the bit") {
  const TempFolder folder;
  const std::string path = folder / "t.safetensors";
  for (auto& tensors : {samples(), {}}) {
    write_safetensors(path, tensors, {{"format", "tapedeck"}, {"note", "\"x\"\t"}});
    const SafeTensors back = read_safetensors(path);
    CHECK(back.metadata.at("note") == "\"x\"\t");
    REQUIRE(back.tensors.size() == tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].second.size() == 0) continue;
      CAPTURE(tensors[i].first);
      CHECK(same_bits(back.tensors[i].second, tensors[i].second));
    }
    std::vector<std::string> names, expected;
    for (auto& t : tensors) expected.push_back(t.first);
    for (auto& t : back.tensors) names.push_back(t.first);
    std::sort(names.begin(), names.end());
    std::sort(expected.begin(), expected.end());
    CHECK(names == expected);
    uint64_t length = 0;
    const std::string bytes = read_raw(path);
    std::memcpy(&length, bytes.data(), 8);
    CHECK(length % 8 == 0);
    CHECK(bytes[8] == '{');
  }
}

TEST_CASE("safetensors: hostile files are refused by name and without taking memory") {
  const TempFolder folder;
  for (auto& file : hostile_files()) {
    CAPTURE(file.what);
    const std::string path = folder / "hostile.safetensors";
    write_raw(path, file.bytes);
    Pool::instance().reset_peak();
    const size_t before = Pool::instance().stats().peak_bytes;
    const std::string said = thrown([&] { read_safetensors(path); }, ErrorKind::checkpoint);
    CHECK(said.find(path) != said.npos);
    CHECK(Pool::instance().stats().peak_bytes == before);
  }
}

TEST_CASE("safetensors: every truncation and every flipped header byte of a small file is survived") {
  const TempFolder folder;
  const std::string path = folder / "t.safetensors";
  write_safetensors(path, {{"a", Tensor::zeros({3})}, {"b", Tensor::zeros({2, 2}, DType::f64)}});
  const std::string good = read_raw(path);
  for (size_t n = 0; n < good.size(); ++n) {
    write_raw(path, good.substr(0, n));
    CHECK_FALSE(thrown([&] { read_safetensors(path); }, ErrorKind::checkpoint).empty());
  }
  for (size_t i = 0; i < good.size() * 8; ++i) {
    std::string bad = good;
    bad[i / 8] = char(bad[i / 8] ^ (1 << (i % 8)));
    write_raw(path, bad);
    const std::string said = thrown([&] { read_safetensors(path); }, ErrorKind::checkpoint);
    CHECK(said.find("another kind") == said.npos);  // a flip in a name or in the data leaves a valid file
  }
}

TEST_CASE("missing files, folders and pipes are named, not waited for") {
  const TempFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  for (const std::string& path : {folder / "missing", folder.path(), pipe, std::string("/dev/null")}) {
    CAPTURE(path);
    CHECK(thrown([&] { read_file(path); }, ErrorKind::data).find(path) != std::string::npos);
    CHECK(thrown([&] { read_safetensors(path); }, ErrorKind::data).find(path) != std::string::npos);
  }
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
  const TempFolder folder;
  const std::string path = folder / "state.json";
  write_file_atomically(path, "old");
  write_file_atomically(path, "old again");
  CHECK(read_file(path) == "old again");
  fs::create_directory(folder / "taken");
  write_raw(folder / "taken/x", "");
  struct Row {
    const char* what;
    std::string path;
  };
  for (auto& row : std::vector<Row>{{"no such folder", folder / "no/such/file"},
                                    {"a folder in its place", folder / "taken"},
                                    {"a file as folder", folder / "state.json/x"},
                                    {"a name too long", folder / std::string(300, 'n')},
                                    {"a file system without files", "/proc/tapedeck"}}) {
    CAPTURE(row.what);
    const std::string said = thrown([&] { write_file_atomically(row.path, "new"); }, ErrorKind::data);
    CHECK(said.find(fs::path(row.path).filename().string().substr(0, 50)) != said.npos);
  }
  // A limit on file sizes stands in for a full disk: write() fails half-way.
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string full = thrown([&] { write_file_atomically(path, std::string(10000, 'x')); }, ErrorKind::data);
  const std::string tensors = thrown([&] { write_safetensors(path, {{"a", Tensor::zeros({10000})}}); }, ErrorKind::data);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(full.find("cannot be written") != full.npos);
  CHECK(tensors.find("cannot be written") != tensors.npos);
  CHECK(read_file(path) == "old again");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("a checkpoint with any byte changed is not loaded") {
  const TempFolder folder;
  TinyRun run;
  run.optimizer->bind(run.store);
  CheckpointFolder checkpoints(folder.path(), run.checkpoints.keep, "validation/accuracy");
  TrainState state;
  state.step = 5;
  const std::string path = checkpoints.save(state, run.store, *run.optimizer);
  CHECK(path == folder / "checkpoints/step-000005");
  verify_checkpoint(path);
  for (auto& entry : fs::directory_iterator(path)) {
    const std::string file = entry.path().string(), good = read_raw(file);
    CAPTURE(file);
    for (size_t i = 0; i < good.size(); i += 1 + good.size() / 200) {
      std::string bad = good;
      bad[i] = char(bad[i] ^ (1 << (i % 8)));
      write_raw(file, bad);
      const std::string said = thrown([&] { load_parameters(path, run.store); }, ErrorKind::checkpoint);
      CHECK(said.find(path) != said.npos);
    }
    write_raw(file, good.substr(0, good.size() / 2));
    CHECK_FALSE(thrown([&] { verify_checkpoint(path); }, ErrorKind::checkpoint).empty());
    fs::remove(file);
    CHECK_FALSE(thrown([&] { verify_checkpoint(path); }, ErrorKind::checkpoint).empty());
    write_raw(file, good);
    verify_checkpoint(path);
  }
}

TEST_CASE("a checkpoint that does not fit the model lists every difference") {
  const TempFolder folder;
  TinyRun run;
  run.optimizer->bind(run.store);
  CheckpointFolder checkpoints(folder.path(), run.checkpoints.keep, "validation/accuracy");
  const std::string path = checkpoints.save(TrainState{}, run.store, *run.optimizer);
  ParamStore other;
  other.declare("bag.table", {12, 5}, Init::zeros());
  other.declare("head.weight", {2, 4}, Init::zeros());
  other.declare("head.extra", {1}, Init::ones());
  other.allocate(DType::f32, root_key(0));
  const std::string said = thrown([&] { load_parameters(path, other); }, ErrorKind::checkpoint);
  for (const char* part : {"bag.table", "[12,4]", "[12,5]", "head.extra is missing", "no parameter head.bias"}) {
    CAPTURE(part);
    CHECK(said.find(part) != said.npos);
  }
  CHECK(other.all()[2].value.item() == 1);
  TinyRun wide(0.2, DType::f64);  // the same model in the other precision converts
  load_parameters(path, wide.store);
  CHECK(wide.store.all()[0].value.item(7) == run.store.all()[0].value.item(7));
}

TEST_CASE("find_checkpoint follows the newest state, whatever best.json and last.json say") {
  const TempFolder folder;
  TinyRun run;
  run.folder = folder.path();
  const auto best = int64_t(run.run().best.at("step"));
  for (const char* content :
       {R"({"path":"step-000010","step":10})", "{}", "", "[]", R"({"path":"../../etc"})", R"({"path":7})"}) {
    CAPTURE(content);
    for (const char* pointer : {"best", "last"}) write_raw(folder / text("checkpoints/", pointer, ".json"), content);
    CHECK(find_checkpoint(folder.path(), "best") == folder / "checkpoints/" + step_name(best));
    CHECK(find_checkpoint(folder.path(), "last") == folder / "checkpoints/step-000040");
  }
  CHECK(find_checkpoint(folder.path(), "step-000040") == folder / "checkpoints/step-000040");
  const TempFolder empty;
  CHECK_FALSE(has_checkpoint(empty.path(), "last"));
  CHECK(thrown([&] { find_checkpoint(empty.path(), "last"); }, ErrorKind::checkpoint).find("no last checkpoint") !=
        std::string::npos);
}

TEST_CASE("a state that no run writes is refused with its file and a remedy, although its checksum is right") {
  const TempFolder folder;
  const auto start = [&] {
    auto run = std::make_unique<TinyRun>();
    run->folder = folder.path();
    return run;
  };
  start()->run();
  const std::string step = folder / "checkpoints/step-000040", good = read_raw(step + "/state.json");
  struct Row {
    const char *key, *value, *says;
  };
  for (auto& row : std::vector<Row>{{"step", "-1", "from 0 to"},
                                    {"step", "4611686018427387904", "from 0 to"},
                                    {"step", "41", "the folder is step-000040"},
                                    {"step", "1e3", "a whole number"},
                                    {"evaluated", "-2", "from -1 to 40"},
                                    {"evaluated", "41", "from -1 to 40"},
                                    {"without_improvement", "-1", "from 0 to"},
                                    {"dtype", "\"f16\"", "f32 or f64"},
                                    {"format", "2", "reads format 1"}}) {
    CAPTURE(std::string(row.key));
    CAPTURE(std::string(row.value));
    const size_t at = good.find(text("\"", row.key, "\": ")) + std::strlen(row.key) + 4;
    write_raw(step + "/state.json", good.substr(0, at) + row.value + good.substr(good.find_first_of(",\n", at)));
    write_raw(step + "/complete", checkpoint_manifest(step));
    for (const std::string& said : {thrown([&] { start()->run(true); }, ErrorKind::checkpoint),
                                    thrown([&] { find_checkpoint(folder.path(), "best"); }, ErrorKind::checkpoint)}) {
      CHECK(said.find("step-000040/state.json") != said.npos);
      CHECK(said.find(row.says) != said.npos);
    }
  }
  CHECK(thrown([&] { start()->run(true); }, ErrorKind::checkpoint).find("use the version") != std::string::npos);
}

TEST_CASE("leftovers of killed writers go, and a file that was moved aside comes back where its successor never arrived") {
  const TempFolder folder;
  for (const char* name : {".a.tmp-17", ".b.tmp-17.old/x", "c", ".c.tmp-17.old", ".keep", "d.tmp-17"}) {
    fs::create_directories(fs::path(folder / name).parent_path());
    write_raw(folder / name, name);
  }
  sweep_leftovers(folder.path());
  CHECK(list_folder(folder.path()) == std::vector<std::string>{".keep", "b", "c", "d.tmp-17"});
  CHECK(read_raw(folder / "b/x") == ".b.tmp-17.old/x");
  CHECK(read_raw(folder / "c") == "c");
}
