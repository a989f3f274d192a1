/*
 * Attention in bf16 on the tile registers of AMX.
 *
 * Keys and values are packed into tiles first (once for each head), with zeros up to whole tiles. Then each thread
 * takes a block of queries at a time, and for it one block of keys after another: scores (f32, in its scratch memory),
 * exponentials of them as bf16, relative to the largest score so far, those times the values added to what the blocks
 * before gave, and in the end the division by the sum of all. So keys and values are read once for many queries, and
 * what lies between stays in the second-level cache, however many keys there are. Milakov and Gimelshein, "Online
 * normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022.
 */

#include "operators/cpu/tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include <math.h>

#include "operators/cpu/tile_vectors.h"

typedef struct tiles {
    const attention_call *call;
    tensor *out;
    size_t size, keys;   /* of a head and of all keys, both up to whole tiles */
    size_t packed_bytes; /* of the keys, and of the values, of one head */
    char *packed_keys, *packed_values;
    char *scratch;
    size_t scratch_each;
    size_t key_block; /* keys that are taken together */
    size_t blocks;    /* of queries, in a head */
} tiles;

/* Queries of a block, in groups of 32; elements of a block of keys, which is 512 keys of 128. */
enum { GROUPS = 4, QUERIES = GROUPS * PAIRED, KEY_BLOCK_ELEMENTS = 1 << 16, KEY_BLOCK_MAX = 512 };

/* Sums of a group over 32 columns of the head. */
enum { SUMS = PAIRED * PAIRED };

static size_t whole(size_t count)
{
    return (count + PAIRED - 1) / PAIRED * PAIRED;
}

/* Rows of scratch memory lie a cache line further apart than they are long: at multiples of 4 KiB they would all fall
 * into the same set of the cache. */
static size_t score_stride(const tiles *all)
{
    return all->key_block + LANES;
}

static size_t probability_stride(const tiles *all)
{
    return all->key_block + PAIRED;
}

static size_t query_stride(const tiles *all)
{
    return all->size + PAIRED;
}

/* ---- Packing ------------------------------------------------------------------------------------------------- */

static const char *row_of(const tensor *x, size_t row, size_t column)
{
    return (const char *)x->data + (row * tensor_stride(x) + column) * sizeof(uint16_t);
}

/* Up to 32 elements of a row; what is missing counts as zero. */
TILES_INLINE __m512i load_pairs(const char *row, size_t count)
{
    __mmask32 mask = count >= PAIRED ? 0xffffffffu : (1u << count) - 1u;
    return _mm512_maskz_loadu_epi16(mask, row);
}

/* Keys of block `block` (16 keys) of a head: one tile for each 32 elements. */
TILES
static void pack_keys(const tiles *all, size_t n, size_t head, size_t block, char *to)
{
    const attention_call *call = all->call;
    size_t keys = call->k->sizes[1], column = head * call->head_size;
    for (size_t from = 0; from < all->size; from += PAIRED, to += TILE_BYTES) {
        __m512i rows[TILE_ROWS];
        size_t left = from < call->head_size ? call->head_size - from : 0;
        for (size_t i = 0; i < TILE_ROWS; i++) {
            size_t key = block * TILE_ROWS + i;
            rows[i] = key < keys && left > 0 ? load_pairs(row_of(call->k, n * keys + key, column + from), left)
                                             : _mm512_setzero_si512();
        }
        tile_turn(rows);
        for (size_t i = 0; i < TILE_ROWS; i++)
            _mm512_storeu_si512(to + i * 64, rows[i]);
    }
}

/* Values of 32 keys of a head: one tile for each 16 elements, in which two keys alternate. */
TILES
static void pack_values(const tiles *all, size_t n, size_t head, size_t block, char *to)
{
    const attention_call *call = all->call;
    size_t keys = call->v->sizes[1], column = head * call->head_size;
    for (size_t from = 0; from < all->size; from += TILE_ROWS)
        for (size_t i = 0; i < TILE_ROWS; i++, to += 64) {
            __m512i pair[2];
            size_t left = from < call->head_size ? call->head_size - from : 0;
            left = left < TILE_ROWS ? left : TILE_ROWS;
            for (size_t j = 0; j < 2; j++) {
                size_t key = block * PAIRED + 2 * i + j;
                pair[j] = key < keys && left > 0 ? load_pairs(row_of(call->v, n * keys + key, column + from), left)
                                                 : _mm512_setzero_si512();
            }
            __m512i first = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(pair[0]));
            __m512i second = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(pair[1])), 16);
            _mm512_storeu_si512(to, _mm512_or_si512(first, second));
        }
}

