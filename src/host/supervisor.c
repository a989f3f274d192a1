#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "host/internal.h"

static const double HELLO_SECONDS = 20.0;    /* from the start to the first word */
static const double FAREWELL_SECONDS = 0.1;  /* from hanging up to SIGKILL, while the service runs */
static const double POLITE_SECONDS = 2.0;    /* ... when it ends */
static const double GIVE_UP_SECONDS = 5.0;   /* from SIGKILL on; only a process stuck in a driver takes so long */
static const double GROWN_UP_SECONDS = 10.0; /* who lived so long could work */
static const double RESTART_SECONDS = 0.1;   /* after the first early end; doubled with each more */
static const double RESTART_SECONDS_MAX = 30.0;
static const double LOOK_SECONDS = 1.0; /* how often a quiet process is looked at */
static const double REAP_SECONDS = 0.002;

enum { RECEIVES_AT_ONCE = 16, EVENTS_AT_ONCE = 16 };

static const uint32_t WAKE = UINT32_MAX;

void host_wake_supervisor(host_set *set)
{
    eventfd_write(set->wake, 1);
}

static bool is_stopping(host_set *set)
{
    pthread_mutex_lock(&set->lock);
    bool stopping = set->stopping;
    pthread_mutex_unlock(&set->lock);
    return stopping;
}

static void set_life(host_slot *slot, host_life life)
{
    slot->life = life;
    slot->since = clock_now_seconds();
    slot->report.ready = life == HOST_READY;
    pthread_cond_broadcast(&slot->moved);
}

static void log_slot(const host_slot *slot, log_severity severity, const char *message, const char *detail)
{
    log_write(slot->set->options.log, severity, message,
              LOG_FIELDS(log_integer("slot", slot->index), log_integer("process", slot->report.process),
                         log_text("detail", detail)));
}

/* ---- Watching ------------------------------------------------------------------------------------------------- */

void host_watch(host_slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = slot->index};
    if (epoll_ctl(slot->set->watch, EPOLL_CTL_ADD, slot->socket, &event) != 0)
        host_begin_end(slot, "its socket cannot be watched");
}

void host_unwatch(host_slot *slot)
{
    epoll_ctl(slot->set->watch, EPOLL_CTL_DEL, slot->socket, NULL);
}

bool host_note(host_slot *slot, const host_message *message, bool *changed)
{
    const host_engines *offered = slot->set->options.offered;
    switch (message->kind) {
    case HOST_MODEL:
        if (message->index >= offered->model_count)
            return false;
        model_report *report = &slot->report.models[message->index];
        report->state = message->model.state;
        report->available = message->model.available;
        report->bytes = message->model.bytes;
        report->load_seconds = message->model.load_seconds;
        memcpy(report->reason, message->model.reason, sizeof report->reason);
        slot->report.resident_bytes = message->bytes;
        if (report->state != MODEL_WAITING && report->state != MODEL_LOADING)
            slot->was_available[message->index] = report->available;
        *changed = true;
        return true;
    case HOST_LOG:
        log_write(slot->set->options.log, message->severity, message->text,
                  LOG_FIELDS(log_integer("slot", slot->index)));
        return true;
    default: return false;
    }
}

void host_forget_models(host_slot *slot)
{
    const host_engines *offered = slot->set->options.offered;
    slot->report.model_count = offered->model_count;
    slot->report.resident_bytes = 0;
    for (size_t i = 0; i < offered->model_count; i++) {
        model_report *report = &slot->report.models[i];
        *report = (model_report){.fallback = offered->models[i].fallback, .bytes = offered->models[i].bytes};
        memcpy(report->name, offered->models[i].name, strlen(offered->models[i].name) + 1);
    }
}

/* ---- Starting and ending -------------------------------------------------------------------------------------- */

static double restart_delay(uint32_t early_ends)
{
    double delay = RESTART_SECONDS;
    for (uint32_t i = 1; i < early_ends && delay < RESTART_SECONDS_MAX; i++)
        delay *= 2.0;
    return early_ends == 0 ? 0.0 : delay < RESTART_SECONDS_MAX ? delay : RESTART_SECONDS_MAX;
}

