// Labels, packed batches, the order of examples, and what the built-in data set promises.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <doctest/doctest.h>
#include <tapedeck/data/dataset.h>

#include "support/data_files.h"
#include "support/tasks.h"

using namespace tapedeck;
using namespace tapedeck::testing;

namespace {

Splits splits_of(const std::vector<std::string>& labels) {
  Splits splits;
  splits.train.name = "train.tsv";
  for (const std::string& label : labels) splits.train.rows.push_back({"a b", "c", label, int64_t(splits.train.rows.size()) + 2});
  return splits;
}

/// Examples whose lengths and labels are given; ids are 100 * example + place.
Dataset dataset_of(const std::vector<int>& lengths, const std::vector<int>& labels, int classes, bool pairs = false) {
  Dataset data;
  data.name = "made";
  data.pairs = pairs;
  for (int c = 0; c < classes; ++c) data.labels.push_back(std::to_string(c));
  for (size_t i = 0; i < lengths.size(); ++i) {
    Example e;
    for (int p = 0; p < lengths[i]; ++p) {
      e.ids.push_back(int32_t(100 * i) + p);
      e.segments.push_back(p >= 2);
    }
    e.label = labels[i];
    data.examples.push_back(std::move(e));
  }
  return data;
}

Dataset many(int n, int classes) {
  std::vector<int> lengths, labels;
  for (int i = 0; i < n; ++i) lengths.push_back(1 + i * 7 % 23), labels.push_back(i % 11 ? i % classes : 0);
  return dataset_of(lengths, labels, classes);
}

std::vector<int32_t> values(const Tensor& t) {
  const auto span = t.data<int32_t>();
  return {span.begin(), span.end()};
}

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

/// Accuracy on validation of naive Bayes on the set of words: what counting words can do.
double naive_bayes(const Table& train, const Table& validation) {
  const auto words = [](const std::string& s) {
    std::set<std::string> found;
    std::string word;
    for (char c : s + " ") {
      if (std::isalpha(uint8_t(c))) {
        word += c;
        continue;
      }
      if (!word.empty()) found.insert(word);
      word.clear();
    }
    return found;
  };
  std::map<std::string, std::array<double, 2>> counts;
  double rows[2] = {0, 0};
  for (const Row& row : train.rows) {
    const bool positive = row.label == "positive";
    ++rows[positive];
    for (const std::string& w : words(row.text)) ++counts[w][positive];
  }
  double right = 0;
  for (const Row& row : validation.rows) {
    double odds = std::log(rows[1] / rows[0]);
    for (const std::string& w : words(row.text))
      if (const auto it = counts.find(w); it != counts.end())
        odds += std::log((it->second[1] + 1) / (rows[1] + 2)) - std::log((it->second[0] + 1) / (rows[0] + 2));
    right += (odds > 0) == (row.label == "positive");
  }
  return right / double(validation.rows.size());
}

}  // namespace

TEST_CASE("class names: declared order, else numbers by value, else by text") {
  using Names = std::vector<std::string>;
  CHECK(label_names(splits_of({"10", "9", "-1", "9"})) == Names{"-1", "9", "10"});
  CHECK(label_names(splits_of({"b", "10", "9", ""})) == Names{"10", "9", "b"});
  CHECK(label_names(splits_of({"", ""})).empty());
  Splits declared = splits_of({"a", "b"});
  declared.labels = {"b", "a", "c"};
  CHECK(label_names(declared) == declared.labels);
  declared.labels = {"b", "b"};
  CHECK(message_of([&] { label_names(declared); }).find("\"b\" twice") != std::string::npos);
  declared.task = "regression";
  CHECK(fitted(declared)->labels.empty());
}

