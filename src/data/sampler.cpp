// The order of examples: "shuffle", "sequential", "length_buckets", "balanced", "semi_supervised". Each epoch is a pure function
// of (key, epoch), so a resumed run computes its order instead of remembering it. Next: tapedeck/train.
#include <algorithm>
#include <cmath>

#include <tapedeck/base/error.h>
#include <tapedeck/tasks/task.h>

namespace tapedeck {
namespace {

using Batches = std::vector<std::vector<int64_t>>;

Batches cut(const std::vector<int64_t>& order, int64_t batch_size) {
  Batches batches;
  for (auto at = order.begin(); at != order.end();) {
    const auto end = at + std::min<int64_t>(batch_size, order.end() - at);
    batches.emplace_back(at, end);
    at = end;
  }
  return batches;
}

struct Shuffle final : Sampler {
  Batches epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const override {
    return cut(random_permutation(key / epoch, data.size()), batch_size);
  }
};
TAPEDECK_PART(Sampler, Shuffle, "shuffle", "Every example once per epoch, in a new random order each time.");

struct Sequential final : Sampler {
  Batches epoch(const Dataset& data, int64_t batch_size, Key, int64_t) const override {
    std::vector<int64_t> order(size_t(data.size()));
    std::iota(order.begin(), order.end(), int64_t{0});
    return cut(order, batch_size);
  }
};
TAPEDECK_PART(Sampler, Sequential, "sequential", "Every example once per epoch, in the order of the file.");

struct LengthBuckets final : Sampler {
  void describe(Fields& f) override {
    f("buckets", buckets_, "batches per pool: within a pool of so many batches examples are sorted by length").range(1, 1 << 20);
  }
  Batches epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const override {
    std::vector<int64_t> order = random_permutation(key / epoch, data.size());
    const auto shorter = [&](int64_t a, int64_t b) { return data.ids(a).size() < data.ids(b).size(); };
    for (auto at = order.begin(); at != order.end();) {
      const auto end = at + std::min<int64_t>(buckets_ * batch_size, order.end() - at);
      std::stable_sort(at, end, shorter);
      at = end;
    }
    Batches sorted = cut(order, batch_size), batches;
    if (sorted.empty()) return batches;
    const bool short_end = sorted.back().size() < size_t(batch_size);  // stays last
    for (int64_t i : random_permutation(key / epoch / "batches", int64_t(sorted.size()) - short_end))
      batches.push_back(std::move(sorted[size_t(i)]));
    if (short_end) batches.push_back(std::move(sorted.back()));
    return batches;
  }

 private:
  int64_t buckets_ = 16;
};
TAPEDECK_PART(Sampler, LengthBuckets, "length_buckets", "Every example once per epoch; a batch holds examples of like length.");

struct Balanced final : Sampler {
  void describe(Fields& f) override {
    f("per_class", per_class_, "examples of each class that a batch shows; default: all classes, as evenly as the batch allows")
        .at_least(1);
  }

  void check(const Dataset& data, int64_t batch_size) const override {
    const auto classes = int64_t(members(data).size());
    if (classes < 2)
      throw Error(ErrorKind::config, "the balanced sampler needs at least two classes with examples",
                  "use the sampler \"shuffle\"");
    if (per_class_ && batch_size % *per_class_)
      throw Error(ErrorKind::config, text("sampler.per_class ", *per_class_, " does not divide the batch size ", batch_size),
                  "make batch_size a multiple of per_class");
    if (per_class_ && batch_size / *per_class_ > classes)
      throw Error(ErrorKind::config,
                  text("sampler.per_class ", *per_class_, " of ", classes, " classes cannot fill a batch of ", batch_size),
                  text("raise per_class, or lower batch_size to ", *per_class_ * classes));
  }

  /// Places of all batches are dealt in runs of per_class to the classes in turn; each class deals its own examples in
  /// random order and starts over, in a new order, when they are used up.
  Batches epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const override {
    check(data, batch_size);
    const std::vector<std::vector<int64_t>> classes = members(data);
    const auto n = int64_t(classes.size()), run = per_class_.value_or(1);
    const std::vector<int64_t> turn = random_permutation(key / epoch / "classes", n);
    std::vector<int64_t> dealt(classes.size(), 0);
    std::vector<std::vector<int64_t>> deck(classes.size());
    Batches batches(size_t(std::max<int64_t>(1, data.size() / batch_size)));
    for (int64_t place = 0; place < int64_t(batches.size()) * batch_size; ++place) {
      const auto c = size_t(turn[size_t(place / run % n)]);
      const auto size = int64_t(classes[c].size());
      if (dealt[c] % size == 0) deck[c] = random_permutation(key / epoch / int64_t(c) / (dealt[c] / size), size);
      batches[size_t(place / batch_size)].push_back(classes[c][size_t(deck[c][size_t(dealt[c]++ % size)])]);
    }
    return batches;
  }