/* Work is counted in blocks of 32 keys of a head. */
static void pack_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const tiles *all = argument;
    size_t blocks = all->keys / PAIRED, block_bytes = PAIRED * all->size * sizeof(uint16_t);
    for (size_t index = from; index < to; index++) {
        size_t block = index % blocks, head = index / blocks % all->call->heads, n = index / blocks / all->call->heads;
        size_t at = (n * all->call->heads + head) * all->packed_bytes + block * block_bytes;
        pack_keys(all, n, head, 2 * block, all->packed_keys + at);
        pack_keys(all, n, head, 2 * block + 1, all->packed_keys + at + block_bytes / 2);
        pack_values(all, n, head, block, all->packed_values + at);
    }
}

/* ---- Products -------------------------------------------------------------------------------------------------- */

/* 32 x 32 sums over `steps` tiles: rows `stride` bytes apart and a tile further each step; two columns of tiles, each
 * `column_step` bytes further each step. The sums go to `to`, `to_stride` bytes apart, in place of what is there or
 * added to it. */
TILES_INLINE void multiply(const char *rows, size_t stride, const char *columns, size_t second_column,
                           size_t column_step, size_t steps, float *to, size_t to_stride, bool add)
{
    char *first = (char *)to, *second = first + TILE_ROWS * to_stride;
    tile_barrier();
    if (add) {
        _tile_loadd(0, first, to_stride);
        _tile_loadd(1, first + 64, to_stride);
        _tile_loadd(2, second, to_stride);
        _tile_loadd(3, second + 64, to_stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t step = 0; step < steps; step++) {
        _tile_loadd(4, rows + step * 64, stride);
        _tile_loadd(6, columns + step * column_step, 64);
        _tile_loadd(5, rows + TILE_ROWS * stride + step * 64, stride);
        _tile_loadd(7, columns + second_column + step * column_step, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, first, to_stride);
    _tile_stored(1, first + 64, to_stride);
    _tile_stored(2, second, to_stride);
    _tile_stored(3, second + 64, to_stride);
    tile_barrier();
}

/* ---- Softmax --------------------------------------------------------------------------------------------------- */

/* One query over the blocks so far. */
typedef struct softmax {
    float largest; /* score, times log2(e) */
    float sum;     /* of exponentials relative to it */
} softmax;

/* One query: scores over `keys` (whole tiles) of a block, of which `seen` count. Writes exponentials relative to the
 * largest so far, and returns the factor by which those of the blocks before shrink. */
TILES
static float exponentials(float *scores, const float *mask, float scale, size_t seen, size_t keys, softmax *so_far,
                          uint16_t *to)
{
    if (mask != NULL || scale < 0.0f) {
        for (size_t i = 0; i < seen; i++)
            scores[i] = scores[i] * scale + (mask != NULL ? mask[i] : 0.0f);
        scale = 1.0f;
    }
    for (size_t i = seen; i < keys; i++)
        scores[i] = -INFINITY;
    __m512 most = _mm512_loadu_ps(scores), most_too = most;
    for (size_t i = 0; i < keys; i += 2 * LANES) {
        most = _mm512_max_ps(most, _mm512_loadu_ps(scores + i));
        most_too = _mm512_max_ps(most_too, _mm512_loadu_ps(scores + i + LANES));
    }
    float largest = _mm512_reduce_max_ps(_mm512_max_ps(most, most_too));
    if (!(largest > -INFINITY)) {
        memset(to, 0, keys * sizeof *to);
        return 1.0f;
    }
    const float log2_e = 1.44269504f, before = so_far->largest;
    largest *= scale * log2_e;
    largest = largest > before ? largest : before;
    const __m512 factor = _mm512_set1_ps(scale * log2_e), base = _mm512_set1_ps(-largest);
    __m512 sum = _mm512_setzero_ps(), sum_too = sum;
    for (size_t i = 0; i < keys; i += 2 * LANES) {
        __m512 low = vector_power_of_two(_mm512_fmadd_ps(_mm512_loadu_ps(scores + i), factor, base));
        __m512 high = vector_power_of_two(_mm512_fmadd_ps(_mm512_loadu_ps(scores + i + LANES), factor, base));
        sum = _mm512_add_ps(sum, low);
        sum_too = _mm512_add_ps(sum_too, high);
        __m512bh both = _mm512_cvtne2ps_pbh(high, low);
        memcpy(to + i, &both, sizeof both);
    }
    float shrink = largest > before ? exp2f(before - largest) : 1.0f;
    so_far->largest = largest;
    so_far->sum = so_far->sum * shrink + _mm512_reduce_add_ps(_mm512_add_ps(sum, sum_too));
    return shrink;
}

/* ---- A block of queries ------------------------------------------------------------------------------------------ */

/* A block under way, in a thread's scratch memory. */
typedef struct attended {
    size_t n, head, first, rows; /* the first query's number, and how many there are */
    size_t groups, columns;      /* groups of 32 queries; of 32 columns of the head */
    float *scores;
    uint16_t *probabilities, *queries;
    float *sums; /* (groups, columns, 32, 32) */
    softmax *softmaxes;
} attended;

TILES_INLINE void scale_row(float *row, size_t columns, float factor)
{
    const __m512 by = _mm512_set1_ps(factor);
    for (size_t column = 0; column < columns; column++, row += SUMS) {
        _mm512_storeu_ps(row, _mm512_mul_ps(_mm512_loadu_ps(row), by));
        _mm512_storeu_ps(row + LANES, _mm512_mul_ps(_mm512_loadu_ps(row + LANES), by));
    }
}

/* Scores of a block of keys become probabilities, and what the blocks before gave shrinks accordingly. */
TILES_INLINE void weigh_keys(const tiles *all, const attended *block, size_t key, size_t count)
{
    const attention_call *call = all->call;
    size_t keys = call->k->sizes[1];
    for (size_t row = 0; row < block->rows; row++) {
        size_t token = block->first + row, seen = call->causal && token < keys ? token + 1 : keys;
        seen = seen > key ? seen - key : 0;
        const float *mask = call->mask != NULL ? call->mask + token * keys + key : NULL;
        float shrink =
            exponentials(block->scores + row * score_stride(all), mask, call->scale, seen < count ? seen : count, count,
                         &block->softmaxes[row], block->probabilities + row * probability_stride(all));
        if (key > 0 && shrink < 1.0f)
            scale_row(block->sums + row / PAIRED * block->columns * SUMS + row % PAIRED * PAIRED, block->columns,
                      shrink);
    }
}

/* Keys [key, key + count). */
TILES_INLINE void attend_keys(const tiles *all, const attended *block, size_t key, size_t count)
{
    size_t at = (block->n * all->call->heads + block->head) * all->packed_bytes;
    size_t column_bytes = all->size / PAIRED * TILE_BYTES;   /* of 16 keys */
    size_t block_bytes = all->size / TILE_ROWS * TILE_BYTES; /* of 32 keys */
    const char *keys = all->packed_keys + at + key / TILE_ROWS * column_bytes;
    const char *values = all->packed_values + at + key / PAIRED * block_bytes;
    size_t query_bytes = query_stride(all) * sizeof *block->queries;
    size_t score_bytes = score_stride(all) * sizeof *block->scores;
    size_t probability_bytes = probability_stride(all) * sizeof *block->probabilities;
    for (size_t i = 0; i < count; i += PAIRED)
        for (size_t group = 0; group < block->groups; group++)
            multiply((const char *)block->queries + group * PAIRED * query_bytes, query_bytes,
                     keys + i / TILE_ROWS * column_bytes, column_bytes, TILE_BYTES, all->size / PAIRED,
                     block->scores + group * PAIRED * score_stride(all) + i, score_bytes, false);
    weigh_keys(all, block, key, count);
    for (size_t column = 0; column < block->columns; column++)
        for (size_t group = 0; group < block->groups; group++)
            multiply((const char *)block->probabilities + group * PAIRED * probability_bytes, probability_bytes,
                     values + 2 * column * TILE_BYTES, TILE_BYTES, block_bytes, count / PAIRED,
                     block->sums + (group * block->columns + column) * SUMS, PAIRED * sizeof *block->sums, key > 0);
}

/* One row of the result over 32 columns, of which the head has `count`. */
TILES_INLINE void store_columns(const float *sums, float factor, size_t count, char *to)
{
    __mmask32 mask = count >= PAIRED ? 0xffffffffu : (1u << count) - 1u;
    __m512 by = _mm512_set1_ps(factor);
    __m512 low = _mm512_mul_ps(_mm512_loadu_ps(sums), by), high = _mm512_mul_ps(_mm512_loadu_ps(sums + LANES), by);
    __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &both, sizeof bits);
    _mm512_mask_storeu_epi16(to, mask, bits);
}

TILES_INLINE void store_block(const tiles *all, const attended *block)
{
    const attention_call *call = all->call;
    size_t tokens = call->q->sizes[1], channels = call->q->sizes[2], size = call->head_size;
    for (size_t row = 0; row < block->rows; row++) {
        size_t at = (block->n * tokens + block->first + row) * channels + block->head * size;
        const float *sums = block->sums + row / PAIRED * block->columns * SUMS + row % PAIRED * PAIRED;
        /* A query that sees nothing has no largest score, and gets nothing. */
        float factor = block->softmaxes[row].sum > 0.0f ? 1.0f / block->softmaxes[row].sum : 0.0f;
        for (size_t column = 0; column < block->columns; column++)
            store_columns(sums + column * SUMS, factor, size - column * PAIRED,
                          (char *)all->out->data + (at + column * PAIRED) * sizeof(uint16_t));
    }
}

TILES
static void attend_block(const tiles *all, size_t index, char *scratch)
{
    const attention_call *call = all->call;
    size_t tokens = call->q->sizes[1];
    attended block = {.n = index / all->blocks / call->heads,
                      .head = index / all->blocks % call->heads,
                      .first = index % all->blocks * QUERIES,
                      .columns = all->size / PAIRED,
                      .scores = (float *)(void *)scratch};
    block.rows = tokens - block.first < QUERIES ? tokens - block.first : QUERIES;
    block.groups = (block.rows + PAIRED - 1) / PAIRED;
    block.probabilities = (uint16_t *)(block.scores + QUERIES * score_stride(all));
    block.queries = block.probabilities + QUERIES * probability_stride(all);
    block.sums = (float *)(void *)(block.queries + QUERIES * query_stride(all));
    block.softmaxes = (softmax *)(void *)(block.sums + QUERIES * all->size);

    memset(block.queries, 0, QUERIES * query_stride(all) * sizeof *block.queries);
    for (size_t row = 0; row < block.rows; row++) {
        memcpy(block.queries + row * query_stride(all),
               row_of(call->q, block.n * tokens + block.first + row, block.head * call->head_size),
               call->head_size * sizeof *block.queries);
        block.softmaxes[row] = (softmax){.largest = -INFINITY};
    }
    for (size_t key = 0; key < all->keys; key += all->key_block)
        attend_keys(all, &block, key, all->keys - key < all->key_block ? all->keys - key : all->key_block);
    store_block(all, &block);
}

TILES
static void attend_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const tiles *all = argument;
    char *scratch = all->scratch + thread * all->scratch_each;
    tiles_begin();
    /* Rows without a query must be numbers too. */
    memset(scratch, 0, all->scratch_each);
    for (size_t index = from; index < to; index++)
        attend_block(all, index, scratch);
    tiles_end();
}

