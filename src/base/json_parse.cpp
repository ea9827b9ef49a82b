// Reading JSON with a place for every key and value: nlohmann's SAX parser over an iterator that counts bytes.
// Why: a diagnostic about a value must be able to point at it. Next: json_syntax.cpp words the syntax errors.
#include <iterator>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include <tapedeck/base/words.h>

#include "json_syntax.h"

namespace tapedeck {
namespace {

constexpr size_t depth_limit = 64, size_limit = size_t{16} << 20;

/// A value takes some 200 bytes, and looking for a key goes through all of its object.
struct Limits {
  size_t values, keys;  // in the text; in one object
};
constexpr Limits of_experiments{200'000, 20'000}, of_machines{4'000'000, 4'000'000};

/// Walks over the text and tells how far the parser has read.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  CountingIterator(const char* at, size_t* consumed) : at_(at), consumed_(consumed) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  size_t* consumed_;
};

/// Receives the parser's events and builds the tree.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, std::shared_ptr<const Source> source, const size_t& consumed, Limits limits,
          Diagnostics& diagnostics)
      : text_(text), source_(std::move(source)), consumed_(consumed), limits_(limits), diagnostics_(diagnostics) {
    if (text_.starts_with("\xEF\xBB\xBF")) origin_ = end_ = line_start_ = 3;
  }

  Json root;
  bool too_large = false;

  bool null() override { return place(Json{}); }
  bool boolean(bool v) override { return place(Json::of(v)); }
  bool number_integer(number_integer_t v) override { return place(Json::of(int64_t{v})); }
  bool number_unsigned(number_unsigned_t v) override {
    return place(v <= uint64_t(std::numeric_limits<int64_t>::max()) ? Json::of(int64_t(v)) : Json::of(double(v)));
  }
  bool number_float(number_float_t v, const string_t&) override { return place(Json::of(v)); }
  bool string(string_t& v) override { return place(Json::of(std::move(v))); }
  bool binary(binary_t&) override { return false; }  // never sent by the text parser
  bool start_object(size_t) override { return open(Json::dict()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Json::list()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Frame& frame = open_.back();
    const Location where = token();
    if (frame.value->members.size() == limits_.keys) return too_many(limits_.keys, "keys in one object", where);
    const auto [first, fresh] = frame.lines.emplace(name, where.line);
    if (!fresh) {
      diagnostics_.add({"TD0102", in_quotes(name) + " appears twice in this object", where,
                        text("already given in line ", first->second), ""});
    }
    frame.value->members.push_back({std::move(name), where, Json{}});
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& problem) override {
    SyntaxError error = explain_syntax(text_, position, problem.what());
    diagnostics_.add({"TD0101", std::move(error.message), locate(error.start, error.length), std::move(error.hint), ""});
    return false;
  }

  // The location of [start, start + length). Tokens come in order, so lines are counted once; only errors look back.
  Location locate(size_t start, size_t length) {
    if (start < counted_) counted_ = line_start_ = origin_, line_ = 1;
    for (; counted_ < start && counted_ < text_.size(); ++counted_) {
      if (text_[counted_] == '\n') {
        ++line_;
        line_start_ = counted_ + 1;
      }
    }
    return {source_, line_, int(start - line_start_) + 1, int(length)};
  }

 private:
  struct Frame {
    Json* value;                                 // stays put: only its own children grow while it is open
    std::unordered_map<std::string, int> lines;  // of the keys seen so far
  };

  // The token the parser has just read: it begins after the previous one, separators and comments.
  Location token() {
    const size_t start = skip_separators(text_, end_);
    end_ = token_end(text_, start, consumed_);
    return locate(start, end_ - start);
  }

  Json& add(Json value) {
    if (open_.empty()) return root = std::move(value);
    Json& parent = *open_.back().value;
    if (parent.is(Json::Kind::array)) return parent.items.emplace_back(std::move(value));
    return parent.members.back().value = std::move(value);
  }
  bool too_many(size_t limit, const char* what, const Location& where) {
    diagnostics_.add({"TD0105", text("more than ", limit, " ", what), where, "", ""});
    too_large = true;
    return false;
  }
  bool place(Json value) {
    value.where = token();
    if (values_++ == limits_.values) return too_many(limits_.values, "values", value.where);
    add(std::move(value));
    return true;
  }
  bool open(Json value) {
    value.where = token();
    if (values_++ == limits_.values) return too_many(limits_.values, "values", value.where);
    if (open_.size() == depth_limit) {
      diagnostics_.add({"TD0104", text("more than ", depth_limit, " levels of nesting"), value.where, "", ""});
      return false;
    }
    open_.push_back({&add(std::move(value)), {}});
    return true;
  }
  bool close() {
    token();
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  std::shared_ptr<const Source> source_;
  const size_t& consumed_;
  const Limits limits_;
  Diagnostics& diagnostics_;
  size_t values_ = 0;
  std::vector<Frame> open_;
  size_t origin_ = 0, end_ = 0;          // of the text after its byte order mark; of the last token
  size_t counted_ = 0, line_start_ = 0;  // lines are counted up to here
  int line_ = 1;
};

Json parse(std::string_view text, std::shared_ptr<const Source> source, Limits limits, Diagnostics& diagnostics) {
  size_t consumed = 0;
  Builder builder(text, std::move(source), consumed, limits, diagnostics);
  const char *begin = text.data(), *end = begin + text.size();
  if (const size_t bad = invalid_utf8(text); bad != std::string_view::npos) {
    diagnostics.add({"TD0103", "this byte is not part of UTF-8 text", builder.locate(bad, 1), "save the file as UTF-8", ""});
    return {};
  }
  nlohmann::json::sax_parse(CountingIterator(begin, &consumed), CountingIterator(end, &consumed), &builder,
                            nlohmann::json::input_format_t::json, /*strict=*/true, /*ignore_comments=*/true);
  return builder.too_large ? Json{} : std::move(builder.root);  // what was read of it is not worth complaints of its own
}

}  // namespace

Json parse_json(std::shared_ptr<const Source> source, Diagnostics& diagnostics) {
  if (source->text.size() > size_limit) {
    const Location start{source, 1, 1, 0};
    diagnostics.add({"TD0105", text("larger than ", size_limit >> 20, " MiB, which no experiment file needs"), start, "", ""});
    return {};
  }
  return parse(source->text, source, of_experiments, diagnostics);
}

Json parse_json(std::string_view text, const std::string& name) {
  Diagnostics diagnostics;
  auto source = std::make_shared<Source>();
  source->name = name;
  Json json = parse(text, std::move(source), of_machines, diagnostics);
  if (!diagnostics.empty()) {
    const Diagnostic& first = diagnostics.list().front();
    throw Error(ErrorKind::data, tapedeck::text(name, ":", first.where.line, ":", first.where.column, ": ", first.message),
                first.hint);
  }
  return json;
}

}  // namespace tapedeck
