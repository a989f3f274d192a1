#include "networks/sdxl_turbo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/process.h"
#include "networks/gaussian_noise.h"
#include "tokenizer/clip_tokenizer.h"

enum { PATH_BYTES = 4096 };

struct sdxl_turbo {
    sdxl_turbo_options options;
    sdxl_turbo_config config;
    sdxl_turbo_needs needs;
    checkpoint *files;
    operators *run;
    bool loaded[CHECKPOINT_PARTS];
    clip_text text[2];
    sdxl_unet unet;
    sdxl_vae vae;
    sdxl_unet_text unet_text;
    sdxl_turbo_timings timings;
    /* Progress: a stage is a share of the whole. */
    lumen_progress progress;
    void *progress_user;
    double share_done, share, share_total;
};

static const char *const part_titles[CHECKPOINT_PARTS] = {"text encoder", "text encoder 2", "UNet", "VAE"};

/* ---- Configuration --------------------------------------------------------------------------------------- */

sdxl_turbo_config sdxl_turbo_default(void)
{
    return (sdxl_turbo_config){.text = {clip_text_large(), clip_text_big()},
                               .unet = sdxl_unet_default(),
                               .vae = sdxl_vae_default(),
                               .sampler = euler_ancestral_default()};
}

static lumen_status configure_part(const checkpoint *files, const char *folder, sdxl_turbo_config *out,
                                   lumen_error *error)
{
    configuration *from;
    lumen_status status = checkpoint_configuration(files, folder, &from, error);
    if (status != LUMEN_OK)
        return status;
    if (strcmp(folder, "text_encoder") == 0)
        clip_text_configure(from, &out->text[0]);
    else if (strcmp(folder, "text_encoder_2") == 0)
        clip_text_configure(from, &out->text[1]);
    else if (strcmp(folder, "unet") == 0)
        sdxl_unet_configure(from, &out->unet);
    else if (strcmp(folder, "vae") == 0)
        sdxl_vae_configure(from, &out->vae);
    else
        euler_ancestral_configure(from, &out->sampler);
    return configuration_close(from, error);
}

lumen_status sdxl_turbo_configure(const checkpoint *files, sdxl_turbo_config *out, lumen_error *error)
{
    static const char *const folders[] = {"text_encoder", "text_encoder_2", "unet", "vae", "scheduler"};
    *out = sdxl_turbo_default();
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        lumen_status status = configure_part(files, folders[i], out, error);
        if (status != LUMEN_OK)
            return status;
    }
    const clip_text_config *small = &out->text[0], *big = &out->text[1];
    if (small->width + big->width != out->unet.context || big->projection != out->unet.pooled ||
        small->positions != big->positions)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "the text encoders make tokens of %zu and %zu and a vector of %zu, but the UNet reads tokens "
                          "of %zu and a vector of %zu; these parts belong to different models, so pull one again",
                          small->width, big->width, big->projection, out->unet.context, out->unet.pooled);
    if (out->vae.latent_channels != out->unet.channels)
        return lumen_fail(
            error, LUMEN_ERROR_INVALID,
            "the UNet makes latents of %zu channels, but the VAE reads %zu; these parts belong to different "
            "models, so pull one again",
            out->unet.channels, out->vae.latent_channels);
    return LUMEN_OK;
}

/* ---- Parts ----------------------------------------------------------------------------------------------- */

static lumen_status load_part(sdxl_turbo *model, checkpoint_part part, layer_loader *in)
{
    switch (part) {
    case CHECKPOINT_TEXT_ENCODER: return clip_text_load(&model->config.text[0], in, &model->text[0]);
    case CHECKPOINT_TEXT_ENCODER_2: return clip_text_load(&model->config.text[1], in, &model->text[1]);
    case CHECKPOINT_UNET: return sdxl_unet_load(&model->config.unet, in, &model->unet);
    default: return sdxl_vae_load(&model->config.vae, in, &model->vae);
    }
}

static layer_loader loader_of(const sdxl_turbo *model, checkpoint_part part, lumen_error *error)
{
    return (layer_loader){.from = checkpoint_part_of(model->files, part),
                          .network = part_titles[part],
                          .type = operators_type(model->run),
                          .expected = model->needs.weights[part],
                          .error = error};
}

/* Whether all tensors of a part are there, and how many bytes its layers will take. */
static lumen_status measure_part(sdxl_turbo *model, checkpoint_part part, lumen_error *error)
{
    layer_loader in = loader_of(model, part, error);
    lumen_status status = load_part(model, part, &in);
    model->needs.weights[part] = in.bytes;
    return status;
}

