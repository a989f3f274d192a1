#include "fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/random.h"

/* ---- The log ----------------------------------------------------------------------------------------------------- */

void log_write(log_sink *log, log_severity severity, const char *message, const log_field *fields, size_t count)
{
    (void)severity;
    pthread_mutex_lock(log->lock);
    log->lines++;
    snprintf(log->message, sizeof log->message, "%s", message);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, "text") == 0)
            snprintf(log->text, sizeof log->text, "%s", fields[i].text);
        if (strcmp(fields[i].name, "engine") == 0)
            snprintf(log->engine, sizeof log->engine, "%s", fields[i].text);
    }
    pthread_mutex_unlock(log->lock);
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

typedef struct result {
    world *here;
    atomic_int references;
    char text[32];
} result;

static result *result_create(world *here, const char *text, size_t length)
{
    result *one = calloc(1, sizeof *one);
    if (one == NULL)
        abort();
    one->here = here;
    atomic_init(&one->references, 1);
    memcpy(one->text, text, length < sizeof one->text ? length : sizeof one->text - 1);
    atomic_fetch_add(&here->results, 1);
    return one;
}

const char *result_text(const void *one)
{
    return ((const result *)one)->text;
}

static void *hook_keep(void *user, void *one)
{
    (void)user;
    atomic_fetch_add(&((result *)one)->references, 1);
    return one;
}

static void hook_release(void *user, void *one)
{
    (void)user;
    result *it = one;
    int before = atomic_fetch_sub(&it->references, 1);
    if (before < 1)
        atomic_fetch_add(&it->here->faults, 1);
    if (before == 1) {
        atomic_fetch_sub(&it->here->results, 1);
        free(it);
    }
}

/* ---- Hooks ------------------------------------------------------------------------------------------------------- */

/* Enters and leaves a place where the world may hold a thread back. */
static void pass(world *here, uint32_t *inside, const bool *gate)
{
    ++*inside;
    pthread_cond_broadcast(&here->event);
    while (!*gate)
        pthread_cond_wait(&here->event, &here->lock);
    --*inside;
    pthread_cond_broadcast(&here->event);
}

static void *hook_lookup(void *user, const executor_order *order)
{
    world *here = user;
    pthread_mutex_lock(&here->lock);
    here->lookups++;
    pass(here, &here->looking, &here->lookup_gate);
    bool stored = here->stored != NULL && strcmp(here->stored, order->request.text) == 0;
    pthread_mutex_unlock(&here->lock);
    return stored ? result_create(here, order->request.text, strlen(order->request.text)) : NULL;
}

static bool hook_admit(void *user, void *party_user, double *retry_seconds)
{
    world *here = user;
    const guest *one = party_user;
    pthread_mutex_lock(&here->lock);
    here->asked++;
    bool admitted = here->refusals == 0;
    if (!admitted)
        here->refusals--;
    *retry_seconds = 7.0;
    if (one->here != here)
        atomic_fetch_add(&here->faults, 1);
    pthread_mutex_unlock(&here->lock);
    return admitted;
}

static void *hook_store(void *user, const executor_order *order, blob *packed, lumen_error *error)
{
    world *here = user;
    pthread_mutex_lock(&here->lock);
    here->stores++;
    pass(here, &here->storing, &here->store_gate);
    bool fails = here->store_fails;
    pthread_mutex_unlock(&here->lock);
    if (packed->size != strlen(order->request.text) || memcmp(packed->data, order->request.text, packed->size) != 0)
        atomic_fetch_add(&here->faults, 1);
    if (fails) {
        lumen_fail(error, LUMEN_ERROR_MEMORY, "no room on the shelf");
        return NULL;
    }
    return result_create(here, (const char *)packed->data, packed->size);
}