static void start(host_slot *slot)
{
    pid_t process = 0;
    int failure = host_spawn(slot->set, &process, &slot->socket);
    slot->had_orders = slot->stopped = slot->forced = false;
    slot->born = clock_now_seconds();
    if (failure != 0) {
        slot->early_ends++;
        slot->restart_at = slot->born + restart_delay(slot->early_ends);
        snprintf(slot->report.last_end, sizeof slot->report.last_end, "not started: %s", strerrordesc_np(failure));
        log_slot(slot, LOG_ERROR, "an engine process could not be started", slot->report.last_end);
        pthread_cond_broadcast(&slot->moved);
        return;
    }
    slot->report.process = process;
    slot->report.starts++;
    set_life(slot, HOST_STARTING);
    host_reader_reset(&slot->reader);
    buffer first;
    buffer_open(&first, 64);
    host_write_start(&first, slot->set->options.memory_budget_bytes);
    /* A fresh socket takes these few bytes whole. */
    bool sent =
        !buffer_failed(&first) && send(slot->socket, first.data, first.size, MSG_NOSIGNAL) == (ssize_t)first.size;
    buffer_close(&first);
    if (sent)
        host_watch(slot);
    else
        host_begin_end(slot, "it could not be told to start");
}

void host_begin_end(host_slot *slot, const char *fault)
{
    if (slot->life == HOST_READY || slot->life == HOST_STARTING)
        host_unwatch(slot);
    close(slot->socket);
    slot->socket = -1;
    host_reader_reset(&slot->reader);
    set_life(slot, HOST_ENDING);
    if (fault != NULL) {
        log_slot(slot, LOG_ERROR, "an engine process is ended for what it did", fault);
        slot->forced = true;
        kill(slot->report.process, SIGKILL);
    }
}

static bool is_loading(const host_slot *slot)
{
    for (size_t i = 0; i < slot->report.model_count; i++)
        if (slot->report.models[i].state == MODEL_LOADING)
            return true;
    return false;
}

/* The process is reaped: takes note, and decides when the next one starts. */
static void note_end(host_slot *slot, int wait_status, bool stopping)
{
    double now = clock_now_seconds();
    host_write_end(wait_status, slot->report.last_end, sizeof slot->report.last_end);
    if (!stopping) {
        if (!slot->stopped)
            slot->report.crashes++;
        bool early = now - slot->born < GROWN_UP_SECONDS && (!slot->had_orders || is_loading(slot));
        slot->early_ends = early ? slot->early_ends + 1 : 0;
        log_slot(slot, LOG_ERROR,
                 slot->stopped ? "an engine process that hung has ended" : "an engine process has ended",
                 slot->report.last_end);
    }
    slot->restart_at = now + restart_delay(slot->early_ends);
    slot->report.process = 0;
    slot->ends++;
    host_forget_models(slot);
    set_life(slot, HOST_DOWN);
}

bool host_is_dead(const host_slot *slot)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)slot->report.process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* ---- Receiving while idle ------------------------------------------------------------------------------------- */

static bool take_hello(host_slot *slot, const host_message *message)
{
    if (slot->life != HOST_STARTING || message->kind != HOST_HELLO || strcmp(message->version, lumen_version()) != 0)
        return false;
    set_life(slot, HOST_READY);
    log_slot(slot, LOG_INFO, "an engine process is ready", NULL);
    return true;
}

/* Looks at all messages that are there. False when the process is being ended. */
static bool read_messages(host_slot *slot, bool *changed)
{
    host_read step;
    while ((step = host_reader_next(&slot->reader, &slot->message)) == HOST_READ_MESSAGE) {
        bool expected =
            slot->life == HOST_STARTING ? take_hello(slot, &slot->message) : host_note(slot, &slot->message, changed);
        *changed = *changed || slot->message.kind == HOST_HELLO;
        if (slot->message.kind == HOST_SHAPE)
            blob_release(slot->message.packed);
        if (!expected) {
            host_begin_end(slot, "it spoke out of turn, or is of another version");
            return false;
        }
    }
    if (step == HOST_READ_WRONG) {
        char fault[sizeof slot->reader.fault];
        memcpy(fault, slot->reader.fault, sizeof fault);
        host_begin_end(slot, fault);
        return false;
    }
    return true;
}

/* An idle process has something to say, or has hung up. */
static void receive(host_slot *slot, bool *changed)
{
    for (int i = 0; i < RECEIVES_AT_ONCE; i++) {
        size_t room;
        unsigned char *space = host_reader_space(&slot->reader, &room);
        ssize_t size = recv(slot->socket, space, room, MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size <= 0) {
            host_begin_end(slot, NULL);
            *changed = true;
            return;
        }
        host_reader_received(&slot->reader, (size_t)size);
        if (!read_messages(slot, changed)) {
            *changed = true;
            return;
        }
    }
}

