// Broken experiment files and misused commands: each ends with its documented exit code, a place and a hint, never with
// a crash. Rows with an @ expect the diagnostic at that line and column. Next: cli_test.cpp for what works.
#include <doctest/doctest.h>

#include <tapedeck/base/error.h>
#include <tapedeck/run/run.h>

#include "support/process.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

struct Broken {
  std::string what;
  std::string json;  // a section without an own "data" gets a small one; @ marks the place
  int exit_code;
  std::vector<std::string> words;  // all of them appear in the message
};

constexpr const char* small_data = R"("data": {"type": "builtin", "train": 24, "validation": 8, "test": 8},)";

/// A whole file around one section, on a line of its own.
std::string with(const std::string& section) {
  return std::string("{\n\"name\": \"broken\",\n") + small_data + "\n" + section + "\n}\n";
}
std::string encoder(const std::string& options) {
  return with("\"model\": {\"type\": \"text\", \"encoder\": {\"type\": \"transformer\", " + options + "}}");
}
std::string training(const std::string& options) { return with("\"training\": {" + options + "}"); }
std::string evaluation(const std::string& options) { return with("\"evaluation\": {" + options + "}"); }

const std::vector<Broken> broken_files = {
    // the text
    {"empty file", "", 3, {"TD0101"}},
    {"comma too many", "{\n\"name\": \"x\"@,}", 3, {"TD0101"}},
    {"comma too few", "{\n\"name\": \"x\"\n@\"seed\": 1}", 3, {"TD0101"}},
    {"single quotes", "{@'name': 'x'}", 3, {"TD0101"}},
    {"capital True", "{\"name\": \"x\", \"training\": @True}", 3, {"TD0101"}},
    {"open bracket", "{\"name\": \"x\", \"seeds\": [1, 2", 3, {"TD0101"}},
    {"a list", "@[1, 2]", 3, {"TD0106"}},
    {"a key twice", "{\"name\": \"x\", @\"name\": \"y\"}", 3, {"TD0102"}},
    {"not UTF-8", "{\"name\": \"x\", \"notes\": \"caf\xE9\"}", 3, {"TD0103"}},
    {"too deep", "{\"name\": \"x\", \"notes\": " + std::string(80, '[') + std::string(80, ']') + "}", 3, {"TD0104"}},
    {"a thousand mistakes", "{" + std::string(1000, ','), 3, {"TD0101"}},
    // the file as a whole
    {"no name", "{\"seed\": 1}", 3, {"TD0307", "name"}},
    {"a path as name", "{\"name\": @\"../x\"}", 3, {"TD0210", "letters"}},
    {"a number as name", "{\"name\": @7}", 3, {"TD0303"}},
    {"another format", "{\"format\": @2, \"name\": \"x\"}", 3, {"TD0209"}},
    {"seed and seeds", with("\"seed\": 1, @\"seeds\": [1, 2]"), 3, {"TD0206", "remove one"}},
    {"missing base file", "{\"extends\": @\"nowhere.json\", \"name\": \"x\"}", 3, {"TD0201", "nowhere.json"}},
    {"extends itself", "{\"extends\": @\"broken.json\", \"name\": \"x\"}", 3, {"TD0202"}},
    {"extends a number", "{\"extends\": @3, \"name\": \"x\"}", 3, {"TD0303"}},
    {"unknown variable", with("\"notes\": \"@${vars.folder}\", \"vars\": {\"folders\": \"x\"}"), 3, {"TD0207", "vars.folders"}},
    {"environment variable", with("\"notes\": \"@${env:TAPEDECK_SURELY_NOT_SET}\""), 3, {"TD0208"}},
    {"open variable", with("\"notes\": @\"${vars.x\""), 3, {"TD0207", "never closed"}},
    // sections of later versions
    {"no stages", with("\"stages\": @[]"), 3, {"TD0303", "1 to 100"}},
    {"stage without a name", with("\"stages\": [@{}]"), 3, {"TD0307", "a stage needs"}},
    {"stages of one name", with("\"stages\": [{\"name\": \"a\"}, {\"name\": @\"a\"}]"), 3, {"TD0322", "two stages"}},
    {"stage with seeds", with("\"stages\": [{\"name\": \"a\", @\"seeds\": [1, 2]}]"), 3, {"TD0301", "beside"}},
    {"stage with a mistake",
     with("\"stages\": [{\"name\": \"a\"}, {\"name\": \"b\", \"objective\": @\"r_drap\"}]"),
     3,
     {"r_drop"}},
    {"sweep without a type", with("\"sweep\": @{}"), 3, {"TD0308", "grid"}},
    {"sweep over seeds",
     with("\"sweep\": {\"type\": \"grid\", \"over\": {\"seed\": @[1, 2]}}"),
     3,
     {"TD0311", "beside \"sweep\""}},
    {"sweep over a range",
     with("\"sweep\": {\"type\": \"grid\", \"over\": @{\"optimizer.lr\": {\"uniform\": [0, 1]}}}"),
     3,
     {"TD0311", "random"}},
    {"sweep over nothing", with("\"sweep\": {\"type\": \"random\", \"over\": @{}}"), 3, {"TD0311", "nothing varies"}},
    {"output above the working directory", with("\"output\": @\"../../../runs\""), 3, {"TD0327", "-o DIR"}},
    {"a missing plugin", with("\"plugins\": [@\"x.so\"]"), 3, {"TD0326", "x.so", "cannot be found"}},
    // names
    {"unknown section", with("@\"optimiser\": {}"), 3, {"TD0301", "optimizer"}},
    {"unknown option",
     with("\"schedule\": {\"type\": \"linear\", @\"warm_up\": \"6%\"}"),
     3,
     {"TD0301", "did you mean \"warmup\"?"}},
    {"another tool's name", with("\"optimizer\": {\"type\": \"adamw\", @\"learning_rate\": 1}"), 3, {"TD0301", "\"lr\""}},
    {"unknown objective", with("\"objective\": @\"rdrop\""), 3, {"TD0302", "r_drop"}},
    {"unknown schedule", with("\"schedule\": {\"type\": @\"liner\"}"), 3, {"TD0302", "linear"}},
    {"unknown encoder", with("\"model\": {\"type\": \"text\", \"encoder\": @\"transfomer\"}"), 3, {"TD0302", "transformer"}},
    {"unknown sampler", training("\"sampler\": @\"shufle\""), 3, {"TD0302", "shuffle"}},
    {"unknown loss", with("\"objective\": {\"type\": \"r_drop\", \"loss\": @\"crossentropy\"}"), 3, {"TD0302", "cross_entropy"}},
    {"unknown tokenizer", with("\"tokenizer\": @\"bpe\""), 3, {"TD0302", "word"}},
    {"no type", with("\"objective\": @{\"alpha\": 1}"), 3, {"TD0308", "\"type\""}},
    {"unknown choice", with("\"model\": {\"type\": \"text\", \"pooling\": @\"maen\"}"), 3, {"TD0306", "mean"}},
    {"unknown target", with("\"logging\": {\"to\": [@\"tensorboard\"]}"), 3, {"TD0306", "jsonl"}},
    // values
    {"a word for a number", with("\"optimizer\": {\"type\": \"adamw\", \"lr\": @\"fast\"}"), 3, {"TD0303", "a number"}},
    {"a quoted number", with("\"optimizer\": {\"type\": \"adamw\", \"lr\": @\"0.1\"}"), 3, {"TD0303", "without quotes"}},
    {"a number for a section", with("\"training\": @3"), 3, {"TD0303", "an object"}},
    {"negative rate", with("\"optimizer\": {\"type\": \"adamw\", \"lr\": @-1}"), 3, {"TD0304", "optimizer.lr"}},
    {"no batch", training("\"batch_size\": @0"), 3, {"TD0304"}},
    {"half a batch", training("\"batch_size\": @1.5"), 3, {"TD0303", "whole number"}},
    {"clipping at zero", training("\"clip_grad_norm\": @0"), 3, {"TD0304", "greater than 0"}},
    {"all dropped", encoder("\"dropout\": @1.0"), 3, {"TD0304", "less than 1"}},
    {"texts without room", with("\"tokenizer\": {\"type\": \"word\", \"max_length\": @1}"), 3, {"TD0304", "max_length"}},
    {"negative seed", with("\"seed\": @-1"), 3, {"TD0304"}},
    {"no seeds", with("\"seeds\": @[]"), 3, {"TD0310"}},
    {"a seed twice", with("\"seeds\": [1, 2, @1]"), 3, {"TD0322", "seeds holds 1 twice"}},
    {"no checkpoints kept", with("\"checkpoints\": {\"keep\": {\"last\": @0}}"), 3, {"TD0304"}},
    {"bare duration", training("\"duration\": @3"), 3, {"TD0305", "\"3 epochs\""}},
    {"unknown unit", training("\"duration\": @\"3 eons\""), 3, {"TD0305"}},
    {"unit that does not fit", training("\"duration\": @\"2 h\""), 3, {"TD0305"}},
    {"no threads", with("\"runtime\": {\"threads\": @0}"), 3, {"TD0304", "runtime.threads"}},
    {"many threads", with("\"runtime\": {\"threads\": @\"many\"}"), 3, {"TD0303", "auto"}},
    {"half precision", with("\"runtime\": {\"dtype\": @\"f16\"}"), 3, {"TD0306", "f32"}},
    {"chance", with("\"runtime\": {\"deterministic\": @false}"), 3, {"TD0306"}},
    {"needs a file", "{\"name\": \"x\", \"data\": @{\"type\": \"tsv\"}}", 3, {"TD0307", "train"}},
    {"a bare reader", "{\"name\": \"x\", \"data\": @\"tsv\"}", 3, {"TD0309", "train"}},
    // what does not go together
    {"nothing to train", training("\"duration\": @\"0 epochs\""), 3, {"TD0317", "nothing would be trained"}},
    {"evaluations without distance", evaluation("\"every\": @\"0 steps\""), 3, {"TD0317"}},
    {"no patience at all", evaluation("\"patience\": @\"0 evaluations\""), 3, {"TD0317"}},
    {"warm-up longer than the run",
     with("\"schedule\": {\"type\": \"linear\", \"warmup\": @\"9 epochs\"}"),
     3,
     {"TD0317", "shorten"}},
    {"warm-up longer than the run in another unit",
     with("\"training\": {\"duration\": \"6 steps\", \"batch_size\": 8},\n\"schedule\": {\"type\": \"linear\", \"warmup\": @\"9 "
          "epochs\"}"),
     3,
     {"TD0317", "takes 27 steps", "shorten"}},
    {"average that never begins",
     training("\"duration\": \"6 steps\", \"average\": {\"type\": \"swa\", \"start\": @\"9 epochs\"}"),
     3,
     {"TD0317", "nothing would be averaged"}},
    {"rising schedule", with("\"schedule\": {\"type\": \"linear\", \"end_lr\": @5.0}"), 3, {"TD0325", "end_lr"}},
    {"micro larger than batch", training("\"batch_size\": 8, \"micro_batch_size\": @16"), 3, {"TD0316", "at most 8"}},
    {"micro with coupled examples",
     with("\"objective\": {\"type\": \"gradient_penalty\", \"form\": \"norm\", \"per_sample\": false}, \"training\": "
          "{\"batch_size\": 8, \"micro_batch_size\": @4}"),
     3,
     {"TD0316", "remove"}},
    {"unknown metric", evaluation("\"metrics\": [@\"acuracy\"]"), 3, {"TD0313", "accuracy"}},
    {"metric for numbers", evaluation("\"metrics\": [\"accuracy\", @\"spearman\"]"), 3, {"TD0314", "suited"}},
    {"metric twice", evaluation("\"metrics\": [\"f1\", @\"f1\"]"), 3, {"TD0322"}},
    {"best not measured", evaluation("\"metrics\": [\"accuracy\"], \"best\": @\"f1\""), 3, {"TD0315", "measured: accuracy"}},
    {"best without validation",
     "{\"name\": \"x\", \"data\": {\"type\": \"builtin\", \"train\": 24, \"validation\": 0},\n\"evaluation\": @{\"patience\": "
     "\"3 evaluations\"}}",
     3,
     {"TD0315"}},
    {"freeze nothing", with("\"freeze\": [@\"encoder.layer.*\"]"), 3, {"TD0312", "nearest"}},
    {"freeze everything", with("\"freeze\": @[\"*\"]"), 3, {"TD0312", "nothing would train"}},
    {"group of nobody",
     with("\"optimizer\": {\"type\": \"adamw\", \"groups\": [{\"match\": [@\"*.biass\"], \"lr\": 0.1}]}"),
     3,
     {"TD0312"}},
    {"group without pattern", with("\"optimizer\": {\"type\": \"adamw\", \"groups\": [@{\"lr\": 0.1}]}"), 3, {"TD0307", "match"}},
    {"unknown site", with("\"objective\": {\"type\": \"fgm\", \"at\": @\"embeding\"}"), 3, {"TD0318", "embedding"}},
    {"attack of a table by sample", with("\"objective\": {\"type\": \"fgm\", \"scope\": @\"sample\"}"), 3, {"TD0325", "tensor"}},
    {"penalty of a table by sample",
     with("\"objective\": {\"type\": \"gradient_penalty\", \"at\": \"encoder.embeddings.word\", \"per_sample\": @true}"),
     3,
     {"TD0325"}},
    {"rates for other passes", with("\"objective\": {\"type\": \"r_drop\", \"dropout\": @[0.1]}"), 3, {"TD0325", "2 passes"}},
    {"numbers wanted", with("\"objective\": @\"mse\""), 3, {"TD0319", "cross_entropy"}},
    {"weights for other classes",
     with("\"objective\": {\"type\": \"cross_entropy\", \"class_weights\": @[1, 2, 3]}"),
     3,
     {"TD0319"}},
    {"one class", "{\"name\": \"x\", \"data\": @{\"type\": \"tsv\", \"train\": \"one_class.tsv\"}}", 3, {"TD0319", "two"}},
    {"classes wanted",
     "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"numbers.tsv\", \"label_type\": \"number\"}, \"objective\": "
     "@\"cross_entropy\"}",
     3,
     {"TD0319", "mse"}},
    {"heads that do not divide", encoder("\"width\": 10, \"heads\": @4"), 3, {"TD0320", "divide"}},
    {"odd rotation", encoder("\"width\": 12, \"heads\": 4, \"positions\": @\"rotary\""), 3, {"TD0320", "rotary"}},
    {"larger than memory",
     with("\"model\": @{\"type\": \"text\", \"encoder\": {\"type\": \"transformer\", \"layers\": 1000, \"width\": 65536, "
          "\"heads\": 64}}"),
     3,
     {"TD0323", "GiB"}},
    {"uneven classes",
     training("\"batch_size\": 10, \"sampler\": {\"type\": \"balanced\", \"per_class\": @4}"),
     3,
     {"TD0321", "per_class"}},
    {"a class named twice",
     "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"numbers.tsv\", \"labels\": @[\"1.5\", \"2.5\", \"0.5\", "
     "\"1.5\"]}}",
     3,
     {"TD0324", "once"}},
    {"one answer for a text without labels",
     "{\"name\": \"x\", \"data\": {\"type\": \"running_text\", \"train\": \"running.txt\"}, \"model\": @\"text\"}",
     3,
     {"TD0320", "language_model"}},
    {"next tokens of labelled texts", with("\"model\": @\"language_model\""), 3, {"TD0320", "running_text"}},
    {"a language model that peeks",
     "{\"name\": \"x\", \"data\": {\"type\": \"running_text\", \"train\": \"running.txt\"}, \"model\": {\"type\": "
     "\"language_model\", \"encoder\": {\"type\": \"transformer\", \"causal\": @false}}}",
     3,
     {"TD0320", "causal"}},
    {"a stride that leaves tokens out",
     "{\"name\": \"x\", \"data\": {\"type\": \"running_text\", \"train\": \"running.txt\", \"stride\": @500}, "
     "\"model\": \"language_model\"}",
     3,
     {"TD0324", "max_length"}},
    {"a metric of classes for running text",
     "{\"name\": \"x\", \"data\": {\"type\": \"running_text\", \"train\": \"running.txt\"}, \"model\": \"language_model\", "
     "\"evaluation\": {\"metrics\": [@\"f1\"]}}",
     3,
     {"TD0314", "perplexity"}},
    {"numbers for running text",
     "{\"name\": \"x\", \"data\": {\"type\": \"running_text\", \"train\": \"running.txt\"}, \"model\": \"language_model\", "
     "\"objective\": @\"mse\"}",
     3,
     {"TD0319"}},
    // data
    {"missing data file", "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"nowhere.tsv\"}}", 4, {"nowhere.tsv"}},
    {"a folder as data", "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \".\"}}", 4, {}},
    {"a bad row",
     "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"bad_row.tsv\"}}",
     4,
     {"bad_row.tsv:3", "on_bad_row"}},
    {"missing column",
     "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"numbers.tsv\", \"columns\": {\"text\": \"txt\"}}}",
     4,
     {"numbers.tsv", "text"}},
    {"unknown task", "{\"name\": \"x\", \"data\": {\"type\": \"glue\", \"task\": @\"sst3\", \"dir\": \".\"}}", 3, {"sst2"}},
    {"empty folder", "{\"name\": \"x\", \"data\": {\"type\": \"glue\", \"task\": \"sst2\", \"dir\": \"empty\"}}", 4, {"train"}},
    {"missing vocabulary", with("\"tokenizer\": {\"type\": \"wordpiece\", \"vocab\": \"nowhere.txt\"}"), 4, {"nowhere.txt"}},
    {"file before data",
     "{\"name\": \"x\", \"data\": {\"type\": \"tsv\", \"train\": \"nowhere.tsv\"},\n\"training\": {\"batch_size\": @0}}",
     3,
     {"TD0304"}},
};

