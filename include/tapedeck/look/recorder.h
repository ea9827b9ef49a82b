// Writes down what the tape and the pool do while it lives. The bits of what it listens to stay the same: it reads, and
// computes again in buffers of its own. Next: recording.h for what comes out, src/look/recorder.cpp.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tapedeck/look/recording.h>
#include <tapedeck/tape/listen.h>
#include <tapedeck/tensor/pool_listen.h>

namespace tapedeck {

/// Sees each computation while its op and its tensors are there; what it computes itself is nobody's record.
class RecordVisitor {
 public:
  virtual ~RecordVisitor() = default;
  virtual void before(uint32_t /*record*/, const OpCall&) {}
  virtual void after(uint32_t /*record*/, const OpCall&) {}
};

struct RecorderOptions {
  bool statistics = true;    // look at elements: summaries, hashes, samples
  bool replay = false;       // compute everything twice and compare bits
  bool shadow = false;       // compute everything in f64 as well and measure the difference
  bool derivatives = false;  // one element of every output and what it depends on, with numbers
  bool atoms = false;        // ops with a reference are replaced by it
  RecordVisitor* visitor = nullptr;
};

class Recorder : public TapeListener, public PoolListener {
 public:
  /// Listens from now on, until finish() or its end; to the calling thread.
  explicit Recorder(RecorderOptions options = {});
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Says what a tensor is; names travel with its buffer.
  void name_parameter(const Tensor& value, const Tensor& gradient, const std::string& path, bool trainable);
  /// What was recorded so far; nobody listens any more.
  Recording finish();
  uint32_t records() const { return uint32_t(recording_.records.size()); }  // done by now

  void begin(const OpCall& call) override;
  void end(const OpCall& call, bool done) override;
  void appended(const Tape& tape, NodeId row) override;
  void sweep_started(const Tape& tape, const Tensor& value, const Tensor& gradient, Order order, bool fill) override;
  void pulling(const Tape& tape, NodeId row, Order order) override;
  void pulled() override;
  void stopped(const Tape& tape, NodeId row, size_t input) override;
  void updating(std::string_view rule, In values, In gradients) override;
  void updated() override;
  bool expands(const Op&) const override { return options_.atoms; }
  void taken(const Storage& storage) override;
  void given(const Storage& storage) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// What the recorder computes itself is nobody's memory.
  struct Pause {
    explicit Pause(Recorder& r) : r(r), before(std::exchange(r.paused_, true)) {}
    ~Pause() { r.paused_ = before; }
    Recorder& r;
    bool before;
  };
  static uint64_t place_key(const TapePosition& p);
  uint32_t value_of(const Tensor& t);  // the present value, made now if it was never seen
  uint32_t new_value(const Tensor& t, uint32_t made_by);
  void look_at(uint32_t value, const Tensor& t);
  uint32_t buffer_of(const Storage* storage);
  uint64_t key_of(const Tensor& t);
  void use(const Tensor& t, Use::Role role);
  void keep_copies(const OpCall& call);
  void compute_again(const OpCall& call);
  void compute_in_f64(const OpCall& call);
  void differentiate(const OpCall& call);
  void price(const OpCall& call);
  void note_saves(const Tape& tape);
  uint32_t record_of(const Tape& tape, NodeId row) const;
  uint64_t now() const { return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count()); }
  void finish_record(OpRecord&& record);

  RecorderOptions options_;
  Recording recording_;
  TapeListener* tape_before_;
  PoolListener* pool_before_;
  Clock::time_point start_;
  bool listening_ = true, paused_ = false;
  MemoryParts alive_{};
  uint64_t live_ = 0, most_ = 0;
  std::unordered_map<const Storage*, uint32_t> buffers_;
  std::unordered_map<uint64_t, uint32_t> values_;  // by buffer and offset: the newest value there
  std::unordered_map<uint64_t, uint32_t> placed_;  // by epoch and number on the tape
  std::unordered_map<uint64_t, uint32_t> by_hash_;
  std::unordered_map<const Tape*, std::vector<uint32_t>> rows_;
  std::vector<uint32_t> pulls_;  // records that gradients are being pulled through, outermost first
  OpRecord pending_;
  std::vector<OpRecord> updates_;
  std::vector<Tensor> watched_, old_;  // parameters being updated; copies for comparing
  Tensors dy_copies_, dx_copies_;
};

}  // namespace tapedeck
