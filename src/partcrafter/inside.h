/*
 * inside.h: what the files of this room share.
 *
 * engine.c holds the order of the stages and who may work; networks.c the networks, when they are loaded and given
 * back; files.c where they are and how they are opened; needs.c what they need, and what of them can be held;
 * surfaces.c makes meshes of latents; names.c makes named parts of meshes; presets.c says what a quality means.
 */
#ifndef LUMEN_PARTCRAFTER_INSIDE_H
#define LUMEN_PARTCRAFTER_INSIDE_H

#include "base/error.h"
#include "networks/dinov2.h"
#include "networks/isnet.h"
#include "networks/partcrafter.h"
#include "networks/rmbg.h"
#include "networks/sdxl_turbo.h"
#include "partcrafter/partcrafter_engine.h"

enum { ENGINE_PATH_BYTES = 4096 };

/* ---- One request ------------------------------------------------------------------------------------------ */

/* The progress of a request: stages are shares of the whole. */
typedef struct engine_progress {
    lumen_progress tell; /* may be NULL */
    void *user;
    double share[PARTCRAFTER_STAGES]; /* sum 1 */
    partcrafter_stage stage;
    double part, parts; /* of the parts of the surface stage; parts 0: a stage in one piece */
    double last;        /* told: what comes after is never less */
} engine_progress;

void progress_begin(engine_progress *progress, partcrafter_stage stage);

/* For whoever takes a lumen_progress: `user` is an engine_progress, and `stage` is not told. */
bool progress_report(void *user, const char *stage, double fraction);

/* The same, asking only whether to go on. */
bool progress_ask(void *user, const char *stage, double fraction);

/* Between pieces of work: LUMEN_ERROR_CANCELLED when it was called off. */
lumen_status progress_check(engine_progress *progress, double fraction, lumen_error *error);

partcrafter_preset preset_for(const engine_request *request);

/* ---- Networks -------------------------------------------------------------------------------- */

/* A network with a context of its own. */
typedef struct small_network {
    operators *run; /* NULL: not here */
    weight_file *file;
    bool loaded;
} small_network;

/* What is known of the files without loading them. */
typedef struct engine_measures {
    bool known[PARTCRAFTER_MODELS];
    tensor_type type; /* TENSOR_NONE: not known yet */
    char device[128];
    sdxl_turbo_needs painter;
    partcrafter_needs maker;
    partcrafter_config maker_config;
    isnet_config cutter_config;
    dinov2_config encoder_config;
    size_t cutter_weights, encoder_weights;
} engine_measures;

typedef struct engine_networks {
    partcrafter_engine_options options; /* models and device are copies */
    char models[ENGINE_PATH_BYTES];
    char painter_path[ENGINE_PATH_BYTES], cutter_path[ENGINE_PATH_BYTES], maker_path[ENGINE_PATH_BYTES];
    engine_measures measures;
    partcrafter_holding holding;
    engine_progress *progress; /* of the request under way; NULL: none */
    sdxl_turbo *painter;
    small_network cutter, encoder;
    isnet cutter_layers;
    dinov2 encoder_layers;
    partcrafter *maker;
    double loading; /* seconds, of this request */
} engine_networks;

void networks_release(engine_networks *all);
void networks_release_one(engine_networks *all, partcrafter_model which);

/* Makes a network ready that is kept until it is released. */
lumen_status networks_load(engine_networks *all, partcrafter_model which, lumen_error *error);

/* Bytes of weights that it holds now. */
uint64_t networks_held(const engine_networks *all, partcrafter_model which);

/* ---- Files (files.c) ----- */

/* Copies the options and makes the paths. */
lumen_status networks_open(engine_networks *all, const partcrafter_engine_options *options, lumen_error *error);

/* Whether the files are there, by name: of all, of one. */
lumen_status networks_check(const engine_networks *all, lumen_error *error);
lumen_status networks_check_one(const engine_networks *all, partcrafter_model which, lumen_error *error);

