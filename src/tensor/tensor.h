/*
 * tensor.h: what a tensor is: a type, sizes, and bytes that belong to someone else.
 *
 *     tensor x = tensor_make(TENSOR_F32, 3, (size_t[]){1, 77, 768}, bytes); // (N, T, C)
 *     size_t bytes = tensor_bytes(&x);
 *
 * The last size runs fastest. Activations are channels-last everywhere: pictures (N, H, W, C), tokens (N, T, C); so a
 * picture is a row of tokens without a copy. A tensor is dense, or it is some columns of a dense one: then its rows (of
 * the last size) lie `stride` elements apart.
 */
#ifndef LUMEN_TENSOR_TENSOR_H
#define LUMEN_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tensor_type {
    TENSOR_NONE = 0,
    TENSOR_F32,
    TENSOR_BF16,
    TENSOR_F16,
    TENSOR_I64,
    TENSOR_I32,
    TENSOR_U8
} tensor_type;

enum { TENSOR_RANK_MAX = 6 };

typedef struct tensor {
    tensor_type type;
    uint32_t rank;
    size_t sizes[TENSOR_RANK_MAX]; /* 1 beyond the rank */
    void *data;                    /* aligned to 64 bytes, except for views into a file and columns */
    size_t stride;                 /* elements from one row of the last size to the next; 0: dense */
} tensor;

size_t tensor_type_bytes(tensor_type type);
const char *tensor_type_name(tensor_type type); /* "f32", ... */
tensor tensor_make(tensor_type type, uint32_t rank, const size_t *sizes, void *data);
size_t tensor_count(const tensor *x);  /* elements */
size_t tensor_bytes(const tensor *x);  /* of its elements; columns do not count what lies between them */
size_t tensor_rows(const tensor *x);   /* elements / last size; 0 for an empty tensor */
size_t tensor_stride(const tensor *x); /* the stride that holds, also for dense ones */
bool tensor_is_dense(const tensor *x);
bool tensor_same_sizes(const tensor *a, const tensor *b);

/* The same bytes under other sizes of equal count (columns keep their last size). A reshape that does not fit gives a
 * tensor without data, which every operator refuses. */
tensor tensor_reshape(const tensor *x, uint32_t rank, const size_t *sizes);

/* Conversions of `count` elements between f32, bf16 and f16, to the nearest and at ties to the even one; not-a-numbers
 * stay such. Neither side needs to be aligned; they do not overlap. Other types are left alone: false. */
bool tensor_convert(tensor_type to_type, void *to, tensor_type from_type, const void *from, size_t count);

#endif
