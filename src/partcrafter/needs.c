/* What the networks need, and what of them can be held. */

#include "inside.h"

#include <stdio.h>

#include "base/process.h"

/* ---- Measuring -------------------------------------------------------------------------------------------- */

/* The type that the device computes in. */
static lumen_status settle_type(engine_networks *all, lumen_error *error)
{
    const operators_options how = files_context(all, (size_t)1 << 20);
    operators *run;
    lumen_status status = operators_open(&how, &run, error);
    if (status != LUMEN_OK)
        return status;
    all->measures.type = operators_type(run);
    snprintf(all->measures.device, sizeof all->measures.device, "%s", operators_device(run));
    operators_close(run);
    return LUMEN_OK;
}

static lumen_status measure_painter(engine_networks *all, lumen_error *error)
{
    lumen_status status = files_open_painter(all, error);
    if (status == LUMEN_OK)
        all->measures.painter = *sdxl_turbo_needs_of(all->painter);
    return status;
}

/* IS-Net comes without a configuration; how wide it is, its tensors say. */
static lumen_status measure_cutter(engine_networks *all, lumen_error *error)
{
    engine_measures *known = &all->measures;
    lumen_status status = files_open_cutter(all, error);
    if (status != LUMEN_OK)
        return status;
    known->cutter_config = files_cutter_config(all);
    return files_read_cutter(all, false, &known->cutter_weights, error);
}

static lumen_status measure_maker(engine_networks *all, lumen_error *error)
{
    lumen_status status = files_open_maker(all, error);
    if (status != LUMEN_OK)
        return status;
    all->measures.maker = *partcrafter_needs_of(all->maker);
    all->measures.maker_config = *partcrafter_config_of(all->maker);
    return LUMEN_OK;
}

static lumen_status measure_encoder(engine_networks *all, lumen_error *error)
{
    engine_measures *known = &all->measures;
    configuration *from = NULL;
    known->encoder_config = dinov2_default();
    lumen_status status = files_open_encoder(all, error);
    if (status == LUMEN_OK)
        status = weight_file_configuration(all->encoder.file, &from, error);
    if (status == LUMEN_OK) {
        dinov2_configure(from, &known->encoder_config);
        status = configuration_close(from, error);
    }
    return status == LUMEN_OK ? files_read_encoder(all, false, &known->encoder_weights, error) : status;
}

lumen_status networks_measure_one(engine_networks *all, partcrafter_model which, lumen_error *error)
{
    static lumen_status (*const measure[PARTCRAFTER_MODELS])(engine_networks *, lumen_error *) = {
        [PARTCRAFTER_MODEL_CUTTER] = measure_cutter,
        [PARTCRAFTER_MODEL_ENCODER] = measure_encoder,
        [PARTCRAFTER_MODEL_MAKER] = measure_maker,
        [PARTCRAFTER_MODEL_PAINTER] = measure_painter,
    };
    engine_measures *known = &all->measures;
    if (known->known[which])
        return LUMEN_OK;
    lumen_status status = known->type == TENSOR_NONE ? settle_type(all, error) : LUMEN_OK;
    if (status == LUMEN_OK)
        status = measure[which](all, error);
    networks_release_one(all, which);
    known->known[which] = status == LUMEN_OK;
    return status;
}

/* Whether the tokens of the encoder are those that the maker reads, once both are known. */
static lumen_status check_together(const engine_measures *known, lumen_error *error)
{
    const size_t made = known->encoder_config.width, read = known->maker_config.dit.image_width;
    if (!known->known[PARTCRAFTER_MODEL_ENCODER] || !known->known[PARTCRAFTER_MODEL_MAKER] || made == read)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_INVALID,
                      "the picture's tokens have %zu numbers, and the DiT reads %zu; these networks belong to "
                      "different models, so pull partcrafter again",
                      made, read);
}

lumen_status networks_measure(engine_networks *all, lumen_error *error)
{
    static const partcrafter_model order[] = {PARTCRAFTER_MODEL_PAINTER, PARTCRAFTER_MODEL_CUTTER,
                                              PARTCRAFTER_MODEL_MAKER, PARTCRAFTER_MODEL_ENCODER};
    lumen_status status = LUMEN_OK;
    for (size_t i = 0; i < sizeof order / sizeof *order && status == LUMEN_OK; i++)
        status = networks_measure_one(all, order[i], error);
    return status == LUMEN_OK ? check_together(&all->measures, error) : status;
}

