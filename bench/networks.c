/* Runs one network, or all of SDXL Turbo or of PartCrafter, on inputs from a file: for scripts/parity.py,
 * bench/image.py and bench/pictures.py.
 *
 *     bench_networks PART MODEL INPUT OUTPUT [--type f32|bf16] [--threads N] [--repeat N] [--device D]
 *     bench_networks names
 *
 * PART is text, text2, unet, vae or whole, rmbg or dino, or one of PartCrafter's; MODEL the folder or the single file;
 * INPUT a safetensors file with text, text2:  ids (77) i32                   -> context (77, W), then for text2 pooled
 *     unet:         latent (4, h, w), context (77, 2048), pooled (1280), timestep (1) -> noise (h, w, 4)
 *     vae:          latent (4, h, w), as the decoder takes it              -> picture (8h, 8w, 3)
 *     whole:        ids, ids2, latents (4, h, w), steps (1) i32, fresh     -> pixels (8h, 8w, 3) as bytes
 *     rmbg:         picture (3, h, w), as IS-Net takes it                  -> map (h / 2, w / 2)
 *     dino:         pixels (3, 224, 224), normalized                       -> tokens (257, 1024)
 *     dit, dit-together: latents (N, T, 64), image (257, 1024), timestep (1) -> velocities (2, N, T, 64) of both
 *                   branches, one after the other or in one pass
 *     steps:        the same with latents (S, N, T, 64) and timestep (S)   -> velocities (S, 2, N, T, 64)
 *     triposg, field: latents (T, 64), points (M, 3)  -> values (M); field measures the points alone
 *     partcrafter:  image, noise (N, T, 64), steps_guidance (2)            -> latents (N, T, 64)
 *     extract:      latents (T, C), depth (1)  -> vertices (V, 3) of the mesh of the reference's schedule; depth is that
 *                   of its dense lattice, or 0, 1, 2: the adaptive one at standard, fast and high quality
 * For PartCrafter MODEL may be -, which stands for made-up weights of the true shapes.
 * OUTPUT gets the plain values (f32, or bytes for whole). Standard output gets one line of JSON: seconds and memory,
 * and what the last run cost by kind of operator. `names` prints each tensor of SDXL with its name in a single file. */

#include "networks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static clip_text text;
static sdxl_unet unet;
static sdxl_unet_text unet_text;
static sdxl_vae vae;

/* ---- Inputs and outputs ---------------------------------------------------------------------------------- */

