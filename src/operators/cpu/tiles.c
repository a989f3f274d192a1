/* Packing weights into tiles, and the product of rows with them. */

#include "operators/cpu/tiles.h"

#include "operators/cpu/bf16.h"

#if defined(__x86_64__) && defined(__linux__)

#include <sys/syscall.h>
#include <unistd.h>

#include "operators/cpu/tile_vectors.h"

bool tiles_usable(void)
{
    /* Linux gives a process the tiles' state only when asked: arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA). */
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    bool has_tiles;
    return bf16_multiplied(&has_tiles) && has_tiles && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

bool tiles_fit(const operators *run, size_t in, size_t out)
{
    return cpu_of(run)->tiles && in % PAIRED == 0 && out % PAIRED == 0;
}

/* ---- Weights ------------------------------------------------------------------------------------------------- */

typedef struct packing {
    const tensor *weights;
    size_t in, positions, across;
    char *to;
    uint16_t *scratch; /* (threads, 17, in * positions): 16 rows in order, and one as it comes */
} packing;

/* Row `output` of the parts' weights, as bf16, ordered by position. */
static void take_row(const packing *all, size_t output, uint16_t *to, uint16_t *raw)
{
    const tensor *part = all->weights;
    while (output >= part->sizes[0]) {
        output -= part->sizes[0];
        part++;
    }
    size_t count = all->in * all->positions;
    const char *from = (const char *)part->data + output * count * tensor_type_bytes(part->type);
    uint16_t *first = all->positions > 1 ? raw : to;
    if (part->type == TENSOR_F16)
        bf16_from_halves(first, from, count);
    else
        tensor_convert(TENSOR_BF16, first, part->type, from, count);
    for (size_t position = 0; all->positions > 1 && position < all->positions; position++)
        for (size_t i = 0; i < all->in; i++)
            to[position * all->in + i] = raw[i * all->positions + position];
}

/* Work is counted in strips. */
TILES
static void pack_range(void *argument, size_t from, size_t to, unsigned thread)
{
    const packing *all = argument;
    size_t count = all->in * all->positions;
    uint16_t *rows = all->scratch + thread * (TILE_ROWS + 1) * count, *raw = rows + TILE_ROWS * count;
    for (size_t strip = from; strip < to; strip++) {
        char *tile = all->to + strip * TILE_ROWS * count * sizeof(uint16_t);
        for (size_t i = 0; i < TILE_ROWS; i++)
            take_row(all, strip * TILE_ROWS + i, rows + i * count, raw);
        for (size_t index = 0; index < count / PAIRED; index++, tile += TILE_BYTES) {
            size_t steps = all->in / PAIRED, line = index / (steps * all->across);
            size_t step = index / all->across % steps, position = line * all->across + index % all->across;
            size_t at = position * all->in + step * PAIRED;
            __m512i turned[TILE_ROWS];
            for (size_t i = 0; i < TILE_ROWS; i++)
                turned[i] = _mm512_loadu_si512(rows + i * count + at);
            tile_turn(turned);
            for (size_t i = 0; i < TILE_ROWS; i++)
                _mm512_storeu_si512(tile + i * 64, turned[i]);
        }
    }
}

char *tiles_pack(operators *run, const tensor *weights, size_t in, size_t out, size_t lines, size_t across)
{
    size_t positions = lines * across;
    packing all = {.weights = weights, .in = in, .positions = positions, .across = across};
    all.to = operators_allocate(run, out * in * positions * sizeof(uint16_t));
    all.scratch = operators_allocate(run, run->threads * (TILE_ROWS + 1) * in * positions * sizeof(uint16_t));
    if (all.to == NULL || all.scratch == NULL) {
        operators_free(all.to);
        all.to = NULL;
    } else {
        parallel_for(run, out / TILE_ROWS, 2, pack_range, &all);
    }
    operators_free(all.scratch);
    return all.to;
}

/* ---- Products ------------------------------------------------------------------------------------------------- */

/* Three tiles of rows times two of columns are taken at a time: five tiles are read from the second-level cache for six
 * products, which is what keeps the unit waiting. Registers 0 to 5 are then sums and 6 and 7 a tile of rows and one of
 * columns; of two tiles of rows, or one, 0 to 3 are sums, 4 and 5 rows, 6 and 7 columns. */
TILES
void tiles_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } __attribute__((packed)) whole_tiles = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        whole_tiles.row_bytes[i] = 64;
        whole_tiles.rows[i] = TILE_ROWS;
    }
    /* The address leaves, so that the whole of it must be there. */
    __asm__ volatile("" ::"r"(&whole_tiles) : "memory");
    _tile_loadconfig(&whole_tiles);
}

