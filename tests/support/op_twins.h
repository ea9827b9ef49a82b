// A second implementation of every op, as simple loops over a scalar type: with doubles it must give what the op gives, with
// Counted<double> it says what that takes. An op without a twin is a failure of op_cost_test. Next: twins_elementwise.h.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <tapedeck/tape/op.h>

#include "counted.h"

namespace tapedeck::testing {

using Number = Counted<double>;

/// The elements of a tensor as scalars; of an integer tensor as well, whose arithmetic nobody counts.
template <class S>
struct Array {
  Shape shape;
  std::vector<S> at;
  Array() = default;
  explicit Array(const Tensor& t) : shape(t.shape()) { for (int64_t i = 0; i < t.size(); ++i) at.push_back(S(t.item(i))); }
  S& operator[](int64_t i) { return at[size_t(i)]; }
  const S& operator[](int64_t i) const { return at[size_t(i)]; }
  int64_t index(int64_t i) const { return int64_t(value_of(at[size_t(i)])); }
  int64_t size() const { return int64_t(at.size()); }
  int64_t rows() const { return shape.rows(); }
  int64_t cols() const { return shape.cols(); }
};

/// What an op's attributes() say, by name.
struct Described {
  std::map<std::string, std::string, std::less<>> all;
  explicit Described(const Op& op) {
    Attributes list;
    op.attributes(list);
    all.insert(list.all.begin(), list.all.end());
  }
  bool has(std::string_view name) const { return all.contains(name); }
  const std::string& words(std::string_view name) const {
    const auto found = all.find(name);
    if (found == all.end()) throw Error(ErrorKind::internal, text("the op does not describe its \"", name, "\""));
    return found->second;
  }
  double number(std::string_view name) const { return std::stod(words(name)); }
  int64_t whole(std::string_view name) const { return std::stoll(words(name)); }
  uint64_t bits(std::string_view name) const { return std::stoull(words(name)); }
  bool flag(std::string_view name) const { return words(name) == "true"; }
};

/// One call of an op, or of its backward kernel: what it is given, and where the results go.
template <class S>
struct Call {
  const Described& about;
  std::vector<Array<S>> x, y, dy, dx;             // y, and dx where it accumulates, hold what was there
  std::vector<bool> reached, wanted, accumulate;  // dy k is defined; dx k is asked for; adds to what is there

  /// dx_k[i] (+)= value: a flop where it adds.
  void give(size_t k, int64_t i, S value) {
    if (!wanted[k]) return;
    dx[k][i] = accumulate[k] ? dx[k][i] + value : value;
  }
  /// dx_k[i] is a sum that starts at 0, or at what is there.
  void start_sums(size_t k) { if (wanted[k] && !accumulate[k]) for (S& s : dx[k].at) s = S(0); }
};

template <class S>
using Doing = std::function<void(Call<S>&)>;

struct Twin {
  struct Part { Doing<double> compute; Doing<Number> count; };
  Part forward, backward, restore;
};

inline std::map<std::string, Twin, std::less<>>& twins() {
  static std::map<std::string, Twin, std::less<>> all;
  return all;
}

/// f: a generic lambda over Call<S>&.
template <class F>
Twin::Part part(F f) { return {[f](Call<double>& c) { f(c); }, [f](Call<Number>& c) { f(c); }}; }
struct Nothing { template <class C> void operator()(C&) const {} };

template <class Forward>
void add_twin(const char* op, Forward forward) { twins()[op].forward = part(forward); }
template <class Forward, class Backward>
void add_twin(const char* op, Forward forward, Backward backward) { twins()[op] = {part(forward), part(backward), {}}; }

/// The scalar of a call: auto f = [](auto& c) { using S = Scalar<decltype(c)>; ... }
template <class C>
struct ScalarOf;
template <class S>
struct ScalarOf<Call<S>&> { using type = S; };
template <class C>
using Scalar = typename ScalarOf<C>::type;

}  // namespace tapedeck::testing
