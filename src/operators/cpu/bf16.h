/*
 * bf16.h: the loops over bf16 in which networks spend their time between the matrices, in vectors of AVX-512 with bf16,
 * which every processor has that the CPU's back end computes bf16 on (bf16_multiplied).
 *
 * Exponentials and divisions are as precise as bf16 can show (relative errors below 2e-4; bf16 rounds by up to 4e-3).
 */
#ifndef LUMEN_OPERATORS_CPU_BF16_H
#define LUMEN_OPERATORS_CPU_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor multiplies bf16 by itself; *tiles: also on the tile registers of AMX. */
bool bf16_multiplied(bool *tiles);

/* out = act(x * factor + shift) for `pixels` rows of `channels`; act is SiLU or nothing. */
void bf16_affine(const uint16_t *x, uint16_t *out, size_t pixels, size_t channels, const float *factor,
                 const float *shift, bool silu);

/* sum += x - first, square += (x - first)^2, for each channel of `pixels` rows. */
void bf16_gather(const uint16_t *x, size_t pixels, size_t channels, const float *first, float *sum, float *square);

/* out = value * gelu(gate). */
void bf16_geglu(const uint16_t *value, const uint16_t *gate, uint16_t *out, size_t count);

/* One row: out = (x - mean) / sqrt(variance + epsilon) * weight + bias, where mean is 0 unless `centered`. weight and
 * bias may be NULL. */
void bf16_normalize(const uint16_t *x, uint16_t *out, size_t count, const float *weight, const float *bias,
                    float epsilon, bool centered);

/* f16 to bf16, to the nearest; neither side needs to be aligned. */
void bf16_from_halves(uint16_t *to, const void *from, size_t count);

#endif
