// Few labels and many texts: where the rows come from, how batches mix them, and that methods learn from rows without labels.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <tapedeck/data/dataset.h>

#include "support/data_files.h"
#include "support/model_fixture.h"

using namespace tapedeck;
using namespace tapedeck::testing;
using tapedeck::test::ModelFixture;

namespace {

int64_t count_labelled(const Table& table) {
  return std::count_if(table.rows.begin(), table.rows.end(), [](const Row& row) { return !row.label.empty(); });
}

Dataset some_labels(int64_t labelled, int64_t unlabelled) {
  Dataset data;
  data.labels = {"a", "b"};
  for (int64_t i = 0; i < labelled + unlabelled; ++i) {
    Example e;
    e.ids = {int32_t(i)};
    e.label = i < labelled ? int32_t(i % 2) : -1;
    data.examples.push_back(e);
  }
  return data;
}

}  // namespace

TEST_CASE("the semi-supervised reader hides labels and adds texts") {
  const TempFolder folder(Medium::memory);
  put(folder, "lines.txt", "x y\nz\n");
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += text(i % 2 ? "yes" : "no", " word", i, "\n");
  put(folder, "rows.txt", rows);
  const std::string labelled = R"("labelled": {"type": "labelled_lines", "train": "rows.txt", "validation": "rows.txt"})";
  const auto reader = [&](const std::string& more) {
    return make_part<Reader>("{\"type\": \"semi_supervised\", " + labelled + more + "}", folder.path());
  };
  const auto both = reader(R"(, "keep": 0.25, "unlabelled": {"type": "lines", "train": "lines.txt"})");
  const Splits splits = both->read(root_key(0));
  CHECK(splits.train.rows.size() == 22);
  CHECK(count_labelled(splits.train) == 5);
  CHECK(count_labelled(splits.validation) == 20);
  CHECK(splits.labels == std::vector<std::string>{"no", "yes"});
  CHECK(both->files().size() == 3);
  const Splits again = both->read(root_key(0)), other = both->read(root_key(1));
  const auto kept = [](const Splits& s) {
    std::set<std::string> texts;
    for (const Row& row : s.train.rows)
      if (!row.label.empty()) texts.insert(row.text);
    return texts;
  };
  CHECK(kept(again) == kept(splits));
  CHECK(kept(other) != kept(splits));
  CHECK(count_labelled(reader(R"(, "keep": 0)")->read(root_key(0)).train) == 2);  // one of each class
  CHECK(count_labelled(reader(R"(, "unlabelled": {"type": "labelled_lines", "train": "rows.txt"})")->read(root_key(0)).train) ==
        20);
  CHECK_THROWS_WITH_AS(reader("")->read(root_key(0)), doctest::Contains("no rows without labels"), Error);
  CHECK_THROWS_WITH_AS(reader(R"(, "unlabelled": {"type": "running_text", "train": "lines.txt"})")->read(root_key(0)),
                       doctest::Contains("language_model"), Error);
}

TEST_CASE("batches hold both kinds, and every labelled example once per epoch") {
  const Dataset data = some_labels(7, 10);
  const auto has_label = [&](int64_t i) { return data.examples[size_t(i)].label >= 0; };
  const auto mixed = make_part<Sampler>(R"({"type": "semi_supervised", "labelled": 2})");
  mixed->check(data, 5);
  std::multiset<int64_t> shown;
  for (int64_t epoch : {0, 1, 2}) {
    const auto batches = mixed->epoch(data, 5, root_key(3), epoch);
    CHECK(batches.size() == 4);
    std::multiset<int64_t> seen;
    for (auto& batch : batches) {
      CHECK(std::count_if(batch.begin(), batch.end(), [&](int64_t i) { return !has_label(i); }) == 3);
      for (int64_t i : batch) (has_label(i) ? seen : shown).insert(i);
    }
    CHECK(seen == std::multiset<int64_t>{0, 1, 2, 3, 4, 5, 6});
    CHECK(mixed->epoch(data, 5, root_key(3), epoch) == batches);
  }
  for (int64_t i = 7; i < 17; ++i)
    CHECK(std::abs(int64_t(shown.count(i)) * 10 - 36) <= 6);  // 36 places for 10: three or four times each
  const auto turns = make_part<Sampler>(R"({"type": "semi_supervised", "alternate": true})")->epoch(data, 4, root_key(3), 0);
  CHECK(turns.size() == 4);
  for (size_t b = 0; b < turns.size(); ++b)
    for (int64_t i : turns[b]) CHECK(has_label(i) == (b % 2 == 0));
  CHECK_THROWS_AS(mixed->check(some_labels(4, 0), 5), Error);
  CHECK_THROWS_AS(mixed->check(some_labels(0, 4), 5), Error);
  CHECK_THROWS_AS(mixed->check(data, 2), Error);
}

TEST_CASE("rows without labels move the model, and a batch of nothing else is finite") {
  for (const char* objective : {R"({"type": "r_drop", "alpha": 2})", R"({"type": "vat", "epsilon": 0.5})",
                                R"({"type": "entropy", "weight": 1})", R"({"type": "noise_consistency", "size": 0.3})"}) {
    CAPTURE(objective);
    ModelFixture f(test::tiny_model(objective));
    f.data.labelled = true;  // others have labels
    for (Example& e : f.data.examples) e.label = -1;
    Batch b = f.batch();
    b.total_weight = 0;
    Step step = f.step(b);
    CHECK(std::isfinite(f.config.objective->run(step)));
    double largest = 0;
    for (double g : f.gradients()) largest = std::isfinite(g) ? std::max(largest, std::abs(g)) : INFINITY;
    CHECK(largest > 1e-6);
    CHECK(largest < 1e3);
  }
}
