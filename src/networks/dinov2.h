/*
 * dinov2.h: DINOv2, which turns a picture into tokens that say what is where in it.
 *
 *     dinov2_config config = dinov2_default();                        // ViT-L/14 of 224 x 224 pixels
 *     dinov2 encoder;
 *     status = dinov2_load(&config, &loader, &encoder);
 *     float *patches = malloc(dinov2_value_count(&config) * sizeof *patches);
 *     status = dinov2_prepare(&config, &picture, patches, &error);    // resized, cropped, normalized, cut up
 *     tensor tokens = dinov2_forward(run, &encoder, patches);         // (1, 257, 1024)
 *
 *     16 x 16 patches of 14 x 14 pixels -> linear, + position; before them one class token
 *     -> L x [ x += scale1 * attention(norm(x))
 *              x += scale2 * mlp(norm(x)) ] -> norm of all tokens
 *
 * The positions were learned for 37 x 37 patches and are resized once, when they are loaded; the scales are folded into
 * the layers before them. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023.
 */
#ifndef LUMEN_NETWORKS_DINOV2_H
#define LUMEN_NETWORKS_DINOV2_H

#include "networks/configuration.h"
#include "networks/layers.h"
#include "picture/picture.h"

enum { DINOV2_LAYERS_MAX = 48, DINOV2_TOKENS_MAX = 1025 };

typedef struct dinov2_config {
    size_t width, layers, heads, hidden; /* hidden: width of the mlp */
    size_t patch;                        /* pixels */
    size_t trained;                      /* width and height in pixels that the positions were learned for: 518 */
    size_t resized, cropped;             /* of the picture: its shorter side becomes 256, its middle 224 x 224 */
    float mean[3], deviation[3];         /* of the colors, 0 to 1 */
    float epsilon;
} dinov2_config;

dinov2_config dinov2_default(void); /* DINOv2-L as PartCrafter uses it */

/* Overwrites what a config.json says otherwise; faults are told by configuration_close. */
void dinov2_configure(configuration *from, dinov2_config *config);

size_t dinov2_tokens(const dinov2_config *config);      /* 257 */
size_t dinov2_value_count(const dinov2_config *config); /* of all patches: 256 x (3 * 14 * 14) */

typedef struct dinov2_layer {
    norm *norm1, *norm2;
    linear *qkv, *attention_out, *mlp_in, *mlp_out;
} dinov2_layer;

typedef struct dinov2 {
    dinov2_config config;
    linear *patches;
    embedding *positions; /* (tokens, width): row 0 is the class token with its position */
    dinov2_layer layers[DINOV2_LAYERS_MAX];
    norm *final_norm;
} dinov2;

lumen_status dinov2_load(const dinov2_config *config, layer_loader *in, dinov2 *out);

/* The picture as the encoder takes it: its shorter side resized to `resized` with Pillow's bicubic filter (in 8 bits,
 * to the same bytes), its middle cut out, its colors normalized. `patches` (tokens - 1, 3 * patch * patch) f32: row by
 * row of the picture, each in the order (color, row, column). Errors: LUMEN_ERROR_INVALID for an empty picture,
 * LUMEN_ERROR_MEMORY. */
lumen_status dinov2_prepare(const dinov2_config *config, const picture_image *picture, float *patches,
                            lumen_error *error);

/* patches as above -> (1, tokens, width). Reports as "image encoder", cancellable between layers. */
tensor dinov2_forward(operators *run, const dinov2 *encoder, const float *patches);

/* The most that its activations take, in elements. */
size_t dinov2_elements(const dinov2_config *config);

#endif
