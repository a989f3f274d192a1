/* The networks of the engine: where they are, what they need, when they are loaded and given back. */

#include "inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/process.h"

static const size_t slack_bytes = (size_t)96 << 20; /* code, tables, what libraries work with */
static const char *const encoder_folder = "image_encoder_dinov2";
static const char *const maker_name = "partcrafter", *const cutter_name = "rmbg-1.4";

/* ---- Files ------------------------------------------------------------------------------------------------ */

static bool is_there(const char *folder, const char *name)
{
    char path[ENGINE_PATH_BYTES + 64];
    struct stat facts;
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path && stat(path, &facts) == 0;
}

static lumen_status make_path(const char *models, const char *name, char out[ENGINE_PATH_BYTES], lumen_error *error)
{
    const int length = snprintf(out, ENGINE_PATH_BYTES, "%s/%s", models, name);
    return length > 0 && length < ENGINE_PATH_BYTES
               ? LUMEN_OK
               : lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of models %.60s... has too long a name", models);
}

/* SDXL Turbo may also be its single file. */
static void find_painter(const engine_networks *all, char out[ENGINE_PATH_BYTES + 64])
{
    static const char *const singles[] = {"sd_xl_turbo_1.0_fp16.safetensors", "sd_xl_turbo_1.0.safetensors"};
    snprintf(out, ENGINE_PATH_BYTES + 64, "%s", all->painter_path);
    if (is_there(all->painter_path, "unet"))
        return;
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (is_there(all->painter_path, singles[i])) {
            snprintf(out, ENGINE_PATH_BYTES + 64, "%s/%s", all->painter_path, singles[i]);
            return;
        }
}

lumen_status networks_open(engine_networks *all, const partcrafter_engine_options *options, lumen_error *error)
{
    *all = (engine_networks){.options = *options};
    all->options.device = NULL;
    if (strlen(options->models) >= sizeof all->models)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "the folder of models %.60s... has too long a name",
                          options->models);
    memcpy(all->models, options->models, strlen(options->models) + 1);
    all->options.models = all->models;
    lumen_status status = make_path(all->models, "sdxl-turbo", all->painter_path, error);
    if (status == LUMEN_OK)
        status = make_path(all->models, cutter_name, all->cutter_path, error);
    if (status == LUMEN_OK)
        status = make_path(all->models, maker_name, all->maker_path, error);
    if (status == LUMEN_OK && options->device != NULL && (all->options.device = strdup(options->device)) == NULL)
        status = lumen_fail_memory(error, "the engine partcrafter");
    return status;
}

lumen_status networks_check(const engine_networks *all, lumen_error *error)
{
    char painter[ENGINE_PATH_BYTES + 64], missing[64] = "";
    find_painter(all, painter);
    if (strcmp(painter, all->painter_path) == 0 && !is_there(painter, "unet"))
        strcat(missing, " sdxl-turbo");
    if (!is_there(all->cutter_path, "model.safetensors"))
        strcat(missing, " rmbg-1.4");
    if (!is_there(all->maker_path, "transformer") || !is_there(all->maker_path, "vae") ||
        !is_there(all->maker_path, encoder_folder))
        strcat(missing, " partcrafter");
    if (missing[0] == '\0')
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                      "the engine partcrafter lacks weights in %.150s; get them with: lumen pull%s", all->models,
                      missing);
}

/* ---- The networks with contexts of their own -------------------------------------------------------------- */

/* Contexts outlive the request that opens them. */
static bool report(void *user, const char *stage, double fraction)
{
    const engine_networks *all = user;
    return all->progress == NULL || progress_report(all->progress, stage, fraction);
}

static operators_options context(engine_networks *all, size_t arena_bytes)
{
    return (operators_options){.device = all->options.device,
                               .threads = all->options.threads,
                               .type = all->options.type,
                               .arena_bytes = arena_bytes,
                               .allow = all->options.allow,
                               .allow_user = all->options.allow_user,
                               .progress = report,
                               .progress_user = all};
}

