/* Memory that runs out on the way from a word to named parts: at a sample of all the places where it is asked for, from
 * the headers of the files to the names. Each time there is an error with a message, nothing is leaked (under
 * AddressSanitizer), and the next request works. */

#include "engine_support.h"

#include <string.h>

#include "../networks/failing.h"
#include "../sanitized.h"
#include "base/error.h"
#include "base/process.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

static lumen *library; /* for its sculptures */
static words_phrase phrase;

/* Free memory is not the subject here. */
process_memory __wrap_process_read_memory(void);

process_memory __wrap_process_read_memory(void)
{
    return (process_memory){0};
}

static int make_models(void **state)
{
    (void)state;
    lumen_error error = {0};
    make_shared_models(&bush_of_ellipsoids);
    assert_int_equal(words_parse(painted.text, NULL, &phrase, &error), LUMEN_OK);
    return lumen_open(NULL, &library, &error) == LUMEN_OK ? 0 : -1;
}

static int remove_models(void **state)
{
    lumen_close(library);
    return remove_shared_models(state);
}

/* What is made, for comparison. */
typedef struct result {
    uint32_t parts, vertices;
    float first[3];
} result;

static lumen_status attempt(const engine *one, const engine_request *request, result *out, lumen_error *error)
{
    arena *scratch = arena_create((size_t)1 << 28), *memory = arena_create((size_t)1 << 28);
    engine_result made;
    lumen_status status = scratch == NULL || memory == NULL
                              ? lumen_fail_memory(error, "the test")
                              : one->generate(one, request, scratch, memory, &made, error);
    if (status == LUMEN_OK) {
        *out = (result){.parts = made.part_count, .vertices = made.part_meshes[0].vertex_count};
        memcpy(out->first, made.part_meshes[0].positions, sizeof out->first);
    }
    arena_destroy(memory);
    arena_destroy(scratch);
    return status;
}

/* A new engine each time, so that it loads everything again; and the same engine once more, with memory. */
static bool attempt_without(size_t nth, const engine_request *request, const result *expected)
{
    const partcrafter_engine_options options = {
        .models = models_folder, .threads = 1, .type = TENSOR_F32, .allow = failing_allow};
    partcrafter_engine *made = NULL;
    lumen_error error = {0}, after = {0};
    result got;
    failing_begin(nth, FAILING_OWN);
    lumen_status status = partcrafter_engine_open(&options, pipeline_shapes(library), &made, &error);
    if (status == LUMEN_OK)
        status = attempt(partcrafter_engine_base(made), request, &got, &error);
    const bool reached = failing_end();
    if (status != (reached ? LUMEN_ERROR_MEMORY : LUMEN_OK) ||
        (reached && (error.status != status || strlen(error.message) < 10)))
        fail_msg("without piece %zu: %s: %s", nth, lumen_status_name(status), error.message);
    if (reached && made != NULL && nth % 5 == 0 &&
        attempt(partcrafter_engine_base(made), request, &got, &after) != LUMEN_OK)
        fail_msg("after piece %zu: %s", nth, after.message);
    if (!reached || (made != NULL && nth % 5 == 0))
        assert_memory_equal(&got, expected, sizeof got);
    partcrafter_engine_close(made);
    return reached;
}

/* Each piece up to `growth`, and then fewer and fewer. */
static void refuse_pieces(const engine_request *request, size_t growth)
{
    partcrafter_engine *made = NULL;
    lumen_error error = {0};
    result expected;
    size_t tried = 0;
    if (partcrafter_engine_open(
            &(partcrafter_engine_options){.models = models_folder, .threads = 1, .type = TENSOR_F32},
            pipeline_shapes(library), &made, &error) != LUMEN_OK ||
        attempt(partcrafter_engine_base(made), request, &expected, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    partcrafter_engine_close(made);
    for (size_t nth = 0; attempt_without(nth, request, &expected); nth += 1 + nth / growth)
        tried++;
    assert_true(tried > 10);
}

/* Painting and cutting out have their own tests of this, at each place (tests/networks); here one of many. */
static void memory_may_run_out_anywhere_on_the_way_of_a_word(void **state)
{
    (void)state;
    const engine_request request = as_engine_request(&phrase);
    refuse_pieces(&request, SANITIZED ? 1 : 2);
}

static void memory_may_run_out_anywhere_on_the_way_of_a_picture(void **state)
{
    (void)state;
    engine_request request = as_engine_request(&phrase);
    request.image = pictured.image;
    request.image_size = pictured.image_size;
    refuse_pieces(&request, SANITIZED ? 1 : 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_run_out_anywhere_on_the_way_of_a_word),
        cmocka_unit_test(memory_may_run_out_anywhere_on_the_way_of_a_picture),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
