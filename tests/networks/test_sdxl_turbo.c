/* From token ids to pixels, against the reference's own pipeline; and what can go wrong on the way. */

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
#include "made_up.h"
#include "tokenizer/clip_tokenizer.h"

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

static sdxl_turbo *open_small(const sdxl_turbo_options *how)
{
    sdxl_turbo *model = NULL;
    sdxl_turbo_options options = *how;
    lumen_error error = {0};
    options.path = folder;
    options.threads = 1; /* these are so small that two would only wait for each other */
    lumen_status status = sdxl_turbo_open(&options, &model, &error);
    if (status == LUMEN_ERROR_UNAVAILABLE && strcmp(options.device, "cpu") == 0)
        skip(); /* built without oneDNN */
    if (status != LUMEN_OK)
        fail_msg("%s", error.message);
    return model;
}

/* What the reference was given for golden.safetensors. */
static sdxl_turbo_request golden_request(size_t steps)
{
    return (sdxl_turbo_request){.ids = {golden("text.ids").data, golden("text2.ids").data},
                                .steps = steps,
                                .size = 64,
                                .latents = golden("whole.latents").data,
                                .fresh = golden("whole.fresh").data};
}

static picture_image paint(sdxl_turbo *model, const sdxl_turbo_request *request)
{
    picture_image picture = {0};
    lumen_error error = {0};
    if (sdxl_turbo_paint(model, request, &picture, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(picture.width, 64);
    assert_int_equal(picture.height, 64);
    return picture;
}

/* Decibels of the peak signal to noise; the most that a pixel differs goes to `worst`. */
static double likeness_of(const picture_image *picture, const char *name, double *worst)
{
    tensor expected = golden(name);
    const size_t count = tensor_count(&expected);
    float *values = channels_last(&expected);
    double squares = 0.0;
    *worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)picture->pixels[i] - nearbyint(255.0 * (double)values[i]));
        squares += difference * difference;
        *worst = fmax(*worst, difference);
    }
    free(values);
    return squares == 0.0 ? 99.0 : 10.0 * log10(255.0 * 255.0 * (double)count / squares);
}

static void pictures_are_those_of_the_reference(void **state)
{
    (void)state;
    static const char *const devices[] = {"plain", "cpu"};
    for (size_t d = 0; d < 2; d++) {
        sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = devices[d], .type = TENSOR_F32});
        for (size_t steps = 1; steps <= 3; steps += 2) {
            const sdxl_turbo_request request = golden_request(steps);
            picture_image picture = paint(model, &request);
            double worst;
            char name[32];
            snprintf(name, sizeof name, "whole.picture%zu", steps);
            const double decibels = likeness_of(&picture, name, &worst);
            if (worst > 1.0 || decibels < 50.0)
                fail_msg("%s on %s: %.1f dB, a pixel differs by %.0f", name, devices[d], decibels, worst);
            picture_free(&picture);
        }
        sdxl_turbo_close(model);
    }
}

static void halves_paint_nearly_the_same(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "cpu", .type = TENSOR_BF16});
    const sdxl_turbo_request request = golden_request(1);
    picture_image picture = paint(model, &request);
    double worst;
    const double decibels = likeness_of(&picture, "whole.picture1", &worst);
    if (decibels < 35.0)
        fail_msg("%.1f dB, a pixel differs by %.0f", decibels, worst);
    picture_free(&picture);
    sdxl_turbo_close(model);
}

static void low_memory_and_a_second_picture_change_nothing(void **state)
{
    (void)state;
    const sdxl_turbo_request request = golden_request(2);
    sdxl_turbo *usual = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    sdxl_turbo *frugal = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32, .low_memory = true});
    picture_image first = paint(usual, &request), second = paint(usual, &request);
    picture_image third = paint(frugal, &request), fourth = paint(frugal, &request);
    assert_memory_equal(first.pixels, second.pixels, 64 * 64 * 3);
    assert_memory_equal(first.pixels, third.pixels, 64 * 64 * 3);
    assert_memory_equal(first.pixels, fourth.pixels, 64 * 64 * 3);
    assert_int_equal(operators_weight_bytes(sdxl_turbo_operators(frugal)), 0);
    assert_true(sdxl_turbo_needs_of(frugal)->peak < sdxl_turbo_needs_of(usual)->peak);
    picture_free(&first);
    picture_free(&second);
    picture_free(&third);
    picture_free(&fourth);
    sdxl_turbo_close(usual);
    sdxl_turbo_close(frugal);
}