size_t networks_cutter_arena(const engine_networks *all)
{
    const engine_measures *known = &all->measures;
    return isnet_elements(&known->cutter_config, ISNET_SIZE, ISNET_SIZE) * tensor_type_bytes(known->type) +
           NETWORKS_SLACK_BYTES;
}

size_t networks_encoder_arena(const engine_networks *all)
{
    const engine_measures *known = &all->measures;
    return dinov2_elements(&known->encoder_config) * tensor_type_bytes(known->type) + NETWORKS_SLACK_BYTES;
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

/* What is not known counts for nothing. */
static void measure_stages(const engine_networks *all, const engine_request *request, size_t parts,
                           partcrafter_engine_needs *needs)
{
    const engine_measures *known = &all->measures;
    const size_t tokens = preset_for(request).tokens, element = tensor_type_bytes(known->type);
    const partcrafter_dit_config *dit = &known->maker_config.dit;
    const triposg_decoder_config *decoder = &known->maker_config.decoder;
    uint64_t *weights = needs->weights, *activations = needs->activations;
    if (request->image == NULL && known->known[PARTCRAFTER_MODEL_PAINTER]) {
        weights[PARTCRAFTER_STAGE_IMAGE] = sum(known->painter.weights, CHECKPOINT_PARTS);
        for (size_t i = 0; i < CHECKPOINT_PARTS; i++)
            activations[PARTCRAFTER_STAGE_IMAGE] =
                larger(activations[PARTCRAFTER_STAGE_IMAGE], known->painter.activations[i]);
    }
    if (known->known[PARTCRAFTER_MODEL_CUTTER]) {
        weights[PARTCRAFTER_STAGE_CUTOUT] = known->cutter_weights;
        activations[PARTCRAFTER_STAGE_CUTOUT] = networks_cutter_arena(all);
    }
    if (known->known[PARTCRAFTER_MODEL_ENCODER]) {
        weights[PARTCRAFTER_STAGE_ENCODE] = known->encoder_weights;
        activations[PARTCRAFTER_STAGE_ENCODE] = networks_encoder_arena(all);
    }
    if (known->known[PARTCRAFTER_MODEL_MAKER] && known->known[PARTCRAFTER_MODEL_ENCODER]) {
        weights[PARTCRAFTER_STAGE_DIFFUSION] = known->maker.weights[PARTCRAFTER_DIT];
        activations[PARTCRAFTER_STAGE_DIFFUSION] =
            (partcrafter_dit_elements(dit, parts, tokens) +
             partcrafter_dit_image_elements(dit, dinov2_tokens(&known->encoder_config))) *
            element;
        weights[PARTCRAFTER_STAGE_SURFACE] = known->maker.weights[PARTCRAFTER_DECODER];
        activations[PARTCRAFTER_STAGE_SURFACE] = triposg_fine_bytes(decoder, tokens) +
                                                 triposg_quick_bytes(decoder, known->type, tokens) +
                                                 surfaces_bytes(request);
        activations[PARTCRAFTER_STAGE_NAMING] = surfaces_bytes(request) / 2 + ((uint64_t)64 << 20);
    }
}

/* What of that is held now, and so is missing from what is free. */
static uint64_t held_bytes(const engine_networks *all)
{
    uint64_t held = 0;
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        held += networks_held(all, (partcrafter_model)i);
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
    needs->peak[PARTCRAFTER_HOLDS_ALL] = weights + activations + NETWORKS_SLACK_BYTES;
    needs->peak[PARTCRAFTER_HOLDS_STAGE] = stage + NETWORKS_SLACK_BYTES;
    needs->peak[PARTCRAFTER_HOLDS_PIECE] = smaller(larger(painter, others), stage) + NETWORKS_SLACK_BYTES;
    const uint64_t free_bytes = process_read_memory().available_bytes;
    const uint64_t given = all->options.memory_budget;
    needs->budget = given != 0 ? given : free_bytes != 0 ? free_bytes + held_bytes(all) : UINT64_MAX;
}

/* The most that can be held, or PARTCRAFTER_HOLDS_PIECE though it does not fit. */
static partcrafter_holding choose_holding(const engine_networks *all, const partcrafter_engine_needs *needs)
{
    partcrafter_holding holding = all->options.low_memory ? PARTCRAFTER_HOLDS_PIECE : PARTCRAFTER_HOLDS_ALL;
    while (holding < PARTCRAFTER_HOLDS_PIECE && needs->peak[holding] > needs->budget)
        holding++;
    return holding;
}

static lumen_status check_fit(const engine_networks *all, const char *title, const partcrafter_engine_needs *needs,
                              lumen_error *error)
{
    const double gigabyte = 1e9;
    const uint64_t peak = needs->peak[needs->holding];
    if (peak <= needs->budget)
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_MEMORY,
                      "%s needs %.1f GB of memory in %s even one network at a time, and %s %.1f GB; %s", title,
                      (double)peak / gigabyte, tensor_type_name(needs->type),
                      all->options.memory_budget != 0 ? "its budget is" : "there are", (double)needs->budget / gigabyte,
                      all->options.memory_budget != 0 ? "raise the budget, or ask for fewer parts or tokens"
                                                      : "close other programs, or ask for fewer parts or tokens");
}

