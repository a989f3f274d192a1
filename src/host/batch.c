/* One batch of orders through one process, on the slot's own thread. */

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "host/internal.h"

static const double READY_SECONDS = 20.0; /* how long orders wait for a process */
static const double END_SECONDS = 3.0;    /* how long they wait to learn how it ended */
static const int LOOK_MILLISECONDS = 20;  /* how often a cancel is looked for */
static const size_t OUT_BYTES_KEPT = (size_t)1
                                     << 20; /* an order with a picture gives its memory back once it is sent */
enum { HOPELESS_ENDS = 3 };                 /* so many early ends in a row, and orders do not wait */

typedef struct batch {
    host_slot *slot;
    executor_work *works[EXECUTOR_BATCH_MAX];
    size_t count, left;
    bool finished[EXECUTOR_BATCH_MAX];
    bool cancel_sent[EXECUTOR_BATCH_MAX];
    bool answered;           /* at least one */
    uint64_t resident_bytes; /* as the host said with its last answer */
} batch;

static void finish(batch *mine, size_t i, lumen_status status, blob *packed, const lumen_error *error)
{
    if (mine->finished[i])
        return;
    mine->finished[i] = true;
    mine->left--;
    executor_work_finish(mine->works[i], status, packed, error);
}

static void finish_all(batch *mine, const lumen_error *error)
{
    for (size_t i = 0; i < mine->count; i++)
        finish(mine, i, error->status, NULL, error);
}

/* ---- Getting a process, and giving it back -------------------------------------------------------------------- */

/* Drops those that were called off while no process had them. */
static void finish_cancelled(batch *mine)
{
    lumen_error error;
    lumen_fail(&error, LUMEN_ERROR_CANCELLED, "called off before an engine could begin");
    size_t kept = 0;
    for (size_t i = 0; i < mine->count; i++) {
        if (executor_work_cancelled(mine->works[i]))
            executor_work_finish(mine->works[i], LUMEN_ERROR_CANCELLED, NULL, &error);
        else
            mine->works[kept++] = mine->works[i];
    }
    mine->count = mine->left = kept;
}

static void wait_for_life(host_slot *slot, double until)
{
    struct timespec at = {.tv_sec = (time_t)until};
    at.tv_nsec = (long)((until - (double)at.tv_sec) * 1e9);
    pthread_cond_timedwait(&slot->moved, &slot->lock, &at);
}

/* Why no process will be there soon. With the lock. */
static lumen_status is_hopeless(const host_slot *slot, double until, lumen_error *error)
{
    double now = clock_now_seconds();
    if (slot->life == HOST_DOWN && slot->early_ends >= HOPELESS_ENDS)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE,
                          "the engine's process ended %u times in a row before it could work (%s); it is started again "
                          "in %.0f s",
                          slot->early_ends, slot->report.last_end, fmax(slot->restart_at - now, 1.0));
    if (now >= until)
        return lumen_fail(error, LUMEN_ERROR_UNAVAILABLE, "the engine's process was not ready within %.0f s",
                          READY_SECONDS);
    return LUMEN_OK;
}

/* Waits for the slot's process and takes its socket. LUMEN_OK with nothing left when all were called off meanwhile. */
static lumen_status take_process(batch *mine, lumen_error *error)
{
    host_slot *slot = mine->slot;
    double until = clock_now_seconds() + READY_SECONDS;
    lumen_status status = LUMEN_OK;
    finish_cancelled(mine);
    pthread_mutex_lock(&slot->lock);
    while (mine->left > 0 && slot->life != HOST_READY && status == LUMEN_OK) {
        status = is_hopeless(slot, until, error);
        if (status != LUMEN_OK)
            break;
        wait_for_life(slot, clock_now_seconds() + LOOK_MILLISECONDS * 1e-3);
        pthread_mutex_unlock(&slot->lock);
        finish_cancelled(mine);
        pthread_mutex_lock(&slot->lock);
    }
    if (status == LUMEN_OK && mine->left > 0) {
        slot->running = slot->had_orders = true;
        host_unwatch(slot);
    }
    pthread_mutex_unlock(&slot->lock);
    return status;
}