static void a_seed_is_a_picture(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    sdxl_turbo_request request = golden_request(2);
    request.latents = request.fresh = NULL;
    request.seed = 1;
    picture_image one = paint(model, &request), again = paint(model, &request);
    request.seed = 2;
    picture_image other = paint(model, &request);
    assert_memory_equal(one.pixels, again.pixels, 64 * 64 * 3);
    assert_true(memcmp(one.pixels, other.pixels, 64 * 64 * 3) != 0);
    picture_free(&one);
    picture_free(&again);
    picture_free(&other);
    sdxl_turbo_close(model);
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

static void progress_rises_to_the_end(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32, .low_memory = true});
    const sdxl_turbo_request request = golden_request(2);
    watcher seen = {0};
    sdxl_turbo_watch(model, watch, &seen);
    picture_image picture = paint(model, &request);
    picture_free(&picture);
    assert_false(seen.fell);
    assert_true(seen.calls > 40);
    assert_true(seen.last > 0.99);
    assert_string_equal(seen.last_stage, "VAE");
    sdxl_turbo_close(model);
}

/* How much is computed between two questions whether to go on, as a share of the whole picture. */
typedef struct gap_watcher {
    const operators *run;
    double done, longest;
} gap_watcher;

static double macs_of(const operators *run)
{
    operators_cost costs[16];
    double macs = 0.0;
    for (size_t i = 0, count = operators_costs(run, costs, 16); i < count; i++)
        macs += costs[i].macs;
    return macs;
}

static bool watch_gap(void *user, const char *stage, double fraction)
{
    gap_watcher *seen = user;
    (void)stage;
    (void)fraction;
    const double done = macs_of(seen->run);
    seen->longest = fmax(seen->longest, done - seen->done);
    seen->done = done;
    return true;
}

static void nothing_larger_than_a_block_is_computed_between_two_chances_to_stop(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    const sdxl_turbo_request request = golden_request(2);
    gap_watcher seen = {.run = sdxl_turbo_operators(model)};
    sdxl_turbo_watch(model, watch_gap, &seen);
    picture_image picture = paint(model, &request);
    /* The largest block of these small networks is a residual block of the decoder's last level. */
    const double total = macs_of(seen.run);
    assert_true(total > 0.0);
    if (seen.longest > 0.15 * total || total - seen.done > 0.02 * total)
        fail_msg("%.3f of a picture is computed in one go, %.3f at its end", seen.longest / total,
                 (total - seen.done) / total);
    picture_free(&picture);
    sdxl_turbo_close(model);
}

/* Stops at a share of all questions. Whoever has been told to stop asks no more, and the next picture is whole. */
static void called_off_everywhere(const char *device, tensor_type type, bool low_memory)
{
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = device, .type = type, .low_memory = low_memory});
    const sdxl_turbo_request request = golden_request(2);
    lumen_error error = {0};
    watcher all = {0};
    picture_image expected = paint(model, &request), picture = {0};
    sdxl_turbo_watch(model, watch, &all);
    picture = paint(model, &request);
    picture_free(&picture);
    /* With low_memory most questions come while weights are loaded. */
    for (size_t stop = 1; stop <= all.calls; stop += low_memory ? 211 : SANITIZED ? 17 : 3) {
        watcher seen = {.stop_at = stop};
        sdxl_turbo_watch(model, watch, &seen);
        assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_CANCELLED);
        assert_int_equal(seen.calls, stop);
        assert_non_null(strstr(error.message, seen.last_stage));
        assert_null(picture.pixels);
        if (stop % 4 != 1)
            continue;
        sdxl_turbo_watch(model, NULL, NULL);
        picture = paint(model, &request);
        assert_memory_equal(picture.pixels, expected.pixels, 64 * 64 * 3);
        picture_free(&picture);
    }
    picture_free(&expected);
    sdxl_turbo_close(model);
}

