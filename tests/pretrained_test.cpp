// Encoders of folders: small models of every architecture give the numbers of `transformers` (golden/pretrained.py), and folders
// that are broken in twenty ways are refused by name. Next: pretrained_run_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "src/train/safetensors.h"
#include "support/golden.h"
#include "support/model_fixture.h"
#include "support/tiny_run.h"

using namespace tapedeck;
using namespace tapedeck::testing;
namespace fs = std::filesystem;

namespace {

const std::string source = TAPEDECK_SOURCE_DIR, smoke = source + "/configs/smoke/data/pretrained";

/// A model with the weights of a folder.
struct Loaded {
  test::ModelConfig config;
  ParamStore store;
  std::unique_ptr<Model> model;
  StartReport report;

  Loaded(const std::string& model_json, ModelInput input, DType dtype) {
    Diagnostics diagnostics;
    read_fields(config, parse_json("{\"model\": " + model_json + "}", "test"), "", diagnostics);
    if (!diagnostics.empty()) throw Error(ErrorKind::config, diagnostics.render());
    model = config.model->build(Params(store), input);
    store.allocate(dtype, root_key(1));
    report = store.starts().at(0)->load(store);
  }
};

std::string encoder_json(const std::string& folder, const std::string& more = "") {
  return R"({"type": "pretrained", "from": ")" + folder + R"(", "dropout": 0)" + more + "}";
}

/// The model whose logits the row holds; a head that says nothing where it holds none.
std::string model_json(const std::string& name, const std::string& folder, bool has_logits) {
  if (name == "gpt2") return R"({"type": "language_model", "encoder": )" + encoder_json(folder) + "}";
  const char* activation = name == "distilbert" ? "relu" : name == "electra" || name == "roformer" ? "gelu" : "tanh";
  const std::string head = has_logits ? text(R"({"type": "mlp", "from": "classifier", "activation": ")", activation, "\"}")
                                      : std::string(R"({"type": "linear", "dropout": 0})");
  return R"({"type": "text", "encoder": )" + encoder_json(folder) + R"(, "head": )" + head + "}";
}

Tensor ints(const std::vector<int32_t>& values) { return Tensor::from<int32_t>(values, {int64_t(values.size())}); }

/// All texts of a row, each a sequence; labels as the script gives them.
Batch batch_of(const Json& row, bool language_model) {
  std::vector<int32_t> ids, positions, segments, offsets{0}, labels, next;
  for (size_t i = 0; i < at(row, "ids").items.size(); ++i) {
    const auto& one = at(row, "ids").items[i].items;
    for (size_t t = 0; t < one.size(); ++t) {
      ids.push_back(int32_t(one[t].integer));
      positions.push_back(int32_t(t));
      segments.push_back(int32_t(at(row, "segments").items[i].items[t].integer));
      next.push_back(t + 1 < one.size() ? int32_t(one[t + 1].integer) : -1);
    }
    offsets.push_back(int32_t(ids.size()));
    labels.push_back(int32_t(i % 3));
  }
  Batch batch;
  batch.tokens = ints(ids), batch.positions = ints(positions), batch.segments = ints(segments), batch.offsets = ints(offsets);
  if (language_model) batch.token_labels = ints(next);
  else batch.labels = ints(labels);
  batch.total_sequences = batch.sequences(), batch.total_tokens = batch.token_count();
  return batch;
}

std::vector<double> values(const Tensor& t) {
  std::vector<double> all;
  for (int64_t i = 0; i < t.size(); ++i) all.push_back(t.item(i));
  return all;
}

void copy_folder(const std::string& from, const std::string& to) {
  fs::create_directories(to);
  for (const auto& file : fs::directory_iterator(from)) fs::copy(file.path(), fs::path(to) / file.path().filename());
}

}  // namespace