static void give_back(batch *mine)
{
    host_slot *slot = mine->slot;
    pthread_mutex_lock(&slot->lock);
    if (mine->answered) {
        slot->report.resident_bytes = mine->resident_bytes;
        slot->early_ends = 0; /* it has answered */
    }
    slot->running = false;
    bool ended = slot->stopped || slot->forced; /* killed, though it had just answered */
    if (ended)
        host_begin_end(slot, NULL);
    else
        host_watch(slot);
    ended = slot->life == HOST_ENDING;
    pthread_mutex_unlock(&slot->lock);
    if (ended)
        host_wake_supervisor(slot->set);
}

/* The process hung up, or said what it must not: has it ended, and says how to those who wait. */
static void give_up(batch *mine, const char *fault)
{
    host_slot *slot = mine->slot;
    lumen_error error;
    pthread_mutex_lock(&slot->lock);
    slot->running = false;
    bool hung = slot->stopped;
    host_begin_end(slot, hung ? NULL : fault);
    host_wake_supervisor(slot->set);
    uint64_t ends = slot->ends;
    double until = clock_now_seconds() + END_SECONDS;
    while (slot->ends == ends && clock_now_seconds() < until)
        wait_for_life(slot, until);
    const char *end = slot->ends != ends ? slot->report.last_end : "no sign of life";
    if (hung)
        lumen_fail(&error, LUMEN_ERROR_FAILED, "the engine hung and was ended; the next request gets a new one");
    else if (fault != NULL)
        lumen_fail(&error, LUMEN_ERROR_FAILED,
                   "the engine answered with %s and was ended; the next request gets a new one", fault);
    else
        lumen_fail(&error, LUMEN_ERROR_FAILED, "the engine ended with %s; the next request gets a new one", end);
    pthread_mutex_unlock(&slot->lock);
    finish_all(mine, &error);
}

/* ---- Talking -------------------------------------------------------------------------------------------------- */

static bool write_orders(batch *mine)
{
    host_slot *slot = mine->slot;
    lumen_request requests[EXECUTOR_BATCH_MAX];
    for (size_t i = 0; i < mine->count; i++)
        requests[i] = executor_work_order(mine->works[i])->request;
    slot->out.size = slot->out_sent = 0;
    slot->out.failed = false;
    return host_write_orders(&slot->out, ++slot->batch, executor_work_order(mine->works[0])->engine, requests,
                             (uint32_t)mine->count) &&
           !buffer_failed(&slot->out);
}

