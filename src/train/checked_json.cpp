// The checksum stands where a reader of JSON sees one more member and a text editor one more line. Next: files.h.
#include "src/train/checked_json.h"

#include <zlib.h>

#include <cstdio>

#include <tapedeck/base/error.h>
#include <tapedeck/train/checkpoint.h>

namespace tapedeck {
namespace {

constexpr const char* restore = "restore the file from a copy";
constexpr const char* wrapper = "content";  // holds what is no object and so cannot hold the checksum itself
constexpr std::string_view mark = "\"crc32\": \"";

/// What must follow the bytes it is the checksum of.
std::string ending(std::string_view bytes) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08lx", crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  return std::string(mark) + hex + "\"\n}\n";
}

}  // namespace

std::string with_checksum(Json json) {
  if (!json.is(Json::Kind::object) || json.find(wrapper)) {
    Json whole = Json::dict();
    whole.set(wrapper, std::move(json));
    json = std::move(whole);
  }
  std::erase_if(json.members, [](const Json::Member& member) { return member.key == "crc32"; });
  json.set("crc32", Json::of("00000000"));
  std::string content = json.dump() + "\n";
  content.resize(content.rfind(mark));
  return content + ending(content);
}

void verify_checksum(std::string_view content, const std::string& path, const Notes& note) {
  constexpr size_t longest_ending = 64;  // a name in a vocabulary may spell the mark, but not so near the end
  const size_t at = content.rfind(mark);
  if (at == content.npos || content.size() - at > longest_ending) {
    if (note) note(path + " has no checksum (an earlier version wrote it): damage to it would not be noticed");
    return;
  }
  if (content.substr(at) == ending(content.substr(0, at))) return;
  throw Error(ErrorKind::checkpoint, path + ": is damaged: its bytes do not have the checksum they were written with",
              text(restore, "; after an edit of your own, delete its line \"crc32\""));
}

Json read_checked_json(const std::string& path, const Notes& note) {
  const std::string content = read_file(path);
  verify_checksum(content, path, note);
  Json json;
  try {
    json = parse_json(content, path);
  } catch (const Error& e) { throw Error(ErrorKind::checkpoint, e.message(), restore); }
  const bool checked = std::erase_if(json.members, [](const Json::Member& member) { return member.key == "crc32"; }) > 0;
  if (checked && json.members.size() == 1 && json.members[0].key == wrapper) return Json(std::move(json.members[0].value));
  return json;
}

}  // namespace tapedeck
