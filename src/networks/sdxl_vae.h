/*
 * sdxl_vae.h: the decoder of SDXL's autoencoder: a latent of 4 channels becomes a picture eight times as wide.
 *
 *     sdxl_vae_config config = sdxl_vae_default();
 *     status = sdxl_vae_load(&config, &loader, vae);
 *     tensor picture = sdxl_vae_decode(run, vae, &latent);    // (1, 8h, 8w, 3), about -1 to 1
 *
 *     latent -> 1x1, 3x3 to 512 -> resnet, attention over all pixels (one head), resnet
 *            -> 3 resnets 512, 2x -> 3 resnets 512, 2x -> 3 resnets 256, 2x -> 3 resnets 128
 *            -> group norm, SiLU, 3x3 to 3
 *
 * Activations here leave the range of f16: they are bf16 or f32. The widest picture, 256 channels at full size, is the
 * most memory that SDXL needs for activations; so the decoder paints on two canvases in turn.
 */
#ifndef LUMEN_NETWORKS_SDXL_VAE_H
#define LUMEN_NETWORKS_SDXL_VAE_H

#include "networks/configuration.h"
#include "networks/resnet.h"

enum { VAE_LEVELS_MAX = 5, VAE_RESNETS_MAX = 4 };

typedef struct sdxl_vae_config {
    size_t latent_channels, picture_channels;
    size_t levels, widths[VAE_LEVELS_MAX]; /* as the configuration lists them: the decoder goes from last to first */
    size_t resnets;                        /* of a level of the encoder; the decoder has one more */
    size_t groups;
    double scaling; /* a latent is divided by this */
} sdxl_vae_config;

sdxl_vae_config sdxl_vae_default(void);
void sdxl_vae_configure(configuration *from, sdxl_vae_config *config);

/* How much wider a picture is than its latent: 8. */
size_t sdxl_vae_factor(const sdxl_vae_config *config);

/* The most that a decoder's activations take for a latent of h by w, in elements. */
size_t sdxl_vae_elements(const sdxl_vae_config *config, size_t height, size_t width);

typedef struct vae_level {
    resnet resnets[VAE_RESNETS_MAX];
    convolution *upsample; /* NULL: none */
} vae_level;

typedef struct sdxl_vae {
    sdxl_vae_config config;
    convolution *post_quant, *conv_in, *conv_out;
    resnet middle[2];
    norm *attention_norm;
    linear *attention_qkv, *attention_out;
    vae_level up[VAE_LEVELS_MAX];
    norm *norm_out;
} sdxl_vae;

lumen_status sdxl_vae_load(const sdxl_vae_config *config, layer_loader *in, sdxl_vae *out);

/* latent (1, h, w, 4), already divided by the scaling factor. Reports as "VAE", cancellable between blocks. */
tensor sdxl_vae_decode(operators *run, const sdxl_vae *vae, const tensor *latent);

#endif
