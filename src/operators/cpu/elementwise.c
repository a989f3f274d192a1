/* What moves and changes single values: bound by memory, so a plain loop on each thread. */

#include "operators/cpu/cpu.h"

#include <math.h>

#include "operators/cpu/bf16.h"
#include "operators/cpu/rows.h"

/* Elements below which a second thread costs more than it brings. */
static const size_t grain = 1u << 14;

/* ---- One in, one out ---------------------------------------------------------------------------------------- */

typedef struct mapping {
    tensor_type type;
    const void *x;
    void *out;
    activation which;
    float factor, offset;
} mapping;

#define INSTANTIATE_ACTIVATION(name, element, function)                                                                \
    ROWS_DISPATCH                                                                                                      \
    static void name(const void *x, void *out, size_t from, size_t to)                                                 \
    {                                                                                                                  \
        for (size_t i = from; i < to; i++)                                                                             \
            row_store(element, out, i, row_activation(function, row_load(element, x, i)));                             \
    }

INSTANTIATE_ACTIVATION(silu_f32, TENSOR_F32, ACTIVATION_SILU)
INSTANTIATE_ACTIVATION(silu_bf16, TENSOR_BF16, ACTIVATION_SILU)
INSTANTIATE_ACTIVATION(gelu_f32, TENSOR_F32, ACTIVATION_GELU)
INSTANTIATE_ACTIVATION(gelu_bf16, TENSOR_BF16, ACTIVATION_GELU)
INSTANTIATE_ACTIVATION(quick_gelu_f32, TENSOR_F32, ACTIVATION_QUICK_GELU)
INSTANTIATE_ACTIVATION(quick_gelu_bf16, TENSOR_BF16, ACTIVATION_QUICK_GELU)
INSTANTIATE_ACTIVATION(relu_f32, TENSOR_F32, ACTIVATION_RELU)
INSTANTIATE_ACTIVATION(relu_bf16, TENSOR_BF16, ACTIVATION_RELU)
INSTANTIATE_ACTIVATION(sigmoid_f32, TENSOR_F32, ACTIVATION_SIGMOID)
INSTANTIATE_ACTIVATION(sigmoid_bf16, TENSOR_BF16, ACTIVATION_SIGMOID)
INSTANTIATE_ACTIVATION(same_f32, TENSOR_F32, ACTIVATION_NONE)
INSTANTIATE_ACTIVATION(same_bf16, TENSOR_BF16, ACTIVATION_NONE)

static void activate_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const mapping *all = argument;
    typedef void (*loop)(const void *, void *, size_t, size_t);
    static const loop loops[][2] = {
        [ACTIVATION_NONE] = {same_f32, same_bf16}, [ACTIVATION_SILU] = {silu_f32, silu_bf16},
        [ACTIVATION_GELU] = {gelu_f32, gelu_bf16}, [ACTIVATION_QUICK_GELU] = {quick_gelu_f32, quick_gelu_bf16},
        [ACTIVATION_RELU] = {relu_f32, relu_bf16}, [ACTIVATION_SIGMOID] = {sigmoid_f32, sigmoid_bf16},
    };
    loops[all->which][all->type == TENSOR_BF16](all->x, all->out, from, to);
}

void cpu_activation(operators *run, const tensor *x, activation which, tensor *out)
{
    mapping all = {.type = run->type, .x = x->data, .out = out->data, .which = which};
    parallel_for(run, tensor_count(x), grain, activate_range, &all);
}

ROWS_INLINE void scale_row(tensor_type type, const mapping *all, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        row_store(type, all->out, i, row_load(type, all->x, i) * all->factor + all->offset);
}

ROWS_DISPATCH
static void scale_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const mapping *all = argument;
    if (all->type == TENSOR_BF16)
        scale_row(TENSOR_BF16, all, from, to);
    else
        scale_row(TENSOR_F32, all, from, to);
}

void cpu_scale(operators *run, const tensor *x, float factor, float offset, tensor *out)
{
    mapping all = {.type = run->type, .x = x->data, .out = out->data, .factor = factor, .offset = offset};
    parallel_for(run, tensor_count(x), grain, scale_range, &all);
}

/* ---- Two in, one out ------------------------------------------------------------------------------------------- */

typedef struct pairing {
    tensor_type type;
    const void *a, *b;
    void *out;
    size_t channels; /* of a row of a */
    size_t b_stride; /* elements from one row of b to the next; 0: always the same row */
} pairing;

ROWS_INLINE void add_rows(tensor_type type, const pairing *all, size_t from, size_t to)
{
    size_t bytes = tensor_type_bytes(type);
    for (size_t row = from; row < to; row++) {
        const char *a = (const char *)all->a + row * all->channels * bytes;
        const char *b = (const char *)all->b + row * all->b_stride * bytes;
        char *out = (char *)all->out + row * all->channels * bytes;
        for (size_t c = 0; c < all->channels; c++)
            row_store(type, out, c, row_load(type, a, c) + row_load(type, b, c));
    }
}

