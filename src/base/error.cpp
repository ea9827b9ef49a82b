// Errors: kind to exit code, and the one line a person reads. Why: every floor throws the same thing, so the tool
// needs one catch. Next: base/json.h for diagnostics that point into a file.
#include <tapedeck/base/error.h>

#include <charconv>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>
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
    case ErrorKind::memory:
      return 8;
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

namespace {

Error out_of_memory(const std::string& what) {
  return Error(ErrorKind::memory, "out of memory" + what,
               "use a smaller batch (training.batch_size, training.micro_batch_size, training.recompute), shorter texts "
               "(tokenizer.max_length) or a smaller model");
}

}  // namespace

Error as_error(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(std::move(thrown));
  } catch (const Error& e) { return e; } catch (const std::bad_alloc&) {
    return out_of_memory("");
  } catch (const std::length_error& e) {  // a container was asked to hold more than any memory has
    return out_of_memory(text(" (", e.what(), ")"));
  } catch (const std::system_error& e) {
    if (e.code() == std::errc::not_enough_memory || e.code() == std::errc::resource_unavailable_try_again)
      return out_of_memory(text(" (", e.what(), ")"));  // the second: no further thread
    const bool files = dynamic_cast<const std::filesystem::filesystem_error*>(&e);
    return Error(files ? ErrorKind::data : ErrorKind::internal, e.what());
  } catch (const std::exception& e) { return Error(ErrorKind::internal, e.what()); } catch (...) {
    return Error(ErrorKind::internal, "an exception of an unknown type");
  }
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
