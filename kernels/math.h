// Elementary functions without branches, so that loops over them vectorise: relative error below 3e-7 in float and
// 4e-15 in double. Overflow, underflow, infinities and NaN behave as in libm. Next: unary.h.
#pragma once
#include <cstdint>

#include "isa.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {

/// The type of a constant that meets an X: X itself for scalars (float code stays in float), double for anything else.
template <class X>
struct NumberOf {
  using type = double;
};
template <>
struct NumberOf<float> {
  using type = float;
};
template <class X>
TAPEDECK_INLINE constexpr typename NumberOf<X>::type number(double value) {
  return typename NumberOf<X>::type(value);
}

template <class To, class From>
TAPEDECK_INLINE To bits_as(From value) {
  return __builtin_bit_cast(To, value);
}

TAPEDECK_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
TAPEDECK_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
TAPEDECK_INLINE float abs(float x) { return __builtin_fabsf(x); }
TAPEDECK_INLINE double abs(double x) { return __builtin_fabs(x); }
TAPEDECK_INLINE float sin(float x) { return __builtin_sinf(x); }
TAPEDECK_INLINE double sin(double x) { return __builtin_sin(x); }
TAPEDECK_INLINE float cos(float x) { return __builtin_cosf(x); }
TAPEDECK_INLINE double cos(double x) { return __builtin_cos(x); }
TAPEDECK_INLINE float pow_scalar(float x, double a) { return __builtin_powf(x, float(a)); }
TAPEDECK_INLINE double pow_scalar(double x, double a) { return __builtin_pow(x, a); }

template <class T>
TAPEDECK_INLINE T reciprocal(T x) {
  return T(1) / x;
}
template <class T>
TAPEDECK_INLINE T rsqrt(T x) {
  return T(1) / sqrt(x);
}
template <class T>
TAPEDECK_INLINE T square(T x) {
  return x * x;
}
template <class T>
TAPEDECK_INLINE T step(T x) {
  return x > T(0) ? T(1) : T(0);
}
template <class T>
TAPEDECK_INLINE T sign(T x) {
  return x > T(0) ? T(1) : x < T(0) ? T(-1) : T(0);
}
template <class T>
TAPEDECK_INLINE T inside(T x, double low, double high) {
  return x >= T(low) && x <= T(high) ? T(1) : T(0);
}
template <class T>
TAPEDECK_INLINE T with_sign_of(T magnitude, T x) {
  return x < T(0) ? -magnitude : magnitude;
}

// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln(2)/2 (Taylor series of e^r); 2^n is applied in two halves so
// that results near both ends of the range stay exact. Adding `magic` rounds to an integer in the low mantissa bits.
TAPEDECK_INLINE float power_of_two(int32_t n) { return bits_as<float>((n + 127) << 23); }
TAPEDECK_INLINE float exp(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23
  const float shifted = x * 1.44269504f + magic;
  const float n = shifted - magic;
  const int32_t exponent = bits_as<int32_t>(shifted) - bits_as<int32_t>(magic);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  const int32_t half = exponent >> 1;
  return p * power_of_two(half) * power_of_two(exponent - half);
}
TAPEDECK_INLINE double power_of_two(int64_t n) { return bits_as<double>(uint64_t(n + 1023) << 52); }
TAPEDECK_INLINE double exp(double x) {
  x = x < -746.0 ? -746.0 : x;
  x = x > 710.0 ? 710.0 : x;
  const double magic = 6755399441055744.0;  // 1.5 * 2^52
  const double shifted = x * 1.4426950408889634074 + magic;
  const double n = shifted - magic;
  const int64_t exponent = bits_as<int64_t>(shifted) - bits_as<int64_t>(magic);
  const double r = (x - n * 6.93145751953125e-1) - n * 1.42860682030941723212e-6;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * (r * r) + r + 1.0;
  const int64_t half = (exponent + 2048) / 2 - 1024;  // division of a positive number: no arithmetic shift in AVX2
  return p * power_of_two(half) * power_of_two(exponent - half);
}

