/* Engines in processes of their own: what the service sees of them when they work, fail, crash, hang and lie. */

#include "host_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "shape/pack.h"

/* ---- Work ----------------------------------------------------------------------------------------------------- */

static void a_shape_comes_through_a_host_to_the_byte(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("echo", "a horse galloping");
    work.order.request.verb = "fly";
    work.order.request.seed = UINT64_MAX - 5;
    work.order.request.points = 300;
    work.order.request.quality = LUMEN_QUALITY_FAST;
    work.order.request.num_parts = 3;
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);

    lumen *library;
    lumen_shape *here, *there;
    lumen_error error;
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    assert_int_equal(lumen_generate(library, &work.order.request, &here, &error), LUMEN_OK);
    assert_int_equal(shape_unpack(work.packed->data, work.packed->size, &there, &error), LUMEN_OK);
    assert_int_equal(there->point_count, 300);
    assert_memory_equal(there->positions, here->positions, 300 * 3 * sizeof(float));
    assert_memory_equal(there->part_ids, here->part_ids, 300);
    assert_string_equal(there->key, here->key);
    assert_string_equal(there->verb, "fly");
    assert_int_equal(there->seed, UINT64_MAX - 5);
    lumen_shape_free(there);
    lumen_shape_free(here);
    lumen_close(library);
    forget(&work);
    assert_true(report_of(&set, 0).resident_bytes > 100000);
    close_hosts(&set);
}

static void a_large_shape_comes_through_too(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("echo", "dragon");
    work.order.request.points = LUMEN_POINTS_MAX;
    work.order.request.quality = LUMEN_QUALITY_HIGH;
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);
    assert_true(work.packed->size > (2u << 20));
    lumen_shape *shape;
    lumen_error error;
    assert_int_equal(shape_unpack(work.packed->data, work.packed->size, &shape, &error), LUMEN_OK);
    assert_int_equal(shape->point_count, LUMEN_POINTS_MAX);
    lumen_shape_free(shape);
    forget(&work);
    close_hosts(&set);
}

static void models_are_reported_and_engines_ready_by_them(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 2);
    host_report report = wait_for_report(&set, 1, has_loaded);
    assert_string_equal(report.models[0].name, "library");
    assert_int_equal(report.models[0].bytes, 12345);
    assert_true(report.models[0].available);
    assert_string_equal(report.models[1].name, "missing");
    assert_true(report.models[1].fallback);
    assert_string_equal(report.models[1].reason, "its file is not there; run lumen pull");
    assert_true(report.process > 0);
    assert_int_equal(report.starts, 1);
    assert_string_equal(report.last_end, "");
    assert_true(host_engine_ready(set.hosts, "echo"));
    assert_false(host_engine_ready(set.hosts, "unloadable"));
    assert_false(host_engine_ready(set.hosts, "nobody"));
    close_hosts(&set);
}

static void progress_comes_through_by_stages(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("steps", "cat");
    wait_for_report(&set, 0, has_loaded);
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_OK);
    static const char *const stages[] = {"one", "two", "three", "sculpt", "done"};
    assert_int_equal(work.stage_count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(work.stages[i], stages[i]);
    forget(&work);
    close_hosts(&set);
}

static void a_batch_runs_together_and_each_gets_its_own(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    static const char *const texts[] = {"cat", "bad", "tree", "car"};
    executor_work works[4];
    executor_work *pointers[4];
    for (size_t i = 0; i < 4; i++) {
        works[i] = work_for("batch", texts[i]);
        pointers[i] = &works[i];
    }
    set.backend.run(set.backend.self, 0, pointers, 4);
    for (size_t i = 0; i < 4; i++) {
        if (i == 1) {
            assert_error(&works[i], LUMEN_ERROR_FAILED, "a bad one");
            continue;
        }
        lumen_shape *shape;
        lumen_error error;
        assert_int_equal(works[i].status, LUMEN_OK);
        assert_int_equal(shape_unpack(works[i].packed->data, works[i].packed->size, &shape, &error), LUMEN_OK);
        assert_string_equal(shape->text, texts[i]);
        assert_int_equal(shape->seed, 4); /* this engine says so how many it made at once */
        lumen_shape_free(shape);
        forget(&works[i]);
    }
    close_hosts(&set);
}

