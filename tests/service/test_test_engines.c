/* The engines of the program and those of the tests, in hosts, under the real executor: the whole way of an order. */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lumen_engines.h"
#include "pipeline/pipeline.h"
#include "shape/pack.h"
#include "test_engines.h"

/* ---- A device with hosts, and one who waits ------------------------------------------------------------------- */

typedef struct device {
    host_engines engines;
    host_set *hosts;
    executor *work;
} device;

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool over;
    executor_outcome outcome;
} waiting;

static void *store(void *user, const executor_order *order, blob *packed, lumen_error *error)
{
    (void)user;
    (void)order;
    (void)error;
    return blob_keep(packed);
}

static void *keep(void *user, void *result)
{
    (void)user;
    return blob_keep(result);
}

static void release(void *user, void *result)
{
    (void)user;
    blob_release(result);
}

static void finished(void *user, const executor_outcome *outcome)
{
    waiting *mine = user;
    pthread_mutex_lock(&mine->lock);
    mine->over = true;
    mine->outcome = *outcome;
    pthread_cond_broadcast(&mine->moved);
    pthread_mutex_unlock(&mine->lock);
}

static void open_device(device *all, const char *concepts, uint32_t slots)
{
    lumen_error error;
    const char *const arguments[] = {"test", "engine-host", concepts != NULL ? concepts : "", NULL};
    assert_int_equal(test_engines_offer(concepts, &all->engines, &error), LUMEN_OK);
    const host_options hosting = {
        .program = "/proc/self/exe", .arguments = arguments, .offered = &all->engines, .slots = slots};
    assert_int_equal(host_set_open(&hosting, &all->hosts, &error), LUMEN_OK);
    const executor_options working = {.backend = host_backend(all->hosts),
                                      .hooks = {.store = store, .keep = keep, .release = release},
                                      .device = "cpu",
                                      .slots = slots,
                                      .grace_seconds = 0.1};
    assert_int_equal(executor_open(&working, &all->work, &error), LUMEN_OK);
}

static void close_device(device *all)
{
    executor_close(all->work, 5.0);
    host_set_close(all->hosts);
    lumen_engines_withdraw(&all->engines);
}

static executor_ticket *join(device *all, waiting *mine, const char *name, const char *text, double deadline)
{
    *mine = (waiting){.over = false};
    pthread_mutex_init(&mine->lock, NULL);
    pthread_cond_init(&mine->moved, NULL);
    const executor_order order = {
        .key = 1, .identity = text, .engine = name, .batch_max = 1, .request = {.text = text, .engine = name}};
    const executor_party party = {.finished = finished, .deadline_seconds = deadline, .user = mine};
    executor_refusal refusal;
    executor_ticket *ticket = executor_join(all->work, &order, &party, &refusal);
    assert_non_null(ticket);
    return ticket;
}

static void wait_for(waiting *mine)
{
    pthread_mutex_lock(&mine->lock);
    while (!mine->over)
        pthread_cond_wait(&mine->moved, &mine->lock);
    pthread_mutex_unlock(&mine->lock);
}

/* Orders one and waits for it. The outcome's result is the caller's. */
static executor_outcome order(device *all, const char *name, const char *text, double deadline)
{
    waiting mine;
    executor_ticket *ticket = join(all, &mine, name, text, deadline);
    wait_for(&mine);
    executor_leave(ticket);
    return mine.outcome;
}

static void assert_sculpts(device *all, const char *name, const char *text)
{
    executor_outcome outcome = order(all, name, text, 0.0);
    if (outcome.end != EXECUTOR_DONE)
        fail_msg("%s", outcome.error.message);
    lumen_shape *shape;
    lumen_error error;
    blob *packed = outcome.result;
    assert_int_equal(shape_unpack(packed->data, packed->size, &shape, &error), LUMEN_OK);
    assert_string_equal(shape->pipeline, name);
    assert_string_equal(shape->text, text);
    lumen_shape_free(shape);
    blob_release(packed);
}

/* ---- Tests ---------------------------------------------------------------------------------------------------- */

static void the_pipeline_names_the_engine_that_made_the_shape(void **state)
{
    (void)state;
    device all;
    open_device(&all, NULL, 1);
    assert_sculpts(&all, "procedural", "a red cat");
    assert_sculpts(&all, "test-1ms", "a red cat");
    assert_sculpts(&all, "test-100ms", "a red cat");
    close_device(&all);
}

static void both_sides_give_a_request_the_same_key(void **state)
{
    (void)state;
    device all;
    open_device(&all, NULL, 1);
    lumen *library;
    lumen_error error;
    assert_int_equal(test_engines_open_library(NULL, NULL, 0, &library, &error), LUMEN_OK);
    pipeline_plan plan;
    const lumen_request request = {.text = "cat", .engine = "test-1ms"};
    assert_int_equal(pipeline_plan_request(library, &request, &plan, &error), LUMEN_OK);
    char key[17];
    snprintf(key, sizeof key, "%016llx", (unsigned long long)plan.key);
    executor_outcome outcome = order(&all, "test-1ms", "cat", 0.0);
    assert_int_equal(outcome.end, EXECUTOR_DONE);
    lumen_shape *shape;
    blob *packed = outcome.result;
    assert_int_equal(shape_unpack(packed->data, packed->size, &shape, &error), LUMEN_OK);
    assert_string_equal(shape->key, key);
    lumen_shape_free(shape);
    blob_release(packed);
    lumen_close(library);
    close_device(&all);
}

