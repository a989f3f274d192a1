/* The engine: the order of the stages, and who may work. */

#include "inside.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "procedural/procedural.h"

enum { WAIT_NANOSECONDS = 50 * 1000 * 1000, IMAGE_STEPS_MAX = 4, STEPS_MAX = FLOW_STEPS_MAX, TOKENS_MIN = 16, TOKENS_MAX = 2048 };

static const float guidance_max = 20.0f;

/* Bounds for one request: the lattice of the reference, and sixteen parts of it. */
static const size_t scratch_bytes_max = (size_t)3 << 30, parts_bytes_max = (size_t)6 << 30;

struct partcrafter_engine {
    engine base; /* first, so that an engine can be seen as what it is */
    const sculpt_library *shapes;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t freed;
    bool busy;                         /* whoever set it owns the networks and the timings */
    uint64_t held[PARTCRAFTER_MODELS]; /* when the last turn was over */
    engine_networks networks;
    partcrafter_engine_timings timings;
};

static const char *const stage_names[PARTCRAFTER_STAGES] = {"image",          "cutout",  "encode",
                                                            "part_diffusion", "surface", "naming"};

const char *partcrafter_stage_name(partcrafter_stage stage)
{
    return stage_names[stage];
}

/* Engines are handed around as constants; what changes in this one is behind its lock. */
static partcrafter_engine *behind(const engine *self)
{
    return (partcrafter_engine *)(uintptr_t)self;
}

/* ---- Progress --------------------------------------------------------------------------------------------- */

void progress_begin(engine_progress *progress, partcrafter_stage stage)
{
    progress->stage = stage;
    progress->part = progress->parts = 0.0;
}

static bool tell(engine_progress *progress, double fraction)
{
    double done = 0.0;
    if (progress->tell == NULL)
        return true;
    for (int i = 0; i < (int)progress->stage; i++)
        done += progress->share[i];
    if (progress->parts > 0.0)
        fraction = (progress->part + fraction) / progress->parts;
    done += progress->share[progress->stage] * fmin(fmax(fraction, 0.0), 1.0);
    progress->last = fmin(fmax(progress->last, done), 1.0);
    return progress->tell(progress->user, stage_names[progress->stage], progress->last);
}

bool progress_report(void *user, const char *stage, double fraction)
{
    (void)stage;
    return tell(user, fraction);
}

bool progress_ask(void *user, const char *stage, double fraction)
{
    engine_progress *progress = user;
    (void)stage;
    (void)fraction;
    return progress->tell == NULL || progress->tell(progress->user, stage_names[progress->stage], progress->last);
}

lumen_status progress_check(engine_progress *progress, double fraction, lumen_error *error)
{
    return tell(progress, fraction)
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_CANCELLED, "the shape was cancelled at the stage %s",
                            stage_names[progress->stage]);
}

/* How much of the whole each stage is, by its multiplications in the networks of full size, in units of 1e12. */
static void share_out(const engine_request *request, const partcrafter_request *parts, engine_progress *progress)
{
    static const double points[] = {
        [LUMEN_QUALITY_FAST] = 6e4, [LUMEN_QUALITY_STANDARD] = 2.5e5, [LUMEN_QUALITY_HIGH] = 1.5e6};
    const double unit = 1e12, reference_points = 2.4e7;
    const partcrafter_config whole = partcrafter_default();
    const partcrafter_work work = partcrafter_work_of(&whole, parts);
    const double asked =
        request->extraction == LUMEN_EXTRACTION_REFERENCE ? reference_points : points[request->quality];
    double *share = progress->share, total = 0.0;
    share[PARTCRAFTER_STAGE_IMAGE] = request->image == NULL ? 1.4 + 0.8 * (double)preset_for(request).image_steps : 0.0;
    share[PARTCRAFTER_STAGE_CUTOUT] = 0.3;
    share[PARTCRAFTER_STAGE_ENCODE] = 0.1;
    share[PARTCRAFTER_STAGE_DIFFUSION] = work.sample / unit;
    share[PARTCRAFTER_STAGE_SURFACE] = (double)parts->parts * (work.begin_part + asked * work.point) / unit;
    share[PARTCRAFTER_STAGE_NAMING] = 0.2;
    for (int i = 0; i < PARTCRAFTER_STAGES; i++)
        total += share[i];
    for (int i = 0; i < PARTCRAFTER_STAGES; i++)
        share[i] /= total;
}

