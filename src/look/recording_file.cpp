// A recording as bytes. One list of fields serves both directions; reading trusts nothing: every count is checked against
// the bytes that are left, every index against its list. Next: recording.h for what the fields mean.
#include <tapedeck/look/recording.h>

#include <bit>
#include <concepts>
#include <cstring>
#include <unordered_map>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

constexpr std::string_view magic = "TAPEDECK";
constexpr size_t header_size = 8 + 4 + 8, footer_size = 8;  // magic, version, length of the content; checksum
static_assert(std::endian::native == std::endian::little, "recordings are little-endian");

class Writer {
 public:
  std::string out;
  static constexpr bool reading = false;
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(T& v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void operator()(bool& v) { out.push_back(v ? 1 : 0); }
  void operator()(std::string& s) {  // a string is written once, then named by its number
    auto [at, fresh] = seen_.try_emplace(s, uint32_t(seen_.size()));
    (*this)(at->second);
    if (!fresh) return;
    auto n = uint32_t(s.size());
    (*this)(n);
    out += s;
  }
  template <class T>
  void count(std::vector<T>& list, size_t) {
    auto n = uint32_t(list.size());
    (*this)(n);
  }

 private:
  std::unordered_map<std::string, uint32_t> seen_;
};

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : left_(bytes), name_(name) {}
  static constexpr bool reading = true;
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(T& v) { std::memcpy(&v, take(sizeof v), sizeof v); }
  void operator()(bool& v) { v = *take(1) != 0; }
  void operator()(std::string& s) {
    uint32_t id = 0, n = 0;
    (*this)(id);
    if (id > seen_.size()) fail("a text that was never written");
    if (id == seen_.size()) {
      (*this)(n);
      seen_.emplace_back(take(n), n);
    }
    s = seen_[id];
  }
  /// least: bytes that one element takes at least, so that a wrong count cannot ask for more memory than the file has bytes.
  template <class T>
  void count(std::vector<T>& list, size_t least) {
    uint32_t n = 0;
    (*this)(n);
    if (n > left_.size() / least) fail("a list that is longer than the file");
    list.resize(n);
  }
  bool done() const { return left_.empty(); }
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorKind::data, name_ + ": a damaged recording: " + std::string(what), "record it again");
  }

 private:
  const char* take(size_t n) {
    if (n > left_.size()) fail("it ends in the middle");
    const char* at = left_.data();
    left_.remove_prefix(n);
    return at;
  }
  std::string_view left_;
  const std::string& name_;
  std::vector<std::string> seen_;
};

template <class A>
void fields(A& a, std::pair<std::string, std::string>& p) {
  a(p.first), a(p.second);
}
template <class A>
void fields(A& a, float& v) {
  a(v);
}
template <class A>
void fields(A& a, uint32_t& v) {
  a(v);
}
template <class A>
void fields(A& a, Use& u) {
  a(u.role), a(u.value), a(u.taped), a(u.stopped);
}
template <class A>
void fields(A& a, RecordedSave& s) {
  a(s.value), a(s.why);
}
template <class A>
void fields(A& a, PartialDerivative& s) {
  a(s.at), a(s.slope), a(s.value), a(s.before);
}
template <class A>
void fields(A& a, RecordedBuffer& b) {
  a(b.bytes), a(b.purpose), a(b.taken), a(b.given);
}
template <class A>
void fields(A& a, ValueSummary& s) {
  a(s.min), a(s.max), a(s.mean), a(s.norm), a(s.zeros), a(s.nan), a(s.infinite), a(s.first_bad);
}

template <class A, class T>
void list(A& a, std::vector<T>& items, size_t least) {
  a.count(items, least);
  for (auto& item : items) fields(a, item);
}

template <class A>
void fields(A& a, RecordedSweep& s) {
  a(s.value), a(s.at), a(s.fill), a(s.differentiable);
  list(a, s.activations, 4);
  a(s.bytes);
}

template <class A>
void fields(A& a, RecordedValue& v) {
  a(v.name), a(v.dtype);
  auto rank = uint8_t(v.shape.rank());
  a(rank);
  if constexpr (A::reading) {
    if (rank > Shape::max_rank) a.fail("a shape of too many dimensions");
    v.shape = {};
  }
  for (int i = 0; i < rank; ++i) {
    int64_t n = A::reading ? 0 : v.shape[i];
    a(n);
    if constexpr (A::reading) {
      if (n < 0 || (n > 0 && v.shape.size() > (int64_t{1} << 48) / n)) a.fail("a shape that no tensor has");
      v.shape.push(n);
    }
  }
  a(v.buffer), a(v.offset), a(v.made_by), a(v.copy_of), a(v.gradient_of);
  a(v.taped), a(v.trainable), a(v.gradient_buffer), a(v.may_be_infinite), a(v.hash);
  fields(a, v.summary);
  list(a, v.sample, sizeof(float));
}

