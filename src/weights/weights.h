/*
 * weights.h: the official weights: which files a model has, where they lie here, and how they come.
 *
 *     const weights_model *turbo = weights_model_of("sdxl-turbo");
 *     weights_state state;
 *     status = weights_look(turbo, NULL, &state, &error);     // complete here? what is missing?
 *     if (state.missing > 0)
 *         status = weights_pull(turbo, &options, &error);     // resumes, verifies, shows progress
 *
 * A model lies in the folder of its name in the folder of all models, and its files keep the names of their repository;
 * so a folder that another program has downloaded is usable as it is: put it, or a link to it, there, or name it.
 * A file that is there is whole: it is downloaded beside its place as NAME.part, its size and SHA-256 are checked where
 * they are known, and then it is renamed. Licences are shown and accepted once; the acceptance is a file beside the
 * weights.
 */
#ifndef LUMEN_WEIGHTS_WEIGHTS_H
#define LUMEN_WEIGHTS_WEIGHTS_H

#include "base/error.h"

enum { WEIGHTS_FILES_MAX = 1024, WEIGHTS_MODELS_MAX = 256, WEIGHTS_PATH_BYTES = 4096 };

/* The hub that is asked where none is named. */
#define WEIGHTS_HUB "https://huggingface.co"

typedef struct weights_file {
    const char *path;   /* within the repository: "unet/diffusion_pytorch_model.fp16.safetensors" */
    uint64_t bytes;     /* 0: unknown */
    const char *sha256; /* 64 hexadecimal digits; NULL: unknown */
    bool estimated;     /* whether `bytes` is only about right */
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

/* ---- Which models there are ------------------------------------------------------------------------------------- */

/* Those that Lumen knows. */
size_t weights_model_count(void);
const weights_model *weights_model_at(size_t index);
const weights_model *weights_model_of(const char *name); /* NULL: none */

/* The same and those of a file of the operator's, for mirrors and models of their own; what it names like one of ours
 * takes its place:
 *
 *     {"models": [{"name": "tiny", "purpose": "text to picture", "repository": "me/tiny", "revision": "main",
 *                  "licence": "MIT", "terms": "Do as you like.", "accept": false,
 *                  "files": [{"path": "unet/model.safetensors", "bytes": 123, "sha256": "..."}]}]}
 *
 * bytes and sha256 may be left out, as may revision (main), terms and accept (false). */
typedef struct weights_catalog weights_catalog;

/* `path` may be NULL: ours alone. Errors: LUMEN_ERROR_INVALID (a name that would leave its folder, ...), _IO, _MEMORY.
 */
lumen_status weights_catalog_open(const char *path, weights_catalog **out, lumen_error *error);
lumen_status weights_catalog_from_bytes(const char *name, const void *bytes, size_t size, weights_catalog **out,
                                        lumen_error *error);
void weights_catalog_close(weights_catalog *catalog);
size_t weights_catalog_count(const weights_catalog *catalog);
const weights_model *weights_catalog_at(const weights_catalog *catalog, size_t index);
const weights_model *weights_catalog_of(const weights_catalog *catalog, const char *name); /* NULL: none */

/* ---- What is here ----------------------------------------------------------------------------------------------- */

/* The folder of all models: `folder`, else LUMEN_MODELS, else $XDG_DATA_HOME/lumen/models, else
 * ~/.local/share/lumen/models. */
lumen_status weights_folder(const char *folder, char *out, size_t capacity, lumen_error *error);

typedef struct weights_state {
    char folder[WEIGHTS_PATH_BYTES]; /* of this model */
    size_t present, missing;         /* files */
    uint64_t bytes_present, bytes_missing;
    uint64_t bytes_partial; /* of the missing ones, already here */
    bool accepted;          /* or nothing to accept */
} weights_state;

/* A file counts as present when it has its size. `folder`: as for weights_folder, or a folder that itself holds files
 * of the model: it then is the model's. */
lumen_status weights_look(const weights_model *model, const char *folder, weights_state *out, lumen_error *error);

/* The path of one file; `folder` is a state's. Errors: LUMEN_ERROR_INVALID when it is too long. */
lumen_status weights_path(const char *folder, const weights_file *file, char *out, size_t capacity, lumen_error *error);

/* Whether that file is here with its size. */
bool weights_file_present(const char *folder, const weights_file *file);

/* Writes the acceptance of the model's licence beside its weights. */
lumen_status weights_accept(const weights_model *model, const char *folder, lumen_error *error);

/* ---- How it comes ----------------------------------------------------------------------------------------------- */

/* Called as bytes arrive, and a few times a second when none do: `done` of the `total` bytes that were missing, all
 * files together; `file` is the last that moved. Return false to stop: what has arrived stays and is resumed. */
typedef bool (*weights_progress)(void *user, const char *file, uint64_t done, uint64_t total, double bytes_per_second);

typedef struct weights_pull_options {
    const char *folder;     /* as for weights_look */
    const char *mirror;     /* NULL: LUMEN_MODEL_HUB, else WEIGHTS_HUB */
    const char *token;      /* NULL: LUMEN_HUB_TOKEN, HF_TOKEN; "": none. Sent to the mirror's host alone, and only over
                               https or to this machine. */
    unsigned parallel;      /* files at once; 0: 3; at most 16 */
    unsigned attempts;      /* of a file that stalls or breaks off, without a byte in between; 0: 5 */
    unsigned stall_seconds; /* without a byte, after which a transfer begins anew; 0: 30 */
    bool accept_licence;
    bool offline; /* fails instead of asking the network */
    bool verify;  /* files that are here are hashed too, and fetched anew when they are wrong */
    weights_progress progress;
    void *progress_user;
} weights_pull_options;

/* Makes the model complete, in one thread. Two pulls of one model exclude each other.
 * Errors: LUMEN_ERROR_INVALID (licence not accepted, wrong bytes, no access), LUMEN_ERROR_IO (network, disk, space),
 * LUMEN_ERROR_UNAVAILABLE (offline and incomplete), LUMEN_ERROR_CANCELLED, LUMEN_ERROR_MEMORY. */
lumen_status weights_pull(const weights_model *model, const weights_pull_options *options, lumen_error *error);

#endif
