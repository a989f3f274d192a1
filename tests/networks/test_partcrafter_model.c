/* From a picture's tokens to latents and fields, against the reference; and what can go wrong on the way. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sanitized.h"
#include "made_up_parts.h"

enum { SMALL_LATENTS = SMALL_PARTS * SMALL_TOKENS * 16 };

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_parts(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

static partcrafter *open_small(const partcrafter_options *how)
{
    partcrafter *model = NULL;
    partcrafter_options options = *how;
    lumen_error error = {0};
    options.path = folder;
    options.threads = 2;
    lumen_status status = partcrafter_open(&options, &model, &error);
    if (status == LUMEN_ERROR_UNAVAILABLE && strcmp(options.device, "cpu") == 0)
        skip(); /* built without oneDNN */
    if (status != LUMEN_OK)
        fail_msg("%s", error.message);
    return model;
}

static const partcrafter_options plain = {.device = "plain", .type = TENSOR_F32};

/* What the reference was given for whole.latents. */
static partcrafter_request golden_request(void)
{
    return (partcrafter_request){.image = golden_parts("dit.image").data,
                                 .image_tokens = SMALL_IMAGE_TOKENS,
                                 .parts = SMALL_PARTS,
                                 .tokens = SMALL_TOKENS,
                                 .steps = 4,
                                 .guidance = 7.0f,
                                 .noise = golden_parts("dit.latents").data};
}