/* ---- Memory ---------------------------------------------------------------------------------------------- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void measure_memory(sdxl_turbo *model)
{
    sdxl_turbo_needs *needs = &model->needs;
    const sdxl_turbo_config *config = &model->config;
    const size_t side = model->options.size_max / sdxl_vae_factor(&config->vae);
    const size_t element = tensor_type_bytes(operators_type(model->run)), tokens = config->text[0].positions;
    const size_t slack = (size_t)64 << 20; /* code, tables, what the library works with */
    for (int i = 0; i < 2; i++)
        needs->activations[i] = tokens * (config->text[i].width * 12 + config->text[i].hidden) * element;
    needs->activations[CHECKPOINT_UNET] = sdxl_unet_elements(&config->unet, side, side, tokens) * element;
    needs->activations[CHECKPOINT_VAE] = sdxl_vae_elements(&config->vae, side, side) * element;
    size_t weights = 0, activations = 0, part_most = 0;
    for (int i = 0; i < CHECKPOINT_PARTS; i++) {
        weights += needs->weights[i];
        activations = larger(activations, needs->activations[i]);
        part_most = larger(part_most, needs->weights[i] + needs->activations[i]);
    }
    needs->low_peak = part_most + slack;
    needs->peak = model->options.low_memory ? needs->low_peak : weights + activations + slack;
    needs->available = (size_t)process_read_memory().available_bytes;
}

static lumen_status check_memory(const sdxl_turbo *model, lumen_error *error)
{
    const sdxl_turbo_needs *needs = &model->needs;
    const double gigabyte = 1e9;
    if (model->options.trust_memory || needs->available == 0 || needs->peak <= needs->available)
        return LUMEN_OK;
    const char *mend = needs->low_peak > needs->available ? "close other programs, or use a machine with more"
                                                          : "it would fit part by part: use --low-memory";
    return lumen_fail(error, LUMEN_ERROR_MEMORY, "SDXL Turbo needs %.1f GB of memory in %s, and %.1f GB are free; %s",
                      (double)needs->peak / gigabyte, tensor_type_name(operators_type(model->run)),
                      (double)needs->available / gigabyte, mend);
}

/* ---- Progress -------------------------------------------------------------------------------------------- */

/* What the operators report of one part becomes a fraction of the whole. */
static bool report(void *user, const char *stage, double fraction)
{
    sdxl_turbo *model = user;
    if (model->progress == NULL)
        return true;
    double whole = model->share_total > 0.0 ? (model->share_done + fraction * model->share) / model->share_total : 0.0;
    return model->progress(model->progress_user, stage, whole > 1.0 ? 1.0 : whole);
}

static void begin_share(sdxl_turbo *model, double share)
{
    model->share_done += model->share;
    model->share = share;
}

/* Shares are rough seconds; only their proportions matter. */
static double load_share(const sdxl_turbo *model, int part)
{
    return (double)model->needs.weights[part] / 2e9;
}

static void begin_progress(sdxl_turbo *model, double work)
{
    model->share_done = model->share = 0.0;
    model->share_total = work;
    for (int i = 0; i < CHECKPOINT_PARTS; i++)
        model->share_total += model->loaded[i] ? 0.0 : load_share(model, i);
}

void sdxl_turbo_watch(sdxl_turbo *model, lumen_progress progress, void *user)
{
    model->progress = progress;
    model->progress_user = user;
}

/* ---- Opening --------------------------------------------------------------------------------------------- */

/* Addresses for activations; memory is taken as they are used. The VAE takes 1 GiB for 512 pixels in f32. */
static size_t arena_bytes(size_t size)
{
    const size_t tiles = (size + SDXL_TURBO_SIZE_DEFAULT - 1) / SDXL_TURBO_SIZE_DEFAULT;
    return ((size_t)2 << 30) * tiles * tiles;
}

/* Memory outside of the operators' arena, under the same budget. */
static void *take(const sdxl_turbo *model, size_t bytes)
{
    const sdxl_turbo_options *options = &model->options;
    return options->allow == NULL || options->allow(options->allow_user, bytes) ? malloc(bytes) : NULL;
}