static void a_picture_reaches_the_engine_whole(void **state)
{
    (void)state;
    enum { SIZE = 3000001 };
    fixture set;
    open_hosts(&set, "normal", 1);
    char *image = malloc(SIZE);
    assert_non_null(image);
    for (size_t i = 0; i < SIZE; i++)
        image[i] = (char)(i * 7 % 251);
    executor_work work = work_for("look", NULL), without = work_for("look", "cat");
    work.order.request.image = image;
    work.order.request.image_size = SIZE;
    work.order.request.steps = 12;
    work.order.request.tokens = 256;
    work.order.request.guidance = 1.5f;
    work.order.request.extraction = LUMEN_EXTRACTION_REFERENCE;
    run_one(&set, 0, &work);
    if (work.status != LUMEN_OK)
        fail_msg("%s", work.error.message);
    static const char said[] = "- 12 256 1.5 1 ";
    assert_int_equal(work.packed->size, sizeof said - 1 + SIZE);
    assert_memory_equal(work.packed->data, said, sizeof said - 1);
    assert_memory_equal(work.packed->data + sizeof said - 1, image, SIZE);
    forget(&work);
    run_one(&set, 0, &without);
    assert_error(&without, LUMEN_ERROR_INVALID, "there is no picture to look at");
    free(image);
    close_hosts(&set);
}

static void a_picture_beyond_the_bound_is_refused(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("look", "cat");
    work.order.request.image = "not so large in truth, and never looked at";
    work.order.request.image_size = (size_t)1 << 30;
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_ERROR_INVALID);
    assert_works(&set);
    close_hosts(&set);
}

static void an_engine_without_its_model_is_unavailable(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("unloadable", "cat"), other = work_for("nobody", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_UNAVAILABLE,
                 "the model missing did not load: its file is not there; run lumen pull");
    run_one(&set, 0, &other);
    assert_error(&other, LUMEN_ERROR_UNAVAILABLE, "there is no engine nobody in this program");
    close_hosts(&set);
}

static void a_text_beyond_all_bounds_is_refused(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    size_t size = (size_t)1 << 20;
    char *text = malloc(size);
    memset(text, 'x', size);
    text[size - 1] = '\0';
    executor_work work = work_for("echo", text);
    run_one(&set, 0, &work);
    assert_int_equal(work.status, LUMEN_ERROR_INVALID);
    assert_works(&set);
    free(text);
    close_hosts(&set);
}

/* ---- Faults --------------------------------------------------------------------------------------------------- */

static void a_failure_comes_with_its_reason_in_utf8(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("fail", "cat"), silent = work_for("silent", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_FAILED, "no idea for ??, caf\xc3\xa9");
    run_one(&set, 0, &silent);
    assert_error(&silent, LUMEN_ERROR_FAILED, "the engine failed and did not say why");
    assert_int_equal(report_of(&set, 0).crashes, 0);
    close_hosts(&set);
}

static void a_crash_fails_its_order_and_the_next_one_works(void **state)
{
    (void)state;
    static const struct {
        const char *engine, *message;
    } ways[] = {
        {"segfault", "the engine ended with signal 11 (Segmentation fault); the next request gets a new one"},
        {"abort", "the engine ended with signal 6 (Aborted); the next request gets a new one"},
        {"exit", "the engine ended with exit status 3; the next request gets a new one"},
        {"half", "the engine ended with signal 9 (Killed); the next request gets a new one"},
    };
    fixture set;
    open_hosts(&set, "normal", 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        wait_for_report(&set, 0, has_loaded);
        executor_work work = work_for(ways[i].engine, "cat");
        run_one(&set, 0, &work);
        assert_error(&work, LUMEN_ERROR_FAILED, ways[i].message);
        assert_true(host_engine_ready(set.hosts, "echo")); /* its successor counts */
        assert_works(&set);
        assert_int_equal(report_of(&set, 0).crashes, i + 1);
        assert_int_equal(report_of(&set, 0).starts, i + 2);
    }
    assert_string_equal(report_of(&set, 0).last_end, "signal 9 (Killed)");
    close_hosts(&set);
}

static void nonsense_from_a_host_ends_it(void **state)
{
    (void)state;
    static const char *const engines[] = {"garbage", "liar"};
    fixture set;
    open_hosts(&set, "normal", 1);
    for (size_t i = 0; i < 2; i++) {
        executor_work work = work_for(engines[i], "cat");
        run_one(&set, 0, &work);
        assert_int_equal(work.status, LUMEN_ERROR_FAILED);
        assert_non_null(strstr(work.error.message, "was ended; the next request gets a new one"));
        assert_works(&set);
    }
    close_hosts(&set);
}

static void a_death_is_seen_though_the_socket_stays_open(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("orphan", "cat");
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_FAILED,
                 "the engine ended with signal 11 (Segmentation fault); the next request gets a new one");
    assert_works(&set);
    close_hosts(&set);
}

static void a_cancel_reaches_the_engine(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "normal", 1);
    executor_work work = work_for("slow", "cat");
    wait_for_report(&set, 0, has_loaded);
    begin(&one, &set, &work);
    wait_for_progress(&work);
    atomic_store(&work.cancelled, true);
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "called off after all");
    assert_works(&set);
    assert_int_equal(report_of(&set, 0).starts, 1);
    close_hosts(&set);
}

