/*
 * checkpoint.h: where the tensors of SDXL lie, in either of the two forms that it is given out in.
 *
 *     checkpoint *files;
 *     status = checkpoint_open("models/sdxl-turbo", TENSOR_BF16, &files, &error);    // or
 * "sd_xl_turbo_1.0_fp16.safetensors" weight_source source = checkpoint_part_of(files, CHECKPOINT_UNET);
 *     ... load from the source, one part at a time ...
 *     checkpoint_close(files);
 *
 * The folder of the reference's library holds text_encoder/, text_encoder_2/, unet/, vae/, each with a config.json, and
 * its names are the ones that the networks ask for. The single file names everything after other programs' modules and
 * has no configuration: it is SDXL as published (checkpoint_names.c holds the map). Weights are mapped, not read.
 */
#ifndef LUMEN_NETWORKS_CHECKPOINT_H
#define LUMEN_NETWORKS_CHECKPOINT_H

#include "networks/configuration.h"
#include "networks/layers.h"

typedef struct checkpoint checkpoint;

typedef enum checkpoint_part {
    CHECKPOINT_TEXT_ENCODER = 0,
    CHECKPOINT_TEXT_ENCODER_2,
    CHECKPOINT_UNET,
    CHECKPOINT_VAE,
    CHECKPOINT_PARTS
} checkpoint_part;

/* `path` is a folder, or a file that ends in .safetensors. Where a folder has weights in f16 and in f32, those in f32
 * are taken for networks that run in f32 (`type`). Errors: LUMEN_ERROR_INVALID when a part is missing or no such file,
 * LUMEN_ERROR_IO. */
lumen_status checkpoint_open(const char *path, tensor_type type, checkpoint **out, lumen_error *error);
void checkpoint_close(checkpoint *files);

bool checkpoint_is_single(const checkpoint *files);

/* Belongs to the checkpoint. A view is valid until it is forgotten. */
const weight_source *checkpoint_part_of(const checkpoint *files, checkpoint_part part);

/* The config.json of a part, or of "scheduler"; NULL, and no error, where there is none. */
lumen_status checkpoint_configuration(const checkpoint *files, const char *folder, configuration **out,
                                      lumen_error *error);
const char *checkpoint_folder_name(checkpoint_part part); /* "text_encoder", ... */

/* A file that belongs to the checkpoint: within its folder, or beside the single file. Returns false when it is not
 * there. */
bool checkpoint_file(const checkpoint *files, const char *name, char *out, size_t capacity);

/* ---- The names of the single file ------------------------------------------------------------------------ */

typedef struct checkpoint_single_name {
    char name[LAYER_NAME_BYTES];
    uint32_t slice, slices; /* rows [slice, slice + 1) * rows / slices of it; slices is 1 for the whole */
    bool transposed;        /* it lies as (in, out) */
} checkpoint_single_name;

/* False for a name that no part of SDXL has. */
bool checkpoint_map_name(checkpoint_part part, const char *name, checkpoint_single_name *out);

#endif
