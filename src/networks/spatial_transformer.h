/*
 * spatial_transformer.h: where the text enters the picture: the attention module of SDXL's UNet.
 *
 *     x (1, H, W, C) -> group norm -> tokens (1, H·W, C) -> linear
 *         depth x [ t += attention(norm(t))             over the picture itself
 *                   t += attention(norm(t), context)     over the 77 tokens of the text
 *                   t += GEGLU mlp(norm(t)) ]
 *     -> linear -> + x
 *
 * Keys and values of the context are the same for every step of one picture: they are computed once.
 */
#ifndef LUMEN_NETWORKS_SPATIAL_TRANSFORMER_H
#define LUMEN_NETWORKS_SPATIAL_TRANSFORMER_H

#include "networks/layers.h"

enum { TRANSFORMER_DEPTH_MAX = 12 };

typedef struct transformer_block {
    norm *norm1, *norm2, *norm3;
    linear *self_qkv, *self_out;
    linear *cross_q, *cross_k, *cross_v, *cross_out;
    linear *mlp_in, *mlp_out;
} transformer_block;

typedef struct spatial_transformer {
    size_t depth, channels, heads;
    norm *norm;
    linear *proj_in, *proj_out;
    transformer_block blocks[TRANSFORMER_DEPTH_MAX];
} spatial_transformer;

/* Keys and values of the text (1, 77, C) for each block of one transformer. */
typedef struct text_attention {
    tensor keys[TRANSFORMER_DEPTH_MAX], values[TRANSFORMER_DEPTH_MAX];
} text_attention;

/* `context` is the width of the text's tokens. depth is TRANSFORMER_DEPTH_MAX at most. */
void spatial_transformer_load(layer_loader *in, const char *prefix, size_t channels, size_t heads, size_t depth,
                              size_t context, spatial_transformer *out);

/* context (1, T, context). What is made lives in the arena, as long as the caller lets it. */
void spatial_transformer_read(operators *run, const spatial_transformer *module, const tensor *context,
                              text_attention *out);

/* x and out (1, H, W, C); `out` has its room. `groups` are those of the group norm. */
void spatial_transformer_forward(operators *run, const spatial_transformer *module, uint32_t groups,
                                 const text_attention *text, const tensor *x, tensor *out);

#endif
