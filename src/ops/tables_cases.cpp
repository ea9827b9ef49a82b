// Cases of the ops that choose by index or condition: repeated indices, empty ones, one tensor in two places.
#include "support.h"

namespace tapedeck {
namespace {

Tensor indices(std::initializer_list<int32_t> values) { return Tensor::of<int32_t>(values, {int64_t(values.size())}); }
Tensor conditions(const Shape& shape) {
  Tensor c = Tensor::empty(shape, DType::u8);
  for (int64_t i = 0; i < c.size(); ++i) c.raw<uint8_t>()[i] = uint8_t(random_below(root_key(23), uint64_t(i), 2));
  return c;
}

std::vector<OpCase> gather_cases(DType t) {
  struct Row {
    const char* name;
    Shape table;
    Tensor index;
  };
  const Row rows[] = {
      {"all rows", {3, 5}, indices({0, 1, 2})},
      {"repeated", {4, 17}, indices({3, 3, 0, 3, 1})},
      {"many", {7, 15}, case_indices(33, 7, "many")},
      {"one column", {5, 1}, indices({4, 0, 4})},
      {"nothing", {3, 4}, indices({})},
      {"no columns", {3, 0}, indices({1})},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.table, "table", t), r.index}, [](In x) { return gather(x[0], x[1]); }));
  return cases;
}
std::vector<OpMisuse> gather_misuses() {
  return {
      {"too large",
       [] {
         gather(Tensor::zeros({3, 2}), indices({0, 1, 3}));
       },
       ErrorKind::index, "index[2] is 3, but there are 3 rows"},
      {"negative",
       [] {
         gather(Tensor::zeros({3, 2}), indices({-1}));
       },
       ErrorKind::index, "index[0] is -1"},
      {"empty table",
       [] {
         gather(Tensor::zeros({0, 2}), indices({0}));
       },
       ErrorKind::index, "there are 0 rows"},
      {"floating index",
       [] {
         gather(Tensor::zeros({3, 2}), Tensor::zeros({1}));
       },
       ErrorKind::dtype, "needs i32"},
      {"rank of the index",
       [] {
         gather(Tensor::zeros({3, 2}), Tensor::zeros({1, 1}, DType::i32));
       },
       ErrorKind::shape, "index has shape [1,1]"},
      {"rank of the table", [] { gather(Tensor::zeros({3}), indices({0})); }, ErrorKind::shape, "table has shape [3]"},
      {"integer table",
       [] {
         gather(Tensor::zeros({3, 2}, DType::i32), indices({0}));
       },
       ErrorKind::dtype, "i32[3,2]"},
  };
}

std::vector<OpCase> scatter_add_cases(DType t) {
  struct Row {
    const char* name;
    Shape rows;
    Tensor index;
    int64_t table_rows;
  };
  const Row rows[] = {
      {"repeated", {5, 17}, indices({3, 3, 0, 3, 1}), 4},
      {"many", {33, 7}, case_indices(33, 5, "many"), 5},
      {"into one row", {7, 1}, indices({0, 0, 0, 0, 0, 0, 0}), 1},
      {"nothing", {0, 3}, indices({}), 2},
      {"rows left empty", {1, 15}, indices({6}), 9},
  };
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.rows, "rows", t), r.index},
                            [n = r.table_rows](In x) { return scatter_add(x[0], x[1], n); }));
  return cases;
}
std::vector<OpMisuse> scatter_add_misuses() {
  return {
      {"too large",
       [] {
         scatter_add(Tensor::zeros({2, 3}), indices({0, 2}), 2);
       },
       ErrorKind::index, "index[1] is 2"},
      {"one index per row",
       [] {
         scatter_add(Tensor::zeros({2, 3}), indices({0}), 2);
       },
       ErrorKind::shape, "one index per row"},
      {"negative table",
       [] {
         scatter_add(Tensor::zeros({2, 3}), indices({0, 1}), -1);
       },
       ErrorKind::value, "-1 rows"},
      {"floating index",
       [] {
         scatter_add(Tensor::zeros({2, 3}), Tensor::zeros({2}), 2);
       },
       ErrorKind::dtype, "needs i32"},
  };
}

