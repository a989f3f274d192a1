/* The networks of the engine: when they are loaded and given back. */

#include "inside.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

static void close_small(small_network *network)
{
    operators_close(network->run);
    weight_file_close(network->file);
    *network = (small_network){0};
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

void networks_release_one(engine_networks *all, partcrafter_model which)
{
    switch (which) {
    case PARTCRAFTER_MODEL_CUTTER: close_small(&all->cutter); break;
    case PARTCRAFTER_MODEL_ENCODER: close_small(&all->encoder); break;
    case PARTCRAFTER_MODEL_MAKER: close_maker(all); break;
    default: close_painter(all); break;
    }
}

void networks_release(engine_networks *all)
{
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        networks_release_one(all, (partcrafter_model)i);
}

static uint64_t weight_bytes(const operators *run)
{
    return run != NULL ? operators_weight_bytes(run) : 0;
}

uint64_t networks_held(const engine_networks *all, partcrafter_model which)
{
    switch (which) {
    case PARTCRAFTER_MODEL_CUTTER: return weight_bytes(all->cutter.run);
    case PARTCRAFTER_MODEL_ENCODER: return weight_bytes(all->encoder.run);
    case PARTCRAFTER_MODEL_PAINTER: return all->painter != NULL ? weight_bytes(sdxl_turbo_operators(all->painter)) : 0;
    default: break;
    }
    uint64_t held = 0;
    for (int i = 0; i < PARTCRAFTER_NETWORKS && all->maker != NULL; i++)
        held += weight_bytes(partcrafter_operators(all->maker, (partcrafter_network)i));
    return held;
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

lumen_status networks_paint(engine_networks *all, const sdxl_turbo_request *request, lumen_progress progress,
                            void *user, picture_image *out, lumen_error *error)
{
    lumen_status status = all->painter == NULL ? files_open_painter(all, error) : LUMEN_OK;
    if (status != LUMEN_OK)
        return status;
    sdxl_turbo_watch(all->painter, progress, user);
    status = sdxl_turbo_paint(all->painter, request, out, error);
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
    const operators_options how = files_context(all, networks_cutter_arena(all));
    size_t bytes;
    lumen_status status = files_open_cutter(all, error);
    if (status == LUMEN_OK)
        status = operators_open(&how, &all->cutter.run, error);
    if (status == LUMEN_OK)
        status = files_read_cutter(all, true, &bytes, error);
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
    const operators_options how = files_context(all, networks_encoder_arena(all));
    size_t bytes;
    lumen_status status = files_open_encoder(all, error);
    if (status == LUMEN_OK)
        status = operators_open(&how, &all->encoder.run, error);
    if (status == LUMEN_OK)
        status = files_read_encoder(all, true, &bytes, error);
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
                                "DINOv2 saw no picture but numbers out of range: the weights in "
                                "%.200s/image_encoder_dinov2 are damaged, so pull partcrafter again",
                                all->maker_path);
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
        status = files_open_maker(all, error);
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

/* ---- Loading before there is work ------------------------------------------------------------------------- */

static lumen_status load_painter(engine_networks *all, lumen_error *error)
{
    lumen_status status = all->painter == NULL ? files_open_painter(all, error) : LUMEN_OK;
    return status == LUMEN_OK ? sdxl_turbo_load(all->painter, error) : status;
}

static lumen_status load_maker(engine_networks *all, lumen_error *error)
{
    lumen_status status = all->maker == NULL ? files_open_maker(all, error) : LUMEN_OK;
    return status == LUMEN_OK ? partcrafter_load(all->maker, error) : status;
}

lumen_status networks_load(engine_networks *all, partcrafter_model which, lumen_error *error)
{
    static lumen_status (*const load[PARTCRAFTER_MODELS])(engine_networks *, lumen_error *) = {
        [PARTCRAFTER_MODEL_CUTTER] = need_cutter,
        [PARTCRAFTER_MODEL_ENCODER] = need_encoder,
        [PARTCRAFTER_MODEL_MAKER] = load_maker,
        [PARTCRAFTER_MODEL_PAINTER] = load_painter,
    };
    lumen_status status = networks_measure_one(all, which, error);
    if (status == LUMEN_OK)
        status = networks_plan_usual(all, which, error);
    if (status == LUMEN_OK && keeps(all)) {
        status = load[which](all, error);
        if (status != LUMEN_OK)
            networks_release_one(all, which);
    }
    return status;
}
