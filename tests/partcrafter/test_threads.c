/* Threads that share an engine: two have shapes made, one takes back what it asked for, one has the networks given back
 * all the while. For ThreadSanitizer, so the work is small: one part, without a name. */

#include "engine_support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "partcrafter/partcrafter_engine.h"
#include "pipeline/pipeline.h"

static lumen *library; /* for its sculptures */
static partcrafter_engine *shared;
static words_phrase phrase;
static atomic_bool done;

static int make_engine(void **state)
{
    (void)state;
    lumen_error error = {0};
    make_shared_models(&bush_of_ellipsoids);
    if (lumen_open(NULL, &library, &error) != LUMEN_OK ||
        partcrafter_engine_open(
            &(partcrafter_engine_options){.models = models_folder, .threads = 1, .type = TENSOR_F32},
            pipeline_shapes(library), &shared, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return 0;
}

static int remove_engine(void **state)
{
    partcrafter_engine_close(shared);
    lumen_close(library);
    return remove_shared_models(state);
}

/* What one attempt came to, for the thread that may judge. */
typedef struct outcome {
    lumen_progress progress;
    void *user;
    lumen_status status;
    lumen_error error;
    uint32_t vertices;
} outcome;

static void make_part(outcome *out)
{
    const engine *one = partcrafter_engine_base(shared);
    arena *scratch = arena_create((size_t)1 << 28), *memory = arena_create((size_t)1 << 28);
    engine_request request = as_engine_request(&phrase);
    engine_result made = {0};
    request.image = pictured.image;
    request.image_size = pictured.image_size;
    request.num_parts = 1;
    request.guidance = 1.0f; /* without, as with it part 0 would be numbered 1 */
    request.progress = out->progress;
    request.progress_user = out->user;
    out->status = one->generate(one, &request, scratch, memory, &made, &out->error);
    out->vertices = out->status == LUMEN_OK ? made.part_meshes[0].vertex_count : 0;
    arena_destroy(memory);
    arena_destroy(scratch);
}

static void *make_one(void *out)
{
    make_part(out);
    return NULL;
}

static bool count_down(void *calls, const char *stage, double fraction)
{
    (void)stage;
    (void)fraction;
    return (*(int *)calls)-- > 0;
}

/* In line before its turn, or while it works. */
static void *take_back(void *out)
{
    static const int calls[] = {0, 3, 12};
    outcome *last = out;
    last->status = LUMEN_ERROR_CANCELLED;
    for (size_t i = 0; i < sizeof calls / sizeof *calls && last->status == LUMEN_ERROR_CANCELLED; i++) {
        int left = calls[i];
        *last = (outcome){.progress = count_down, .user = &left};
        make_part(last);
    }
    return NULL;
}

static void *give_back(void *unused)
{
    (void)unused;
    while (!atomic_load(&done)) {
        partcrafter_engine_timings timings;
        partcrafter_engine_release(shared);
        partcrafter_engine_timings_of(partcrafter_engine_base(shared), &timings);
    }
    return NULL;
}

static void requests_are_made_called_off_and_released_from_four_threads(void **state)
{
    (void)state;
    outcome first = {0}, second = {0}, third = {0}, again = {0};
    pthread_t threads[4];
    assert_int_equal(words_parse(painted.text, NULL, &phrase, NULL), LUMEN_OK);
    assert_int_equal(pthread_create(&threads[0], NULL, make_one, &first), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, make_one, &second), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, take_back, &third), 0);
    assert_int_equal(pthread_create(&threads[3], NULL, give_back, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&done, true);
    assert_int_equal(pthread_join(threads[3], NULL), 0);
    make_part(&again);
    const outcome *const all[] = {&first, &second, &again};
    for (int i = 0; i < 3; i++) {
        if (all[i]->status != LUMEN_OK)
            fail_msg("%s", all[i]->error.message);
        assert_true(all[i]->vertices > 100);
        assert_int_equal(all[i]->vertices, again.vertices);
    }
    assert_int_equal(third.status, LUMEN_ERROR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_made_called_off_and_released_from_four_threads),
    };
    return cmocka_run_group_tests(tests, make_engine, remove_engine);
}
