#include "cli/model_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "weights/weights.h"

typedef struct known_model {
    const char *name;  /* as in the catalog */
    const char *title; /* for people */
    const char *mark;  /* what its folder holds, and no folder of models */
} known_model;

static const known_model known_models[] = {
    {"sdxl-turbo", "SDXL Turbo", "unet"},
    {"rmbg-1.4", "RMBG-1.4", "model.safetensors"},
};

static const known_model *find_known(const char *name)
{
    for (size_t i = 0; i < sizeof known_models / sizeof *known_models; i++)
        if (strcmp(known_models[i].name, name) == 0)
            return &known_models[i];
    return NULL;
}

static bool holds(const char *folder, const char *name)
{
    char path[MODEL_FOLDER_BYTES];
    struct stat facts;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path && stat(path, &facts) == 0;
}

/* Whoever names a file of weights means it, also when it is not there. */
static bool is_single_file(const char *models)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(models), ending_length = sizeof ending - 1;
    return length > ending_length && strcmp(models + length - ending_length, ending) == 0;
}

lumen_status model_folder_find(const char *name, const char *models, char path[MODEL_FOLDER_BYTES], lumen_error *error)
{
    const known_model *known = find_known(name);
    const char *variable = getenv("LUMEN_MODELS");
    if (known == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "no command runs the model %.60s by itself", name);
    if (models == NULL && variable != NULL && variable[0] != '\0')
        models = variable;
    if (models != NULL && strlen(models) >= MODEL_FOLDER_BYTES)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "--models %.60s... is too long; shorten it", models);
    if (models != NULL && (is_single_file(models) || holds(models, known->mark))) {
        memcpy(path, models, strlen(models) + 1);
        return LUMEN_OK;
    }
    weights_state state;
    lumen_status status = weights_look(weights_model_of(name), models, &state, error);
    if (status != LUMEN_OK)
        return status;
    if (state.missing > 0)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "%s is not in %.200s: %zu of its files are missing (%.2f GB); get them with: lumen pull %s",
                          known->title, state.folder, state.missing, (double)state.bytes_missing / 1e9, name);
    _Static_assert(sizeof state.folder <= MODEL_FOLDER_BYTES, "a path of a model fits");
    memcpy(path, state.folder, sizeof state.folder);
    return LUMEN_OK;
}