 private:
  /// The examples of every class that has any.
  static std::vector<std::vector<int64_t>> members(const Dataset& data) {
    std::vector<std::vector<int64_t>> classes(data.labels.size());
    for (int64_t i = 0; i < std::ssize(data.examples); ++i)
      if (const int32_t label = data.examples[size_t(i)].label; label >= 0 && size_t(label) < classes.size())
        classes[size_t(label)].push_back(i);
    std::erase_if(classes, [](const auto& c) { return c.empty(); });
    return classes;
  }

  std::optional<int64_t> per_class_;
};
TAPEDECK_PART(Sampler, Balanced, "balanced",
              "Every batch holds all classes evenly; small classes repeat. Batches per epoch: examples / batch size.");

/// Rows with and without labels, for objectives that learn from both (data "semi_supervised").
struct SemiSupervised final : Sampler {
  void describe(Fields& f) override {
    f("labelled", labelled_, "examples with a label in a batch; default: half of it").at_least(1);
    f("alternate", alternate_,
      "batches of labelled and of unlabelled examples in turn (Su 2021), instead of both in every batch");
  }
  void check(const Dataset& data, int64_t batch_size) const override {
    if (members(data, true).empty() || members(data, false).empty())
      throw Error(ErrorKind::config,
                  text("the semi_supervised sampler needs examples with and without labels; all have ",
                       members(data, true).empty() ? "none" : "one"),
                  "use the sampler \"shuffle\", or data of the type \"semi_supervised\"");
    if (!alternate_ && labelled(batch_size) >= batch_size)
      throw Error(ErrorKind::config,
                  text("sampler.labelled ", labelled(batch_size), " leaves no place in a batch of ", batch_size),
                  "lower labelled, or raise batch_size");
  }
  int64_t turns() const override { return alternate_ ? 2 : 1; }
  /// An epoch shows every labelled example once; the unlabelled ones go on where the last epoch ended, in a new order each round.
  Batches epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const override {
    check(data, batch_size);
    const std::vector<int64_t> with = members(data, true), without = members(data, false);
    const int64_t share = alternate_ ? batch_size : labelled(batch_size), fill = alternate_ ? batch_size : batch_size - share;
    Batches batches;
    std::vector<int64_t> order;
    for (int64_t i : random_permutation(key / epoch, std::ssize(with))) order.push_back(with[size_t(i)]);
    const Batches labelled_batches = cut(order, share);
    int64_t dealt = epoch * std::ssize(labelled_batches) * fill;
    std::vector<int64_t> deck;
    for (const std::vector<int64_t>& some : labelled_batches) {
      batches.push_back(some);
      if (alternate_) batches.emplace_back();
      for (int64_t i = 0; i < fill; ++i, ++dealt) {
        const int64_t place = dealt % std::ssize(without);
        if (deck.empty() || place == 0)
          deck = random_permutation(key / "unlabelled" / (dealt / std::ssize(without)), std::ssize(without));
        batches.back().push_back(without[size_t(deck[size_t(place)])]);
      }
    }
    return batches;
  }

 private:
  int64_t labelled(int64_t batch_size) const { return labelled_.value_or(std::max<int64_t>(1, batch_size / 2)); }
  static std::vector<int64_t> members(const Dataset& data, bool labelled) {
    std::vector<int64_t> found;
    const Task& task = task_of(data);
    for (int64_t i = 0; i < std::ssize(data.examples); ++i)
      if ((task.labelled_rows(data, i) > 0) == labelled) found.push_back(i);
    return found;
  }

  std::optional<int64_t> labelled_;
  bool alternate_ = false;
};
TAPEDECK_PART(Sampler, SemiSupervised, "semi_supervised",
              "Batches of labelled and unlabelled examples; an epoch shows the labelled ones once.");

}  // namespace
}  // namespace tapedeck
