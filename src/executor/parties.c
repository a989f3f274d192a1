#include <stdlib.h>

#include "base/error.h"
#include "executor/internal.h"

/* ---- Joining ----------------------------------------------------------------------------------------------------- */

static void party_attach(ticket *party, flight *one)
{
    executor *all = party->all;
    party->flight = one;
    one->references++;
    party->attached = true;
    party->previous = one->last_party;
    if (one->last_party != NULL)
        one->last_party->next = party;
    else
        one->first_party = party;
    one->last_party = party;
    one->party_count++;
    if (party->party.changed != NULL) {
        one->listeners++;
        all->listeners++;
    }
    party->waiting = true;
    all->parties++;
    deadlines_add(&all->deadlines, party);
    watchdog_by(all, party->deadline);
}

/* Whether one more picture may be held. With the lock. */
static bool has_room_for(const executor *all, const blob *image)
{
    const size_t most = all->options.image_bytes_max;
    return image == NULL || most == 0 || (image->size <= most && all->image_bytes <= most - image->size);
}

/* With the lock: the refusal, or EXECUTOR_ACCEPTED when the party has joined a flight. */
static executor_refusal join_locked(executor *all, const executor_order *order, ticket *party)
{
    if (all->stopping)
        return EXECUTOR_STOPPING;
    if (!deadlines_make_room(&all->deadlines))
        return EXECUTOR_NO_MEMORY;
    flight *one = flight_find(all, order->key, order->identity);
    if (one != NULL) {
        all->counts.shared++;
    } else {
        if (all->looking_up + all->queue.count >= all->options.queue_max || !has_room_for(all, order->image)) {
            all->counts.full++;
            return EXECUTOR_QUEUE_FULL;
        }
        one = flight_create(all, order);
        if (one == NULL)
            return EXECUTOR_NO_MEMORY;
        flight_enter(one);
        party->carries = true;
    }
    all->counts.joined++;
    all->references++;
    party_attach(party, one);
    return EXECUTOR_ACCEPTED;
}

executor_ticket *executor_join(executor *all, const executor_order *order, const executor_party *party,
                               executor_refusal *refusal)
{
    ticket *joined = calloc(1, sizeof *joined);
    executor_refusal answer = EXECUTOR_NO_MEMORY;
    if (joined != NULL) {
        joined->all = all;
        joined->party = *party;
        if (!(joined->party.deadline_seconds > 0.0))
            joined->party.deadline_seconds = all->options.deadline_seconds;
        joined->references = 1;
        joined->heap_index = SIZE_MAX;
        joined->deadline = moment_after(moment_now(), joined->party.deadline_seconds);
        pthread_mutex_lock(&all->lock);
        answer = join_locked(all, order, joined);
        pthread_mutex_unlock(&all->lock);
        if (answer != EXECUTOR_ACCEPTED) {
            free(joined);
            joined = NULL;
        }
    }
    if (refusal != NULL)
        *refusal = answer;
    return joined;
}

/* ---- Leaving ----------------------------------------------------------------------------------------------------- */

void party_detach(ticket *party)
{
    executor *all = party->all;
    flight *one = party->flight;
    if (party->previous != NULL)
        party->previous->next = party->next;
    else
        one->first_party = party->next;
    if (party->next != NULL)
        party->next->previous = party->previous;
    else
        one->last_party = party->previous;
    party->previous = party->next = NULL;
    party->attached = false;
    one->party_count--;
    if (party->party.changed != NULL) {
        one->listeners--;
        all->listeners--;
    }
    deadlines_remove(&all->deadlines, party);
}

static void party_waits_no_more(ticket *party)
{
    if (party->waiting) {
        party->waiting = false;
        party->all->parties--;
    }
}

/* The party needs its flight no more. Lets go of the lock. */
static void party_forget(ticket *party)
{
    flight *one = party->flight;
    party->flight = NULL;
    if (one != NULL)
        flight_release(one);
}

void executor_leave(executor_ticket *party)
{
    if (party == NULL)
        return;
    executor *all = party->all;
    aftermath after = {0};
    pthread_mutex_lock(&all->lock);
    all->leaving++;
    party->left = true;
    party_waits_no_more(party);
    if (party->attached) {
        flight *one = party->flight;
        party_detach(party);
        if (one->party_count == 0) {
            lumen_error error;
            lumen_fail(&error, LUMEN_ERROR_CANCELLED, "cancelled: nobody waits for it any more");
            flight_end(one, EXECUTOR_CANCELLED, &error, &after);
        }
    }
    while (party->calling && !pthread_equal(party->caller, pthread_self())) {
        party->awaited = true;
        pthread_cond_wait(&all->settled, &all->lock);
    }
    party_forget(party);
    aftermath_run(all, &after);
    ticket_release(party);
    all->leaving--;
    if (all->leaving == 0 && all->stopping)
        pthread_cond_broadcast(&all->settled);
    executor_unlock(all);
}

