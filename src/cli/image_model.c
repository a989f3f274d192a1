#include "cli/image_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "weights/weights.h"

static bool has_folder(const char *models, const char *name)
{
    char path[IMAGE_MODEL_PATH_BYTES];
    struct stat facts;
    int length = snprintf(path, sizeof path, "%s/%s", models, name);
    return length > 0 && (size_t)length < sizeof path && stat(path, &facts) == 0;
}

static bool is_single_file(const char *models)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(models), ending_length = sizeof ending - 1;
    return length > ending_length && strcmp(models + length - ending_length, ending) == 0;
}

lumen_status image_model_find(const char *models, char path[IMAGE_MODEL_PATH_BYTES], lumen_error *error)
{
    const char *variable = getenv("LUMEN_MODELS");
    if (models == NULL && variable != NULL && variable[0] != '\0')
        models = variable;
    if (models != NULL && (is_single_file(models) || has_folder(models, "unet"))) {
        const size_t length = strlen(models);
        if (length >= IMAGE_MODEL_PATH_BYTES)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "--models %.60s... is too long; shorten it", models);
        memcpy(path, models, length + 1);
        return LUMEN_OK;
    }
    weights_state state;
    lumen_status status = weights_look(weights_model_of("sdxl-turbo"), models, &state, error);
    if (status != LUMEN_OK)
        return status;
    if (state.missing > 0)
        return lumen_fail(
            error, LUMEN_ERROR_UNAVAILABLE,
            "SDXL Turbo is not in %.200s: %zu of its files are missing (%.1f GB); get them with: lumen pull "
            "sdxl-turbo",
            state.folder, state.missing, (double)state.bytes_missing / 1e9);
    _Static_assert(sizeof state.folder <= IMAGE_MODEL_PATH_BYTES, "a path of a model fits");
    memcpy(path, state.folder, sizeof state.folder);
    return LUMEN_OK;
}
