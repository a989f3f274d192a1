/*
 * weights.h: the official weights: which files a model has, where they lie here, and how they come.
 *
 *     const weights_model *turbo = weights_model_of("sdxl-turbo");
 *     weights_place place;
 *     status = weights_find(turbo, folder, &place, &error);  // complete here? which files are missing?
 *     status = weights_pull(turbo, &options, &error);        // resumes, verifies, shows progress
 *
 * Files keep the names of their repositories, so that a folder that another program has downloaded is usable as it is.
 * A file that is there is whole: it is downloaded beside its place as NAME.part, its SHA-256 checked where it is known,
 * and then renamed. Licences are shown and accepted once; the acceptance is a file beside the weights.
 */
#ifndef LUMEN_WEIGHTS_WEIGHTS_H
#define LUMEN_WEIGHTS_WEIGHTS_H

#include "base/error.h"

typedef struct weights_file {
    const char *path;   /* within the repository: "unet/diffusion_pytorch_model.fp16.safetensors" */
    uint64_t bytes;     /* 0: unknown */
    const char *sha256; /* 64 hexadecimal digits; NULL: unknown */
} weights_file;

typedef struct weights_model {
    const char *name;       /* "sdxl-turbo" */
    const char *purpose;    /* "text to picture" */
    const char *repository; /* "stabilityai/sdxl-turbo" */
    const char *revision;   /* "main" */
    const char *licence;    /* its name */
    const char *terms;      /* one or two sentences about what it allows, for people */
    bool accept;            /* whether it must be accepted before the first download */
    size_t file_count;
    const weights_file *files;
} weights_model;

size_t weights_model_count(void);
const weights_model *weights_model_at(size_t index);
const weights_model *weights_model_of(const char *name); /* NULL: none */

/* The folder of all models: `folder`, else LUMEN_MODELS, else $XDG_DATA_HOME/lumen/models, else
 * ~/.local/share/lumen/models. */
lumen_status weights_folder(const char *folder, char *out, size_t capacity, lumen_error *error);

typedef struct weights_state {
    char folder[4096];      /* of this model */
    size_t present, missing; /* files */
    uint64_t bytes_present, bytes_missing;
    bool accepted;
} weights_state;

lumen_status weights_look(const weights_model *model, const char *folder, weights_state *out, lumen_error *error);

/* Called as bytes arrive; return false to stop (what has arrived stays and is resumed). */
typedef bool (*weights_progress)(void *user, const char *file, uint64_t done, uint64_t total, double bytes_per_second);

typedef struct weights_pull_options {
    const char *folder;  /* as for weights_folder */
    const char *mirror;  /* NULL: LUMEN_MODEL_HUB, else the model hub's address */
    const char *token;   /* NULL: LUMEN_HUB_TOKEN, HF_TOKEN; sent to the mirror's host alone */
    unsigned parallel;   /* files at once; 0: 3 */
    unsigned attempts;   /* of a file that stalls or breaks off; 0: 5 */
    bool accept_licence;
    bool offline;        /* fails instead of asking the network */
    weights_progress progress;
    void *progress_user;
} weights_pull_options;

/* Errors: LUMEN_ERROR_INVALID (licence not accepted, wrong bytes), LUMEN_ERROR_IO (network, disk, space). */
lumen_status weights_pull(const weights_model *model, const weights_pull_options *options, lumen_error *error);

#endif
