/*
 * weight_file.h: the tensors of one safetensors file, for networks that ask for them by the names that it has.
 *
 *     safetensors *file;
 *     status = safetensors_open("image_encoder_dinov2/model.safetensors", &file, &error);
 *     const weight_source source = weight_file_source(file);
 *     layer_loader in = {.from = &source, ...};
 */
#ifndef LUMEN_NETWORKS_WEIGHT_FILE_H
#define LUMEN_NETWORKS_WEIGHT_FILE_H

#include "networks/layers.h"
#include "tensor/safetensors.h"

/* `file` must outlive the source. Pages of tensors that have been packed are given back to the system. */
weight_source weight_file_source(safetensors *file);

#endif
