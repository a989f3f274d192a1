/*
 * clip_text.h: the text encoders of CLIP: token ids become the context that a picture is painted from.
 *
 *     clip_text_config config = clip_text_large();                       // or clip_text_big
 *     clip_text encoder;
 *     status = clip_text_load(&config, &loader, &encoder);
 *     tensor context = clip_text_forward(run, &encoder, ids, &pooled);    // (1, 77, W)
 *
 *     ids (77) -> token + position embedding -> L x [ x += attention(norm(x)), causal
 *                                                      x += mlp(norm(x)) ]
 *     context: what the last layer but one leaves behind, without the final norm
 *     pooled:  final norm of the row at the end of the text, projected
 *
 * SDXL uses two: ViT-L/14 of OpenAI (width 768, no projection: its last layer is not even loaded) and ViT-bigG/14 of
 * OpenCLIP (width 1280, with projection). Radford et al., "Learning Transferable Visual Models From Natural Language
 * Supervision", 2021.
 */
#ifndef LUMEN_NETWORKS_CLIP_TEXT_H
#define LUMEN_NETWORKS_CLIP_TEXT_H

#include "networks/configuration.h"
#include "networks/layers.h"

enum { CLIP_LAYERS_MAX = 48, CLIP_POSITIONS_MAX = 77 };

typedef struct clip_text_config {
    size_t width, layers, heads, hidden; /* hidden: width of the mlp */
    size_t vocabulary, positions;
    size_t projection; /* 0: none */
    int32_t end;       /* id of the end of text; 2 means what it meant in old files: the largest id */
    activation activation;
    float epsilon;
} clip_text_config;

clip_text_config clip_text_large(void); /* ViT-L/14 */
clip_text_config clip_text_big(void);   /* ViT-bigG/14 with its projection */

/* Overwrites what a config.json says otherwise; faults are told by configuration_close. */
void clip_text_configure(configuration *from, clip_text_config *config);

typedef struct clip_layer {
    norm *norm1, *norm2;
    linear *qkv, *attention_out, *mlp_in, *mlp_out;
} clip_layer;

typedef struct clip_text {
    clip_text_config config;
    const char *title; /* the loader's name of the network, for progress */
    embedding *tokens, *positions;
    clip_layer layers[CLIP_LAYERS_MAX];
    norm *final_norm;
    linear *projection;
} clip_text;

lumen_status clip_text_load(const clip_text_config *config, layer_loader *in, clip_text *out);

/* ids (positions). Returns (1, T, W); `pooled` becomes (1, projection) and may be NULL for an encoder without. Reports
 * after each layer, and may be cancelled there. */
tensor clip_text_forward(operators *run, const clip_text *encoder, const int32_t *ids, tensor *pooled);

#endif