/// Files that the rows above name.
void write_data(const TempFolder& folder) {
  write_raw(folder / "one_class.tsv", "text\tlabel\na b\tgood\nc d\tgood\n");
  write_raw(folder / "numbers.tsv", "text\tlabel\na b\t1.5\nc d\t2.5\ne f\t0.5\n");
  write_raw(folder / "running.txt", "all the world's a stage");
  write_raw(folder / "bad_row.tsv", "text\tlabel\na b\tgood\nno label here\n");
  std::filesystem::create_directory(folder / "empty");
}

/// ":line:column" of the @, which is removed; "" without one.
std::string take_mark(std::string& json) {
  const size_t at = json.find('@');
  if (at == std::string::npos) return "";
  json.erase(at, 1);
  const auto line = 1 + std::count(json.begin(), json.begin() + std::ptrdiff_t(at), '\n');
  const size_t start = json.rfind('\n', at == 0 ? 0 : at - 1);
  return text(":", line, ":", at - (start == std::string::npos || at == 0 ? 0 : start + 1) + 1);
}

struct Outcome {
  int exit_code = 0;
  std::string message;
};

Outcome refuse(const std::string& path) {
  try {
    prepare(path, {});
  } catch (const Error& error) { return {exit_code(error.kind()), error.what()}; }
  return {0, "it was accepted"};
}

}  // namespace