static void close_small(small_network *network)
{
    operators_close(network->run);
    weight_file_close(network->file);
    *network = (small_network){0};
}

/* As many channels as the file's tensor NAME has for its first size. */
static void measure_channels(const weight_source *from, const char *name, size_t *out)
{
    tensor view;
    if (from->find(from->user, name, 4, NULL, &view, NULL) != LUMEN_OK)
        return; /* loading says what is missing */
    if (view.rank == 4)
        *out = view.sizes[0];
    from->forget(from->user, &view);
}

/* IS-Net comes without a configuration; how wide it is, its tensors say. */
static isnet_config measure_cutter(const weight_source *from)
{
    isnet_config config = isnet_default();
    char name[LAYER_NAME_BYTES];
    measure_channels(from, "conv_in.weight", &config.first);
    for (size_t i = 0; i < 2 * ISNET_STAGES - 1; i++) {
        const bool down = i < ISNET_STAGES;
        const size_t stage = down ? i : i - ISNET_STAGES;
        isnet_widths *widths = down ? &config.down[stage] : &config.up[stage];
        layer_name(name, "stage%zu%s.rebnconvin.conv_s1.weight", stage + 1, down ? "" : "d");
        measure_channels(from, name, &widths->out);
        layer_name(name, "stage%zu%s.rebnconv1.conv_s1.weight", stage + 1, down ? "" : "d");
        measure_channels(from, name, &widths->middle);
    }
    return config;
}

static layer_loader loader_of(const engine_networks *all, const small_network *network, const char *title, bool load,
                              size_t expected, lumen_error *error)
{
    return (layer_loader){.from = weight_file_source(network->file),
                          .run = load ? network->run : NULL,
                          .network = title,
                          .type = all->measures.type,
                          .expected = expected,
                          .error = error};
}

static lumen_status read_cutter(engine_networks *all, bool load, size_t *bytes, lumen_error *error)
{
    layer_loader in = loader_of(all, &all->cutter, "mask", load, all->measures.cutter_weights, error);
    lumen_status status = isnet_load(&all->measures.cutter_config, &in, &all->cutter_layers);
    *bytes = in.bytes;
    return status;
}

static lumen_status read_encoder(engine_networks *all, bool load, size_t *bytes, lumen_error *error)
{
    layer_loader in = loader_of(all, &all->encoder, "image encoder", load, all->measures.encoder_weights, error);
    lumen_status status = dinov2_load(&all->measures.encoder_config, &in, &all->encoder_layers);
    *bytes = in.bytes;
    return status;
}

static lumen_status open_cutter_file(engine_networks *all, lumen_error *error)
{
    return weight_file_open(all->cutter_path, "", cutter_name, all->measures.type, &all->cutter.file, error);
}

static lumen_status open_encoder_file(engine_networks *all, lumen_error *error)
{
    return weight_file_open(all->maker_path, encoder_folder, maker_name, all->measures.type, &all->encoder.file, error);
}

static size_t cutter_arena(const engine_networks *all)
{
    const engine_measures *known = &all->measures;
    return isnet_elements(&known->cutter_config, ISNET_SIZE, ISNET_SIZE) * tensor_type_bytes(known->type) + slack_bytes;
}

static size_t encoder_arena(const engine_networks *all)
{
    const engine_measures *known = &all->measures;
    return dinov2_elements(&known->encoder_config) * tensor_type_bytes(known->type) + slack_bytes;
}

/* ---- The models ------------------------------------------------------------------------------------------- */

static lumen_status open_painter(engine_networks *all, lumen_error *error)
{
    char path[ENGINE_PATH_BYTES + 64];
    find_painter(all, path);
    const sdxl_turbo_options how = {.path = path,
                                    .device = all->options.device,
                                    .threads = all->options.threads,
                                    .type = all->options.type,
                                    .low_memory = all->holding == PARTCRAFTER_HOLDS_PIECE,
                                    .trust_memory = true,
                                    .allow = all->options.allow,
                                    .allow_user = all->options.allow_user};
    return sdxl_turbo_open(&how, &all->painter, error);
}