TEST_CASE("small models of every architecture give the numbers of transformers") {
  const Json golden = read_golden("pretrained.json");
  for (const Json& row : at(golden, "rows").items) {
    const std::string name = at(row, "name").string, folder = source + "/" + at(row, "folder").string;
    CAPTURE(name);
    const bool has_logits = row.find("logits"), language_model = name == "gpt2";
    for (const auto& [dtype, tolerance] : {std::pair{DType::f64, 1e-9}, {DType::f32, 2e-5}}) {
      CAPTURE(name_of(dtype));
      const Loaded loaded(model_json(name, folder, has_logits),
                          {.vocabulary = 40, .max_length = 20, .outputs = language_model ? 40 : 3}, dtype);
      const Batch batch = batch_of(row, language_model);
      Pass pass(loaded.store, batch, Mode::evaluate, root_key(2));
      const Output out = loaded.model->forward(pass);
      CHECK(test::gap(values(out.hidden), numbers(at(row, "hidden"))) < tolerance);
      if (has_logits) CHECK(test::gap(values(out.logits), numbers(at(row, "logits"))) < tolerance);
      CHECK(loaded.report.fresh.size() == (has_logits ? 0 : 2));
    }
  }
}

TEST_CASE("one step of AdamW leads to the same weights") {
  const Json golden = read_golden("pretrained.json");
  int rows = 0;
  for (const Json& row : at(golden, "rows").items) {
    const std::string name = at(row, "name").string;
    if (!row.find("logits")) continue;
    CAPTURE(name);
    const bool language_model = name == "gpt2";
    const ModelInput input{.vocabulary = 40, .max_length = 20, .outputs = language_model ? 40 : 3};
    const std::string folder = source + "/" + at(row, "folder").string;
    const Loaded before(model_json(name, folder, true), input, DType::f64);
    const TempFolder after_folder;
    fs::copy(folder + "/config.json", after_folder / "config.json");
    fs::copy(source + "/tests/golden/pretrained/" + name + "/after.safetensors", after_folder / "model.safetensors");
    const Loaded after(model_json(name, after_folder.path(), true), input, DType::f64);

    const auto optimizer = configured<Optimizer>("adamw", R"({"lr": 0.01})");
    optimizer->bind(before.store);
    const Batch batch = batch_of(row, language_model);
    Tape tape;
    Step step(tape, *before.model, before.store, before.config.objective->task(), batch, root_key(3), 0);
    before.config.objective->run(step);
    optimizer->update(1, 1, 1);
    for (const Parameter& p : before.store.all()) {
      CAPTURE(p.path);
      CHECK(test::gap(values(p.value), values(after.store.find(p.path)->value)) < 1e-9);
    }
    ++rows;
  }
  CHECK(rows == 6);
}

TEST_CASE("the first layers, and other lists than everything") {
  const ModelInput input{.vocabulary = 80, .max_length = 20, .outputs = 3};
  const Loaded one(R"({"type": "text", "encoder": )" + encoder_json(smoke, R"(, "layers": 1)") +
                       R"(, "head": {"type": "mlp", "from": "pooler"}})",
                   input, DType::f32);
  CHECK(one.report.fresh == std::vector<std::string>{"head.out.weight", "head.out.bias"});
  CHECK(one.report.unused.size() == 16 + 2);
  CHECK(one.report.loaded.size() == 5 + 16 + 2);
  CHECK(one.store.find("encoder.embeddings.position")->shape[0] == 64);  // all of the file, whatever the texts need
}

