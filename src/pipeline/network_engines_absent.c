/* In the place of network_engines.c where no networks run. */

#include "base/error.h"
#include "pipeline/pipeline.h"

lumen_status network_engines_open(const lumen_options *options, const sculpt_library *shapes, network_engines **out,
                                  lumen_error *error)
{
    (void)shapes;
    *out = NULL;
    if (options == NULL || options->models == NULL)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_INVALID, "networks do not run here; leave the folder of models out");
}

void network_engines_close(network_engines *all)
{
    (void)all;
}

const engine *network_engines_at(const network_engines *all, size_t index)
{
    (void)all;
    (void)index;
    return NULL;
}
