/*
 * bf16_vectors.h: functions of vectors of 16 f32 for the files that are written in AVX-512 by hand.
 */
#ifndef LUMEN_OPERATORS_CPU_BF16_VECTORS_H
#define LUMEN_OPERATORS_CPU_BF16_VECTORS_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "operators/operators.h"

#define VECTORS        __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define VECTORS_INLINE static inline __attribute__((always_inline)) VECTORS

/* 2^x within 5e-5 of it for x in [-126, 127]; below, 2^-126. The nearest integer goes into the exponent, the rest
 * through a Taylor polynomial. */
VECTORS_INLINE __m512 vector_power_of_two(__m512 x)
{
    const __m512 round = _mm512_set1_ps(0x1.8p23f); /* adding it leaves the nearest integer in the low bits */
    x = _mm512_max_ps(x, _mm512_set1_ps(-126.0f));
    __m512 shifted = _mm512_add_ps(x, round);
    __m512 r = _mm512_sub_ps(x, _mm512_sub_ps(shifted, round));
    __m512 power = _mm512_fmadd_ps(_mm512_set1_ps(9.6181291e-3f), r, _mm512_set1_ps(5.5504109e-2f));
    power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(2.4022651e-1f));
    power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(6.9314718e-1f));
    power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(1.0f));
    __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(power), exponent));
}

/* The first `count` (at most 16) of a mask's elements. */
VECTORS_INLINE __mmask16 vector_mask(size_t count)
{
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << count) - 1u);
}

/* 16 bf16 as f32; those outside of the mask are not read and count as 0. */
VECTORS_INLINE __m512 vector_load(const uint16_t *from, __mmask16 mask)
{
    __m256i half = _mm256_maskz_loadu_epi16(mask, from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

VECTORS_INLINE void vector_store(uint16_t *to, __mmask16 mask, __m512 values)
{
    __m256bh half = _mm512_cvtneps_pbh(values);
    __m256i bits;
    memcpy(&bits, &half, sizeof bits);
    _mm256_mask_storeu_epi16(to, mask, bits);
}

/* x / (1 + e^-x). Below -87 that is nothing in bf16; the order of max's operands lets not-a-number through. */
VECTORS_INLINE __m512 vector_silu(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-87.0f), x);
    __m512 power = vector_power_of_two(_mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f)));
    return _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(power, _mm512_set1_ps(1.0f))));
}

/* x times the normal distribution at x. Abramowitz and Stegun 7.1.26 gives erfc(|x| / sqrt(2)) as a product with an
 * exponential, so that the relative errors of the latter and of the reciprocal stay relative in the tail. Beyond 2^-100
 * (|x| > 11.8) the exponential stays what it is: smaller ones times the rest would be denormal numbers, with which the
 * processor takes a hundred times as long. */
VECTORS_INLINE __m512 vector_gelu(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 size = _mm512_abs_ps(x);
    __m512 t = _mm512_rcp14_ps(_mm512_fmadd_ps(size, _mm512_set1_ps(0.3275911f * 0.70710678f), one));
    __m512 sum = _mm512_set1_ps(0.5f * 1.061405429f);
    sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.5f * -1.453152027f));
    sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.5f * 1.421413741f));
    sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.5f * -0.284496736f));
    sum = _mm512_fmadd_ps(sum, t, _mm512_set1_ps(0.5f * 0.254829592f));
    __m512 exponent = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.5f * 1.44269504f));
    __m512 power = vector_power_of_two(_mm512_max_ps(exponent, _mm512_set1_ps(-100.0f)));
    __m512 tail = _mm512_mul_ps(_mm512_mul_ps(sum, t), power);
    __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ);
    return _mm512_mul_ps(x, _mm512_mask_sub_ps(tail, positive, one, tail));
}

VECTORS_INLINE __m512 vector_sigmoid(__m512 x)
{
    x = _mm512_max_ps(_mm512_set1_ps(-87.0f), x);
    __m512 power = vector_power_of_two(_mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f)));
    return _mm512_rcp14_ps(_mm512_add_ps(power, _mm512_set1_ps(1.0f)));
}

VECTORS_INLINE __m512 vector_activation(activation which, __m512 x)
{
    switch (which) {
    case ACTIVATION_NONE: break;
    case ACTIVATION_SILU: return vector_silu(x);
    case ACTIVATION_GELU: return vector_gelu(x);
    case ACTIVATION_QUICK_GELU: return _mm512_mul_ps(x, vector_sigmoid(_mm512_mul_ps(x, _mm512_set1_ps(1.702f))));
    case ACTIVATION_RELU: return _mm512_max_ps(_mm512_setzero_ps(), x);
    case ACTIVATION_SIGMOID: return vector_sigmoid(x);
    }
    return x;
}

#endif
