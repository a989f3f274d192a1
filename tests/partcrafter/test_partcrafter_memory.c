/* Memory that runs out on the way from a word to named parts: at a sample of all the places where it is asked for, from
 * the headers of the files to the names. Each time there is an error with a message, nothing is leaked (under
 * AddressSanitizer), and the next request works. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../networks/failing.h"
#include "../networks/made_up.h"
#include "base/process.h"
#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"
#include "small_models.h"

static char folder[256];
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
    make_test_folder(folder, sizeof folder);
    write_small_models(folder, &tree_of_ellipsoids);
    return words_parse("tree", NULL, &phrase, NULL) == LUMEN_OK ? 0 : -1;
}

static int remove_models(void **state)
{
    (void)state;
    remove_test_folder(folder);
    return 0;
}

static lumen_status attempt(const engine *one, lumen_error *error)
{
    const engine_request request = {.phrase = &phrase, .quality = LUMEN_QUALITY_FAST, .steps = 1, .tokens = 16};
    arena *scratch = arena_create((size_t)1 << 28), *memory = arena_create((size_t)1 << 28);
    engine_result made;
    lumen_status status = scratch == NULL || memory == NULL
                              ? lumen_fail_memory(error, "the test")
                              : one->generate(one, &request, scratch, memory, &made, error);
    arena_destroy(memory);
    arena_destroy(scratch);
    return status;
}

/* A new engine each time, so that it loads everything again. */
static lumen_status attempt_anew(const lumen *library, size_t nth, bool *reached, lumen_error *error)
{
    const partcrafter_engine_options options = {
        .models = folder, .threads = 1, .type = TENSOR_F32, .allow = failing_allow};
    partcrafter_engine *made = NULL;
    failing_begin(nth, FAILING_OWN);
    lumen_status status = partcrafter_engine_open(&options, pipeline_shapes(library), &made, error);
    if (status == LUMEN_OK)
        status = attempt(partcrafter_engine_base(made), error);
    *reached = failing_end();
    if (*reached && made != NULL && nth % 5 == 0) {
        lumen_error after = {0};
        if (attempt(partcrafter_engine_base(made), &after) != LUMEN_OK)
            fail_msg("after piece %zu: %s", nth, after.message);
    }
    partcrafter_engine_close(made);
    return status;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    lumen *library;
    lumen_error error = {0};
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    size_t tried = 0;
    for (size_t nth = 0;; nth += nth / 4 + 1) {
        bool reached;
        error = (lumen_error){0};
        lumen_status status = attempt_anew(library, nth, &reached, &error);
        if (!reached) {
            if (status != LUMEN_OK)
                fail_msg("with all memory: %s", error.message);
            break;
        }
        tried++;
        if (status != LUMEN_ERROR_MEMORY || error.status != status || strlen(error.message) < 10)
            fail_msg("without piece %zu: %s: %s", nth, lumen_status_name(status), error.message);
    }
    assert_true(tried > 20);
    lumen_close(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
