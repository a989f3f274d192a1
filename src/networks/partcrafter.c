#include "networks/partcrafter_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

enum { TOKENS_MAX_DEFAULT = 2048 };

static const char *const titles[PARTCRAFTER_NETWORKS] = {"DiT", "decoder"};
static const char *const folders[PARTCRAFTER_NETWORKS] = {"transformer", "vae"};

/* ---- Configuration --------------------------------------------------------------------------------------- */

partcrafter_config partcrafter_default(void)
{
    return (partcrafter_config){
        .dit = partcrafter_dit_default(), .decoder = triposg_decoder_default(), .flow = rectified_flow_default()};
}

static lumen_status configure_network(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    configuration *from;
    lumen_status status = weight_file_configuration(model->files[network], &from, error);
    if (status != LUMEN_OK)
        return status;
    if (network == PARTCRAFTER_DIT)
        partcrafter_dit_configure(from, &model->config.dit);
    else
        triposg_decoder_configure(from, &model->config.decoder);
    return configuration_close(from, error);
}

static lumen_status configure_flow(partcrafter *model, lumen_error *error)
{
    char path[PARTCRAFTER_PATH_BYTES + 64];
    struct stat facts;
    configuration *from;
    snprintf(path, sizeof path, "%s/scheduler/scheduler_config.json", model->path);
    if (stat(path, &facts) != 0)
        return LUMEN_OK;
    lumen_status status = configuration_open(path, &from, error);
    if (status != LUMEN_OK)
        return status;
    rectified_flow_configure(from, &model->config.flow);
    return configuration_close(from, error);
}