ROWS_DISPATCH
static void add_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const pairing *all = argument;
    if (all->type == TENSOR_BF16)
        add_rows(TENSOR_BF16, all, from, to);
    else
        add_rows(TENSOR_F32, all, from, to);
}

static size_t row_grain(size_t channels)
{
    return grain / channels + 1;
}

void cpu_add(operators *run, const tensor *a, const tensor *b, tensor *out)
{
    size_t channels = a->sizes[a->rank - 1];
    pairing all = {.type = run->type,
                   .a = a->data,
                   .b = b->data,
                   .out = out->data,
                   .channels = channels,
                   .b_stride = tensor_same_sizes(a, b) ? channels : 0};
    parallel_for(run, tensor_rows(a), row_grain(channels), add_range, &all);
}

ROWS_DISPATCH
static void geglu_f32(const float *value, const float *gate, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = value[i] * row_activation(ACTIVATION_GELU, gate[i]);
}

static void geglu_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const pairing *all = argument;
    size_t bytes = all->channels * tensor_type_bytes(all->type);
    for (size_t row = from; row < to; row++) {
        const void *value = (const char *)all->a + 2 * row * bytes, *gate = (const char *)value + bytes;
        void *out = (char *)all->out + row * bytes;
        if (all->type == TENSOR_BF16)
            bf16_geglu(value, gate, out, all->channels);
        else
            geglu_f32(value, gate, out, all->channels);
    }
}

void cpu_geglu(operators *run, const tensor *both, tensor *out)
{
    size_t channels = out->sizes[out->rank - 1];
    pairing all = {.type = run->type, .a = both->data, .out = out->data, .channels = channels};
    parallel_for(run, tensor_rows(out), row_grain(channels), geglu_range, &all);
}

/* ---- Rows that only move ------------------------------------------------------------------------------- */

typedef struct joining {
    const char *a, *b;
    char *out;
    size_t a_bytes, b_bytes; /* of a row */
} joining;

static void concat_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const joining *all = argument;
    for (size_t row = from; row < to; row++) {
        char *out = all->out + row * (all->a_bytes + all->b_bytes);
        memcpy(out, all->a + row * all->a_bytes, all->a_bytes);
        memcpy(out + all->a_bytes, all->b + row * all->b_bytes, all->b_bytes);
    }
}

void cpu_concat(operators *run, const tensor *a, const tensor *b, tensor *out)
{
    size_t bytes = tensor_type_bytes(run->type);
    joining all = {.a = a->data,
                   .b = b->data,
                   .out = out->data,
                   .a_bytes = a->sizes[a->rank - 1] * bytes,
                   .b_bytes = b->sizes[b->rank - 1] * bytes};
    parallel_for(run, tensor_rows(a), row_grain(out->sizes[out->rank - 1]), concat_range, &all);
}

typedef struct choosing {
    const char *table;
    const int32_t *ids;
    char *out;
    size_t bytes; /* of a row */
} choosing;

static void embed_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const choosing *all = argument;
    for (size_t i = from; i < to; i++)
        memcpy(all->out + i * all->bytes, all->table + (size_t)all->ids[i] * all->bytes, all->bytes);
}

void cpu_embedding_run(operators *run, const embedding *table, const tensor *ids, tensor *out)
{
    choosing all = {.table = ((const cpu_embedding *)table)->table,
                    .ids = ids->data,
                    .out = out->data,
                    .bytes = table->channels * tensor_type_bytes(run->type)};
    parallel_for(run, tensor_count(ids), row_grain(table->channels), embed_range, &all);
}

typedef struct copying {
    tensor_type to_type, from_type;
    const char *from;
    char *to;
    size_t channels, stride; /* of the source's rows, in elements */
} copying;

static void copy_range(void *argument, size_t from, size_t to, unsigned thread)
{
    (void)thread;
    const copying *all = argument;
    size_t from_bytes = tensor_type_bytes(all->from_type), to_bytes = tensor_type_bytes(all->to_type);
    for (size_t row = from; row < to; row++)
        tensor_convert(all->to_type, all->to + row * all->channels * to_bytes, all->from_type,
                       all->from + row * all->stride * from_bytes, all->channels);
}

static void copy_rows(const operators *run, const tensor *x, tensor_type type, void *to)
{
    size_t channels = x->sizes[x->rank - 1];
    copying all = {.to_type = type,
                   .from_type = x->type,
                   .from = x->data,
                   .to = to,
                   .channels = channels,
                   .stride = tensor_stride(x)};
    parallel_for(run, tensor_rows(x), row_grain(channels), copy_range, &all);
}

void cpu_copy(operators *run, const tensor *x, tensor *out)
{
    copy_rows(run, x, out->type, out->data);
}

void cpu_to_f32(operators *run, const tensor *x, float *to)
{
    copy_rows(run, x, TENSOR_F32, to);
}
