// A .safetensors file to tensors. The file is hostile until proven otherwise: the header is parsed by a machine that knows
// only this format, and every size is checked before memory is taken. Next: checkpoint_folder.cpp.
#include "src/train/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include <tapedeck/base/error.h>

namespace tapedeck {
namespace {

constexpr int64_t header_limit = int64_t{16} << 20;
constexpr size_t tensor_limit = 100'000, name_limit = 256;

/// Names of types in a header, and the bytes of an element.
constexpr std::pair<std::string_view, int64_t> stored_types[] = {
    {"F32", 4}, {"F64", 8}, {"F16", 2}, {"BF16", 2}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
    {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
constexpr std::pair<std::string_view, DType> own_types[] = {
    {"F32", DType::f32}, {"F64", DType::f64}, {"I32", DType::i32}, {"U8", DType::u8}};

template <class Table>
auto find_type(const Table& table, std::string_view name) {
  return std::find_if(std::begin(table), std::end(table), [&](auto& row) { return row.first == name; });
}

struct Entry : StoredTensor {
  bool has_shape = false, has_range = false;
};

/// Receives the parser's events; returning false stops it, with the reason in `problem`.
class Header : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem;

  bool start_object(size_t) override {
    if (state_ == State::start) return enter(State::top);
    if (state_ == State::entry_value) return enter(State::entry);
    if (state_ == State::metadata_value) return enter(State::metadata);
    return unexpected("an object");
  }
  bool end_object() override {
    if (state_ == State::entry && !complete(entries.back())) return false;
    return enter(state_ == State::top ? State::done : State::top);
  }
  bool key(string_t& key) override {
    switch (state_) {
      case State::top:
        return top_key(key);
      case State::entry:
        return entry_key(key);
      case State::metadata:
        last_key_ = key;
        if (!metadata.emplace(key, "").second) return stop(text("__metadata__ holds \"", key, "\" twice"));
        return enter(State::metadata_text);
      default:
        return unexpected("a key");
    }
  }
  bool string(string_t& value) override {
    if (state_ == State::metadata_text) {
      metadata[last_key_] = value;
      return enter(State::metadata);
    }
    if (state_ != State::dtype) return unexpected("a string");
    if (find_type(stored_types, value) == std::end(stored_types))
      return stop(text(tensor(), ": there is no dtype ", value.substr(0, 20)));
    entries.back().type = value;
    return enter(State::entry);
  }
  bool start_array(size_t) override {
    if (state_ == State::shape_value) return enter(State::shape);
    if (state_ == State::range_value) return enter(State::range);
    return unexpected("a list");
  }
  bool end_array() override {
    if (state_ == State::range && numbers_ != 2)
      return stop(text(tensor(), ": data_offsets needs two numbers, found ", numbers_));
    return enter(State::entry);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > uint64_t{1} << 62) return stop(text(tensor(), ": the number ", value, " is too large"));
    Entry* entry = entries.empty() ? nullptr : &entries.back();
    if (state_ == State::shape) {
      if (numbers_++ == Shape::max_rank) return stop(text(tensor(), ": has more than ", Shape::max_rank, " dimensions"));
      entry->shape.push(int64_t(value));
    } else if (state_ == State::range) {
      if (numbers_ < 2) entry->range[size_t(numbers_)] = int64_t(value);
      ++numbers_;
    } else {
      return unexpected("a number");
    }
    return true;
  }
  bool number_integer(number_integer_t value) override { return stop(text(tensor(), ": the number ", value, " is negative")); }
  bool number_float(number_float_t, const string_t& digits) override {
    return stop(text(tensor(), ": ", digits.substr(0, 20), " is not a whole number"));
  }
  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return stop(text("the header is not valid JSON near byte ", 8 + position));
  }

 private:
  enum class State {
    start,
    top,
    entry_value,
    entry,
    dtype,
    shape_value,
    shape,
    range_value,
    range,
    metadata_value,
    metadata,
    metadata_text,
    done
  };

  bool enter(State state) {
    state_ = state;
    numbers_ = 0;
    return true;
  }
  bool stop(std::string why) {
    problem = std::move(why);
    return false;
  }
  bool unexpected(std::string_view what) { return stop(text(tensor(), ": ", what, " where the format has none")); }
  std::string tensor() const { return entries.empty() ? "the header" : "tensor " + entries.back().name; }

