// The readers on real data sets: rows and labels exactly as their authors count them. Skipped when the sets are absent.
#include <map>

#include <doctest/doctest.h>
#include <tapedeck/data/dataset.h>

#include "support/data_files.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

/// "5452: 0 1162, 1 1250": rows and how many there are of each label, or only the rows when labels are numbers.
std::string count(const Table& table, bool regression) {
  std::map<std::string, int64_t> labels;
  for (const Row& row : table.rows)
    if (!row.label.empty()) ++labels[row.label];
  std::string out = text(table.rows.size());
  if (!regression)
    for (const auto& [label, n] : labels) out += text(out.find(':') == out.npos ? ": " : ", ", label, " ", n);
  return out;
}

struct Set {
  const char *what, *options, *train, *validation, *test;
};
const std::vector<Set> sets = {
    {"trec", R"({"type":"labelled_lines","train":"trec/TREC.train.all","test":"trec/TREC.test.all","encoding":"latin-1"})",
     "5452: 0 1162, 1 1250, 2 86, 3 1223, 4 835, 5 896", "0", "500: 0 138, 1 94, 2 9, 3 65, 4 81, 5 113"},
    {"sst-2 sentences",
     R"({"type":"labelled_lines","train":"sst_sentence/stsa.binary.train","validation":"sst_sentence/stsa.binary.dev","test":"sst_sentence/stsa.binary.test"})",
     "6920: 0 3310, 1 3610", "872: 0 428, 1 444", "1821: 0 912, 1 909"},
    {"sst-5 sentences",
     R"({"type":"labelled_lines","train":"sst_sentence/stsa.fine.train","test":"sst_sentence/stsa.fine.test"})",
     "8544: 0 1092, 1 2218, 2 1624, 3 2322, 4 1288", "0", "2210: 0 279, 1 633, 2 389, 3 510, 4 399"},
    {"mr", R"({"type":"labelled_lines","train":"mr/rt-polarity.all","encoding":"latin-1"})", "10662: 0 5331, 1 5331", "0", "0"},
    {"subj", R"({"type":"labelled_lines","train":"subj/subj.all","encoding":"latin-1"})", "10000: 0 5000, 1 5000", "0", "0"},
    {"mpqa", R"({"type":"labelled_lines","train":"mpqa/mpqa.all"})", "10606: 0 7294, 1 3312", "0", "0"},
    {"glue sst2", R"({"type":"glue","task":"sst2","dir":"sst2_glue"})", "60614: 0 26786, 1 33828", "6735: 0 2994, 1 3741",
     "872: 0 428, 1 444"},
    {"glue cola", R"({"type":"glue","task":"cola","dir":"cola"})", "8551: 0 2528, 1 6023", "527: 0 162, 1 365",
     "516: 0 162, 1 354"},
    {"glue mrpc", R"({"type":"glue","task":"mrpc","dir":"mrpc"})", "3576: 0 1169, 1 2407", "500: 0 154, 1 346",
     "1725: 0 578, 1 1147"},
    {"glue rte", R"({"type":"glue","task":"rte","dir":"rte_glue"})", "2490: entailment 1249, not_entailment 1241",
     "277: entailment 146, not_entailment 131", "0"},
    {"glue stsb", R"({"type":"glue","task":"stsb","dir":"stsb"})", "5749", "1500", "1379"},
    {"stsb in Chinese", R"({"type":"glue","task":"stsb","dir":"stsb_zh"})", "5749", "1500", "1379"},
    {"agnews", R"({"type":"tsv","train":"agnews/alps_dev.tsv","header":false,"limit":10001})",
     "10001: Business 2496, Sci/Tech 2538, Sports 2458, World 2509", "0", "0"},
    {"agnews, the original",
     R"({"type":"csv","train":"agnews/test.csv","header":false,"columns":{"text":"1","text_b":"2","label":"0"}})",
     "7600: 1 1900, 2 1900, 3 1900, 4 1900", "0", "0"},
    {"sts 2012",
     R"({"type":"tsv","train":"sts12-15/2012/MSRpar.train.tsv","header":false,"label_type":"number","columns":{"text":"1","text_b":"2","label":"0"}})",
     "750", "0", "0"},
    {"snips texts",
     R"({"type":"lines","train":"snips/train/seq.in","validation":"snips/valid/seq.in","test":"snips/test/seq.in"})", "13084",
     "700", "700"},
    {"wiki sentences", R"({"type":"lines","train":"wiki_sents/all_wiki_sents.txt"})", "14750", "0", "0"},
    {"multi30k", R"({"type":"lines","train":"multi30k/train.de.gz","validation":"multi30k/val.de.gz"})", "29000", "1014", "0"},
    {"cluener texts", R"({"type":"jsonl","train":"cluener/train.json","columns":{"label":""}})", "10748", "0", "0"},
};

}  // namespace