TEST_CASE("every broken file is refused with its exit code, place and hint") {
  const TempFolder folder;
  write_data(folder);
  CHECK(broken_files.size() >= 60);
  for (const Broken& row : broken_files) {
    std::string json = row.json;
    const std::string place = take_mark(json), path = folder / "broken.json";
    write_raw(path, json);
    const Outcome outcome = refuse(path);
    CAPTURE(row.what);
    CAPTURE(outcome.message);
    CHECK(outcome.exit_code == row.exit_code);
    if (!place.empty()) CHECK(outcome.message.find("broken.json" + place + "\n") != std::string::npos);
    for (const std::string& word : row.words) CHECK(outcome.message.find(word) != std::string::npos);
    CHECK(outcome.message.size() > 20);
  }
}

TEST_CASE("all mistakes of a file come at once, in its order") {
  const TempFolder folder;
  const std::string path = folder / "broken.json";
  write_raw(path,
            with("\"schedule\": {\"type\": \"linear\", \"warm_up\": \"6%\"},\n\"optimizer\": {\"type\": \"adamw\", \"lr\": -1},\n"
                 "\"freeze\": [\"encoder.layer.*\"],\n\"evaluation\": {\"metrics\": [\"acuracy\"]},\n\"objective\": \"mse\""));
  const std::string message = refuse(path).message;
  size_t last = 0;
  for (const char* code : {"TD0301", "TD0304", "TD0312", "TD0313", "TD0319"}) {
    const size_t at = message.find(std::string("error ") + code);
    CAPTURE(code);
    REQUIRE(at != std::string::npos);
    CHECK(at >= last);
    last = at;
  }
  CHECK(message.find("5 errors; nothing was run (exit 3)") != std::string::npos);
}

