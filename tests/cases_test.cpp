// What people reported of tools like this one, a row each: a small input and its right value. A case stands for its kind, so a
// row also says where else the kind was found. Next: growth_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>

#include <tapedeck/losses/classification.h>
#include <tapedeck/run/run.h>

#include "support/data_files.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using Parsed = nlohmann::json;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// A folder of small files and the runs made of them.
struct Bench {
  TempFolder folder{Medium::memory};
  std::string file(const std::string& name, const std::string& bytes) const { return put(folder, name, bytes); }

  /// Runs an experiment of these sections over the small model of its kind; gives the run folder.
  std::string run(const std::string& name, const std::string& sections, const std::vector<std::string>& sets = {}) const {
    const std::string path =
        file(name + ".json", "{\"format\": 1, \"name\": \"" + name +
                                 R"(", "runtime": {"threads": 1}, "logging": {"every": "1 steps"}, )" + sections + "}");
    RunOptions options;
    options.sets = sets;
    options.output = folder / (name + "-runs");
    options.progress = ProgressMode::none;
    return run_experiment(path, options).folder;
  }
  Parsed metrics(const std::string& run) const { return Parsed::parse(read_raw(run + "/metrics.json")); }
  /// The records of metrics.jsonl about this split.
  std::vector<Parsed> records(const std::string& run, const std::string& split = "train") const {
    std::vector<Parsed> all;
    std::istringstream lines(read_raw(run + "/metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (const Parsed record = Parsed::parse(line); record["split"] == split) all.push_back(record);
    return all;
  }
  /// Predictions of a file by the run's best checkpoint, and what is said about the file.
  std::vector<Parsed> predict(const std::string& run, const std::string& name, std::string* notes = nullptr) const {
    const auto loaded = open_run(run, "last");
    if (notes) loaded->note = [notes](const std::string& line) { *notes += line + "\n"; };
    std::vector<Parsed> all;
    predict_file(*loaded, folder / name, [&](const std::string& line) { all.push_back(Parsed::parse(line)); });
    return all;
  }
};

/// A model with a head of this kind over one small layer.
std::string model(const char* type, const char* more = "", const char* dropout = "0.0") {
  return text(R"("model": {"type": ")", type, R"(", "encoder": {"type": "transformer", "layers": 1, "width": 16, "heads": 2, )",
              R"("feed_forward": 32, "dropout": )", dropout, "}", more, "}");
}
const std::string spans_model =
    model("span", R"(, "head_size": 8)") + R"(, "objective": {"type": "supervised", "loss": "global_pointer"})";
std::string word_tokenizer(int length) { return text(R"("tokenizer": {"type": "word", "max_length": )", length, "}, "); }
std::string training(const char* duration, int batch, const char* more = "") {
  return text(R"("training": {"duration": ")", duration, R"(", "batch_size": )", batch, more, "}");
}

/// Texts of nine words of which word `at` (from 0) is marked.
std::string marked_lines(int at) {
  const char* words[] = {"aa", "bb", "cc", "dd", "ee"};
  std::string lines;
  for (int row = 0; row < 16; ++row) {
    std::string sentence;
    int start = 0;
    for (int w = 0; w < 9; ++w) {
      if (w) sentence += ' ';
      if (w == at) start = int(sentence.size());
      sentence += w == at ? "zed" : words[(row * 7 + w * w + row * w) % 5];
    }
    lines += text(R"({"text": ")", sentence, R"(", "spans": [{"start": )", start, R"(, "end": )", start + 3,
                  ", \"label\": \"X\"}]}\n");
  }
  return lines;
}

void spans_that_are_cut(const Bench& bench) {
  bench.file("other.jsonl", R"({"text": "aa bb cc dd ee aa unrelated dd ee"})");
  for (const int at : {6, 8, 3}) {  // [CLS] and [SEP] leave room for six words of nine
    CAPTURE(at);
    bench.file("t.jsonl", marked_lines(at));
    const std::string run = bench.run(
        text("cut", at), R"("data": {"type": "spans", "train": "t.jsonl", "validation": "t.jsonl"}, )" + word_tokenizer(8) +
                             spans_model + R"(, "optimizer": {"type": "adamw", "lr": 0.01}, )" + training("60 steps", 8));
    CHECK(bench.metrics(run)["best"]["span_f1"] == (at < 6 ? 1.0 : 0.0));
    CHECK(bench.metrics(run)["data"]["train"]["cut"] == 16);
    CHECK(bench.metrics(run)["data"]["train"]["longest"] == 11);
    CHECK(has(read_raw(run + "/log.txt"), "train: 16 of 16 texts cut to tokenizer.max_length; the longest has 11 tokens"));
    std::string notes;
    const Parsed other = bench.predict(run, "other.jsonl", &notes)[0];
    if (at >= 6) CHECK(other["predicted"].empty());
    for (const Parsed& span : other["predicted"]) CHECK(span["end"] <= 17);  // nothing behind the words that were read
    CHECK(other["cut_tokens"] == 3);
    CHECK(has(notes, "1 of 1 texts cut"));
  }
  // a tag that was cut off is no label, and its slot counts as missed
  std::string tagged;
  for (int i = 0; i < 8; ++i) tagged += "aa B-X\nbb O\ncc O\ndd O\nee B-X\n\n";
  bench.file("t.bio", tagged);
  const std::string run = bench.run(
      "tags", R"("data": {"type": "bio", "train": "t.bio", "validation": "t.bio"}, "task": "tagging", )" + word_tokenizer(5) +
                  model("tagger") + R"(, "optimizer": {"type": "adamw", "lr": 0.01}, )" + training("40 steps", 8));
  CHECK(bench.metrics(run)["best"]["span_f1"].get<double>() == doctest::Approx(2.0 / 3));  // one of two, and nothing else
  CHECK(bench.metrics(run)["data"]["validation"]["cut"] == 8);
}

const std::string pairs = "a,b,score\ngreat film,what a bore,0\nloved it,hated it,1\ngreat film,,4\nwhat a joy,a poor piece,2\n";
const std::string reviews = "text,label\ngreat film,pos\nloved it,pos\ndull film,neg\nwhat a bore,neg\n";

/// Data with on_bad_row skip, rows that are left, and how often a message tells it.
struct Skipped {
  const char *what, *data, *rest;
  std::vector<std::pair<const char*, std::string>> files;
  const char *split, *said;
};

void bad_rows_of_every_stage(const Bench& bench) {
  const std::string spans = word_tokenizer(24) + spans_model + ", " + training("2 steps", 4);
  const std::string classes = word_tokenizer(24) + model("text") + ", " + training("2 steps", 4);
  const std::string good = "Boris B-PER\nlives O\nin O\nLima B-LOC\n\nChen B-PER\nlives O\n\n";
  const Skipped rows[] = {
      {"as it is read",
       R"({"type": "tsv", "train": "t", "on_bad_row": "skip"})",
       classes.c_str(),
       {{"t", "text\tlabel\na b\t0\nc\nd\t1\textra\ne\t1\nf\t0\n"}},
       "train",
       "train: 2 of 5 rows left out (\"on_bad_row\": \"skip\"); the first: "},
      {"a tag on a word without a token",
       R"({"type": "bio", "train": "t", "validation": "v", "on_bad_row": "skip"})",
       spans.c_str(),
       {{"t", good + "\u200B B-PER\nlives O\n\n"}, {"v", good}},
       "train",
       "train: 1 of 3 rows left out"},
      {"the same in a validation split",
       R"({"type": "bio", "train": "t", "validation": "v", "on_bad_row": "skip"})",
       spans.c_str(),
       {{"t", good}, {"v", good + "\u200B B-PER\nlives O\n\n"}},
       "validation",
       "validation: 1 of 3 rows left out"},
      {"a type that train has not",
       R"({"type": "bio", "train": "t", "test": "v", "on_bad_row": "skip"})",
       spans.c_str(),
       {{"t", good}, {"v", good + "Rex B-DOG\n\n"}},
       "test",
       "test: 1 of 3 rows left out"},
      {"a class that train has not",
       R"({"type": "csv", "train": "t", "validation": "v", "on_bad_row": "skip"})",
       classes.c_str(),
       {{"t", reviews}, {"v", reviews + "strange,odd\n"}},
       "validation",
       "validation: 1 of 5 rows left out"},
      {"a span beyond the text",
       R"({"type": "spans", "train": "t", "on_bad_row": "skip"})",
       spans.c_str(),
       {{"t",
         "{\"text\":\"a b\",\"spans\":[{\"start\":0,\"end\":1,\"label\":\"x\"}]}\n{\"text\":\"a "
         "b\",\"spans\":[{\"start\":0,\"end\":9,"
         "\"label\":\"x\"}]}\n"}},
       "train",
       "train: 1 of 2 rows left out"},
  };
  for (const Skipped& row : rows) {
    CAPTURE(row.what);
    for (const auto& [name, bytes] : row.files) bench.file(name, bytes);
    const std::string sections = text("\"data\": ", row.data, ", ", row.rest);
    const std::string run = bench.run("skip", sections);
    CHECK(has(read_raw(run + "/log.txt"), row.said));
    CHECK(bench.metrics(run)["data"][row.split]["skipped"].get<int>() >= 1);
    std::string strict = sections;
    strict.replace(strict.find("\"skip\""), 6, "\"error\"");
    CHECK_THROWS_AS(bench.run("strict", strict), Error);
  }
  bench.file("p.csv", pairs);
  const std::string sentence = bench.run(
      "pair", R"("data": {"type": "csv", "train": "p.csv", "validation": "p.csv", "label_type": "number", "on_bad_row": "skip", )"
              R"("columns": {"text": "a", "text_b": "b", "label": "score"}}, )" +
                  word_tokenizer(24) + model("sentence") + R"(, "objective": {"type": "supervised", "loss": "similarity"}, )" +
                  training("2 steps", 2));
  CHECK(bench.metrics(sentence)["data"]["validation"]["skipped"] == 1);
  const std::string lines = read_raw(sentence + "/predictions/validation-best.jsonl");
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);  // and each stands beside its own text
  CHECK(has(lines, "{\"line\": 5, \"text\": \"what a joy\""));
}

