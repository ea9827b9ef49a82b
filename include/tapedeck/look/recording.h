// What happened in one step, op by op: plain data that a recorder fills (recorder.h), a file holds (encode, decode) and
// views turn into text (views.h). Indices point into the lists of one Recording; `nothing` stands for none.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tapedeck/tensor/dtype.h>
#include <tapedeck/tensor/inspect.h>
#include <tapedeck/tensor/memory.h>
#include <tapedeck/tensor/shape.h>

namespace tapedeck {

constexpr uint32_t nothing = ~uint32_t{0};

/// What a buffer held from one write to the next.
struct RecordedValue {
  std::string name;  // "encoder.layers.0.ff.weight", "gradient of ...", "" for what has none
  DType dtype = DType::f32;
  Shape shape;
  uint32_t buffer = nothing;
  uint64_t offset = 0;             // bytes from the buffer's start; tensors are contiguous, so strides follow from the shape
  uint32_t made_by = nothing;      // record; nothing: made outside the tape
  uint32_t copy_of = nothing;      // a value with the same elements under another handle
  uint32_t gradient_of = nothing;  // the value that this is the gradient of, where a kernel read it as one
  bool taped = false, trainable = false, gradient_buffer = false;
  bool may_be_infinite = false;  // minus infinity is meant: a masked score
  uint64_t hash = 0;             // of the elements' bits; 0 when statistics were off
  ValueSummary summary;
  std::vector<float> sample;  // up to 64 elements, evenly spaced
  uint64_t bytes() const { return uint64_t(shape.size()) * size_of(dtype); }
};

/// A buffer of the pool: when it was taken and given back, as a number of records done by then.
struct RecordedBuffer {
  uint64_t bytes = 0;  // as the pool counts them
  Memory purpose = Memory::workspace;
  uint32_t taken = nothing, given = nothing;  // nothing: before the recording, after it
  bool alive(uint32_t at) const { return (taken == nothing || taken <= at) && (given == nothing || given > at); }
};

/// How a record uses a value. gradient: what arrives from above; saved: kept since the forward pass; sum: added to.
struct Use {
  enum class Role : uint8_t { input, gradient, saved, sum } role = Role::input;
  uint32_t value = nothing;
  bool taped = false;    // the handle was on the tape: gradients flow back through it
  bool stopped = false;  // a gradient was asked for and the op's rule had none: its derivative is 0
};
struct RecordedSave {
  uint32_t value = nothing;
  std::string why;
};

/// d out[at] / d x[slope.at] for one element of an output and every element of one input it depends on.
/// In a backward record `of` is the gradient that arrives, `by` the one it makes: by += of[at] * slope, and what other elements
/// give.
struct PartialDerivative {
  int64_t at = 0;
  double slope = 0, value = 0, before = 0;
};  // value: of by[at]; before: what a sum held on entry
struct LocalDerivative {
  uint32_t of = nothing, by = nothing;  // values
  int64_t at = 0;
  double value = 0;                       // of[at]
  int64_t depends = 0;                    // elements of `by` whose derivative is not 0
  std::vector<PartialDerivative> slopes;  // up to 8 of them, the steepest first
};

struct OpRecord {
  enum class Kind : uint8_t { leaf, forward, backward, again, restore, add, update } kind = Kind::forward;
  enum class Replay : uint8_t { none, equal, different } replay = Replay::none;
  uint8_t order = 0;  // 0 forward, 1 backward, 2 backward of backward, ...
  bool differentiable = true;
  std::string op, scope;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<Use> in;
  std::vector<uint32_t> out;
  std::vector<LocalDerivative> derivatives;  // one per input that has one; empty unless they were asked for
  std::vector<RecordedSave> saves;           // what its row holds for backward when the first sweep begins
  uint32_t origin = nothing;                 // the record whose gradient this computes
  uint32_t row = nothing;                    // on the tape
  uint64_t start_ns = 0, ns = 0;             // since the recording began; of the computation alone
  double flops = 0, bytes = 0;               // of the computation, by what the op says it costs
  MemoryParts alive{};                       // bytes by purpose, afterwards
  uint64_t peak = 0;                         // the most bytes alive while it ran
  double change = 0;                         // of an update: norm of new - old
  double error = -1, error_ulp = -1;         // against f64: largest difference by largest |value|; in units of the last place
};

/// Where a sweep began: the value it started from, and how many records there were.
struct RecordedSweep {
  uint32_t value = nothing, at = 0;
  bool fill = false, differentiable = false;
  std::vector<uint32_t> activations;  // buffers of them that were alive
  uint64_t bytes = 0;                 // of all activations, those from before the recording included
};

struct Recording {
  std::vector<std::pair<std::string, std::string>> about;  // "experiment", "step", "seed", ... in this order
  std::vector<std::pair<std::string, std::string>>
      places;  // scope to where the experiment asks for it: {"encoder", "trec.json:7 model.encoder"}
  std::vector<OpRecord> records;
  std::vector<RecordedValue> values;
  std::vector<RecordedBuffer> buffers;
  std::vector<RecordedSweep> sweeps;                    // the outermost ones
  bool statistics = false;                              // hashes, summaries and samples were taken
  std::string about_value(std::string_view key) const;  // "" if it is not there
};

/// The file tape.tdt: "TAPEDECK", format version, length, content, checksum.
constexpr uint32_t recording_version = 2;
std::string encode(const Recording& recording);
/// Throws Error{data} naming `name`: no recording, another version, cut short, damaged, or with indices that lead nowhere.
Recording decode(std::string_view bytes, const std::string& name);

}  // namespace tapedeck
