// Reading what the scripts of tests/golden/ computed. Next: golden_twin.h (models), loss_rows.h (losses).
#pragma once
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <tapedeck/base/json.h>
#include <tapedeck/tensor/tensor.h>

namespace tapedeck::testing {

inline Json read_golden(const std::string& name) {
  const std::string path = std::string(TAPEDECK_SOURCE_DIR) + "/tests/golden/" + name;
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  return parse_json(content.str(), path);
}
inline const Json& at(const Json& object, const std::string& key) {
  const auto* member = object.find(key);
  REQUIRE_MESSAGE(member, "golden file has no " << key);
  return member->value;
}
inline std::vector<double> numbers(const Json& list) {
  std::vector<double> v;
  for (auto& item : list.items) v.push_back(item.number);
  return v;
}
inline Tensor i32(const Json& list) {
  std::vector<int32_t> v;
  for (auto& item : list.items) v.push_back(int32_t(item.integer));
  return Tensor::from<int32_t>(v, {int64_t(v.size())});
}
inline Tensor floats(const Json& values, const Shape& shape, DType dtype) {
  return Tensor::from<double>(numbers(values), shape).to(dtype);
}
inline Tensor floats(const Json& entry, DType dtype) {
  Shape shape;
  for (auto& n : at(entry, "shape").items) shape.push(n.integer);
  return floats(at(entry, "values"), shape, dtype);
}

}  // namespace tapedeck::testing
