// The damage itself. Next: fuzz.cpp.
#include "mutate.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include <tapedeck/tensor/inspect.h>

namespace tapedeck::fuzz {
namespace {

using Bytes = std::string;

/// Numbers drawn one after the other.
class Dice {
 public:
  explicit Dice(Key key) : key_(key) {}
  size_t below(size_t n) { return n ? size_t(random_below(key_, drawn_++, n)) : 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }
  bool once_in(size_t n) { return below(n) == 0; }

 private:
  Key key_;
  uint64_t drawn_ = 0;
};

const std::vector<Bytes> numbers = {"0",
                                    "-1",
                                    "1",
                                    "2",
                                    "3",
                                    "7",
                                    "64",
                                    "65",
                                    "1000",
                                    "2147483647",
                                    "2147483648",
                                    "4294967296",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "-9223372036854775808",
                                    "1e19",
                                    "1e308",
                                    "1e400",
                                    "-1e-320",
                                    "-0.0",
                                    "0.5",
                                    "1.5",
                                    "00",
                                    "0x10",
                                    "1e",
                                    "NaN",
                                    "Infinity"};

/// What no terminal should be sent, and what breaks out of where it stands.
const std::vector<Bytes>& words() {
  static const std::vector<Bytes> list = {"",
                                          "\x1b[2J\x1b]0;owned\x07",
                                          "\xe2\x80\xae"
                                          "drow",
                                          "\xc2\x9b"
                                          "31m",
                                          "\xff\xfe",
                                          "\xed\xa0\x80",
                                          Bytes("\0x", 2),
                                          "\\u001b[31m",
                                          "\\u202e",
                                          "\\u0000",
                                          "\\ud800",
                                          "\r\n",
                                          "\t",
                                          "a\nb",
                                          "..",
                                          "../../x",
                                          "/dev/zero",
                                          "/",
                                          ".",
                                          "${seed}",
                                          "${env:HOME}",
                                          "${",
                                          "*",
                                          "%n%s",
                                          "'\"",
                                          "\xf3\xa0\x80\x81",
                                          "\xe2\x80\xa8",
                                          "step-000001",
                                          "10%",
                                          "-5%",
                                          "99999999999 steps",
                                          "1 steps",
                                          "true",
                                          "null",
                                          "cross_entropy",
                                          "transformer",
                                          Bytes(300, 'y'),
                                          Bytes(100000, 'x')};
  return list;
}

struct Span {
  size_t at, length;
};

/// Strings, numbers and words of a JSON text, in order; broken text gives what it gives.
std::vector<Span> tokens(std::string_view text) {
  std::vector<Span> all;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (text[i] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '-') {
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || std::strchr("+-._", text[end]))) ++end;
    } else {
      ++i;
      continue;
    }
    all.push_back({i, end - i});
    i = end;
  }
  return all;
}

void damage_bytes(Bytes& bytes, Dice& dice) {
  const size_t at = dice.below(bytes.size() + 1), most = bytes.size() - at, length = std::min(most, 1 + dice.below(16));
  switch (dice.below(9)) {
    case 0:
    case 1:
      if (most) bytes[at] = char(bytes[at] ^ (1 << dice.below(8)));
      break;
    case 2:
      bytes.insert(at, 1, char(dice.below(256)));
      break;
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.insert(at, bytes.substr(at, length));
      break;
    case 5:
      bytes.resize(at);
      break;
    case 6:
      bytes.insert(dice.below(bytes.size() + 1), bytes.substr(at, std::min(most, 1 + dice.below(200))));
      break;
    case 7:
      bytes.insert(at, dice.of(words()));
      break;
    default:
      if (most) bytes[at] = dice.of<char>({0, 1, 9, 10, 13, 27, 34, 44, 127, char(0x80), char(0xC2), char(0xFF)});
  }
}

void damage_json(Bytes& text, Dice& dice) {
  const auto all = tokens(text);
  if (all.empty() || dice.once_in(5)) return damage_bytes(text, dice);
  const Span t = dice.of(all), other = dice.of(all);
  const Bytes old = text.substr(t.at, t.length), quoted = '"' + dice.of(words()) + '"';
  switch (dice.below(10)) {
    case 0:
    case 1:
    case 2:
      text.replace(t.at, t.length, dice.of(numbers));
      break;
    case 3:
    case 4:
      text.replace(t.at, t.length, quoted);
      break;
    case 5:
      text.replace(t.at, t.length, text.substr(other.at, other.length));
      break;
    case 6:
      text.replace(t.at, t.length, dice.of<Bytes>({"null", "true", "[]", "{}", "[1,2]", "{\"type\":\"x\"}", "[" + old + "]"}));
      break;
    case 7: {
      const size_t depth = dice.of<size_t>({3, 63, 66, 20000});
      text.replace(t.at, t.length, Bytes(depth, '[') + old + Bytes(depth, ']'));
      break;
    }
    case 8:
      text.insert(t.at, quoted + ": " + dice.of(numbers) + ", ");
      break;
    default:
      text.erase(t.at, std::max(other.at + other.length, t.at) - t.at);
  }
}