void *input(job *work, const char *name, tensor *out)
{
    lumen_error error;
    if (safetensors_find(work->input, name, out, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return out->data;
}

/* (C, H, W) as a tensor (1, H, W, C) of the arena. */
tensor input_picture(job *work, const char *name)
{
    tensor x;
    const float *from = input(work, name, &x);
    const size_t channels = x.sizes[0], pixels = x.sizes[1] * x.sizes[2];
    float *values = malloc(tensor_bytes(&x));
    for (size_t p = 0; values != NULL && p < pixels; p++)
        for (size_t c = 0; c < channels; c++)
            memcpy(&values[p * channels + c], from + c * pixels + p, sizeof *values);
    tensor host = tensor_make(TENSOR_F32, 4, (size_t[]){1, x.sizes[1], x.sizes[2], channels}, values);
    tensor result = op_from(work->run, &host);
    free(values);
    return result;
}

static tensor input_rows(job *work, const char *name, uint32_t rank)
{
    tensor x;
    input(work, name, &x);
    tensor host = rank == 3 ? tensor_make(x.type, 3, (size_t[]){1, x.sizes[0], x.sizes[1]}, x.data)
                            : tensor_make(x.type, 2, (size_t[]){1, x.sizes[0]}, x.data);
    return op_from(work->run, &host);
}

void put(job *work, const tensor *x)
{
    const size_t count = tensor_count(x);
    float *values = malloc(count * sizeof *values);
    if (values != NULL && x->data != NULL && work->out != NULL) {
        op_to_f32(work->run, x, values);
        fwrite(values, sizeof *values, count, work->out);
    }
    free(values);
}

/* ---- Time ------------------------------------------------------------------------------------------------ */

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- Parts ----------------------------------------------------------------------------------------------- */

static lumen_status load(job *work, checkpoint_part part)
{
    const uint64_t began = clock_now_ns();
    layer_loader in = {.from = checkpoint_part_of(work->files, part),
                       .run = work->run,
                       .network = work->settings.part,
                       .type = operators_type(work->run),
                       .error = &work->error};
    lumen_status status;
    if (part == CHECKPOINT_UNET)
        status = sdxl_unet_load(&work->config.unet, &in, &unet);
    else if (part == CHECKPOINT_VAE)
        status = sdxl_vae_load(&work->config.vae, &in, &vae);
    else
        status = clip_text_load(&work->config.text[part], &in, &text);
    work->load = clock_seconds_between(began, clock_now_ns());
    return status;
}

static void run_text(job *work, bool last)
{
    tensor ids, pooled = {0};
    const bool projects = text.config.projection > 0;
    tensor context = clip_text_forward(work->run, &text, input(work, "ids", &ids), projects ? &pooled : NULL);
    if (last) {
        put(work, &context);
        put(work, &pooled);
    }
}

static void run_unet(job *work, bool last)
{
    tensor timestep, latent = input_picture(work, "latent");
    tensor context = input_rows(work, "context", 3), pooled = input_rows(work, "pooled", 2);
    float time;
    memcpy(&time, input(work, "timestep", &timestep), sizeof time);
    sdxl_unet_condition(work->run, &unet, &context, &pooled, latent.sizes[1] * 8, &unet_text);
    tensor noise = sdxl_unet_forward(work->run, &unet, &unet_text, &latent, (double)time);
    if (last)
        put(work, &noise);
}

static void run_vae(job *work, bool last)
{
    tensor latent = input_picture(work, "latent");
    tensor picture = sdxl_vae_decode(work->run, &vae, &latent);
    if (last)
        put(work, &picture);
}

static lumen_status run_part(job *work, checkpoint_part part)
{
    lumen_status status = load(work, part);
    for (unsigned i = 0; i < work->settings.repeat && status == LUMEN_OK; i++) {
        const size_t mark = operators_mark(work->run);
        const bool last = i + 1 == work->settings.repeat;
        const uint64_t began = clock_now_ns();
        const double processor = processor_seconds();
        operators_costs(work->run, work->before, COSTS_MAX);
        if (part == CHECKPOINT_UNET)
            run_unet(work, last);
        else if (part == CHECKPOINT_VAE)
            run_vae(work, last);
        else
            run_text(work, last);
        work->seconds[i] = clock_seconds_between(began, clock_now_ns());
        work->processor[i] = processor_seconds() - processor;
        operators_release(work->run, mark);
        status = operators_status(work->run, &work->error);
    }
    return status;
}

/* ---- All of it ------------------------------------------------------------------------------------------- */

/* The most that was ever resident. Not getrusage, which begins with what the caller had. */
static long peak_bytes(void)
{
    char line[256];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtol(line + 6, NULL, 10);
    if (status != NULL)
        fclose(status);
    return kilobytes * 1024;
}

/* One number of each run; `first` is that of the first run, and the next lies `step` bytes further. */
static void report_list(const job *work, const char *name, const double *first, size_t step)
{
    printf("\"%s\": [", name);
    for (unsigned i = 0; i < work->settings.repeat; i++)
        printf("%s%.4f", i > 0 ? ", " : "", *(const double *)(const void *)((const char *)first + i * step));
    printf("], ");
}

void report(const job *work, const operators *run, size_t weights)
{
    operators_cost costs[COSTS_MAX];
    printf("{\"device\": \"%s\", \"load_s\": %.3f, \"weight_bytes\": %zu, \"arena_bytes\": %zu, \"peak_bytes\": %ld, ",
           operators_device(run), work->load, weights, operators_peak_bytes(run), peak_bytes());
    report_list(work, "run_s", work->seconds, sizeof *work->seconds);
    report_list(work, "processor_s", work->processor, sizeof *work->processor);
    printf("\"costs\": {");
    const size_t count = operators_costs(run, costs, COSTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const operators_cost *before = &work->before[i];
        printf("%s\"%s\": {\"s\": %.4f, \"gmac\": %.2f, \"calls\": %llu}", i > 0 ? ", " : "", costs[i].kind,
               costs[i].seconds - before->seconds, (costs[i].macs - before->macs) / 1e9,
               (unsigned long long)(costs[i].calls - before->calls));
    }
    printf("}");
}

static lumen_status run_whole(job *work)
{
    const settings *how = &work->settings;
    const sdxl_turbo_options options = {
        .path = how->model, .device = how->device, .threads = how->threads, .type = how->type, .size_max = 1024};
    sdxl_turbo *model;
    tensor ids, ids2, latents, fresh = {0}, steps;
    int32_t step_count;
    sdxl_turbo_request request = {.ids = {input(work, "ids", &ids), input(work, "ids2", &ids2)},
                                  .latents = input(work, "latents", &latents)};
    memcpy(&step_count, input(work, "steps", &steps), sizeof step_count);
    request.steps = (size_t)step_count;
    request.size = latents.sizes[1] * 8;
    if (safetensors_has(work->input, "fresh"))
        request.fresh = input(work, "fresh", &fresh);
    lumen_status status = sdxl_turbo_open(&options, &model, &work->error);
    if (status != LUMEN_OK)
        return status;
    const uint64_t began = clock_now_ns();
    status = sdxl_turbo_load(model, &work->error);
    work->load = clock_seconds_between(began, clock_now_ns());
    for (unsigned i = 0; i < how->repeat && status == LUMEN_OK; i++) {
        picture_image picture;
        const double processor = processor_seconds();
        operators_costs(sdxl_turbo_operators(model), work->before, COSTS_MAX);
        status = sdxl_turbo_paint(model, &request, &picture, &work->error);
        work->processor[i] = processor_seconds() - processor;
        work->parts[i] = *sdxl_turbo_timings_of(model);
        work->seconds[i] = work->parts[i].total;
        if (status == LUMEN_OK && i + 1 == how->repeat && work->out != NULL)
            fwrite(picture.pixels, 3, (size_t)picture.width * picture.height, work->out);
        picture_free(&picture);
    }
    if (status == LUMEN_OK) {
        report(work, sdxl_turbo_operators(model), operators_weight_bytes(sdxl_turbo_operators(model)));
        printf(", ");
        report_list(work, "text_s", &work->parts[0].text, sizeof *work->parts);
        report_list(work, "unet_s", &work->parts[0].unet, sizeof *work->parts);
        report_list(work, "vae_s", &work->parts[0].vae, sizeof *work->parts);
        printf("\"stated_bytes\": %zu}\n", sdxl_turbo_needs_of(model)->peak);
    }
    sdxl_turbo_close(model);
    return status;
}

static lumen_status run_alone(job *work, checkpoint_part part)
{
    const operators_options options = {.device = work->settings.device,
                                       .threads = work->settings.threads,
                                       .type = work->settings.type,
                                       .arena_bytes = (size_t)16 << 30};
    lumen_status status = operators_open(&options, &work->run, &work->error);
    if (status == LUMEN_OK)
        status = checkpoint_open(work->settings.model, operators_type(work->run), &work->files, &work->error);
    if (status == LUMEN_OK)
        status = sdxl_turbo_configure(work->files, &work->config, &work->error);
    if (status == LUMEN_OK)
        status = run_part(work, part);
    if (status == LUMEN_OK) {
        report(work, work->run, operators_weight_bytes(work->run));
        printf("}\n");
    }
    checkpoint_close(work->files);
    operators_close(work->run);
    return status;
}

/* ---- Names ----------------------------------------------------------------------------------------------- */

static lumen_status print_name(void *user, const char *name, uint32_t rank, const size_t *sizes, tensor *out,
                               lumen_error *error)
{
    const checkpoint_part *part = user;
    checkpoint_single_name place;
    if (!checkpoint_map_name(*part, name, &place))
        return lumen_fail(error, LUMEN_ERROR_FAILED, "%s has no name in a single file", name);
    printf("%s %s %s %u %u %d", checkpoint_folder_name(*part), name, place.name, place.slice, place.slices,
           place.transposed);
    for (uint32_t i = 0; i < rank; i++)
        printf(" %zu", sizes[i]);
    printf("\n");
    *out = tensor_make(TENSOR_F32, rank, sizes, NULL);
    return LUMEN_OK;
}

static lumen_status print_names(job *work)
{
    const sdxl_turbo_config config = sdxl_turbo_default();
    checkpoint_part part;
    const weight_source source = {.find = print_name, .user = &part};
    layer_loader in = {.from = &source, .network = "names", .type = TENSOR_F32, .error = &work->error};
    part = CHECKPOINT_TEXT_ENCODER;
    clip_text_load(&config.text[0], &in, &text);
    part = CHECKPOINT_TEXT_ENCODER_2;
    clip_text_load(&config.text[1], &in, &text);
    part = CHECKPOINT_UNET;
    sdxl_unet_load(&config.unet, &in, &unet);
    part = CHECKPOINT_VAE;
    return sdxl_vae_load(&config.vae, &in, &vae);
}

/* ---- The program ----------------------------------------------------------------------------------------- */

static bool read_settings(int count, char **arguments, settings *out)
{
    *out = (settings){.repeat = 1};
    if (count < 5)
        return false;
    out->part = arguments[1];
    out->model = arguments[2];
    out->input = arguments[3];
    out->output = arguments[4];
    for (int i = 5; i + 1 < count; i += 2) {
        const char *value = arguments[i + 1];
        if (strcmp(arguments[i], "--type") == 0)
            out->type = strcmp(value, "f32") == 0 ? TENSOR_F32 : TENSOR_BF16;
        else if (strcmp(arguments[i], "--threads") == 0)
            out->threads = (unsigned)atoi(value);
        else if (strcmp(arguments[i], "--repeat") == 0)
            out->repeat = (unsigned)atoi(value);
        else if (strcmp(arguments[i], "--device") == 0)
            out->device = value;
        else
            return false;
    }
    return out->repeat >= 1 && out->repeat <= REPEATS_MAX;
}

int main(int count, char **arguments)
{
    static job work;
    lumen_status status;
    if (count == 2 && strcmp(arguments[1], "names") == 0) {
        status = print_names(&work);
    } else {
        static const char *const parts[] = {"text", "text2", "unet", "vae", "whole"};
        int part = 0;
        if (!read_settings(count, arguments, &work.settings)) {
            fprintf(stderr, "see the first lines of bench/networks.c\n");
            return 2;
        }
        while (part < CHECKPOINT_PARTS && strcmp(parts[part], work.settings.part) != 0)
            part++;
        work.out = fopen(work.settings.output, "wb");
        status = safetensors_open(work.settings.input, &work.input, &work.error);
        if (status == LUMEN_OK && strcmp(work.settings.part, "extract") == 0)
            status = run_extract(&work);
        else if (status == LUMEN_OK && is_part_of_partcrafter(work.settings.part))
            status = run_partcrafter(&work);
        else if (status == LUMEN_OK && is_part_of_pictures(work.settings.part))
            status = run_pictures(&work);
        else if (status == LUMEN_OK)
            status = part == CHECKPOINT_PARTS ? run_whole(&work) : run_alone(&work, (checkpoint_part)part);
        safetensors_close(work.input);
        if (work.out != NULL)
            fclose(work.out);
    }
    if (status != LUMEN_OK)
        fprintf(stderr, "%s\n", work.error.message);
    return status == LUMEN_OK ? 0 : 1;
}
