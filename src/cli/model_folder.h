/*
 * model_folder.h: where a model is, for the commands that run one network.
 *
 *     char path[MODEL_FOLDER_BYTES];
 *     status = model_folder_find("sdxl-turbo", models, path, &error);     // for sdxl_turbo_open
 */
#ifndef LUMEN_CLI_MODEL_FOLDER_H
#define LUMEN_CLI_MODEL_FOLDER_H

#include "lumen.h"

enum { MODEL_FOLDER_BYTES = 4096 };

/* `name` is "sdxl-turbo" or "rmbg-1.4". `models` (of --models) is the folder or the single file of the model itself, or
 * holds the models by name; NULL: LUMEN_MODELS, or the usual folder. Errors: LUMEN_ERROR_UNAVAILABLE when files are
 * missing, with how to get them; LUMEN_ERROR_INVALID for a path that is too long. */
lumen_status model_folder_find(const char *name, const char *models, char path[MODEL_FOLDER_BYTES], lumen_error *error);

#endif
