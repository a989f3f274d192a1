/* The engines that run networks, as lumen.h's options want them. */

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

struct network_engines {
    partcrafter_engine *partcrafter;
};

static lumen_status read_precision(const char *name, tensor_type *type, lumen_error *error)
{
    *type = name == NULL ? TENSOR_NONE : strcmp(name, "bf16") == 0 ? TENSOR_BF16 : TENSOR_F32;
    if (name != NULL && *type == TENSOR_F32 && strcmp(name, "f32") != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the precision '%.20s' is unknown; give bf16 or f32", name);
    return LUMEN_OK;
}

lumen_status network_engines_open(const lumen_options *options, const sculpt_library *shapes, network_engines **out,
                                  lumen_error *error)
{
    *out = NULL;
    if (options == NULL || options->models == NULL)
        return LUMEN_OK;
    network_engines *all = calloc(1, sizeof *all);
    if (all == NULL)
        return lumen_fail_memory(error, "the engines that run networks");
    partcrafter_engine_options how = {.models = options->models,
                                      .threads = options->threads,
                                      .memory_budget = options->memory_budget,
                                      .low_memory = options->low_memory};
    lumen_status status = read_precision(options->precision, &how.type, error);
    if (status == LUMEN_OK)
        status = partcrafter_engine_open(&how, shapes, &all->partcrafter, error);
    if (status == LUMEN_OK)
        *out = all;
    else
        network_engines_close(all);
    return status;
}

void network_engines_close(network_engines *all)
{
    if (all == NULL)
        return;
    partcrafter_engine_close(all->partcrafter);
    free(all);
}

const engine *network_engines_at(const network_engines *all, size_t index)
{
    return all != NULL && index == 0 ? partcrafter_engine_base(all->partcrafter) : NULL;
}
