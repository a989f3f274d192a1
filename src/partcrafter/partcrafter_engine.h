/*
 * partcrafter_engine.h: the engine "partcrafter": a word is painted, what the picture shows is taken apart, and each
 * part gets its name.
 *
 *     partcrafter_engine *made;
 *     partcrafter_engine_options options = {.models = "/var/lib/lumen/models"};
 *     status = partcrafter_engine_open(&options, shapes, &made, &error);      // looks at nothing yet
 *     const engine *one = partcrafter_engine_base(made);
 *     status = one->check(one, &error);                                       // are all weights there?
 *     status = one->generate(one, &request, scratch, memory, &result, &error);
 *     partcrafter_engine_close(made);
 *
 *     stage            what happens                                                      room
 *     image            prompt -> SDXL Turbo -> 512 x 512 picture                         networks/sdxl_turbo.h
 *     cutout           picture -> IS-Net -> mask -> the thing alone on white             networks/isnet.h, cutout
 *     encode           -> DINOv2 -> 257 tokens                                           networks/dinov2.h
 *     part_diffusion   noise, tokens -> PartCrafter's DiT -> latents of each part        networks/partcrafter.h
 *     surface          latents -> TripoSG's decoder -> field -> adaptive surface         geometry/surface.h
 *     naming           laid over the procedural shape of the same concept -> names       naming
 *
 * A request with a picture begins at "cutout". The stages are what progress tells, with fractions of the whole.
 *
 * What can go wrong, and what is said then (the pipeline answers with the procedural shape where "auto" was asked for
 * and the picture was our own):
 * - a part without a surface, or whose field fills the box, is left out; when fewer than two are left of several that
 *   were asked for, or none of one: LUMEN_ERROR_FAILED;
 * - a picture that shows nothing: LUMEN_ERROR_INVALID when it was given, LUMEN_ERROR_FAILED when it was painted here;
 * - weights that are missing: LUMEN_ERROR_UNAVAILABLE; damaged or another network's: LUMEN_ERROR_INVALID;
 * - too little memory, which is found out before anything is loaded, and memory that runs out: LUMEN_ERROR_MEMORY;
 * - more parts than the model numbers: LUMEN_ERROR_INVALID.
 * After each of them the next request works.
 *
 * Threads: any number may call generate; one works at a time and the others wait, which they can be called off from.
 * Networks use threads of their own (`threads`). Cancellation is taken between the blocks of a network.
 *
 * Memory: before the first weight is read, what each stage needs is known from the headers of the files. When all of
 * it fits the budget, networks stay loaded for the next request; else each is given back after its stage; else, or with
 * low_memory, so are the parts of SDXL Turbo.
 */
#ifndef LUMEN_PARTCRAFTER_PARTCRAFTER_ENGINE_H
#define LUMEN_PARTCRAFTER_PARTCRAFTER_ENGINE_H

#include "engine/engine.h"
#include "picture/picture.h"
#include "procedural/sculpt.h"
#include "tensor/tensor.h"

typedef struct partcrafter_engine partcrafter_engine;

typedef struct partcrafter_engine_options {
    const char *models;     /* the folder with sdxl-turbo, rmbg-1.4 and partcrafter in it; copied */
    const char *device;     /* as for operators_open; copied */
    unsigned threads;       /* 0: one for each core */
    tensor_type type;       /* TENSOR_NONE: bf16 where the processor multiplies it */
    uint64_t memory_budget; /* bytes; 0: what the machine has free when it is asked */
    bool low_memory;
    bool (*allow)(void *user, size_t bytes); /* as for operators_open */
    void *allow_user;
} partcrafter_engine_options;

/* `shapes` names the parts; it must outlive the engine. Errors: LUMEN_ERROR_MEMORY, LUMEN_ERROR_INVALID (a path that is
 * too long). */
lumen_status partcrafter_engine_open(const partcrafter_engine_options *options, const sculpt_library *shapes,
                                     partcrafter_engine **out, lumen_error *error);
void partcrafter_engine_close(partcrafter_engine *made); /* NULL is fine; nobody may be using it */

/* The engine as all engines look; lives as long. */
const engine *partcrafter_engine_base(const partcrafter_engine *made);

/* Gives the networks back that are kept for the next request. Waits for one that is at work. */
void partcrafter_engine_release(partcrafter_engine *made);

/* ---- Its models -------------------------------------------------------------------------------------------- */

/* The lightest first. */
typedef enum partcrafter_model {
    PARTCRAFTER_MODEL_CUTTER = 0, /* "rmbg-1.4" */
    PARTCRAFTER_MODEL_ENCODER,    /* "dinov2", of partcrafter's files */
    PARTCRAFTER_MODEL_MAKER,      /* "partcrafter" */
    PARTCRAFTER_MODEL_PAINTER,    /* "sdxl-turbo" */
    PARTCRAFTER_MODELS
} partcrafter_model;

