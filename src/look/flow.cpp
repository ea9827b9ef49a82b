// look flow: how large the gradient of each parameter is beside the parameter, and the update beside it, from the input to
// the output of the model: what vanishes or explodes stands out. Next: nan.cpp.
#include <cmath>

#include "src/look/text.h"

namespace tapedeck {
namespace {

using namespace look;

struct Flow {
  std::string name;
  double weight, gradient, ratio, change, zeros;
  bool finite;
};

std::vector<Flow> flows(const Recording& r) {
  std::vector<Flow> all;
  for (auto& x : r.records) {
    if (x.kind != OpRecord::Kind::update || x.in.size() < 2) continue;
    const RecordedValue &w = r.values[x.in[0].value], &g = r.values[x.in[1].value];
    const auto n = double(std::max<int64_t>(1, w.shape.size()));
    all.push_back({w.name, root_mean_square(w), root_mean_square(g), w.summary.norm > 0 ? g.summary.norm / w.summary.norm : 0,
                   w.summary.norm > 0 ? x.change / w.summary.norm : 0, double(g.summary.zeros) / n, !bad(g)});
  }
  return all;
}

double median(const std::vector<Flow>& all) {
  std::vector<double> sizes;
  for (auto& f : all)
    if (f.gradient > 0) sizes.push_back(f.gradient);
  if (sizes.empty()) return 0;
  std::nth_element(sizes.begin(), sizes.begin() + std::ptrdiff_t(sizes.size() / 2), sizes.end());
  return sizes[sizes.size() / 2];
}

/// Against the median of all parameters.
std::string_view flag(const Flow& f, double middle) {
  if (!f.finite) return "NOT FINITE";
  if (f.gradient == 0) return "no gradient";
  if (f.gradient < middle / 1000) return "vanishing";
  return f.gradient > middle * 1000 ? "exploding" : "";
}

/// The smallest and the largest gradient that is not 0, by the median; what vanishes and explodes by name.
std::string headline(const std::vector<Flow>& all, double middle) {
  const auto smaller = [](const Flow& a, const Flow& b) {
    return (a.gradient > 0 ? a.gradient : HUGE_VAL) < (b.gradient > 0 ? b.gradient : HUGE_VAL);
  };
  const auto least = std::min_element(all.begin(), all.end(), smaller),
             most = std::max_element(all.begin(), all.end(), [](auto&a, auto&b) { return a.gradient < b.gradient; });
  if (middle == 0) return "every gradient is 0\n";
  const auto of = [&](const Flow& f) {
    return text(plain(f.name), ", rms ", number(f.gradient), ", ", number(f.gradient / middle), " of the median");
  };
  std::string out = "smallest gradient: " + of(*least) + "\nlargest gradient: " + of(*most) + "\n";
  for (const char* what : {"NOT FINITE", "no gradient", "vanishing", "exploding"}) {
    std::string names;
    for (auto& f : all)
      if (flag(f, middle) == what) names += (names.empty() ? "" : ", ") + plain(f.name);
    if (!names.empty()) out += text(what, ": ", names, "\n");
  }
  return out;
}

}  // namespace

std::string look_flow(const Recording& r, const LookOptions& o) {
  const std::vector<Flow> all = flows(r);
  const double middle = median(all);
  if (o.json)
    return json_list(all,
                     [&](auto& f) {
                       return json_object({{"parameter", plain(f.name)},
                                           {"rms", f.weight},
                                           {"gradient_rms", f.gradient},
                                           {"gradient_by_weight", f.ratio},
                                           {"update_by_weight", f.change},
                                           {"zero_share", f.zeros},
                                           {"flag", flag(f, middle)}});
                     })
               .dump() +
           "\n";
  if (all.empty()) return title(r) + "no update was recorded\n";
  TableRows rows{{"parameter", "rms(w)", "rms(g)", "|g|/|w|", "|update|/|w|", "zeros in g", ""}};
  for (auto& f : all)
    rows.push_back({plain(f.name), number(f.weight), number(f.gradient), number(f.ratio), number(f.change), number(f.zeros),
                    std::string(flag(f, middle))});
  return title(r) + headline(all, middle) + table(rows, "lrrrrrl");
}

}  // namespace tapedeck