// log x = k ln 2 + log(1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1+f) = 2 atanh(f / (2+f)). Coefficients: FreeBSD
// msun e_logf.c and e_log.c.
TAPEDECK_INLINE float log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const uint32_t bits = bits_as<uint32_t>(tiny ? x * 8388608.0f : x) + (0x3f800000u - 0x3f3504f3u);
  const float k = float(int32_t(bits >> 23) - (tiny ? 127 + 23 : 127));
  const float f = bits_as<float>((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float s = f / (2.0f + f), z = s * s, half_square = 0.5f * f * f;
  const float r = z * (0.66666662693f + z * (0.40000972152f + z * (0.28498786688f + z * 0.24279078841f)));
  const float y = s * (half_square + r) + k * 9.0580006145e-06f - half_square + f + k * 6.9313812256e-01f;
  const float infinity = __builtin_inff();
  return x > 0 ? (x < infinity ? y : infinity) : x == 0 ? -infinity : __builtin_nanf("");
}
TAPEDECK_INLINE double log(double x) {
  const bool tiny = x < 2.2250738585072014e-308;
  const uint64_t bits = bits_as<uint64_t>(tiny ? x * 18014398509481984.0 : x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const double k = double(int32_t(bits >> 52) - (tiny ? 1023 + 54 : 1023));
  const double f = bits_as<double>((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu) - 1.0;
  const double s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
  double r = 1.479819860511658591e-01;
  r = r * z + 1.531383769920937332e-01;
  r = r * z + 1.818357216161805012e-01;
  r = r * z + 2.222219843214978396e-01;
  r = r * z + 2.857142874366239149e-01;
  r = r * z + 3.999999999940941908e-01;
  r = (r * z + 6.666666666666735130e-01) * z;
  const double y =
      k * 6.93147180369123816490e-01 - ((half_square - (s * (half_square + r) + k * 1.90821492927058770002e-10)) - f);
  const double infinity = __builtin_inf();
  return x > 0 ? (x < infinity ? y : infinity) : x == 0 ? -infinity : __builtin_nan("");
}

/// log(1 + e) for e in [0, 1], accurate for tiny e as well (Kahan's correction of the rounded sum).
template <class T>
TAPEDECK_INLINE T log1p_unit(T e) {
  const T u = T(1) + e, d = u - T(1);
  return d == T(0) ? e : log(u) * (e / d);
}

// tanh: an odd polynomial or rational near zero, 1 - 2 / (e^2x + 1) beyond. Coefficients: Cephes tanhf.c and tanh.c.
TAPEDECK_INLINE float tanh(float x) {
  const float z = x * x, magnitude = abs(x);
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float near = p * z * x + x;
  const float far = with_sign_of(1.0f - 2.0f / (exp(2.0f * magnitude) + 1.0f), x);
  return magnitude < 0.625f ? near : far;
}
TAPEDECK_INLINE double tanh(double x) {
  const double z = x * x, magnitude = abs(x);
  const double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
  const double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
  const double near = x + x * z * (p / q);
  const double far = with_sign_of(1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0), x);
  return magnitude < 0.625 ? near : far;
}

// erf: an odd polynomial below 0.9277, 1 - exp(polynomial) beyond (minimax fits, below 1 ulp). In double: libm.
TAPEDECK_INLINE float erf(float x) {
  const float magnitude = abs(x), t = magnitude > 4.0f ? 4.0f : magnitude, s = t * t;
  float near = -5.96761703e-4f;
  near = near * s + 4.99119423e-3f;
  near = near * s - 2.67681349e-2f;
  near = near * s + 1.12819925e-1f;
  near = near * s - 3.76125336e-1f;
  near = near * s + 1.28379166e-1f;
  near = near * x + x;
  float far = (-1.72853470e-5f * t + 3.83197126e-4f) * s + (-3.88396438e-3f * t + 2.42546219e-2f);
  far = far * t - 1.06777877e-1f;
  far = far * t - 6.34846687e-1f;
  far = far * t - 1.28717512e-1f;
  far = far * t - t;
  far = with_sign_of(1.0f - exp(far), x);
  return magnitude <= 0.927734375f ? near : magnitude > 0.0f ? far : x;
}
TAPEDECK_INLINE double erf(double x) { return __builtin_erf(x); }

template <class T>
TAPEDECK_INLINE T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