namespace {

/// A call of the tool in a folder with good.json, bad data, a finished run in done/ and a damaged one in damaged/.
struct Misuse {
  std::vector<std::string> arguments;
  int exit_code;
  std::vector<std::string> words;  // in what it says on stderr
  const char* out = "";            // redirects stdout
  std::vector<std::string> environment = {};
};

const std::vector<Misuse> misuses = {
    {{}, 2, {"no command", "run, resume"}},
    {{"rnu"}, 2, {"there is no command \"rnu\"", "did you mean \"run\"?"}},
    {{"good.json"}, 2, {"tapedeck run good.json"}},
    {{"run", "nowhere.json"}, 3, {"nowhere.json"}},
    {{"run", "goood.json"}, 3, {"good.json"}},
    {{"run", "."}, 3, {"directory"}},
    {{"run", "good.json", "--prgress", "none"}, 2, {"--progress"}},
    {{"run", "good.json", "--progress", "loud"}, 2, {"loud"}},
    {{"run", "good.json", "other.json"}, 2, {"other.json"}},
    {{"run", "good.json", "-o"}, 2, {"tapedeck run --help"}},
    {{"run", "good.json", "-o", "good.json"}, 4, {"good.json", "-o DIR"}},
    {{"run", "good.json", "--set", "optimizer.lr"}, 2, {"optimizer.lr"}},
    {{"run", "good.json", "--set", "optimizer.lr=-1"}, 3, {"TD0304", "--set optimizer.lr=-1", "command line"}},
    {{"run", "good.json", "--set", "training.batchsize=2"}, 3, {"TD0301", "batch_size"}},
    {{"run", "good.json", "--set", "tags.7=x"}, 3, {"TD0204"}},
    {{"run", "good.json", "--set", "evaluation.metrics=[accuracy"}, 3, {"TD0205"}},
    {{"run", "good.json", "--set", "data={\"type\": \"tsv\", \"train\": \"bad_row.tsv\"}"}, 4, {"bad_row.tsv:3"}},
    {{"run", "good.json", "--set", "optimizer.lr=1e30", "--set", "training.duration=9 epochs"}, 6, {"not finite"}},
    {{"run", "good.json", "--set", "optimizer.lr=1e30", "--set", "training.duration=9 epochs", "--set", "seeds=[1,2]"}, 7, {}},
    {{"check", "nowhere.json"}, 3, {"nowhere.json"}},
    {{"check", "bf16.json"}, 3, {"TD0328", "bf16.json:2:29", "cannot multiply", "avx512_bf16"}, "", {"TAPEDECK_ISA=portable"}},
    {{"run", "bf16.json"}, 3, {"TD0328", "bf16.json:2:29", "nothing was run"}, "", {"TAPEDECK_ISA=portable"}},
    {{"run", "good.json", "--set", "runtime.precision=bf16"}, 3, {"TD0328", "command line"}, "", {"TAPEDECK_ISA=portable"}},
    {{"show", "good.json", "--set", "seeed=1"}, 3, {"TD0301", "seed"}},
    {{"resume"}, 2, {"tapedeck resume --help"}},
    {{"resume", "nowhere"}, 5, {"not a run folder"}},
    {{"resume", "done", "--set", "optimizer.lr=0.5"}, 5, {"optimizer.lr: 0.001 -> 0.5", "training.duration"}},
    {{"resume", "done", "--set", "objective=r_drop"}, 5, {"objective.type"}},
    {{"eval", "nowhere"}, 5, {"nowhere"}},
    {{"eval", "done", "--checkpoint", "newest"}, 2, {"newest"}},
    {{"eval", "done", "--split", "dev"}, 2, {"dev"}},
    {{"eval", "done", "--data", "nowhere.txt"}, 4, {"nowhere.txt"}},
    {{"eval", "done", "--data", "unlabelled.txt"}, 4, {"no labels"}},
    {{"eval", "damaged"}, 5, {"damaged"}},
    {{"predict", "done"}, 2, {"input"}},
    {{"predict", "done", "nowhere.txt"}, 4, {"nowhere.txt"}},
    {{"import"}, 2, {"folder"}},
    {{"import", "nowhere"}, 4, {"nowhere: there is no such folder"}},
    {{"export", "done"}, 2, {"export RUN -o FOLDER"}},
    {{"export", "nowhere", "-o", "given"}, 5, {"nowhere"}},
    {{"export", "done", "-o", "given", "--as", "onnx"}, 2, {"onnx"}},
    {{"embed", "done", "unlabelled.txt"}, 2, {"--output is required"}},
    {{"similar", "done", "nowhere.txt", "a"}, 4, {"nowhere.txt"}},
    {{"predict", "done", "unlabelled.txt", "-o", "nowhere/out.jsonl"}, 4, {"nowhere"}},
    {{"list", "objektive"}, 2, {"objective"}},
    {{"explain"}, 2, {"tapedeck explain --help"}},
    {{"explain", "r_dorp"}, 2, {"r_drop"}},
    {{"explain", "TD9999"}, 2, {"TD9999"}},
    {{"look"}, 2, {"look what?", "list, saved"}},
    {{"look", "lst", "good.json"}, 2, {"there is no look \"lst\"", "did you mean \"list\"?"}},
    {{"look", "dot", "good.json"}, 2, {"there is no look dot any more", "look svg"}},
    {{"look", "good.json"}, 2, {"there is no look \"good.json\"", "list, saved"}},
    {{"look", "list", "nowhere.json"}, 3, {"nowhere.json"}},
    {{"look", "list", "cut.tdt"}, 4, {"cut.tdt"}},
    {{"step"}, 2, {"tapedeck step --help"}},
    {{"stp", "good.json"}, 2, {"did you mean \"step\"?"}},
    {{"step", "nowhere.json"}, 3, {"nowhere.json"}},
    {{"step", "cut.tdt"}, 4, {"cut.tdt"}},
    {{"step", "good.json", "--step", "-1"}, 2, {"--step"}},
    {{"step", "good.json", "--atom"}, 2, {"--atoms"}},
    {{"step", "good.json", "--set", "optimizer.lr=-1"}, 3, {"TD0304"}},
    {{"step", "good.json"}, 4, {"cannot write"}, "/dev/full"},
    {{"schema"}, 4, {"cannot write"}, "/dev/full"},
    {{"doctor", "--fix"}, 2, {"--fix"}},
};

void write_experiments(const TempFolder& folder) {
  write_data(folder);
  write_raw(folder / "cut.tdt", "TAPEDECK\1");
  write_raw(folder / "bf16.json",
            "{ \"format\": 1, \"name\": \"b\",\n  \"runtime\": { \"precision\": \"bf16\" },\n  \"training\": { \"duration\": \"2 "
            "steps\" } }");
  write_raw(folder / "unlabelled.txt", "a fine film\nnot a good film\n");
  write_raw(folder / "good.json", R"({
  "name": "tiny",
  "tags": ["a"],
  "data": {"type": "builtin", "train": 24, "validation": 8, "test": 8},
  "model": {"type": "text", "encoder": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "feed_forward": 16}},
  "training": {"duration": "4 steps", "batch_size": 8},
  "runtime": {"threads": 1}
})");
}

}  // namespace

TEST_CASE("misused commands end with their exit code and say what to do") {
  const TempFolder folder;
  write_experiments(folder);
  const Launch here{.directory = folder.path()};
  REQUIRE(run_tool({"run", "good.json", "-q"}, here).exit_code == 0);
  namespace fs = std::filesystem;
  for (const char* copy : {"done", "damaged"}) fs::copy(folder / "runs/tiny/latest/", folder / copy, fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(folder / "damaged"))
    if (entry.path().filename() == "model.safetensors") fs::resize_file(entry.path(), 100);
  for (const Misuse& row : misuses) {
    Launch launch = here;
    launch.stdout_path = row.out;
    launch.environment = row.environment;
    const Finished finished = run_tool(row.arguments, launch);
    std::string call = "tapedeck";
    for (const std::string& word : row.arguments) call += " " + word;
    CAPTURE(call);
    CAPTURE(finished.err);
    CHECK(finished.signal == 0);
    CHECK(finished.exit_code == row.exit_code);
    const std::string said = finished.err + finished.out;
    for (const std::string& word : row.words) CHECK(said.find(word) != std::string::npos);
    CHECK(said.find("error") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(folder / "nowhere"));
}