static lumen_status open_maker(engine_networks *all, lumen_error *error)
{
    const partcrafter_options how = {.path = all->maker_path,
                                     .device = all->options.device,
                                     .threads = all->options.threads,
                                     .type = all->options.type,
                                     .low_memory = all->holding != PARTCRAFTER_HOLDS_ALL,
                                     .trust_memory = true,
                                     .allow = all->options.allow,
                                     .allow_user = all->options.allow_user};
    return partcrafter_open(&how, &all->maker, error);
}

static void close_painter(engine_networks *all)
{
    sdxl_turbo_close(all->painter);
    all->painter = NULL;
}

static void close_maker(engine_networks *all)
{
    partcrafter_close(all->maker);
    all->maker = NULL;
}

void networks_release(engine_networks *all)
{
    close_painter(all);
    close_small(&all->cutter);
    close_small(&all->encoder);
    close_maker(all);
}

/* ---- Measuring -------------------------------------------------------------------------------------------- */

/* The type that the device computes in. */
static lumen_status settle_type(engine_networks *all, lumen_error *error)
{
    const operators_options how = context(all, (size_t)1 << 20);
    operators *run;
    lumen_status status = operators_open(&how, &run, error);
    if (status != LUMEN_OK)
        return status;
    all->measures.type = operators_type(run);
    snprintf(all->measures.device, sizeof all->measures.device, "%s", operators_device(run));
    operators_close(run);
    return LUMEN_OK;
}

static lumen_status measure_encoder(engine_networks *all, lumen_error *error)
{
    engine_measures *known = &all->measures;
    configuration *from = NULL;
    known->encoder_config = dinov2_default();
    lumen_status status = open_encoder_file(all, error);
    if (status == LUMEN_OK)
        status = weight_file_configuration(all->encoder.file, &from, error);
    if (status == LUMEN_OK) {
        dinov2_configure(from, &known->encoder_config);
        status = configuration_close(from, error);
    }
    if (status == LUMEN_OK)
        status = read_encoder(all, false, &known->encoder_weights, error);
    if (status == LUMEN_OK && known->encoder_config.width != known->maker_config.dit.image_width)
        status = lumen_fail(error, LUMEN_ERROR_INVALID,
                            "the picture's tokens have %zu numbers, and the DiT reads %zu; these networks belong to "
                            "different models, so pull partcrafter again",
                            known->encoder_config.width, known->maker_config.dit.image_width);
    return status;
}

lumen_status networks_measure(engine_networks *all, lumen_error *error)
{
    engine_measures *known = &all->measures;
    if (known->known)
        return LUMEN_OK;
    networks_release(all);
    lumen_status status = settle_type(all, error);
    if (status == LUMEN_OK)
        status = open_painter(all, error);
    if (status == LUMEN_OK) {
        known->painter = *sdxl_turbo_needs_of(all->painter);
        close_painter(all);
        status = open_cutter_file(all, error);
    }
    if (status == LUMEN_OK) {
        known->cutter_config = measure_cutter(weight_file_source(all->cutter.file));
        status = read_cutter(all, false, &known->cutter_weights, error);
    }
    if (status == LUMEN_OK)
        status = open_maker(all, error);
    if (status == LUMEN_OK) {
        known->maker = *partcrafter_needs_of(all->maker);
        known->maker_config = *partcrafter_config_of(all->maker);
        close_maker(all);
        status = measure_encoder(all, error);
    }
    networks_release(all);
    known->known = status == LUMEN_OK;
    return status;
}

