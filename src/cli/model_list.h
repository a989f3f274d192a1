/*
 * model_list.h: what the commands that deal with models have in common.
 */
#ifndef LUMEN_CLI_MODEL_LIST_H
#define LUMEN_CLI_MODEL_LIST_H

#include "weights/weights.h"

enum { MODEL_LIST_SIZE_BYTES = 32 };

/* Reads the list of models: `catalog`, else LUMEN_MODELS_CATALOG, else Lumen's own. NULL after a complaint. */
weights_catalog *model_list_open(const char *catalog);

/* "6.94 GB", for people. */
const char *model_list_size(uint64_t bytes, char text[MODEL_LIST_SIZE_BYTES]);

/* Bytes of all files of a model. */
uint64_t model_list_bytes(const weights_model *model);

#endif