static lumen_status configure(partcrafter *model, lumen_error *error)
{
    model->config = partcrafter_default();
    lumen_status status = configure_flow(model, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = configure_network(model, (partcrafter_network)i, error);
    if (status == LUMEN_OK && model->config.dit.channels != model->config.decoder.channels)
        status = lumen_fail(error, LUMEN_ERROR_INVALID,
                            "the DiT makes latents of %zu channels, but the decoder reads %zu; these parts belong to "
                            "different models, so pull one again",
                            model->config.dit.channels, model->config.decoder.channels);
    return status;
}

/* ---- Networks -------------------------------------------------------------------------------------------- */

static lumen_status load_network(partcrafter *model, partcrafter_network network, layer_loader *in)
{
    return network == PARTCRAFTER_DIT
               ? partcrafter_dit_load(&model->config.dit, in, &model->dit)
               : triposg_field_load(&model->config.decoder, in, model->options.type, &model->field);
}

/* The decoder keeps to f32: it runs once for a part, and all points depend on it. */
static tensor_type type_of(const partcrafter *model, partcrafter_network network)
{
    return network == PARTCRAFTER_DECODER ? TENSOR_F32 : model->options.type;
}

static layer_loader loader_of(const partcrafter *model, partcrafter_network network, lumen_error *error)
{
    return (layer_loader){.from = weight_file_source(model->files[network]),
                          .network = titles[network],
                          .type = type_of(model, network),
                          .expected = model->needs.weights[network],
                          .error = error};
}

/* Whether all tensors of a network are there, and how many bytes its layers will take. */
static lumen_status measure_network(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    layer_loader in = loader_of(model, network, error);
    lumen_status status = load_network(model, network, &in);
    model->needs.weights[network] = in.bytes;
    return status;
}

/* ---- Progress -------------------------------------------------------------------------------------------- */

/* What the operators report of one stage becomes a fraction of the whole. */
static bool report(void *user, const char *stage, double fraction)
{
    partcrafter *model = user;
    if (model->progress == NULL)
        return true;
    const double whole =
        model->share_total > 0.0 ? (model->share_done + fraction * model->share) / model->share_total : 0.0;
    return model->progress(model->progress_user, stage, whole > 1.0 ? 1.0 : whole);
}

void partcrafter_begin_share(partcrafter *model, double share)
{
    model->share_done += model->share;
    model->share = share;
}

void partcrafter_begin_progress(partcrafter *model, double work)
{
    model->share_done = model->share = 0.0;
    model->share_total = work;
}

double partcrafter_load_share(const partcrafter *model, partcrafter_network network)
{
    return model->loaded[network] ? 0.0 : (double)model->needs.weights[network] / 2e9;
}

void partcrafter_watch(partcrafter *model, lumen_progress progress, void *user)
{
    model->progress = progress;
    model->progress_user = user;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

/* A network's layers and its activations. */
static void close_run(partcrafter *model, partcrafter_network network)
{
    operators_close(model->runs[network]);
    model->runs[network] = NULL;
    model->loaded[network] = false;
    if (network == PARTCRAFTER_DECODER) {
        operators_close(model->field.quick);
        model->field.fine = model->field.quick = NULL;
        model->part_ready = false;
    }
}

static lumen_status open_context(partcrafter *model, tensor_type type, size_t arena, operators **out,
                                 lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    const operators_options how = {.device = options->device,
                                   .threads = options->threads,
                                   .type = type,
                                   .arena_bytes = arena,
                                   .allow = options->allow,
                                   .allow_user = options->allow_user,
                                   .progress = report,
                                   .progress_user = model};
    return operators_open(&how, out, error);
}

static lumen_status open_run(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    lumen_status status = open_context(model, type_of(model, network), partcrafter_arena_bytes(model, network),
                                       &model->runs[network], error);
    const size_t quick = triposg_quick_bytes(&model->config.decoder, options->type, options->tokens_max);
    if (status == LUMEN_OK && network == PARTCRAFTER_DECODER && quick > 0)
        status = open_context(model, options->type, quick, &model->field.quick, error);
    if (network == PARTCRAFTER_DECODER)
        model->field.fine = model->runs[network];
    if (status != LUMEN_OK)
        close_run(model, network);
    return status;
}

/* The type that the device computes in, before there is a context to ask. */
static lumen_status settle_type(partcrafter *model, lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    const operators_options how = {.device = options->device,
                                   .threads = options->threads,
                                   .type = options->type,
                                   .arena_bytes = (size_t)1 << 20,
                                   .allow = options->allow,
                                   .allow_user = options->allow_user};
    operators *run;
    lumen_status status = operators_open(&how, &run, error);
    if (status == LUMEN_OK) {
        model->options.type = operators_type(run);
        operators_close(run);
    }
    return status;
}

static lumen_status open_model(partcrafter *model, lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    if (options->parts_max > DIT_PARTS_MAX || options->tokens_max > DIT_TOKENS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "objects of %zu parts of %zu tokens are too large; %d of %d are the most", options->parts_max,
                          options->tokens_max, DIT_PARTS_MAX, DIT_TOKENS_MAX);
    if (strlen(options->path) >= sizeof model->path)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the path %.60s... is too long; shorten it", options->path);
    memcpy(model->path, options->path, strlen(options->path) + 1);
    lumen_status status = settle_type(model, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = weight_file_open(model->path, folders[i], "partcrafter", type_of(model, (partcrafter_network)i),
                                  &model->files[i], error);
    if (status == LUMEN_OK)
        status = configure(model, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = measure_network(model, (partcrafter_network)i, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = open_run(model, (partcrafter_network)i, error);
    if (status == LUMEN_OK) {
        partcrafter_measure_memory(model);
        status = partcrafter_check_memory(model, error);
    }
    return status;
}

lumen_status partcrafter_open(const partcrafter_options *options, partcrafter **out, lumen_error *error)
{
    *out = NULL;
    partcrafter *model = calloc(1, sizeof *model);
    char *device = options->device != NULL ? strdup(options->device) : NULL;
    if (model == NULL || (options->device != NULL && device == NULL)) {
        free(model);
        free(device);
        return lumen_fail_memory(error, "PartCrafter");
    }
    model->options = *options;
    model->options.device = device; /* contexts are opened again with low_memory */
    if (model->options.parts_max == 0)
        model->options.parts_max = DIT_PARTS_MAX;
    if (model->options.tokens_max == 0)
        model->options.tokens_max = TOKENS_MAX_DEFAULT;
    lumen_status status = open_model(model, error);
    model->options.path = model->path;
    if (status == LUMEN_OK)
        *out = model;
    else
        partcrafter_close(model);
    return status;
}

void partcrafter_close(partcrafter *model)
{
    if (model == NULL)
        return;
    for (int i = 0; i < PARTCRAFTER_NETWORKS; i++) {
        close_run(model, (partcrafter_network)i);
        weight_file_close(model->files[i]);
    }
    free((char *)(uintptr_t)model->options.device);
    free(model);
}

const partcrafter_config *partcrafter_config_of(const partcrafter *model)
{
    return &model->config;
}

const partcrafter_needs *partcrafter_needs_of(const partcrafter *model)
{
    return &model->needs;
}

const operators *partcrafter_operators(const partcrafter *model, partcrafter_network network)
{
    return model->runs[network];
}

const partcrafter_timings *partcrafter_timings_of(const partcrafter *model)
{
    return &model->timings;
}

/* ---- Loading --------------------------------------------------------------------------------------------- */

lumen_status partcrafter_need(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    const partcrafter_network other = network == PARTCRAFTER_DIT ? PARTCRAFTER_DECODER : PARTCRAFTER_DIT;
    if (model->options.low_memory && model->loaded[other])
        close_run(model, other);
    if (model->loaded[network])
        return LUMEN_OK;
    lumen_status status = LUMEN_OK;
    if (model->runs[network] == NULL)
        status = open_run(model, network, error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    partcrafter_begin_share(model, partcrafter_load_share(model, network));
    layer_loader in = loader_of(model, network, error);
    in.run = model->runs[network];
    operators_clear(in.run);
    status = load_network(model, network, &in);
    model->timings.load += clock_seconds_between(began, clock_now_ns());
    model->loaded[network] = status == LUMEN_OK;
    /* Layers of half a network would stay until the next unload. */
    if (status != LUMEN_OK)
        operators_unload(model->runs[network]);
    if (status != LUMEN_OK && network == PARTCRAFTER_DECODER && model->field.quick != NULL)
        operators_unload(model->field.quick);
    return status;
}

lumen_status partcrafter_load(partcrafter *model, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    if (model->options.low_memory)
        return LUMEN_OK;
    partcrafter_begin_progress(model, partcrafter_load_share(model, PARTCRAFTER_DIT) +
                                          partcrafter_load_share(model, PARTCRAFTER_DECODER));
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = partcrafter_need(model, (partcrafter_network)i, error);
    return status;
}
