/*
 * tiles.h: matrix products of bf16 on the tile registers of AMX.
 *
 * oneDNN reaches a third to a half of what a core's tile unit can do at the shapes of diffusion networks; the loops
 * here reach more, because weights lie in the order in which they are read, because sums leave the registers once, and
 * because everything that follows a product happens while its 32 x 32 results are in the nearest cache. GEGLU comes
 * out of the product itself, and upsampling is part of the padding that convolutions need anyway.
 *
 * Weights: strips of 16 outputs. A strip is a row of tiles of 32 inputs x 16 outputs in pairs (tile_vectors.h): for
 * each line of the kernel, for each 32 inputs, the positions across the line, because these read nearly the same
 * pixels, which are still in the nearest cache then. Layers whose inputs or outputs are no multiples of 32 go to
 * oneDNN.
 */
#ifndef LUMEN_OPERATORS_CPU_TILES_H
#define LUMEN_OPERATORS_CPU_TILES_H

#include "operators/cpu/cpu.h"

/* Whether processor and system have AMX for bf16; asks the system for its use. */
bool tiles_usable(void);

/* Whether a layer's products run here. */
bool tiles_fit(const operators *run, size_t in, size_t out);

/* Weights (out, in, lines, across) of any type, as tensors one after another whose outputs are `out` together, as
 * tiles; NULL when memory runs out. The caller frees them with operators_free. */
char *tiles_pack(operators *run, const tensor *weights, size_t in, size_t out, size_t lines, size_t across);

/* The first factor lies in blocks of 32 elements: all rows' first 64 bytes, then all rows' second, and so on. A tile is
 * then read from one piece of memory; read from rows a power of two apart it would meet its own lines in the cache. */
typedef struct tile_rows {
    const char *first; /* of 16 rows, which must be readable */
    size_t valid;      /* of them count */
    size_t result;     /* the first one's row in the result */
} tile_rows;

typedef struct tile_product {
    const char *weights;
    size_t steps;         /* tiles of 32 inputs */
    size_t lines, across; /* of the kernel; 1 and 1 for a linear layer */
    size_t line_bytes;    /* from a row's first element to that of the kernel's next line */
    size_t across_bytes;  /* and of its next position in the line */
    size_t stride;        /* bytes from row to row of a block: 64, or more when rows are left out */
    size_t step_bytes;    /* bytes from a block to the next one */
    size_t second;        /* strips between the two that are multiplied at a time */
    size_t panels;        /* pairs of strips */
    bool gated;           /* GEGLU: values in the first strip, gates in the second */
    const float *bias;
    activation activation;
    const uint16_t *add; /* NULL: none */
    uint16_t *out;
    size_t channels; /* of a row of the result */
    bool streamed;   /* past the cache; only for results aligned to 64 bytes */
} tile_product;

/* `count` (at most 16) rows of `bytes`, `stride` bytes apart, to the blocks of one tile, which lie one after another;
 * zeros for the rows that are missing. */
void tiles_block_rows(const char *from, size_t stride, size_t count, size_t bytes, char *to);

/* One row's elements to row `row` of blocks of `rows` rows; zeros where `from` is NULL. */
void tiles_block_row(const char *from, size_t bytes, char *to, size_t rows, size_t row);

/* The same of silu(x * factor + shift), or without silu, for each channel; the order of roundings is that of
 * bf16_affine. */
void tiles_block_row_scaled(const char *from, size_t bytes, char *to, size_t rows, size_t row,
                            const channel_scale *scale, bool silu);

/* Panels [from, to) for all rows; `sums` is memory of the calling thread's own. Between tiles_begin and tiles_end. */
enum { TILE_SUMS = 2 * 48 * 32 }; /* f32 */
void tiles_multiply(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to, float *sums);

/* For plain linear layers with so many inputs that neither the rows nor a panel's weights stay in the cache: tiles of
 * inputs [step, step + steps) of the weights, of which `rows` hold nothing else. Slices come in their order, each with
 * the same `sums` of all panels and rows, 2 KiB for each panel and tile of rows; the last one gives results. */
void tiles_multiply_slice(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to,
                          size_t step, size_t steps, float *sums);
void tiles_begin(void);
void tiles_end(void);

/* Layers with tiles; `add_channels` and so on as in operators.h. */
void tiles_linear(operators *run, const cpu_linear *layer, const tensor *x, const epilogue *how, tensor *out);
void tiles_geglu(operators *run, const cpu_linear *layer, const tensor *x, tensor *out);

/* What happens to a picture's pixels as they are brought into blocks. */
typedef struct tile_input {
    size_t factor;           /* each pixel stands this often in a row, and each row */
    const norm_before *norm; /* with no activation or SiLU; NULL: none */
} tile_input;

void tiles_convolution(operators *run, const cpu_convolution *layer, const tensor *x, const tile_input *before,
                       const epilogue *how, tensor *out);

/* Operands of bf16. */
void tiles_attention(operators *run, const attention_call *call, tensor *out);

#endif
