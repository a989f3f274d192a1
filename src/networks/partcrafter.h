/*
 * partcrafter.h: the tokens of a picture become the latents of parts, and these become fields in space.
 *
 *     partcrafter *model;
 *     partcrafter_options options = {.path = "models/partcrafter"};
 *     partcrafter_request request = {.image = tokens, .image_tokens = 257, .parts = 4, .seed = 7};
 *     status = partcrafter_open(&options, &model, &error);          // looks at the files, says what memory it needs
 *     status = partcrafter_load(model, &error);                     // reads the weights
 *     status = partcrafter_sample(model, &request, latents, &error);       // (parts, tokens, 64)
 *     for (size_t part = 0; part < 4; part++) {
 *         status = partcrafter_begin_part(model, latents + part * 1024 * 64, 1024, &error);
 *         status = partcrafter_field(model, points, count, values, &error);     // as often as wanted
 *     }
 *     partcrafter_close(model);
 *
 *     noise (N, T, 64) -> steps x [ DiT without and with the picture -> guidance -> a step of the flow ]
 *     -> for each part the decoder of TripoSG -> field
 *
 * The picture's tokens are those of DINOv2-L (257, 1024), the final norm included. A model belongs to one thread at a
 * time; several models work side by side.
 */
#ifndef LUMEN_NETWORKS_PARTCRAFTER_H
#define LUMEN_NETWORKS_PARTCRAFTER_H

#include "networks/partcrafter_dit.h"
#include "networks/rectified_flow.h"
#include "networks/triposg_field.h"
#include "networks/weight_file.h"

typedef struct partcrafter partcrafter;

/* What the reference does when nothing is said. */
enum { PARTCRAFTER_TOKENS = 1024, PARTCRAFTER_STEPS = 50, PARTCRAFTER_IMAGE_TOKENS_MAX = 4096 };
#define PARTCRAFTER_GUIDANCE 7.0f

/* ---- Configuration --------------------------------------------------------------------------------------- */

typedef struct partcrafter_config {
    partcrafter_dit_config dit;
    triposg_decoder_config decoder;
    rectified_flow_config flow;
} partcrafter_config;

partcrafter_config partcrafter_default(void);

/* ---- Opening --------------------------------------------------------------------------------------------- */

typedef enum partcrafter_network { PARTCRAFTER_DIT, PARTCRAFTER_DECODER, PARTCRAFTER_NETWORKS } partcrafter_network;

typedef struct partcrafter_options {
    const char *path;   /* the model's folder */
    const char *device; /* as for operators_open */
    unsigned threads;
    tensor_type type;
    size_t parts_max, tokens_max; /* of requests; 0: 16 and 2048 */
    bool low_memory;              /* each network is loaded when it is needed and given back when the other one is */
    bool trust_memory;            /* does not ask whether the machine has enough */
    bool (*allow)(void *user, size_t bytes); /* as for operators_open: asked before memory is taken */
    void *allow_user;
} partcrafter_options;

/* What it takes, in bytes. Activations are those of a request of 4 parts of 1024 tokens, or of the most that the
 * options allow where that is less. */
typedef struct partcrafter_needs {
    size_t weights[PARTCRAFTER_NETWORKS];
    size_t activations[PARTCRAFTER_NETWORKS];
    size_t peak;      /* with these options */
    size_t low_peak;  /* with low_memory */
    size_t available; /* of the machine, now */
} partcrafter_needs;

/* Looks at all files, whether every tensor is there, and what memory they will take; reads no weights. Errors:
 * LUMEN_ERROR_UNAVAILABLE when files are missing, LUMEN_ERROR_INVALID when they are not PartCrafter's,
 * LUMEN_ERROR_MEMORY when the machine has too little. */
lumen_status partcrafter_open(const partcrafter_options *options, partcrafter **out, lumen_error *error);
void partcrafter_close(partcrafter *model); /* NULL is fine */

const partcrafter_config *partcrafter_config_of(const partcrafter *model);
const partcrafter_needs *partcrafter_needs_of(const partcrafter *model);
const operators *partcrafter_operators(const partcrafter *model, partcrafter_network network);

/* Who is told how far it is, and may stop it. NULL: nobody. Stages are "DiT" and "decoder", for their weights and their
 * work; a fraction is of the call under way. */
void partcrafter_watch(partcrafter *model, lumen_progress progress, void *user);

/* Reads all weights; nothing with low_memory, and nothing the second time. */
lumen_status partcrafter_load(partcrafter *model, lumen_error *error);

/* ---- Latents --------------------------------------------------------------------------------------------- */

typedef enum partcrafter_memory {
    PARTCRAFTER_MEMORY_FITTING = 0, /* together where that is faster and fits */
    PARTCRAFTER_MEMORY_TOGETHER,    /* both branches of the guidance in one pass */
    PARTCRAFTER_MEMORY_ALTERNATING  /* one after the other */
} partcrafter_memory;

/* Zero in any field but `image`, `image_tokens` and `parts` means the usual. */
typedef struct partcrafter_request {
    const float *image; /* (image_tokens, 1024) */
    size_t image_tokens;
    size_t parts;   /* 1 to 16 */
    size_t tokens;  /* of a part; 0: 1024 */
    size_t steps;   /* 0: 50 */
    float guidance; /* 0: 7; 1: none, which halves the work */
    /* Guidance is given at the steps whose sigma lies within [from, until], which says where of the way from noise (1)
     * to object (0); both 0: at all steps. Elsewhere the conditional branch alone decides. */
    float guidance_from, guidance_until;
    uint64_t seed;
    const float *noise; /* (parts, tokens, 64), standard normal, to start from; NULL: of the seed */
    /* The reference numbers the parts of both branches through, so that the conditional parts of a guided step count
     * from `parts` on, which is what it was measured with. Here: whether they count from 0, as in training. */
    bool part_ids_from_zero;
    partcrafter_memory memory;
} partcrafter_request;

/* latents (parts, tokens, 64). Loads what is not loaded. The same request gives the same bytes on the same machine.
 * Errors: LUMEN_ERROR_INVALID for a request out of bounds, LUMEN_ERROR_CANCELLED, LUMEN_ERROR_MEMORY,
 * LUMEN_ERROR_FAILED when the result is no numbers. */
lumen_status partcrafter_sample(partcrafter *model, const partcrafter_request *request, float *latents,
                                lumen_error *error);

/* What a request costs, in multiplications: of the DiT, all steps; of the decoder before its first point; and for each
 * point. */
typedef struct partcrafter_work {
    double sample, begin_part, point;
} partcrafter_work;

partcrafter_work partcrafter_work_of(const partcrafter_config *config, const partcrafter_request *request);

/* ---- Fields ---------------------------------------------------------------------------------------------- */

/* Makes a part ready for points, in place of the one before; `latents` are (tokens, 64). Errors as above. */
lumen_status partcrafter_begin_part(partcrafter *model, const float *latents, size_t tokens, lumen_error *error);

/* The field of that part at `count` points (x, y, z each): negative inside, positive outside; see triposg_decoder.h.
 * In bf16, values so small that their sign is in doubt are those of f32; see triposg_field.h. */
lumen_status partcrafter_field(partcrafter *model, const float *points, size_t count, float *values,
                               lumen_error *error);

/* ---- Times ----------------------------------------------------------------------------------------------- */

/* In seconds, since the last call of partcrafter_sample began. */
typedef struct partcrafter_timings {
    double load, dit, trunk, field;
    uint64_t points, doubtful; /* asked, and of them asked again in f32 */
} partcrafter_timings;

const partcrafter_timings *partcrafter_timings_of(const partcrafter *model);

#endif