/* ---- Turns ------------------------------------------------------------------------------------------------ */

static void wait_a_little(partcrafter_engine *made)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_NANOSECONDS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&made->freed, &made->lock, &until);
}

/* `progress` may be NULL: then nobody calls it off. */
static lumen_status take_turn(partcrafter_engine *made, lumen_progress progress, void *user, lumen_error *error)
{
    bool go_on = true;
    pthread_mutex_lock(&made->lock);
    while (made->busy && go_on) {
        wait_a_little(made);
        if (!made->busy || progress == NULL)
            continue;
        pthread_mutex_unlock(&made->lock);
        go_on = progress(user, "waiting", 0.0);
        pthread_mutex_lock(&made->lock);
    }
    if (go_on)
        made->busy = true;
    pthread_mutex_unlock(&made->lock);
    return go_on ? LUMEN_OK : lumen_fail(error, LUMEN_ERROR_CANCELLED, "the work was cancelled before its turn");
}

static void leave_turn(partcrafter_engine *made)
{
    pthread_mutex_lock(&made->lock);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        made->held[i] = networks_held(&made->networks, (partcrafter_model)i);
    made->busy = false;
    pthread_cond_signal(&made->freed);
    pthread_mutex_unlock(&made->lock);
}

/* ---- Requests --------------------------------------------------------------------------------------------- */

static lumen_status check_request(const engine_request *request, lumen_error *error)
{
    if (request->image_steps > IMAGE_STEPS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%u steps of a picture are too many; ask for 1 to %d",
                          request->image_steps, IMAGE_STEPS_MAX);
    if (request->steps > STEPS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%u steps are too many; ask for 1 to %d", request->steps,
                          STEPS_MAX);
    if (request->tokens != 0 && (request->tokens < TOKENS_MIN || request->tokens > TOKENS_MAX))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "parts of %u tokens are not possible; ask for %d to %d",
                          request->tokens, TOKENS_MIN, TOKENS_MAX);
    if (!isfinite(request->guidance) || request->guidance < 0.0f || request->guidance > guidance_max ||
        (request->guidance > 0.0f && request->guidance < 1.0f))
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a guidance of %g is not possible; ask for 1 to %g",
                          (double)request->guidance, (double)guidance_max);
    return LUMEN_OK;
}

/* As many as the template has, unless the model numbers fewer. */
static size_t count_parts(const partcrafter_engine *made, const engine_request *request)
{
    if (request->num_parts != 0)
        return request->num_parts;
    const size_t usual = procedural_part_count(made->shapes, request->phrase);
    const size_t most = made->networks.measures.maker_config.dit.part_ids / 2;
    return usual < most || most == 0 ? usual : most;
}

static lumen_status prepare(partcrafter_engine *made, const engine_request *request, partcrafter_engine_needs *needs,
                            lumen_error *error)
{
    lumen_status status = check_request(request, error);
    if (status == LUMEN_OK)
        status = networks_check(&made->networks, error);
    if (status == LUMEN_OK)
        status = networks_measure(&made->networks, error);
    return status == LUMEN_OK ? networks_plan(&made->networks, request, count_parts(made, request), needs, error)
                              : status;
}

/* ---- One shape -------------------------------------------------------------------------------------------- */