static void settle_holding(engine_networks *all, partcrafter_holding holding)
{
    if (holding != all->holding)
        networks_release(all);
    all->holding = holding;
}

lumen_status networks_plan(engine_networks *all, const engine_request *request, size_t parts,
                           partcrafter_engine_needs *needs, lumen_error *error)
{
    *needs = (partcrafter_engine_needs){.type = all->measures.type, .device = all->measures.device};
    measure_stages(all, request, parts, needs);
    add_up(all, needs);
    needs->holding = choose_holding(all, needs);
    lumen_status status = check_fit(all, "PartCrafter", needs, error);
    if (status == LUMEN_OK)
        settle_holding(all, needs->holding);
    return status;
}

/* What the painter takes by itself. */
static void keep_painter_alone(const engine_networks *all, partcrafter_engine_needs *needs)
{
    for (int i = PARTCRAFTER_STAGE_IMAGE + 1; i < PARTCRAFTER_STAGES; i++)
        needs->weights[i] = needs->activations[i] = 0;
    add_up(all, needs);
    needs->holding = choose_holding(all, needs);
    if (needs->holding == PARTCRAFTER_HOLDS_ALL) /* it alone, that is */
        needs->holding = PARTCRAFTER_HOLDS_STAGE;
}

lumen_status networks_plan_usual(engine_networks *all, partcrafter_model which, lumen_error *error)
{
    static const engine_request usual = {.quality = LUMEN_QUALITY_STANDARD}, least = {.quality = LUMEN_QUALITY_FAST};
    partcrafter_engine_needs needs = {.type = all->measures.type};
    lumen_status status = LUMEN_OK;
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        if (networks_check_one(all, (partcrafter_model)i, NULL) == LUMEN_OK)
            networks_measure_one(all, (partcrafter_model)i, NULL); /* one that is damaged is not kept either */
    measure_stages(all, &usual, LUMEN_REQUEST_PARTS_MAX, &needs);
    add_up(all, &needs);
    needs.holding = choose_holding(all, &needs);
    if (needs.holding != PARTCRAFTER_HOLDS_ALL && which == PARTCRAFTER_MODEL_PAINTER) {
        keep_painter_alone(all, &needs);
        status = check_fit(all, "SDXL Turbo", &needs, error);
    } else if (needs.holding != PARTCRAFTER_HOLDS_ALL) {
        partcrafter_engine_needs small = {.type = all->measures.type};
        measure_stages(all, &least, 1, &small);
        add_up(all, &small);
        small.holding = choose_holding(all, &small);
        status = check_fit(all, "PartCrafter", &small, error);
    }
    if (status == LUMEN_OK && which != PARTCRAFTER_MODEL_PAINTER)
        status = check_together(&all->measures, error);
    if (status == LUMEN_OK)
        settle_holding(all, needs.holding);
    return status;
}
