/*
 * rmbg.h: a photograph becomes the picture of the one thing that it shows: RMBG-1.4, or another IS-Net, and cutout.h.
 *
 *     rmbg *model;
 *     rmbg_options options = {.path = "models/rmbg-1.4"};
 *     rmbg_cut cut;
 *     status = rmbg_open(&options, &model, &error);
 *     status = rmbg_cut_out(model, &photograph, &cut, &error);      // cut.picture, white around it; cut.mask
 *     rmbg_cut_free(&cut);
 *     rmbg_close(model);
 *
 * A photograph whose alpha already says what it shows needs no network, and then none is loaded. A model belongs to one
 * thread at a time. A pipeline that has a context of its own loads an isnet there and calls rmbg_cut_out_with.
 */
#ifndef LUMEN_NETWORKS_RMBG_H
#define LUMEN_NETWORKS_RMBG_H

#include "cutout/cutout.h"
#include "networks/isnet.h"

typedef struct rmbg rmbg;

typedef struct rmbg_options {
    const char *path;   /* the folder with model.safetensors, or that file; as long as the model is open */
    const char *device; /* as for operators_open */
    unsigned threads;
    tensor_type type;
    lumen_progress progress; /* asked between the stages of the network; NULL: none */
    void *progress_user;
    bool (*allow)(void *user, size_t bytes); /* as for operators_open */
    void *allow_user;
} rmbg_options;

typedef struct rmbg_cut {
    picture_image picture; /* on white */
    cutout_mask mask;      /* as large as the photograph, or as cutout_reduce made it */
} rmbg_cut;

void rmbg_cut_free(rmbg_cut *cut);

/* Looks whether every tensor is there. Errors: LUMEN_ERROR_UNAVAILABLE when the file is missing, LUMEN_ERROR_INVALID
 * when it is another network's, LUMEN_ERROR_MEMORY. */
lumen_status rmbg_open(const rmbg_options *options, rmbg **out, lumen_error *error);
void rmbg_close(rmbg *model);
const operators *rmbg_operators(const rmbg *model);

/* Makes `photograph` smaller when it is larger than cutout.h takes. Errors: those of cutout.h, LUMEN_ERROR_CANCELLED.
 */
lumen_status rmbg_cut_out(rmbg *model, picture_photograph *photograph, rmbg_cut *out, lumen_error *error);

/* The same with a network that is loaded already. NULL for `network` where the alpha tells. */
lumen_status rmbg_cut_out_with(operators *run, const isnet *network, picture_photograph *photograph, rmbg_cut *out,
                               lumen_error *error);

#endif
