/*
 * sdxl_unet.h: the network of SDXL (Turbo) that sees the noise in a picture.
 *
 *     sdxl_unet_config config = sdxl_unet_default();
 *     status = sdxl_unet_load(&config, &loader, unet);
 *     sdxl_unet_condition(run, unet, &context, &pooled, 512, unet_text);   // once for a picture
 *     tensor noise = sdxl_unet_forward(run, unet, unet_text, &latent, 999.0);   // once for a step
 *
 *     latent (1, h, w, 4) -> 3x3 -> down 320 -> down 640 + text -> down 1280 + text
 *                                 -> middle 1280 + text
 *                                 -> up 1280 + text -> up 640 + text -> up 320 -> group norm, SiLU, 3x3 -> noise
 *
 * Every resnet on the way down leaves its result on a stack, from which the way up takes them again. Time, the pooled
 * text and the sizes of the picture enter every resnet as one embedding. Podell et al., "SDXL: Improving Latent
 * Diffusion Models for High-Resolution Image Synthesis", 2023; Sauer et al., "Adversarial Diffusion Distillation",
 * 2023.
 */
#ifndef LUMEN_NETWORKS_SDXL_UNET_H
#define LUMEN_NETWORKS_SDXL_UNET_H

#include "networks/configuration.h"
#include "networks/resnet.h"
#include "networks/spatial_transformer.h"

enum {
    UNET_LEVELS_MAX = 4,
    UNET_RESNETS_MAX = 4,
    UNET_WIDTH_MAX = 4096,
    UNET_POOLED_MAX = 8192,
    UNET_SIZE_EMBEDDING_MAX = 1024
};

typedef struct sdxl_unet_config {
    size_t channels; /* of the latent, in and out */
    size_t levels, widths[UNET_LEVELS_MAX];
    bool attends[UNET_LEVELS_MAX]; /* whether a level has transformers */
    size_t depths[UNET_LEVELS_MAX], heads[UNET_LEVELS_MAX];
    size_t resnets;        /* of a level on the way down; one more on the way up */
    size_t context;        /* width of the text's tokens */
    size_t pooled;         /* width of the pooled text */
    size_t size_embedding; /* width of the embedding of each of the six sizes */
    size_t groups;
    float epsilon;
} sdxl_unet_config;

sdxl_unet_config sdxl_unet_default(void);
void sdxl_unet_configure(configuration *from, sdxl_unet_config *config);

/* About the most that its activations take for a latent of h by w and a text of `tokens`, in elements. */
size_t sdxl_unet_elements(const sdxl_unet_config *config, size_t height, size_t width, size_t tokens);

typedef struct unet_level {
    size_t resnet_count;
    resnet resnets[UNET_RESNETS_MAX];
    spatial_transformer transformers[UNET_RESNETS_MAX]; /* depth 0: none */
    convolution *resample;                              /* NULL: none */
} unet_level;

typedef struct sdxl_unet {
    sdxl_unet_config config;
    convolution *conv_in, *conv_out;
    linear *time1, *time2, *added1, *added2;
    unet_level down[UNET_LEVELS_MAX], up[UNET_LEVELS_MAX];
    resnet middle[2];
    spatial_transformer middle_transformer;
    norm *norm_out;
} sdxl_unet;

lumen_status sdxl_unet_load(const sdxl_unet_config *config, layer_loader *in, sdxl_unet *out);

/* What of a picture is the same at every step. Its tensors live in the arena. */
typedef struct sdxl_unet_text {
    text_attention down[UNET_LEVELS_MAX][UNET_RESNETS_MAX], up[UNET_LEVELS_MAX][UNET_RESNETS_MAX], middle;
    tensor added; /* (1, T): embedding of the pooled text and the sizes */
} sdxl_unet_text;

/* context (1, 77, context), pooled (1, pooled); the picture has `size` by `size` pixels. */
void sdxl_unet_condition(operators *run, const sdxl_unet *unet, const tensor *context, const tensor *pooled,
                         size_t size, sdxl_unet_text *out);

/* latent (1, h, w, channels), h and w multiples of 2^(levels - 1); `timestep` as the scheduler counts, 0 to 999.
 * Returns the noise, of the latent's sizes. Reports as "UNet", cancellable between blocks. */
tensor sdxl_unet_forward(operators *run, const sdxl_unet *unet, const sdxl_unet_text *text, const tensor *latent,
                         double timestep);

#endif
