#include "host_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

/* ---- A work, as the executor would have it -------------------------------------------------------------------- */

const executor_order *executor_work_order(const executor_work *work)
{
    return &work->order;
}

bool executor_work_cancelled(const executor_work *work)
{
    return atomic_load(&work->cancelled);
}

void executor_work_progress(executor_work *work, const char *stage, double fraction)
{
    assert_true(fraction >= 0.0 && fraction <= 1.0);
    if (work->stage_count == 0 ||
        (work->stage_count < STAGES_MAX && strcmp(work->stages[work->stage_count - 1], stage) != 0))
        snprintf(work->stages[work->stage_count++], EXECUTOR_STAGE_BYTES, "%s", stage);
    if (work->awaited != NULL && strcmp(work->awaited, stage) == 0)
        atomic_store(&work->met, true);
    atomic_fetch_add(&work->steps, 1);
}

void executor_work_finish(executor_work *work, lumen_status status, blob *packed, const lumen_error *error)
{
    assert_false(work->finished);
    work->finished = true;
    work->status = status;
    work->packed = blob_keep(packed);
    if (error != NULL)
        work->error = *error;
}

executor_work work_for(const char *name, const char *text)
{
    return (executor_work){.order = {.engine = name, .batch_max = 1, .request = {.text = text, .engine = "auto"}}};
}

void forget(executor_work *work)
{
    blob_release(work->packed);
}

/* ---- A set of hosts ------------------------------------------------------------------------------------------- */

static void note_change(void *user)
{
    fixture *set = user;
    pthread_mutex_lock(&set->lock);
    set->changes++;
    pthread_cond_broadcast(&set->moved);
    pthread_mutex_unlock(&set->lock);
}

void open_hosts(fixture *set, const char *mode, uint32_t slots)
{
    const char *const arguments[] = {"test_host", "engine-host", mode, NULL};
    open_hosts_of(set, &test_offers, arguments, slots);
}

void open_hosts_of(fixture *set, const host_engines *offered, const char *const *arguments, uint32_t slots)
{
    *set = (fixture){0};
    pthread_mutex_init(&set->lock, NULL);
    pthread_cond_init(&set->moved, NULL);
    const host_options options = {
        .program = "/proc/self/exe",
        .arguments = arguments,
        .offered = offered,
        .slots = slots,
        .changed = note_change,
        .user = set,
    };
    lumen_error error;
    if (host_set_open(&options, &set->hosts, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    set->backend = host_backend(set->hosts);
}

void close_hosts(fixture *set)
{
    host_set_close(set->hosts);
    pthread_cond_destroy(&set->moved);
    pthread_mutex_destroy(&set->lock);
}

host_report report_of(fixture *set, uint32_t slot)
{
    host_report report;
    host_read_report(set->hosts, slot, &report);
    return report;
}

static void fail_with(const host_report *report)
{
    char states[256] = "";
    for (size_t i = 0; i < report->model_count; i++)
        snprintf(states + strlen(states), sizeof states - strlen(states), ", %s %s", report->models[i].name,
                 model_state_name(report->models[i].state));
    fail_msg("process %d, ready %d, starts %u, crashes %u, last end '%s'%s", report->process, report->ready,
             report->starts, report->crashes, report->last_end, states);
}

host_report wait_for_report(fixture *set, uint32_t slot, bool (*wished)(const host_report *report))
{
    host_report report;
    pthread_mutex_lock(&set->lock);
    for (;;) {
        uint64_t seen = set->changes;
        pthread_mutex_unlock(&set->lock);
        report = report_of(set, slot);
        pthread_mutex_lock(&set->lock);
        if (wished(&report))
            break;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        while (set->changes == seen)
            if (pthread_cond_timedwait(&set->moved, &set->lock, &until) != 0)
                fail_with(&report);
    }
    pthread_mutex_unlock(&set->lock);
    return report;
}

bool is_ready(const host_report *report)
{
    return report->ready;
}

bool has_loaded(const host_report *report)
{
    return report->ready && report->model_count == 2 && report->models[0].state == MODEL_LOADED &&
           report->models[1].state == MODEL_FAILED;
}

void run_one(fixture *set, uint32_t slot, executor_work *work)
{
    set->backend.run(set->backend.self, slot, &work, 1);
    assert_true(work->finished);
}

static void *run_in_thread(void *argument)
{
    running *mine = argument;
    run_one(mine->set, 0, mine->work);
    return NULL;
}

void begin(running *mine, fixture *set, executor_work *work)
{
    *mine = (running){.set = set, .work = work};
    pthread_create(&mine->thread, NULL, run_in_thread, mine);
}

void wait_for_progress(executor_work *work)
{
    while (atomic_load(&work->steps) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void wait_for_stage(executor_work *work)
{
    while (!atomic_load(&work->met))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void assert_works(fixture *set)
{
    executor_work work = work_for("echo", "cat");
    run_one(set, 0, &work);
    if (work.status != LUMEN_OK)
        fail_msg("%s", work.error.message);
    forget(&work);
}

void assert_error(const executor_work *work, lumen_status status, const char *message)
{
    assert_int_equal(work->status, status);
    assert_null(work->packed);
    assert_string_equal(work->error.message, message);
}

bool was_host(int count, char **arguments, int *status)
{
    if (count != 4 || strcmp(arguments[1], "engine-host") != 0)
        return false;
    *status = be_a_host(arguments[2], atoi(arguments[3]));
    return true;
}