TILES
void tiles_end(void)
{
    _mm_sfence(); /* results that went past the cache are there before anybody is told */
    _tile_release();
}

TILES
void tiles_block_rows(const char *from, size_t stride, size_t count, size_t bytes, char *to)
{
    for (size_t at = 0; at < bytes; at += 64)
        for (size_t row = 0; row < TILE_ROWS; row++, to += 64)
            _mm512_storeu_si512(to,
                                row < count ? _mm512_loadu_si512(from + row * stride + at) : _mm512_setzero_si512());
}

TILES
void tiles_block_row(const char *from, size_t bytes, char *to, size_t rows, size_t row)
{
    to += row * 64;
    for (size_t at = 0; at < bytes; at += 64)
        _mm512_storeu_si512(to + at * rows, from != NULL ? _mm512_loadu_si512(from + at) : _mm512_setzero_si512());
}

/* 32 channels. */
TILES_INLINE __m512i scale_channels(const char *from, const float *factor, const float *shift, bool silu)
{
    const uint16_t *x = (const uint16_t *)(const void *)from;
    __m512 low = _mm512_fmadd_ps(vector_load(x, 0xffffu), _mm512_loadu_ps(factor), _mm512_loadu_ps(shift));
    __m512 high = _mm512_fmadd_ps(vector_load(x + LANES, 0xffffu), _mm512_loadu_ps(factor + LANES),
                                  _mm512_loadu_ps(shift + LANES));
    if (silu) {
        low = vector_silu(low);
        high = vector_silu(high);
    }
    __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &both, sizeof bits);
    return bits;
}

TILES
void tiles_block_row_scaled(const char *from, size_t bytes, char *to, size_t rows, size_t row,
                            const channel_scale *scale, bool silu)
{
    to += row * 64;
    for (size_t at = 0; at < bytes; at += 64)
        _mm512_storeu_si512(to + at * rows,
                            scale_channels(from + at, scale->factor + at / 2, scale->shift + at / 2, silu));
}

/* What is fetched ahead while a panel is multiplied: the next one, evenly spread over the steps. */
typedef struct ahead {
    const char *first, *second;
    size_t left; /* bytes of each */
    size_t each; /* bytes of each in a step */
} ahead;

TILES_INLINE void fetch(ahead *next)
{
    for (size_t i = 0; i < next->each && i < next->left; i += 64) {
        _mm_prefetch(next->first + i, _MM_HINT_T1);
        _mm_prefetch(next->second + i, _MM_HINT_T1);
    }
    size_t done = next->each < next->left ? next->each : next->left;
    next->first += done;
    next->second += done;
    next->left -= done;
}

/* act(sum + bias) of 16 outputs. */
TILES_INLINE __m512 finish(const tile_product *of, const float *sums, size_t output)
{
    __m512 value = _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_loadu_ps(of->bias + output));
    return of->activation != ACTIVATION_NONE ? vector_activation(of->activation, value) : value;
}

/* Of a plain product the two strips are neighbors: together a whole cache line of the result, if that is aligned. */
TILES_INLINE void finish_row(const tile_product *of, size_t row, const float *sums, size_t first, size_t second)
{
    size_t at = row * of->channels + first;
    if (of->gated) {
        __m512 value = _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_loadu_ps(of->bias + first));
        __m512 gate = _mm512_add_ps(_mm512_loadu_ps(sums + LANES), _mm512_loadu_ps(of->bias + second));
        vector_store(of->out + at, 0xffffu, _mm512_mul_ps(value, vector_gelu(gate)));
        return;
    }
    __m512 low = finish(of, sums, first), high = finish(of, sums + LANES, second);
    if (of->add != NULL) {
        _mm_prefetch(of->add + at + PAIRED, _MM_HINT_T1); /* for the next panel */
        low = _mm512_add_ps(low, vector_load(of->add + at, 0xffffu));
        high = _mm512_add_ps(high, vector_load(of->add + at + LANES, 0xffffu));
    }
    __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &both, sizeof bits);
    if (of->streamed)
        _mm512_stream_si512((void *)(of->out + at), bits);
    else
        _mm512_storeu_si512(of->out + at, bits);
}

/* A block's rows that are still to be finished. That happens between the steps of the block after it: vector units and
 * tile unit work at the same time then. */
typedef struct unfinished {
    const tile_rows *rows;
    size_t at, count; /* rows; 16 in each tile */
    const float *sums;
    size_t first, second; /* outputs */
} unfinished;

TILES_INLINE void finish_rows(const tile_product *of, unfinished *left, size_t count)
{
    for (size_t i = 0; i < count && left->at < left->count; i++, left->at++) {
        const tile_rows *rows = &left->rows[left->at / TILE_ROWS];
        size_t row = left->at % TILE_ROWS;
        if (row < rows->valid)
            finish_row(of, rows->result + row, left->sums + left->at * PAIRED, left->first, left->second);
    }
}