static void a_cancel_ends_the_wait_for_a_model(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "stuck", 1);
    executor_work work = work_for("echo", "cat");
    begin(&one, &set, &work);
    wait_for_progress(&work);
    assert_string_equal(work.stages[0], "loading models");
    atomic_store(&work.cancelled, true);
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "nobody waits for the models any more");
    assert_false(host_engine_ready(set.hosts, "echo"));
    assert_int_equal(report_of(&set, 0).starts, 1);
    close_hosts(&set); /* with a load under way: two seconds, then SIGKILL */
}

static void an_order_called_off_early_never_reaches_an_engine(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "dies", 1);
    executor_work work = work_for("echo", "cat");
    atomic_store(&work.cancelled, true);
    run_one(&set, 0, &work);
    assert_error(&work, LUMEN_ERROR_CANCELLED, "called off before an engine could begin");
    close_hosts(&set);
}

static void one_that_hangs_is_killed_and_the_next_one_works(void **state)
{
    (void)state;
    fixture set;
    running one;
    open_hosts(&set, "normal", 1);
    host_report before = wait_for_report(&set, 0, has_loaded);
    set.backend.kill(set.backend.self, 0); /* idle: nothing to end */
    executor_work work = work_for("hang", "cat");
    atomic_store(&work.cancelled, false);
    begin(&one, &set, &work);
    while (report_of(&set, 0).kills == 0) { /* no effect until the order is in its hands */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        set.backend.kill(set.backend.self, 0);
    }
    pthread_join(one.thread, NULL);
    assert_error(&work, LUMEN_ERROR_FAILED, "the engine hung and was ended; the next request gets a new one");
    assert_works(&set);
    host_report after = report_of(&set, 0);
    assert_int_not_equal(after.process, before.process);
    assert_int_equal(after.kills, 1);
    assert_int_equal(after.crashes, 0);
    close_hosts(&set);
}

/* ---- Many at once --------------------------------------------------------------------------------------------- */

typedef struct slot_thread {
    fixture *set;
    uint32_t slot;
    int done, failed;
} slot_thread;

static void *work_in_slot(void *argument)
{
    slot_thread *mine = argument;
    static const char *const engines[] = {"echo", "fail", "steps", "echo", "segfault", "echo"};
    for (int i = 0; i < 12; i++) {
        executor_work work = work_for(engines[i % 6], i % 2 == 0 ? "cat" : "tree");
        work.order.request.quality = LUMEN_QUALITY_FAST;
        run_one(mine->set, mine->slot, &work);
        mine->done += work.status == LUMEN_OK;
        mine->failed += work.status == LUMEN_ERROR_FAILED;
        forget(&work);
    }
    return NULL;
}

static void slots_work_side_by_side_and_crash_for_themselves(void **state)
{
    (void)state;
    fixture set;
    open_hosts(&set, "normal", 3);
    slot_thread slots[3];
    pthread_t threads[3];
    for (uint32_t i = 0; i < 3; i++) {
        slots[i] = (slot_thread){.set = &set, .slot = i};
        pthread_create(&threads[i], NULL, work_in_slot, &slots[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(slots[i].done, 8);
        assert_int_equal(slots[i].failed, 4);
        assert_int_equal(report_of(&set, i).crashes, 2);
    }
    close_hosts(&set);
}

int main(int count, char **arguments)
{
    int status;
    if (was_host(count, arguments, &status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_comes_through_a_host_to_the_byte),
        cmocka_unit_test(a_large_shape_comes_through_too),
        cmocka_unit_test(models_are_reported_and_engines_ready_by_them),
        cmocka_unit_test(progress_comes_through_by_stages),
        cmocka_unit_test(a_batch_runs_together_and_each_gets_its_own),
        cmocka_unit_test(a_picture_reaches_the_engine_whole),
        cmocka_unit_test(a_picture_beyond_the_bound_is_refused),
        cmocka_unit_test(an_engine_without_its_model_is_unavailable),
        cmocka_unit_test(a_text_beyond_all_bounds_is_refused),
        cmocka_unit_test(a_failure_comes_with_its_reason_in_utf8),
        cmocka_unit_test(a_crash_fails_its_order_and_the_next_one_works),
        cmocka_unit_test(nonsense_from_a_host_ends_it),
        cmocka_unit_test(a_death_is_seen_though_the_socket_stays_open),
        cmocka_unit_test(a_cancel_reaches_the_engine),
        cmocka_unit_test(a_cancel_ends_the_wait_for_a_model),
        cmocka_unit_test(an_order_called_off_early_never_reaches_an_engine),
        cmocka_unit_test(one_that_hangs_is_killed_and_the_next_one_works),
        cmocka_unit_test(slots_work_side_by_side_and_crash_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