/* Open what they say, without weights. */
lumen_status files_open_painter(engine_networks *all, lumen_error *error);
lumen_status files_open_maker(engine_networks *all, lumen_error *error);
lumen_status files_open_cutter(engine_networks *all, lumen_error *error);
lumen_status files_open_encoder(engine_networks *all, lumen_error *error);

/* What the tensors of the open cutter are of. */
isnet_config files_cutter_config(const engine_networks *all);

/* A context for a small network. */
operators_options files_context(engine_networks *all, size_t arena_bytes);

/* Read the weights of the small networks, or with `load` false look whether all are there and what they take. */
lumen_status files_read_cutter(engine_networks *all, bool load, size_t *bytes, lumen_error *error);
lumen_status files_read_encoder(engine_networks *all, bool load, size_t *bytes, lumen_error *error);

/* ---- Needs (needs.c) ----- */

/* Code, tables, what libraries work with. */
#define NETWORKS_SLACK_BYTES ((size_t)96 << 20)

/* Look at the headers of one network's files, or of all, once each. */
lumen_status networks_measure_one(engine_networks *all, partcrafter_model which, lumen_error *error);
lumen_status networks_measure(engine_networks *all, lumen_error *error);

/* What a request of so many parts takes, and whether that fits; then `all` holds as much as it says. */
lumen_status networks_plan(engine_networks *all, const engine_request *request, size_t parts,
                           partcrafter_engine_needs *needs, lumen_error *error);

/* The same for who has no request: whether a usual one lets all networks be kept, and whether the least that is asked
 * of this network fits at all. It is measured. */
lumen_status networks_plan_usual(engine_networks *all, partcrafter_model which, lumen_error *error);

/* Activations of the small networks, in bytes. */
size_t networks_cutter_arena(const engine_networks *all);
size_t networks_encoder_arena(const engine_networks *all);

/* ---- Stages (networks.c) ----- */

/* The stages. Each loads what it needs, and gives back what the next one does not. */
lumen_status networks_paint(engine_networks *all, const sdxl_turbo_request *request, lumen_progress progress,
                            void *user, picture_image *out, lumen_error *error);
lumen_status networks_cut_out(engine_networks *all, picture_photograph *photograph, rmbg_cut *out, lumen_error *error);

/* tokens (T, W), T and W of measures.encoder_config; the caller frees them. */
lumen_status networks_encode(engine_networks *all, const picture_image *picture, float **tokens, lumen_error *error);

/* latents (parts, tokens, channels); the caller frees them. */
lumen_status networks_make_parts(engine_networks *all, const partcrafter_request *request, float **latents,
                                 lumen_error *error);
void networks_begin_surfaces(engine_networks *all);
void networks_end(engine_networks *all, lumen_status status); /* after the last stage, which ended so */

/* ---- Meshes (surfaces.c) ---------------------------------------------------------------------------------- */

typedef struct engine_parts {
    uint32_t count;     /* as asked for */
    uint32_t real;      /* with a surface */
    lumen_mesh *meshes; /* (count); without triangles where there is no surface */
    uint64_t points;    /* asked of the field */
    lumen_error reason; /* why the last one without a surface has none; status LUMEN_OK: it is empty */
} engine_parts;

/* `own` holds the meshes, `scratch` is rewound. Errors: LUMEN_ERROR_FAILED for too few parts, and what fields return.
 */
lumen_status surfaces_make(engine_networks *all, const engine_request *request, const float *latents, size_t tokens,
                           arena *scratch, arena *own, engine_parts *parts, lumen_error *error);

/* Bytes that it works with beside the network. */
uint64_t surfaces_bytes(const engine_request *request);

/* ---- Names (names.c) -------------------------------------------------------------------------------------- */

/* `parts` get attachments, and become the result in `memory`. */
lumen_status names_give(const sculpt_library *shapes, const engine_request *request, engine_parts *parts,
                        engine_progress *progress, arena *scratch, arena *own, arena *memory, engine_result *out,
                        lumen_error *error);

#endif
