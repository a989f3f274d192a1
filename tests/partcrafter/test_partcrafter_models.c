/* The models of the engine before and between requests: loaded for keeps, staged, damaged; and pictures by themselves.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../networks/made_up.h"
#include "lumen.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"
#include "small_models.h"

/* All models, with the parts of a tree. */
static char folder[256];

static const char prompt[] = "a tree, white background";

/* The file of each model that a test damages. */
static const char *const files[PARTCRAFTER_MODELS] = {
    [PARTCRAFTER_MODEL_CUTTER] = "rmbg-1.4/model.safetensors",
    [PARTCRAFTER_MODEL_ENCODER] = "partcrafter/image_encoder_dinov2/model.safetensors",
    [PARTCRAFTER_MODEL_MAKER] = "partcrafter/transformer/diffusion_pytorch_model.safetensors",
    [PARTCRAFTER_MODEL_PAINTER] = "sdxl-turbo/vae/diffusion_pytorch_model.safetensors"};

static int make_models(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_models(folder, &tree_of_ellipsoids);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

/* ---- The engine in its library ---------------------------------------------------------------------------- */

typedef struct opened {
    lumen *library;
    const engine *one;
} opened;

static opened open_with(const lumen_options *how)
{
    opened made = {0};
    lumen_error error = {0};
    lumen_options options = *how;
    options.threads = 1;
    options.precision = "f32";
    if (lumen_open(&options, &made.library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    made.one = pipeline_engine(made.library, "partcrafter");
    return made;
}

static opened open_engine(const char *models, uint64_t memory_budget)
{
    return open_with(&(lumen_options){.models = models, .memory_budget = memory_budget});
}

static uint64_t load(const opened *made, partcrafter_model which)
{
    uint64_t bytes = 12345;
    lumen_error error = {0};
    if (partcrafter_engine_load(made->one, which, &bytes, &error) != LUMEN_OK)
        fail_msg("%s: %s", partcrafter_model_name(which), error.message);
    assert_int_equal(bytes, partcrafter_engine_held(made->one, which));
    return bytes;
}

static void assert_does_not_load(const opened *made, partcrafter_model which, lumen_status expected,
                                 const char *const *naming)
{
    uint64_t bytes = 12345;
    lumen_error error = {0};
    lumen_status status = partcrafter_engine_load(made->one, which, &bytes, &error);
    for (size_t i = 0; naming[i] != NULL; i++)
        if (status != expected || error.status != expected || strstr(error.message, naming[i]) == NULL)
            fail_msg("%s: %s, not %s of %s: %s", partcrafter_model_name(which), lumen_status_name(status),
                     lumen_status_name(expected), naming[i], error.message);
    assert_int_equal(bytes, 0);
    assert_int_equal(partcrafter_engine_held(made->one, which), 0);
}

static lumen_status try_shape(const opened *made, lumen_progress progress, void *user, lumen_error *error)
{
    const lumen_request request = {.text = "tree",
                                   .engine = "partcrafter",
                                   .quality = LUMEN_QUALITY_FAST,
                                   .steps = 2,
                                   .tokens = 16,
                                   .progress = progress,
                                   .progress_user = user};
    lumen_shape *shape = NULL;
    lumen_status status = lumen_generate(made->library, &request, &shape, error);
    if (status == LUMEN_OK)
        assert_string_equal(shape->pipeline, "partcrafter");
    lumen_shape_free(shape);
    return status;
}

static void assert_makes_a_shape(const opened *made)
{
    lumen_error error = {0};
    if (try_shape(made, NULL, NULL, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

static picture_image paint(const opened *made)
{
    picture_image picture = {0};
    lumen_error error = {0};
    const partcrafter_picture request = {.prompt = prompt, .seed = 3};
    if (partcrafter_engine_paint(made->one, &request, &picture, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return picture;
}

static void assert_same_pixels(const picture_image *one, const picture_image *other)
{
    assert_int_equal(one->width, other->width);
    assert_int_equal(one->height, other->height);
    assert_memory_equal(one->pixels, other->pixels, (size_t)3 * one->width * one->height);
}

/* What SDXL Turbo paints when it is asked without the engine. */
static picture_image paint_by_hand(void)
{
    char path[400];
    lumen_error error = {0};
    sdxl_turbo *painter = NULL;
    picture_image picture = {0};
    snprintf(path, sizeof path, "%s/sdxl-turbo", folder);
    const sdxl_turbo_options how = {.path = path, .threads = 1, .type = TENSOR_F32};
    assert_int_equal(sdxl_turbo_open(&how, &painter, &error), LUMEN_OK);
    const sdxl_turbo_request request = {.prompt = prompt, .seed = 3};
    assert_int_equal(sdxl_turbo_paint(painter, &request, &picture, &error), LUMEN_OK);
    sdxl_turbo_close(painter);
    return picture;
}

/* What a usual request of the most parts takes. */
static partcrafter_engine_needs measure(const opened *made)
{
    static words_phrase phrase;
    partcrafter_engine_needs needs;
    lumen_error error = {0};
    assert_int_equal(words_parse("tree", NULL, &phrase, &error), LUMEN_OK);
    const engine_request request = {
        .phrase = &phrase, .quality = LUMEN_QUALITY_STANDARD, .num_parts = LUMEN_REQUEST_PARTS_MAX};
    if (partcrafter_engine_measure(made->one, &request, &needs, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return needs;
}

static partcrafter_engine_needs measure_usual(void)
{
    opened made = open_engine(folder, 0);
    const partcrafter_engine_needs needs = measure(&made);
    lumen_close(made.library);
    return needs;
}

/* ---- Loading ---------------------------------------------------------------------------------------------- */

static void a_request_finds_what_was_loaded_before_it(void **state)
{
    (void)state;
    opened made = open_engine(folder, 0);
    partcrafter_engine_timings timings;
    uint64_t held[PARTCRAFTER_MODELS];
    for (int i = 0; i < PARTCRAFTER_MODELS; i++) {
        held[i] = load(&made, (partcrafter_model)i);
        assert_true(held[i] > 0);
    }
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        assert_int_equal(load(&made, (partcrafter_model)i), held[i]); /* nothing is done twice */
    assert_makes_a_shape(&made);
    partcrafter_engine_timings_of(made.one, &timings);
    assert_true(timings.loading <= 0.0);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        assert_int_equal(partcrafter_engine_held(made.one, (partcrafter_model)i), held[i]);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++) {
        partcrafter_engine_unload(made.one, (partcrafter_model)i);
        assert_int_equal(partcrafter_engine_held(made.one, (partcrafter_model)i), 0);
    }
    assert_makes_a_shape(&made);
    partcrafter_engine_timings_of(made.one, &timings);
    assert_true(timings.loading > 0.0);
    lumen_close(made.library);
}

static void where_not_all_of_them_fit_they_are_staged(void **state)
{
    (void)state;
    const partcrafter_engine_needs needs = measure_usual();
    opened made = open_engine(folder, needs.peak[PARTCRAFTER_HOLDS_ALL] - 1);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        assert_int_equal(load(&made, (partcrafter_model)i), 0);
    picture_image picture = paint(&made), same = paint_by_hand();
    assert_same_pixels(&picture, &same);
    assert_int_equal(partcrafter_engine_held(made.one, PARTCRAFTER_MODEL_PAINTER), 0);
    picture_free(&picture);
    picture_free(&same);
    lumen_close(made.library);
}

static void a_budget_that_will_never_do_fails_the_models_of_shapes_before_that_of_pictures(void **state)
{
    (void)state;
    static const char *const naming[] = {"PartCrafter needs", "raise the budget", NULL}, *const painter[] = {
                                                                                             "SDXL Turbo needs",
                                                                                             "raise the budget", NULL};
    opened made = open_engine(folder, 1000000);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        assert_does_not_load(&made, (partcrafter_model)i, LUMEN_ERROR_MEMORY,
                             i == PARTCRAFTER_MODEL_PAINTER ? painter : naming);
    lumen_close(made.library);
}

/* The first half of a file, as a download that broke off leaves it. */
static void write_half(const char *from, const char *to)
{
    struct stat facts;
    FILE *read = fopen(from, "rbe"), *written = fopen(to, "wbe");
    assert_true(read != NULL && written != NULL);
    assert_int_equal(stat(from, &facts), 0);
    for (off_t i = 0; i < facts.st_size / 2; i++)
        assert_int_not_equal(putc(getc(read), written), EOF);
    assert_int_equal(fclose(written), 0);
    fclose(read);
}

static void a_damaged_file_fails_its_model_alone_until_it_is_mended(void **state)
{
    (void)state;
    for (int damaged = 0; damaged < PARTCRAFTER_MODELS; damaged++) {
        char path[512], whole[600];
        lumen_error error = {0};
        snprintf(path, sizeof path, "%s/%s", folder, files[damaged]);
        snprintf(whole, sizeof whole, "%s.whole", path);
        assert_int_equal(rename(path, whole), 0);
        write_half(whole, path);
        const char *const naming[] = {strrchr(path, '/') + 1, "download", NULL};
        opened made = open_engine(folder, 0);
        for (int i = 0; i < PARTCRAFTER_MODELS; i++)
            if (i == damaged)
                assert_does_not_load(&made, (partcrafter_model)i, LUMEN_ERROR_INVALID, naming);
            else
                assert_true(load(&made, (partcrafter_model)i) > 0);
        assert_int_equal(try_shape(&made, NULL, NULL, &error), LUMEN_ERROR_INVALID);
        assert_int_equal(rename(whole, path), 0);
        assert_true(load(&made, (partcrafter_model)damaged) > 0);
        if (damaged == PARTCRAFTER_MODEL_MAKER)
            assert_makes_a_shape(&made);
        lumen_close(made.library);
    }
}

static void missing_files_are_named_with_how_to_get_them(void **state)
{
    (void)state;
    static const char *const pulls[PARTCRAFTER_MODELS] = {"lumen pull rmbg-1.4", "lumen pull partcrafter",
                                                          "lumen pull partcrafter", "lumen pull sdxl-turbo"};
    char empty[256];
    make_test_folder(empty, sizeof empty);
    opened made = open_engine(empty, 0);
    for (int i = 0; i < PARTCRAFTER_MODELS; i++) {
        lumen_error error = {0};
        const char *const naming[] = {pulls[i], NULL};
        assert_int_equal(partcrafter_engine_check_model(made.one, (partcrafter_model)i, &error),
                         LUMEN_ERROR_UNAVAILABLE);
        assert_non_null(strstr(error.message, pulls[i]));
        assert_non_null(strstr(error.message, empty));
        assert_does_not_load(&made, (partcrafter_model)i, LUMEN_ERROR_UNAVAILABLE, naming);
    }
    lumen_close(made.library);
    remove_test_folder(empty);
}

/* ---- Pictures --------------------------------------------------------------------------------------------- */

static void sdxl_turbo_alone_paints_what_it_paints_without_the_engine(void **state)
{
    (void)state;
    char alone[256], path[400], from[400];
    lumen_error error = {0};
    picture_image expected = paint_by_hand();
    make_test_folder(alone, sizeof alone);
    snprintf(from, sizeof from, "%s/sdxl-turbo", folder);
    snprintf(path, sizeof path, "%s/sdxl-turbo", alone);
    assert_int_equal(symlink(from, path), 0);
    const char *const places[] = {alone, from}; /* in the folder of models; or named itself */
    for (size_t i = 0; i < 2; i++) {
        opened made = open_engine(places[i], 0);
        assert_int_equal(made.one->check(made.one, &error), LUMEN_ERROR_UNAVAILABLE);
        assert_int_equal(partcrafter_engine_check_model(made.one, PARTCRAFTER_MODEL_PAINTER, &error), LUMEN_OK);
        assert_true(load(&made, PARTCRAFTER_MODEL_PAINTER) > 0);
        picture_image picture = paint(&made);
        assert_same_pixels(&picture, &expected);
        assert_true(partcrafter_engine_held(made.one, PARTCRAFTER_MODEL_PAINTER) > 0);
        picture_free(&picture);
        lumen_close(made.library);
    }
    /* Part by part, when it shall hold nothing longer than it works. */
    opened low = open_with(&(lumen_options){.models = alone, .low_memory = true});
    assert_int_equal(load(&low, PARTCRAFTER_MODEL_PAINTER), 0);
    picture_image picture = paint(&low);
    assert_same_pixels(&picture, &expected);
    assert_int_equal(partcrafter_engine_held(low.one, PARTCRAFTER_MODEL_PAINTER), 0);
    picture_free(&picture);
    lumen_close(low.library);
    picture_free(&expected);
    remove_test_folder(alone);
}

typedef struct listener {
    size_t calls, until_call; /* 0: never called off */
} listener;

static bool listen(void *user, const char *stage, double fraction)
{
    listener *one = user;
    assert_true(stage[0] != '\0' && fraction >= 0.0 && fraction <= 1.0);
    return ++one->calls != one->until_call;
}

static void a_picture_can_be_called_off_between_the_blocks(void **state)
{
    (void)state;
    opened made = open_engine(folder, 0);
    picture_image expected = paint(&made);
    for (size_t call = 1; call < 40; call = call * 2 + 1) {
        listener one = {.until_call = call};
        picture_image picture = {0};
        lumen_error error = {0};
        const partcrafter_picture request = {.prompt = prompt, .steps = 4, .progress = listen, .progress_user = &one};
        assert_int_equal(partcrafter_engine_paint(made.one, &request, &picture, &error), LUMEN_ERROR_CANCELLED);
        assert_int_equal(one.calls, call);
        assert_null(picture.pixels);
    }
    picture_image picture = paint(&made);
    assert_same_pixels(&picture, &expected);
    picture_free(&picture);
    picture_free(&expected);
    lumen_close(made.library);
}

/* ---- Several at once -------------------------------------------------------------------------------------- */

static void *load_all(void *user)
{
    opened *made = user;
    for (int i = 0; i < PARTCRAFTER_MODELS; i++)
        assert_true(load(made, (partcrafter_model)i) > 0);
    return NULL;
}

static void requests_and_loads_at_once_take_turns(void **state)
{
    (void)state;
    opened made = open_engine(folder, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, load_all, &made), 0);
    picture_image picture = paint(&made);
    assert_makes_a_shape(&made);
    assert_int_equal(pthread_join(thread, NULL), 0);
    picture_image again = paint(&made);
    assert_same_pixels(&picture, &again);
    picture_free(&picture);
    picture_free(&again);
    lumen_close(made.library);
}

/* A shape holds its turn until a picture has been told that it waits. */
typedef struct crowd {
    opened made;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool works, waits;
} crowd;

static bool hold(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)stage;
    (void)fraction;
    pthread_mutex_lock(&all->lock);
    all->works = true;
    pthread_cond_broadcast(&all->changed);
    while (!all->waits)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
    return true;
}

static bool give_up_waiting(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)fraction;
    assert_string_equal(stage, "waiting");
    pthread_mutex_lock(&all->lock);
    all->waits = true;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return false;
}

static void *make_shape(void *user)
{
    crowd *all = user;
    lumen_error error = {0};
    if (try_shape(&all->made, hold, all, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return NULL;
}

static void a_picture_that_waits_for_its_turn_can_be_called_off(void **state)
{
    (void)state;
    crowd all = {
        .made = open_engine(folder, 0), .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    picture_image picture = {0};
    lumen_error error = {0};
    assert_int_equal(pthread_create(&thread, NULL, make_shape, &all), 0);
    pthread_mutex_lock(&all.lock);
    while (!all.works)
        pthread_cond_wait(&all.changed, &all.lock);
    pthread_mutex_unlock(&all.lock);
    const partcrafter_picture request = {.prompt = prompt, .progress = give_up_waiting, .progress_user = &all};
    assert_int_equal(partcrafter_engine_paint(all.made.one, &request, &picture, &error), LUMEN_ERROR_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    lumen_close(all.made.library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_finds_what_was_loaded_before_it),
        cmocka_unit_test(where_not_all_of_them_fit_they_are_staged),
        cmocka_unit_test(a_budget_that_will_never_do_fails_the_models_of_shapes_before_that_of_pictures),
        cmocka_unit_test(a_damaged_file_fails_its_model_alone_until_it_is_mended),
        cmocka_unit_test(missing_files_are_named_with_how_to_get_them),
        cmocka_unit_test(sdxl_turbo_alone_paints_what_it_paints_without_the_engine),
        cmocka_unit_test(a_picture_can_be_called_off_between_the_blocks),
        cmocka_unit_test(requests_and_loads_at_once_take_turns),
        cmocka_unit_test(a_picture_that_waits_for_its_turn_can_be_called_off),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
