/*
 * internal.h: what the files of the host room share on the side of the service.
 *
 *     host.c         opening, closing, reports
 *     supervisor.c   the thread that starts, watches while idle, and reaps the processes
 *     spawn.c        how one process is started, and how its end reads
 *     batch.c        the backend's run: one batch of orders through one process
 *
 * A slot has one process at a time, which goes
 *
 *     down -> starting (hello awaited) -> ready -> ending (hung up, to be reaped) -> down
 *
 * Only the supervisor starts and reaps, under the slot's lock, so that whoever signals a process under that lock hits
 * the right one. A ready process's socket and reader belong to the supervisor (under the lock) while the slot is idle,
 * and to the slot's own thread (without it) while `running` is set.
 */
#ifndef LUMEN_HOST_INTERNAL_H
#define LUMEN_HOST_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "host/host.h"
#include "host/protocol.h"

typedef enum host_life { HOST_DOWN, HOST_STARTING, HOST_READY, HOST_ENDING } host_life;

typedef struct host_slot {
    host_set *set;
    uint32_t index;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* life has changed */

    /* Under the lock. */
    host_life life;
    bool running;                   /* a batch is in the process's hands */
    bool had_orders;                /* this process has been given work */
    bool stopped;                   /* this process was sent SIGKILL by the backend's kill */
    bool forced;                    /* ... or by the supervisor */
    double since;                   /* when its life became what it is */
    double born;                    /* when the process was started */
    double restart_at;              /* of HOST_DOWN */
    uint32_t early_ends;            /* in a row: processes that ended before they could work */
    uint64_t ends;                  /* processes reaped so far */
    bool was_available[MODELS_MAX]; /* as last heard from any process of the slot that knew */
    host_report report;

    /* Of the socket's owner. */
    int socket; /* -1: none */
    host_reader reader;
    host_message message; /* the one being looked at */

    /* Of the slot's thread. */
    buffer out;
    size_t out_sent;
    uint64_t batch;
} host_slot;

struct host_set {
    host_options options;
    const char *arguments[HOST_ARGUMENTS_MAX + 2]; /* with the descriptor's number and the end */
    pthread_t supervisor;
    int watch; /* epoll: sockets of idle slots, and `wake` */
    int wake;  /* eventfd */
    pthread_mutex_t lock;
    bool stopping; /* under the lock */
    uint32_t slot_count;
    host_slot slots[HOST_SLOTS_MAX];
};

/* ---- spawn.c -------------------------------------------------------------------------------------------------- */

/* Starts the program; *socket is our end. Returns an errno value, 0 when it runs. */
int host_spawn(const host_set *set, pid_t *process, int *socket);

/* "signal 11 (Segmentation fault)", "exit status 3". */
void host_write_end(int wait_status, char *text, size_t capacity);

/* ---- supervisor.c --------------------------------------------------------------------------------------------- */

void *host_supervise(void *set);
void host_wake_supervisor(host_set *set);

/* Puts a ready, idle slot's socket under watch, or takes it away. With the slot's lock. */
void host_watch(host_slot *slot);
void host_unwatch(host_slot *slot);

/* Hangs up; the supervisor goes on from there. `fault` (may be NULL) says what the process did wrong, and then it is
 * killed at once. With the slot's lock; not while a batch runs. */
void host_begin_end(host_slot *slot, const char *fault);

/* Whether the process has ended, reaped or not: asked by the socket's owner. */
bool host_is_dead(const host_slot *slot);

/* What may come at any time: models and log lines. False: the message is none of these. With the slot's lock;
 * *changed is set when somebody should be told. */
bool host_note(host_slot *slot, const host_message *message, bool *changed);

/* All models are waiting again: no process has said otherwise. */
void host_forget_models(host_slot *slot);

/* ---- batch.c -------------------------------------------------------------------------------------------------- */

void host_run(void *set, uint32_t slot, executor_work *const *works, size_t count);

#endif
