/*
 * operators.h: what networks are made of. One header; behind it a back end for each kind of device (cpu/ on oneDNN,
 * plain/ as the readable reference of the tests, cuda/ to come). Model code never asks which one it is.
 *
 *     operators *run;
 *     status = operators_open(&(operators_options){.threads = 2}, &run, &error);
 *     linear *query;
 *     status = linear_load(run, &weight, &bias, &query, &error);        // packs once
 *     size_t mark = operators_mark(run);
 *     tensor h = op_layer_norm(run, norm, &x, 1e-5f);
 *     tensor q = op_linear(run, query, &h, NULL);
 *     tensor a = op_attention(run, &q, &k, &v, 12, &(attention_options){.causal = true});
 *     op_linear(run, output, &a, &(epilogue){.add = &x, .out = &x});    // x += W a + b
 *     operators_release(run, mark);                                     // q, k, v, a are gone, x is changed
 *     status = operators_status(run, &error);                           // once for the whole block
 *
 * Activations live in the context's arena; its element type is the context's (operators_type: bf16 or f32), and every
 * sum is accumulated in f32. An op_ function that fails (memory, cancellation, a wrong size) notes the first reason in
 * the context and returns a tensor without data; what is called after it does nothing, so that a block is written like
 * the figure in its paper and checked once at its end.
 *
 * Threads: a context belongs to one thread at a time; several contexts run side by side. Loaded layers belong to their
 * context and are given back by it.
 */
#ifndef LUMEN_OPERATORS_OPERATORS_H
#define LUMEN_OPERATORS_OPERATORS_H

#include "base/error.h"
#include "tensor/tensor.h"

typedef struct operators operators;

typedef struct operators_options {
    const char *device;      /* "cpu", "plain"; NULL: "cpu" where it was built, else "plain" */
    unsigned threads;        /* 0: one for each core */
    tensor_type type;        /* TENSOR_BF16 or TENSOR_F32; TENSOR_NONE: bf16 where the CPU multiplies it, else f32 */
    size_t arena_bytes;      /* the most that activations may take; 0: 4 GiB. Memory is touched as it is used */
    lumen_progress progress; /* asked by operators_step; NULL: none */
    void *progress_user;
    /* Asked before each piece of memory is taken, by layers, primitives and the arena alike; false refuses it, which is
     * reported like any memory that ran out: a budget, and how tests fail each allocation in turn. NULL: always. */
    bool (*allow)(void *user, size_t bytes);
    void *allow_user;
} operators_options;

lumen_status operators_open(const operators_options *options, operators **out, lumen_error *error);
void operators_close(operators *run); /* with all layers loaded by it */

tensor_type operators_type(const operators *run);
const char *operators_device(const operators *run); /* "cpu (oneDNN 2.6, bf16 AMX, 2 threads)" */
size_t operators_weight_bytes(const operators *run);
size_t operators_peak_bytes(const operators *run); /* of the arena */

/* Memory beside the context's own that belongs to the same work: asks options.allow, and does not take it. */
bool operators_may_take(operators *run, size_t bytes);

/* The first failure since the last call of operators_clear. */
lumen_status operators_status(const operators *run, lumen_error *error);
void operators_clear(operators *run);

/* Between blocks and steps: reports progress and takes cancellation. Returns false when to stop. */
bool operators_step(operators *run, const char *stage, double fraction);

/* ---- Memory ------------------------------------------------------------------------------------------ */

size_t operators_mark(const operators *run);
void operators_release(operators *run, size_t mark);

/* Room for a tensor of the context's type, not cleared; and of any type. */
tensor op_empty(operators *run, uint32_t rank, const size_t *sizes);
tensor op_empty_of(operators *run, tensor_type type, uint32_t rank, const size_t *sizes);

/* Brings values in (from f32, f16, bf16, to the context's type) and out (to f32; `to` has room for all). */
tensor op_from(operators *run, const tensor *values);
void op_to_f32(operators *run, const tensor *x, float *to);

/* ---- Layers with weights ------------------------------------------------------------------------------ */

/* Weights come as they lie in the files (f32, f16 or bf16, maybe unaligned): linear (out, in), convolution
 * (out, in, kh, kw); biases and norms (C) are kept as f32. `bias` may be NULL. Sizes are checked by the loader. */
typedef struct linear linear;
typedef struct convolution convolution;
typedef struct norm norm;
typedef struct embedding embedding;

typedef struct convolution_options {
    uint32_t stride, padding, dilation; /* 0 counts as stride 1, padding 0, dilation 1 */
} convolution_options;

lumen_status linear_load(operators *run, const tensor *weight, const tensor *bias, linear **out, lumen_error *error);

/* Several linear layers of one input as one: rows of the weights one after another (q, k, v). biases may be NULL. */
lumen_status linear_load_joined(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                                lumen_error *error);
lumen_status convolution_load(operators *run, const tensor *weight, const tensor *bias, const convolution_options *how,
                              convolution **out, lumen_error *error);
