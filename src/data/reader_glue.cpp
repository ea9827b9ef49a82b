// "glue": the nine GLUE tasks by name; which file and column holds what is a table here. The official file names come
// first, then those of the tasks' original publications. Next: reader_builtin.cpp.
#include <filesystem>

#include "src/data/delimited.h"

namespace tapedeck {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

struct GlueTask {
  std::string name;
  std::string text, text_b, label;  // columns in the header
  Names labels;                     // index order of published models; empty: a score to regress on
  Names train = {"train.tsv"}, dev = {"dev.tsv"}, test = {"test.tsv"};
};

const std::vector<GlueTask>& tasks() {
  static const std::vector<GlueTask> all = {
      {"cola",
       "sentence",
       "",
       "label",
       {"0", "1"},
       {"train.tsv", "in_domain_train.tsv", "raw/in_domain_train.tsv"},
       {"dev.tsv", "in_domain_dev.tsv", "raw/in_domain_dev.tsv"},
       {"out_of_domain_dev.tsv", "raw/out_of_domain_dev.tsv", "test.tsv"}},
      {"sst2", "sentence", "", "label", {"0", "1"}},
      {"mrpc",
       "#1 String",
       "#2 String",
       "Quality",
       {"0", "1"},
       {"train.tsv", "msr_paraphrase_train.txt", "msr-para-train.tsv"},
       {"dev.tsv", "msr-para-val.tsv"},
       {"msr_paraphrase_test.txt", "msr-para-test.tsv", "test.tsv"}},
      {"qqp", "question1", "question2", "is_duplicate", {"0", "1"}},
      {"stsb",
       "sentence1",
       "sentence2",
       "score",
       {},
       {"train.tsv", "stsb-en-train.csv", "stsb-zh-train.csv"},
       {"dev.tsv", "stsb-en-dev.csv", "stsb-zh-dev.csv"},
       {"test.tsv", "stsb-en-test.csv", "stsb-zh-test.csv"}},
      {"mnli",
       "sentence1",
       "sentence2",
       "gold_label",
       {"entailment", "neutral", "contradiction"},
       {"train.tsv"},
       {"dev_matched.tsv"},
       {"dev_mismatched.tsv"}},
      {"qnli", "question", "sentence", "label", {"entailment", "not_entailment"}},
      {"rte", "sentence1", "sentence2", "label", {"entailment", "not_entailment"}},
      {"wnli", "sentence1", "sentence2", "label", {"0", "1"}},
  };
  return all;
}

Names task_names() {
  Names names;
  for (const GlueTask& task : tasks()) names.push_back(task.name);
  return names;
}

struct GlueReader final : FileReader {
  void describe(Fields& f) override {
    f("task", task_, "the task").required().one_of(task_names());
    f("dir", dir_, "folder with the task's files").required();
    describe_rows(f, /*labels=*/false);
  }

 private:
  const GlueTask& task() const {
    for (const GlueTask& t : tasks())
      if (t.name == task_) return t;
    throw Error(ErrorKind::config, text("there is no GLUE task \"", task_, "\""), text("tasks: ", quoted_list(task_names())));
  }

  /// The first of the names that exists in the folder, as it is or with .gz.
  std::string find_file(const Names& names, bool required) const {
    std::error_code ignored;
    for (const std::string& name : names)
      for (const char* suffix : {"", ".gz"})
        if (const fs::path path = fs::path(dir_.path) / (name + suffix); fs::exists(path, ignored)) return path.string();
    if (!required) return "";
    if (!fs::is_directory(dir_.path, ignored))
      throw data_error(dir_.path, 0, "there is no such folder", origin("set data.dir to the folder of the task"));
    throw data_error(dir_.path, 0, text("the folder has no ", names[0], " for GLUE task \"", task_, "\""),
                     text("accepted names, each also with .gz: ", quoted_list(names)));
  }

  SplitFiles split_files() const override {
    const GlueTask& t = task();
    return {find_file(t.train, true), find_file(t.dev, true), find_file(t.test, false)};
  }

  void parse(const TextFile& file, RowSink& rows) const override {
    const GlueTask& t = task();
    Columns columns;
    TableFormat format;
    if (file.name.ends_with(".csv") || file.name.ends_with(".csv.gz")) {  // STS-B as CSV: two sentences, score
      format = {.separator = ',', .quotes = true, .header = false};
      columns.text = "0", columns.text_b = "1", columns.label = "2";
    } else if (t.name == "cola" && header_of(file, format).size() == 4) {  // source, label, the author's mark, sentence
      format.header = false;
      columns.text = "3", columns.label = "1";
    } else {
      columns.text = t.text, columns.text_b = t.text_b, columns.label = t.label;
    }
    parse_delimited(file, format, columns, rows);
  }

  bool pairs() const override { return !task().text_b.empty(); }
  std::string usual_task() const override { return task().labels.empty() ? "regression" : "classification"; }
  Names label_order() const override { return task().labels; }
  Need test_need() const override { return Need::optional; }

  std::string task_;
  Path dir_;
};
TAPEDECK_PART(
    Reader, GlueReader, "glue",
    "A GLUE task by name from its folder. MNLI: validation is matched, test mismatched; a test file without labels is left out.");

}  // namespace
}  // namespace tapedeck
