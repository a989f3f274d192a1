/* Loops over bf16, written in AVX-512. The last, incomplete vector of a row is read and written under a mask. */

#include "operators/cpu/bf16.h"

#if defined(__x86_64__)

#include "operators/cpu/bf16_vectors.h"

bool bf16_multiplied(bool *tiles)
{
    unsigned eax, ebx, ecx, edx;
    *tiles = false;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return false;
    /* Leaf 7: subleaf 0 names AMX (EDX bits 22 and 24), subleaf 1 AVX-512 bf16 (EAX bit 5). */
    __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(7), "c"(0));
    *tiles = (edx >> 22 & 1u) != 0 && (edx >> 24 & 1u) != 0;
    __asm__ volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(7), "c"(1));
    return (eax >> 5 & 1u) != 0;
}

/* ---- Group norm ------------------------------------------------------------------------------------------------ */

VECTORS
static void affine(const uint16_t *x, uint16_t *out, size_t pixels, size_t channels, const float *factor,
                   const float *shift)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, x += channels, out += channels)
        for (size_t c = 0; c < channels; c += 16) {
            __mmask16 mask = vector_mask(channels - c);
            __m512 value = _mm512_fmadd_ps(vector_load(x + c, mask), _mm512_maskz_loadu_ps(mask, factor + c),
                                           _mm512_maskz_loadu_ps(mask, shift + c));
            vector_store(out + c, mask, value);
        }
}

VECTORS
static void affine_silu(const uint16_t *x, uint16_t *out, size_t pixels, size_t channels, const float *factor,
                        const float *shift)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, x += channels, out += channels)
        for (size_t c = 0; c < channels; c += 16) {
            __mmask16 mask = vector_mask(channels - c);
            __m512 value = _mm512_fmadd_ps(vector_load(x + c, mask), _mm512_maskz_loadu_ps(mask, factor + c),
                                           _mm512_maskz_loadu_ps(mask, shift + c));
            vector_store(out + c, mask, vector_silu(value));
        }
}

void bf16_affine(const uint16_t *x, uint16_t *out, size_t pixels, size_t channels, const float *factor,
                 const float *shift, bool silu)
{
    (silu ? affine_silu : affine)(x, out, pixels, channels, factor, shift);
}

VECTORS
void bf16_gather(const uint16_t *x, size_t pixels, size_t channels, const float *first, float *sum, float *square)
{
    /* Channels outside, so that their sums stay in registers. */
    for (size_t c = 0; c < channels; c += 32) {
        __mmask16 low = vector_mask(channels - c), high = vector_mask(channels - c > 16 ? channels - c - 16 : 0);
        size_t next = high != 0 ? c + 16 : c;
        __m512 first_low = _mm512_maskz_loadu_ps(low, first + c),
               first_high = _mm512_maskz_loadu_ps(high, first + next);
        __m512 sum_low = _mm512_maskz_loadu_ps(low, sum + c), sum_high = _mm512_maskz_loadu_ps(high, sum + next);
        __m512 square_low = _mm512_maskz_loadu_ps(low, square + c);
        __m512 square_high = _mm512_maskz_loadu_ps(high, square + next);
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            __m512 apart_low = _mm512_sub_ps(vector_load(x + pixel * channels + c, low), first_low);
            __m512 apart_high = _mm512_sub_ps(vector_load(x + pixel * channels + next, high), first_high);
            sum_low = _mm512_add_ps(sum_low, apart_low);
            sum_high = _mm512_add_ps(sum_high, apart_high);
            square_low = _mm512_fmadd_ps(apart_low, apart_low, square_low);
            square_high = _mm512_fmadd_ps(apart_high, apart_high, square_high);
        }
        _mm512_mask_storeu_ps(sum + c, low, sum_low);
        _mm512_mask_storeu_ps(sum + next, high, sum_high);
        _mm512_mask_storeu_ps(square + c, low, square_low);
        _mm512_mask_storeu_ps(square + next, high, square_high);
    }
}

/* ---- GEGLU --------------------------------------------------------------------------------------------- */

