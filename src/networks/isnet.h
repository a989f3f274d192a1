/*
 * isnet.h: IS-Net, which finds what a picture shows: RGB becomes a map of how surely each pixel belongs to it.
 *
 *     isnet_config config = isnet_default();
 *     isnet network;
 *     status = isnet_load(&config, &loader, &network);
 *     tensor map = isnet_forward(run, &network, &x);      // x (1, 1024, 1024, 3) -> (1, 512, 512, 1), before the
 * sigmoid
 *
 *     3x3 to half size -> 6 stages, each half as large as the last -> 5 stages back up, each joined with the one of its
 *     size on the way down -> 3x3 to one channel
 *
 * A stage is a small U of its own: L convolutions down, L - 1 back up, and its entry added to its result. In the upper
 * four of each way its pictures halve (L = 7, 6, 5, 4); in the lowest they keep their size and the convolutions reach
 * further instead. Every convolution is followed by a batch norm, folded into it when it is loaded, and by ReLU. The
 * maps of the other stages were for training and are not computed. BRIA's RMBG-1.4 is this network, and so is
 * isnet-general-use. Qin et al., "Highly Accurate Dichotomous Image Segmentation", 2022.
 */
#ifndef LUMEN_NETWORKS_ISNET_H
#define LUMEN_NETWORKS_ISNET_H

#include "networks/layers.h"

enum { ISNET_STAGES = 6, ISNET_DEPTH_MAX = 7, ISNET_SIZE = 1024 };

typedef struct isnet_widths {
    size_t middle, out; /* channels inside of a stage, and of its result */
} isnet_widths;

typedef struct isnet_config {
    size_t channels;                   /* of the picture: 3 */
    size_t first;                      /* channels after the first convolution */
    isnet_widths down[ISNET_STAGES];   /* stage1 to stage6 */
    isnet_widths up[ISNET_STAGES - 1]; /* stage1d to stage5d */
} isnet_config;

isnet_config isnet_default(void);

typedef struct isnet_stage {
    size_t depth; /* L */
    bool flat;    /* keeps its size */
    size_t middle, out;
    convolution *entry, *down[ISNET_DEPTH_MAX], *up[ISNET_DEPTH_MAX - 1];
} isnet_stage;

typedef struct isnet {
    isnet_config config;
    convolution *first, *side; /* side: the map of the largest stage */
    isnet_stage down[ISNET_STAGES], up[ISNET_STAGES - 1];
} isnet;

lumen_status isnet_load(const isnet_config *config, layer_loader *in, isnet *out);

/* x (1, H, W, 3), values from 0 to 1 less 0.5; H and W as small as 32. Returns the map at half the size, rounded up:
 * (1, (H + 1) / 2, (W + 1) / 2, 1); its sigmoid after enlarging is the mask. Reports as "mask", cancellable between
 * stages. */
tensor isnet_forward(operators *run, const isnet *network, const tensor *x);

/* The most that its activations take for a picture of H by W, in elements. */
size_t isnet_elements(const isnet_config *config, size_t height, size_t width);

#endif
