// Time per text is linear in its length: reading, encoding, setting up a step, predicting and writing a text of 1k, 4k and 16k
// words, for every reader, task and tokenizer, in processor time. Prints the worst of each. Next: cases_test.cpp.
#include <doctest/doctest.h>

#include <malloc.h>

#include <ctime>

#include <tapedeck/tensor/machine.h>
#include <tapedeck/train/metrics.h>

#include "support/data_files.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

constexpr double linear = 1.2;  // times 16 for 16 times as many words
constexpr int64_t sizes[] = {1000, 4000, 16000};
constexpr int most_rounds = 12;
const std::string source = std::string(TAPEDECK_SOURCE_DIR) + "/configs/smoke/data/";

/// Freed memory stays with the process: the price of fresh pages, which only long texts would pay again at every call, is not
/// what is measured.
void keep_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// Of at least three calls, which take ten milliseconds together.
double fastest(const std::function<void()>& body) {
  double best = 1e9, all = 0;
  for (int calls = 0; calls < 3 || (all < 0.01 && calls < 200); ++calls) {
    const double start = cpu_seconds();
    body();
    const double took = cpu_seconds() - start;
    best = std::min(best, took), all += took;
  }
  return best;
}

struct Growth {
  double from_1k = 0, from_4k = 0, microseconds = 0;  // as multiples of linear; of the longest text
  double worst() const { return std::max(from_1k, from_4k); }
};

/// Measures body(0..2) until what disturbs it is gone, a few rounds at most.
Growth growth(const std::function<void(size_t)>& body) {
  double best[3] = {1e9, 1e9, 1e9};
  Growth found;
  for (int round = 0; round < most_rounds && (round == 0 || found.worst() > linear); ++round) {
    for (size_t i = 0; i < 3; ++i) best[i] = std::min(best[i], fastest([&] { body(i); }));
    found = {best[2] / best[0] / 16, best[2] / best[1] / 4, 1e6 * best[2]};
  }
  return found;
}

/// The worst by stage, printed at the end of a test.
struct Worst {
  std::map<std::string, std::pair<Growth, std::string>> by_stage;
  void add(const std::string& stage, const std::string& what, const std::function<void(size_t)>& body) {
    const Growth g = growth(body);
    CHECK_MESSAGE(g.worst() <= linear, stage, " ", what, ": ", g.from_1k, " x linear from 1k, ", g.from_4k, " from 4k words");
    auto& [worst, who] = by_stage[stage];
    if (who.empty() || g.worst() > worst.worst()) worst = g, who = what;
  }
  ~Worst() {
    for (auto& [stage, entry] : by_stage)
      std::printf("%-8s %-28s 16k words %9.0f us, %.2f x linear from 1k, %.2f from 4k\n", stage.c_str(), entry.second.c_str(),
                  entry.first.microseconds, entry.first.from_1k, entry.first.from_4k);
  }
};

constexpr const char* words[] = {"Anna", "lives", "in", "Oslo", ",", "where", "na\u00EFve", "visitors", "met", "Boris", "."};
constexpr int64_t kinds = std::ssize(words), every = 10;  // a name, B- and I-, begins at every tenth word
std::string word(int64_t i) { return words[size_t(i * 7 % kinds)]; }
std::string tag(int64_t i) { return i % every == 0 ? "B-name" : i % every == 1 ? "I-name" : "O"; }

/// A text of n words with an answer of every kind.
Row row_of(int64_t n) {
  Row row{"", "", "2", 1};
  row.spans.emplace(), row.labels.emplace();
  int64_t points = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i) row.text += ' ', ++points;
    row.text += word(i);
    const int64_t begin = points;
    points += word(i) == "na\u00EFve" ? 5 : std::ssize(word(i));
    if (i % every == 0) row.spans->push_back({begin, points, "name"});
    row.labels->push_back(tag(i));
  }
  return row;
}