/// A format, what trains in it, and the same texts without labels, in every way there is.
struct Unlabelled {
  const char *what, *data, *rest;
  std::string train;
  std::vector<std::string> inputs;
};

void predictions_without_labels(const Bench& bench) {
  const std::string classes = word_tokenizer(24) + model("text") + ", " + training("1 steps", 4);
  const std::string numbers = classes + R"(, "objective": "mse")";
  const std::string sets = classes + R"(, "objective": {"type": "supervised", "loss": "bce"})";
  const std::string spans = word_tokenizer(24) + spans_model + ", " + training("1 steps", 4);
  const std::string tags = word_tokenizer(24) + model("tagger") + R"(, "task": "tagging", )" + training("1 steps", 4);
  const std::string columns = "Boris NN B-PER\nlives VB O\n\nChen NN B-PER\nlives VB O\n\n";
  const Unlabelled rows[] = {
      {"csv",
       R"({"type": "csv", "train": "t"})",
       classes.c_str(),
       reviews,
       {"text\ngreat film\n", "text,label\ngreat film,\n", "text,label\ngreat film,-1\n", "text,label\ngreat film,pos\n"}},
      {"tsv",
       R"({"type": "tsv", "train": "t", "labels": ["0", "1"]})",
       classes.c_str(),
       "text\tlabel\na\t0\nb\t1\n",
       {"text\na\n", "text\tlabel\na\t\n", "text\tlabel\na\t-1\n"}},
      {"tsv of numbers",
       R"({"type": "tsv", "train": "t", "label_type": "number"})",
       numbers.c_str(),
       "text\tlabel\na\t0\nb\t1\n",
       {"text\na\n", "text\tlabel\na\t\n", "text\tlabel\na\t-1\n"}},
      {"csv of sets",
       R"({"type": "csv", "train": "t", "label_type": "set"})",
       sets.c_str(),
       "text,label\na,\"x,y\"\nb,x\n",
       {"text\na\n", "text,label\na,\n", "text,label\na,-1\n"}},
      {"jsonl",
       R"({"type": "jsonl", "train": "t"})",
       classes.c_str(),
       "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n",
       {R"({"text":"a"})", R"({"text":"a","label":""})", R"({"text":"a","label":null})", R"({"text":"a","label":-1})"}},
      {"jsonl of sets",
       R"({"type": "jsonl", "train": "t", "label_type": "set"})",
       sets.c_str(),
       "{\"text\":\"a\",\"label\":[\"x\",\"y\"]}\n",
       {R"({"text":"a"})", R"({"text":"a","label":""})", R"({"text":"a","label":null})", R"({"text":"a","label":-1})"}},
      {"labelled lines",
       R"({"type": "labelled_lines", "train": "t"})",
       classes.c_str(),
       "x good film\ny bad film\n",
       {"good film\n", "film\n", "-1 good film\n", " good film\n"}},
      {"lines of numbers",
       R"({"type": "labelled_lines", "train": "t", "label_type": "number"})",
       numbers.c_str(),
       "1 a\n2 b\n",
       {"good film\n", "film\n"}},
      {"spans",
       R"({"type": "spans", "train": "t"})",
       spans.c_str(),
       "{\"text\":\"a b\",\"spans\":[{\"start\":0,\"end\":1,\"label\":\"x\"}]}\n",
       {R"({"text":"a"})", R"({"text":"a","spans":null})", R"({"text":"a","spans":""})", R"({"text":"a","spans":-1})"}},
      {"bio",
       R"({"type": "bio", "train": "t"})",
       spans.c_str(),
       "Boris B-PER\nlives O\n\n",
       {"Boris\nlives\n\n", "Boris -1\nlives -1\n"}},
      {"bio, last column", R"({"type": "bio", "train": "t", "tag": -1})", spans.c_str(), columns, {"Boris\nlives\n"}},
      {"bio, third column, tagging",
       R"({"type": "bio", "train": "t", "tag": 2})",
       tags.c_str(),
       columns,
       {"Boris NN\nlives VB\n", "Boris\n"}},
  };
  for (const Unlabelled& row : rows) {
    CAPTURE(row.what);
    bench.file("t", row.train);
    const std::string run = bench.run("unlabelled", text("\"data\": ", row.data, ", ", row.rest));
    for (const std::string& input : row.inputs) {
      CAPTURE(input);
      bench.file("in", input);
      const std::vector<Parsed> found = bench.predict(run, "in");
      REQUIRE(found.size() == 1);
      CHECK((found[0].contains("predicted") || found[0].contains("score")));
      const bool named = has(input, "pos") || (has(input, "-1") && has(row.what, "numbers"));
      for (const char* key : {"label", "labels", "spans", "tags"})
        if (!named) CHECK_FALSE(found[0].contains(key));
    }
  }
  // the built-in reader, and GLUE, whose test files on the hub have -1 throughout
  const std::string generated =
      bench.run("builtin", R"("data": {"type": "builtin", "train": 8, "validation": 0, "test": 0}, )" + classes);
  bench.file("in", "a good film\na good film\t\na good film\t-1\n");
  CHECK(bench.predict(generated, "in").size() == 3);
  bench.file("sst/train.tsv", "sentence\tlabel\na\t0\nb\t1\n"), bench.file("sst/dev.tsv", "sentence\tlabel\na\t0\n");
  bench.file("sst/test.tsv", "sentence\tlabel\na\t-1\nb\t-1\n");
  const std::string glue = bench.run("glue", R"("data": {"type": "glue", "task": "sst2", "dir": "sst"}, )" + classes);
  CHECK_FALSE(bench.metrics(glue)["data"].contains("test"));
  CHECK(bench.predict(glue, "sst/test.tsv").size() == 2);
  // folders of parallel files: a file of texts alone, an empty line of tags
  bench.file("train/seq.in", "play jazz\nstop\n"), bench.file("train/seq.out", "O B-x\nO\n");
  bench.file("new/seq.in", "play jazz\n"), bench.file("new/seq.out", "\n");
  bench.file("in", "play jazz\n");
  const std::string run =
      bench.run("slots", R"("data": {"type": "slots", "dir": ".", "validation": "", "test": "", "label": ""}, )" +
                             word_tokenizer(24) + model("tagger") + ", " + training("1 steps", 2));
  for (const char* input : {"in", "new/seq.in"}) CHECK(bench.predict(run, input)[0]["predicted"].size() == 2);
}

