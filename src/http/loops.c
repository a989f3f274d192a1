/*
 * loops.c: the threads that run libmicrohttpd, each with a daemon of its own.
 *
 * libmicrohttpd can start such threads itself, but its epoll loop (0.9.75) goes on gathering events while it gets 128
 * at a time, and waits without end for more before it looks at those it has: when exactly so many connections are ready
 * and no more come, they are never served. Run from outside (MHD_run) it never waits, and we wait here instead: for the
 * readiness of its epoll descriptor, which poll(2) tells without taking the events, and for a descriptor of our own,
 * since a run may take the library's own call for a resumed connection and look at that only the next time.
 * New sockets come through a queue, because a daemon that is run from outside takes them on whatever thread adds them.
 */
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/internal.h"

enum { WAIT_MAX_MS = 1000 };

/* Gives the library the sockets that came. */
static void take_incoming(loop *self)
{
    pthread_mutex_lock(&self->lock);
    size_t count = self->incoming_count;
    incoming taken[HTTP_INCOMING_MAX];
    memcpy(taken, self->incoming, count * sizeof *taken);
    self->incoming_count = 0;
    pthread_mutex_unlock(&self->lock);
    /* It closes the socket itself where it cannot take it. */
    for (size_t i = 0; i < count; i++)
        MHD_add_connection(self->daemon, taken[i].socket, (const struct sockaddr *)&taken[i].address, taken[i].size);
}

static void *run(void *user)
{
    loop *self = user;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd ready[] = {{.fd = self->wake, .events = POLLIN}, {.fd = info->epoll_fd, .events = POLLIN}};
    while (!atomic_load_explicit(&self->server->loops_end, memory_order_acquire)) {
        MHD_UNSIGNED_LONG_LONG milliseconds = WAIT_MAX_MS;
        int wait = MHD_get_timeout(self->daemon, &milliseconds) == MHD_YES && milliseconds < WAIT_MAX_MS
                       ? (int)milliseconds
                       : WAIT_MAX_MS;
        uint64_t count;
        if (wait > 0 && poll(ready, sizeof ready / sizeof *ready, wait) > 0 && ready[0].revents != 0 &&
            read(self->wake, &count, sizeof count) < 0)
            continue; /* nobody had called after all */
        take_incoming(self);
        MHD_run(self->daemon);
    }
    take_incoming(self); /* to be closed with the others */
    return NULL;
}

static void wake(loop *one)
{
    const uint64_t once = 1;
    if (write(one->wake, &once, sizeof once) < 0)
        log_write(one->server->log, LOG_ERROR, "a thread of the HTTP server cannot be woken", LOG_NO_FIELDS);
}

void loops_resume(connection *link)
{
    loop *one = link->loop; /* the connection may be gone when it has been resumed */
    MHD_resume_connection(link->raw);
    wake(one);
}

static bool queue_socket(loop *one, int socket, const struct sockaddr *address, socklen_t size)
{
    pthread_mutex_lock(&one->lock);
    bool taken = one->incoming_count < HTTP_INCOMING_MAX;
    if (taken) {
        incoming *last = &one->incoming[one->incoming_count++];
        last->socket = socket;
        last->size = size;
        memcpy(&last->address, address, size);
    }
    pthread_mutex_unlock(&one->lock);
    wake(one);
    return taken;
}

void loops_add(http_server *server, int socket, const struct sockaddr *address, socklen_t size)
{
    static const struct timespec nap = {.tv_nsec = 500000};
    loop *one = &server->loops[server->next_loop++ % server->loop_count];
    /* A thread that is behind makes the listener wait, and further clients wait in the kernel's queue. */
    while (!queue_socket(one, socket, address, size))
        nanosleep(&nap, NULL);
}

loop *loops_find(http_server *server, struct MHD_Connection *raw)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(raw, MHD_CONNECTION_INFO_DAEMON);
    for (unsigned i = 0; i < server->loop_count; i++)
        if (server->loops[i].daemon == info->daemon)
            return &server->loops[i];
    return &server->loops[0];
}

/* Threads inherit how they are scheduled. As batches (sched(7)) these threads do not interrupt whoever runs when they
 * wake, so that each finishes what it has begun: with more threads than cores that gives shorter waits and a tenth more
 * answers (docs/performance.md). False when nothing was changed. */
static bool begin_batch_scheduling(void)
{
    const struct sched_param none = {0};
    return sched_getscheduler(0) == SCHED_OTHER && sched_setscheduler(0, SCHED_BATCH, &none) == 0;
}

static void end_batch_scheduling(bool begun)
{
    const struct sched_param none = {0};
    if (begun)
        sched_setscheduler(0, SCHED_OTHER, &none);
}

lumen_status loops_start(http_server *server, lumen_error *error)
{
    bool batch = begin_batch_scheduling();
    bool good = true;
    for (unsigned i = 0; good && i < server->loop_count; i++) {
        loop *one = &server->loops[i];
        good = pthread_create(&one->thread, NULL, run, one) == 0;
        one->runs = good;
    }
    end_batch_scheduling(batch);
    return good ? LUMEN_OK : lumen_fail_memory(error, "the threads of the HTTP server");
}

void loops_stop(http_server *server)
{
    atomic_store_explicit(&server->loops_end, true, memory_order_release);
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (!server->loops[i].runs)
            continue;
        wake(&server->loops[i]);
        pthread_join(server->loops[i].thread, NULL);
        server->loops[i].runs = false;
    }
}