  bool top_key(const std::string& key) {
    if (key == "__metadata__") return has_metadata_++ ? stop("__metadata__ appears twice") : enter(State::metadata_value);
    if (key.empty() || key.size() > name_limit)
      return stop(text("a tensor name has ", key.size(), " bytes; 1 to ", name_limit, " are allowed"));
    if (!names_.insert(key).second) return stop(text("tensor ", key, " appears twice"));
    if (entries.size() == tensor_limit) return stop(text("there are more than ", tensor_limit, " tensors"));
    entries.emplace_back().name = key;
    return enter(State::entry_value);
  }
  bool entry_key(const std::string& key) {
    Entry& e = entries.back();
    if (key == "dtype" && e.type.empty()) return enter(State::dtype);
    if (key == "shape" && !std::exchange(e.has_shape, true)) return enter(State::shape_value);
    if (key == "data_offsets" && !std::exchange(e.has_range, true)) return enter(State::range_value);
    return stop(text(tensor(), ": \"", key.substr(0, 40), "\" is unknown or appears twice"));
  }
  bool complete(const Entry& e) {
    return !e.type.empty() && e.has_shape && e.has_range ? true : stop(text(tensor(), ": needs dtype, shape and data_offsets"));
  }

  State state_ = State::start;
  std::set<std::string, std::less<>> names_;
  std::string last_key_;
  int numbers_ = 0, has_metadata_ = 0;
};

[[noreturn]] void reject(const std::string& path, const std::string& why) {
  throw Error(ErrorKind::checkpoint, text(path, ": ", why), "the file is damaged or no safetensors file; use another checkpoint");
}

Header parse_header(const std::string& path, const std::string& text_of_header) {
  if (!text_of_header.starts_with('{')) reject(path, "the header does not start with {");
  Header header;
  const bool whole = nlohmann::json::sax_parse(text_of_header, &header, nlohmann::json::input_format_t::json, /*strict=*/true);
  if (!whole) reject(path, header.problem);
  return header;
}

/// Bytes of the tensor, or -1 when the product leaves 64 bits.
int64_t bytes_of(const Entry& e) {
  int64_t bytes = find_type(stored_types, e.type)->second;
  for (int i = 0; i < e.shape.rank(); ++i)
    if (__builtin_mul_overflow(bytes, e.shape[i], &bytes)) return -1;
  return bytes;
}

/// The data ranges must follow each other from 0 to data_size, each as long as its shape says.
void check_cover(const std::string& path, std::vector<Entry>& entries, int64_t data_size) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.range < b.range; });
  int64_t at = 0;
  for (const Entry& e : entries) {
    const auto [begin, end] = e.range;
    const int64_t bytes = bytes_of(e);
    if (begin > end || end > data_size)
      reject(path, text("tensor ", e.name, ": bytes ", begin, " to ", end, " are not inside the ", data_size, " bytes of data"));
    if (bytes != end - begin)
      reject(path, text("tensor ", e.name, ": shape ", e.shape.str(), " does not fill bytes ", begin, " to ", end));
    if (begin != at)
      reject(path, text("tensor ", e.name, ": starts at byte ", begin, " of the data, but the one before ends at ", at));
    at = end;
  }
  if (at != data_size) reject(path, text("the tensors end at byte ", at, " of ", data_size, " bytes of data"));
}

}  // namespace

StoredTensors read_header(File& file, const std::string& path) {
  const int64_t size = file.size();
  uint64_t length = 0;
  if (size < 8) reject(path, text("has ", size, " bytes; a header needs at least 8"));
  file.read(std::as_writable_bytes(std::span(&length, 1)));
  if (length > uint64_t(header_limit))
    reject(path, text("announces a header of ", length, " bytes; ", header_limit, " are allowed"));
  if (int64_t(length) > size - 8)
    reject(path, text("announces a header of ", length, " bytes, but holds ", size - 8, " after the length"));
  std::string header_text(length, '\0');
  file.read(std::as_writable_bytes(std::span(header_text)));
  Header header = parse_header(path, header_text);
  check_cover(path, header.entries, size - 8 - int64_t(length));
  return {{header.entries.begin(), header.entries.end()}, std::move(header.metadata), 8 + int64_t(length)};
}

SafeTensors read_safetensors(const std::string& path) {
  File file = File::open(path);
  StoredTensors stored = read_header(file, path);
  for (const StoredTensor& e : stored.tensors)
    if (find_type(own_types, e.type) == std::end(own_types))
      reject(path, text("tensor ", e.name, ": dtype ", e.type, " is not one of F32, F64, I32, U8"));
  SafeTensors out;
  out.metadata = std::move(stored.metadata);
  for (StoredTensor& e : stored.tensors) {
    const Tensor tensor = Tensor::empty(e.shape, find_type(own_types, e.type)->second);
    file.read({reinterpret_cast<std::byte*>(tensor.raw<uint8_t>()), size_t(e.range[1] - e.range[0])});
    out.tensors.emplace_back(std::move(e.name), tensor);
  }
  return out;
}

}  // namespace tapedeck
