// state.json to and from a TrainState. Next: checkpoint_folder.cpp.
#include "src/train/train_state.h"

#include <limits>

#include <tapedeck/base/error.h>
#include <tapedeck/base/json.h>

namespace tapedeck {
namespace {

constexpr const char* damaged = "no run writes this: remove the step folder to go on from the checkpoint before it";

Json values_to_json(const Values& values) {
  Json json = Json::dict();
  for (auto& [name, value] : values) json.set(name, Json::of(value));
  return json;
}

/// Walks over one state.json and words what is wrong with it.
struct StateReader {
  std::string path;

  [[noreturn]] void reject(std::string_view key, std::string_view wanted) const {
    throw Error(ErrorKind::checkpoint, text(path, ": ", key, " must be ", wanted), damaged);
  }
  const Json& get(const Json& json, std::string_view key, Json::Kind kind, std::string_view wanted) const {
    const auto* member = json.find(key);
    if (!member || !member->value.is(kind)) reject(key, wanted);
    return member->value;
  }
  int64_t integer(const Json& json, std::string_view key) const {
    return get(json, key, Json::Kind::integer, "a whole number").integer;
  }
  /// A count that a run can reach.
  int64_t between(const Json& json, std::string_view key, int64_t least, int64_t most) const {
    const int64_t found = integer(json, key);
    if (found < least || found > most) reject(key, text("a whole number from ", least, " to ", most, ", not ", found));
    return found;
  }
  std::string string(const Json& json, std::string_view key) const {
    return get(json, key, Json::Kind::string, "a string").string;
  }
  /// A number; null stands for NaN, which JSON cannot say.
  double number(const Json& json, std::string_view key) const {
    if (json.is(Json::Kind::null)) return std::numeric_limits<double>::quiet_NaN();
    if (!json.is(Json::Kind::number) && !json.is(Json::Kind::integer)) reject(key, "a number");
    return json.number;
  }
  Values values(const Json& json, std::string_view key) const {
    if (!json.is(Json::Kind::object)) reject(key, "an object of numbers");
    Values out;
    for (auto& m : json.members) out[m.key] = number(m.value, m.key);
    return out;
  }
};

}  // namespace

std::string TrainState::to_json() const {
  Json json = Json::dict(), best = Json::list(), splits = Json::dict();
  for (auto& r : ranking) {
    Json entry = Json::dict();
    entry.set("step", Json::of(r.step));
    entry.set("value", Json::of(r.value));
    best.items.push_back(std::move(entry));
  }
  for (auto& [split, values] : last) splits.set(split, values_to_json(values));
  json.set("format", Json::of(format));
  json.set("step", Json::of(step));
  json.set("seed", Json::of(int64_t(seed)));
  json.set("config_hash", Json::of(config_hash));
  json.set("vocabulary_hash", Json::of(vocabulary_hash));
  json.set("dtype", Json::of(std::string(name_of(dtype))));
  json.set("evaluated", Json::of(evaluated));
  json.set("without_improvement", Json::of(without_improvement));
  json.set("best", std::move(best));
  json.set("best_values", values_to_json(best_values));
  json.set("last", std::move(splits));
  return json.dump() + "\n";
}

TrainState TrainState::from_json(const std::string& content, const std::string& path) {
  const StateReader read{path};
  Json json;
  try {
    json = parse_json(content, path);
  } catch (const Error& e) { throw Error(ErrorKind::checkpoint, e.message(), damaged); }
  if (const int64_t found = read.integer(json, "format"); found != format)
    throw Error(ErrorKind::checkpoint, text(path, ": format ", found, ", but this version reads format ", format),
                "use the version of tapedeck that wrote it");
  TrainState state;
  constexpr int64_t longest = int64_t{1} << 53;  // no run has more steps: train/schedule.cpp
  state.step = read.between(json, "step", 0, longest);
  state.seed = uint64_t(read.integer(json, "seed"));
  state.config_hash = read.string(json, "config_hash");
  state.vocabulary_hash = read.string(json, "vocabulary_hash");
  const std::string dtype = read.string(json, "dtype");
  if (dtype != name_of(DType::f32) && dtype != name_of(DType::f64)) read.reject("dtype", "f32 or f64");
  state.dtype = dtype == name_of(DType::f64) ? DType::f64 : DType::f32;
  state.evaluated = read.between(json, "evaluated", -1, state.step);
  state.without_improvement = read.between(json, "without_improvement", 0, longest);
  for (auto& entry : read.get(json, "best", Json::Kind::array, "a list").items)
    state.ranking.push_back(
        {read.between(entry, "step", 0, state.step), read.get(entry, "value", Json::Kind::number, "a number").number});
  state.best_values = read.values(read.get(json, "best_values", Json::Kind::object, "an object"), "best_values");
  for (auto& m : read.get(json, "last", Json::Kind::object, "an object").members) state.last[m.key] = read.values(m.value, m.key);
  return state;
}

}  // namespace tapedeck