TEST_CASE("encode: labels, targets and errors with file and line") {
  const auto tokenizer = make_part<Tokenizer>(R"({"type":"word"})");
  const Splits splits = splits_of({"yes", "no", ""});
  tokenizer->fit(splits.train);
  const Dataset data = encoded("classification", splits.train, *tokenizer, {"no", "yes"}, true);
  CHECK(data.examples[0].label == 1);
  CHECK(data.examples[1].label == 0);
  CHECK(data.examples[2].label == -1);
  CHECK(data.examples[0].ids.size() == 6);
  CHECK(data.examples[0].segments == std::vector<int32_t>{0, 0, 0, 0, 1, 1});
  CHECK(encoded("classification", splits.train, *tokenizer, {"no", "yes"}).examples[0].ids.size() == 4);
  CHECK(message_of([&] {
          encoded("classification", splits.train, *tokenizer, {"nope", "yes"}, true);
        }).find("train.tsv:3: label \"no\"") == 0);
  CHECK(message_of([&] {
          encoded("regression", splits.train, *tokenizer, {}, true);
        }).find("train.tsv:2: label \"yes\" is not a number") == 0);
  const Dataset scores = encoded("regression", splits_of({"2.5", ""}).train, *tokenizer, {}, true);
  CHECK(scores.examples[0].target == 2.5);
  CHECK(std::isnan(scores.examples[1].target));
}

TEST_CASE("collate packs sequences without padding and knows its place in the step") {
  const Dataset data = dataset_of({3, 1, 4, 2}, {1, -1, 0, 1}, 2, true);
  const std::vector<int64_t> order = {2, 0, 3, 1};
  const Batch whole = collate(data, order, 0, 4, DType::f32);
  CHECK(values(whole.offsets) == std::vector<int32_t>{0, 4, 7, 9, 10});
  CHECK(values(whole.tokens) == std::vector<int32_t>{200, 201, 202, 203, 0, 1, 2, 300, 301, 100});
  CHECK(values(whole.positions) == std::vector<int32_t>{0, 1, 2, 3, 0, 1, 2, 0, 1, 0});
  CHECK(values(whole.segments) == std::vector<int32_t>{0, 0, 1, 1, 0, 0, 1, 0, 0, 0});
  CHECK(values(whole.labels) == std::vector<int32_t>{0, 1, 1, -1});
  CHECK_FALSE(whole.targets);
  const Batch micro = collate(data, order, 2, 4, DType::f32);
  CHECK(values(micro.offsets) == std::vector<int32_t>{0, 2, 3});
  CHECK(values(micro.labels) == std::vector<int32_t>{1, -1});
  const struct {
    int64_t found, expected;
  } places[] = {{whole.first_token, 0},    {whole.first_sequence, 0},  {whole.first_pair, 0},      {micro.first_token, 7},
                {micro.first_sequence, 2}, {micro.first_pair, 16 + 9}, {whole.total_sequences, 4}, {micro.total_sequences, 4},
                {whole.total_labelled, 3}, {micro.total_labelled, 3}};
  for (const auto& place : places) CHECK(place.found == place.expected);
  CHECK_THROWS_AS(collate(data, order, 2, 5, DType::f32), Error);
  CHECK_THROWS_AS(collate(data, order, 2, 2, DType::f32), Error);
}

TEST_CASE("collate: unlabelled data have no labels, regression has targets in the dtype of the run") {
  Dataset data = dataset_of({2, 2}, {-1, -1}, 0);
  const std::vector<int64_t> order = {0, 1};
  const Batch bare = collate(data, order, 0, 2, DType::f32);
  CHECK_FALSE(bare.labels);
  CHECK_FALSE(bare.segments);
  CHECK(bare.total_labelled == 0);
  data.task = make_task("regression");
  data.examples[0].target = 0.1;
  data.examples[1].target = std::nan("");
  const Batch scores = collate(data, order, 0, 2, DType::f64);
  CHECK_FALSE(scores.labels);
  CHECK(scores.targets.item(0) == 0.1);
  CHECK(scores.total_labelled == 1);
  CHECK(collate(data, order, 0, 2, DType::f32).targets.dtype() == DType::f32);
}