namespace {

/// Changes the header of a safetensors file, then keeps as many bytes of data as it says (more: zeros).
void edit_header(const std::string& path, const std::function<void(nlohmann::json&)>& change) {
  const std::string file = read_raw(path);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  nlohmann::json header = nlohmann::json::parse(file.substr(8, length));
  change(header);
  const std::string words = header.dump();
  length = words.size();
  write_raw(path, std::string(reinterpret_cast<char*>(&length), 8) + words +
                      file.substr(8 + size_t(file[0] & 0xff) + 256 * size_t(file[1] & 0xff)));
}
void edit_config(const std::string& folder, const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json config = nlohmann::json::parse(read_raw(folder + "/config.json"));
  change(config);
  write_raw(folder + "/config.json", config.dump());
}

struct Broken {
  const char* what;
  std::function<void(const std::string& folder, const std::string& weights)> spoil;
  ErrorKind kind;
  std::vector<const char*> said;
};
using J = nlohmann::json;
constexpr const char* dense = "bert.encoder.layer.1.output.dense.weight";

const std::vector<Broken> broken{
    {"a tensor is missing",
     [](auto&, auto& w) {
       edit_header(w, [](J& h) {
         h["bert.encoder.layer.1.output.densE.weight"] = h[dense];
         h.erase(dense);
       });
     },
     ErrorKind::checkpoint,
     {"encoder.layer.1.output.dense.weight is not in", "wanted for encoder.layers.1.feed_forward.out.weight", "did you mean",
      "densE"}},
    {"a tensor too many",
     [](auto&, auto& w) {
       edit_header(w, [](J& h) {
         h["bert.adapter.weight"] = h["classifier.bias"];
         h.erase("classifier.bias");
       });
     },
     ErrorKind::checkpoint,
     {"bert.adapter.weight is not part of a model of the type bert"}},
    {"wrong shape",
     [](auto&, auto& w) { edit_header(w, [](J& h) {
                            h[dense]["shape"] = {12, 8};
                          }); },
     ErrorKind::checkpoint,
     {dense, "has [12,8]", "config.json says hidden_size 8, intermediate_size 12"}},
    {"a type of eight bits",
     [](auto&, auto& w) {
       edit_header(w, [](J& h) {
         h[dense]["dtype"] = "F8_E4M3";
         h[dense]["shape"] = {8, 48};
       });
     },
     ErrorKind::checkpoint,
     {dense}},
    {"whole numbers",
     [](auto&, auto& w) { edit_header(w, [](J& h) { h[dense]["dtype"] = "I32"; }); },
     ErrorKind::checkpoint,
     {dense, "I32 is not read; save as F32"}},
    {"a type nobody knows",
     [](auto&, auto& w) { edit_header(w, [](J& h) { h[dense]["dtype"] = "F4"; }); },
     ErrorKind::checkpoint,
     {dense, "no dtype F4"}},
    {"1e12 rows",
     [](auto&, auto& w) { edit_header(w, [](J& h) {
                            h[dense]["shape"] = {1000000000000, 12};
                          }); },
     ErrorKind::checkpoint,
     {dense, "[1000000000000,12]"}},
    {"1e12 rows and offsets",
     [](auto&, auto& w) {
       edit_header(w, [](J& h) {
         h[dense]["shape"] = {1000000000000, 12};
         h[dense]["data_offsets"][1] = 48000000000000;
       });
     },
     ErrorKind::checkpoint,
     {dense}},
    {"truncated", [](auto&, auto& w) { fs::resize_file(w, fs::file_size(w) - 5); }, ErrorKind::checkpoint, {"model.safetensors"}},
    {"cut within the header", [](auto&, auto& w) { fs::resize_file(w, 100); }, ErrorKind::checkpoint, {"header"}},
    {"empty", [](auto&, auto& w) { fs::resize_file(w, 0); }, ErrorKind::checkpoint, {"has 0 bytes"}},
    {"a pointer of Git LFS",
     [](auto&, auto& w) { write_raw(w, "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 90\n"); },
     ErrorKind::checkpoint,
     {"Git LFS pointer", "git lfs pull"}},
    {"a pickle only",
     [](auto& f, auto& w) { fs::rename(w, f + "/pytorch_model.bin"); },
     ErrorKind::checkpoint,
     {"pytorch_model.bin: is a program", "save_pretrained"}},
    {"ONNX only", [](auto& f, auto& w) { fs::rename(w, f + "/model.onnx"); }, ErrorKind::data, {"only a file .onnx"}},
    {"no weights", [](auto&, auto& w) { fs::remove(w); }, ErrorKind::data, {"holds no model.safetensors"}},
    {"no config", [](auto& f, auto&) { fs::remove(f + "/config.json"); }, ErrorKind::data, {"holds no config.json"}},
    {"config cut off", [](auto& f, auto&) { fs::resize_file(f + "/config.json", 60); }, ErrorKind::data, {"config.json"}},
    {"another family",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["model_type"] = "mpnet"; }); },
     ErrorKind::checkpoint,
     {"model_type \"mpnet\" is not read: relative position bias", "read: bert, roberta"}},
    {"config that lies about the width",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["hidden_size"] = 16; }); },
     ErrorKind::checkpoint,
     {"config.json says hidden_size 16"}},
    {"config that lies about the layers",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["num_hidden_layers"] = 1; }); },
     ErrorKind::checkpoint,
     {"bert.encoder.layer.1.attention.self.query.weight is not part"}},
    {"config with a layer too many",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["num_hidden_layers"] = 3; }); },
     ErrorKind::checkpoint,
     {"encoder.layer.2.attention.self.query.weight is not in"}},
    {"config with 1e12 positions",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["max_position_embeddings"] = 1000000000000; }); },
     ErrorKind::checkpoint,
     {"max_position_embeddings is 1000000000000"}},
    {"heads that do not divide",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["num_attention_heads"] = 3; }); },
     ErrorKind::checkpoint,
     {"hidden_size 8 is not a multiple of num_attention_heads 3"}},
    {"relative positions",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["position_embedding_type"] = "relative_key"; }); },
     ErrorKind::checkpoint,
     {"relative_key"}},
    {"an activation nobody knows",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["hidden_act"] = "gelu_10"; }); },
     ErrorKind::checkpoint,
     {"hidden_act \"gelu_10\" is not read"}},
    {"a vocabulary that is too long",
     [](auto& f, auto&) { edit_config(f, [](J& c) { c["vocab_size"] = 79; }); },
     ErrorKind::checkpoint,
     {"the tokenizer has 80 tokens", "79 rows"}},
    {"a shard is missing",
     [](auto& f, auto& w) {
       fs::rename(w, f + "/model-00001-of-00002.safetensors");
       write_raw(f + "/model.safetensors.index.json",
                 R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})");
     },
     ErrorKind::data,
     {"model-00002-of-00002.safetensors, named in the index, is missing"}},
    {"an index of another download",
     [](auto& f, auto& w) {
       fs::rename(w, f + "/model-00001-of-00001.safetensors");
       write_raw(f + "/model.safetensors.index.json", R"({"weight_map": {"a": "model-00001-of-00001.safetensors"}})");
     },
     ErrorKind::checkpoint,
     {"says that a is in", "does not hold it"}},
    {"an index that climbs",
     [](auto& f, auto& w) {
       fs::remove(w);
       write_raw(f + "/model.safetensors.index.json", R"({"weight_map": {"a": "../x.safetensors"}})");
     },
     ErrorKind::checkpoint,
     {"gives no file name for \"a\""}},
    {"no folder", [](auto& f, auto&) { fs::remove_all(f); }, ErrorKind::data, {"there is no such folder"}},
};

}  // namespace

