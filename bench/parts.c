/* PartCrafter's half of bench_networks; see networks.c. */

#include "networks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "networks/partcrafter.h"

static partcrafter_dit dit;
static partcrafter_dit_image image;
static triposg_field field;

/* ---- Weights --------------------------------------------------------------------------------------------- */

/* Made-up weights of any shape, for times alone: columns of one array of small numbers. */
static lumen_status make_up(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                            lumen_error *error)
{
    enum { MOST = 8192 * 8192 };
    static uint16_t *values;
    (void)user;
    *out = tensor_make(TENSOR_F16, rank, sizes, NULL);
    if (values == NULL && (values = malloc(MOST * sizeof *values)) != NULL) {
        random_state random = random_seed(1);
        float *numbers = malloc(MOST * sizeof *numbers);
        for (size_t i = 0; numbers != NULL && i < MOST; i++)
            numbers[i] = 0.05f * (random_float(&random) - 0.5f);
        if (numbers != NULL)
            tensor_convert(TENSOR_F16, values, TENSOR_F32, numbers, MOST);
        free(numbers);
    }
    if (values == NULL || tensor_count(out) > MOST)
        return lumen_fail(error, LUMEN_ERROR_MEMORY, "no memory for made-up weights of %s", name);
    out->data = values;
    return LUMEN_OK;
}

static const weight_source made_up = {.find = make_up};

/* MODEL is a folder, or - for made-up weights. */
static lumen_status load(job *work, const partcrafter_config *config, bool decoding)
{
    const settings *how = &work->settings;
    const tensor_type type = decoding ? TENSOR_F32 : operators_type(work->run);
    weight_file *file = NULL;
    lumen_status status = LUMEN_OK;
    if (strcmp(how->model, "-") != 0)
        status =
            weight_file_open(how->model, decoding ? "vae" : "transformer", "partcrafter", type, &file, &work->error);
    const uint64_t began = clock_now_ns();
    layer_loader in = {.from = file != NULL ? weight_file_source(file) : &made_up,
                       .run = decoding ? field.fine : work->run,
                       .network = how->part,
                       .type = type,
                       .error = &work->error};
    if (status == LUMEN_OK)
        status = decoding ? triposg_field_load(&config->decoder, &in, operators_type(work->run), &field)
                          : partcrafter_dit_load(&config->dit, &in, &dit);
    work->load = clock_seconds_between(began, clock_now_ns());
    weight_file_close(file);
    return status;
}

/* ---- Networks alone -------------------------------------------------------------------------------------- */

/* Rows as a tensor of three sizes in the arena. */
static tensor input_rows(job *work, const char *name)
{
    tensor x;
    input(work, name, &x);
    if (x.rank == 2)
        x = tensor_reshape(&x, 3, (size_t[]){1, x.sizes[0], x.sizes[1]});
    return op_from(work->run, &x);
}

/* One velocity of each branch, as in a guided step. */
static void predict(job *work, const tensor *latents, float timestep, bool together, bool last)
{
    static int32_t ids[2 * DIT_PARTS_MAX];
    for (int32_t i = 0; i < 2 * DIT_PARTS_MAX; i++)
        ids[i] = i;
    for (int branch = together ? DIT_BOTH : DIT_UNCONDITIONAL; branch <= DIT_BOTH; branch++) {
        const partcrafter_dit_input given = {.latents = latents,
                                             .timestep = (double)timestep,
                                             .branches = (dit_branches)branch,
                                             .part_ids = ids + (branch == DIT_CONDITIONAL ? latents->sizes[0] : 0)};
        if (branch == DIT_BOTH && !together)
            break;
        tensor velocity = partcrafter_dit_forward(work->run, &dit, &image, &given);
        if (last)
            put(work, &velocity);
    }
}

/* For each of the timesteps; latents are (N, T, 64), or for each timestep their own, (steps, N, T, 64). */
static void run_dit(job *work, bool together, bool last)
{
    tensor times, all;
    const float *timesteps = input(work, "timestep", &times);
    const char *latents = input(work, "latents", &all);
    const size_t *sizes = all.rank == 4 ? all.sizes + 1 : all.sizes;
    for (size_t step = 0; step < times.sizes[0]; step++) {
        const size_t mark = operators_mark(work->run);
        const size_t offset = all.rank == 4 ? step * sizes[0] * sizes[1] * sizes[2] * sizeof(float) : 0;
        const tensor host = tensor_make(TENSOR_F32, 3, sizes, (void *)(uintptr_t)(latents + offset));
        const tensor x = op_from(work->run, &host);
        float timestep;
        memcpy(&timestep, timesteps + step, sizeof timestep);
        predict(work, &x, timestep, together, last);
        operators_release(work->run, mark);
    }
}

static lumen_status run_field(job *work, bool last)
{
    tensor points;
    const float *at = input(work, "points", &points);
    float *values = malloc(points.sizes[0] * sizeof *values);
    lumen_status status = triposg_field_ask(&field, at, points.sizes[0], values, &work->error);
    if (last && work->out != NULL && status == LUMEN_OK)
        fwrite(values, sizeof *values, points.sizes[0], work->out);
    free(values);
    return status;
}

static lumen_status begin_field(job *work)
{
    tensor latents;
    const float *values = input(work, "latents", &latents);
    return triposg_field_begin(&field, values, latents.sizes[0], &work->error);
}

