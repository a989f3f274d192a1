/*
 * networks.h: the neural networks of Lumen, in the order of the data. A model is what one uses; the others are its
 * parts.
 *
 *     model          parts
 *     sdxl_turbo.h   clip_text.h (two encoders), sdxl_unet.h with euler_ancestral.h and gaussian_noise.h, sdxl_vae.h
 *     rmbg.h         isnet.h: what a picture shows
 *     dinov2.h       what is where in a picture, as tokens
 *     partcrafter.h  partcrafter_dit.h with rectified_flow.h and gaussian_noise.h, triposg_decoder.h,
 *                  triposg_field.h
 *
 * Every part reads like the figure in its paper: config, weights, blocks, forward; it is a plain structure that its
 * _load fills and its _forward reads, made of the operators of operators/operators.h, whichever device is behind them.
 * Between the files and the parts stand checkpoint.h (where a tensor of SDXL lies) and weight_file.h (of the others),
 * configuration.h (config.json) and layers.h (layers by name, checked).
 */
#ifndef LUMEN_NETWORKS_NETWORKS_H
#define LUMEN_NETWORKS_NETWORKS_H

#include "networks/dinov2.h"
#include "networks/rmbg.h"
#include "networks/partcrafter.h"
#include "networks/sdxl_turbo.h"

#endif