static void sample(partcrafter *model, const partcrafter_request *request, float *latents)
{
    lumen_error error = {0};
    if (partcrafter_sample(model, request, latents, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

static likeness likeness_to_golden(const float *latents)
{
    return compare(latents, golden_parts("whole.latents").data, SMALL_LATENTS);
}

/* ---- Latents --------------------------------------------------------------------------------------------- */

static void guided_latents_are_those_of_the_reference(void **state)
{
    (void)state;
    static const char *const devices[] = {"plain", "cpu"};
    static const partcrafter_memory ways[] = {PARTCRAFTER_MEMORY_FITTING, PARTCRAFTER_MEMORY_TOGETHER,
                                              PARTCRAFTER_MEMORY_ALTERNATING};
    for (size_t d = 0; d < 2; d++) {
        partcrafter *model = open_small(&(partcrafter_options){.device = devices[d], .type = TENSOR_F32});
        for (size_t i = 0; i < 3; i++) {
            float latents[SMALL_LATENTS];
            partcrafter_request request = golden_request();
            request.memory = ways[i];
            sample(model, &request, latents);
            const likeness found = likeness_to_golden(latents);
            if (!(found.relative <= 1e-4))
                fail_msg("on %s: relative error %.3g", devices[d], found.relative);
        }
        partcrafter_close(model);
    }
}

static void halves_give_nearly_the_same_latents(void **state)
{
    (void)state;
    float latents[SMALL_LATENTS];
    partcrafter *model = open_small(&(partcrafter_options){.device = "cpu", .type = TENSOR_BF16});
    const partcrafter_request request = golden_request();
    sample(model, &request, latents);
    const likeness found = likeness_to_golden(latents);
    if (!(found.cosine >= 0.995))
        fail_msg("cosine %.6f", found.cosine);
    partcrafter_close(model);
}

static void guidance_in_a_part_of_the_way_saves_work_and_changes_the_result(void **state)
{
    (void)state;
    float all[SMALL_LATENTS], late[SMALL_LATENTS], never[SMALL_LATENTS], outside[SMALL_LATENTS];
    partcrafter *model = open_small(&plain);
    partcrafter_request request = golden_request();
    const double full = partcrafter_work_of(partcrafter_config_of(model), &request).sample;
    sample(model, &request, all);
    request.guidance_from = 0.0f;
    request.guidance_until = 0.5f; /* sigmas are 1, 0.75, 0.5, 0.25: the last two steps */
    const double half = partcrafter_work_of(partcrafter_config_of(model), &request).sample;
    sample(model, &request, late);
    assert_true(memcmp(all, late, sizeof all) != 0);
    assert_true(half < 0.8 * full);
    /* Guidance that meets no step is none: also the parts are numbered as without. */
    request.guidance_from = 0.1f;
    request.guidance_until = 0.2f;
    sample(model, &request, outside);
    request = golden_request();
    request.guidance = 1.0f;
    sample(model, &request, never);
    assert_memory_equal(outside, never, sizeof never);
    partcrafter_close(model);
}

static void part_ids_from_zero_are_another_numbering(void **state)
{
    (void)state;
    float usual[SMALL_LATENTS], from_zero[SMALL_LATENTS];
    partcrafter *model = open_small(&plain);
    partcrafter_request request = golden_request();
    sample(model, &request, usual);
    request.part_ids_from_zero = true;
    sample(model, &request, from_zero);
    assert_true(memcmp(usual, from_zero, sizeof usual) != 0);
    partcrafter_close(model);
}

static void a_seed_is_an_object(void **state)
{
    (void)state;
    float one[SMALL_LATENTS], again[SMALL_LATENTS], other[SMALL_LATENTS];
    partcrafter *model = open_small(&plain);
    partcrafter_request request = golden_request();
    request.noise = NULL;
    request.steps = 2;
    request.seed = 1;
    sample(model, &request, one);
    sample(model, &request, again);
    request.seed = 2;
    sample(model, &request, other);
    assert_memory_equal(one, again, sizeof one);
    assert_true(memcmp(one, other, sizeof one) != 0);
    partcrafter_close(model);
}

/* The sum of what the operators counted, against what the model says beforehand. */
static void the_work_that_was_told_is_the_work_that_is_done(void **state)
{
    (void)state;
    float latents[SMALL_LATENTS], values[64], points[3 * 64] = {0};
    operators_cost costs[16];
    lumen_error error = {0};
    partcrafter *model = open_small(&plain);
    const partcrafter_request request = golden_request();
    const partcrafter_work told = partcrafter_work_of(partcrafter_config_of(model), &request);
    sample(model, &request, latents);
    assert_int_equal(partcrafter_begin_part(model, latents, SMALL_TOKENS, &error), LUMEN_OK);
    assert_int_equal(partcrafter_field(model, points, 64, values, &error), LUMEN_OK);
    const double expected[PARTCRAFTER_NETWORKS] = {told.sample, told.begin_part + 64.0 * told.point};
    for (int i = 0; i < PARTCRAFTER_NETWORKS; i++) {
        double done = 0.0;
        const size_t count = operators_costs(partcrafter_operators(model, (partcrafter_network)i), costs, 16);
        for (size_t kind = 0; kind < count; kind++)
            done += costs[kind].macs;
        assert_true(fabs(done / expected[i] - 1.0) < 0.02);
    }
    partcrafter_close(model);
}

/* ---- Fields ---------------------------------------------------------------------------------------------- */

static void a_part_becomes_the_field_of_the_reference(void **state)
{
    (void)state;
    float values[SMALL_POINTS];
    lumen_error error = {0};
    tensor latents = golden_parts("decoder.latents"), points = golden_parts("decoder.points");
    partcrafter *model = open_small(&plain);
    assert_int_equal(partcrafter_field(model, points.data, SMALL_POINTS, values, &error), LUMEN_ERROR_INVALID);
    /* A second part takes the place of the first. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(partcrafter_begin_part(model, latents.data, SMALL_TOKENS, &error), LUMEN_OK);
        assert_int_equal(partcrafter_field(model, points.data, SMALL_POINTS, values, &error), LUMEN_OK);
        assert_true(compare(values, golden_parts("decoder.field").data, SMALL_POINTS).relative <= 1e-4);
    }
    assert_int_equal(partcrafter_timings_of(model)->points, 2 * SMALL_POINTS);
    partcrafter_close(model);
}

static void low_memory_changes_nothing(void **state)
{
    (void)state;
    float usual[SMALL_LATENTS], frugal[SMALL_LATENTS], values[2][SMALL_POINTS];
    lumen_error error = {0};
    tensor points = golden_parts("decoder.points");
    const partcrafter_request request = golden_request();
    partcrafter *models[2] = {open_small(&plain), open_small(&(partcrafter_options){
                                                      .device = "plain", .type = TENSOR_F32, .low_memory = true})};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            float *latents = i == 0 ? usual : frugal;
            sample(models[i], &request, latents);
            assert_int_equal(partcrafter_begin_part(models[i], latents, SMALL_TOKENS, &error), LUMEN_OK);
            assert_int_equal(partcrafter_field(models[i], points.data, SMALL_POINTS, values[i], &error), LUMEN_OK);
        }
        assert_memory_equal(usual, frugal, sizeof usual);
        assert_memory_equal(values[0], values[1], sizeof values[0]);
    }
    assert_null(partcrafter_operators(models[1], PARTCRAFTER_DIT));
    assert_true(partcrafter_needs_of(models[1])->peak < partcrafter_needs_of(models[0])->peak);
    partcrafter_close(models[0]);
    partcrafter_close(models[1]);
}

/* ---- Progress and cancellation --------------------------------------------------------------------------- */

typedef struct watcher {
    size_t calls, stop_at; /* stop_at 0: never */
    double last;
    bool fell;
    char last_stage[32];
} watcher;

static bool watch(void *user, const char *stage, double fraction)
{
    watcher *seen = user;
    seen->calls++;
    seen->fell = seen->fell || fraction < seen->last - 1e-9 || fraction > 1.0;
    seen->last = fraction;
    snprintf(seen->last_stage, sizeof seen->last_stage, "%s", stage);
    return seen->calls != seen->stop_at;
}

static void progress_rises_to_the_end_of_each_call(void **state)
{
    (void)state;
    float latents[SMALL_LATENTS];
    lumen_error error = {0};
    const partcrafter_request request = golden_request();
    partcrafter *model = open_small(&plain);
    watcher seen = {0};
    partcrafter_watch(model, watch, &seen);
    sample(model, &request, latents);
    assert_false(seen.fell);
    assert_true(seen.calls > 40); /* at least every block of 4 steps of 2 branches */
    assert_true(seen.last > 0.99);
    assert_string_equal(seen.last_stage, "DiT");
    seen = (watcher){0};
    assert_int_equal(partcrafter_begin_part(model, latents, SMALL_TOKENS, &error), LUMEN_OK);
    assert_false(seen.fell);
    assert_true(seen.last > 0.99);
    assert_string_equal(seen.last_stage, "decoder");
    partcrafter_close(model);
}

static void an_object_can_be_called_off_anywhere_and_the_next_one_is_whole(void **state)
{
    (void)state;
    float expected[SMALL_LATENTS], latents[SMALL_LATENTS], values[SMALL_POINTS];
    lumen_error error = {0};
    partcrafter_request request = golden_request();
    request.steps = 2;
    partcrafter *model = open_small(&plain);
    watcher all = {0};
    partcrafter_watch(model, watch, &all);
    sample(model, &request, expected);
    for (size_t stop = 1; stop < all.calls; stop += SANITIZED ? 13 : 3) {
        watcher seen = {.stop_at = stop};
        partcrafter_watch(model, watch, &seen);
        lumen_status status = partcrafter_sample(model, &request, latents, &error);
        if (status == LUMEN_OK)
            break; /* beyond what a loaded model reports */
        assert_int_equal(status, LUMEN_ERROR_CANCELLED);
        assert_int_equal(seen.calls, stop);
    }
    watcher now = {.stop_at = 1};
    partcrafter_watch(model, watch, &now);
    assert_int_equal(partcrafter_begin_part(model, expected, SMALL_TOKENS, &error), LUMEN_ERROR_CANCELLED);
    assert_int_equal(partcrafter_field(model, golden_parts("decoder.points").data, SMALL_POINTS, values, &error),
                     LUMEN_ERROR_INVALID);
    partcrafter_watch(model, NULL, NULL);
    assert_int_equal(partcrafter_begin_part(model, expected, SMALL_TOKENS, &error), LUMEN_OK);
    now = (watcher){.stop_at = 1};
    partcrafter_watch(model, watch, &now);
    assert_int_equal(partcrafter_field(model, golden_parts("decoder.points").data, SMALL_POINTS, values, &error),
                     LUMEN_ERROR_CANCELLED);
    partcrafter_watch(model, NULL, NULL);
    assert_int_equal(partcrafter_field(model, golden_parts("decoder.points").data, SMALL_POINTS, values, &error),
                     LUMEN_OK);
    sample(model, &request, latents);
    assert_memory_equal(latents, expected, sizeof expected);
    partcrafter_close(model);
}

/* ---- Refusals -------------------------------------------------------------------------------------------- */

static void refused(partcrafter *model, const partcrafter_request *request, const char *about)
{
    float latents[SMALL_LATENTS];
    lumen_error error = {0};
    assert_int_equal(partcrafter_sample(model, request, latents, &error), LUMEN_ERROR_INVALID);
    if (strstr(error.message, about) == NULL)
        fail_msg("\"%s\" does not speak of %s", error.message, about);
}

static void requests_out_of_bounds_are_refused(void **state)
{
    (void)state;
    partcrafter *model = open_small(&plain);
    const partcrafter_request good = golden_request();
    partcrafter_request request = good;
    request.image = NULL;
    refused(model, &request, "picture");
    request = good;
    request.image_tokens = PARTCRAFTER_IMAGE_TOKENS_MAX + 1;
    refused(model, &request, "picture");
    request = good;
    request.parts = 0;
    refused(model, &request, "0 parts");
    request.parts = DIT_PARTS_MAX + 1;
    refused(model, &request, "17 parts");
    request.parts = 5; /* with guidance these are ten numbers, and the small model has eight */
    refused(model, &request, "10 part numbers");
    request = good;
    request.tokens = DIT_TOKENS_MAX;
    refused(model, &request, "tokens");
    request = good;
    request.steps = FLOW_STEPS_MAX + 1;
    refused(model, &request, "steps");
    request = good;
    request.guidance = NAN;
    refused(model, &request, "guidance");
    request = good;
    request.guidance_from = 0.8f;
    request.guidance_until = 0.3f;
    refused(model, &request, "guidance from");
    partcrafter_close(model);
}

static void a_model_that_is_not_there_says_how_to_get_it(void **state)
{
    (void)state;
    partcrafter *model = NULL;
    lumen_error error = {0};
    const partcrafter_options options = {.path = "/nowhere", .device = "plain"};
    assert_int_equal(partcrafter_open(&options, &model, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_null(model);
    assert_non_null(strstr(error.message, "lumen pull partcrafter"));
}

static void networks_that_do_not_fit_each_other_are_refused(void **state)
{
    (void)state;
    char other[256], file[400];
    make_test_folder(other, sizeof other);
    write_small_parts(other);
    snprintf(file, sizeof file, "%s/vae", other);
    write_text(
        file, "config.json",
        "{\"latent_channels\": 8, \"num_attention_heads\": 4, \"width_decoder\": 64, \"num_layers_decoder\": 3}");
    const partcrafter_options options = {.path = other, .device = "plain"};
    partcrafter *model = NULL;
    lumen_error error = {0};
    assert_int_equal(partcrafter_open(&options, &model, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "different models"));
    write_text(file, "config.json", "{\"num_attention_heads\": 7, \"embed_include_pi\": true}");
    assert_int_equal(partcrafter_open(&options, &model, &error), LUMEN_ERROR_INVALID);
    remove_test_folder(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guided_latents_are_those_of_the_reference),
        cmocka_unit_test(halves_give_nearly_the_same_latents),
        cmocka_unit_test(guidance_in_a_part_of_the_way_saves_work_and_changes_the_result),
        cmocka_unit_test(part_ids_from_zero_are_another_numbering),
        cmocka_unit_test(a_seed_is_an_object),
        cmocka_unit_test(the_work_that_was_told_is_the_work_that_is_done),
        cmocka_unit_test(a_part_becomes_the_field_of_the_reference),
        cmocka_unit_test(low_memory_changes_nothing),
        cmocka_unit_test(progress_rises_to_the_end_of_each_call),
        cmocka_unit_test(an_object_can_be_called_off_anywhere_and_the_next_one_is_whole),
        cmocka_unit_test(requests_out_of_bounds_are_refused),
        cmocka_unit_test(a_model_that_is_not_there_says_how_to_get_it),
        cmocka_unit_test(networks_that_do_not_fit_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