std::vector<OpCase> pick_cases(DType t) {
  struct Row {
    const char* name;
    Shape shape;
    Tensor column;
  };
  const Row rows[] = {{"3x5", {3, 5}, indices({4, 0, 4})},
                      {"33x7", {33, 7}, case_indices(33, 7, "pick")},
                      {"one column", {2, 1}, indices({0, 0})},
                      {"nothing", {0, 4}, indices({})}};
  std::vector<OpCase> cases;
  for (const Row& r : rows)
    cases.push_back(case_of(r.name, {case_input(r.shape, "x", t), r.column}, [](In x) { return pick(x[0], x[1]); }));
  return cases;
}
std::vector<OpMisuse> pick_misuses() {
  return {
      {"too large",
       [] {
         pick(Tensor::zeros({2, 3}), indices({0, 3}));
       },
       ErrorKind::index, "column[1] is 3, but there are 3 columns"},
      {"one column per row",
       [] {
         pick(Tensor::zeros({2, 3}), indices({0}));
       },
       ErrorKind::shape, "one column per row"},
      {"rank", [] { pick(Tensor::zeros({3}), indices({0})); }, ErrorKind::shape, "needs rank 2"},
      {"floating column",
       [] {
         pick(Tensor::zeros({2, 3}), Tensor::zeros({2}));
       },
       ErrorKind::dtype, "needs i32"},
  };
}

std::vector<OpCase> pick_transposed_cases(DType t) {
  return {
      case_of("3 to 3x5", {case_input({3}, "x", t), indices({4, 0, 4})}, [](In x) { return pick_transposed(x[0], x[1], 5); }),
      case_of("33 to 33x7", {case_input({33}, "x", t), case_indices(33, 7, "pick")},
              [](In x) { return pick_transposed(x[0], x[1], 7); }),
      case_of("nothing", {case_input({0}, "x", t), indices({})}, [](In x) { return pick_transposed(x[0], x[1], 2); }),
  };
}
std::vector<OpMisuse> pick_transposed_misuses() {
  return {{"too large", [] { pick_transposed(Tensor::zeros({2}), indices({0, 3}), 3); }, ErrorKind::index, "column[1] is 3"}};
}

std::vector<OpCase> where_cases(DType t) {
  auto call = [](In x) { return where(x[0], x[1], x[2]); };
  std::vector<OpCase> cases;
  for (const Shape& s : {Shape{}, Shape{7}, Shape{3, 17}, Shape{2, 1, 33}, Shape{0, 3}})
    cases.push_back(case_of(s.str(), {conditions(s), case_input(s, "a", t), case_input(s, "b", t)}, call));
  cases.push_back(case_of("a number for b", {conditions({3, 5}), case_input({3, 5}, "a", t), case_input({}, "b", t)}, call));
  cases.push_back(case_of("one tensor in both branches", {conditions({15}), case_input({15}, "a", t)},
                          [](In x) { return where(x[0], x[1], x[1]); }));
  return cases;
}
std::vector<OpMisuse> where_misuses() {
  return {
      {"shapes", [] { where(conditions({2}), Tensor::zeros({2}), Tensor::zeros({3})); }, ErrorKind::shape, "[2], [2], [3]"},
      {"floating condition", [] { where(Tensor::zeros({2}), Tensor::zeros({2}), Tensor::zeros({2})); }, ErrorKind::dtype,
       "needs u8"},
      {"integer branches", [] { where(conditions({2}), Tensor::zeros({2}, DType::i32), Tensor::zeros({2}, DType::i32)); },
       ErrorKind::dtype, "i32[2]"},
      {"mixed branches", [] { where(conditions({2}), Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); }, ErrorKind::dtype,
       "f32 and f64"},
  };
}

TAPEDECK_OP(gather, "y[i,:] = table[index[i],:]", gather_cases, gather_misuses);
TAPEDECK_OP(scatter_add, "y[n,:] = sum of rows[i,:] over all i with index[i] = n, in the order of i", scatter_add_cases,
            scatter_add_misuses);
TAPEDECK_OP(pick, "y[i] = x[i, column[i]]", pick_cases, pick_misuses);
TAPEDECK_OP(pick_transposed, "y[i, column[i]] = x[i], zero elsewhere: the transpose of pick", pick_transposed_cases,
            pick_transposed_misuses);
TAPEDECK_OP(where, "y = condition ? a : b; the branch not taken gets a gradient of exactly 0", where_cases, where_misuses);

}  // namespace
}  // namespace tapedeck