TEST_CASE("samplers that show every example once") {
  const Dataset data = many(203, 4);
  for (const char* options : {R"({"type":"shuffle"})", R"({"type":"sequential"})", R"({"type":"length_buckets"})",
                              R"({"type":"length_buckets","buckets":3})"}) {
    CAPTURE(options);
    const auto sampler = make_part<Sampler>(options);
    for (int64_t batch_size : {1, 8, 203, 500}) {
      CAPTURE(batch_size);
      const auto batches = sampler->epoch(data, batch_size, root_key(3), 5);
      std::vector<int64_t> seen;
      for (size_t b = 0; b < batches.size(); ++b) {
        if (b + 1 < batches.size()) CHECK(int64_t(batches[b].size()) == batch_size);
        CHECK_FALSE(batches[b].empty());
        seen.insert(seen.end(), batches[b].begin(), batches[b].end());
      }
      std::sort(seen.begin(), seen.end());
      REQUIRE(int64_t(seen.size()) == data.size());
      for (int64_t i = 0; i < data.size(); ++i) CHECK(seen[size_t(i)] == i);
    }
  }
}

TEST_CASE("an epoch depends on key and number alone") {
  const Dataset data = many(120, 3);
  for (const char* options : {R"({"type":"shuffle"})", R"({"type":"length_buckets","buckets":4})", R"({"type":"balanced"})"}) {
    CAPTURE(options);
    const auto sampler = make_part<Sampler>(options);
    const auto first = sampler->epoch(data, 8, root_key(1), 2);
    sampler->epoch(data, 8, root_key(9), 7);
    CHECK(sampler->epoch(data, 8, root_key(1), 2) == first);
    CHECK(sampler->epoch(data, 8, root_key(1), 3) != first);
    CHECK(sampler->epoch(data, 8, root_key(2), 2) != first);
  }
}

TEST_CASE("length buckets hold examples of like length, in an order that is not sorted") {
  const Dataset data = many(512, 2);
  const auto spread = [&](const char* options) {
    int64_t sum = 0;
    for (const auto& batch : make_part<Sampler>(options)->epoch(data, 16, root_key(1), 0)) {
      const auto [low, high] = std::minmax_element(batch.begin(), batch.end(), [&](int64_t a, int64_t b) {
        return data.examples[size_t(a)].ids.size() < data.examples[size_t(b)].ids.size();
      });
      sum += int64_t(data.examples[size_t(*high)].ids.size() - data.examples[size_t(*low)].ids.size());
    }
    return sum;
  };
  CHECK(spread(R"({"type":"length_buckets"})") * 4 < spread(R"({"type":"shuffle"})"));
  std::vector<size_t> first;
  for (const auto& batch : make_part<Sampler>(R"({"type":"length_buckets"})")->epoch(data, 16, root_key(1), 0))
    first.push_back(data.examples[size_t(batch[0])].ids.size());
  CHECK_FALSE(std::is_sorted(first.begin(), first.end()));
}

TEST_CASE("balanced batches") {
  const Dataset data = many(202, 4);  // class 0 is larger
  struct {
    const char* options;
    int64_t batch_size;
    size_t classes;
    int64_t each;
  } const rows[] = {{R"({"type":"balanced"})", 8, 4, 2},
                    {R"({"type":"balanced"})", 4, 4, 1},
                    {R"({"type":"balanced","per_class":4})", 8, 2, 4},
                    {R"({"type":"balanced","per_class":2})", 8, 4, 2}};
  for (const auto& row : rows) {
    CAPTURE(row.options);
    const auto batches = make_part<Sampler>(row.options)->epoch(data, row.batch_size, root_key(1), 0);
    CHECK(int64_t(batches.size()) == data.size() / row.batch_size);
    std::map<int, std::map<int64_t, int>> uses;
    for (const auto& batch : batches) {
      std::map<int, int64_t> counts;
      for (int64_t i : batch) ++counts[data.examples[size_t(i)].label], ++uses[data.examples[size_t(i)].label][i];
      CHECK(counts.size() == row.classes);
      for (const auto& [label, n] : counts) CHECK(n == row.each);
    }
    for (const auto& [label, of] : uses) {  // within a class no example is used twice before all are used once
      int low = 1 << 30, high = 0;
      for (const auto& [i, n] : of) low = std::min(low, n), high = std::max(high, n);
      const auto size =
          std::count_if(data.examples.begin(), data.examples.end(), [&, c = label](const Example& e) { return e.label == c; });
      if (int64_t(of.size()) < size) low = 0;
      CHECK(high - low <= 1);
    }
  }
  const auto uneven = make_part<Sampler>(R"({"type":"balanced"})")->epoch(data, 6, root_key(1), 0);
  std::map<int, int64_t> total;
  for (const auto& batch : uneven)
    for (int64_t i : batch) ++total[data.examples[size_t(i)].label];
  for (const auto& [label, n] : total) CHECK(std::abs(n - total[0]) <= 1);
}