typedef struct engine_job {
    partcrafter_engine *made;
    const engine_request *request;
    partcrafter_preset preset;
    engine_progress progress;
    partcrafter_engine_timings timings;
    uint64_t stage_began;
    lumen_error *error;
    /* Owned. */
    picture_photograph photograph;
    rmbg_cut cut;
    float *tokens, *latents;
    arena *scratch, *own;
    engine_parts parts;
} engine_job;

static lumen_status begin(engine_job *job, partcrafter_stage stage)
{
    job->stage_began = clock_now_ns();
    progress_begin(&job->progress, stage);
    return progress_check(&job->progress, 0.0, job->error);
}

static void end(engine_job *job)
{
    job->timings.seconds[job->progress.stage] = clock_seconds_between(job->stage_began, clock_now_ns());
}

static lumen_status get_picture(engine_job *job)
{
    const engine_request *request = job->request;
    lumen_status status = begin(job, PARTCRAFTER_STAGE_IMAGE);
    if (status == LUMEN_OK && request->image != NULL)
        status = picture_read("the picture", request->image, request->image_size, 0, &job->photograph, job->error);
    const sdxl_turbo_request order = {
        .prompt = request->phrase->prompt, .steps = job->preset.image_steps, .seed = request->seed};
    if (status == LUMEN_OK && request->image == NULL)
        status = networks_paint(&job->made->networks, &order, progress_report, &job->progress, &job->photograph.color,
                                job->error);
    end(job);
    return status;
}

static lumen_status cut_out(engine_job *job)
{
    lumen_status status = begin(job, PARTCRAFTER_STAGE_CUTOUT);
    if (status != LUMEN_OK)
        return status;
    status = networks_cut_out(&job->made->networks, &job->photograph, &job->cut, job->error);
    picture_photograph_free(&job->photograph);
    if (status == LUMEN_ERROR_INVALID && job->request->image == NULL) {
        lumen_error why = *job->error;
        status = lumen_fail(job->error, LUMEN_ERROR_FAILED,
                            "what was painted of \"%.60s\" shows nothing to cut out (%.200s); try another seed",
                            job->request->phrase->text, why.message);
    }
    end(job);
    return status;
}

static lumen_status encode(engine_job *job)
{
    lumen_status status = begin(job, PARTCRAFTER_STAGE_ENCODE);
    if (status == LUMEN_OK)
        status = networks_encode(&job->made->networks, &job->cut.picture, &job->tokens, job->error);
    rmbg_cut_free(&job->cut);
    end(job);
    return status;
}

static partcrafter_request order_parts(const engine_job *job, size_t parts)
{
    const partcrafter_preset *preset = &job->preset;
    return (partcrafter_request){.image = job->tokens,
                                 .image_tokens = dinov2_tokens(&job->made->networks.measures.encoder_config),
                                 .parts = parts,
                                 .tokens = preset->tokens,
                                 .steps = preset->steps,
                                 .guidance = preset->guidance,
                                 .guidance_from = preset->guidance_from,
                                 .guidance_until = preset->guidance_until,
                                 .seed = job->request->seed};
}

static lumen_status make_parts(engine_job *job)
{
    lumen_status status = begin(job, PARTCRAFTER_STAGE_DIFFUSION);
    const partcrafter_request order = order_parts(job, job->parts.count);
    if (status == LUMEN_OK)
        status = networks_make_parts(&job->made->networks, &order, &job->latents, job->error);
    free(job->tokens);
    job->tokens = NULL;
    end(job);
    return status;
}

static lumen_status make_surfaces(engine_job *job)
{
    lumen_status status = begin(job, PARTCRAFTER_STAGE_SURFACE);
    job->progress.parts = (double)job->parts.count;
    job->scratch = arena_create(scratch_bytes_max);
    job->own = arena_create(parts_bytes_max);
    if (status == LUMEN_OK && (job->scratch == NULL || job->own == NULL))
        status = lumen_fail_memory(job->error, "the surfaces of parts");
    if (status == LUMEN_OK)
        status = surfaces_make(&job->made->networks, job->request, job->latents, job->preset.tokens, job->scratch,
                               job->own, &job->parts, job->error);
    job->timings.field_points = job->parts.points;
    end(job);
    return status;
}

