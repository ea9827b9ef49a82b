// The post-processors of tokenizer.json as one list of items for a text and one for a pair. Next: post_processor.h.
#include "src/data/post_processor.h"

#include <algorithm>

namespace tapedeck {
namespace {

using Kind = PostProcessor::Kind;
using Items = std::vector<PostProcessor::Item>;

/// ["[SEP]", 102]
int32_t named_id(const JsonValue& json) {
  if (json.size() != 2) throw json.error("is not [token, id]");
  json.at(size_t(0)).string();
  return int32_t(json.at(size_t(1)).integer());
}

int32_t segment_of(const JsonValue& json) {
  const int64_t segment = json.at("type_id").integer();
  if (segment > 1) throw json.at("type_id").error(text("is ", segment, "; segments are 0 and 1"));
  return int32_t(segment);
}

Items template_of(const JsonValue& json, const JsonValue& specials, bool pair) {
  Items items;
  for (size_t i = 0; i < json.size(); ++i) {
    const JsonValue entry = json.at(i);
    if (entry.has("Sequence")) {
      const JsonValue sequence = entry.at("Sequence");
      const std::string& name = sequence.at("id").string();
      if (name != "A" && name != "B") throw sequence.at("id").unknown_type("A, B");
      items.push_back({name == "A" ? Kind::first : Kind::second, 0, segment_of(sequence)});
      continue;
    }
    const JsonValue special = entry.at("SpecialToken");
    const JsonValue ids = specials.at(special.at("id").string().c_str()).at("ids");
    for (size_t k = 0; k < ids.size(); ++k) items.push_back({Kind::special, int32_t(ids.at(k).integer()), segment_of(special)});
  }
  const auto times = [&](Kind kind) {
    return std::count_if(items.begin(), items.end(), [&](const auto& item) { return item.kind == kind; });
  };
  if (times(Kind::first) != 1 || times(Kind::second) != (pair ? 1 : 0))
    throw json.error(pair ? "does not hold A and B once each" : "does not hold A once");
  return items;
}

}  // namespace

PostProcessor::PostProcessor(const JsonValue& json) { read(json); }

void PostProcessor::read(const JsonValue& json) {
  if (json.is_null()) return;
  const JsonValue type = json.at("type");
  const std::string& name = type.string();
  if (name == "TemplateProcessing") {
    const JsonValue specials = json.at("special_tokens");
    Items single = template_of(json.at("single"), specials, false);
    set(std::move(single), template_of(json.at("pair"), specials, true));
  } else if (name == "BertProcessing") {
    const int32_t cls = named_id(json.at("cls")), sep = named_id(json.at("sep"));
    const Items single{{Kind::special, cls, 0}, {Kind::first, 0, 0}, {Kind::special, sep, 0}};
    Items pair = single;
    pair.insert(pair.end(), {{Kind::second, 0, 1}, {Kind::special, sep, 1}});
    set(single, pair);
  } else if (name == "RobertaProcessing") {
    const int32_t cls = named_id(json.at("cls")), sep = named_id(json.at("sep"));
    const Items single{{Kind::special, cls, 0}, {Kind::first, 0, 0}, {Kind::special, sep, 0}};
    Items pair = single;
    pair.insert(pair.end(), {{Kind::special, sep, 0}, {Kind::second, 0, 0}, {Kind::special, sep, 0}});
    set(single, pair);
    trim = json.boolean("trim_offsets", true), prefix = json.boolean("add_prefix_space", true);
  } else if (name == "ByteLevel") {
    trim = json.boolean("trim_offsets", true), prefix = json.boolean("add_prefix_space", true);
  } else if (name == "Sequence") {
    const JsonValue steps = json.at("processors");
    for (size_t i = 0; i < steps.size(); ++i) read(steps.at(i));
  } else {
    throw type.unknown_type("TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
  }
}

int64_t PostProcessor::specials(bool pair) const {
  return std::count_if(items(pair).begin(), items(pair).end(), [](const Item& item) { return item.kind == Kind::special; });
}

int32_t PostProcessor::largest_id() const {
  int32_t largest = -1;
  for (const Items* list : {&single_, &pair_})
    for (const Item& item : *list)
      if (item.kind == Kind::special) largest = std::max(largest, item.id);
  return largest;
}

}  // namespace tapedeck