void damage_lines(Bytes& text, Dice& dice) {
  std::vector<Span> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    lines.push_back({at, end - at});
    at = end;
  }
  if (lines.empty() || dice.once_in(2)) return damage_bytes(text, dice);
  const Span line = dice.of(lines);
  const Bytes copy = text.substr(line.at, line.length);
  const size_t inside = line.at + dice.below(line.length);
  switch (dice.below(6)) {
    case 0:
      text.erase(line.at, line.length);
      break;
    case 1:
      text.insert(line.at, copy);
      break;
    case 2:
      text.insert(inside, dice.of<Bytes>({"\t", ",", "\"", "\"\"", "\r", "\n", " ", "{", "}", ":", "O", "B-", "I-x"}));
      break;
    case 3:
      text.insert(inside, dice.of(words()));
      break;
    case 4:
      for (size_t n = dice.of<size_t>({10, 300}); n > 0; --n) text.insert(line.at, copy);
      break;
    default:
      damage_json(text, dice);
  }
}

Bytes inflated(const Bytes& folded) {
  Bytes out(size_t{1} << 16, '\0');
  z_stream stream{};
  inflateInit2(&stream, 31);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(folded.data()));
  stream.avail_in = unsigned(folded.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = unsigned(out.size());
  inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

Bytes deflated(const Bytes& bytes) {
  Bytes out(bytes.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = unsigned(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = unsigned(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// The header damaged as JSON, its length corrected.
void damage_header(Bytes& file, Dice& dice) {
  uint64_t length = 0;
  if (file.size() < 8) return damage_bytes(file, dice);
  std::memcpy(&length, file.data(), 8);
  if (length > file.size() - 8) return damage_bytes(file, dice);
  Bytes header = file.substr(8, length);
  const Bytes data = file.substr(8 + length);
  damage_json(header, dice);
  length = header.size();
  file = Bytes(reinterpret_cast<const char*>(&length), 8) + header + data;
}

void damage(Bytes& bytes, Format format, Dice& dice) {
  switch (format) {
    case Format::json:
      return damage_json(bytes, dice);
    case Format::lines:
      return damage_lines(bytes, dice);
    case Format::safetensors:
      return dice.once_in(2) ? damage_header(bytes, dice) : damage_bytes(bytes, dice);
    case Format::gzip:
      if (dice.once_in(2)) return damage_bytes(bytes, dice);
      {
        Bytes inside = inflated(bytes);
        damage_lines(inside, dice);
        bytes = deflated(inside);
      }
      return;
    case Format::bytes:
      return damage_bytes(bytes, dice);
  }
}

}  // namespace

Format format_of(std::string_view name) {
  if (name.ends_with(".json")) return Format::json;
  if (name.ends_with(".gz")) return Format::gzip;
  if (name.ends_with(".safetensors")) return Format::safetensors;
  if (name.ends_with(".tdt")) return Format::bytes;
  return Format::lines;
}

std::string mutant(const std::string& original, Format format, Key key) {
  Dice dice(key);
  Bytes bytes = original;
  for (size_t n = 1 + dice.below(dice.once_in(3) ? 4 : 1); n > 0; --n) damage(bytes, format, dice);
  return bytes;
}

std::string resealed(const std::string& content) {
  constexpr std::string_view mark = "\"crc32\": \"", magic = "TAPEDECK";
  if (content.starts_with(magic) && content.size() > 28) {
    Bytes file = content;
    const uint64_t length = file.size() - 28;
    std::memcpy(file.data() + 12, &length, 8);
    const uint64_t sum = hash_bits(file.data(), file.size() - 8);
    std::memcpy(file.data() + file.size() - 8, &sum, 8);
    return file;
  }
  const size_t at = content.rfind(mark);
  if (at == content.npos) return content;
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08lx", crc32(0, reinterpret_cast<const Bytef*>(content.data()), unsigned(at)));
  return content.substr(0, at) + std::string(mark) + hex + "\"\n}\n";
}

}  // namespace tapedeck::fuzz