static lumen_status make_names(engine_job *job, arena *memory, engine_result *result)
{
    lumen_status status = begin(job, PARTCRAFTER_STAGE_NAMING);
    if (status == LUMEN_OK)
        status = names_give(job->made->shapes, job->request, &job->parts, &job->progress, job->scratch, job->own,
                            memory, result, job->error);
    end(job);
    return status;
}

static lumen_status make_shape(engine_job *job, arena *memory, engine_result *result)
{
    partcrafter_engine_needs needs;
    partcrafter_engine *made = job->made;
    lumen_status status = prepare(made, job->request, &needs, job->error);
    if (status != LUMEN_OK)
        return status;
    job->parts.count = (uint32_t)count_parts(made, job->request);
    const partcrafter_request order = order_parts(job, job->parts.count);
    share_out(job->request, &order, &job->progress);
    status = get_picture(job);
    if (status == LUMEN_OK)
        status = cut_out(job);
    if (status == LUMEN_OK)
        status = encode(job);
    if (status == LUMEN_OK)
        status = make_parts(job);
    if (status == LUMEN_OK)
        status = make_surfaces(job);
    if (status == LUMEN_OK)
        status = make_names(job, memory, result);
    return status;
}

static void clean_up(engine_job *job)
{
    picture_photograph_free(&job->photograph);
    rmbg_cut_free(&job->cut);
    free(job->tokens);
    free(job->latents);
    arena_destroy(job->scratch);
    arena_destroy(job->own);
}

static lumen_status generate(const engine *self, const engine_request *request, arena *scratch, arena *memory,
                             engine_result *result, lumen_error *error)
{
    partcrafter_engine *made = behind(self);
    lumen_error own;
    engine_job job = {.made = made,
                      .request = request,
                      .preset = preset_for(request),
                      .progress = {.tell = request->progress, .user = request->progress_user},
                      .error = error != NULL ? error : &own};
    (void)scratch; /* a lattice may be larger than what the pipeline lends */
    lumen_status status = take_turn(made, request->progress, request->progress_user, error);
    if (status != LUMEN_OK)
        return status;
    made->networks.progress = &job.progress;
    made->networks.loading = 0.0;
    status = make_shape(&job, memory, result);
    networks_end(&made->networks, status);
    made->networks.progress = NULL;
    job.timings.loading = made->networks.loading;
    pthread_mutex_lock(&made->lock);
    if (status == LUMEN_OK)
        made->timings = job.timings;
    pthread_mutex_unlock(&made->lock);
    leave_turn(made);
    clean_up(&job);
    return status;
}

/* ---- Models and pictures by themselves -------------------------------------------------------------------- */

const char *partcrafter_model_name(partcrafter_model which)
{
    static const char *const names[PARTCRAFTER_MODELS] = {"rmbg-1.4", "dinov2", "partcrafter", "sdxl-turbo"};
    return names[which];
}

lumen_status partcrafter_engine_check_model(const engine *self, partcrafter_model which, lumen_error *error)
{
    return networks_check_one(&behind(self)->networks, which, error);
}

lumen_status partcrafter_engine_load(const engine *self, partcrafter_model which, uint64_t *bytes, lumen_error *error)
{
    partcrafter_engine *made = behind(self);
    lumen_status status = take_turn(made, NULL, NULL, error);
    if (status != LUMEN_OK)
        return status;
    status = networks_load(&made->networks, which, error);
    *bytes = status == LUMEN_OK ? networks_held(&made->networks, which) : 0;
    leave_turn(made);
    return status;
}

void partcrafter_engine_unload(const engine *self, partcrafter_model which)
{
    partcrafter_engine *made = behind(self);
    if (take_turn(made, NULL, NULL, NULL) != LUMEN_OK)
        return;
    networks_release_one(&made->networks, which);
    leave_turn(made);
}