/* ---- The thread ----------------------------------------------------------------------------------------------- */

static void reap(host_slot *slot, double now, bool stopping, bool *changed)
{
    int wait_status;
    pid_t reaped = waitpid(slot->report.process, &wait_status, WNOHANG);
    if (reaped == slot->report.process) {
        note_end(slot, wait_status, stopping);
        *changed = true;
    } else if (!slot->forced && now - slot->since >= (stopping ? POLITE_SECONDS : FAREWELL_SECONDS)) {
        slot->forced = true;
        kill(slot->report.process, SIGKILL);
    }
}

/* Brings a slot's life as far as it can go now. Returns the seconds until it must be looked at again. With its lock. */
static double tend(host_slot *slot, bool stopping, bool *changed)
{
    double now = clock_now_seconds();
    if (stopping && slot->running && !slot->forced) {
        slot->forced = true; /* nobody should have left work here: it ends at once */
        kill(slot->report.process, SIGKILL);
    }
    if (stopping && !slot->running && (slot->life == HOST_STARTING || slot->life == HOST_READY))
        host_begin_end(slot, NULL);
    if (slot->life == HOST_STARTING && now - slot->since > HELLO_SECONDS)
        host_begin_end(slot, "it did not say hello in time");
    if (slot->life == HOST_READY && !slot->running && now - slot->since > LOOK_SECONDS && host_is_dead(slot))
        host_begin_end(slot, NULL); /* its socket is held open by a child of its own */
    if (slot->life == HOST_ENDING)
        reap(slot, now, stopping, changed);
    if (slot->life == HOST_DOWN && !stopping && clock_now_seconds() >= slot->restart_at)
        start(slot);
    switch (slot->life) {
    case HOST_DOWN: return stopping ? LOOK_SECONDS : slot->restart_at - clock_now_seconds();
    case HOST_ENDING: return REAP_SECONDS;
    case HOST_STARTING:
    case HOST_READY: break;
    }
    return LOOK_SECONDS;
}

/* Tends all slots. False when the set is stopping and nothing is left to wait for. */
static bool tend_all(host_set *set, bool *changed, double *wait)
{
    bool stopping = is_stopping(set);
    bool left = false;
    *wait = LOOK_SECONDS;
    for (uint32_t i = 0; i < set->slot_count; i++) {
        host_slot *slot = &set->slots[i];
        pthread_mutex_lock(&slot->lock);
        double next = tend(slot, stopping, changed);
        bool stuck = slot->life == HOST_ENDING && clock_now_seconds() - slot->since > POLITE_SECONDS + GIVE_UP_SECONDS;
        if (slot->life != HOST_DOWN && !stuck)
            left = true;
        else if (stopping && stuck)
            log_slot(slot, LOG_ERROR, "an engine process does not end, not even killed; it is left behind", NULL);
        pthread_mutex_unlock(&slot->lock);
        *wait = next < *wait ? next : *wait;
    }
    return left || !stopping;
}

static void receive_from(host_set *set, uint32_t index, bool *changed)
{
    if (index == WAKE) {
        eventfd_t value;
        eventfd_read(set->wake, &value);
        return;
    }
    host_slot *slot = &set->slots[index];
    pthread_mutex_lock(&slot->lock);
    /* The event may be older than what happened to the slot meanwhile. */
    if (!slot->running && (slot->life == HOST_STARTING || slot->life == HOST_READY))
        receive(slot, changed);
    pthread_mutex_unlock(&slot->lock);
}

void *host_supervise(void *argument)
{
    host_set *set = argument;
    for (;;) {
        bool changed = false;
        double wait;
        bool on = tend_all(set, &changed, &wait);
        if (changed && set->options.changed != NULL)
            set->options.changed(set->options.user);
        if (!on)
            return NULL;
        struct epoll_event events[EVENTS_AT_ONCE];
        int milliseconds = wait <= 0.0 ? 0 : (int)(wait * 1e3) + 1;
        int count = epoll_wait(set->watch, events, EVENTS_AT_ONCE, milliseconds);
        changed = false;
        for (int i = 0; i < count; i++)
            receive_from(set, events[i].data.u32, &changed);
        if (changed && set->options.changed != NULL)
            set->options.changed(set->options.user);
    }
}