static void a_picture_can_be_called_off_anywhere_and_the_next_one_is_whole(void **state)
{
    (void)state;
    called_off_everywhere("cpu", TENSOR_BF16, false);
    called_off_everywhere("cpu", TENSOR_F32, true);
}

static void loading_can_be_called_off_and_goes_on_later(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    const sdxl_turbo_request request = golden_request(1);
    lumen_error error = {0};
    for (size_t stop = 1; stop < 600; stop += 97) {
        watcher seen = {.stop_at = stop};
        sdxl_turbo_watch(model, watch, &seen);
        lumen_status status = sdxl_turbo_load(model, &error);
        assert_int_equal(status, seen.calls == stop ? LUMEN_ERROR_CANCELLED : LUMEN_OK);
    }
    sdxl_turbo_watch(model, NULL, NULL);
    assert_int_equal(sdxl_turbo_load(model, &error), LUMEN_OK);
    picture_image picture = paint(model, &request);
    picture_free(&picture);
    sdxl_turbo_close(model);
}

/* ---- Refusals -------------------------------------------------------------------------------------------- */

static void requests_out_of_bounds_are_refused(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    const sdxl_turbo_request good = golden_request(1);
    lumen_error error = {0};
    picture_image picture;
    sdxl_turbo_request request = good;
    request.size = 100;
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_INVALID);
    request.size = 1024; /* more than the model was opened for */
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_INVALID);
    request = good;
    request.steps = 1000;
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_INVALID);
    request = good;
    request.ids[1] = NULL;
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_INVALID);
    int32_t strange[77] = {0};
    strange[5] = 49408; /* beyond the vocabulary */
    request = good;
    request.ids[0] = strange;
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_INVALID);
    sdxl_turbo_close(model);
}

static void write_merges(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs("#version: 0.2\nh o\nho r\ns e</w>\nhor se</w>\n", out);
    assert_int_equal(fclose(out), 0);
}

static void a_prompt_paints_what_its_ids_paint(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    int32_t ids[2][CLIP_TOKENS];
    char path[400];
    lumen_error error = {0};
    write_merges("merges.txt");
    snprintf(path, sizeof path, "%s/merges.txt", folder);
    for (int i = 0; i < 2; i++) {
        clip_tokenizer *words = NULL;
        assert_int_equal(clip_tokenizer_open(path, i == 0 ? CLIP_END : 0, &words, &error), LUMEN_OK);
        assert_int_equal(clip_tokenizer_encode(words, "a horse", ids[i], CLIP_TOKENS, &error), LUMEN_OK);
        clip_tokenizer_close(words);
    }
    sdxl_turbo_request request = golden_request(1);
    request.ids[0] = ids[0];
    request.ids[1] = ids[1];
    picture_image by_ids = paint(model, &request);
    request.ids[0] = request.ids[1] = NULL;
    request.prompt = "a horse";
    picture_image by_prompt = paint(model, &request);
    request.prompt = "a cow";
    picture_image other = paint(model, &request);
    assert_memory_equal(by_ids.pixels, by_prompt.pixels, 64 * 64 * 3);
    assert_true(memcmp(by_ids.pixels, other.pixels, 64 * 64 * 3) != 0);
    picture_free(&by_ids);
    picture_free(&by_prompt);
    picture_free(&other);
    remove(path);
    sdxl_turbo_close(model);
}

static void without_its_tokenizer_a_prompt_says_how_to_get_it(void **state)
{
    (void)state;
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "plain", .type = TENSOR_F32});
    sdxl_turbo_request request = golden_request(1);
    lumen_error error = {0};
    picture_image picture;
    request.ids[0] = request.ids[1] = NULL;
    request.prompt = "a horse";
    assert_int_equal(sdxl_turbo_paint(model, &request, &picture, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "lumen pull sdxl-turbo"));
    sdxl_turbo_close(model);
}

