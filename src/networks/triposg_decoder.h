/*
 * triposg_decoder.h: the latents of a part become a field in space: where it is inside and where it is outside.
 *
 *     triposg_decoder_config config = triposg_decoder_default();
 *     status = triposg_decoder_load(&config, &loader, decoder);
 *     triposg_part part;
 *     triposg_decoder_read(run, decoder, &latents, &part);                    // once for a part: 16 layers
 *     status = triposg_decoder_field(run, decoder, &part, points, count, values, &error);      // as often as wanted
 *
 *     latents (1, T, 64) -> linear -> 16 x [ x += attention(norm(x)); x += mlp(norm(x)) ] -> keys and values
 *     point -> itself, sines and cosines of it -> linear -> q
 *           -> q += attention(norm(q), keys, values); q += mlp(norm(q)) -> norm -> linear -> - logit
 *
 * triposg_field.h asks in two precisions.
 *
 * The sign is that of the reference after its own negation, and of geometry/field.h: negative inside, positive outside.
 * That follows from the reference's code, not from its weights: whoever extracts a surface should see that the eight
 * corners of the box are outside. The value is a logit, not a distance.
 *
 * Li et al., "TripoSG: High-Fidelity 3D Shape Synthesis using Large-Scale Rectified Flow Models", 2025, on Zhang et
 * al., "3DShape2VecSet", 2023.
 */
#ifndef LUMEN_NETWORKS_TRIPOSG_DECODER_H
#define LUMEN_NETWORKS_TRIPOSG_DECODER_H

#include "networks/configuration.h"
#include "networks/layers.h"

enum { TRIPOSG_BLOCKS_MAX = 64, TRIPOSG_FREQUENCIES_MAX = 16 };

/* The box in which the reference looks for surfaces: from -1.005 to 1.005 along each axis, y up. */
#define TRIPOSG_REACH 1.005

typedef struct triposg_decoder_config {
    size_t channels;             /* of the latents */
    size_t width, heads, blocks; /* the mlp is four times as wide */
    size_t frequencies;          /* 1, 2, 4, ... times a coordinate */
} triposg_decoder_config;

triposg_decoder_config triposg_decoder_default(void);
void triposg_decoder_configure(configuration *from, triposg_decoder_config *config);

typedef struct triposg_block {
    norm *norm1, *norm3;
    linear *qkv, *out, *mlp_in, *mlp_out;
} triposg_block;

typedef struct triposg_decoder {
    triposg_decoder_config config;
    linear *post_quant;
    triposg_block blocks[TRIPOSG_BLOCKS_MAX];
    norm *norm_cross;
    linear *key_value;
    /* For points. */
    linear *proj_query;
    norm *norm2, *norm3;
    linear *query, *out, *mlp_in, *mlp_out;
    norm *norm_out;
    linear *proj_out;
} triposg_decoder;

lumen_status triposg_decoder_load(const triposg_decoder_config *config, layer_loader *in, triposg_decoder *out);

/* Only what points go through, for triposg_decoder_field with keys and values from elsewhere. */
lumen_status triposg_decoder_load_points(const triposg_decoder_config *config, layer_loader *in, triposg_decoder *out);

/* What points ask: (1, T, width) each, in the arena, as long as the caller lets them. */
typedef struct triposg_part {
    tensor keys, values;
} triposg_part;

/* latents (1, T, channels). Reports as "decoder", cancellable between blocks. */
void triposg_decoder_read(operators *run, const triposg_decoder *decoder, const tensor *latents, triposg_part *out);

/* The field at `count` points (x, y, z each). Any number of points: they are taken in chunks, and the arena is as it
 * was afterwards. A value depends on its point alone, not on what is asked with it (to the bit where products run on
 * AMX, else up to rounding). Thousands of points a call are several times as fast as a few. Errors: what the operators
 * note (LUMEN_ERROR_MEMORY, _CANCELLED). */
lumen_status triposg_decoder_field(operators *run, const triposg_decoder *decoder, const triposg_part *part,
                                   const float *points, size_t count, float *values, lumen_error *error);

/* Bounds, in elements: of reading a part of `tokens`, what stays of it, and of a field's chunk. */
size_t triposg_decoder_elements(const triposg_decoder_config *config, size_t tokens);
size_t triposg_part_elements(const triposg_decoder_config *config, size_t tokens);
size_t triposg_field_elements(const triposg_decoder_config *config, size_t tokens);

#endif
