/*
 * weight_file.h: the weights of one network in a model's folder, as the reference's libraries save them.
 *
 *     weight_file *file;
 *     status = weight_file_open("models/partcrafter", "transformer", "partcrafter", TENSOR_BF16, &file, &error);
 *     status = weight_file_configuration(file, &from, &error);        // FOLDER/transformer/config.json
 *     layer_loader in = {.from = weight_file_source(file), ...};
 *     weight_file_close(file);
 *
 * A model's folder holds a folder for each network with its config.json and one of diffusion_pytorch_model or model
 * .safetensors (also .fp16.safetensors, also several files with an index). Weights are mapped, not read.
 */
#ifndef LUMEN_NETWORKS_WEIGHT_FILE_H
#define LUMEN_NETWORKS_WEIGHT_FILE_H

#include "networks/configuration.h"
#include "networks/layers.h"

typedef struct weight_file weight_file;

/* `network` is the name of its folder; "" when the files lie in the model's folder itself, which
 * then may also be the file. `model` is what
 * `lumen pull` calls it, for messages. Where there are weights in f16 and in f32, those in f32 are taken for networks
 * that run in f32 (`type`). Errors: LUMEN_ERROR_UNAVAILABLE when there are none, LUMEN_ERROR_INVALID, _IO, _MEMORY. */
lumen_status weight_file_open(const char *folder, const char *network, const char *model, tensor_type type,
                              weight_file **out, lumen_error *error);
void weight_file_close(weight_file *file); /* NULL is fine */

/* Belongs to the file. A view is valid until it is forgotten. */
const weight_source *weight_file_source(const weight_file *file);

/* The config.json beside the weights; *out is NULL, and no error, where there is none. */
lumen_status weight_file_configuration(const weight_file *file, configuration **out, lumen_error *error);

#endif
