/* What cannot be made: parts without a surface, pictures that show nothing, weights that are missing or damaged, too
 * little memory. Each is an error that says what to do, and the next request works. */

#include "engine_support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../networks/made_up.h"
#include "../sanitized.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

static int make_models(void **state)
{
    (void)state;
    return make_shared_models(&bush_of_ellipsoids);
}

/* ---- Parts that are not there ------------------------------------------------------------------------------ */

static void a_part_without_a_surface_is_left_out(void **state)
{
    (void)state;
    ellipsoids parts = bush_of_ellipsoids;
    /* Such a part is looked for at 300,000 points before it is given up; a sanitizer sees one of both. */
    parts.count = SANITIZED ? 3 : 4;
    parts.parts[2] = parts.parts[0];
    parts.parts[2].axes[0] = 0.0;                                                        /* outside everywhere */
    parts.parts[3] = (ellipsoid){.center = {0.0, 0.0, 0.0}, .axes = {50.0, 50.0, 50.0}}; /* inside everywhere */
    make_own_folder(&parts);
    lumen *library = open_library(&(lumen_options){.models = own_folder});
    lumen_request request = pictured;
    request.num_parts = (uint32_t)parts.count;
    lumen_shape *shape = generate(library, &request);
    assert_int_equal(shape->part_count, 2);
    part_named(shape, tree_names[0]);
    part_named(shape, tree_names[1]);
    lumen_shape_free(shape);
    lumen_close(library);
    remove_test_folder(own_folder);
}

/* What "auto" makes of a failure: the procedural shape, under its own name and key, and the reason. */
static void assert_done_without(lumen *library, const char *reason)
{
    lumen_request request = painted, plain = {.text = "tree", .quality = LUMEN_QUALITY_FAST, .engine = "procedural"};
    request.engine = NULL;
    lumen_shape *shape = generate(library, &request), *procedural = generate(library, &plain);
    assert_string_equal(shape->pipeline, "procedural");
    assert_string_equal(shape->key, procedural->key);
    assert_same(shape, procedural);
    assert_null(shape->part_confidence);
    assert_null(procedural->fallback_reason);
    if (reason == NULL)
        assert_null(shape->fallback_reason);
    else if (shape->fallback_reason == NULL || strstr(shape->fallback_reason, reason) == NULL)
        fail_msg("the reason does not name %s: %s", reason, shape->fallback_reason);
    lumen_shape_free(shape);
    lumen_shape_free(procedural);
}

static void fewer_than_two_parts_are_a_failure(void **state)
{
    (void)state;
    ellipsoids parts = bush_of_ellipsoids;
    parts.parts[1].axes[0] = 0.0;
    make_own_folder(&parts);
    lumen *library = open_library(&(lumen_options){.models = own_folder});
    if (!SANITIZED) /* which the next line says as well, if not its status */
        assert_fails(library, &pictured, LUMEN_ERROR_FAILED, "1 of 2 parts");
    assert_done_without(library, "1 of 2 parts");
    if (!SANITIZED) {
        /* Of one that was asked for, one is enough. */
        lumen_request one = pictured;
        one.num_parts = 1;
        one.guidance = 1.0f;
        lumen_shape *shape = generate(library, &one);
        assert_int_equal(shape->part_count, 1);
        lumen_shape_free(shape);
    }
    lumen_close(library);
    remove_test_folder(own_folder);
}

/* ---- Pictures --------------------------------------------------------------------------------------------- */

static void pictures_that_show_nothing_are_refused(void **state)
{
    (void)state;
    lumen *library = open_usual();
    buffer black = draw_black(64), speck = draw_black(1), disc = draw_disc(64, 200);
    lumen_request request = from_picture(&black, "tree");
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "black");
    request = from_picture(&speck, "tree");
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    request = from_picture(&disc, "tree");
    request.image_size /= 2;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    request.image = "a picture, surely";
    request.image_size = 17;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "neither PNG nor JPEG");
    request.image_size = 0;
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "picture");
    /* A picture of one's own is never exchanged for a shape that has nothing to do with it. */
    request = from_picture(&black, "tree");
    request.engine = "auto";
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "black");
    request.engine = "procedural";
    assert_fails(library, &request, LUMEN_ERROR_INVALID, "procedural");
    assert_works(library);
    buffer_close(&black);
    buffer_close(&speck);
    buffer_close(&disc);
    lumen_close(library);
}

/* ---- Weights ---------------------------------------------------------------------------------------------- */