static lumen_status run_once(job *work, bool last)
{
    const char *name = work->settings.part;
    if (strcmp(name, "field") == 0)
        return run_field(work, last);
    if (strcmp(name, "triposg") == 0) {
        const lumen_status status = begin_field(work);
        return status == LUMEN_OK ? run_field(work, last) : status;
    }
    run_dit(work, strcmp(name, "dit-together") == 0, last);
    return operators_status(work->run, &work->error);
}

/* What is made once is not measured with what is asked often. */
static lumen_status run_before(job *work, bool decoding)
{
    if (decoding)
        return begin_field(work);
    tensor tokens = input_rows(work, "image");
    partcrafter_dit_look(work->run, &dit, &tokens, &image);
    return operators_status(work->run, &work->error);
}

static lumen_status run_networks(job *work)
{
    const partcrafter_config config = partcrafter_default();
    const bool decoding = strncmp(work->settings.part, "dit", 3) != 0 && strcmp(work->settings.part, "steps") != 0;
    lumen_status status = load(work, &config, decoding);
    if (status != LUMEN_OK)
        return status;
    status = run_before(work, decoding);
    for (unsigned i = 0; i < work->settings.repeat && status == LUMEN_OK; i++) {
        const size_t mark = operators_mark(work->run);
        const bool last = i + 1 == work->settings.repeat;
        const uint64_t began = clock_now_ns();
        if (last)
            operators_reset_costs(work->run);
        status = run_once(work, last);
        work->seconds[i] = clock_seconds_between(began, clock_now_ns());
        operators_release(work->run, mark);
    }
    if (status == LUMEN_OK)
        status = operators_status(work->run, &work->error);
    if (status == LUMEN_OK) {
        report(work, work->run, operators_weight_bytes(work->run));
        if (decoding)
            printf(", \"asked\": %llu, \"doubtful\": %llu, \"doubt\": %g", (unsigned long long)field.asked,
                   (unsigned long long)field.doubtful, (double)field.doubt);
        printf("}\n");
    }
    return status;
}

/* ---- The model ------------------------------------------------------------------------------------------- */

static lumen_status run_model(job *work)
{
    const settings *how = &work->settings;
    const partcrafter_options options = {
        .path = how->model, .device = how->device, .threads = how->threads, .type = how->type};
    tensor image_tokens, noise, numbers;
    float values[2];
    partcrafter_request request = {.image = input(work, "image", &image_tokens), .noise = input(work, "noise", &noise)};
    memcpy(values, input(work, "steps_guidance", &numbers), sizeof values);
    request.image_tokens = image_tokens.sizes[0];
    request.parts = noise.sizes[0];
    request.tokens = noise.sizes[1];
    request.steps = (size_t)values[0];
    request.guidance = values[1];
    partcrafter *model;
    lumen_status status = partcrafter_open(&options, &model, &work->error);
    if (status != LUMEN_OK)
        return status;
    status = partcrafter_load(model, &work->error);
    work->load = partcrafter_timings_of(model)->load;
    float *latents = malloc(tensor_count(&noise) * sizeof *latents);
    for (unsigned i = 0; i < how->repeat && status == LUMEN_OK; i++) {
        status = partcrafter_sample(model, &request, latents, &work->error);
        work->seconds[i] = partcrafter_timings_of(model)->dit;
    }
    if (status == LUMEN_OK && work->out != NULL)
        fwrite(latents, sizeof *latents, tensor_count(&noise), work->out);
    free(latents);
    if (status == LUMEN_OK) {
        const operators *run = partcrafter_operators(model, PARTCRAFTER_DIT);
        report(work, run, operators_weight_bytes(run));
        printf(", \"stated_bytes\": %zu, \"tera_macs\": %.3f}\n", partcrafter_needs_of(model)->peak,
               partcrafter_work_of(partcrafter_config_of(model), &request).sample * 1e-12);
    }
    partcrafter_close(model);
    return status;
}

/* ---- Entry ----------------------------------------------------------------------------------------------- */

bool is_part_of_partcrafter(const char *name)
{
    static const char *const names[] = {"dit", "dit-together", "steps", "triposg", "field", "partcrafter"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* A field in bf16 has a second context in f32. */
static lumen_status open_field(job *work, const operators_options *options)
{
    operators_options fine = *options;
    fine.type = TENSOR_F32;
    if (operators_type(work->run) != TENSOR_F32) {
        field.quick = work->run;
        return operators_open(&fine, &field.fine, &work->error);
    }
    field.fine = work->run;
    return LUMEN_OK;
}

lumen_status run_partcrafter(job *work)
{
    const operators_options options = {.device = work->settings.device,
                                       .threads = work->settings.threads,
                                       .type = work->settings.type,
                                       .arena_bytes = (size_t)16 << 30};
    if (strcmp(work->settings.part, "partcrafter") == 0)
        return run_model(work);
    lumen_status status = operators_open(&options, &work->run, &work->error);
    if (status == LUMEN_OK)
        status = open_field(work, &options);
    if (status == LUMEN_OK)
        status = run_networks(work);
    if (field.fine != work->run)
        operators_close(field.fine);
    operators_close(work->run);
    return status;
}
