// tapedeck bench gemm: the products of linear layers, forward and both gradients, as a share of the multiply-add peak.
#include <fmt/core.h>

#include <cstdio>
#include <map>

#include <tapedeck/base/error.h>
#include <tapedeck/base/words.h>
#include <tapedeck/tensor/in_place.h>
#include <tapedeck/tensor/machine.h>
#include <tapedeck/tensor/roofline.h>

#include "src/app/bench.h"

namespace tapedeck::app {
namespace {

struct GemmFlags : BenchFlags {
  GemmFlags() { gemm = precision = "both"; }
  std::vector<std::string> shapes = {"1024x384x384", "1024x1536x384", "1024x384x1536",
                                     "2048x768x768", "2048x3072x768", "512x128x128"};
  int64_t repeats = 7;
  double seconds = 0.1;
};

struct Product {
  int64_t m, n, k;
};  // y[m,n] = x[m,k] w[n,k]^T

/// What a linear layer multiplies: its output, the gradient of its input and, added up, that of its weight.
struct Form {
  const char *name, *what;
  void (*run)(const Tensor& x, const Tensor& w, const Tensor& y, const Tensor& dx, const Tensor& dw);
};
constexpr Form forms[] = {
    {"NT", "y = x w^T", [](auto& x, auto& w, auto& y, auto&, auto&) { multiply_into(y, x, false, w, true, false); }},
    {"NN", "dx = dy w", [](auto&, auto& w, auto& y, auto& dx, auto&) { multiply_into(dx, y, false, w, false, false); }},
    {"TN", "dw += dy^T x", [](auto& x, auto&, auto& y, auto&, auto& dw) { multiply_into(dw, y, true, x, false, true); }}};

/// peak: of multiply-adds on operands of that precision.
struct GemmRow {
  Product product;
  std::string backend, precision;
  const Form* form;
  double seconds, peak;
};

Product parse_shape(const std::string& text) {
  Product p{};
  int end = 0;
  const bool sound = std::sscanf(text.c_str(), "%ldx%ldx%ld%n", &p.m, &p.n, &p.k, &end) == 3 && size_t(end) == text.size() &&
                     std::min({p.m, p.n, p.k}) > 0 && std::max({p.m, p.n, p.k}) <= 1 << 16;
  if (!sound)
    throw Error(ErrorKind::usage, in_quotes(text) + " is no shape", "write m x n x k, each from 1 to 65536: 1024x384x384");
  return p;
}

/// Backend and precision of each measurement; bf16 has one backend.
std::vector<std::pair<std::string, std::string>> ways(const GemmFlags& flags) {
  std::vector<std::pair<std::string, std::string>> all;
  const bool f32 = flags.precision != "bf16",
             bf16 = flags.precision == "bf16" || (flags.precision == "both" && can_multiply_bf16());
  for (const char* backend : {"native", "openblas"})
    if (f32 && (flags.gemm == backend || flags.gemm == "both" || (flags.gemm == "auto" && machine().gemm == backend)))
      all.emplace_back(backend, "f32");
  if (bf16) all.emplace_back("native", "bf16");
  return all;
}

std::vector<GemmRow> measure(const GemmFlags& flags) {
  std::vector<GemmRow> rows;
  const auto all = ways(flags);
  const auto peak_of = [&](const std::string& precision) {
    return *fma_peak(precision == "bf16" ? DType::bf16 : DType::f32, threads(), flags.seconds);
  };
  std::map<std::string, double> before;  // the clock drifts: a row meets the peaks around it
  for (const auto& [backend, precision] : all) before[precision] = peak_of(precision);
  for (const std::string& shape : flags.shapes) {
    const Product p = parse_shape(shape);
    const Key key = root_key(1);
    const Tensor x = Tensor::uniform({p.m, p.k}, key / "x", -1, 1), w = Tensor::uniform({p.n, p.k}, key / "w", -1, 1),
                 y = Tensor::uniform({p.m, p.n}, key / "y", -1, 1), dx = Tensor::zeros({p.m, p.k}),
                 dw = Tensor::zeros({p.n, p.k});
    for (const Form& form : forms)
      for (const auto& [backend, precision] : all) {
        use_gemm(backend);
        use_precision(precision);
        const double seconds = median_seconds(flags.repeats, flags.seconds, [&] { form.run(x, w, y, dx, dw); });
        const double after = peak_of(precision);
        rows.push_back({p, backend, precision, &form, seconds, std::max(before[precision], after)});
        before[precision] = after;
      }
  }
  return rows;
}

int bench_gemm(const GemmFlags& flags) {
  use_threads(flags);
  Json list = Json::list();
  TableRows lines = {{"m x n x k", "form", "backend", "us", "GF/s", "peak", "share"}};
  for (const GemmRow& row : measure(flags)) {
    const auto& [m, n, k] = row.product;
    const double rate = 2.0 * double(m) * double(n) * double(k) / row.seconds;
    list.items.push_back(json_object({{"m", m},
                                      {"n", n},
                                      {"k", k},
                                      {"form", row.form->name},
                                      {"backend", row.backend},
                                      {"precision", row.precision},
                                      {"seconds", row.seconds},
                                      {"flops_per_second", rate},
                                      {"fma_peak", row.peak},
                                      {"share_of_peak", rate / row.peak}}));
    lines.push_back({fmt::format("{}x{}x{} {}", m, n, k, row.precision), row.form->what, row.backend,
                     fmt::format("{:.1f}", 1e6 * row.seconds), giga(rate), giga(row.peak),
                     fmt::format("{:.3f}", rate / row.peak)});
  }
  return print_bench(flags, std::move(list), fmt::format("{} threads\n", threads()), lines);
}

}  // namespace

void add_bench_gemm(CommandLine& line) {
  auto [command, flags] =
      add_command<GemmFlags>(line, "bench gemm", "matrix products of linear layers, forward and gradients", bench_gemm);
  command.list("--shape", flags.shapes, "m x n x k of y[m,n] = x[m,k] w[n,k]^T, e.g. 1024x384x384; may be repeated", "MxNxK")
      .number("--repeats", flags.repeats, "measurements, of which the median counts", int64_t{1})
      .number("--seconds", flags.seconds, "least time of a measurement", 0.0001);
  add_product_flags(command, flags, true);
}

}  // namespace tapedeck::app