static void missing_weights_are_named(void **state)
{
    (void)state;
    make_own_folder(NULL);
    lumen *library = open_library(&(lumen_options){.models = own_folder}), *without;
    lumen_error error;
    assert_fails(library, &painted, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
    assert_done_without(library, NULL); /* there was no better engine */
    buffer disc = draw_disc(64, 200);
    lumen_request request = from_picture(&disc, "tree");
    request.engine = NULL;
    assert_fails(library, &request, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
    lumen_close(library);
    assert_int_equal(lumen_open(NULL, &without, &error), LUMEN_OK);
    assert_fails(without, &painted, LUMEN_ERROR_UNAVAILABLE, "no folder of models");
    assert_fails(without, &request, LUMEN_ERROR_UNAVAILABLE, "no folder of models");
    lumen_close(without);
    buffer_close(&disc);
    remove_test_folder(own_folder);
}

static void damaged_weights_are_refused_and_auto_does_without(void **state)
{
    (void)state;
    static const char *const damaged[] = {"transformer/diffusion_pytorch_model.safetensors",
                                          "vae/diffusion_pytorch_model.safetensors",
                                          "image_encoder_dinov2/model.safetensors"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char path[512], other[512];
        struct stat facts;
        make_own_folder(&bush_of_ellipsoids);
        lumen *library = open_library(&(lumen_options){.models = own_folder});
        snprintf(path, sizeof path, "%s/partcrafter/%s", own_folder, damaged[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(truncate(path, facts.st_size - 100), 0); /* its end is missing */
        assert_fails(library, &pictured, LUMEN_ERROR_INVALID, "safetensors");
        assert_done_without(library, "safetensors");
        snprintf(other, sizeof other, "%s/partcrafter/%s", own_folder, damaged[(i + 1) % 3]);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(link(other, path), 0); /* another network's */
        assert_fails(library, &pictured, LUMEN_ERROR_INVALID, "");
        assert_int_equal(unlink(path), 0);
        assert_fails(library, &pictured, LUMEN_ERROR_UNAVAILABLE, "lumen pull partcrafter");
        lumen_close(library);
        remove_test_folder(own_folder);
    }
}

/* ---- Memory ----------------------------------------------------------------------------------------------- */

static partcrafter_engine_needs measure(const lumen *library, lumen_status expected)
{
    static words_phrase phrase;
    partcrafter_engine_needs needs;
    lumen_error error = {0};
    assert_int_equal(words_parse(painted.text, NULL, &phrase, &error), LUMEN_OK);
    const engine_request request = as_engine_request(&phrase);
    assert_int_equal(partcrafter_engine_measure(pipeline_engine(library, "partcrafter"), &request, &needs, &error),
                     expected);
    return needs;
}

static void a_budget_decides_what_is_held(void **state)
{
    (void)state;
    lumen *library = open_usual();
    const partcrafter_engine_needs all = measure(library, LUMEN_OK);
    assert_int_equal(all.holding, PARTCRAFTER_HOLDS_ALL);
    assert_true(all.weights[PARTCRAFTER_STAGE_IMAGE] > all.weights[PARTCRAFTER_STAGE_CUTOUT]);
    assert_true(all.peak[PARTCRAFTER_HOLDS_ALL] >= all.peak[PARTCRAFTER_HOLDS_STAGE]);
    assert_true(all.peak[PARTCRAFTER_HOLDS_STAGE] >= all.peak[PARTCRAFTER_HOLDS_PIECE]);
    for (int holding = PARTCRAFTER_HOLDS_ALL; holding <= PARTCRAFTER_HOLDS_PIECE; holding++) {
        lumen *tight = open_library(&(lumen_options){.memory_budget = all.peak[holding]});
        assert_true(measure(tight, LUMEN_OK).holding <= (partcrafter_holding)holding);
        if (holding != PARTCRAFTER_HOLDS_ALL) /* which all other tests do */
            assert_works(tight);
        if (holding == PARTCRAFTER_HOLDS_PIECE)
            lumen_shape_free(generate(tight, &painted));
        lumen_close(tight);
    }
    lumen *tighter = open_library(&(lumen_options){.memory_budget = all.peak[PARTCRAFTER_HOLDS_PIECE] - 1});
    measure(tighter, LUMEN_ERROR_MEMORY);
    assert_fails(tighter, &painted, LUMEN_ERROR_MEMORY, "budget");
    assert_done_without(tighter, "budget");
    lumen_close(tighter);
    lumen_close(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_without_a_surface_is_left_out),
        cmocka_unit_test(fewer_than_two_parts_are_a_failure),
        cmocka_unit_test(pictures_that_show_nothing_are_refused),
        cmocka_unit_test(missing_weights_are_named),
        cmocka_unit_test(damaged_weights_are_refused_and_auto_does_without),
        cmocka_unit_test(a_budget_decides_what_is_held),
    };
    return cmocka_run_group_tests(tests, make_models, remove_shared_models);
}
