/*
 * partcrafter_dit.h: the network of PartCrafter that turns noise into the latents of an object's parts, one velocity at
 * a time.
 *
 *     partcrafter_dit_config config = partcrafter_dit_default();
 *     status = partcrafter_dit_load(&config, &loader, dit);
 *     partcrafter_dit_look(run, dit, &image_tokens, image);               // once for a picture
 *     tensor velocity = partcrafter_dit_forward(run, dit, image, &(partcrafter_dit_input){
 *         .latents = &latents, .timestep = 1000.0, .branches = DIT_CONDITIONAL, .part_ids = ids});  // once for a step
 *
 *     latents (N, T, 64) -> linear -> one more token for the time -> + an embedding of the part
 *         21 x [ from the 12th on: norm(linear(result of the opposite block, x))
 *                x += attention(norm(x))           odd blocks: within a part; even ones: over all parts
 *                x += attention(norm(x), picture)
 *                x += mlp(norm(x)) ]
 *     -> norm -> without the token of time -> linear -> velocity (N, T, 64)
 *
 * Queries and keys go through a root-mean-square norm of each head. Keys and values of the picture are the same at
 * every step and for every part. The unconditional branch sees a picture of zeros: its keys and values are zeros, so
 * that its attention to the picture is a constant, and neither its queries nor its scores are computed.
 *
 * Lin et al., "PartCrafter: Structured 3D Mesh Generation via Compositional Latent Diffusion Transformers", 2025, on
 * Li et al., "TripoSG", 2025; long skips as in Li et al., "Hunyuan-DiT", 2024.
 */
#ifndef LUMEN_NETWORKS_PARTCRAFTER_DIT_H
#define LUMEN_NETWORKS_PARTCRAFTER_DIT_H

#include "networks/configuration.h"
#include "networks/layers.h"

enum {
    DIT_BLOCKS_MAX = 64,
    DIT_WIDTH_MAX = 8192,
    DIT_PARTS_MAX = 16,   /* of an object */
    DIT_TOKENS_MAX = 4096 /* of a part */
};

typedef struct partcrafter_dit_config {
    size_t channels;             /* of the latents, in and out */
    size_t width, heads, blocks; /* the mlp is four times as wide */
    size_t image_width;          /* of the picture's tokens */
    size_t part_ids;             /* rows of the table of parts */
    bool global[DIT_BLOCKS_MAX]; /* whether a block attends over all parts */
} partcrafter_dit_config;

partcrafter_dit_config partcrafter_dit_default(void);

/* Overwrites what a config.json says otherwise; faults are told by configuration_close. */
void partcrafter_dit_configure(configuration *from, partcrafter_dit_config *config);

typedef struct dit_block {
    linear *skip; /* NULL: none */
    norm *skip_norm;
    norm *norm1, *norm2, *norm3;
    linear *self_qkv, *self_out;
    norm *self_norm_q, *self_norm_k;
    linear *cross_q, *cross_kv, *cross_out;
    norm *cross_norm_q, *cross_norm_k;
    linear *mlp_in, *mlp_out;
} dit_block;

typedef struct partcrafter_dit {
    partcrafter_dit_config config;
    linear *time1, *time2, *proj_in, *proj_out;
    embedding *parts;
    dit_block blocks[DIT_BLOCKS_MAX];
    norm *norm_out;
} partcrafter_dit;

lumen_status partcrafter_dit_load(const partcrafter_dit_config *config, layer_loader *in, partcrafter_dit *out);

/* What the blocks see of one picture. Its tensors live in the arena. */
typedef struct partcrafter_dit_image {
    tensor keys[DIT_BLOCKS_MAX], values[DIT_BLOCKS_MAX]; /* (1, S, width); no data where it was not asked for */
    tensor nothing[DIT_BLOCKS_MAX];                      /* (1, width): what attention makes of a picture of zeros */
} partcrafter_dit_image;

/* tokens (1, S, image_width); NULL: for the unconditional branch alone. */
void partcrafter_dit_look(operators *run, const partcrafter_dit *dit, const tensor *tokens, partcrafter_dit_image *out);

/* With guidance both branches are needed: together each weight is read once for both, one after the other takes half
 * of the memory. */
typedef enum dit_branches { DIT_UNCONDITIONAL = 1, DIT_CONDITIONAL = 2, DIT_BOTH = 3 } dit_branches;

typedef struct partcrafter_dit_input {
    const tensor *latents; /* (N, T, channels); N is DIT_PARTS_MAX at most */
    double timestep;       /* 1000 at the noise, 0 at the object */
    dit_branches branches;
    const int32_t *part_ids; /* of the parts of each branch, as many as the result has parts */
} partcrafter_dit_input;

/* Velocities (N, T, channels) towards the object; for both branches (2 N, T, channels), the unconditional ones first.
 * Reports as "DiT", cancellable between blocks. */
tensor partcrafter_dit_forward(operators *run, const partcrafter_dit *dit, const partcrafter_dit_image *image,
                               const partcrafter_dit_input *input);

/* Bounds, in elements: of one forward pass of `parts` parts (of both branches together), and of a picture's keys and
 * values. */
size_t partcrafter_dit_elements(const partcrafter_dit_config *config, size_t parts, size_t tokens);
size_t partcrafter_dit_image_elements(const partcrafter_dit_config *config, size_t image_tokens);

#endif
