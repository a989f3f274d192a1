#include "networks/partcrafter_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "networks/gaussian_noise.h"

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
    const size_t rows = request->parts * (request->tokens + 1);
    const bool fits = partcrafter_fits_together(job->model, request->parts, request->tokens, request->image_tokens);
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
    partcrafter_begin_share(model, branches == DIT_BOTH ? 2.0 : 1.0);
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
    lumen_status status = partcrafter_need(model, PARTCRAFTER_DIT, job->error);
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
    partcrafter_begin_progress(job->model, partcrafter_load_share(job->model, PARTCRAFTER_DIT) + evaluations);
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
    sampling *job = partcrafter_take(model, sizeof *job);
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
        job->velocity = partcrafter_take(model, 2 * job->count * sizeof *job->velocity);
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
