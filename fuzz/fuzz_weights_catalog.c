/* Any bytes as a list of models: refused, or models whose files stay in their folder. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
    if (path[0] == '\0' || path[0] == '/' || path[0] == '.' || strstr(path, "/.") != NULL || strstr(path, "//") != NULL)
        abort();
    for (; *path != '\0'; path++)
        if (*path <= ' ' || *path > '~' || strchr("\\?#%:", *path) != NULL)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weights_catalog *catalog;
    lumen_error error;
    if (weights_catalog_from_bytes("fuzz", data, size, &catalog, &error) != LUMEN_OK)
        return 0;
    for (size_t i = 0; i < weights_catalog_count(catalog); i++) {
        const weights_model *model = weights_catalog_at(catalog, i);
        check_path(model->name);
        check_path(model->repository);
        check_path(model->revision);
        if (weights_catalog_of(catalog, model->name) != model || model->file_count == 0 || model->licence == NULL)
            abort();
        for (size_t j = 0; j < model->file_count; j++)
            check_path(model->files[j].path);
    }
    weights_catalog_close(catalog);
    return 0;
}
