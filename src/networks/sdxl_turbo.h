/*
 * sdxl_turbo.h: a text becomes a picture: tokenizer, two text encoders, UNet, sampler and decoder in one.
 *
 *     sdxl_turbo *model;
 *     sdxl_turbo_options options = {.path = "models/sdxl-turbo"};
 *     sdxl_turbo_request request = {.prompt = "a horse galloping, white background", .steps = 1, .seed = 7};
 *     picture_image picture;
 *     status = sdxl_turbo_open(&options, &model, &error);              // looks at the files, says what memory it needs
 *     status = sdxl_turbo_load(model, &error);                         // reads the weights
 *     status = sdxl_turbo_paint(model, &request, &picture, &error);    // 512 x 512 RGB
 *     picture_free(&picture);
 *     sdxl_turbo_close(model);
 *
 *     prompt -> ids (77) x 2 -> context (77, 768 + 1280), pooled (1280)
 *     noise (4, 64, 64) -> steps x [ UNet at the step's noise level -> less noise ] -> / 0.13025 -> VAE -> RGB
 *
 * Guidance is off, as the model was distilled for: one pass of the UNet a step, no negative prompt. A model belongs to
 * one thread at a time; several models work side by side.
 */
#ifndef LUMEN_NETWORKS_SDXL_TURBO_H
#define LUMEN_NETWORKS_SDXL_TURBO_H

#include "networks/checkpoint.h"
#include "networks/clip_text.h"
#include "networks/euler_ancestral.h"
#include "networks/sdxl_unet.h"
#include "networks/sdxl_vae.h"
#include "picture/picture.h"

typedef struct sdxl_turbo sdxl_turbo;

enum {
    SDXL_TURBO_SIZE_DEFAULT = 512,
    SDXL_TURBO_SIZE_MIN = 64,
    SDXL_TURBO_SIZE_MAX = 1024,
    SDXL_TURBO_SIZE_MULTIPLE = 64
};

/* ---- Configuration --------------------------------------------------------------------------------------- */

typedef struct sdxl_turbo_config {
    clip_text_config text[2];
    sdxl_unet_config unet;
    sdxl_vae_config vae;
    euler_ancestral_config sampler;
} sdxl_turbo_config;

sdxl_turbo_config sdxl_turbo_default(void);

/* What the config.json files of the checkpoint say, and whether the parts fit each other. */
lumen_status sdxl_turbo_configure(const checkpoint *files, sdxl_turbo_config *out, lumen_error *error);

/* ---- Opening --------------------------------------------------------------------------------------------- */

typedef struct sdxl_turbo_options {
    const char *path;   /* the model's folder, or its single file */
    const char *device; /* as for operators_open */
    unsigned threads;
    tensor_type type;
    size_t size_max;   /* of pictures; 0: 512 */
    bool low_memory;   /* each part is loaded when it is needed and given back after it, for every picture */
    bool trust_memory; /* does not ask whether the machine has enough */
    bool (*allow)(void *user, size_t bytes); /* as for operators_open: asked before memory is taken */
    void *allow_user;
} sdxl_turbo_options;

/* What it takes, in bytes. */
typedef struct sdxl_turbo_needs {
    size_t weights[CHECKPOINT_PARTS];
    size_t activations[CHECKPOINT_PARTS];
    size_t peak;      /* with these options */
    size_t low_peak;  /* with low_memory */
    size_t available; /* of the machine, now */
} sdxl_turbo_needs;

/* Looks at all files, whether every tensor is there, and what memory they will take; reads no weights. Errors:
 * LUMEN_ERROR_UNAVAILABLE when files are missing, LUMEN_ERROR_INVALID when they are not SDXL's, LUMEN_ERROR_MEMORY when
 * the machine has too little. */
lumen_status sdxl_turbo_open(const sdxl_turbo_options *options, sdxl_turbo **out, lumen_error *error);
void sdxl_turbo_close(sdxl_turbo *model);

const sdxl_turbo_needs *sdxl_turbo_needs_of(const sdxl_turbo *model);
const operators *sdxl_turbo_operators(const sdxl_turbo *model); /* for its device and its costs */

/* Who is told how far a load or a picture is, and may stop it. NULL: nobody. Stages are "text encoder", "text encoder
 * 2", "UNet", "VAE", for their weights and their work. */
void sdxl_turbo_watch(sdxl_turbo *model, lumen_progress progress, void *user);

/* Reads all weights; nothing with low_memory, and nothing the second time. */
lumen_status sdxl_turbo_load(sdxl_turbo *model, lumen_error *error);

/* ---- Painting -------------------------------------------------------------------------------------------- */

/* Zero in any field but `prompt` means the usual. */
typedef struct sdxl_turbo_request {
    const char *prompt;
    const int32_t *ids[2]; /* 77 for each text encoder, instead of the prompt; NULL: of the prompt */
    size_t steps;          /* 0: 1 */
    size_t size;           /* of the picture; a multiple of 64; 0: 512 */
    uint64_t seed;
    const float *latents; /* (4, h, w) standard normal: the noise to start from; NULL: of the seed */
    const float *fresh;   /* (steps - 1, 4, h, w): the noise that each step but the last adds; NULL: of the seed */
} sdxl_turbo_request;

/* Loads what is not loaded. Errors: LUMEN_ERROR_INVALID for a request out of bounds, LUMEN_ERROR_CANCELLED,
 * LUMEN_ERROR_MEMORY, LUMEN_ERROR_FAILED when the result is no picture. */
lumen_status sdxl_turbo_paint(sdxl_turbo *model, const sdxl_turbo_request *request, picture_image *out,
                              lumen_error *error);

/* Of the last picture, in seconds. `steps` are all steps of the UNet together. */
typedef struct sdxl_turbo_timings {
    double load, text, unet, vae, total;
} sdxl_turbo_timings;

const sdxl_turbo_timings *sdxl_turbo_timings_of(const sdxl_turbo *model);

#endif