uint64_t partcrafter_engine_held(const engine *self, partcrafter_model which)
{
    partcrafter_engine *made = behind(self);
    pthread_mutex_lock(&made->lock);
    const uint64_t held = made->held[which];
    pthread_mutex_unlock(&made->lock);
    return held;
}

lumen_status partcrafter_engine_paint(const engine *self, const partcrafter_picture *request, picture_image *out,
                                      lumen_error *error)
{
    partcrafter_engine *made = behind(self);
    const sdxl_turbo_request order = {.prompt = request->prompt, .steps = request->steps, .seed = request->seed};
    lumen_status status = networks_check_one(&made->networks, PARTCRAFTER_MODEL_PAINTER, error);
    if (status == LUMEN_OK)
        status = take_turn(made, request->progress, request->progress_user, error);
    if (status != LUMEN_OK)
        return status;
    status = networks_measure_one(&made->networks, PARTCRAFTER_MODEL_PAINTER, error);
    if (status == LUMEN_OK)
        status = networks_plan_usual(&made->networks, PARTCRAFTER_MODEL_PAINTER, error);
    if (status == LUMEN_OK)
        status = networks_paint(&made->networks, &order, request->progress, request->progress_user, out, error);
    networks_end(&made->networks, status);
    leave_turn(made);
    return status;
}

/* ---- The engine ------------------------------------------------------------------------------------------- */

static lumen_status check(const engine *self, lumen_error *error)
{
    return networks_check(&behind(self)->networks, error);
}

lumen_status partcrafter_engine_measure(const engine *self, const engine_request *request,
                                        partcrafter_engine_needs *out, lumen_error *error)
{
    partcrafter_engine *made = behind(self);
    *out = (partcrafter_engine_needs){0};
    lumen_status status = take_turn(made, NULL, NULL, error);
    if (status != LUMEN_OK)
        return status;
    status = prepare(made, request, out, error);
    leave_turn(made);
    return status;
}

void partcrafter_engine_timings_of(const engine *self, partcrafter_engine_timings *out)
{
    partcrafter_engine *made = behind(self);
    pthread_mutex_lock(&made->lock);
    *out = made->timings;
    pthread_mutex_unlock(&made->lock);
}

lumen_status partcrafter_engine_open(const partcrafter_engine_options *options, const sculpt_library *shapes,
                                     partcrafter_engine **out, lumen_error *error)
{
    *out = NULL;
    partcrafter_engine *made = calloc(1, sizeof *made);
    if (made == NULL)
        return lumen_fail_memory(error, "the engine partcrafter");
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return lumen_fail_memory(error, "the engine partcrafter");
    }
    if (pthread_cond_init(&made->freed, NULL) != 0) {
        pthread_mutex_destroy(&made->lock);
        free(made);
        return lumen_fail_memory(error, "the engine partcrafter");
    }
    made->base = (engine){.name = "partcrafter", .takes_images = true, .check = check, .generate = generate};
    made->shapes = shapes;
    lumen_status status = networks_open(&made->networks, options, error);
    if (status == LUMEN_OK)
        *out = made;
    else
        partcrafter_engine_close(made);
    return status;
}

void partcrafter_engine_close(partcrafter_engine *made)
{
    if (made == NULL)
        return;
    networks_release(&made->networks);
    free((char *)(uintptr_t)made->networks.options.device);
    pthread_cond_destroy(&made->freed);
    pthread_mutex_destroy(&made->lock);
    free(made);
}

const engine *partcrafter_engine_base(const partcrafter_engine *made)
{
    return &made->base;
}

void partcrafter_engine_release(partcrafter_engine *made)
{
    if (take_turn(made, NULL, NULL, NULL) != LUMEN_OK)
        return;
    networks_release(&made->networks);
    leave_turn(made);
}