/// Forty reviews and one of a class of its own, at line `at`.
std::string with_rare(int at) {
  std::string out = "text,label\n";
  for (int i = 0; i < 40; ++i) {
    if (i == at) out += "one of a kind,rare\n";
    out += i % 3 ? text("good film ", i, ",pos\n") : text("bad film ", i, ",neg\n");
  }
  return out;
}

void rare_classes_stay(const Bench& bench) {
  const std::string rest = word_tokenizer(24) + model("text") + ", " + training("1 steps", 4);
  for (const int at : {0, 5, 11, 15, 20, 28, 33, 39}) {
    CAPTURE(at);
    bench.file("t.csv", with_rare(at));
    const Splits splits = make_part<Reader>(R"({"type": "csv", "train": "t.csv", "validation": "30%"})", bench.folder.path())
                              ->read(root_key(uint64_t(at)));
    std::map<std::string, int> trained, measured;
    for (const Row& row : splits.train.rows) ++trained[row.label];
    for (const Row& row : splits.validation.rows) ++measured[row.label];
    CHECK(trained["rare"] == 1);
    CHECK(measured["pos"] == 8);  // of 26, 14 and 1: 7.8, 4.2 and 0.3
    CHECK(measured["neg"] == 4);
  }
  bench.file("t.csv", with_rare(15));
  CHECK(bench.metrics(bench.run("rare", R"("data": {"type": "csv", "train": "t.csv", "validation": "30%"}, )" + rest))["steps"] ==
        1);
  // types of spans, tags and several classes at once
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += text("a B-", i == 7 ? "rare" : "often", "\nb ", i == 9 ? "B-once" : "O", "\n\n");
  bench.file("t.bio", lines);
  for (const char* task : {"spans", "tagging"})
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto reader = make_part<Reader>(R"({"type": "bio", "train": "t.bio", "validation": "40%"})", bench.folder.path());
      reader->ask(task);
      const Splits splits = reader->read(root_key(seed));
      CHECK(splits.validation.rows.size() == 8);
      std::set<std::string> types;
      for (const Row& row : splits.train.rows)
        for (const TextSpan& span : *row.spans) types.insert(span.label);
      CHECK(types == std::set<std::string>{"often", "once", "rare"});
    }
  // labels that are hidden
  bench.file("t.csv", with_rare(15));
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Splits splits =
        make_part<Reader>(R"({"type": "semi_supervised", "keep": 0.1, "labelled": {"type": "csv", "train": "t.csv"}})",
                          bench.folder.path())
            ->read(root_key(seed));
    std::set<std::string> shown;
    for (const Row& row : splits.train.rows) shown.insert(row.label);
    CHECK(shown == std::set<std::string>{"", "neg", "pos", "rare"});
  }
}

