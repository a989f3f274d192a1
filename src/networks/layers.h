/*
 * layers.h: layers by their names, for the load functions of the networks.
 *
 *     layer_loader in = {.from = source, .run = run, .network = "UNet", .type = TENSOR_BF16, .error = error};
 *     out->norm1 = load_norm(&in, prefix, "norm1", channels);
 *     out->conv1 = load_convolution(&in, prefix, "conv1", channels, channels, 3, 1);
 *     out->to_q = load_linear(&in, prefix, "attn1.to_q", channels, channels, LINEAR_PLAIN);
 *     return in.status;                                    // once, at the end
 *
 * The first failure (no such tensor, other sizes, memory) is noted, and what is called after it does nothing and
 * returns NULL. A loader without operators loads nothing: it looks whether every tensor is there in its right sizes,
 * and counts the bytes that the layers will take; so a faulty file is refused before gigabytes are read.
 */
#ifndef LUMEN_NETWORKS_LAYERS_H
#define LUMEN_NETWORKS_LAYERS_H

#include "operators/operators.h"

/* Where tensors come from: a part of a checkpoint (checkpoint.h), or what a test makes up. */
typedef struct weight_source {
    /* The tensor of this name. `sizes` are what the network expects, for sources that make tensors up; the loader
     * checks what it is given. `out` is a view that lives until `forget`. */
    lumen_status (*find)(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                         lumen_error *error);
    void (*forget)(void *user, const tensor *view); /* its values have been packed; may be NULL */
    void *user;
    const char *path; /* of the file, for messages; NULL: none */
} weight_source;

enum { LAYER_NAME_BYTES = 160, LAYERS_JOINED_MAX = 3, LAYER_HEADS_MAX = 64 };

typedef struct layer_loader {
    const weight_source *from;
    operators *run;      /* NULL: look and count only */
    const char *network; /* for messages and progress: "UNet" */
    tensor_type type;    /* of linear and convolution weights: counts bytes */
    size_t bytes;        /* of all layers so far */
    size_t expected;     /* of the whole network, for progress; 0: unknown */
    lumen_status status;
    lumen_error *error;
} layer_loader;

typedef enum linear_kind { LINEAR_PLAIN, LINEAR_BIASED } linear_kind;

/* Names are PREFIX.NAME.weight and PREFIX.NAME.bias; an empty prefix or name is left out with its dot. */
linear *load_linear(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs,
                    linear_kind kind);

/* Up to LAYERS_JOINED_MAX layers of the same sizes over one input as one of count * outputs. */
linear *load_joined(layer_loader *in, const char *prefix, const char *const *names, size_t count, size_t outputs,
                    size_t inputs, linear_kind kind);

/* A layer with bias for inputs that need more precision than the context's type has: each comes as the nearest bf16 and
 * as what that leaves, so that coordinates keep 16 bits where activations have 8. It reads fine_inputs(inputs) values
 * for each row, which fine_split makes of `inputs`; the rest is zeros, up to a size that is multiplied fast. */
linear *load_fine_linear(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs);
size_t fine_inputs(size_t inputs);
void fine_split(const float *values, size_t inputs, float *out);

/* `size` by `size`, with bias, padded so that stride 1 keeps height and width. */
convolution *load_convolution(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t inputs,
                              size_t size, uint32_t stride);

/* The same with stride 1 and a batch norm NORM_NAME behind it (its running statistics), which becomes part of weight
 * and bias: w g / sqrt(variance + epsilon), (b - mean) g / sqrt(variance + epsilon) + shift. */
convolution *load_convolution_normed(layer_loader *in, const char *prefix, const char *name, const char *norm_name,
                                     size_t outputs, size_t inputs, size_t size, uint32_t dilation, float epsilon);

/* A biased linear layer whose result is multiplied by the tensor SCALE_NAME (outputs), which becomes part of it. */
linear *load_linear_scaled(layer_loader *in, const char *prefix, const char *name, const char *scale_name,
                           size_t outputs, size_t inputs);

/* A convolution whose stride is its size, as a linear layer of its patches: (..., channels * size * size) in the order
 * (channel, row, column). */
linear *load_patches(layer_loader *in, const char *prefix, const char *name, size_t outputs, size_t channels,
                     size_t size);
norm *load_norm(layer_loader *in, const char *prefix, const char *name, size_t channels);

/* A norm without bias. */
norm *load_rms_norm(layer_loader *in, const char *prefix, const char *name, size_t channels);

/* As load_joined, without bias, of layers whose rows the file keeps head by head: taken one after another, they are for
 * each head its rows of the first result (queries, say), then of the second, and so on. The layer's outputs are those
 * of load_joined: all heads of the first result, then of the second. `heads` divides `outputs`. */
linear *load_heads(layer_loader *in, const char *prefix, const char *const *names, size_t count, size_t outputs,
                   size_t inputs, size_t heads);

/* `name` is the whole name behind the prefix: a table need not be called weight. */
embedding *load_embedding(layer_loader *in, const char *prefix, const char *name, size_t rows, size_t columns);

/* Plain values, as f32; `name` is whole. They belong to the caller: free. NULL also for a loader without operators. */
float *load_values(layer_loader *in, const char *prefix, const char *name, uint32_t rank, const size_t *sizes);

/* What the network made of such values itself, (rows, columns), as the layer that looks rows up. */
embedding *load_made_embedding(layer_loader *in, const float *values, size_t rows, size_t columns);

/* Prints into a name of LAYER_NAME_BYTES; names that are too long are cut, and then not found. */
void layer_name(char out[LAYER_NAME_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
