/*
 * made_up.h: small networks of SDXL's structure whose weights follow from their names, as in golden.py, and what the
 * reference says of them (golden.safetensors, golden_picture.safetensors, embedded).
 *
 *     layer_loader in = {.from = &made_up, .run = run, ...};      // any network can be loaded from it
 *     golden_expect("unet.noise999", values, 1e-4);
 */
#ifndef TESTS_NETWORKS_MADE_UP_H
#define TESTS_NETWORKS_MADE_UP_H

#include "networks/sdxl_turbo.h"

extern const weight_source made_up;

sdxl_turbo_config small_config(void);

/* Writes the small model as a folder in the reference's layout with its config.json files, or as one file under the
 * single file's names. `path` exists already (the folder). */
void write_small_folder(const char *path);
void write_small_single(const char *path);

/* Writes what `load` asks for, under the names by which it asks, as a safetensors file in f32. */
void write_made_up(const char *path, lumen_status (*load)(const void *config, layer_loader *in), const void *config);

/* The same with other values: `values` has those that follow from the name, and is overwritten. */
typedef void made_up_values(const char *name, const tensor *x, float *values);
void write_thought_up(const char *path, lumen_status (*load)(const void *config, layer_loader *in), const void *config,
                      made_up_values *values);

/* Writes a text as FOLDER/NAME. */
void write_text(const char *folder, const char *name, const char *text);

/* A folder of its own for a test, and its removal with all that is in it. */
void make_test_folder(char *path, size_t capacity);
void remove_test_folder(const char *path);

/* How a test runs: where, and in which type. */
typedef struct setting {
    const char *device;
    tensor_type type;
} setting;

/* Two threads. NULL, after skipping the test, where this build has no such device. */
operators *open_made_up_device(const setting *how);

/* Loads from made_up, in the type of `run`. */
layer_loader made_up_loader(operators *run, lumen_error *error);

/* Fails the test when anything went wrong since `run` was opened. */
void assert_run_went_well(const operators *run);

/* A view of golden data; fails the test when there is none of that name. */
tensor golden(const char *name);

/* The largest difference relative to the largest value, and the cosine of the angle between both. */
typedef struct likeness {
    double relative, cosine;
} likeness;

likeness compare(const float *values, const float *expected, size_t count);

/* (C, H, W) of the golden data as (H, W, C). The caller frees. */
float *channels_last(const tensor *x);

#endif
