#include <math.h>
#include <string.h>

#include "base/error.h"
#include "executor/internal.h"

/* A batch is gathered from so many flights behind the oldest one, which bounds both the search under the lock and how
 * many others a flight can be overtaken by at a time. The oldest always goes first, so nobody waits for ever. */
enum { BATCH_WINDOW = 64 };

/* ---- The queue --------------------------------------------------------------------------------------------------- */

/* Those who are in the queue and listen hear of a new position. */
static void queue_has_moved(executor *all)
{
    if (all->listeners > 0 && all->queue.count > 0) {
        all->news = true;
        watchdog_by(all, all->news_at);
    }
}

void queue_append(flight *one)
{
    executor *all = one->all;
    all->looking_up--;
    one->state = EXECUTOR_QUEUED;
    one->reached_queue = true;
    one->queued = moment_now();
    flight_list_append(&all->queue, one);
    one->position = all->queue.count;
    flight_has_changed(one);
    pthread_cond_signal(&all->queue_filled);
}

void queue_remove(flight *one)
{
    if (one->next != NULL)
        one->all->positions_stale = true;
    flight_list_remove(one);
    queue_has_moved(one->all);
}

void queue_number(executor *all)
{
    if (!all->positions_stale)
        return;
    uint32_t position = 0;
    for (flight *one = all->queue.first; one != NULL; one = one->next)
        one->position = ++position;
    all->positions_stale = false;
}

/* ---- The run of a slot ------------------------------------------------------------------------------------------- */

static void slot_take(slot *self, flight *one, moment now)
{
    one->outcome.queue_seconds = seconds_between(one->queued, now);
    queue_remove(one);
    one->references++;
    one->state = EXECUTOR_RUNNING;
    one->slot = self;
    one->began = now;
    self->works[self->count++] = one;
    self->all->running++;
    self->all->counts.started++;
    flight_has_changed(one);
}

/* The oldest flight, and with it others of its engine up to the smallest batch that one of them allows. */
static void slot_take_batch(slot *self)
{
    executor *all = self->all;
    moment now = moment_now();
    flight *oldest = all->queue.first;
    flight *other = oldest->next;
    uint32_t limit = oldest->order.batch_max;
    self->count = 0;
    slot_take(self, oldest, now);
    for (uint32_t looked = 0; other != NULL && self->count < limit && looked < BATCH_WINDOW; looked++) {
        flight *next = other->next;
        if (other->order.batch_max > self->count && strcmp(other->order.engine, oldest->order.engine) == 0) {
            if (other->order.batch_max < limit)
                limit = other->order.batch_max;
            slot_take(self, other, now);
        }
        other = next;
    }
    if (self->count > 1)
        all->counts.batches++;
    self->wanted = self->count;
    self->busy = true;
    self->began = now;
    self->progress_at = now;
    self->kill_at = MOMENT_NEVER;
    self->returned = false;
    self->killed = false;
    self->stall_reported = false;
    self->stage[0] = '\0';
    watchdog_by(all, now + all->stall);
}

/* After the backend has returned: nothing of this run may reach the next one. Lets go of the lock. */
static void slot_clear(slot *self)
{
    executor *all = self->all;
    flight *works[EXECUTOR_BATCH_MAX];
    uint32_t count = self->count;
    self->returned = true;
    while (self->killing)
        pthread_cond_wait(&all->settled, &all->lock);
    memcpy(works, self->works, sizeof works);
    self->busy = false;
    self->count = 0;
    for (uint32_t i = 0; i < count; i++)
        flight_release(works[i]);
}

/* The backend has returned without a word about this one. Lets go of the lock. */
static void fail_unfinished(flight *one)
{
    executor *all = one->all;
    lumen_error error;
    lumen_fail(&error, LUMEN_ERROR_FAILED, "the engine %s returned without an answer; try again", one->order.engine);
    pthread_mutex_unlock(&all->lock);
    executor_work_finish(one, LUMEN_ERROR_FAILED, NULL, &error);
    pthread_mutex_lock(&all->lock);
}

