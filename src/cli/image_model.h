/*
 * image_model.h: where SDXL Turbo is, for the commands that paint.
 *
 *     char path[IMAGE_MODEL_PATH_BYTES];
 *     status = image_model_find(models, path, &error);                // for sdxl_turbo_open
 */
#ifndef LUMEN_CLI_IMAGE_MODEL_H
#define LUMEN_CLI_IMAGE_MODEL_H

#include "lumen.h"

enum { IMAGE_MODEL_PATH_BYTES = 4096 };

/* `models` (of --models) is the folder or single file of the model itself, or holds the models by name; NULL:
 * LUMEN_MODELS, or the usual folder. Errors: LUMEN_ERROR_UNAVAILABLE when files are missing, with how to get them;
 * LUMEN_ERROR_INVALID for a path that is too long. */
lumen_status image_model_find(const char *models, char path[IMAGE_MODEL_PATH_BYTES], lumen_error *error);

#endif
