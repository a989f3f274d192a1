/* Several at once, and requests that are called off: whoever takes back what was asked for gets the engine back as it
 * was. */

#include "engine_support.h"

#include <pthread.h>
#include <string.h>

#include "../sanitized.h"
#include "partcrafter/partcrafter_engine.h"

static lumen *usual;

static int make_models(void **state)
{
    (void)state;
    make_shared_models(&bush_of_ellipsoids);
    usual = open_usual();
    return 0;
}

static int remove_models(void **state)
{
    lumen_close(usual);
    return remove_shared_models(state);
}

/* ---- Called off ------------------------------------------------------------------------------------------- */

/* When a request is called off. */
typedef struct listener {
    const char *until; /* at this stage; NULL: at any */
    size_t calls, until_call;
    char stage[32]; /* the last that was told */
} listener;

static bool listen(void *user, const char *stage, double fraction)
{
    listener *one = user;
    (void)fraction;
    one->calls++;
    strncpy(one->stage, stage, sizeof one->stage - 1);
    return (one->until == NULL || strcmp(stage, one->until) != 0) &&
           (one->until_call == 0 || one->calls < one->until_call);
}

static void it_can_be_called_off_at_every_stage(void **state)
{
    (void)state;
    for (int i = 0; i < PARTCRAFTER_STAGES; i++) {
        listener one = {.until = partcrafter_stage_name((partcrafter_stage)i)};
        lumen_request request = i == PARTCRAFTER_STAGE_IMAGE ? painted : pictured;
        request.progress = listen;
        request.progress_user = &one;
        assert_fails(usual, &request, LUMEN_ERROR_CANCELLED, "");
        assert_string_equal(one.stage, one.until);
    }
    assert_works(usual);
}

/* How often a request asks whether to go on, and the stage of its last question. */
static size_t count_calls(const lumen_request *request, const char *until)
{
    listener one = {.until = until};
    lumen_request counted = *request;
    counted.progress = listen;
    counted.progress_user = &one;
    if (until == NULL)
        lumen_shape_free(generate(usual, &counted));
    else
        assert_fails(usual, &counted, LUMEN_ERROR_CANCELLED, "");
    return one.calls;
}

/* Between any two blocks of any network: no work is done after the first no, and nothing of it stays. A sanitizer sees
 * a share of the places, which goes through all stages as well. */
static void stop_at_each_call(const lumen_request *request, size_t calls)
{
    for (size_t call = 1; call <= calls; call += SANITIZED ? calls / 6 + 1 : 1) {
        listener one = {.until_call = call};
        lumen_request stopped = *request;
        stopped.progress = listen;
        stopped.progress_user = &one;
        assert_fails(usual, &stopped, LUMEN_ERROR_CANCELLED, "");
        assert_int_equal(one.calls, call);
    }
    assert_works(usual);
}

static void a_painting_is_called_off_by_the_first_no(void **state)
{
    (void)state;
    count_calls(&painted, "encode"); /* the first time, networks are loaded, which asks as well */
    const size_t calls = count_calls(&painted, "encode");
    assert_true(calls > 20);
    stop_at_each_call(&painted, calls);
}

static void parts_are_called_off_by_the_first_no(void **state)
{
    (void)state;
    count_calls(&pictured, NULL);
    const size_t calls = count_calls(&pictured, NULL);
    assert_true(calls > 40);
    stop_at_each_call(&pictured, calls);
}

/* ---- Several at once -------------------------------------------------------------------------------------- */

/* The first holds its turn until the second has been told that it waits. */
typedef struct crowd {
    lumen *library;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool first_works, second_waits;
} crowd;

static bool hold(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)fraction;
    pthread_mutex_lock(&all->lock);
    all->first_works = true;
    pthread_cond_broadcast(&all->changed);
    while (strcmp(stage, "encode") == 0 && !all->second_waits)
        pthread_cond_wait(&all->changed, &all->lock);
    pthread_mutex_unlock(&all->lock);
    return true;
}

static bool give_up_waiting(void *user, const char *stage, double fraction)
{
    crowd *all = user;
    (void)fraction;
    pthread_mutex_lock(&all->lock);
    all->second_waits = all->second_waits || strcmp(stage, "waiting") == 0;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
    return strcmp(stage, "waiting") != 0;
}

static void *generate_first(void *user)
{
    crowd *all = user;
    lumen_request request = pictured;
    request.progress = hold;
    request.progress_user = all;
    return generate(all->library, &request);
}

static void whoever_waits_for_a_turn_can_be_called_off(void **state)
{
    (void)state;
    crowd all = {.library = usual, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    void *shape = NULL;
    assert_int_equal(pthread_create(&thread, NULL, generate_first, &all), 0);
    pthread_mutex_lock(&all.lock);
    while (!all.first_works)
        pthread_cond_wait(&all.changed, &all.lock);
    pthread_mutex_unlock(&all.lock);
    lumen_request request = pictured;
    request.progress = give_up_waiting;
    request.progress_user = &all;
    assert_fails(all.library, &request, LUMEN_ERROR_CANCELLED, "turn");
    assert_int_equal(pthread_join(thread, &shape), 0);
    assert_same(shape, expected_shape());
    lumen_shape_free(shape);
}

static void *generate_one(void *unused)
{
    (void)unused;
    return generate(usual, &pictured);
}

static void several_threads_get_right_answers(void **state)
{
    (void)state;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, generate_one, NULL), 0);
    for (int i = 0; i < 2; i++) {
        void *shape;
        assert_int_equal(pthread_join(threads[i], &shape), 0);
        assert_same(shape, expected_shape());
        lumen_shape_free(shape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_can_be_called_off_at_every_stage),
        cmocka_unit_test(a_painting_is_called_off_by_the_first_no),
        cmocka_unit_test(parts_are_called_off_by_the_first_no),
        cmocka_unit_test(whoever_waits_for_a_turn_can_be_called_off),
        cmocka_unit_test(several_threads_get_right_answers),
    };
    return cmocka_run_group_tests(tests, make_models, remove_models);
}