/* ---- Planning --------------------------------------------------------------------------------------------- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t sum(const size_t *values, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

static void measure_stages(const engine_networks *all, const engine_request *request, size_t parts,
                           partcrafter_engine_needs *needs)
{
    const engine_measures *known = &all->measures;
    const size_t tokens = preset_for(request).tokens, element = tensor_type_bytes(known->type);
    const partcrafter_dit_config *dit = &known->maker_config.dit;
    const triposg_decoder_config *decoder = &known->maker_config.decoder;
    uint64_t *weights = needs->weights, *activations = needs->activations;
    weights[PARTCRAFTER_STAGE_IMAGE] = request->image == NULL ? sum(known->painter.weights, CHECKPOINT_PARTS) : 0;
    for (size_t i = 0; i < CHECKPOINT_PARTS && request->image == NULL; i++)
        activations[PARTCRAFTER_STAGE_IMAGE] =
            larger(activations[PARTCRAFTER_STAGE_IMAGE], known->painter.activations[i]);
    weights[PARTCRAFTER_STAGE_CUTOUT] = known->cutter_weights;
    activations[PARTCRAFTER_STAGE_CUTOUT] = cutter_arena(all);
    weights[PARTCRAFTER_STAGE_ENCODE] = known->encoder_weights;
    activations[PARTCRAFTER_STAGE_ENCODE] = encoder_arena(all);
    weights[PARTCRAFTER_STAGE_DIFFUSION] = known->maker.weights[PARTCRAFTER_DIT];
    activations[PARTCRAFTER_STAGE_DIFFUSION] =
        (partcrafter_dit_elements(dit, parts, tokens) +
         partcrafter_dit_image_elements(dit, dinov2_tokens(&known->encoder_config))) *
        element;
    weights[PARTCRAFTER_STAGE_SURFACE] = known->maker.weights[PARTCRAFTER_DECODER];
    activations[PARTCRAFTER_STAGE_SURFACE] =
        (triposg_part_elements(decoder, tokens) +
         larger(triposg_decoder_elements(decoder, tokens), triposg_field_elements(decoder, tokens))) *
            element +
        surfaces_bytes(request);
    activations[PARTCRAFTER_STAGE_NAMING] = surfaces_bytes(request) / 2 + ((uint64_t)64 << 20);
}

/* What of that is held now, and so is missing from what is free. */
static uint64_t held_bytes(const engine_networks *all)
{
    uint64_t held = 0;
    if (all->painter != NULL)
        held += operators_weight_bytes(sdxl_turbo_operators(all->painter));
    if (all->cutter.run != NULL)
        held += operators_weight_bytes(all->cutter.run);
    if (all->encoder.run != NULL)
        held += operators_weight_bytes(all->encoder.run);
    for (int i = 0; i < PARTCRAFTER_NETWORKS && all->maker != NULL; i++) {
        const operators *run = partcrafter_operators(all->maker, (partcrafter_network)i);
        held += run != NULL ? operators_weight_bytes(run) : 0;
    }
    return held;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void add_up(const engine_networks *all, partcrafter_engine_needs *needs)
{
    uint64_t weights = 0, activations = 0, stage = 0, others = 0;
    for (int i = 0; i < PARTCRAFTER_STAGES; i++) {
        const uint64_t both = needs->weights[i] + needs->activations[i];
        weights += needs->weights[i];
        activations = larger(activations, needs->activations[i]);
        stage = larger(stage, both);
        others = i == PARTCRAFTER_STAGE_IMAGE ? others : larger(others, both);
    }
    const uint64_t painter = needs->weights[PARTCRAFTER_STAGE_IMAGE] > 0 ? all->measures.painter.low_peak : 0;
    needs->peak[PARTCRAFTER_HOLDS_ALL] = weights + activations + slack_bytes;
    needs->peak[PARTCRAFTER_HOLDS_STAGE] = stage + slack_bytes;
    needs->peak[PARTCRAFTER_HOLDS_PIECE] = smaller(larger(painter, others), stage) + slack_bytes;
    const uint64_t free_bytes = process_read_memory().available_bytes;
    const uint64_t given = all->options.memory_budget;
    needs->budget = given != 0 ? given : free_bytes != 0 ? free_bytes + held_bytes(all) : UINT64_MAX;
}

lumen_status networks_plan(engine_networks *all, const engine_request *request, size_t parts,
                           partcrafter_engine_needs *needs, lumen_error *error)
{
    const double gigabyte = 1e9;
    *needs = (partcrafter_engine_needs){.type = all->measures.type, .device = all->measures.device};
    measure_stages(all, request, parts, needs);
    add_up(all, needs);
    partcrafter_holding holding = all->options.low_memory ? PARTCRAFTER_HOLDS_PIECE : PARTCRAFTER_HOLDS_ALL;
    while (holding < PARTCRAFTER_HOLDS_PIECE && needs->peak[holding] > needs->budget)
        holding++;
    needs->holding = holding;
    if (needs->peak[holding] > needs->budget)
        return lumen_fail(error, LUMEN_ERROR_MEMORY,
                          "PartCrafter needs %.1f GB of memory in %s even one network at a time, and %s %.1f GB; %s",
                          (double)needs->peak[holding] / gigabyte, tensor_type_name(needs->type),
                          all->options.memory_budget != 0 ? "its budget is" : "there are",
                          (double)needs->budget / gigabyte,
                          all->options.memory_budget != 0 ? "raise the budget, or ask for fewer parts or tokens"
                                                          : "close other programs, or ask for fewer parts or tokens");
    if (holding != all->holding)
        networks_release(all);
    all->holding = holding;
    return LUMEN_OK;
}

/* ---- The stages ------------------------------------------------------------------------------------------- */

static bool keeps(const engine_networks *all)
{
    return all->holding == PARTCRAFTER_HOLDS_ALL;
}

/* Whether a network that has ended so may work again. */
static bool is_sound(lumen_status status)
{
    return status == LUMEN_OK || status == LUMEN_ERROR_CANCELLED || status == LUMEN_ERROR_FAILED;
}

lumen_status networks_paint(engine_networks *all, const char *prompt, size_t steps, uint64_t seed, picture_image *out,
                            lumen_error *error)
{
    const sdxl_turbo_request request = {.prompt = prompt, .steps = steps, .seed = seed};
    lumen_status status = all->painter == NULL ? open_painter(all, error) : LUMEN_OK;
    if (status != LUMEN_OK)
        return status;
    sdxl_turbo_watch(all->painter, progress_report, all->progress);
    status = sdxl_turbo_paint(all->painter, &request, out, error);
    sdxl_turbo_watch(all->painter, NULL, NULL);
    all->loading += sdxl_turbo_timings_of(all->painter)->load;
    if (!keeps(all) || !is_sound(status))
        close_painter(all);
    return status;
}

static lumen_status need_cutter(engine_networks *all, lumen_error *error)
{
    if (all->cutter.loaded)
        return LUMEN_OK;
    const uint64_t began = clock_now_ns();
    const operators_options how = context(all, cutter_arena(all));
    size_t bytes;
    lumen_status status = open_cutter_file(all, error);
    if (status == LUMEN_OK)
        status = operators_open(&how, &all->cutter.run, error);
    if (status == LUMEN_OK)
        status = read_cutter(all, true, &bytes, error);
    all->cutter.loaded = status == LUMEN_OK;
    all->loading += clock_seconds_between(began, clock_now_ns());
    return status;
}

lumen_status networks_cut_out(engine_networks *all, picture_photograph *photograph, rmbg_cut *out, lumen_error *error)
{
    lumen_status status = cutout_reduce(photograph, error);
    if (status != LUMEN_OK)
        return status;
    if (cutout_alpha_tells(photograph))
        return rmbg_cut_out_with(NULL, NULL, photograph, out, error);
    status = need_cutter(all, error);
    if (status == LUMEN_OK)
        status = rmbg_cut_out_with(all->cutter.run, &all->cutter_layers, photograph, out, error);
    if (!keeps(all) || !all->cutter.loaded || status == LUMEN_ERROR_MEMORY)
        close_small(&all->cutter);
    return status;
}

static lumen_status need_encoder(engine_networks *all, lumen_error *error)
{
    if (all->encoder.loaded)
        return LUMEN_OK;
    const uint64_t began = clock_now_ns();
    const operators_options how = context(all, encoder_arena(all));
    size_t bytes;
    lumen_status status = open_encoder_file(all, error);
    if (status == LUMEN_OK)
        status = operators_open(&how, &all->encoder.run, error);
    if (status == LUMEN_OK)
        status = read_encoder(all, true, &bytes, error);
    all->encoder.loaded = status == LUMEN_OK;
    all->loading += clock_seconds_between(began, clock_now_ns());
    return status;
}

static lumen_status run_encoder(engine_networks *all, const picture_image *picture, float *patches, float *tokens,
                                lumen_error *error)
{
    operators *run = all->encoder.run;
    lumen_status status = dinov2_prepare(&all->measures.encoder_config, picture, patches, error);
    if (status != LUMEN_OK)
        return status;
    const size_t mark = operators_mark(run);
    operators_clear(run);
    tensor made = dinov2_forward(run, &all->encoder_layers, patches);
    status = operators_status(run, error);
    if (status == LUMEN_OK)
        op_to_f32(run, &made, tokens);
    operators_release(run, mark);
    const size_t count = dinov2_tokens(&all->measures.encoder_config) * all->measures.encoder_config.width;
    for (size_t i = 0; i < count && status == LUMEN_OK; i++)
        if (!isfinite(tokens[i]))
            status = lumen_fail(error, LUMEN_ERROR_FAILED,
                                "DINOv2 saw no picture but numbers out of range; the weights in %.200s/%s are damaged, "
                                "so pull partcrafter again",
                                all->maker_path, encoder_folder);
    return status;
}

lumen_status networks_encode(engine_networks *all, const picture_image *picture, float **tokens, lumen_error *error)
{
    const dinov2_config *config = &all->measures.encoder_config;
    float *patches = malloc(dinov2_value_count(config) * sizeof *patches);
    *tokens = malloc(dinov2_tokens(config) * config->width * sizeof **tokens);
    lumen_status status = patches == NULL || *tokens == NULL ? lumen_fail_memory(error, "the tokens of a picture")
                                                             : need_encoder(all, error);
    if (status == LUMEN_OK)
        status = run_encoder(all, picture, patches, *tokens, error);
    if (!keeps(all) || !all->encoder.loaded || status == LUMEN_ERROR_MEMORY)
        close_small(&all->encoder);
    free(patches);
    if (status != LUMEN_OK) {
        free(*tokens);
        *tokens = NULL;
    }
    return status;
}

lumen_status networks_make_parts(engine_networks *all, const partcrafter_request *request, float **latents,
                                 lumen_error *error)
{
    const size_t count = request->parts * request->tokens * all->measures.maker_config.dit.channels;
    *latents = malloc(count * sizeof **latents);
    lumen_status status = *latents == NULL ? lumen_fail_memory(error, "the latents of parts") : LUMEN_OK;
    if (status == LUMEN_OK && all->maker == NULL)
        status = open_maker(all, error);
    if (status == LUMEN_OK) {
        partcrafter_watch(all->maker, progress_report, all->progress);
        status = partcrafter_sample(all->maker, request, *latents, error);
        all->loading += partcrafter_timings_of(all->maker)->load;
    }
    if (status != LUMEN_OK) {
        free(*latents);
        *latents = NULL;
    }
    return status;
}

/* From here on the surface tells how far it is; a network only asks whether to go on. */
void networks_begin_surfaces(engine_networks *all)
{
    partcrafter_watch(all->maker, progress_ask, all->progress);
}

void networks_end(engine_networks *all, lumen_status status)
{
    if (all->maker != NULL)
        partcrafter_watch(all->maker, NULL, NULL);
    if (!keeps(all) || (!is_sound(status) && status != LUMEN_ERROR_INVALID))
        networks_release(all);
}