void tiles_attention(operators *run, const attention_call *call, tensor *out)
{
    size_t mark = operators_mark(run), heads = out->sizes[0] * call->heads;
    tiles all = {.call = call,
                 .out = out,
                 .size = whole(call->head_size),
                 .keys = whole(call->k->sizes[1]),
                 .blocks = (call->q->sizes[1] + QUERIES - 1) / QUERIES};
    all.key_block = KEY_BLOCK_ELEMENTS / all.size / PAIRED * PAIRED;
    all.key_block = all.key_block < PAIRED ? PAIRED : all.key_block > KEY_BLOCK_MAX ? KEY_BLOCK_MAX : all.key_block;
    all.key_block = all.key_block < all.keys ? all.key_block : all.keys;
    all.packed_bytes = all.size * all.keys * sizeof(uint16_t);
    all.scratch_each = QUERIES * (score_stride(&all) * sizeof(float) + probability_stride(&all) * sizeof(uint16_t) +
                                  query_stride(&all) * sizeof(uint16_t) + all.size * sizeof(float) + sizeof(softmax));
    all.packed_keys = op_empty_of(run, TENSOR_U8, 2, (size_t[]){heads, all.packed_bytes}).data;
    all.packed_values = op_empty_of(run, TENSOR_U8, 2, (size_t[]){heads, all.packed_bytes}).data;
    all.scratch = op_empty_of(run, TENSOR_U8, 2, (size_t[]){run->threads, all.scratch_each}).data;
    if (!operators_failed(run)) {
        parallel_for(run, heads * (all.keys / PAIRED), 4, pack_range, &all);
        parallel_for(run, heads * all.blocks, 1, attend_range, &all);
    }
    operators_release(run, mark);
}

#else

void tiles_attention(operators *run, const attention_call *call, tensor *out)
{
    (void)call;
    (void)out;
    operators_fail(run, LUMEN_ERROR_UNAVAILABLE, "this processor has no tile registers");
}

#endif
