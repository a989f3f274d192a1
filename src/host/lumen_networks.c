#include "host/lumen_networks.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/process.h"
#include "host/lumen_engines.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

enum { MODELS = PARTCRAFTER_MODELS + 1 };

static const char *const library_name = "procedural", *const maker_name = "partcrafter";

/* Of the published weights in bf16, and of the library: for the order, until each is loaded and says itself. */
static const uint64_t library_bytes = (uint64_t)17 << 20;
static const uint64_t published_bytes[PARTCRAFTER_MODELS] = {[PARTCRAFTER_MODEL_CUTTER] = 88000000u,
                                                             [PARTCRAFTER_MODEL_ENCODER] = 609000000u,
                                                             [PARTCRAFTER_MODEL_MAKER] = 1700000000u,
                                                             [PARTCRAFTER_MODEL_PAINTER] = 7200000000u};

/* A model as the models room sees it. */
typedef struct network_model {
    struct network_table *of;
    partcrafter_model which;
} network_model;

/* What a table of host_engines points into. */
typedef struct network_table {
    lumen_networks_options options;
    lumen *library;       /* while some model is loaded */
    size_t library_users; /* of the models, which are loaded and unloaded one after another */
    const engine *maker;  /* the library's partcrafter */
    network_model networks[PARTCRAFTER_MODELS];
    const char *whole[MODELS + 1], *painter[2]; /* names of the models that an engine needs */
    model models[MODELS];
    host_engine engines[2];
} network_table;

/* ---- Models: an open library, and what its engine runs ---------------------------------------------------------- */

static lumen_status use_library(network_table *table, lumen_error *error)
{
    const lumen_networks_options *options = &table->options;
    lumen_status status = LUMEN_OK;
    if (table->library == NULL)
        status = lumen_engines_open_library(options->concepts, options->models, options->memory_budget, &table->library,
                                            error);
    if (status != LUMEN_OK)
        return status;
    table->maker = pipeline_engine(table->library, maker_name);
    table->library_users++;
    return LUMEN_OK;
}

static void leave_library(network_table *table)
{
    if (--table->library_users > 0)
        return;
    lumen_close(table->library);
    table->library = NULL;
    table->maker = NULL;
}

static lumen_status load_library(void *self, uint64_t *bytes, lumen_error *error)
{
    const uint64_t before = process_resident_bytes();
    lumen_status status = use_library(self, error);
    const uint64_t after = process_resident_bytes();
    if (status == LUMEN_OK && after > before)
        *bytes = after - before;
    return status;
}

static void unload_library(void *self)
{
    leave_library(self);
}

static lumen_status load_network(void *self, uint64_t *bytes, lumen_error *error)
{
    const network_model *one = self;
    lumen_status status = use_library(one->of, error);
    if (status != LUMEN_OK)
        return status;
    status = partcrafter_engine_load(one->of->maker, one->which, bytes, error);
    if (status != LUMEN_OK)
        leave_library(one->of);
    return status;
}

static void unload_network(void *self)
{
    const network_model *one = self;
    partcrafter_engine_unload(one->of->maker, one->which);
    leave_library(one->of);
}

static uint64_t network_bytes(void *self)
{
    const network_model *one = self;
    return partcrafter_engine_held(one->of->maker, one->which);
}

/* ---- Engines ---------------------------------------------------------------------------------------------------- */

static void make_shapes(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                        lumen_status *statuses, lumen_error *errors)
{
    const network_table *table = self;
    for (size_t i = 0; i < count; i++)
        statuses[i] = lumen_generate(table->library, &requests[i], &shapes[i], &errors[i]);
}

static lumen_status paint(void *self, const lumen_request *request, buffer *out, lumen_error *error)
{
    const network_table *table = self;
    words_phrase phrase;
    picture_image picture = {0};
    if (request->text == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the text is missing; give a word such as \"horse\"");
    lumen_status status = words_parse(request->text, request->verb, &phrase, error);
    if (status != LUMEN_OK)
        return status;
    const partcrafter_picture wanted = {.prompt = phrase.prompt,
                                        .seed = request->seed,
                                        .steps = request->image_steps,
                                        .progress = request->progress,
                                        .progress_user = request->progress_user};
    status = partcrafter_engine_paint(table->maker, &wanted, &picture, error);
    if (status == LUMEN_OK)
        status = picture_write_png(&picture, out, error);
    picture_free(&picture);
    return status;
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

static void add_model(network_table *table, host_engines *out, partcrafter_model which)
{
    table->networks[which] = (network_model){.of = table, .which = which};
    table->models[out->model_count++] = (model){.name = partcrafter_model_name(which),
                                                .bytes = published_bytes[which],
                                                .load = load_network,
                                                .unload = unload_network,
                                                .held = network_bytes,
                                                .self = &table->networks[which]};
}

static void add_maker(network_table *table, host_engines *out)
{
    table->models[out->model_count++] = (model){
        .name = library_name, .bytes = library_bytes, .load = load_library, .unload = unload_library, .self = table};
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        add_model(table, out, (partcrafter_model)i);
    for (size_t i = 0; i < out->model_count; i++)
        table->whole[i] = table->models[i].name;
    table->engines[out->engine_count++] = (host_engine){
        .name = maker_name, .batch_max = 1, .models = table->whole, .generate = make_shapes, .self = table};
}

/* Its model is there already where the maker is. */
static void add_painter(network_table *table, host_engines *out)
{
    if (out->model_count == 0)
        add_model(table, out, PARTCRAFTER_MODEL_PAINTER);
    table->painter[0] = partcrafter_model_name(PARTCRAFTER_MODEL_PAINTER);
    table->engines[out->engine_count++] = (host_engine){
        .name = table->painter[0], .batch_max = 1, .models = table->painter, .make_file = paint, .self = table};
}

/* Adds what has its weights. */
static lumen_status fill(network_table *table, host_engines *out, lumen_error *error)
{
    const partcrafter_engine_options how = {.models = table->options.models};
    partcrafter_engine *looker;
    lumen_error whole;
    lumen_status status = partcrafter_engine_open(&how, NULL, &looker, error);
    if (status != LUMEN_OK)
        return status;
    const engine *one = partcrafter_engine_base(looker);
    if (one->check(one, &whole) == LUMEN_OK)
        add_maker(table, out);
    status = partcrafter_engine_check_model(one, PARTCRAFTER_MODEL_PAINTER, error);
    if (status == LUMEN_OK)
        add_painter(table, out);
    else if (error != NULL)
        *error = whole; /* which also says how to get the others */
    partcrafter_engine_close(looker);
    return status;
}

lumen_status lumen_networks_offer(const lumen_networks_options *options, host_engines *out, lumen_error *error)
{
    *out = (host_engines){0};
    network_table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return lumen_fail_memory(error, "the table of engines that run networks");
    table->options = *options;
    host_engines offered = {.models = table->models, .engines = table->engines, .own_budget = true};
    lumen_status status = fill(table, &offered, error);
    if (status == LUMEN_OK)
        *out = offered;
    else
        free(table);
    return status;
}

void lumen_networks_withdraw(host_engines *offered)
{
    if (offered->engine_count > 0)
        free(offered->engines[0].self); /* the table */
    *offered = (host_engines){0};
}
