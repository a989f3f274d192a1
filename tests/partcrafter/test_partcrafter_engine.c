/* From a word, or from a picture, to named parts: the whole way through the library, with small models of the official
 * layout whose parts are ellipsoids. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../networks/made_up.h"
#include "lumen.h"
#include "partcrafter/partcrafter_engine.h"
#include "picture/picture.h"
#include "pipeline/pipeline.h"
#include "small_models.h"

static char folder[256];

static int make_models(void **state)
{
    (void)state;
    make_test_folder(folder, sizeof folder);
    write_small_models(folder, &cat_of_ellipsoids);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

static lumen *open_library(const lumen_options *how)
{
    lumen_options options = *how;
    lumen *library = NULL;
    lumen_error error = {0};
    if (options.models == NULL)
        options.models = folder;
    options.threads = 2;
    if (lumen_open(&options, &library, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return library;
}

static const lumen_options usual = {.precision = "f32"};

/* Quick: the diffusion of these models gives the same in any number of steps. */
static const lumen_request cat = {
    .text = "cat", .engine = "partcrafter", .quality = LUMEN_QUALITY_FAST, .steps = 2, .tokens = 16};

static lumen_shape *generate(lumen *library, const lumen_request *request)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    if (lumen_generate(library, request, &shape, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return shape;
}

static void assert_fails(lumen *library, const lumen_request *request, lumen_status expected, const char *naming)
{
    lumen_shape *shape = NULL;
    lumen_error error = {0};
    lumen_status status = lumen_generate(library, request, &shape, &error);
    if (status != expected || strstr(error.message, naming) == NULL)
        fail_msg("%s, not %s of %s: %s", lumen_status_name(status), lumen_status_name(expected), naming, error.message);
    assert_null(shape);
}

/* ---- What comes out --------------------------------------------------------------------------------------- */

static int32_t part_named(const lumen_shape *shape, const char *name)
{
    for (uint32_t k = 0; k < shape->part_count; k++)
        if (strcmp(shape->part_names[k], name) == 0)
            return (int32_t)k;
    return -1;
}

static void a_word_becomes_named_parts(void **state)
{
    (void)state;
    lumen *library = open_library(&usual);
    lumen_shape *shape = generate(library, &cat);
    assert_string_equal(shape->pipeline, "partcrafter");
    assert_string_equal(shape->template_type, "quadruped");
    assert_null(shape->fallback_reason);
    assert_int_equal(shape->point_count, LUMEN_POINTS_DEFAULT);
    for (uint32_t k = 0; k < shape->part_count; k++)
        print_message("%s %.2f\n", shape->part_names[k], (double)shape->part_confidence[k]);
    assert_int_equal(shape->part_count, cat_of_ellipsoids.count);
    assert_non_null(shape->part_confidence);
    lumen_shape_free(shape);
    lumen_close(library);
}

int main(void)
{
    (void)part_named;
    (void)assert_fails;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_becomes_named_parts),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