static void a_model_that_is_not_there_says_how_to_get_it(void **state)
{
    (void)state;
    sdxl_turbo *model = NULL;
    lumen_error error = {0};
    const sdxl_turbo_options options = {.path = "/nowhere", .device = "plain"};
    assert_int_equal(sdxl_turbo_open(&options, &model, &error), LUMEN_ERROR_UNAVAILABLE);
    assert_null(model);
    assert_non_null(strstr(error.message, "lumen pull sdxl-turbo"));
}

/* ---- Memory that runs out -------------------------------------------------------------------------------- */

typedef struct budget {
    size_t calls, fail_at; /* 0: never */
} budget;

static bool allow(void *user, size_t bytes)
{
    budget *left = user;
    (void)bytes;
    return ++left->calls != left->fail_at;
}

/* Opens, loads and paints with one piece of memory refused. Returns whether there were so many. */
static bool paint_without(const char *device, size_t refused, const picture_image *expected)
{
    const sdxl_turbo_request request = golden_request(1);
    budget left = {.fail_at = refused};
    const sdxl_turbo_options options = {
        .path = folder, .device = device, .threads = 1, .type = TENSOR_F32, .allow = allow, .allow_user = &left};
    sdxl_turbo *model = NULL;
    picture_image picture = {0};
    lumen_error error = {0};
    lumen_status status = sdxl_turbo_open(&options, &model, &error);
    if (status == LUMEN_OK)
        status = sdxl_turbo_paint(model, &request, &picture, &error);
    const bool reached = left.calls >= refused;
    if (status != LUMEN_OK) {
        if (status != LUMEN_ERROR_MEMORY || error.message[0] == '\0')
            fail_msg("without piece %zu: %s: %s", refused, lumen_status_name(status), error.message);
        assert_true(reached);
        assert_null(picture.pixels);
    }
    /* What has failed once works the next time. */
    if (model != NULL && status != LUMEN_OK && refused % 2 == 0 &&
        sdxl_turbo_paint(model, &request, &picture, &error) != LUMEN_OK)
        fail_msg("after piece %zu was refused: %s", refused, error.message);
    if (picture.pixels != NULL)
        assert_memory_equal(picture.pixels, expected->pixels, 64 * 64 * 3);
    picture_free(&picture);
    sdxl_turbo_close(model);
    return reached;
}

static void memory_that_runs_out_anywhere_is_an_error_and_the_next_picture_is_whole(void **state)
{
    (void)state;
    const sdxl_turbo_request request = golden_request(1);
    sdxl_turbo *model = open_small(&(sdxl_turbo_options){.device = "cpu", .type = TENSOR_F32});
    picture_image expected = paint(model, &request);
    sdxl_turbo_close(model);
    /* Every operator fails for itself in the tests of that room; here, at distances that grow, some in each part. */
    size_t refused = 1;
    while (paint_without("cpu", refused, &expected))
        refused += (SANITIZED ? 2 * refused : refused / 2) + 1;
    assert_true(refused > 500);
    picture_free(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_those_of_the_reference),
        cmocka_unit_test(halves_paint_nearly_the_same),
        cmocka_unit_test(low_memory_and_a_second_picture_change_nothing),
        cmocka_unit_test(a_seed_is_a_picture),
        cmocka_unit_test(progress_rises_to_the_end),
        cmocka_unit_test(nothing_larger_than_a_block_is_computed_between_two_chances_to_stop),
        cmocka_unit_test(a_picture_can_be_called_off_anywhere_and_the_next_one_is_whole),
        cmocka_unit_test(loading_can_be_called_off_and_goes_on_later),
        cmocka_unit_test(memory_that_runs_out_anywhere_is_an_error_and_the_next_picture_is_whole),
        cmocka_unit_test(requests_out_of_bounds_are_refused),
        cmocka_unit_test(a_prompt_paints_what_its_ids_paint),
        cmocka_unit_test(without_its_tokenizer_a_prompt_says_how_to_get_it),
        cmocka_unit_test(a_model_that_is_not_there_says_how_to_get_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