static lumen_status open_model(sdxl_turbo *model, lumen_error *error)
{
    const sdxl_turbo_options *options = &model->options;
    const operators_options how = {.device = options->device,
                                   .threads = options->threads,
                                   .type = options->type,
                                   .arena_bytes = arena_bytes(options->size_max),
                                   .allow = options->allow,
                                   .allow_user = options->allow_user,
                                   .progress = report,
                                   .progress_user = model};
    if (options->size_max > SDXL_TURBO_SIZE_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "pictures of %zu pixels are too large; %d is the most",
                          options->size_max, SDXL_TURBO_SIZE_MAX);
    lumen_status status = operators_open(&how, &model->run, error);
    if (status == LUMEN_OK)
        status = checkpoint_open(options->path, operators_type(model->run), &model->files, error);
    if (status == LUMEN_OK)
        status = sdxl_turbo_configure(model->files, &model->config, error);
    for (int i = 0; i < CHECKPOINT_PARTS && status == LUMEN_OK; i++)
        status = measure_part(model, (checkpoint_part)i, error);
    if (status == LUMEN_OK) {
        measure_memory(model);
        status = check_memory(model, error);
    }
    return status;
}

lumen_status sdxl_turbo_open(const sdxl_turbo_options *options, sdxl_turbo **out, lumen_error *error)
{
    *out = NULL;
    sdxl_turbo *model = calloc(1, sizeof *model);
    if (model == NULL)
        return lumen_fail_memory(error, "SDXL Turbo");
    model->options = *options;
    if (model->options.size_max == 0)
        model->options.size_max = SDXL_TURBO_SIZE_DEFAULT;
    lumen_status status = open_model(model, error);
    model->options.path = NULL; /* the caller's */
    model->options.device = NULL;
    if (status == LUMEN_OK)
        *out = model;
    else
        sdxl_turbo_close(model);
    return status;
}

void sdxl_turbo_close(sdxl_turbo *model)
{
    if (model == NULL)
        return;
    operators_close(model->run);
    checkpoint_close(model->files);
    free(model);
}

const sdxl_turbo_needs *sdxl_turbo_needs_of(const sdxl_turbo *model)
{
    return &model->needs;
}

const operators *sdxl_turbo_operators(const sdxl_turbo *model)
{
    return model->run;
}

const sdxl_turbo_timings *sdxl_turbo_timings_of(const sdxl_turbo *model)
{
    return &model->timings;
}

/* ---- Loading --------------------------------------------------------------------------------------------- */

static void unload_all(sdxl_turbo *model)
{
    operators_unload(model->run);
    memset(model->loaded, 0, sizeof model->loaded);
}

static lumen_status need_part(sdxl_turbo *model, checkpoint_part part, lumen_error *error)
{
    if (model->loaded[part])
        return LUMEN_OK;
    const uint64_t began = clock_now_ns();
    begin_share(model, load_share(model, (int)part));
    layer_loader in = loader_of(model, part, error);
    in.run = model->run;
    lumen_status status = load_part(model, part, &in);
    model->timings.load += clock_seconds_between(began, clock_now_ns());
    model->loaded[part] = status == LUMEN_OK;
    /* Layers of half a part would stay until the next unload. */
    if (status != LUMEN_OK)
        unload_all(model);
    return status;
}

static void done_with_part(sdxl_turbo *model)
{
    if (model->options.low_memory)
        unload_all(model);
}

lumen_status sdxl_turbo_load(sdxl_turbo *model, lumen_error *error)
{
    lumen_status status = LUMEN_OK;
    operators_clear(model->run);
    begin_progress(model, 0.0);
    if (!model->options.low_memory)
        for (int i = 0; i < CHECKPOINT_PARTS && status == LUMEN_OK; i++)
            status = need_part(model, (checkpoint_part)i, error);
    return status;
}

/* ---- Text ------------------------------------------------------------------------------------------------ */

/* One picture under way. */
typedef struct painting {
    sdxl_turbo *model;
    const sdxl_turbo_request *request;
    lumen_error *error;
    size_t size, side; /* of the picture and the latent */
    euler_ancestral sampler;
    random_state generator;
    tensor context, pooled;  /* (1, 77, 2048), (1, 1280) */
    float *latent, *scratch; /* (h, w, 4) each */
} painting;

static lumen_status find_merges(const checkpoint *files, char *out, size_t capacity, lumen_error *error)
{
    static const char *const places[] = {"tokenizer/merges.txt", "tokenizer_2/merges.txt", "merges.txt"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (checkpoint_file(files, places[i], out, capacity))
            return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                      "the tokenizer's merges.txt is not beside the weights; get it with: lumen pull sdxl-turbo");
}

