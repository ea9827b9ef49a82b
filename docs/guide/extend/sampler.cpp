// short_first: batches of rising length in the first epochs, in random order later: a curriculum. Bengio et al. 2009, "Curriculum
// learning", section 4.
#include <algorithm>
#include <numeric>

#include <tapedeck/data/dataset.h>

namespace tapedeck {
namespace {

struct ShortFirst final : Sampler {
  int64_t epochs = 1;
  void describe(Fields& f) override { f("epochs", epochs, "as many go from short to long").at_least(0); }

  /// A function of (key, epoch) alone, so that a run that was interrupted goes on with the same order.
  std::vector<std::vector<int64_t>> epoch(const Dataset& data, int64_t batch_size, Key key, int64_t epoch) const override {
    std::vector<int64_t> order(size_t(data.size()));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (auto i = uint64_t(data.size()); i > 1; --i) std::swap(order[i - 1], order[random_below(key / epoch, i - 1, i)]);
    const auto length = [&](int64_t example) { return data.ids(example).size(); };
    if (epoch < epochs) std::ranges::stable_sort(order, {}, length);
    std::vector<std::vector<int64_t>> batches;
    for (int64_t begin = 0; begin < data.size(); begin += batch_size)
      batches.emplace_back(order.begin() + begin, order.begin() + std::min(begin + batch_size, data.size()));
    return batches;
  }
};
TAPEDECK_PART(Sampler, ShortFirst, "short_first", "Short texts first in the first epochs, any order later (Bengio et al. 2009).");

}  // namespace
}  // namespace tapedeck
