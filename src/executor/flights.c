#include <stdlib.h>
#include <string.h>

#include "executor/internal.h"

/* ---- Making and finding ------------------------------------------------------------------------------------------ */

static size_t text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

/* Copies a text to *place, which moves behind it. */
static const char *text_move(char **place, const char *text)
{
    size_t size = text_size(text);
    if (size == 0)
        return NULL;
    char *copy = *place;
    memcpy(copy, text, size);
    *place += size;
    return copy;
}

flight *flight_create(executor *all, const executor_order *order)
{
    const char *identity = order->identity == NULL ? "" : order->identity;
    const char *engine = order->engine == NULL ? "" : order->engine;
    const char *text = order->request.text == NULL ? "" : order->request.text;
    flight *one = calloc(1, sizeof *one + text_size(identity) + text_size(engine) + text_size(text) +
                                text_size(order->request.verb) + text_size(order->request.engine));
    if (one == NULL)
        return NULL;
    one->all = all;
    one->references = 1;
    atomic_init(&one->cancelled, false);
    one->state = EXECUTOR_LOOKING_UP;
    one->stage = EXECUTOR_STAGES_MAX;
    one->created = moment_now();
    char *place = one->texts;
    one->order = *order;
    one->order.identity = text_move(&place, identity);
    one->order.engine = text_move(&place, engine);
    one->order.request.text = text_move(&place, text);
    one->order.request.verb = text_move(&place, order->request.verb);
    one->order.request.engine = text_move(&place, order->request.engine);
    one->order.request.progress = NULL;
    one->order.request.progress_user = NULL;
    blob_keep(order->image);
    one->order.request.image = order->image != NULL ? order->image->data : NULL;
    one->order.request.image_size = order->image != NULL ? order->image->size : 0;
    all->image_bytes += one->order.request.image_size;
    if (one->order.batch_max < 1)
        one->order.batch_max = 1;
    if (one->order.batch_max > EXECUTOR_BATCH_MAX)
        one->order.batch_max = EXECUTOR_BATCH_MAX;
    return one;
}

/* Keys are hashes already, but nobody promises that their low bits are. */
static flight **bucket_of(const executor *all, uint64_t key)
{
    return &all->buckets[(key ^ key >> 32) & all->bucket_mask];
}

flight *flight_find(const executor *all, uint64_t key, const char *identity)
{
    flight *one = *bucket_of(all, key);
    while (one != NULL && (one->order.key != key || strcmp(one->order.identity, identity == NULL ? "" : identity) != 0))
        one = one->next_in_bucket;
    return one;
}

void flight_enter(flight *one)
{
    executor *all = one->all;
    flight **bucket = bucket_of(all, one->order.key);
    one->next_in_bucket = *bucket;
    *bucket = one;
    all->flights++;
    all->looking_up++;
    flight_list_append(&all->lookups, one);
    pthread_cond_signal(&all->lookup_wanted);
}

static void flight_take_from_table(flight *one)
{
    flight **link = bucket_of(one->all, one->order.key);
    while (*link != one)
        link = &(*link)->next_in_bucket;
    *link = one->next_in_bucket;
    one->all->flights--;
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

void flight_list_append(flight_list *list, flight *one)
{
    one->list = list;
    one->next = NULL;
    one->previous = list->last;
    if (list->last != NULL)
        list->last->next = one;
    else
        list->first = one;
    list->last = one;
    list->count++;
}

void flight_list_remove(flight *one)
{
    flight_list *list = one->list;
    if (one->previous != NULL)
        one->previous->next = one->next;
    else
        list->first = one->next;
    if (one->next != NULL)
        one->next->previous = one->previous;
    else
        list->last = one->previous;
    one->previous = one->next = NULL;
    one->list = NULL;
    list->count--;
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static void count_end(executor *all, executor_end end)
{
    switch (end) {
    case EXECUTOR_DONE: all->counts.done++; break;
    case EXECUTOR_FAILED:
    case EXECUTOR_UNAVAILABLE: all->counts.failed++; break;
    case EXECUTOR_CANCELLED: all->counts.cancelled++; break;
    case EXECUTOR_EXPIRED: all->counts.expired++; break;
    case EXECUTOR_REFUSED: break; /* counted by party */
    }
}

void flight_end(flight *one, executor_end end, const lumen_error *error, aftermath *after)
{
    executor *all = one->all;
    executor_outcome *outcome = &one->outcome;
    moment now = moment_now();
    flight_take_from_table(one);
    switch (one->state) {
    case EXECUTOR_LOOKING_UP:
        all->looking_up--;
        if (one->list != NULL)
            flight_list_remove(one);
        if (outcome->lookup_seconds == 0.0)
            outcome->lookup_seconds = seconds_between(one->created, now);
        break;
    case EXECUTOR_QUEUED:
        queue_remove(one);
        outcome->queue_seconds = seconds_between(one->queued, now);
        break;
    case EXECUTOR_RUNNING:
        all->running--;
        outcome->run_seconds = seconds_between(one->began, now);
        flight_stage_end(one, now);
        slot_lost_interest(one);
        break;
    case EXECUTOR_OVER: break;
    }
    one->state = EXECUTOR_OVER;
    /* A backend that still works on it is told by this alone; its answer will be thrown away. */
    atomic_store_explicit(&one->cancelled, true, memory_order_relaxed);
    outcome->end = end;
    if (error != NULL)
        outcome->error = *error;
    count_end(all, end);
    while (one->first_party != NULL)
        party_is_over(one->first_party, after);
    /* The reference of the table goes to the aftermath. */
    one->next_ended = after->ended;
    after->ended = one;
    if (all->flights == 0 && all->stopping)
        pthread_cond_broadcast(&all->settled);
}

void flight_release(flight *one)
{
    executor *all = one->all;
    if (--one->references > 0)
        return;
    if (one->outcome.result != NULL) {
        pthread_mutex_unlock(&all->lock);
        all->options.hooks.release(all->options.hooks.user, one->outcome.result);
        pthread_mutex_lock(&all->lock);
    }
    all->image_bytes -= one->order.request.image_size;
    blob_release(one->order.image);
    free(one);
}

void flight_has_changed(flight *one)
{
    one->changed = true;
    if (one->listeners > 0) {
        one->all->news = true;
        watchdog_by(one->all, one->all->news_at);
    }
}

void aftermath_run(executor *all, aftermath *after)
{
    const executor_hooks *hooks = &all->options.hooks;
    if (hooks->observed != NULL && after->ended != NULL) {
        /* An outcome does not change any more, and the list holds a reference to each. */
        pthread_mutex_unlock(&all->lock);
        for (flight *one = after->ended; one != NULL; one = one->next_ended)
            if (one->reached_queue)
                hooks->observed(hooks->user, &one->order, &one->outcome);
        pthread_mutex_lock(&all->lock);
    }
    while (after->first != NULL) {
        ticket *party = after->first;
        after->first = party->next_told;
        party_tell(party);
        ticket_release(party);
    }
    while (after->ended != NULL) {
        flight *one = after->ended;
        after->ended = one->next_ended;
        flight_release(one);
    }
    after->last = NULL;
}
