/*
 * onednn.h: the little of oneDNN's C interface that we use, the same for its versions 2.6 and 3.
 *
 * Between the two, memory descriptors became opaque and operation descriptors went away. A layout here owns its
 * descriptor: onednn_layout_free gives it back, and a zeroed layout is empty and may be given back too.
 */
#ifndef LUMEN_OPERATORS_CPU_ONEDNN_H
#define LUMEN_OPERATORS_CPU_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>

#include <oneapi/dnnl/dnnl.h>

typedef struct onednn_layout {
    dnnl_memory_desc_t descriptor;
    bool filled;
} onednn_layout;

/* Elements `strides` apart in each dimension; with strides NULL the library chooses the order ("any"). */
dnnl_status_t onednn_layout_make(onednn_layout *out, dnnl_data_type_t type, int rank, const dnnl_dim_t *sizes,
                                 const dnnl_dim_t *strides);
dnnl_status_t onednn_layout_copy(onednn_layout *out, const onednn_layout *from);
void onednn_layout_free(onednn_layout *layout);
bool onednn_layout_equal(const onednn_layout *a, const onednn_layout *b);
size_t onednn_layout_bytes(const onednn_layout *layout);

/* A memory object without data. */
dnnl_status_t onednn_memory(dnnl_memory_t *out, const onednn_layout *layout, dnnl_engine_t engine);

/* What happens to a result: the activation first, then the combination with a second tensor. */
typedef enum onednn_combine {
    ONEDNN_COMBINE_NONE,
    ONEDNN_COMBINE_SUM, /* with what the destination holds */
    ONEDNN_COMBINE_ADD, /* with another tensor of the destination's layout */
    ONEDNN_COMBINE_MULTIPLY
} onednn_combine;

typedef struct onednn_finish {
    bool activated;
    dnnl_alg_kind_t activation; /* dnnl_eltwise_... */
    float alpha;
    onednn_combine combine;
} onednn_finish;

typedef struct onednn_matmul {
    const onednn_layout *source, *weights, *bias, *destination; /* (M, K), (K, N), (1, N) or NULL, (M, N) */
    onednn_finish finish;
} onednn_matmul;

typedef struct onednn_convolution {
    const onednn_layout *source, *weights, *bias, *destination; /* in the order of NCHW, whatever their strides */
    dnnl_dim_t stride, dilation, padding;                       /* dilation 1: none between */
    onednn_finish finish;
} onednn_convolution;

/* Primitives with a scratchpad of the caller's. */
dnnl_status_t onednn_matmul_describe(dnnl_primitive_desc_t *out, const onednn_matmul *call, dnnl_engine_t engine);
dnnl_status_t onednn_convolution_describe(dnnl_primitive_desc_t *out, const onednn_convolution *call,
                                          dnnl_engine_t engine);
dnnl_status_t onednn_reorder_describe(dnnl_primitive_desc_t *out, const onednn_layout *from, const onednn_layout *to,
                                      dnnl_engine_t engine);

/* What a primitive wants: dnnl_query_weights_md, dnnl_query_scratchpad_md. */
dnnl_status_t onednn_wanted_layout(onednn_layout *out, const_dnnl_primitive_desc_t description, dnnl_query_t which);

/* "brg:avx512_core_amx_bf16", "ref:any", ... */
const char *onednn_implementation(const_dnnl_primitive_desc_t description);

#endif