TEST_CASE("broken folders are refused by name") {
  const ModelInput input{.vocabulary = 80, .max_length = 20, .outputs = 3};
  for (const Broken& row : broken) {
    CAPTURE(row.what);
    const TempFolder folder(Medium::memory);
    const std::string model = folder / "m";
    copy_folder(smoke, model);
    row.spoil(model, model + "/model.safetensors");
    std::string said;
    try {
      Loaded(R"({"type": "text", "encoder": )" + encoder_json(model) + "}", input, DType::f32);
      said = "loaded";
    } catch (const Error& e) {
      said = e.what();
      CHECK(int(e.kind()) == int(row.kind));
      CHECK(e.hint() != "");
    }
    INFO(said);
    for (const char* words : row.said) CHECK(said.find(words) != said.npos);
  }
}

TEST_CASE("what an experiment asks of a folder and it does not have") {
  struct Row {
    const char* encoder;
    const char* head;
    int64_t max_length;
    std::vector<const char*> said;
  };
  for (const Row& row :
       std::vector<Row>{{R"(, "layers": 3)", R"({"type": "linear"})", 20, {"layers 3 are wanted", "config.json has 2"}},
                        {R"(, "layers": "some")", R"({"type": "linear"})", 20, {"layers is \"some\""}},
                        {"", R"({"type": "linear"})", 65, {"tokenizer.max_length 65 is above the 64 positions"}},
                        {"",
                         R"({"type": "mlp", "hidden": 5, "from": "pooler"})",
                         20,
                         {"bert.pooler.dense.weight has [8,8], wanted [5,8] for head.dense.weight"}},
                        {R"(, "width": 8)", R"({"type": "linear"})", 20, {"width"}},
                        {R"(, "saved": {"config": {}})", R"({"type": "linear"})", 20, {"saved holds config and sha256"}}}) {
    std::string said;
    try {
      Loaded(R"({"type": "text", "encoder": )" + encoder_json(smoke, row.encoder) + R"(, "head": )" + row.head + "}",
             {.vocabulary = 80, .max_length = row.max_length, .outputs = 3}, DType::f32);
    } catch (const Error& e) { said = e.what(); }
    INFO(said);
    for (const char* words : row.said) CHECK(said.find(words) != said.npos);
  }
}