static void an_engine_that_fails_or_crashes_fails_one_order_alone(void **state)
{
    (void)state;
    device all;
    open_device(&all, NULL, 1);
    executor_outcome outcome = order(&all, "test-fail", "cat", 0.0);
    assert_int_equal(outcome.end, EXECUTOR_FAILED);
    assert_string_equal(outcome.error.message, "test-fail fails, as it is meant to");
    outcome = order(&all, "test-crash", "cat", 0.0);
    assert_int_equal(outcome.end, EXECUTOR_FAILED);
    assert_string_equal(outcome.error.message,
                        "the engine ended with signal 6 (Aborted); the next request gets a new one");
    assert_sculpts(&all, "procedural", "cat");
    close_device(&all);
}

static void an_engine_that_hangs_is_killed_after_its_deadline(void **state)
{
    (void)state;
    device all;
    open_device(&all, NULL, 1);
    executor_outcome outcome = order(&all, "test-hang", "cat", 1.5);
    assert_int_equal(outcome.end, EXECUTOR_FAILED);
    assert_sculpts(&all, "procedural", "cat");
    host_report report;
    host_read_report(all.hosts, 0, &report);
    assert_int_equal(report.kills, 1);
    assert_int_equal(report.crashes, 0);
    close_device(&all);
}

static void who_leaves_frees_a_slow_engine(void **state)
{
    (void)state;
    device all;
    open_device(&all, NULL, 1);
    waiting mine;
    executor_ticket *ticket = join(&all, &mine, "test-5s", "cat", 0.0);
    executor_status status = {0};
    while (status.fraction <= 0.0 || strcmp(status.stage, "wait") != 0)
        executor_read_status(ticket, &status);
    executor_leave(ticket);
    assert_sculpts(&all, "procedural", "cat"); /* in the one slot that there is */
    host_report report;
    host_read_report(all.hosts, 0, &report);
    assert_int_equal(report.starts, 1);
    close_device(&all);
}

/* A file beside the test's others, gone when it ends. */
static void write_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/lumen-test-engines-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
}

static void shapes_from_a_file_are_known_in_the_hosts(void **state)
{
    (void)state;
    char path[64];
    write_file(path,
               "template glorp_template\nparts body\npart body\nball (0, 0, 0), 1\nconcept glorp of glorp_template\n");
    lumen *library;
    lumen_error error;
    lumen_status status = test_engines_open_library(path, NULL, 0, &library, &error);
    if (status != LUMEN_OK)
        fail_msg("%s", error.message);
    lumen_close(library);
    device all;
    open_device(&all, path, 1);
    executor_outcome outcome = order(&all, "procedural", "a glorp", 0.0);
    assert_int_equal(outcome.end, EXECUTOR_DONE);
    lumen_shape *shape;
    blob *packed = outcome.result;
    assert_int_equal(shape_unpack(packed->data, packed->size, &shape, &error), LUMEN_OK);
    assert_string_equal(shape->concept_name, "glorp");
    lumen_shape_free(shape);
    blob_release(packed);
    close_device(&all);
    unlink(path);
}

static void a_bad_file_of_shapes_makes_the_engine_unavailable(void **state)
{
    (void)state;
    char path[64];
    write_file(path, "this is no template");
    device all;
    open_device(&all, path, 1);
    executor_outcome outcome = order(&all, "procedural", "cat", 0.0);
    assert_int_equal(outcome.end, EXECUTOR_UNAVAILABLE);
    assert_non_null(strstr(outcome.error.message, path));
    assert_false(host_engine_ready(all.hosts, "procedural"));
    close_device(&all);
    unlink(path);
    lumen *library;
    lumen_error error;
    assert_int_equal(lumen_engines_open_library(path, NULL, 0, &library, &error), LUMEN_ERROR_IO);
    assert_null(library);
}

static int be_a_host(const char *concepts, int descriptor)
{
    host_engines engines;
    lumen_error error;
    if (test_engines_offer(concepts[0] != '\0' ? concepts : NULL, &engines, &error) != LUMEN_OK)
        return 1;
    int status = host_main(&engines, descriptor);
    lumen_engines_withdraw(&engines);
    return status;
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "engine-host") == 0)
        return be_a_host(arguments[2], atoi(arguments[3]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pipeline_names_the_engine_that_made_the_shape),
        cmocka_unit_test(both_sides_give_a_request_the_same_key),
        cmocka_unit_test(an_engine_that_fails_or_crashes_fails_one_order_alone),
        cmocka_unit_test(an_engine_that_hangs_is_killed_after_its_deadline),
        cmocka_unit_test(who_leaves_frees_a_slow_engine),
        cmocka_unit_test(shapes_from_a_file_are_known_in_the_hosts),
        cmocka_unit_test(a_bad_file_of_shapes_makes_the_engine_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
