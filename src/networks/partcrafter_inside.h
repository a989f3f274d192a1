/*
 * partcrafter_inside.h: what the files of partcrafter.h share.
 *
 * partcrafter.c opens a model, loads its networks and gives them back; partcrafter_memory.c says what that takes;
 * partcrafter_sample.c makes latents, and counts what they cost; partcrafter_field.c asks the field of a part.
 */
#ifndef LUMEN_NETWORKS_PARTCRAFTER_INSIDE_H
#define LUMEN_NETWORKS_PARTCRAFTER_INSIDE_H

#include "networks/partcrafter.h"

enum { PARTCRAFTER_PATH_BYTES = 4096 };

struct partcrafter {
    partcrafter_options options;
    char path[PARTCRAFTER_PATH_BYTES];
    partcrafter_config config;
    partcrafter_needs needs;
    weight_file *files[PARTCRAFTER_NETWORKS];
    operators *runs[PARTCRAFTER_NETWORKS]; /* NULL: given back */
    bool loaded[PARTCRAFTER_NETWORKS];
    partcrafter_dit dit;
    triposg_field field; /* runs in f32, points in its own context of the options' type */
    bool part_ready;
    partcrafter_timings timings;
    /* Progress: a stage is a share of the call under way. */
    lumen_progress progress;
    void *progress_user;
    double share_done, share, share_total;
};

/* ---- Networks: partcrafter.c ------------------------------------------------------------------------------ */

/* Loads what is not loaded, and gives the other network back first where memory is low. */
lumen_status partcrafter_need(partcrafter *model, partcrafter_network network, lumen_error *error);

/* A call's progress: `work` is the sum of its shares, each of which begins in turn. Shares are rough seconds; only
 * their proportions matter. */
void partcrafter_begin_progress(partcrafter *model, double work);
void partcrafter_begin_share(partcrafter *model, double share);

/* That of loading a network; 0 for one that is loaded. */
double partcrafter_load_share(const partcrafter *model, partcrafter_network network);

/* ---- Memory: partcrafter_memory.c ------------------------------------------------------------------------- */

/* Addresses for activations; memory is taken as they are used. Both branches at once have room for usual requests. */
size_t partcrafter_arena_bytes(const partcrafter *model, partcrafter_network network);

/* Whether the DiT has room for both branches of such a request in one pass. */
bool partcrafter_fits_together(const partcrafter *model, size_t parts, size_t tokens, size_t image_tokens);

/* Fills what is left of `needs` once the weights are measured. */
void partcrafter_measure_memory(partcrafter *model);
lumen_status partcrafter_check_memory(const partcrafter *model, lumen_error *error);

/* Memory outside of the operators' arenas, under the same budget; NULL when there is none. To be freed. */
void *partcrafter_take(const partcrafter *model, size_t bytes);

#endif
