#include "executor/internal.h"

void watchdog_by(executor *all, moment when)
{
    if (when < all->watch_at) {
        all->watch_at = when;
        pthread_cond_signal(&all->watch);
    }
}

/* ---- Deadlines and the executor's end ---------------------------------------------------------------------------- */

/* True when there was something to end. Lets go of the lock. */
static bool end_expired(executor *all)
{
    aftermath after = {0};
    moment now = moment_now();
    bool any = false;
    for (ticket *party; (party = deadlines_first(&all->deadlines)) != NULL && party->deadline <= now; any = true)
        party_end_alone(party, party->flight->state == EXECUTOR_RUNNING ? EXECUTOR_FAILED : EXECUTOR_EXPIRED, 0.0,
                        &after);
    if (any)
        aftermath_run(all, &after);
    return any;
}

/* Lets go of the lock. */
static bool end_all(executor *all)
{
    if (!all->cancel_all || all->flights == 0)
        return false;
    aftermath after = {0};
    lumen_error error = {.status = LUMEN_ERROR_CANCELLED, .message = "cancelled: the service is shutting down"};
    for (size_t i = 0; i <= all->bucket_mask; i++)
        while (all->buckets[i] != NULL)
            flight_end(all->buckets[i], EXECUTOR_CANCELLED, &error, &after);
    aftermath_run(all, &after);
    return true;
}

/* ---- Slots ------------------------------------------------------------------------------------------------------- */

/* Lets go of the lock. */
static void report_slot(slot *self, const char *message, moment since)
{
    executor *all = self->all;
    const executor_order *order = &self->works[0]->order;
    char text[64], engine[32], stage[EXECUTOR_STAGE_BYTES];
    text_begin(text, sizeof text, order->request.text);
    text_begin(engine, sizeof engine, order->engine);
    text_begin(stage, sizeof stage, self->stage);
    double seconds = seconds_between(since, moment_now());
    pthread_mutex_unlock(&all->lock);
    log_write(all->options.log, LOG_WARNING, message,
              LOG_FIELDS(log_text("device", all->device), log_integer("slot", self->number), log_text("engine", engine),
                         log_text("stage", stage), log_text("text", text), log_real("seconds", seconds)));
    pthread_mutex_lock(&all->lock);
}

/* The slot waits with its next run as long as `killing` is true, so that no innocent work is killed. It is tried again
 * after another grace, should the first attempt have come to nothing. Lets go of the lock. */
static void kill_slot(slot *self)
{
    executor *all = self->all;
    const executor_backend *backend = &all->options.backend;
    self->killing = true;
    self->kill_at = moment_now() + all->grace;
    bool first = !self->killed;
    if (first) {
        self->killed = true;
        report_slot(self,
                    backend->kill == NULL ? "an engine hangs and nothing can end it" : "an engine hangs: it is ended",
                    self->unwanted);
    }
    if (backend->kill != NULL && !self->returned) {
        if (first)
            all->counts.killed++;
        pthread_mutex_unlock(&all->lock);
        backend->kill(backend->self, self->number);
        pthread_mutex_lock(&all->lock);
    }
    self->killing = false;
    pthread_cond_broadcast(&all->settled);
}

/* True when there was something to do. Lets go of the lock. */
static bool mind_slots(executor *all)
{
    bool any = false;
    for (uint32_t i = 0; i < all->options.slots; i++) {
        slot *self = &all->slots[i];
        moment now = moment_now();
        if (!self->busy)
            continue;
        if (self->kill_at <= now) {
            kill_slot(self);
            any = true;
        } else if (self->wanted > 0 && !self->stall_reported && now - self->progress_at >= all->stall) {
            self->stall_reported = true;
            report_slot(self, "an engine makes no progress", self->progress_at);
            any = true;
        }
    }
    return any;
}

/* ---- News -------------------------------------------------------------------------------------------------------- */

/* Adds the flight's listeners to a list of tickets that are held. */
static void gather_listeners(flight *one, ticket **list)
{
    for (ticket *party = one->first_party; party != NULL; party = party->next) {
        if (party->party.changed != NULL) {
            party->next_changed = *list;
            *list = ticket_keep(party);
        }
    }
    one->changed = false;
}

/* Calls `changed` for what is new since the last round. Rounds are CHANGED_EVERY_MILLISECONDS apart, and what changes
 * in between is told in the next, so that everybody hears of the last state. Lets go of the lock. */
static bool tell_news(executor *all)
{
    moment now = moment_now();
    if (!all->news || now < all->news_at)
        return false;
    all->news = false;
    all->news_at = now + (moment)CHANGED_EVERY_MILLISECONDS * 1000000;
    ticket *list = NULL;
    queue_number(all);
    for (flight *one = all->queue.first; one != NULL; one = one->next) {
        if (one->listeners > 0 && (one->changed || one->position != one->told_position))
            gather_listeners(one, &list);
        one->told_position = one->position;
    }
    for (uint32_t i = 0; i < all->options.slots; i++)
        for (uint32_t k = 0; k < all->slots[i].count; k++)
            if (all->slots[i].works[k]->changed)
                gather_listeners(all->slots[i].works[k], &list);
    while (list != NULL) {
        ticket *party = list;
        list = party->next_changed;
        if (party_call_begin(party)) {
            pthread_mutex_unlock(&all->lock);
            party->party.changed(party->party.user);
            pthread_mutex_lock(&all->lock);
            party_call_end(party);
        }
        ticket_release(party);
    }
    return true;
}

/* ---- The thread -------------------------------------------------------------------------------------------------- */

static moment earlier(moment a, moment b)
{
    return a < b ? a : b;
}

static moment next_watch(const executor *all)
{
    moment next = MOMENT_NEVER;
    const ticket *first = deadlines_first(&all->deadlines);
    if (first != NULL)
        next = earlier(next, first->deadline);
    if (all->news)
        next = earlier(next, all->news_at);
    for (uint32_t i = 0; i < all->options.slots; i++) {
        const slot *self = &all->slots[i];
        if (!self->busy)
            continue;
        next = earlier(next, self->kill_at);
        if (self->wanted > 0 && !self->stall_reported)
            next = earlier(next, self->progress_at + all->stall);
    }
    return next;
}

void *watchdog_main(void *argument)
{
    executor *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->watch_quit) {
        all->watch_at = MOMENT_AWAKE;
        /* Each of these lets go of the lock when it has done something, so that all must be looked at again. */
        if (end_all(all) || end_expired(all) || mind_slots(all) || tell_news(all))
            continue;
        all->watch_at = next_watch(all);
        condition_wait_until(&all->watch, &all->lock, all->watch_at);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}