VECTORS
void bf16_geglu(const uint16_t *value, const uint16_t *gate, uint16_t *out, size_t count)
{
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = vector_mask(count - i);
        __m512 gated = _mm512_mul_ps(vector_load(value + i, mask), vector_gelu(vector_load(gate + i, mask)));
        vector_store(out + i, mask, gated);
    }
}

/* ---- Layer norm ---------------------------------------------------------------------------------------- */

VECTORS_INLINE float sum_of(const uint16_t *x, size_t count)
{
    __m512 low = _mm512_setzero_ps(), high = low;
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        low = _mm512_add_ps(low, vector_load(x + i, 0xffffu));
        high = _mm512_add_ps(high, vector_load(x + i + 16, 0xffffu));
    }
    for (; i < count; i += 16)
        low = _mm512_add_ps(low, vector_load(x + i, vector_mask(count - i)));
    return _mm512_reduce_add_ps(_mm512_add_ps(low, high));
}

VECTORS_INLINE float squares_of(const uint16_t *x, size_t count, float mean)
{
    const __m512 middle = _mm512_set1_ps(mean);
    __m512 low = _mm512_setzero_ps(), high = low;
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m512 apart = _mm512_sub_ps(vector_load(x + i, 0xffffu), middle);
        __m512 apart_too = _mm512_sub_ps(vector_load(x + i + 16, 0xffffu), middle);
        low = _mm512_fmadd_ps(apart, apart, low);
        high = _mm512_fmadd_ps(apart_too, apart_too, high);
    }
    for (; i < count; i += 16) {
        __mmask16 mask = vector_mask(count - i);
        __m512 apart = _mm512_maskz_sub_ps(mask, vector_load(x + i, mask), middle);
        low = _mm512_fmadd_ps(apart, apart, low);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(low, high));
}

VECTORS
void bf16_normalize(const uint16_t *x, uint16_t *out, size_t count, const float *weight, const float *bias,
                    float epsilon, bool centered)
{
    float mean = centered ? sum_of(x, count) / (float)count : 0.0f;
    float factor = 1.0f / __builtin_sqrtf(squares_of(x, count, mean) / (float)count + epsilon);
    const __m512 by = _mm512_set1_ps(factor), from = _mm512_set1_ps(-mean * factor), one = _mm512_set1_ps(1.0f);
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = vector_mask(count - i);
        __m512 value = _mm512_fmadd_ps(vector_load(x + i, mask), by, from);
        __m512 scale = weight != NULL ? _mm512_maskz_loadu_ps(mask, weight + i) : one;
        __m512 shift = bias != NULL ? _mm512_maskz_loadu_ps(mask, bias + i) : _mm512_setzero_ps();
        vector_store(out + i, mask, _mm512_fmadd_ps(value, scale, shift));
    }
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

VECTORS
void bf16_from_halves(uint16_t *to, const void *from, size_t count)
{
    const unsigned char *halves = from;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = vector_mask(count - i);
        vector_store(to + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, halves + 2 * i)));
    }
}

#else

/* On other processors the CPU's back end computes in f32 alone: nothing here is called. */

bool bf16_multiplied(bool *tiles)
{
    *tiles = false;
    return false;
}

void bf16_affine(const uint16_t *x, uint16_t *out, size_t pixels, size_t channels, const float *factor,
                 const float *shift, bool silu)
{
    (void)x, (void)out, (void)pixels, (void)channels, (void)factor, (void)shift, (void)silu;
}

void bf16_gather(const uint16_t *x, size_t pixels, size_t channels, const float *first, float *sum, float *square)
{
    (void)x, (void)pixels, (void)channels, (void)first, (void)sum, (void)square;
}

void bf16_geglu(const uint16_t *value, const uint16_t *gate, uint16_t *out, size_t count)
{
    (void)value, (void)gate, (void)out, (void)count;
}

void bf16_normalize(const uint16_t *x, uint16_t *out, size_t count, const float *weight, const float *bias,
                    float epsilon, bool centered)
{
    (void)x, (void)out, (void)count, (void)weight, (void)bias, (void)epsilon, (void)centered;
}

void bf16_from_halves(uint16_t *to, const void *from, size_t count)
{
    (void)to, (void)from, (void)count;
}

#endif