static void hook_observed(void *user, const executor_order *order, const executor_outcome *outcome)
{
    world *here = user;
    (void)order;
    pthread_mutex_lock(&here->lock);
    here->observed++;
    here->last_observed = *outcome;
    pass(here, &here->observing, &here->observe_gate);
    if (here->closed)
        atomic_fetch_add(&here->faults, 1);
    pthread_mutex_unlock(&here->lock);
}

/* ---- Engines ----------------------------------------------------------------------------------------------------- */

static void answer(executor_work *work)
{
    const char *text = executor_work_order(work)->request.text;
    blob *packed = blob_copy(text, strlen(text));
    executor_work_finish(work, LUMEN_OK, packed, NULL);
    blob_release(packed);
}

static void answer_failure(executor_work *work, lumen_status status, const char *reason)
{
    lumen_error error;
    lumen_fail(&error, status, "%s", reason);
    executor_work_finish(work, status, NULL, &error);
}

static void nap(long nanoseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

/* Works for a while in steps; false: cancelled. */
static bool toil(executor_work *work, int milliseconds)
{
    for (int i = 0; i < milliseconds; i++) {
        if (executor_work_cancelled(work))
            return false;
        executor_work_progress(work, "toil", (double)i / milliseconds);
        nap(1000000);
    }
    return true;
}

static bool all_cancelled(executor_work *const *works, size_t count)
{
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = all && executor_work_cancelled(works[i]);
    return all;
}

/* Until the gate opens, the slot is killed, or, unless deaf, all works are cancelled, for which nobody wakes us. */
static void block(world *here, uint32_t slot, executor_work *const *works, size_t count, bool deaf)
{
    pthread_mutex_lock(&here->lock);
    while (!here->gate && !here->killed[slot] && (deaf || !all_cancelled(works, count))) {
        world_wait(here);
        if (here->nudge)
            executor_work_progress(works[0], "nudged", 0.5);
        here->nudge = false;
    }
    pthread_mutex_unlock(&here->lock);
}

static void finish_blocked(world *here, uint32_t slot, executor_work *work)
{
    pthread_mutex_lock(&here->lock);
    bool killed = here->killed[slot];
    bool deaf = strcmp(executor_work_order(work)->engine, "deaf") == 0;
    bool cancelled = executor_work_cancelled(work);
    here->cancels_seen += cancelled;
    pthread_mutex_unlock(&here->lock);
    if (killed)
        answer_failure(work, LUMEN_ERROR_FAILED, "the engine ended with signal 9");
    else if (cancelled && !deaf)
        answer_failure(work, LUMEN_ERROR_CANCELLED, "cancelled");
    else
        answer(work);
}

static void work_one(world *here, uint32_t slot, executor_work *work)
{
    const char *engine = executor_work_order(work)->engine;
    if (strcmp(engine, "now") == 0) {
        answer(work);
    } else if (strcmp(engine, "1ms") == 0 || strcmp(engine, "100ms") == 0) {
        if (toil(work, atoi(engine)))
            answer(work);
        else
            answer_failure(work, LUMEN_ERROR_CANCELLED, "cancelled");
    } else if (strcmp(engine, "block") == 0 || strcmp(engine, "deaf") == 0) {
        executor_work_progress(work, engine, 0.25);
        block(here, slot, &work, 1, strcmp(engine, "deaf") == 0);
        executor_work_progress(work, "after", 0.75);
        finish_blocked(here, slot, work);
    } else if (strcmp(engine, "fail") == 0) {
        answer_failure(work, LUMEN_ERROR_FAILED, "the clay broke");
    } else if (strcmp(engine, "unloaded") == 0) {
        answer_failure(work, LUMEN_ERROR_UNAVAILABLE, "not loaded");
    } else if (strcmp(engine, "nothing") == 0) {
        executor_work_finish(work, LUMEN_OK, NULL, NULL);
    } else if (strcmp(engine, "twice") == 0) {
        answer(work);
        answer_failure(work, LUMEN_ERROR_FAILED, "too late");
        executor_work_progress(work, "late", 0.5);
    }
}

static void backend_run(void *self, uint32_t slot, executor_work *const *works, size_t count)
{
    world *here = self;
    pthread_mutex_lock(&here->lock);
    here->running++;
    here->killed[slot] = false;
    if (here->killing[slot])
        atomic_fetch_add(&here->faults, 1); /* this run would be killed for the sins of the last one */
    if (here->runs < WORLD_RUNS_MAX)
        here->batch_sizes[here->runs] = (uint32_t)count;
    here->runs++;
    for (size_t i = 0; i < count; i++) {
        const executor_order *order = executor_work_order(works[i]);
        if (order->request.image != (order->image != NULL ? order->image->data : NULL) ||
            order->request.image_size != (order->image != NULL ? order->image->size : 0))
            atomic_fetch_add(&here->faults, 1);
    }
    for (size_t i = 0; i < count; i++)
        if (here->works < WORLD_RUNS_MAX)
            snprintf(here->texts[here->works++], sizeof here->texts[0], "%s",
                     executor_work_order(works[i])->request.text);
    pthread_cond_broadcast(&here->event);
    pthread_mutex_unlock(&here->lock);
    if (strcmp(executor_work_order(works[0])->engine, "batch") == 0) {
        block(here, slot, works, count, false);
        for (size_t i = 0; i < count; i++)
            finish_blocked(here, slot, works[i]);
    } else {
        if (count != 1)
            atomic_fetch_add(&here->faults, 1);
        work_one(here, slot, works[0]);
    }
    pthread_mutex_lock(&here->lock);
    here->running--;
    pthread_cond_broadcast(&here->event);
    pthread_mutex_unlock(&here->lock);
}

static void backend_kill(void *self, uint32_t slot)
{
    world *here = self;
    pthread_mutex_lock(&here->lock);
    here->kills++;
    here->killed[slot] = !here->kill_fails;
    here->killing[slot] = true;
    pthread_cond_broadcast(&here->event);
    for (int i = 0; i < 3; i++)
        world_wait(here); /* slow, so that the run returns first */
    here->killing[slot] = false;
    pthread_mutex_unlock(&here->lock);
}

/* ---- The world --------------------------------------------------------------------------------------------------- */

void world_options(world *here, executor_options *options)
{
    options->device = "fake";
    options->log = &here->log;
    options->backend = (executor_backend){.self = here, .run = backend_run, .kill = backend_kill};
    options->hooks = (executor_hooks){.user = here,
                                      .lookup = hook_lookup,
                                      .admit = hook_admit,
                                      .store = hook_store,
                                      .keep = hook_keep,
                                      .release = hook_release,
                                      .observed = hook_observed};
}

void world_open(world *here, const executor_options *options)
{
    memset(here, 0, sizeof *here);
    pthread_mutex_init(&here->lock, NULL);
    here->log.lock = &here->lock;
    pthread_cond_init(&here->event, NULL);
    here->lookup_gate = true;
    here->store_gate = true;
    here->observe_gate = true;
    executor_options all = *options;
    world_options(here, &all);
    lumen_error error = {0};
    if (executor_open(&all, &here->all, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
}

void world_check(world *here)
{
    assert_int_equal(atomic_load(&here->results), 0);
    assert_int_equal(atomic_load(&here->faults), 0);
    assert_int_equal(here->running, 0);
    pthread_cond_destroy(&here->event);
    pthread_mutex_destroy(&here->lock);
}

void world_close(world *here, double seconds)
{
    executor_close(here->all, seconds);
    here->all = NULL;
    world_check(here);
}

void world_wait(world *here)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&here->event, &here->lock, &until);
}

void world_set(world *here, bool *flag, bool value)
{
    pthread_mutex_lock(&here->lock);
    *flag = value;
    pthread_cond_broadcast(&here->event);
    pthread_mutex_unlock(&here->lock);
}

void world_open_gate(world *here)
{
    world_set(here, &here->gate, true);
}

log_sink world_log(world *here)
{
    pthread_mutex_lock(&here->lock);
    log_sink log = here->log;
    pthread_mutex_unlock(&here->lock);
    return log;
}

executor_figures world_figures(world *here)
{
    executor_figures figures;
    executor_read_figures(here->all, &figures);
    return figures;
}

/* ---- Guests ------------------------------------------------------------------------------------------------------ */

/* Callbacks of one party come one at a time. */
static void enter(guest *one)
{
    if (atomic_fetch_add(&one->inside, 1) != 0)
        atomic_fetch_add(&one->here->faults, 1);
}

static void guest_finished(void *user, const executor_outcome *outcome)
{
    guest *one = user;
    enter(one);
    if (outcome->end == EXECUTOR_DONE && strcmp(result_text(outcome->result), one->text) != 0)
        atomic_fetch_add(&one->here->faults, 1);
    if ((outcome->end == EXECUTOR_DONE) != (outcome->result != NULL))
        atomic_fetch_add(&one->here->faults, 1);
    pthread_mutex_lock(&one->here->lock);
    one->outcome = *outcome;
    pthread_mutex_unlock(&one->here->lock);
    if (one->then != NULL)
        one->then(one);
    pthread_mutex_lock(&one->here->lock);
    atomic_fetch_sub(&one->inside, 1);
    atomic_fetch_add(&one->finished, 1);
    pthread_cond_broadcast(&one->here->event);
    pthread_mutex_unlock(&one->here->lock);
}

static void guest_changed(void *user)
{
    guest *one = user;
    enter(one);
    if (atomic_load(&one->finished) > 0)
        atomic_fetch_add(&one->here->faults, 1);
    atomic_fetch_add(&one->changed, 1);
    if (one->then != NULL)
        one->then(one);
    atomic_fetch_sub(&one->inside, 1);
    pthread_mutex_lock(&one->here->lock);
    pthread_cond_broadcast(&one->here->event);
    pthread_mutex_unlock(&one->here->lock);
}

executor_order guest_order(const guest *one)
{
    return (executor_order){.key = one->key != 0 ? one->key : fnv1a(FNV_START, one->text, strlen(one->text)),
                            .identity = one->text,
                            .engine = one->engine == NULL ? "now" : one->engine,
                            .batch_max = one->batch_max,
                            .request = {.text = one->text, .image = "not looked at", .image_size = 13},
                            .image = one->image};
}

bool guest_join(guest *one, const char *text)
{
    snprintf(one->text, sizeof one->text, "%s", text);
    executor_order order = guest_order(one);
    executor_party party = {.finished = guest_finished,
                            .changed = one->listens ? guest_changed : NULL,
                            .deadline_seconds = one->deadline_seconds,
                            .user = one};
    executor_ticket *joined = executor_join(one->here->all, &order, &party, &one->refusal);
    pthread_mutex_lock(&one->here->lock);
    one->ticket = joined;
    pthread_cond_broadcast(&one->here->event);
    pthread_mutex_unlock(&one->here->lock);
    return joined != NULL;
}

void guest_wait(guest *one)
{
    UNTIL(one->here, atomic_load(&one->finished) > 0);
}

void guest_leave(guest *one)
{
    executor_leave(one->ticket);
    one->ticket = NULL;
    if (one->outcome.result != NULL)
        hook_release(one->here, one->outcome.result);
    one->outcome.result = NULL;
    if (atomic_load(&one->finished) > 1)
        atomic_fetch_add(&one->here->faults, 1);
}

executor_status guest_status(guest *one)
{
    executor_status status;
    executor_read_status(one->ticket, &status);
    return status;
}

void guest_hold(guest *one)
{
    pthread_mutex_lock(&one->here->lock);
    one->here->running++;
    pthread_cond_broadcast(&one->here->event);
    while (!one->here->gate)
        pthread_cond_wait(&one->here->event, &one->here->lock);
    one->here->running--;
    pthread_mutex_unlock(&one->here->lock);
}
