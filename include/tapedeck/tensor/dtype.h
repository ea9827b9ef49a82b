// Element types. f32 trains, f64 checks, i32 indexes, u8 holds conditions, bf16 stores packed operands.
#pragma once
#include <cstdint>
#include <string_view>

namespace tapedeck {

enum class DType : uint8_t { f32, f64, bf16, i32, u8 };

constexpr size_t size_of(DType t) { return t == DType::f64 ? 8 : t == DType::bf16 ? 2 : t == DType::u8 ? 1 : 4; }
constexpr std::string_view name_of(DType t) {
  constexpr std::string_view names[] = {"f32", "f64", "bf16", "i32", "u8"};
  return names[size_t(t)];
}
constexpr bool is_floating(DType t) { return t == DType::f32 || t == DType::f64; }

template <class T>
constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "no tensor holds this type");
  return DType::f32;
}();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::bf16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;

/// Calls f with a float or a double value as a type tag: dispatch(t, [&](auto tag) { using T = decltype(tag); ... }).
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
  if (t == DType::f64) return f(double{});
  return f(float{});
}

}  // namespace tapedeck
