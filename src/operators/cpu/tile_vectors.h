/*
 * tile_vectors.h: the tile registers of AMX, for the files that use them.
 *
 * A tile register holds 16 rows of 64 bytes. One instruction multiplies 16 x 32 bf16 with 32 x 16 and adds to 16 x 16
 * f32; its second factor lies in pairs: row r holds elements 2 r and 2 r + 1 of each of the 16 columns. See Intel 64
 * and IA-32 Architectures Software Developer's Manual, chapter 18.
 */
#ifndef LUMEN_OPERATORS_CPU_TILE_VECTORS_H
#define LUMEN_OPERATORS_CPU_TILE_VECTORS_H

#include "operators/cpu/bf16_vectors.h"

#define TILES        __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")))
#define TILES_INLINE static inline __attribute__((always_inline)) TILES

enum {
    TILE_ROWS = 16,
    TILE_BYTES = 1024,
    PAIRED = 32, /* bf16 in a row of a tile; also how many rows and columns are taken at a time */
    LANES = 16   /* f32 in a vector */
};

/* 16 rows become columns: a 16 x 16 matrix of 32 bits (pairs of bf16) is turned in four rounds, which exchange ever
 * larger squares across the diagonal. */
TILES_INLINE void tile_turn(__m512i rows[16])
{
    __m512i half[16];
    for (int i = 0; i < 16; i += 2) {
        half[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        half[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            rows[i + 2 * j] = _mm512_unpacklo_epi64(half[i + j], half[i + j + 2]);
            rows[i + 2 * j + 1] = _mm512_unpackhi_epi64(half[i + j], half[i + j + 2]);
        }
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++) {
            half[8 * j + i] = _mm512_shuffle_i32x4(rows[8 * j + i], rows[8 * j + i + 4], 0x88);
            half[8 * j + i + 4] = _mm512_shuffle_i32x4(rows[8 * j + i], rows[8 * j + i + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        rows[i] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(half[i], half[i + 8], 0xdd);
    }
}

/* Compilers are not told by every version of the tile intrinsics which memory they read: what was written must be there
 * before, and what they wrote be read after. */
static inline void tile_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

#endif