ticket *ticket_keep(ticket *party)
{
    party->references++;
    return party;
}

void ticket_release(ticket *party)
{
    if (--party->references > 0)
        return;
    party->all->references--;
    free(party);
}

/* ---- The end of a party's wait ----------------------------------------------------------------------------------- */

void party_is_over(ticket *party, aftermath *after)
{
    flight *one = party->flight;
    party_detach(party);
    party->over = true;
    party->last.state = EXECUTOR_OVER;
    bool done = !party->alone && one->outcome.end == EXECUTOR_DONE;
    party->last.fraction = done ? 1.0 : one->fraction;
    if (one->stage < EXECUTOR_STAGES_MAX)
        text_begin(party->last.stage, sizeof party->last.stage, one->outcome.stages[one->stage].stage);
    ticket_keep(party);
    party->next_told = NULL;
    if (after->last != NULL)
        after->last->next_told = party;
    else
        after->first = party;
    after->last = party;
}

/* Why a party was given an end of its own. */
static void own_error(const ticket *party, lumen_error *error)
{
    double seconds = party->party.deadline_seconds;
    switch (party->own_end) {
    case EXECUTOR_REFUSED:
        lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "too many requests for new shapes; try again in %.0f seconds",
                   party->retry_seconds < 1.0 ? 1.0 : party->retry_seconds);
        break;
    case EXECUTOR_EXPIRED:
        lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                   "it waited %g seconds in the queue and its turn did not come; try again later", seconds);
        break;
    default:
        lumen_fail(error, LUMEN_ERROR_FAILED, "the engine took longer than the deadline of %g seconds", seconds);
        break;
    }
}

void party_end_alone(ticket *party, executor_end end, double retry_seconds, aftermath *after)
{
    flight *one = party->flight;
    party->alone = true;
    party->own_end = end;
    party->retry_seconds = retry_seconds;
    party_is_over(party, after);
    if (one->party_count == 0) {
        lumen_error error;
        own_error(party, &error);
        flight_end(one, end, &error, after);
    }
}

static void outcome_of(const ticket *party, executor_outcome *outcome)
{
    *outcome = party->flight->outcome;
    outcome->shared = !party->carries;
    if (party->alone) {
        outcome->end = party->own_end;
        outcome->found = false;
        outcome->result = NULL;
        outcome->retry_seconds = party->retry_seconds;
        own_error(party, &outcome->error);
    }
}

/* ---- Calling back ------------------------------------------------------------------------------------------------ */

/* A callback of the party begins on this thread. */
static void call_begin(ticket *party)
{
    ticket_keep(party);
    party->calling = true;
    party->caller = pthread_self();
}

static void call_end(ticket *party)
{
    party->calling = false;
    if (party->awaited)
        pthread_cond_broadcast(&party->all->settled);
}

bool party_call_begin(ticket *party)
{
    if (party->left || party->over || party->calling)
        return false;
    call_begin(party);
    return true;
}

void party_call_end(ticket *party)
{
    call_end(party);
    if (party->over)
        party_tell(party);
    ticket_release(party);
}

void party_tell(ticket *party)
{
    if (party->left || party->told || party->calling)
        return;
    executor *all = party->all;
    executor_outcome outcome;
    party->told = true;
    outcome_of(party, &outcome);
    call_begin(party);
    pthread_mutex_unlock(&all->lock);
    if (outcome.result != NULL)
        outcome.result = all->options.hooks.keep(all->options.hooks.user, outcome.result);
    party->party.finished(party->party.user, &outcome);
    pthread_mutex_lock(&all->lock);
    call_end(party);
    if (!party->left) {
        party_waits_no_more(party);
        party_forget(party);
    }
    ticket_release(party);
}

/* ---- Status ------------------------------------------------------------------------------------------------------ */

void executor_read_status(executor_ticket *party, executor_status *status)
{
    executor *all = party->all;
    pthread_mutex_lock(&all->lock);
    *status = party->last;
    if (!party->over && party->flight != NULL) {
        const flight *one = party->flight;
        *status = (executor_status){.state = one->state, .fraction = one->fraction};
        if (one->state == EXECUTOR_QUEUED) {
            queue_number(all);
            status->position = one->position;
        }
        if (one->stage < EXECUTOR_STAGES_MAX)
            text_begin(status->stage, sizeof status->stage, one->outcome.stages[one->stage].stage);
    }
    pthread_mutex_unlock(&all->lock);
}