static lumen_status tokenize(const painting *job, int encoder, int32_t *ids)
{
    /* The first encoder was trained with texts filled up by the mark of their end, the second with id 0. */
    static const int32_t pads[2] = {CLIP_END, 0};
    char path[PATH_BYTES + 64];
    clip_tokenizer *words = NULL;
    if (job->request->ids[encoder] != NULL) {
        memcpy(ids, job->request->ids[encoder], job->model->config.text[encoder].positions * sizeof *ids);
        return LUMEN_OK;
    }
    lumen_status status = find_merges(job->model->files, path, sizeof path, job->error);
    if (status == LUMEN_OK)
        status = clip_tokenizer_open(path, pads[encoder], &words, job->error);
    if (status == LUMEN_OK)
        status = clip_tokenizer_encode(words, job->request->prompt, ids, job->model->config.text[encoder].positions,
                                       job->error);
    clip_tokenizer_close(words);
    return status;
}

static lumen_status encode_text(painting *job)
{
    sdxl_turbo *model = job->model;
    tensor halves[2] = {0};
    for (int i = 0; i < 2; i++) {
        int32_t ids[CLIP_POSITIONS_MAX];
        lumen_status status = tokenize(job, i, ids);
        if (status == LUMEN_OK)
            status = need_part(model, (checkpoint_part)i, job->error);
        if (status != LUMEN_OK)
            return status;
        const uint64_t began = clock_now_ns();
        begin_share(model, i == 0 ? 0.01 : 0.05);
        halves[i] = clip_text_forward(model->run, &model->text[i], ids, i == 1 ? &job->pooled : NULL);
        model->timings.text += clock_seconds_between(began, clock_now_ns());
        done_with_part(model);
    }
    job->context = op_concat_channels(model->run, &halves[0], &halves[1]);
    return operators_status(model->run, job->error);
}

/* ---- Sampling -------------------------------------------------------------------------------------------- */

static size_t latent_count(const painting *job)
{
    return job->side * job->side * job->model->config.unet.channels;
}

/* Noise (4, h, w), given or drawn, as (h, w, 4). */
static void take_noise(painting *job, const float *given, float *out)
{
    const size_t pixels = job->side * job->side, channels = job->model->config.unet.channels;
    const size_t count = latent_count(job);
    float *drawn = job->scratch;
    if (given == NULL) {
        gaussian_noise(&job->generator, drawn, count);
        given = drawn;
    }
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < pixels; p++)
            out[p * channels + c] = given[c * pixels + p];
}

/* One pass of the UNet: the noise that it sees in the latent, as f32. */
static void predict(painting *job, size_t step, float *noise)
{
    sdxl_turbo *model = job->model;
    operators *run = model->run;
    const size_t mark = operators_mark(run), count = latent_count(job);
    const size_t sizes[] = {1, job->side, job->side, model->config.unet.channels};
    const float scale = (float)euler_ancestral_input_scale(&job->sampler, step);
    for (size_t i = 0; i < count; i++)
        noise[i] = job->latent[i] * scale;
    tensor values = tensor_make(TENSOR_F32, 4, sizes, noise);
    tensor input = op_from(run, &values);
    tensor output = sdxl_unet_forward(run, &model->unet, &model->unet_text, &input, job->sampler.timesteps[step]);
    op_to_f32(run, &output, noise);
    operators_release(run, mark);
}

static lumen_status sample(painting *job, float *noise, float *fresh)
{
    sdxl_turbo *model = job->model;
    const size_t count = latent_count(job), steps = job->sampler.steps;
    take_noise(job, job->request->latents, job->latent);
    for (size_t i = 0; i < count; i++)
        job->latent[i] *= (float)job->sampler.sigmas[0];
    begin_share(model, 0.0);
    sdxl_unet_condition(model->run, &model->unet, &job->context, &job->pooled, job->size, &model->unet_text);
    for (size_t step = 0; step < steps; step++) {
        const bool last = step + 1 == steps;
        begin_share(model, 1.0);
        predict(job, step, noise);
        if (operators_status(model->run, job->error) != LUMEN_OK)
            break;
        if (!last)
            take_noise(job, job->request->fresh != NULL ? job->request->fresh + step * count : NULL, fresh);
        euler_ancestral_step(&job->sampler, step, noise, last ? NULL : fresh, job->latent, count);
    }
    return operators_status(model->run, job->error);
}

static lumen_status denoise(painting *job)
{
    sdxl_turbo *model = job->model;
    lumen_status status = need_part(model, CHECKPOINT_UNET, job->error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    float *noise = take(model, 2 * latent_count(job) * sizeof *noise);
    status = noise == NULL ? lumen_fail_memory(job->error, "the noise of a picture")
                           : sample(job, noise, noise + latent_count(job));
    free(noise);
    model->timings.unet += clock_seconds_between(began, clock_now_ns());
    done_with_part(model);
    return status;
}

/* ---- Picture --------------------------------------------------------------------------------------------- */

/* -1 to 1 becomes 0 to 255. */
static lumen_status to_pixels(const float *values, size_t count, uint8_t *pixels, lumen_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return lumen_fail(error, LUMEN_ERROR_FAILED,
                              "the decoder gave no picture but numbers out of range; the weights are damaged, so pull "
                              "them again");
        float value = 0.5f * values[i] + 0.5f;
        value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
        pixels[i] = (uint8_t)lrintf(255.0f * value);
    }
    return LUMEN_OK;
}