struct Format {
  const char *options, *file;
  std::string (*bytes)(const Row& row);
};
std::string words_and_tags(const Row& row) {
  std::string out;
  for (int64_t i = 0; i < std::ssize(*row.labels); ++i) out += word(i) + "\t" + tag(i) + "\n";
  return out;
}
std::string with_spans(const Row& row) {
  std::string spans;
  for (const TextSpan& s : *row.spans)
    spans += text(spans.empty() ? "" : ",", "{\"start\":", s.start, ",\"end\":", s.end, ",\"label\":\"name\"}");
  return "{\"text\":\"" + row.text + "\",\"spans\":[" + spans + "]}\n";
}
const Format formats[] = {
    {R"({"type":"tsv","train":"t"})", "t", [](const Row& row) { return "text\tlabel\n" + row.text + "\tyes\n"; }},
    {R"({"type":"csv","train":"t"})", "t", [](const Row& row) { return "text,label\n\"" + row.text + "\",yes\n"; }},
    {R"({"type":"jsonl","train":"t"})", "t",
     [](const Row& row) { return R"({"text":")" + row.text + "\",\"label\":\"yes\"}\n"; }},
    {R"({"type":"labelled_lines","train":"t"})", "t", [](const Row& row) { return "yes " + row.text + "\n"; }},
    {R"({"type":"lines","train":"t"})", "t", [](const Row& row) { return row.text + "\n"; }},
    {R"({"type":"running_text","train":"t"})", "t", [](const Row& row) { return row.text; }},
    {R"({"type":"spans","train":"t"})", "t", with_spans},
    {R"({"type":"bio","train":"t","longest":20000})", "t", words_and_tags},
    {R"({"type":"glue","task":"sst2","dir":"."})", "t", [](const Row& row) { return "sentence\tlabel\n" + row.text + "\t1\n"; }},
    {R"({"type":"builtin"})", "t", [](const Row& row) { return row.text + "\tpositive\n"; }},
};

/// Answers that are no tags: those of a text.
void fit_to(const Task& task, Row& row) {
  if (task.answer().rows == Rows::sequences) row.labels.reset();
}

const char* const tokenizers[] = {R"("type":"word")", R"("type":"character")", R"("type":"wordpiece","vocab":"vocab.txt")",
                                  R"("type":"pretrained","from":"pretrained")"};

}  // namespace

TEST_CASE("files are read in time linear in their texts") {
  const TempFolder folder(Medium::memory);
  keep_memory();
  Worst worst;
  for (const Format& format : formats) {
    std::string paths[3];
    for (size_t i = 0; i < 3; ++i) paths[i] = put(folder, text(i, "-", format.file), format.bytes(row_of(sizes[i])));
    const auto reader = make_part<Reader>(format.options, folder.path());
    REQUIRE(reader->read_file(paths[2]).rows.size() == 1);
    worst.add("read", format.options, [&](size_t i) { reader->read_file(paths[i]); });
  }
}

TEST_CASE("texts become examples, batches, predictions and lines in time linear in their length") {
  set_threads(1);
  keep_memory();
  Worst worst;
  for (const auto& [name, entry] : Registry<Task>::entries()) {
    for (const char* kind : tokenizers) {
      CAPTURE(name);
      CAPTURE(kind);
      const std::string what = name + " " + kind;
      Splits splits;
      for (const int64_t n : {sizes[0], sizes[0]}) splits.train.rows.push_back(row_of(n));
      splits.train.rows[1].label = "1";
      const auto tokenizer = make_part<Tokenizer>(std::string("{") + kind + R"(,"max_length":64})", source);
      tokenizer->fit(splits.train);
      std::shared_ptr<Task> task = make_task(name);
      for (Row& row : splits.train.rows) fit_to(*task, row);
      task->fit(splits);
      Table tables[3];
      Dataset data[3];
      std::vector<int64_t> order[3];
      for (size_t i = 0; i < 3; ++i) {
        tables[i].rows = {row_of(sizes[i])};
        fit_to(*task, tables[i].rows[0]);
        data[i] = encode(task, {tables[i], *tokenizer});
        for (int64_t e = 0; e < data[i].size(); ++e) order[i].push_back(e);
      }
      worst.add("encode", what, [&](size_t i) { encode(task, {tables[i], *tokenizer}); });
      worst.add("set up", what, [&](size_t i) { collate(data[i], order[i], 0, std::ssize(order[i]), DType::f32); });

      const TaskDefaults usual = task->defaults();
      const auto spec = make_part<ModelSpec>(text(
          R"({"type":")", usual.model, R"(","encoder":{"type":"transformer","layers":1,"width":8,"heads":2,"feed_forward":8)",
          name == "language_model" ? ",\"causal\":true" : "", "}}"));
      const auto loss = make_part<Loss>(text(R"({"type":")", usual.loss, "\"}"));
      ParamStore store;
      const auto model = spec->build(Params(store), {.vocabulary = tokenizer->vocabulary_size(),
                                                     .max_length = tokenizer->max_length(),
                                                     .outputs = task->outputs(tokenizer->vocabulary_size()),
                                                     .pairs = false});
      store.allocate(DType::f32, root_key(1));
      Predictions all[3];
      worst.add("predict", what, [&](size_t i) { all[i] = predict(*model, store, *loss, data[i], 64); });
      if (!task->writes()) continue;
      worst.add("write", what, [&](size_t i) {
        Json json = Json::dict();
        json.set("text", Json::of(tables[i].rows[0].text));
        task->write(tables[i].rows[0], all[i], 0, *tokenizer, json);
        json.dump(-1);
      });
    }
  }
}
