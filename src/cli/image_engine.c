#include "cli/image_engine.h"

#include <stdlib.h>

#include "base/error.h"
#include "cli/image_model.h"
#include "networks/sdxl_turbo.h"
#include "words/words.h"

/* Of the published weights in bf16, for a budget, until it is loaded and says itself. */
static const uint64_t PUBLISHED_BYTES = 7200000000u;

static const char *const needed[] = {"sdxl-turbo", NULL};

/* What a table of host_engines points into. */
typedef struct painter {
    char path[IMAGE_MODEL_PATH_BYTES];
    sdxl_turbo *turbo; /* while its model is loaded */
    model models[1];
    host_engine engines[1];
} painter;

static void unload(void *self)
{
    painter *one = self;
    sdxl_turbo_close(one->turbo);
    one->turbo = NULL;
}

static lumen_status load(void *self, uint64_t *bytes, lumen_error *error)
{
    painter *one = self;
    const sdxl_turbo_options options = {.path = one->path};
    lumen_status status = sdxl_turbo_open(&options, &one->turbo, error);
    if (status == LUMEN_OK)
        status = sdxl_turbo_load(one->turbo, error);
    if (status == LUMEN_OK)
        *bytes = sdxl_turbo_needs_of(one->turbo)->peak;
    else
        unload(one);
    return status;
}

static lumen_status paint(void *self, const lumen_request *request, buffer *out, lumen_error *error)
{
    const painter *one = self;
    words_phrase phrase;
    picture_image picture = {0};
    lumen_status status = words_parse(request->text, request->verb, &phrase, error);
    const sdxl_turbo_request wanted = {.prompt = phrase.prompt, .seed = request->seed, .steps = request->image_steps};
    if (status != LUMEN_OK)
        return status;
    sdxl_turbo_watch(one->turbo, request->progress, request->progress_user);
    status = sdxl_turbo_paint(one->turbo, &wanted, &picture, error);
    sdxl_turbo_watch(one->turbo, NULL, NULL);
    if (status == LUMEN_OK)
        status = picture_write_png(&picture, out, error);
    picture_free(&picture);
    return status;
}

lumen_status image_engine_offer(const char *folder, host_engines *out, lumen_error *error)
{
    *out = (host_engines){0};
    painter *one = calloc(1, sizeof *one);
    if (one == NULL)
        return lumen_fail_memory(error, "the engine that paints");
    lumen_status status = image_model_find(folder, one->path, error);
    if (status != LUMEN_OK) {
        free(one);
        return status;
    }
    one->models[0] = (model){.name = needed[0], .bytes = PUBLISHED_BYTES, .load = load, .unload = unload, .self = one};
    one->engines[0] =
        (host_engine){.name = needed[0], .batch_max = 1, .models = needed, .make_file = paint, .self = one};
    *out = (host_engines){.models = one->models, .model_count = 1, .engines = one->engines, .engine_count = 1};
    return LUMEN_OK;
}

void image_engine_withdraw(host_engines *offered)
{
    if (offered->engine_count > 0)
        free(offered->engines[0].self); /* the table */
    *offered = (host_engines){0};
}
