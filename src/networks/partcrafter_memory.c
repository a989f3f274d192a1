#include "networks/partcrafter_inside.h"

#include <stdlib.h>

#include "base/process.h"

enum { USUAL_PARTS = 4 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t dit_bytes(const partcrafter *model, size_t parts, size_t tokens, size_t image_tokens)
{
    return (partcrafter_dit_elements(&model->config.dit, parts, tokens) +
            partcrafter_dit_image_elements(&model->config.dit, image_tokens)) *
           tensor_type_bytes(model->options.type);
}

static size_t decoder_bytes(const partcrafter *model, size_t tokens)
{
    const triposg_decoder_config *config = &model->config.decoder;
    return triposg_fine_bytes(config, tokens) + triposg_quick_bytes(config, model->options.type, tokens);
}

size_t partcrafter_arena_bytes(const partcrafter *model, partcrafter_network network)
{
    const partcrafter_options *options = &model->options;
    if (network == PARTCRAFTER_DECODER)
        return triposg_fine_bytes(&model->config.decoder, options->tokens_max);
    const size_t usual = dit_bytes(model, 2 * smaller(options->parts_max, USUAL_PARTS),
                                   smaller(options->tokens_max, PARTCRAFTER_TOKENS), PARTCRAFTER_IMAGE_TOKENS_MAX);
    return larger(usual, dit_bytes(model, options->parts_max, options->tokens_max, PARTCRAFTER_IMAGE_TOKENS_MAX));
}

bool partcrafter_fits_together(const partcrafter *model, size_t parts, size_t tokens, size_t image_tokens)
{
    return dit_bytes(model, 2 * parts, tokens, image_tokens) <= partcrafter_arena_bytes(model, PARTCRAFTER_DIT);
}

void partcrafter_measure_memory(partcrafter *model)
{
    partcrafter_needs *needs = &model->needs;
    const size_t parts = smaller(model->options.parts_max, USUAL_PARTS);
    const size_t tokens = smaller(model->options.tokens_max, PARTCRAFTER_TOKENS), image_tokens = 257;
    const size_t slack = (size_t)64 << 20; /* code, tables, what the library works with */
    size_t weights = 0, activations = 0, most = 0;
    needs->activations[PARTCRAFTER_DIT] = dit_bytes(model, parts, tokens, image_tokens);
    needs->activations[PARTCRAFTER_DECODER] = decoder_bytes(model, tokens);
    for (int i = 0; i < PARTCRAFTER_NETWORKS; i++) {
        weights += needs->weights[i];
        activations += needs->activations[i];
        most = larger(most, needs->weights[i] + needs->activations[i]);
    }
    needs->low_peak = most + slack;
    needs->peak = model->options.low_memory ? needs->low_peak : weights + activations + slack;
    needs->available = (size_t)process_read_memory().available_bytes;
}

lumen_status partcrafter_check_memory(const partcrafter *model, lumen_error *error)
{
    const partcrafter_needs *needs = &model->needs;
    const double gigabyte = 1e9;
    if (model->options.trust_memory || needs->available == 0 || needs->peak <= needs->available)
        return LUMEN_OK;
    const char *mend = needs->low_peak > needs->available ? "close other programs, or use a machine with more"
                                                          : "it would fit part by part: use --low-memory";
    return lumen_fail(error, LUMEN_ERROR_MEMORY, "PartCrafter needs %.1f GB of memory in %s, and %.1f GB are free; %s",
                      (double)needs->peak / gigabyte, tensor_type_name(model->options.type),
                      (double)needs->available / gigabyte, mend);
}

void *partcrafter_take(const partcrafter *model, size_t bytes)
{
    const partcrafter_options *options = &model->options;
    return options->allow == NULL || options->allow(options->allow_user, bytes) ? malloc(bytes) : NULL;
}
