// The Json value: lookup, construction and printing. Why our own: nlohmann's value forgets where it came from.
// Next: json_parse.cpp for reading, diagnostics.cpp for pointing at the places.
#include <tapedeck/base/json.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tapedeck {
namespace {

constexpr size_t short_list = 100;  // lists of plain values up to this many characters stay on one line

void write_string(std::string& out, std::string_view s) {
  constexpr char hex[] = "0123456789abcdef";
  out.reserve(out.size() + s.size() + 2);
  out += '"';
  for (char c : s) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) out += c;
        else out += std::string("\\u00") + hex[(c >> 4) & 15] + hex[c & 15];
    }
  }
  out += '"';
}

// Shortest text that reads back as the same double; ".0" keeps it a number rather than an integer.
void write_number(std::string& out, double v) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  char buffer[32];
  const std::string_view digits(buffer, size_t(std::to_chars(buffer, buffer + sizeof buffer, v).ptr - buffer));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

struct Printer {
  int indent;
  std::string out;

  void line_break(int depth) {
    if (indent >= 0) out += '\n' + std::string(size_t(indent * depth), ' ');
  }
  void list(const Json& json, int depth) {
    const bool nested = std::any_of(json.items.begin(), json.items.end(),
                                    [](const Json& item) { return !item.items.empty() || !item.members.empty(); });
    if (indent >= 0 && !nested) {
      Printer flat{-1, {}};
      flat.list(json, 0);
      if (flat.out.size() <= short_list) {
        out += flat.out;
        return;
      }
    }
    out += '[';
    for (size_t i = 0; i < json.items.size(); ++i) {
      if (i) out += indent < 0 ? ", " : ",";
      line_break(depth + 1);
      value(json.items[i], depth + 1);
    }
    if (!json.items.empty()) line_break(depth);
    out += ']';
  }
  void dict(const Json& json, int depth) {
    out += '{';
    for (size_t i = 0; i < json.members.size(); ++i) {
      if (i) out += indent < 0 ? ", " : ",";
      line_break(depth + 1);
      write_string(out, json.members[i].key);
      out += ": ";
      value(json.members[i].value, depth + 1);
    }
    if (!json.members.empty()) line_break(depth);
    out += '}';
  }
  void value(const Json& json, int depth) {
    switch (json.kind) {
      case Json::Kind::null:
        out += "null";
        break;
      case Json::Kind::boolean:
        out += json.boolean ? "true" : "false";
        break;
      case Json::Kind::integer:
        out += std::to_string(json.integer);
        break;
      case Json::Kind::number:
        write_number(out, json.number);
        break;
      case Json::Kind::string:
        write_string(out, json.string);
        break;
      case Json::Kind::array:
        list(json, depth);
        break;
      case Json::Kind::object:
        dict(json, depth);
        break;
    }
  }
};

Json make(Json::Kind kind) {
  Json json;
  json.kind = kind;
  return json;
}

}  // namespace

std::string_view Source::line(int number) const {
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (int i = 1; i < number; ++i) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  return rest;
}

const Json::Member* Json::find(std::string_view key) const {
  const auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}
Json::Member* Json::find(std::string_view key) {
  const auto it = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}

Json& Json::set(std::string key, Json value) {
  kind = Kind::object;
  if (Member* member = find(key)) return member->value = std::move(value);
  Location place = value.where;
  return members.emplace_back(Member{std::move(key), std::move(place), std::move(value)}).value;
}

Json Json::of(bool v) {
  Json json = make(Kind::boolean);
  json.boolean = v;
  return json;
}
Json Json::of(int64_t v) {
  Json json = make(Kind::integer);
  json.integer = v;
  json.number = double(v);
  return json;
}
Json Json::of(double v) {
  Json json = make(Kind::number);
  json.number = v;
  if (v == std::trunc(v) && std::abs(v) < 0x1p63) json.integer = int64_t(v);
  return json;
}
Json Json::of(std::string v) {
  Json json = make(Kind::string);
  json.string = std::move(v);
  return json;
}
Json Json::list() { return make(Kind::array); }
Json Json::dict() { return make(Kind::object); }

std::string Json::dump(int indent) const {
  Printer printer{indent, {}};
  printer.value(*this, 0);
  return std::move(printer.out);
}

}  // namespace tapedeck