lumen_status norm_load(operators *run, const tensor *weight, const tensor *bias, norm **out, lumen_error *error);
lumen_status embedding_load(operators *run, const tensor *table, embedding **out, lumen_error *error);

/* Gives all layers back that were loaded since operators_open or the last call: the next model takes their place. */
void operators_unload(operators *run);

typedef enum activation {
    ACTIVATION_NONE,
    ACTIVATION_SILU,
    ACTIVATION_GELU,       /* the exact one, with erf */
    ACTIVATION_QUICK_GELU, /* x sigmoid(1.702 x) */
    ACTIVATION_RELU,
    ACTIVATION_SIGMOID
} activation;

/* What happens to a layer's result before it is stored: act(W x + b + add_channels) + add. */
typedef struct epilogue {
    const tensor *add_channels; /* (N, C): the same for all pixels of a picture */
    activation activation;
    const tensor *add; /* of the result's sizes; may be `out` itself */
    tensor *out;       /* where to write; NULL: a new tensor of the arena */
} epilogue;

/* x (..., in) -> (..., out). */
tensor op_linear(operators *run, const linear *layer, const tensor *x, const epilogue *how);

/* x (..., in) -> (..., out / 2): first half of the layer's outputs times GELU of the second half (GEGLU). */
tensor op_linear_geglu(operators *run, const linear *layer, const tensor *x);

/* x (N, H, W, in) -> (N, H', W', out). */
tensor op_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how);

/* Nearest 2x and then the convolution, without the large picture between where the back end can. */
tensor op_upsample_convolution(operators *run, const convolution *layer, const tensor *x, const epilogue *how);

/* A group norm, its activation (as by op_group_norm) and then the convolution, without the picture between where the
 * back end can: its values are made as the convolution takes them up. */
typedef struct norm_before {
    const norm *layer; /* NULL: no weights */
    uint32_t groups;
    float epsilon;
    activation after;
} norm_before;

tensor op_norm_convolution(operators *run, const norm_before *before, const convolution *layer, const tensor *x,
                           const epilogue *how);

/* ids (N, T) i32 -> (N, T, C). Ids out of range are an error. */
tensor op_embedding(operators *run, const embedding *table, const tensor *ids);

/* ---- Norms --------------------------------------------------------------------------------------------- */

/* x (N, H, W, C) or (N, T, C); statistics over pixels and the C / groups channels of a group, in f32. */
tensor op_group_norm(operators *run, const norm *layer, const tensor *x, uint32_t groups, float epsilon,
                     activation after);
tensor op_layer_norm(operators *run, const norm *layer, const tensor *x, float epsilon); /* layer NULL: no weights */
tensor op_rms_norm(operators *run, const norm *layer, const tensor *x, float epsilon);   /* over the last size */

/* Each head by itself, in place: x (..., heads * d), which may be columns of a joined tensor; the layer has d channels.
 * What queries and keys go through in newer transformers. Returns x. */
tensor op_rms_norm_heads(operators *run, const norm *layer, const tensor *x, uint32_t heads, float epsilon);

/* ---- Attention ----------------------------------------------------------------------------------------- */

typedef struct attention_options {
    bool causal;
    float scale;        /* 0: 1 / sqrt(head size) */
    const tensor *mask; /* (T, S) f32, added to the scores; NULL: none */
} attention_options;

/* q (N, T, heads * d), k and v (N, S, heads * d) -> (N, T, heads * d); heads lie side by side. The scores of all heads
 * are never in memory at once. q, k, v may be columns of one joined tensor (`op_columns`). */
tensor op_attention(operators *run, const tensor *q, const tensor *k, const tensor *v, uint32_t heads,
                    const attention_options *how);

/* Columns [from, from + count) of (..., C) as a tensor of its own. */
tensor op_columns(operators *run, const tensor *x, size_t from, size_t count);

/* ---- The rest -------------------------------------------------------------------------------------------- */

tensor op_activation(operators *run, const tensor *x, activation which);
tensor op_add(operators *run, const tensor *a, const tensor *b); /* sizes equal, or b (C) */
tensor op_scale(operators *run, const tensor *x, float factor, float offset);
tensor op_concat_channels(operators *run, const tensor *a, const tensor *b); /* (..., A), (..., B) -> (..., A + B) */
tensor op_upsample_nearest(operators *run, const tensor *x, uint32_t factor);
tensor op_resize_bilinear(operators *run, const tensor *x, size_t height, size_t width); /* half-pixel centers */
tensor op_max_pool(operators *run, const tensor *x); /* 2 x 2, stride 2, ceil mode */
tensor op_softmax(operators *run, const tensor *x);  /* over the last size */

/* ---- Where the time goes ----------------------------------------------------------------------------------- */

typedef struct operators_cost {
    const char *kind; /* "linear", "convolution", "attention", "norm", "other" */
    double seconds;
    double macs;
    uint64_t calls;
} operators_cost;

/* Per kind since operators_open or the last reset; returns how many were written. */
size_t operators_costs(const operators *run, operators_cost *out, size_t capacity);
void operators_reset_costs(operators *run);

#endif
