/*
 * plain.h: the operators written the way they are defined, in f32, one value after another. This is the specification
 * that the other back ends are tested against, and what runs where oneDNN is missing.
 *
 * Sums run in f64 where their length depends on the input, so that the reference is better than what it judges.
 */
#ifndef LUMEN_OPERATORS_PLAIN_PLAIN_H
#define LUMEN_OPERATORS_PLAIN_PLAIN_H

#include "operators/internal.h"

float plain_activation_of(activation which, float x);

/* ---- layers.c ---- */

typedef struct plain_linear {
    linear base;
    float *weight; /* (out, in) */
    float *bias;   /* (out) */
} plain_linear;

typedef struct plain_convolution {
    convolution base;
    float *weight; /* (out, in, kh, kw) */
    float *bias;   /* (out) */
} plain_convolution;

typedef struct plain_embedding {
    embedding base;
    float *table; /* (count, channels) */
} plain_embedding;

lumen_status plain_load_linear(operators *run, const tensor *weights, const tensor *biases, size_t count, linear **out,
                               lumen_error *error);
lumen_status plain_load_convolution(operators *run, const tensor *weight, const tensor *bias,
                                    const convolution_options *how, convolution **out, lumen_error *error);
lumen_status plain_load_norm(operators *run, const tensor *weight, const tensor *bias, norm **out, lumen_error *error);
lumen_status plain_load_embedding(operators *run, const tensor *table, embedding **out, lumen_error *error);

/* ---- matrix.c ---- */

void plain_linear_run(operators *run, const linear *layer, const tensor *x, const epilogue *how, tensor *out);
void plain_linear_geglu(operators *run, const linear *layer, const tensor *x, tensor *out);
void plain_convolution_run(operators *run, const convolution *layer, const tensor *x, const epilogue *how, tensor *out);
void plain_attention(operators *run, const attention_call *call, tensor *out);

/* ---- norms.c ---- */

void plain_group_norm(operators *run, const norm *layer, const tensor *x, size_t groups, float epsilon,
                      activation after, tensor *out);
void plain_row_norm(operators *run, const norm *layer, const tensor *x, float epsilon, bool centered, tensor *out);
void plain_head_norm(operators *run, const norm *layer, const tensor *x, size_t heads, float epsilon);
void plain_softmax(operators *run, const tensor *x, tensor *out);

/* Softmax of `count` values in place. */
void plain_softmax_row(float *values, size_t count);

/* ---- elementwise.c ---- */

void plain_embedding_run(operators *run, const embedding *table, const tensor *ids, tensor *out);
void plain_activation(operators *run, const tensor *x, activation which, tensor *out);
void plain_add(operators *run, const tensor *a, const tensor *b, tensor *out);
void plain_scale(operators *run, const tensor *x, float factor, float offset, tensor *out);
void plain_concat(operators *run, const tensor *a, const tensor *b, tensor *out);
void plain_upsample(operators *run, const tensor *x, size_t factor, tensor *out);
void plain_resize(operators *run, const tensor *x, tensor *out);
void plain_max_pool(operators *run, const tensor *x, tensor *out);
void plain_copy(operators *run, const tensor *x, tensor *out);
void plain_to_f32(operators *run, const tensor *x, float *to);

#endif
