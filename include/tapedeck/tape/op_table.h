// Each op brings its cases with it: the same rows feed the op table test, `explain`, the docs and the benchmark.
// A user's op in models/custom uses the same macro and gets the same checks. Next: tests/op_table_test.cpp.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include <tapedeck/tape/tape.h>

namespace tapedeck {

/// One row: inputs of the given dtype, and the call under test (built from the public function of the op).
struct OpCase {
  std::string name;            // "2x3, bias"
  std::vector<Tensor> inputs;  // floating inputs are differentiated; integers are constants
  std::function<Tensors(In)> call;
  /// Written reasons why a check does not apply to this row, by check name ("gradcheck2"); empty: all apply.
  std::vector<std::pair<std::string, std::string>> skip;
  double scale = 1;  // loosens the f32 comparison for ill-conditioned rows
};
/// A misuse and the error it must raise; the message must contain `expect` (the op's name is checked as well).
struct OpMisuse {
  std::string name;
  std::function<void()> call;
  ErrorKind kind;
  std::string expect;
};

struct OpEntry {
  std::string name, doc;  // doc: one sentence and the equation
  std::vector<OpCase> (*cases)(DType dtype) = nullptr;
  std::vector<OpMisuse> (*misuses)() = nullptr;
  std::string origin = {};  // its source file, or the plugin it came with
};
std::vector<OpEntry>& op_table();
/// A name that is taken is noted (base/registry.h) and the table left alone.
bool add_op(OpEntry entry, const char* file = __builtin_FILE());

/// TAPEDECK_OP(tanh, "y = tanh x", cases, misuses): once per op, in its .cpp file; rows whose call records several ops
/// check every row named `name`.
#define TAPEDECK_OP(op, doc, cases, misuses) static const bool tapedeck_op_##op = ::tapedeck::add_op({#op, doc, cases, misuses})

}  // namespace tapedeck