void unknown_tokens_are_said(const Bench& bench) {
  const char* parts[] = {"\u7535\u5f71", "\u89c9\u5f97", "\u975e\u5e38", "\u597d\u770b", "\u96be\u770b", "\u8fd9\u90e8"};
  std::string split[2];
  for (int row = 0; row < 40; ++row) {
    std::string& to = split[row % 2];
    if (to.empty()) to = "text\tlabel\n";
    for (int w = 0; w < 5; ++w) to += parts[(row * 5 + w * (row + 1)) % 6];
    to += row % 4 < 2 ? "\tx\n" : "\ty\n";
  }
  bench.file("t.tsv", split[0]), bench.file("v.tsv", split[1]);
  const std::string sections =
      R"("data": {"type": "tsv", "train": "t.tsv", "validation": "v.tsv"}, )" + model("text") + ", " + training("1 steps", 4);
  const std::string run = bench.run("cjk", sections);
  const Parsed validation = bench.metrics(run)["data"]["validation"];
  CHECK(validation["unknown"].get<int>() * 2 > validation["tokens"].get<int>());
  CHECK(has(read_raw(run + "/log.txt"), "unknown tokens: 0.0% train, "));
  CHECK(has(read_raw(run + "/log.txt"), R"(no blanks between words: use "tokenizer": "character")"));
  const std::string good = bench.run("characters", sections, {"tokenizer.type=character"});
  CHECK(bench.metrics(good)["data"]["validation"]["unknown"] == 0);
  CHECK(has(read_raw(good + "/log.txt"), "unknown tokens: 0.0% train, 0.0% validation"));
  CHECK_FALSE(has(read_raw(good + "/log.txt"), "tokens are unknown"));
}

