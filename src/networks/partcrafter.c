#include "networks/partcrafter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/process.h"
#include "networks/gaussian_noise.h"

enum { PATH_BYTES = 4096, TOKENS_MAX_DEFAULT = 2048, USUAL_PARTS = 4 };

struct partcrafter {
    partcrafter_options options;
    char path[PATH_BYTES];
    partcrafter_config config;
    partcrafter_needs needs;
    weight_file *files[PARTCRAFTER_NETWORKS];
    operators *runs[PARTCRAFTER_NETWORKS]; /* NULL: given back */
    bool loaded[PARTCRAFTER_NETWORKS];
    partcrafter_dit dit;
    triposg_decoder decoder;
    triposg_part part;
    bool part_ready;
    partcrafter_timings timings;
    /* Progress: a stage is a share of the call under way. */
    lumen_progress progress;
    void *progress_user;
    double share_done, share, share_total;
};

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
    char path[PATH_BYTES + 64];
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
    return network == PARTCRAFTER_DIT ? partcrafter_dit_load(&model->config.dit, in, &model->dit)
                                      : triposg_decoder_load(&model->config.decoder, in, &model->decoder);
}

static layer_loader loader_of(const partcrafter *model, partcrafter_network network, lumen_error *error)
{
    return (layer_loader){.from = weight_file_source(model->files[network]),
                          .network = titles[network],
                          .type = model->options.type,
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

/* ---- Memory ---------------------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t dit_bytes(const partcrafter *model, size_t parts, size_t tokens, size_t image_tokens)
{
    return (partcrafter_dit_elements(&model->config.dit, parts, tokens) +
            partcrafter_dit_image_elements(&model->config.dit, image_tokens)) *
           tensor_type_bytes(model->options.type);
}

static size_t decoder_bytes(const partcrafter *model, size_t tokens)
{
    const triposg_decoder_config *config = &model->config.decoder;
    return (triposg_part_elements(config, tokens) +
            larger(triposg_decoder_elements(config, tokens), triposg_field_elements(config, tokens))) *
           tensor_type_bytes(model->options.type);
}

/* Addresses for activations; memory is taken as they are used. Both branches at once have room for usual requests. */
static size_t arena_bytes(const partcrafter *model, partcrafter_network network)
{
    const partcrafter_options *options = &model->options;
    if (network == PARTCRAFTER_DECODER)
        return decoder_bytes(model, options->tokens_max);
    const size_t usual = dit_bytes(model, 2 * smaller(options->parts_max, USUAL_PARTS),
                                   smaller(options->tokens_max, PARTCRAFTER_TOKENS), PARTCRAFTER_IMAGE_TOKENS_MAX);
    return larger(usual, dit_bytes(model, options->parts_max, options->tokens_max, PARTCRAFTER_IMAGE_TOKENS_MAX));
}

static void measure_memory(partcrafter *model)
{
    partcrafter_needs *needs = &model->needs;
    const size_t parts = smaller(model->options.parts_max, USUAL_PARTS);
    const size_t tokens = smaller(model->options.tokens_max, PARTCRAFTER_TOKENS), image_tokens = 257;
    const size_t slack = (size_t)64 << 20; /* code, tables, what the library works with */
    size_t weights = 0, activations = 0, most = 0;
    needs->activations[PARTCRAFTER_DIT] = dit_bytes(model, parts, tokens, image_tokens);
    needs->activations[PARTCRAFTER_DECODER] = decoder_bytes(model, tokens);
    for (int i = 0; i < PARTCRAFTER_NETWORKS; i++) {
        weights += needs->weights[i];
        activations += needs->activations[i];
        most = larger(most, needs->weights[i] + needs->activations[i]);
    }
    needs->low_peak = most + slack;
    needs->peak = model->options.low_memory ? needs->low_peak : weights + activations + slack;
    needs->available = (size_t)process_read_memory().available_bytes;
}

static lumen_status check_memory(const partcrafter *model, lumen_error *error)
{
    const partcrafter_needs *needs = &model->needs;
    const double gigabyte = 1e9;
    if (model->options.trust_memory || needs->available == 0 || needs->peak <= needs->available)
        return LUMEN_OK;
    const char *mend = needs->low_peak > needs->available ? "close other programs, or use a machine with more"
                                                          : "it would fit part by part: use --low-memory";
    return lumen_fail(error, LUMEN_ERROR_MEMORY, "PartCrafter needs %.1f GB of memory in %s, and %.1f GB are free; %s",
                      (double)needs->peak / gigabyte, tensor_type_name(model->options.type),
                      (double)needs->available / gigabyte, mend);
}

/* Memory outside of the operators' arenas, under the same budget. */
static void *take(const partcrafter *model, size_t bytes)
{
    const partcrafter_options *options = &model->options;
    return options->allow == NULL || options->allow(options->allow_user, bytes) ? malloc(bytes) : NULL;
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

static void begin_share(partcrafter *model, double share)
{
    model->share_done += model->share;
    model->share = share;
}

static void begin_progress(partcrafter *model, double work)
{
    model->share_done = model->share = 0.0;
    model->share_total = work;
}

/* Shares are rough seconds; only their proportions matter. */
static double load_share(const partcrafter *model, partcrafter_network network)
{
    return model->loaded[network] ? 0.0 : (double)model->needs.weights[network] / 2e9;
}

void partcrafter_watch(partcrafter *model, lumen_progress progress, void *user)
{
    model->progress = progress;
    model->progress_user = user;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

static lumen_status open_run(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    const operators_options how = {.device = options->device,
                                   .threads = options->threads,
                                   .type = options->type,
                                   .arena_bytes = arena_bytes(model, network),
                                   .allow = options->allow,
                                   .allow_user = options->allow_user,
                                   .progress = report,
                                   .progress_user = model};
    return operators_open(&how, &model->runs[network], error);
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
        status = weight_file_open(model->path, folders[i], "partcrafter", options->type, &model->files[i], error);
    if (status == LUMEN_OK)
        status = configure(model, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = measure_network(model, (partcrafter_network)i, error);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = open_run(model, (partcrafter_network)i, error);
    if (status == LUMEN_OK) {
        measure_memory(model);
        status = check_memory(model, error);
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
        operators_close(model->runs[i]);
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

/* A network's layers and its activations. */
static void give_back(partcrafter *model, partcrafter_network network)
{
    operators_close(model->runs[network]);
    model->runs[network] = NULL;
    model->loaded[network] = false;
    if (network == PARTCRAFTER_DECODER)
        model->part_ready = false;
}

static lumen_status need_network(partcrafter *model, partcrafter_network network, lumen_error *error)
{
    const partcrafter_network other = network == PARTCRAFTER_DIT ? PARTCRAFTER_DECODER : PARTCRAFTER_DIT;
    if (model->options.low_memory && model->loaded[other])
        give_back(model, other);
    if (model->loaded[network])
        return LUMEN_OK;
    lumen_status status = LUMEN_OK;
    if (model->runs[network] == NULL)
        status = open_run(model, network, error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    begin_share(model, load_share(model, network));
    layer_loader in = loader_of(model, network, error);
    in.run = model->runs[network];
    operators_clear(in.run);
    status = load_network(model, network, &in);
    model->timings.load += clock_seconds_between(began, clock_now_ns());
    model->loaded[network] = status == LUMEN_OK;
    /* Layers of half a network would stay until the next unload. */
    if (status != LUMEN_OK)
        operators_unload(model->runs[network]);
    return status;
}

lumen_status partcrafter_load(partcrafter *model, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    if (model->options.low_memory)
        return LUMEN_OK;
    begin_progress(model, load_share(model, PARTCRAFTER_DIT) + load_share(model, PARTCRAFTER_DECODER));
    for (int i = 0; i < PARTCRAFTER_NETWORKS && status == LUMEN_OK; i++)
        status = need_network(model, (partcrafter_network)i, error);
    return status;
}

/* ---- Requests -------------------------------------------------------------------------------------------- */

/* A request with the usual in place of zeros. */
static partcrafter_request whole_request(const partcrafter_request *given)
{
    partcrafter_request request = *given;
    request.tokens = request.tokens > 0 ? request.tokens : PARTCRAFTER_TOKENS;
    request.steps = request.steps > 0 ? request.steps : PARTCRAFTER_STEPS;
    if (!(request.guidance != 0.0f))
        request.guidance = PARTCRAFTER_GUIDANCE;
    if (!(request.guidance_from != 0.0f) && !(request.guidance_until != 0.0f))
        request.guidance_until = 1.0f;
    return request;
}

static bool is_guided(const partcrafter_request *request, const rectified_flow *flow, size_t step)
{
    const float sigma = flow->sigmas[step];
    return request->guidance > 1.0f && sigma >= request->guidance_from && sigma <= request->guidance_until;
}

static lumen_status check_request(const partcrafter *model, const partcrafter_request *request, lumen_error *error)
{
    const partcrafter_options *options = &model->options;
    if (request->image == NULL || request->image_tokens == 0 || request->image_tokens > PARTCRAFTER_IMAGE_TOKENS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %zu tokens cannot be made into parts; give 1 to %d tokens of the encoder",
                          request->image != NULL ? request->image_tokens : 0, PARTCRAFTER_IMAGE_TOKENS_MAX);
    if (request->parts == 0 || request->parts > options->parts_max)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "an object of %zu parts is not possible; ask for 1 to %zu",
                          request->parts, options->parts_max);
    if (request->tokens > options->tokens_max)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "parts of %zu tokens are not possible; ask for 1 to %zu",
                          request->tokens, options->tokens_max);
    if (!isfinite(request->guidance) || request->guidance < 0.0f || request->guidance > 100.0f)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a guidance of %g is not possible; give 0 to 100, usually 7",
                          (double)request->guidance);
    if (!(request->guidance_from >= 0.0f && request->guidance_from <= request->guidance_until &&
          request->guidance_until <= 1.0f))
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "guidance from %g until %g is no part of the way; give 0 <= from <= until <= 1",
                          (double)request->guidance_from, (double)request->guidance_until);
    const size_t ids = request->parts * (request->guidance > 1.0f && !request->part_ids_from_zero ? 2 : 1);
    if (ids > model->config.dit.part_ids)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "%zu parts with guidance need %zu part numbers, and this model has %zu; ask for fewer parts",
                          request->parts, ids, model->config.dit.part_ids);
    return LUMEN_OK;
}

/* ---- Sampling -------------------------------------------------------------------------------------------- */

/* One object under way. */
typedef struct sampling {
    partcrafter *model;
    const partcrafter_request *request;
    lumen_error *error;
    rectified_flow flow;
    partcrafter_dit_image image;
    size_t count;                        /* of the latents */
    int32_t part_ids[2 * DIT_PARTS_MAX]; /* unconditional, conditional */
    float *latents, *velocity;           /* velocity: (2, count) */
} sampling;

/* Above this many tokens the weights are a small part of what a pass reads, and a second branch at once gains nothing.
 */
static const size_t together_rows = 1024;

static bool goes_together(const sampling *job)
{
    const partcrafter_request *request = job->request;
    const partcrafter *model = job->model;
    const size_t rows = request->parts * (request->tokens + 1);
    const bool fits = dit_bytes(model, 2 * request->parts, request->tokens, request->image_tokens) <=
                      arena_bytes(model, PARTCRAFTER_DIT);
    if (request->memory == PARTCRAFTER_MEMORY_FITTING)
        return fits && rows <= together_rows;
    return fits && request->memory == PARTCRAFTER_MEMORY_TOGETHER;
}

/* The parts of an unguided run count from 0. In a guided one a part keeps its number where guidance rests. */
static void number_parts(sampling *job)
{
    const partcrafter_request *request = job->request;
    bool guided = false;
    for (size_t step = 0; step < job->flow.steps; step++)
        guided = guided || is_guided(request, &job->flow, step);
    const size_t first = guided && !request->part_ids_from_zero ? request->parts : 0;
    for (size_t i = 0; i < request->parts; i++) {
        job->part_ids[i] = (int32_t)i;
        job->part_ids[request->parts + i] = (int32_t)(first + i);
    }
}

static void evaluate(sampling *job, const tensor *latents, size_t step, dit_branches branches, float *velocity)
{
    partcrafter *model = job->model;
    operators *run = model->runs[PARTCRAFTER_DIT];
    const size_t mark = operators_mark(run);
    const partcrafter_dit_input input = {.latents = latents,
                                         .timestep = (double)job->flow.timesteps[step],
                                         .branches = branches,
                                         .part_ids =
                                             job->part_ids + (branches == DIT_CONDITIONAL ? job->request->parts : 0)};
    begin_share(model, branches == DIT_BOTH ? 2.0 : 1.0);
    tensor result = partcrafter_dit_forward(run, &model->dit, &job->image, &input);
    op_to_f32(run, &result, velocity);
    operators_release(run, mark);
}

static void take_step(sampling *job, size_t step)
{
    const partcrafter_request *request = job->request;
    operators *run = job->model->runs[PARTCRAFTER_DIT];
    const size_t mark = operators_mark(run), count = job->count;
    const size_t sizes[] = {request->parts, request->tokens, job->model->config.dit.channels};
    float *unconditional = job->velocity, *conditional = unconditional + count;
    tensor host = tensor_make(TENSOR_F32, 3, sizes, job->latents);
    tensor latents = op_from(run, &host);
    if (!is_guided(request, &job->flow, step)) {
        evaluate(job, &latents, step, DIT_CONDITIONAL, conditional);
    } else if (goes_together(job)) {
        evaluate(job, &latents, step, DIT_BOTH, job->velocity);
        rectified_flow_guide(request->guidance, unconditional, conditional, count);
    } else {
        evaluate(job, &latents, step, DIT_UNCONDITIONAL, unconditional);
        evaluate(job, &latents, step, DIT_CONDITIONAL, conditional);
        rectified_flow_guide(request->guidance, unconditional, conditional, count);
    }
    operators_release(run, mark);
    rectified_flow_step(&job->flow, step, conditional, job->latents, count);
}

static lumen_status check_latents(const sampling *job)
{
    for (size_t i = 0; i < job->count; i++)
        if (!isfinite(job->latents[i]))
            return lumen_fail(job->error, LUMEN_ERROR_FAILED,
                              "the DiT gave no object but numbers out of range; the weights are damaged, so pull them "
                              "again");
    return LUMEN_OK;
}

static lumen_status sample(sampling *job)
{
    partcrafter *model = job->model;
    const partcrafter_request *request = job->request;
    lumen_status status = need_network(model, PARTCRAFTER_DIT, job->error);
    if (status != LUMEN_OK)
        return status;
    operators *run = model->runs[PARTCRAFTER_DIT];
    const uint64_t began = clock_now_ns();
    const size_t mark = operators_mark(run);
    const size_t sizes[] = {1, request->image_tokens, model->config.dit.image_width};
    tensor host = tensor_make(TENSOR_F32, 3, sizes, (void *)(uintptr_t)request->image);
    tensor tokens = op_from(run, &host);
    partcrafter_dit_look(run, &model->dit, &tokens, &job->image);
    for (size_t step = 0; step < job->flow.steps && operators_status(run, NULL) == LUMEN_OK; step++)
        take_step(job, step);
    status = operators_status(run, job->error);
    operators_release(run, mark);
    model->timings.dit += clock_seconds_between(began, clock_now_ns());
    return status == LUMEN_OK ? check_latents(job) : status;
}

static void start(sampling *job)
{
    const partcrafter_request *request = job->request;
    double evaluations = 0.0;
    number_parts(job);
    for (size_t step = 0; step < job->flow.steps; step++)
        evaluations += is_guided(request, &job->flow, step) ? 2.0 : 1.0;
    begin_progress(job->model, load_share(job->model, PARTCRAFTER_DIT) + evaluations);
    if (request->noise != NULL) {
        memcpy(job->latents, request->noise, job->count * sizeof *job->latents);
    } else {
        random_state generator = random_seed(request->seed);
        gaussian_noise(&generator, job->latents, job->count);
    }
}

lumen_status partcrafter_sample(partcrafter *model, const partcrafter_request *given, float *latents,
                                lumen_error *error)
{
    const partcrafter_request request = whole_request(given);
    lumen_status status = check_request(model, &request, error);
    if (status != LUMEN_OK)
        return status;
    sampling *job = take(model, sizeof *job);
    if (job == NULL)
        return lumen_fail_memory(error, "the making of parts");
    *job = (sampling){.model = model,
                      .request = &request,
                      .error = error,
                      .count = request.parts * request.tokens * model->config.dit.channels,
                      .latents = latents};
    model->timings = (partcrafter_timings){0};
    status = rectified_flow_plan(&model->config.flow, request.steps, &job->flow, error);
    if (status == LUMEN_OK) {
        job->velocity = take(model, 2 * job->count * sizeof *job->velocity);
        if (job->velocity == NULL)
            status = lumen_fail_memory(error, "the velocity of the latents");
    }
    if (status == LUMEN_OK) {
        start(job);
        if (model->runs[PARTCRAFTER_DIT] != NULL)
            operators_clear(model->runs[PARTCRAFTER_DIT]);
        status = sample(job);
    }
    free(job->velocity);
    free(job);
    return status;
}

/* ---- Work ------------------------------------------------------------------------------------------------ */

/* One branch of one evaluation. `blocks` / 2 of them have a skip, all but the middle one in pairs. */
static double branch_macs(const partcrafter_dit_config *config, double parts, double tokens, double image_tokens,
                          bool conditional)
{
    const double width = (double)config->width, rows = parts * (tokens + 1.0);
    double macs = 2.0 * parts * tokens * width * (double)config->channels + 8.0 * width * width;
    for (size_t i = 0; i < config->blocks; i++) {
        const double keys = config->global[i] ? rows : tokens + 1.0;
        macs += rows * (12.0 * width * width + 2.0 * keys * width);
        macs += i > config->blocks / 2 ? rows * 2.0 * width * width : 0.0;
        macs += conditional ? rows * (2.0 * width * width + 2.0 * image_tokens * width) : 0.0;
    }
    return macs;
}

partcrafter_work partcrafter_work_of(const partcrafter_config *config, const partcrafter_request *given)
{
    const partcrafter_request request = whole_request(given);
    const partcrafter_dit_config *dit = &config->dit;
    const triposg_decoder_config *decoder = &config->decoder;
    const double parts = (double)request.parts, tokens = (double)request.tokens, image = (double)request.image_tokens;
    const double wide = (double)decoder->width;
    const double point = (double)fine_inputs(3 * (1 + 2 * decoder->frequencies));
    partcrafter_work work = {
        .sample =
            (double)dit->blocks * (double)dit->width * (2.0 * image * (double)dit->image_width + (double)dit->width),
        .begin_part = tokens * wide *
                      ((double)decoder->channels + (double)decoder->blocks * (12.0 * wide + 2.0 * tokens) + 2.0 * wide),
        .point = wide * (point + 10.0 * wide + 2.0 * tokens + 1.0)};
    rectified_flow flow;
    if (rectified_flow_plan(&config->flow, request.steps, &flow, NULL) != LUMEN_OK)
        return work;
    for (size_t step = 0; step < flow.steps; step++) {
        work.sample += branch_macs(dit, parts, tokens, image, true);
        if (is_guided(&request, &flow, step))
            work.sample += branch_macs(dit, parts, tokens, image, false);
    }
    return work;
}

/* ---- Fields ---------------------------------------------------------------------------------------------- */

lumen_status partcrafter_begin_part(partcrafter *model, const float *latents, size_t tokens, lumen_error *error)
{
    if (tokens == 0 || tokens > model->options.tokens_max)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a part of %zu tokens is not possible; give 1 to %zu", tokens,
                          model->options.tokens_max);
    model->part_ready = false;
    begin_progress(model, load_share(model, PARTCRAFTER_DECODER) + 1.0);
    if (model->runs[PARTCRAFTER_DECODER] != NULL)
        operators_clear(model->runs[PARTCRAFTER_DECODER]);
    lumen_status status = need_network(model, PARTCRAFTER_DECODER, error);
    if (status != LUMEN_OK)
        return status;
    operators *run = model->runs[PARTCRAFTER_DECODER];
    const uint64_t began = clock_now_ns();
    const size_t sizes[] = {1, tokens, model->config.decoder.channels};
    begin_share(model, 1.0);
    operators_release(run, 0); /* the part before */
    tensor host = tensor_make(TENSOR_F32, 3, sizes, (void *)(uintptr_t)latents);
    tensor x = op_from(run, &host);
    triposg_decoder_read(run, &model->decoder, &x, &model->part);
    status = operators_status(run, error);
    model->part_ready = status == LUMEN_OK;
    model->timings.trunk += clock_seconds_between(began, clock_now_ns());
    return status;
}

lumen_status partcrafter_field(partcrafter *model, const float *points, size_t count, float *values, lumen_error *error)
{
    if (!model->part_ready)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "there is no part to ask; begin one first");
    operators *run = model->runs[PARTCRAFTER_DECODER];
    const uint64_t began = clock_now_ns();
    operators_clear(run);
    begin_progress(model, 1.0);
    begin_share(model, 1.0);
    lumen_status status = triposg_decoder_field(run, &model->decoder, &model->part, points, count, values, error);
    model->timings.field += clock_seconds_between(began, clock_now_ns());
    model->timings.points += count;
    return status;
}
