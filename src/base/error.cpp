// Errors: kind to exit code, and the one line a person reads. Why: every floor throws the same thing, so the tool
// needs one catch. Next: base/json.h for diagnostics that point into a file.
#include <tapedeck/base/error.h>

#include <charconv>
#include <utility>

#include <tapedeck/base/printable.h>

namespace tapedeck {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return 2;
    case ErrorKind::config:
      return 3;
    case ErrorKind::data:
      return 4;
    case ErrorKind::checkpoint:
      return 5;
    case ErrorKind::non_finite:
      return 6;
    case ErrorKind::internal:
    case ErrorKind::shape:
    case ErrorKind::dtype:
    case ErrorKind::stale:
    case ErrorKind::index:
    case ErrorKind::value:
      return 1;
  }
  return 1;
}

namespace {
/// Diagnostics come with their lines as they shall stand, every field made printable when it was added.
bool is_diagnostics(std::string_view message) { return message.starts_with("error TD"); }
}  // namespace

Error::Error(ErrorKind kind, std::string message, std::string hint)
    : kind_(kind),
      message_(is_diagnostics(message) ? std::move(message) : printable_message(message)),
      hint_(printable_message(hint)) {
  render();
}

Error& Error::at(std::string_view place) {
  if (!where_.empty()) where_ += ", ";
  where_ += printable_message(place);
  render();
  return *this;
}

void Error::render() {
  what_ = message_;
  if (!where_.empty()) what_ += " (" + where_ + ")";
  if (!hint_.empty()) what_ += ": " + hint_;
}

TextPiece::TextPiece(double value) {
  words_ = {digits_, std::to_chars(digits_, digits_ + sizeof digits_, value, std::chars_format::general, 6).ptr};
}
TextPiece::TextPiece(bool negative, uint64_t bits) {
  if (negative) digits_[0] = '-';
  words_ = {digits_, std::to_chars(digits_ + negative, digits_ + sizeof digits_, negative ? -bits : bits).ptr};
}

std::string join_pieces(std::initializer_list<TextPiece> pieces) {
  std::string out;
  size_t size = 0;
  for (const TextPiece& piece : pieces) size += piece.words().size();
  out.reserve(size);
  for (const TextPiece& piece : pieces) out += piece.words();
  return out;
}

}  // namespace tapedeck