/// Processor time of predicting a text of so many words, the least of three.
double seconds_of(const Bench& bench, LoadedRun& run, int words) {
  std::string sentence;
  for (int i = 0; i < words; ++i) sentence += text(i ? " " : "", i % 3 ? "lives" : "Anna");
  bench.file("long.jsonl", "{\"text\": \"" + sentence + "\"}\n");
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t start = std::clock();
    predict_file(run, bench.folder / "long.jsonl", [](const std::string&) {});
    best = std::min(best, double(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

void long_texts_take_their_length(const Bench& bench) {
  bench.file("t.jsonl", "{\"text\":\"Anna lives\",\"spans\":[{\"start\":0,\"end\":4,\"label\":\"x\"}]}\n");
  const std::string run =
      bench.run("long", R"("data": {"type": "spans", "train": "t.jsonl"}, )" + word_tokenizer(32) + spans_model +
                            R"(, "optimizer": {"type": "adamw", "lr": 0.01}, )" + training("20 steps", 1));
  const auto loaded = open_run(run, "last");
  const double shorter = seconds_of(bench, *loaded, 4000), longer = seconds_of(bench, *loaded, 16000);
  CHECK(longer < 0.5);                 // was minutes
  CHECK(longer < 8 * shorter + 0.01);  // growth_test measures it closely
}

void equal_texts_do_not_repel(const Bench& bench) {
  bench.file("t.txt", "the same line\nthe same line\nthe same line\nthe same line\n");
  bench.file("t.csv", "text,label\na b,x\na b,x\na b,y\na b,y\n");
  bench.file("p.tsv", "text\ttext_b\na b\tc d\na b\te f\nc d\ta b\ne f\ta b\n");
  const std::string lines =
      R"("data": {"type": "lines", "train": "t.txt"}, )" + word_tokenizer(24) + model("sentence") + ", " + training("1 steps", 4);
  const std::string twice =
      R"("data": {"type": "tsv", "train": "p.tsv", "columns": {"text": "text", "text_b": "text_b", "label": ""}}, )" +
      word_tokenizer(24) + model("sentence") + ", " + training("1 steps", 4);
  const std::string classes =
      R"("data": {"type": "csv", "train": "t.csv"}, )" + word_tokenizer(24) + model("text") + ", " + training("1 steps", 4);
  struct Row {
    const char* objective;
    const std::string& sections;
    const char* value;
    double mask, keep;
  };
  const double ln4 = std::log(4.0);
  const Row rows[] = {
      {R"("type": "simcse")", lines, "loss", 0, ln4},
      {R"("type": "simcse", "candidates": "2n-1")", lines, "loss", 0, std::log(7.0)},
      {R"("type": "nt_xent")", lines, "loss", 0, std::log(7.0)},
      {R"("type": "uscal")", lines, "clean_contrast", 0, ln4},
      {R"("type": "metric_learning", "weight": 1, "embedding_loss": {"type": "n_pairs", "l2": 0, )", lines, "embedding_loss", 0,
       ln4},
      {R"("type": "scal", "adversary": {"type": "fgm", "at": "embedding", "epsilon": 0})", classes, "contrast", 0, ln4},
      {R"("type": "simcse")", twice, "loss", 0, -1}};
  for (const Row& row : rows)
    for (const char* choice : {"mask", "keep"}) {
      CAPTURE(row.objective);
      CAPTURE(choice);
      const bool inside = std::string(row.objective).ends_with(", ");
      const std::string objective =
          text("{", row.objective, inside ? "" : ", ", "\"duplicates\": \"", choice, inside ? "\"}}" : "\"}");
      const std::string run = bench.run("equal", row.sections + ", \"objective\": " + objective);
      const double found = bench.records(run)[0][row.value].get<double>();
      const double wanted = std::string(choice) == "mask" ? row.mask : row.keep;
      if (wanted >= 0) CHECK(found == doctest::Approx(wanted).epsilon(1e-5));
      else CHECK(found > 0.1);
    }
}

void smoothing_is_torchs_by_choice(const Bench&) {
  const Tensor x = Tensor::of<double>({0.2, -1, 0.5, 1, 2, 3, -0.5, 0.1, 0.9, 2, -2, 0}, {4, 3});
  const Tensor y = Tensor::of<int32_t>({0, -1, 2, 1}, {4});
  const std::vector<double> weights{.2, 1, 3};
  const Smoothing uniform{0.1, 0.1 / 3};
  CHECK(cross_entropy(x, y, uniform, weights).item() == doctest::Approx(1.4163356189642093).epsilon(1e-12));
  CHECK(cross_entropy_by_class(x, y, uniform, weights).item() == doctest::Approx(1.4143186693916892).epsilon(1e-12));
  CHECK(cross_entropy(x, y, uniform).item() == doctest::Approx(1.8498169).epsilon(1e-7));
}

std::string opinions(int times) {
  const char* rows[] = {"good film indeed,pos", "bad film indeed,neg", "fine piece,pos", "poor piece,neg",
                        "loved it,pos",         "hated it,neg",        "what a joy,pos", "what a bore,neg"};
  std::string out = "text,label\n";
  for (int t = 0; t < times; ++t)
    for (const char* row : rows) out += text(row, "\n");
  return out;
}

void smart_climbs_to_the_border(const Bench& bench) {
  const auto smoothness = [&](int times, const char* options) {
    bench.file("t.csv", opinions(times));
    const std::string run = bench.run("smart",
                                      R"("data": {"type": "csv", "train": "t.csv"}, )" +
                                          model("text", R"(, "pooling": "mean", "head": {"type": "linear", "dropout": 0.0})") +
                                          R"(, "objective": {"type": "smart")" + options + "}, " +
                                          training("1 steps", 8 * times, R"(, "sampler": "sequential")"),
                                      {"runtime.dtype=f64"});
    return bench.records(run)[0]["smoothness"].get<double>();
  };
  const double usual = smoothness(1, ""), border = smoothness(1, R"(, "direction": "steepest")"),
               start = smoothness(1, R"(, "step_size": 0)");
  CHECK(usual > 0.5 * border);
  CHECK(usual > 20 * start);
  const char* far = R"(, "step_size": 1, "epsilon": 10, "start": 0.01, "norm": "l2")";
  CHECK(smoothness(2, far) == doctest::Approx(smoothness(1, far)).epsilon(0.5));  // noise of its own, a step of the same length
}

void pieces_divide_by_the_step(const Bench& bench) {
  const auto first = [&](const std::string& sections, int micro) {
    return bench.records(bench.run("pieces", sections, {text("training.micro_batch_size=", micro), "runtime.dtype=f64"}))[0];
  };
  const std::string rest = training("1 steps", 10);
  const std::string classes = R"("data": {"type": "builtin", "train": 10, "validation": 0, "test": 0}, )" + word_tokenizer(24) +
                              model("text", "", "0.1") + ", ";
  for (const char* options : {"", R"(, "distance": "bernoulli")", R"(, "pair_pool": "to_mean")"}) {
    CAPTURE(options);
    const std::string sections =
        classes + R"("objective": {"type": "r_drop", "alpha": 4, "kl_reduction": "tokenmean")" + options + "}, " + rest;
    const Parsed whole = first(sections, 10), cut = first(sections, 4);
    for (const char* key : {"kl", "loss"})
      CHECK(cut[key].get<double>() == doctest::Approx(whole[key].get<double>()).epsilon(1e-12));
  }
  bench.file("t.jsonl", marked_lines(3));
  const std::string spans =
      R"("data": {"type": "spans", "train": "t.jsonl"}, )" + word_tokenizer(32) + model("span", R"(, "head_size": 8)", "0.1") +
      R"(, "objective": {"type": "r_drop", "loss": "global_pointer", "alpha": 4, "preset": "bert4torch"}, )" + rest;
  const Parsed whole = first(spans, 10);
  for (const int micro : {4, 3})
    CHECK(first(spans, micro)["kl"].get<double>() == doctest::Approx(whole["kl"].get<double>()).epsilon(1e-12));
}

struct Case {
  const char *name, *others;  // others: places of the same kind that were found and mended
  void (*check)(const Bench&);
};
const Case cases[] = {
    {"span-cut",
     "decoding let [CLS] and [SEP] into spans of any text; predictions moved such a span to the next words; texts that are cut "
     "were counted nowhere, in no task; templates cut their texts in silence; a tagged word without tokens ended the text",
     spans_that_are_cut},
    {"on-bad-row-ignored",
     "spans inside a token or beyond the text, tags that are not one per word, missing second texts, classes of validation and "
     "test that train has not; eval and predict; predictions stood beside the wrong row once one was left out",
     bad_rows_of_every_stage},
    {"predict-needs-labels",
     "labelled_lines without a label, bio without a column, spans null, empty lines of slots, sets; eval of files with -1",
     predictions_without_labels},
    {"rare-class-in-share", "types of spans, tags, sets of classes; labels hidden by semi_supervised", rare_classes_stay},
    {"cjk-word-tokenizer",
     "any share of unknown tokens, by split, in check, log and metrics; predict and eval say it of their file",
     unknown_tokens_are_said},
    {"spans-predict-quadratic",
     "encoding a marked span; reading bio (characters counted anew at every word); growth_test has all",
     long_texts_take_their_length},
    {"simcse-duplicates", "nt_xent, prompt_bert, scal, uscal, n_pairs; equal texts without label in sup_con",
     equal_texts_do_not_repel},
    {"smoothing-with-class-weights", "smoothing_weight says which; losses_golden_test holds both against PyTorch",
     smoothing_is_torchs_by_choice},
    {"smart-no-ascent", "pgd, freelb and adversary parts have the direction unit, per example (objectives_test)",
     smart_climbs_to_the_border},
    {"rdrop-tokenmean-micro", "every objective by option in train_loop_test", pieces_divide_by_the_step},
};

}  // namespace

TEST_CASE("what people reported has its right value") {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    one.check(Bench());
  }
}

TEST_CASE("columns without empty lines are refused, and blanks that join words are no tokens") {
  const Bench bench;
  std::string column;
  for (int i = 0; i < 1200; ++i) column += i % 3 ? "ab O\n" : "cd B-x\n";
  bench.file("t", column);
  const auto read = [&](const char* more) {
    return make_part<Reader>(text(R"({"type": "bio", "train": "t")", more, "}"), bench.folder.path())->read({});
  };
  CHECK_THROWS_WITH_AS(read(""), doctest::Contains("t:1: no empty line ends the text that begins here within 1000 words"), Error);
  CHECK(read(R"(, "longest": 1200)").train.rows.size() == 1);
  bench.file("t", "-DOCSTART- O\n\nab O\ncd B-x\n-DOCSTART- O\nab O\n\n" + column);
  CHECK(read(R"(, "on_bad_row": "skip")").train.rows.size() == 2);
  CHECK(read(R"(, "on_bad_row": "skip")").train.skipped == 1);

  bench.file("t", "ab O\ncd B-x\ne I-x\n");
  const Splits splits = read("");
  const auto tokenizer = make_part<Tokenizer>(R"({"type": "character"})");
  tokenizer->fit(splits.train);
  const std::shared_ptr<const Task> task = fitted_task({}, splits);
  const Dataset data = encode(task, {splits.train, *tokenizer});
  CHECK(data.examples[0].ids.size() == 2 + 5);
  CHECK(data.examples[0].spans == std::vector<Span>{{3, 5, 0}});
  Predictions all;
  all.found = {{{2, 4, 0}}};
  Json json = Json::dict();
  task->write(splits.train.rows[0], all, 0, *tokenizer, json);
  CHECK(json.find("predicted")->value.dump(-1) == R"([{"start": 1, "end": 5, "label": "x"}])");
}

TEST_CASE("the log of alternating batches holds both kinds, and no mean of nothing") {
  const Bench bench;
  bench.file("t.csv", opinions(4));
  bench.file("u.txt", "a film\na piece\na joy\na bore\n");
  const std::string run = bench.run(
      "turns",
      R"("data": {"type": "semi_supervised", "labelled": {"type": "csv", "train": "t.csv"}, "unlabelled": {"type": "lines", "train": "u.txt"}}, )" +
          word_tokenizer(24) + model("text", "", "0.1") + R"(, "objective": {"type": "r_drop", "alpha": 1}, )" +
          training("16 steps", 4, R"(, "sampler": {"type": "semi_supervised", "alternate": true})"),
      {"logging.every=4 steps"});
  int with = 0, without = 0;
  for (const Parsed& record : bench.records(run)) {
    CHECK(record["kl"].get<double>() > 0);
    ++(record.contains("ce") ? with : without);
    if (record.contains("ce")) CHECK(record["ce"].get<double>() > 0);
  }
  CHECK(with >= 4);
  CHECK(without >= 4);
}

TEST_CASE("drop_last leaves out the batch that is not full") {
  const Bench bench;
  bench.file("t.csv", opinions(1) + "one more,pos\n");  // nine rows
  const std::string sections = R"("data": {"type": "csv", "train": "t.csv"}, )" + word_tokenizer(24) + model("text") + ", ";
  CHECK(bench.metrics(bench.run("all", sections + training("2 epochs", 4)))["steps"] == 6);
  CHECK(bench.metrics(bench.run("full", sections + training("2 epochs", 4, R"(, "drop_last": true)")))["steps"] == 4);
  CHECK_THROWS_WITH_AS(bench.run("none", sections + training("2 epochs", 10, R"(, "drop_last": true)")),
                       doctest::Contains("drop_last leaves nothing of an epoch"), Error);
}
