/*
 * rows.h: what loops over rows of bf16 or f32 are made of.
 *
 * A loop is written once, as an inline function with the element's type as an argument, and instantiated for both types
 * by functions marked ROWS_DISPATCH, which are compiled for several instruction sets. The functions here have neither
 * branches nor calls, so that the compiler turns such loops into vector code.
 */
#ifndef LUMEN_OPERATORS_CPU_ROWS_H
#define LUMEN_OPERATORS_CPU_ROWS_H

#include <stdint.h>
#include <string.h>

#include "base/dispatch.h"
#include "operators/internal.h"

#ifdef LUMEN_DISPATCH_POSSIBLE
#define ROWS_DISPATCH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ROWS_DISPATCH
#endif

#define ROWS_INLINE static inline __attribute__((always_inline))

ROWS_INLINE uint32_t row_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

ROWS_INLINE float row_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Element i of a row, as f32. */
ROWS_INLINE float row_load(tensor_type type, const void *row, size_t i)
{
    return type == TENSOR_BF16 ? row_float((uint32_t)((const uint16_t *)row)[i] << 16) : ((const float *)row)[i];
}

/* To the nearest bf16, ties to even; not-a-number stays one. */
ROWS_INLINE void row_store(tensor_type type, void *row, size_t i, float value)
{
    if (type == TENSOR_BF16) {
        uint32_t bits = row_bits(value);
        uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
        bits = value == value ? rounded : bits | 0x400000u;
        ((uint16_t *)row)[i] = (uint16_t)(bits >> 16);
    } else {
        ((float *)row)[i] = value;
    }
}

/* e^x within 2 ulp for x in [-87, 88]; beyond, the value at that border. x = n ln 2 + r; e^r is a Taylor polynomial of
 * degree 7 on |r| <= ln(2) / 2, and 2^n goes into the exponent. */
ROWS_INLINE float row_exp(float x)
{
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the low bits */
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float power = 1.98412698e-4f;
    power = power * r + 1.38888889e-3f;
    power = power * r + 8.33333333e-3f;
    power = power * r + 4.16666667e-2f;
    power = power * r + 1.66666667e-1f;
    power = power * r + 0.5f;
    power = power * r + 1.0f;
    power = power * r + 1.0f;
    return power * row_float((row_bits(shifted) - row_bits(round) + 127u) << 23);
}

/* Within 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
ROWS_INLINE float row_erf(float x)
{
    float size = x < 0.0f ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * size);
    float sum = 1.061405429f;
    sum = sum * t - 1.453152027f;
    sum = sum * t + 1.421413741f;
    sum = sum * t - 0.284496736f;
    sum = sum * t + 0.254829592f;
    float value = 1.0f - sum * t * row_exp(-size * size);
    return x < 0.0f ? -value : value;
}

ROWS_INLINE float row_activation(activation which, float x)
{
    switch (which) {
    case ACTIVATION_NONE: break;
    case ACTIVATION_SILU: return x / (1.0f + row_exp(-x));
    case ACTIVATION_GELU: return 0.5f * x * (1.0f + row_erf(x * 0.70710678f));
    case ACTIVATION_QUICK_GELU: return x / (1.0f + row_exp(-1.702f * x));
    case ACTIVATION_RELU: return x > 0.0f ? x : 0.0f;
    case ACTIVATION_SIGMOID: return 1.0f / (1.0f + row_exp(-x));
    }
    return x;
}

/* Sums in 16 lanes, which the compiler keeps in vector registers. */
enum { ROW_LANES = 16 };

ROWS_INLINE float row_lanes_sum(const float lanes[ROW_LANES])
{
    float sum = 0.0f;
    for (size_t lane = 0; lane < ROW_LANES; lane++)
        sum += lanes[lane];
    return sum;
}

#endif