TEST_CASE("balanced refuses what it cannot do") {
  const Dataset data = many(100, 4), one = dataset_of({1, 1}, {0, 0}, 2), none = dataset_of({1, 1}, {-1, -1}, 0);
  struct {
    const char* options;
    const Dataset& data;
    int64_t batch_size;
    const char* message;
  } const rows[] = {{R"({"type":"balanced","per_class":3})", data, 8, "does not divide"},
                    {R"({"type":"balanced","per_class":16})", data, 8, "does not divide"},
                    {R"({"type":"balanced","per_class":1})", data, 8, "cannot fill a batch"},
                    {R"({"type":"balanced"})", one, 2, "two classes"},
                    {R"({"type":"balanced"})", none, 2, "two classes"}};
  for (const auto& row : rows) {
    const std::string message = message_of([&] { make_part<Sampler>(row.options)->check(row.data, row.batch_size); });
    CHECK_MESSAGE(message.find(row.message) != std::string::npos, message);
  }
  CHECK_NOTHROW(make_part<Sampler>(R"({"type":"balanced","per_class":2})")->check(data, 8));
}

TEST_CASE("the built-in data set: sizes, key, disjoint splits, noise in train only, negation matters") {
  const auto reader = make_part<Reader>(R"({"type":"builtin"})"),
             clean = make_part<Reader>(R"({"type":"builtin","label_noise":0})");
  const Splits splits = reader->read(root_key(1)), exact = clean->read(root_key(1)), other = reader->read(root_key(2));
  CHECK(splits.train.rows.size() == 8000);
  CHECK(splits.validation.rows.size() == 800);
  CHECK(splits.test.rows.size() == 800);
  CHECK(label_names(splits) == std::vector<std::string>{"negative", "positive"});
  CHECK(reader->files().empty());

  std::set<std::string> unique;
  double positive = 0, wrong = 0;
  for (const Table* table : {&splits.train, &splits.validation, &splits.test})
    for (const Row& row : table->rows) unique.insert(row.text);
  CHECK(unique.size() == 9600);
  for (size_t i = 0; i < 8000; ++i) {
    REQUIRE(splits.train.rows[i].text == exact.train.rows[i].text);
    wrong += splits.train.rows[i].label != exact.train.rows[i].label;
    positive += exact.train.rows[i].label == "positive";
  }
  CHECK(wrong / 8000 == doctest::Approx(0.05).epsilon(0.2));
  CHECK(positive / 8000 == doctest::Approx(0.5).epsilon(0.05));
  CHECK(splits.train.rows[0].text != other.train.rows[0].text);
  for (size_t i = 0; i < 800; ++i) CHECK(splits.validation.rows[i].label == exact.validation.rows[i].label);

  const double words_alone = naive_bayes(splits.train, splits.validation);
  CHECK(words_alone > 0.70);
  CHECK(words_alone < 0.85);
}

TEST_CASE("the built-in data set: small sizes and refusals") {
  const Splits splits = make_part<Reader>(R"({"type":"builtin","train":10,"validation":0,"test":3})")->read({});
  CHECK(splits.train.rows.size() == 10);
  CHECK(splits.validation.rows.empty());
  CHECK(splits.test.rows.size() == 3);
  for (const char* options :
       {R"({"type":"builtin","train":0})", R"({"type":"builtin","label_noise":0.9})", R"({"type":"builtin","train":"many"})"})
    CHECK_THROWS_AS(make_part<Reader>(options), Error);
}