/* Writes the cancels that are new, and sends what the socket takes. False: the process has hung up. */
static bool send_words(batch *mine)
{
    host_slot *slot = mine->slot;
    for (size_t i = 0; i < mine->count; i++) {
        if (mine->finished[i] || mine->cancel_sent[i] || !executor_work_cancelled(mine->works[i]))
            continue;
        mine->cancel_sent[i] = true;
        host_write_cancel(&slot->out, slot->batch, (uint32_t)i);
    }
    while (slot->out_sent < slot->out.size) {
        ssize_t sent = send(slot->socket, slot->out.data + slot->out_sent, slot->out.size - slot->out_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        slot->out_sent += (size_t)sent;
    }
    slot->out.size = slot->out_sent = 0;
    if (slot->out.capacity > OUT_BYTES_KEPT) {
        size_t limit = slot->out.limit;
        buffer_close(&slot->out);
        buffer_open(&slot->out, limit);
    }
    return true;
}

/* What is wrong with a message; NULL when it was in order. */
static const char *take_message(batch *mine, host_message *message)
{
    host_slot *slot = mine->slot;
    switch (message->kind) {
    case HOST_PROGRESS:
    case HOST_SHAPE:
    case HOST_FAILURE: break;
    default: {
        pthread_mutex_lock(&slot->lock);
        bool changed = false;
        bool known = host_note(slot, message, &changed);
        pthread_mutex_unlock(&slot->lock);
        if (changed && slot->set->options.changed != NULL)
            slot->set->options.changed(slot->set->options.user);
        return known ? NULL : "a message out of turn";
    }
    }
    bool ours = message->batch == slot->batch && message->index < mine->count && !mine->finished[message->index];
    if (message->kind == HOST_PROGRESS) {
        if (ours)
            executor_work_progress(mine->works[message->index], message->stage, message->fraction);
        return ours ? NULL : "progress of an order that nobody gave";
    }
    mine->answered = true;
    mine->resident_bytes = message->bytes;
    if (message->kind == HOST_SHAPE) {
        if (ours)
            finish(mine, message->index, LUMEN_OK, message->packed, NULL);
        blob_release(message->packed);
    } else if (ours) {
        finish(mine, message->index, message->failure.status, NULL, &message->failure);
    }
    return ours ? NULL : "an answer to an order that nobody gave";
}

static const char *take_messages(batch *mine)
{
    host_slot *slot = mine->slot;
    host_read step;
    const char *fault = NULL;
    while (fault == NULL && (step = host_reader_next(&slot->reader, &slot->message)) != HOST_READ_MORE)
        fault = step == HOST_READ_WRONG ? slot->reader.fault : take_message(mine, &slot->message);
    return fault;
}

typedef enum received { RECEIVED_SOME, RECEIVED_NOTHING, RECEIVED_END } received;

static received receive(host_slot *slot)
{
    size_t room;
    unsigned char *space = host_reader_space(&slot->reader, &room);
    ssize_t size = recv(slot->socket, space, room, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return RECEIVED_NOTHING;
    if (size <= 0)
        return RECEIVED_END;
    host_reader_received(&slot->reader, (size_t)size);
    return RECEIVED_SOME;
}

/* Talks until every order is answered. False when the process must be given up; `fault` says why, "" for its end. */
static bool talk(batch *mine, char *fault, size_t capacity)
{
    host_slot *slot = mine->slot;
    fault[0] = '\0';
    bool deaf = false; /* it reads no more, but may have said something before */
    for (;;) {
        deaf = !send_words(mine) || deaf;
        struct pollfd ready = {.fd = slot->socket, .events = POLLIN};
        if (slot->out.size > 0 && !deaf)
            ready.events |= POLLOUT;
        poll(&ready, 1, LOOK_MILLISECONDS);
        received got = receive(slot);
        if (got == RECEIVED_NOTHING && host_is_dead(slot))
            got = receive(slot) == RECEIVED_SOME ? RECEIVED_SOME : RECEIVED_END; /* its last words may just have come */
        if (got == RECEIVED_END)
            return false;
        if (got == RECEIVED_NOTHING)
            continue;
        const char *wrong = take_messages(mine);
        if (wrong != NULL) {
            snprintf(fault, capacity, "%s", wrong);
            return false;
        }
        if (mine->left == 0)
            return true;
    }
}

void host_run(void *self, uint32_t index, executor_work *const *works, size_t count)
{
    host_set *set = self;
    lumen_error error;
    if (index >= set->slot_count || count > EXECUTOR_BATCH_MAX) {
        lumen_fail(&error, LUMEN_ERROR_INVALID, "slot %u and %zu orders are beyond what there is", index, count);
        for (size_t i = 0; i < count; i++)
            executor_work_finish(works[i], error.status, NULL, &error);
        return;
    }
    batch mine = {.slot = &set->slots[index], .count = count, .left = count};
    memcpy(mine.works, works, count * sizeof *works);
    if (take_process(&mine, &error) != LUMEN_OK) {
        finish_all(&mine, &error);
        return;
    }
    if (mine.left == 0)
        return;
    char fault[128];
    if (!write_orders(&mine)) {
        lumen_fail(&error, LUMEN_ERROR_INVALID,
                   "the text is longer than %d bytes, the picture than %d, a number is none, or memory ran out",
                   HOST_TEXT_BYTES - 1, HOST_IMAGES_BYTES_MAX);
        finish_all(&mine, &error);
        give_back(&mine);
    } else if (talk(&mine, fault, sizeof fault)) {
        give_back(&mine);
    } else {
        give_up(&mine, fault[0] != '\0' ? fault : NULL);
    }
}