TEST_CASE("rows and labels of the real data sets") {
  const std::string folder = data_folder();
  if (folder.empty()) return;
  for (const Set& set : sets) {
    CAPTURE(set.what);
    const auto reader = make_part<Reader>(set.options, folder);
    Splits splits;
    REQUIRE_NOTHROW(splits = reader->read(root_key(1)));
    CHECK(count(splits.train, splits.task == "regression") == set.train);
    CHECK(count(splits.validation, splits.task == "regression") == set.validation);
    CHECK(count(splits.test, splits.task == "regression") == set.test);
    CHECK(splits.train.skipped == 0);
  }
}

TEST_CASE("unscored rows of STS 2015 are left out on request, else an error") {
  const std::string folder = data_folder();
  if (folder.empty()) return;
  const std::string options = R"({"type":"tsv","train":"sts12-15/2015/belief.test.tsv","header":false,"label_type":"number",
                                  "columns":{"text":"1","text_b":"2","label":"0"})";
  const Splits splits = make_part<Reader>(options + R"(,"on_bad_row":"skip"})", folder)->read({});
  CHECK(splits.train.rows.size() == 375);
  CHECK(splits.train.skipped == 1625);
  CHECK_THROWS_AS(make_part<Reader>(options + "}", folder)->read({}), Error);
}

TEST_CASE("snips intents, and what the wrong encoding says") {
  const std::string folder = data_folder();
  if (folder.empty()) return;
  const Table intents = make_part<Reader>(R"({"type":"lines","train":"x"})")->read_file(folder + "/snips/train/label");
  std::map<std::string, int> counts;
  for (const Row& row : intents.rows) ++counts[row.text];
  CHECK(counts.size() == 7);
  for (const auto& [intent, n] : counts) CHECK((n >= 1818 && n <= 1914));
  try {
    make_part<Reader>(R"({"type":"labelled_lines","train":"trec/TREC.train.all"})", folder)->read({});
    FAIL_CHECK("no error");
  } catch (const Error& e) {
    CHECK(e.message().find("(0xF0) is not valid UTF-8") != std::string::npos);
    CHECK(e.hint().find("latin-1") != std::string::npos);
  }
}

TEST_CASE("tinyshakespeare: nanoGPT's split and its 65 characters") {
  const std::string folder = data_folder();
  if (folder.empty()) return;
  const Splits splits =
      make_part<Reader>(R"({"type":"running_text","train":"tinyshakespeare/input.txt","validation":"10%"})", folder)->read({});
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"character","max_length":64})");
  tokenizer->fit(splits.train);
  CHECK(tokenizer->vocabulary_size() == 65 + 5);
  CHECK(stream_of(splits.train, *tokenizer, 1).stream.ids.size() == 1003854);
  CHECK(stream_of(splits.train, *tokenizer, 1).size() == 1003854 - 64);
  CHECK(stream_of(splits.validation, *tokenizer).stream.ids.size() == 111540);
}

TEST_CASE("real text through tokenizer, data set and batches") {
  const std::string folder = data_folder();
  if (folder.empty()) return;
  const Splits splits =
      make_part<Reader>(
          R"({"type":"labelled_lines","train":"trec/TREC.train.all","test":"trec/TREC.test.all","encoding":"latin-1","validation":"10%"})",
          folder)
          ->read(root_key(1));
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"word","min_count":2,"max_length":40})");
  tokenizer->fit(splits.train);
  const Dataset data = encode(fitted(splits), {splits.train, *tokenizer});
  CHECK(data.size() == 4907);
  CHECK(data.labels.size() == 6);
  int64_t tokens = 0, batches = 0;
  for (const auto& order : make_part<Sampler>(R"({"type":"length_buckets"})")->epoch(data, 32, root_key(1), 0)) {
    const Batch batch = collate(data, order, 0, int64_t(order.size()), DType::f32);
    tokens += batch.token_count();
    ++batches;
    for (int32_t label : batch.labels.data<int32_t>()) CHECK((label >= 0 && label < 6));
  }
  int64_t expected = 0;
  for (const Example& example : data.examples) expected += int64_t(example.ids.size());
  CHECK(tokens == expected);
  CHECK(batches == (4907 + 31) / 32);
}

TEST_CASE("wordpiece with BERT's own vocabulary") {
  const std::string folder = data_folder();
  const std::string vocab = folder + "/vocab/bert-base-uncased/vocab.txt";
  if (folder.empty() || !std::filesystem::exists(vocab)) return;
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"wordpiece","vocab":")" + vocab + "\"}");
  tokenizer->fit({});
  CHECK(tokenizer->vocabulary_size() == 30522);
  CHECK(tokenizer->encode("Hello, naïve tokenization!").ids ==
        std::vector<int32_t>{101, 7592, 1010, 15743, 19204, 3989, 999, 102});
  CHECK(tokenizer->encode("What is this?", "A [MASK].").ids ==
        std::vector<int32_t>{101, 2054, 2003, 2023, 1029, 102, 1037, 103, 1012, 102});
}