/* One tile of rows after another, with the two strips in alternating order, so that of two tiles read in a row one is
 * in the register already or in the nearest cache. */
TILES_INLINE void multiply_three(const char *const rows[3], size_t offset, size_t stride, const char *first,
                                 const char *second)
{
    _tile_loadd(6, rows[0] + offset, stride);
    _tile_loadd(7, first, 64);
    _tile_dpbf16ps(0, 6, 7);
    _tile_loadd(7, second, 64);
    _tile_dpbf16ps(1, 6, 7);
    _tile_loadd(6, rows[1] + offset, stride);
    _tile_dpbf16ps(3, 6, 7);
    _tile_loadd(7, first, 64);
    _tile_dpbf16ps(2, 6, 7);
    _tile_loadd(6, rows[2] + offset, stride);
    _tile_dpbf16ps(4, 6, 7);
    _tile_loadd(7, second, 64);
    _tile_dpbf16ps(5, 6, 7);
}

TILES_INLINE void multiply_two(const char *const rows[3], size_t offset, size_t stride, const char *first,
                               const char *second)
{
    _tile_loadd(4, rows[0] + offset, stride);
    _tile_loadd(6, first, 64);
    _tile_loadd(5, rows[1] + offset, stride);
    _tile_loadd(7, second, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

TILES_INLINE void multiply_one(const char *const rows[3], size_t offset, size_t stride, const char *first,
                               const char *second)
{
    _tile_loadd(4, rows[0] + offset, stride);
    _tile_loadd(6, first, 64);
    _tile_loadd(7, second, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
}

/* What is multiplied at a time: `tall` tiles of rows with two strips, over `steps` tiles of inputs. */
typedef struct block {
    const tile_rows *rows;
    const char *first, *second; /* the strips at the first of these */
    size_t steps;
    float *sums; /* (tall * 16, 32), to which is added unless they are `fresh` */
    bool fresh;
} block;

TILES_INLINE void multiply_block(const tile_product *of, const block *now, const int tall, ahead *next,
                                 unfinished *before)
{
    const size_t row_bytes = PAIRED * sizeof(float), under = TILE_ROWS * PAIRED;
    const char *first = now->first, *second = now->second;
    float *sums = now->sums;
    size_t rounds = of->lines * now->steps, each = (before->count - before->at + rounds - 1) / rounds;
    tile_barrier();
    if (now->fresh) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        if (tall == 3) {
            _tile_zero(4);
            _tile_zero(5);
        }
    } else {
        _tile_loadd(0, sums, row_bytes);
        _tile_loadd(1, sums + LANES, row_bytes);
        if (tall > 1) {
            _tile_loadd(2, sums + under, row_bytes);
            _tile_loadd(3, sums + under + LANES, row_bytes);
        }
        if (tall == 3) {
            _tile_loadd(4, sums + 2 * under, row_bytes);
            _tile_loadd(5, sums + 2 * under + LANES, row_bytes);
        }
    }
    for (size_t line = 0; line < of->lines; line++) {
        size_t offset = line * of->line_bytes;
        const char *rows[3] = {now->rows[0].first + offset, now->rows[tall > 1 ? 1 : 0].first + offset,
                               now->rows[tall > 2 ? 2 : 0].first + offset};
        for (size_t step = 0; step < now->steps; step++) {
            for (size_t across = 0; across < of->across; across++) {
                if (tall == 3)
                    multiply_three(rows, across * of->across_bytes, of->stride, first, second);
                else if (tall == 2)
                    multiply_two(rows, across * of->across_bytes, of->stride, first, second);
                else
                    multiply_one(rows, across * of->across_bytes, of->stride, first, second);
                first += TILE_BYTES;
                second += TILE_BYTES;
            }
            fetch(next);
            finish_rows(of, before, each);
            for (int i = 0; i < tall; i++)
                rows[i] += of->step_bytes;
        }
    }
    _tile_stored(0, sums, row_bytes);
    _tile_stored(1, sums + LANES, row_bytes);
    if (tall > 1) {
        _tile_stored(2, sums + under, row_bytes);
        _tile_stored(3, sums + under + LANES, row_bytes);
    }
    if (tall == 3) {
        _tile_stored(4, sums + 2 * under, row_bytes);
        _tile_stored(5, sums + 2 * under + LANES, row_bytes);
    }
    tile_barrier();
}

/* How many of `left` tiles of rows are taken next: three, but four are two twice. */
static size_t tall_of(size_t left)
{
    return left == 4 || left == 2 ? 2 : left > 3 ? 3 : left;
}

TILES
static void multiply_tall(const tile_product *of, const block *now, size_t tall, ahead *next, unfinished *before)
{
    if (tall == 3)
        multiply_block(of, now, 3, next, before);
    else if (tall == 2)
        multiply_block(of, now, 2, next, before);
    else
        multiply_block(of, now, 1, next, before);
}

TILES
void tiles_multiply(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to, float *sums)
{
    size_t strip_bytes = of->lines * of->across * of->steps * TILE_BYTES, blocks = (count + 2) / 3;
    size_t apart = of->gated ? 1 : 2; /* strips from one panel's first to the next one's */
    unfinished before = {.at = 0};
    size_t turn = 0;
    for (size_t panel = from; panel < to; panel++) {
        size_t strip = panel * apart, tall = 0;
        const char *strips[2] = {of->weights + strip * strip_bytes, of->weights + (strip + of->second) * strip_bytes};
        ahead next = {.first = strips[0] + apart * strip_bytes,
                      .second = strips[1] + apart * strip_bytes,
                      .left = panel + 1 < to ? strip_bytes : 0,
                      .each = (of->across * TILE_BYTES / blocks + 63) / 64 * 64};
        for (size_t i = 0; i < count; i += tall) {
            tall = tall_of(count - i);
            block now = {.rows = &rows[i],
                         .first = strips[0],
                         .second = strips[1],
                         .steps = of->steps,
                         .sums = sums + turn++ % 2 * (TILE_SUMS / 2),
                         .fresh = true};
            multiply_tall(of, &now, tall, &next, &before);
            before = (unfinished){.rows = now.rows,
                                  .count = tall * TILE_ROWS,
                                  .sums = now.sums,
                                  .first = strip * TILE_ROWS,
                                  .second = (strip + of->second) * TILE_ROWS};
        }
    }
    finish_rows(of, &before, before.count);
}

TILES
void tiles_multiply_slice(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to,
                          size_t step, size_t steps, float *sums)
{
    size_t strip_bytes = of->steps * TILE_BYTES, blocks = (count + 2) / 3;
    unfinished before = {.at = 0};
    for (size_t panel = from; panel < to; panel++) {
        const char *first = of->weights + 2 * panel * strip_bytes + step * TILE_BYTES;
        ahead next = {.first = first + 2 * strip_bytes,
                      .second = first + 3 * strip_bytes,
                      .left = panel + 1 < to ? steps * TILE_BYTES : 0,
                      .each = (TILE_BYTES / blocks + 63) / 64 * 64};
        size_t tall = 0;
        for (size_t i = 0; i < count; i += tall, sums += tall * TILE_ROWS * PAIRED) {
            tall = tall_of(count - i);
            block now = {.rows = &rows[i],
                         .first = first,
                         .second = first + strip_bytes,
                         .steps = steps,
                         .sums = sums,
                         .fresh = step == 0};
            multiply_tall(of, &now, tall, &next, &before);
            if (step + steps == of->steps)
                before = (unfinished){.rows = now.rows,
                                      .count = tall * TILE_ROWS,
                                      .sums = sums,
                                      .first = 2 * panel * TILE_ROWS,
                                      .second = (2 * panel + 1) * TILE_ROWS};
        }
    }
    finish_rows(of, &before, before.count);
}

#else

void tiles_block_rows(const char *from, size_t stride, size_t count, size_t bytes, char *to)
{
    (void)from, (void)stride, (void)count, (void)bytes, (void)to;
}

bool tiles_usable(void)
{
    return false;
}

bool tiles_fit(const operators *run, size_t in, size_t out)
{
    (void)run, (void)in, (void)out;
    return false;
}

char *tiles_pack(operators *run, const tensor *weights, size_t in, size_t out, size_t lines, size_t across)
{
    (void)run, (void)weights, (void)in, (void)out, (void)lines, (void)across;
    return NULL;
}

void tiles_block_row(const char *from, size_t bytes, char *to, size_t rows, size_t row)
{
    (void)from, (void)bytes, (void)to, (void)rows, (void)row;
}

void tiles_block_row_scaled(const char *from, size_t bytes, char *to, size_t rows, size_t row,
                            const channel_scale *scale, bool silu)
{
    (void)from, (void)bytes, (void)to, (void)rows, (void)row, (void)scale, (void)silu;
}

void tiles_multiply(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to, float *sums)
{
    (void)of, (void)rows, (void)count, (void)from, (void)to, (void)sums;
}

void tiles_multiply_slice(const tile_product *of, const tile_rows *rows, size_t count, size_t from, size_t to,
                          size_t step, size_t steps, float *sums)
{
    (void)of, (void)rows, (void)count, (void)from, (void)to, (void)step, (void)steps, (void)sums;
}

void tiles_begin(void)
{
}

void tiles_end(void)
{
}

#endif