void *slot_main(void *argument)
{
    slot *self = argument;
    executor *all = self->all;
    const executor_backend *backend = &all->options.backend;
    pthread_mutex_lock(&all->lock);
    while (all->queue.first != NULL || !all->quit) {
        if (all->queue.first == NULL) {
            pthread_cond_wait(&all->queue_filled, &all->lock);
            continue;
        }
        slot_take_batch(self);
        pthread_mutex_unlock(&all->lock);
        backend->run(backend->self, self->number, self->works, self->count);
        pthread_mutex_lock(&all->lock);
        for (uint32_t i = 0; i < self->count; i++)
            if (!self->works[i]->finished)
                fail_unfinished(self->works[i]);
        slot_clear(self);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

void slot_lost_interest(flight *one)
{
    slot *self = one->slot;
    if (--self->wanted > 0)
        return;
    self->unwanted = moment_now();
    self->kill_at = self->unwanted + self->all->grace;
    watchdog_by(self->all, self->kill_at);
}

/* ---- What backends call ------------------------------------------------------------------------------------------ */

const executor_order *executor_work_order(const executor_work *work)
{
    return &work->order;
}

bool executor_work_cancelled(const executor_work *work)
{
    return atomic_load_explicit(&work->cancelled, memory_order_relaxed);
}

void flight_stage_end(flight *one, moment now)
{
    if (one->stage < EXECUTOR_STAGES_MAX)
        one->outcome.stages[one->stage].seconds += seconds_between(one->stage_began, now);
    one->stage_began = now;
}

/* Stages stand in the order in which they first began; one that comes again adds to its time. What comes after the
 * table is full counts for the last stage that has a place. */
static void flight_stage_begin(flight *one, const char *stage, moment now)
{
    executor_outcome *outcome = &one->outcome;
    char name[EXECUTOR_STAGE_BYTES];
    text_begin(name, sizeof name, stage);
    if (one->stage < EXECUTOR_STAGES_MAX && strcmp(outcome->stages[one->stage].stage, name) == 0)
        return;
    size_t index = 0;
    while (index < outcome->stage_count && strcmp(outcome->stages[index].stage, name) != 0)
        index++;
    if (index == EXECUTOR_STAGES_MAX)
        return;
    if (index == outcome->stage_count) {
        memcpy(outcome->stages[index].stage, name, sizeof name);
        outcome->stage_count++;
    }
    flight_stage_end(one, now);
    one->stage = index;
}

void executor_work_progress(executor_work *work, const char *stage, double fraction)
{
    executor *all = work->all;
    pthread_mutex_lock(&all->lock);
    if (work->state == EXECUTOR_RUNNING && !work->finished) {
        moment now = moment_now();
        work->slot->progress_at = now;
        if (work->slot->stall_reported) {
            work->slot->stall_reported = false;
            watchdog_by(all, now + all->stall);
        }
        if (stage != NULL && stage[0] != '\0') {
            flight_stage_begin(work, stage, now);
            text_begin(work->slot->stage, sizeof work->slot->stage, stage);
        }
        if (!isnan(fraction))
            work->fraction = fraction < 0.0 ? 0.0 : fraction > 1.0 ? 1.0 : fraction;
        flight_has_changed(work);
    }
    pthread_mutex_unlock(&all->lock);
}

/* Stores what the backend made. NULL with an error when that fails. */
static void *work_store(const executor_work *work, blob *packed, lumen_error *error)
{
    const executor_hooks *hooks = &work->all->options.hooks;
    if (packed == NULL) {
        lumen_fail(error, LUMEN_ERROR_FAILED, "the engine %s made nothing of \"%s\"; try again", work->order.engine,
                   work->order.request.text);
        return NULL;
    }
    *error = (lumen_error){.status = LUMEN_ERROR_FAILED};
    void *result = hooks->store(hooks->user, &work->order, packed, error);
    if (result == NULL && error->message[0] == '\0')
        lumen_fail(error, LUMEN_ERROR_FAILED, "the shape of \"%s\" could not be stored", work->order.request.text);
    return result;
}

void executor_work_finish(executor_work *work, lumen_status status, blob *packed, const lumen_error *error)
{
    executor *all = work->all;
    aftermath after = {0};
    void *result = NULL;
    lumen_error failure = {.status = status};
    if (error != NULL && status != LUMEN_OK) {
        failure = *error;
        failure.status = status;
    }
    pthread_mutex_lock(&all->lock);
    bool wanted = work->state == EXECUTOR_RUNNING && !work->finished;
    work->finished = true;
    if (wanted && status == LUMEN_OK) {
        pthread_mutex_unlock(&all->lock);
        result = work_store(work, packed, &failure);
        pthread_mutex_lock(&all->lock);
        wanted = work->state == EXECUTOR_RUNNING;
    }
    if (wanted && result != NULL) {
        work->outcome.result = result;
        result = NULL;
        flight_end(work, EXECUTOR_DONE, NULL, &after);
    } else if (wanted) {
        flight_end(work, failure.status == LUMEN_ERROR_UNAVAILABLE ? EXECUTOR_UNAVAILABLE : EXECUTOR_FAILED, &failure,
                   &after);
    }
    aftermath_run(all, &after);
    pthread_mutex_unlock(&all->lock);
    /* It was called off while it was being stored: kept for the next one who asks, but nobody here takes it. */
    if (result != NULL)
        all->options.hooks.release(all->options.hooks.user, result);
}