template <class A>
void fields(A& a, LocalDerivative& d) {
  a(d.of), a(d.by), a(d.at), a(d.value), a(d.depends);
  list(a, d.slopes, 32);
}

template <class A>
void fields(A& a, OpRecord& r) {
  a(r.kind), a(r.replay), a(r.order), a(r.differentiable), a(r.op), a(r.scope);
  list(a, r.attributes, 8);
  list(a, r.in, 7);
  list(a, r.out, 4);
  list(a, r.derivatives, 36);
  list(a, r.saves, 8);
  a(r.origin), a(r.row), a(r.start_ns), a(r.ns), a(r.flops), a(r.bytes);
  for (size_t& bytes : r.alive) a(bytes);
  a(r.peak), a(r.change), a(r.error), a(r.error_ulp);
}

template <class A>
void fields(A& a, Recording& r) {
  list(a, r.about, 8);
  list(a, r.places, 8);
  list(a, r.buffers, 17);
  list(a, r.values, 72);
  list(a, r.records, 64);
  list(a, r.sweeps, 22);
  a(r.statistics);
}

/// What views rely on: indices within their lists, names of enumerations that exist.
void check(const Recording& r, const Reader& reader) {
  const auto in = [&](uint32_t i, size_t size) {
    if (i != nothing && i >= size) reader.fail("an index that leads nowhere");
  };
  const auto is_value = [&](uint32_t i) {
    if (i >= r.values.size()) reader.fail("an index that leads nowhere");
  };
  const auto known = [&](auto kind, auto last) {
    if (kind > last) reader.fail("a kind that does not exist");
  };
  for (auto& b : r.buffers) known(b.purpose, Memory::scratch);
  for (uint32_t i = 0; i < r.values.size(); ++i) {
    const RecordedValue& v = r.values[i];
    known(v.dtype, DType::u8);
    in(v.buffer, r.buffers.size()), in(v.made_by, r.records.size()), in(v.gradient_of, r.values.size());
    if (v.copy_of != nothing && v.copy_of >= i) reader.fail("a value that is a copy of a later one");
  }
  for (uint32_t i = 0; i < r.records.size(); ++i) {
    const OpRecord& record = r.records[i];
    known(record.kind, OpRecord::Kind::update), known(record.replay, OpRecord::Replay::different);
    if (record.origin != nothing && record.origin >= i) reader.fail("a record that comes from a later one");
    for (auto& use : record.in) known(use.role, Use::Role::sum), is_value(use.value);
    for (uint32_t v : record.out) is_value(v);
    for (auto& d : record.derivatives) is_value(d.of), is_value(d.by);
    for (auto& save : record.saves) is_value(save.value);
  }
  for (auto& s : r.sweeps) {
    is_value(s.value);
    if (s.at > r.records.size()) reader.fail("a sweep beyond the end");
    for (uint32_t b : s.activations)
      if (b >= r.buffers.size()) reader.fail("an index that leads nowhere");
  }
}

}  // namespace

std::string encode(const Recording& recording) {
  Writer content;
  fields(content, const_cast<Recording&>(recording));  // a Writer reads only
  Writer file;
  file.out = magic;
  uint32_t version = recording_version;
  auto length = uint64_t(content.out.size());
  file(version), file(length);
  file.out += content.out;
  uint64_t sum = hash_bits(file.out.data(), file.out.size());
  file(sum);
  return file.out;
}

Recording decode(std::string_view bytes, const std::string& name) {
  if (bytes.size() < header_size + footer_size || bytes.substr(0, magic.size()) != magic)
    throw Error(ErrorKind::data, name + " is not a recording", "make one with: tapedeck look list EXPERIMENT --save tape.tdt");
  Reader opening(bytes.substr(magic.size(), header_size - magic.size()), name);
  uint32_t version = 0;
  uint64_t length = 0, sum = 0;
  opening(version), opening(length);
  if (version != recording_version)
    throw Error(ErrorKind::data,
                text(name, ": a recording of format ", version, "; this program reads format ", recording_version),
                "record it again with this program");
  if (length != bytes.size() - header_size - footer_size) opening.fail("it was cut short or grew");
  std::memcpy(&sum, bytes.data() + bytes.size() - footer_size, sizeof sum);
  if (sum != hash_bits(bytes.data(), bytes.size() - footer_size)) opening.fail("its checksum is wrong");
  Reader content(bytes.substr(header_size, length), name);
  Recording recording;
  fields(content, recording);
  if (!content.done()) content.fail("there is more than it says");
  check(recording, content);
  return recording;
}

std::string Recording::about_value(std::string_view key) const {
  for (auto& [name, value] : about)
    if (name == key) return value;
  return {};
}

}  // namespace tapedeck
