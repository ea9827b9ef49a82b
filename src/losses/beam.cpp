// What to do about exposure bias in a chain that is normalised step by step: beam search, and trusting the gold tag less and
// less. Next: crf.cpp, a chain normalised as a whole, which needs neither.
#include <tapedeck/losses/sequence.h>

#include "packed_rows.h"

namespace tapedeck {
namespace {

struct Prefix {
  double log_p;
  std::vector<int32_t> tags;
};

/// Every prefix followed by every tag, the best `beam` of them, best first.
std::vector<Prefix> extended(const std::vector<Prefix>& prefixes, const Tensor& log_p /*[prefixes,c]*/, int64_t beam) {
  std::vector<Prefix> next;
  const int64_t c = log_p.shape()[1];
  for (size_t k = 0; k < prefixes.size(); ++k)
    for (int32_t y = 0; y < c; ++y) {
      next.push_back({prefixes[k].log_p + log_p.item(int64_t(k) * c + y), prefixes[k].tags});
      next.back().tags.push_back(y);
    }
  std::stable_sort(next.begin(), next.end(), [](const Prefix& a, const Prefix& b) { return a.log_p > b.log_p; });
  next.resize(std::min(next.size(), size_t(beam)));
  return next;
}

}  // namespace

Tensor memm_decode(const Tensor& emissions, const Tensor& between, const Tensor& offsets, int64_t beam) {
  require_matrix("memm_decode", "emissions", emissions);
  require_matrix("memm_decode", "between", between);
  require_offsets("memm_decode", offsets, emissions.shape()[0]);
  const int64_t c = emissions.shape()[1];
  if (between.shape() != Shape{c, c})
    throw Error(ErrorKind::shape, text("memm_decode: transitions ", between.shape().str(), " for ", c, " tags"));
  if (beam < 1) throw Error(ErrorKind::value, text("memm_decode: beam is ", beam), "give a number of prefixes above 0");
  const Tensor e = emissions.detach(), table = between.detach(), tags = Tensor::zeros({e.shape()[0]}, DType::i32);
  for (int64_t b = 0; b + 1 < offsets.size(); ++b) {
    const int64_t first = offsets.raw<int32_t>()[b], end = offsets.raw<int32_t>()[b + 1];
    std::vector<Prefix> prefixes{{0, {}}};
    for (int64_t t = first; t < end; ++t) {
      std::vector<int32_t> last;
      for (const Prefix& prefix : prefixes) last.push_back(t > first ? prefix.tags.back() : 0);
      Tensor scores = expand(slice(e, 0, t, t + 1), {int64_t(prefixes.size()), c});
      if (t > first) scores = scores + gather(table, Tensor::from<int32_t>(last, {int64_t(last.size())}));
      prefixes = extended(prefixes, log_softmax(scores), beam);
    }
    std::copy(prefixes[0].tags.begin(), prefixes[0].tags.end(), tags.raw<int32_t>() + first);
  }
  return tags;
}

double gold_share(Decay decay, int64_t update, double k, double slope, double floor) {
  const double i = double(update);
  switch (decay) {
    case Decay::linear:
      return std::max(floor, k - slope * i);
    case Decay::exponential:
      return std::pow(k, i);
    case Decay::inverse_sigmoid:
      break;
  }
  return k / (k + std::exp(i / k));
}

}  // namespace tapedeck