const char *partcrafter_model_name(partcrafter_model which);

/* Whether its files are there, by name. Errors: LUMEN_ERROR_UNAVAILABLE, with how to get them. */
lumen_status partcrafter_engine_check_model(const engine *self, partcrafter_model which, lumen_error *error);

/* Loads one before a request needs it, and keeps it, where the budget lets all of them be kept: *bytes is what it then
 * holds. Elsewhere looks at the headers of its files, and *bytes is 0: it is loaded for its stage and given back after.
 * Waits for a request that is at work. Errors as above; LUMEN_ERROR_MEMORY when the budget will never do. */
lumen_status partcrafter_engine_load(const engine *self, partcrafter_model which, uint64_t *bytes, lumen_error *error);
void partcrafter_engine_unload(const engine *self, partcrafter_model which); /* waits, too */

/* What it holds after the last load or request, in bytes of weights; waits for nobody. */
uint64_t partcrafter_engine_held(const engine *self, partcrafter_model which);

/* ---- Pictures ---------------------------------------------------------------------------------------------- */

/* Zero in any field but `prompt` means the usual. */
typedef struct partcrafter_picture {
    const char *prompt;
    uint32_t steps; /* 0: 1 */
    uint64_t seed;
    lumen_progress progress; /* the stages of networks/sdxl_turbo.h, and "waiting" for its turn */
    void *progress_user;
} partcrafter_picture;

/* Paints with the SDXL Turbo that requests use, and needs its weights alone. `out` is the caller's, for picture_free.
 * Errors as sdxl_turbo_paint's, and as above. */
lumen_status partcrafter_engine_paint(const engine *self, const partcrafter_picture *request, picture_image *out,
                                      lumen_error *error);

/* ---- What it costs ---------------------------------------------------------------------------------------- */

typedef enum partcrafter_stage {
    PARTCRAFTER_STAGE_IMAGE = 0,
    PARTCRAFTER_STAGE_CUTOUT,
    PARTCRAFTER_STAGE_ENCODE,
    PARTCRAFTER_STAGE_DIFFUSION,
    PARTCRAFTER_STAGE_SURFACE,
    PARTCRAFTER_STAGE_NAMING,
    PARTCRAFTER_STAGES
} partcrafter_stage;

const char *partcrafter_stage_name(partcrafter_stage stage); /* "part_diffusion" */

typedef enum partcrafter_holding {
    PARTCRAFTER_HOLDS_ALL,   /* everything stays loaded */
    PARTCRAFTER_HOLDS_STAGE, /* what a stage needs, while it works */
    PARTCRAFTER_HOLDS_PIECE  /* and of SDXL Turbo one network at a time */
} partcrafter_holding;

/* Bytes. */
typedef struct partcrafter_engine_needs {
    uint64_t weights[PARTCRAFTER_STAGES];     /* as they are loaded */
    uint64_t activations[PARTCRAFTER_STAGES]; /* of this request */
    uint64_t peak[PARTCRAFTER_HOLDS_PIECE + 1];
    uint64_t budget;             /* what there is */
    partcrafter_holding holding; /* what is done */
    tensor_type type;
    const char *device; /* belongs to the engine */
} partcrafter_engine_needs;

/* What a request will take, from the headers of the files; reads no weights. Errors: LUMEN_ERROR_UNAVAILABLE,
 * LUMEN_ERROR_INVALID, LUMEN_ERROR_IO (the files); LUMEN_ERROR_MEMORY when it does not fit, `out` filled all the
 * same. */
lumen_status partcrafter_engine_measure(const engine *self, const engine_request *request,
                                        partcrafter_engine_needs *out, lumen_error *error);

/* ---- Quality ---------------------------------------------------------------------------------------------- */

/* What a quality means, and what a request may say otherwise. docs/models.md has what each costs. */
typedef struct partcrafter_preset {
    uint32_t image_steps; /* of SDXL Turbo */
    uint32_t steps;       /* of the diffusion of parts */
    uint32_t tokens;      /* of a part */
    float guidance;
    float guidance_from, guidance_until; /* sigmas between which guidance is given: 1 is noise, 0 the object */
} partcrafter_preset;

/* `high` is what PartCrafter's own program does. */
partcrafter_preset partcrafter_preset_of(lumen_quality quality);

/* In seconds, of the last request that came to an end. */
typedef struct partcrafter_engine_timings {
    double seconds[PARTCRAFTER_STAGES]; /* loading included */
    double loading;
    uint64_t field_points; /* values asked of the decoder */
} partcrafter_engine_timings;

void partcrafter_engine_timings_of(const engine *self, partcrafter_engine_timings *out);

#endif