static lumen_status decode(painting *job, picture_image *out)
{
    sdxl_turbo *model = job->model;
    operators *run = model->run;
    const size_t count = job->size * job->size * model->config.vae.picture_channels;
    const size_t sizes[] = {1, job->side, job->side, model->config.vae.latent_channels};
    lumen_status status = need_part(model, CHECKPOINT_VAE, job->error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    begin_share(model, 0.95);
    for (size_t i = 0; i < latent_count(job); i++)
        job->latent[i] = (float)((double)job->latent[i] / model->config.vae.scaling);
    tensor values = tensor_make(TENSOR_F32, 4, sizes, job->latent);
    tensor latent = op_from(run, &values);
    tensor picture = sdxl_vae_decode(run, &model->vae, &latent);
    float *samples = take(model, count * sizeof *samples);
    uint8_t *pixels = take(model, count);
    if (samples == NULL || pixels == NULL)
        status = lumen_fail_memory(job->error, "the picture");
    else
        op_to_f32(run, &picture, samples);
    if (status == LUMEN_OK)
        status = operators_status(run, job->error);
    if (status == LUMEN_OK)
        status = to_pixels(samples, count, pixels, job->error);
    free(samples);
    model->timings.vae += clock_seconds_between(began, clock_now_ns());
    done_with_part(model);
    if (status == LUMEN_OK)
        *out = (picture_image){.width = (uint32_t)job->size, .height = (uint32_t)job->size, .pixels = pixels};
    else
        free(pixels);
    return status;
}

/* ---- Painting -------------------------------------------------------------------------------------------- */

static lumen_status check_request(const sdxl_turbo *model, const sdxl_turbo_request *request, size_t size,
                                  lumen_error *error)
{
    if (size < SDXL_TURBO_SIZE_MIN || size > model->options.size_max || size % SDXL_TURBO_SIZE_MULTIPLE != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %zu pixels is not possible; the size is a multiple of %d from %d to %zu", size,
                          SDXL_TURBO_SIZE_MULTIPLE, SDXL_TURBO_SIZE_MIN, model->options.size_max);
    if (size / sdxl_vae_factor(&model->config.vae) % ((size_t)1 << (model->config.unet.levels - 1)) != 0)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "a picture of %zu pixels does not halve as often as the UNet does", size);
    if (request->prompt == NULL && (request->ids[0] == NULL || request->ids[1] == NULL))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the prompt is missing; say what the picture shall show");
    return LUMEN_OK;
}

static lumen_status paint(painting *job, picture_image *out)
{
    lumen_status status = encode_text(job);
    if (status == LUMEN_OK)
        status = denoise(job);
    if (status == LUMEN_OK)
        status = decode(job, out);
    return status;
}

lumen_status sdxl_turbo_paint(sdxl_turbo *model, const sdxl_turbo_request *request, picture_image *out,
                              lumen_error *error)
{
    const size_t size = request->size == 0 ? SDXL_TURBO_SIZE_DEFAULT : request->size;
    painting job = {.model = model,
                    .request = request,
                    .error = error,
                    .size = size,
                    .side = size / sdxl_vae_factor(&model->config.vae),
                    .generator = random_seed(request->seed)};
    *out = (picture_image){0};
    lumen_status status = check_request(model, request, size, error);
    if (status == LUMEN_OK)
        status =
            euler_ancestral_plan(&model->config.sampler, request->steps == 0 ? 1 : request->steps, &job.sampler, error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    const size_t count = latent_count(&job), mark = operators_mark(model->run);
    job.latent = take(model, 2 * count * sizeof *job.latent);
    if (job.latent == NULL)
        return lumen_fail_memory(error, "the latent of a picture");
    job.scratch = job.latent + count;
    model->timings = (sdxl_turbo_timings){0};
    operators_clear(model->run);
    begin_progress(model, 0.06 + (double)job.sampler.steps + 0.95);
    status = paint(&job, out);
    operators_release(model->run, mark);
    free(job.latent);
    model->timings.total = clock_seconds_between(began, clock_now_ns());
    return status;
}
