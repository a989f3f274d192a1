/*
 * host_fixture.h: hosts as the tests use them, with works of our own in place of the executor's.
 *
 *     fixture set;
 *     open_hosts(&set, "normal", 1);                    // this very program, started again as a host
 *     executor_work work = work_for("echo", "cat");
 *     run_one(&set, 0, &work);
 *     assert_int_equal(work.status, LUMEN_OK);
 *     forget(&work);
 *     close_hosts(&set);
 */
#ifndef LUMEN_TESTS_HOST_FIXTURE_H
#define LUMEN_TESTS_HOST_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host_engines.h"

enum { STAGES_MAX = 32 };

struct executor_work {
    executor_order order;
    atomic_bool cancelled;
    atomic_int steps;    /* progress messages so far */
    const char *awaited; /* a stage; NULL: none */
    atomic_bool met;     /* it has begun */
    bool finished;
    lumen_status status;
    blob *packed;
    lumen_error error;
    char stages[STAGES_MAX][EXECUTOR_STAGE_BYTES];
    int stage_count;
};

executor_work work_for(const char *name, const char *text);
void forget(executor_work *work);

typedef struct fixture {
    host_set *hosts;
    executor_backend backend;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t changes;
} fixture;

void open_hosts(fixture *set, const char *mode, uint32_t slots);

/* The same with engines of the test's own: its main makes a host of them when it is started with `arguments`. */
void open_hosts_of(fixture *set, const host_engines *offered, const char *const *arguments, uint32_t slots);
void close_hosts(fixture *set);

host_report report_of(fixture *set, uint32_t slot);

/* Waits until a slot's report is as wished; every change is told, so that nothing is slept through. */
host_report wait_for_report(fixture *set, uint32_t slot, bool (*wished)(const host_report *report));
bool is_ready(const host_report *report);
bool has_loaded(const host_report *report); /* "library"; and "missing" has failed */

void run_one(fixture *set, uint32_t slot, executor_work *work);

/* Runs one on a thread of its own, as a slot does. */
typedef struct running {
    fixture *set;
    executor_work *work;
    pthread_t thread;
} running;

void begin(running *mine, fixture *set, executor_work *work);
void wait_for_progress(executor_work *work);
void wait_for_stage(executor_work *work); /* work->awaited */

void assert_works(fixture *set); /* an order for slot 0 does well */
void assert_error(const executor_work *work, lumen_status status, const char *message);

/* Whether this program was started as a host; then *status is what main returns. */
bool was_host(int count, char **arguments, int *status);

#endif
