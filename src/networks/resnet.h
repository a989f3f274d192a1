/*
 * resnet.h: the residual block of two convolutions that the UNet and the VAE of SDXL are built of.
 *
 *     x -> group norm, SiLU, 3x3 -> (+ time) -> group norm, SiLU, 3x3 -> + x
 *
 * Where the number of channels changes, x goes through a 1x1 convolution first. The time embedding, the same for all
 * pixels, is the UNet's alone.
 */
#ifndef LUMEN_NETWORKS_RESNET_H
#define LUMEN_NETWORKS_RESNET_H

#include "networks/layers.h"

typedef struct resnet {
    norm *norm1, *norm2;
    convolution *conv1, *conv2;
    convolution *shortcut; /* NULL: as many channels out as in */
    linear *time;          /* NULL: without time */
} resnet;

typedef struct resnet_options {
    uint32_t groups;
    float epsilon;
} resnet_options;

/* `time` is the width of the time embedding; 0: none. */
void resnet_load(layer_loader *in, const char *prefix, size_t inputs, size_t outputs, size_t time, resnet *out);

/* x (N, H, W, inputs) -> out (N, H, W, outputs), which has its room. `time` (N, T) has been through SiLU; NULL for a
 * block without. */
void resnet_forward(operators *run, const resnet *block, const resnet_options *how, const tensor *x, const tensor *time,
                    tensor *out);

#endif
