/* server.c: the server's options, its connections, its start and its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "http/internal.h"

enum {
    CONNECTIONS_DEFAULT = 20000,
    DESCRIPTORS_RESERVED = 512, /* for everything but connections */
    BODY_DEFAULT = 64 * 1024,
    LARGE_BODIES_DEFAULT = 256 * 1024 * 1024,
    CONNECTION_SLACK = 256, /* accepted while the limit was being reached */
    TICK_MIN_MS = 5,        /* of the sweeper; with longer deadlines: */
    TICK_MAX_MS = 100,      /* who of those that wait has left? */
    WALK_MAX_MS = 250,      /* who of all is late? */
};

#define STOP_GRACE_NS 1000000000u

/* ---- Connections ----------------------------------------------------------------------------------------------- */

static void open_connection(http_server *server, struct MHD_Connection *raw, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(raw, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection *link = calloc(1, sizeof *link);
    *context = link;
    if (link == NULL)
        return; /* its requests will be dropped */
    link->server = server;
    link->loop = loops_find(server, raw);
    link->raw = raw;
    link->socket = info->connect_fd;
    link->exchange.connection = link;
    exchange_reset(&link->exchange);
    connection_enter(link, PHASE_IDLE, clock_now_ns() + server->idle_ns);
    pthread_mutex_lock(&server->connections_lock);
    link->next = server->connections;
    if (link->next != NULL)
        link->next->previous = link;
    server->connections = link;
    pthread_mutex_unlock(&server->connections_lock);
    if (atomic_fetch_add(&server->connection_count, 1) == 0)
        sweeper_wake(server);
}

/* The socket is still open, and will be closed when this returns. */
static void close_connection(http_server *server, connection *link)
{
    pthread_mutex_lock(&server->connections_lock);
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        server->connections = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    bool late = link->late;
    pthread_mutex_unlock(&server->connections_lock);
    /* Closing a socket with unread bytes, or to which more are coming, resets the connection, and the client may lose
     * an answer that it has not yet read. libmicrohttpd has said that nothing more will be sent; a second descriptor
     * keeps the socket open for what the client still says. */
    int unread = 0;
    if (!late && (link->linger || (ioctl(link->socket, FIONREAD, &unread) == 0 && unread > 0))) {
        int kept = fcntl(link->socket, F_DUPFD_CLOEXEC, 0);
        if (kept >= 0)
            sweeper_linger(server, kept);
    }
    free(link);
    atomic_fetch_sub(&server->connection_count, 1);
}

static void notice_connection(void *user, struct MHD_Connection *raw, void **context,
                              enum MHD_ConnectionNotificationCode event)
{
    http_server *server = user;
    if (event == MHD_CONNECTION_NOTIFY_STARTED)
        open_connection(server, raw, context);
    else if (*context != NULL)
        close_connection(server, *context);
}

/* ---- What libmicrohttpd says ----------------------------------------------------------------------------------- */

static void log_library(void *user, const char *format, va_list arguments)
{
    http_server *server = user;
    if (!log_wants(server->log, LOG_DEBUG))
        return;
    char text[256];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = 0;
    log_write(server->log, LOG_DEBUG, "libmicrohttpd", LOG_FIELDS(log_text("says", text)));
}

/* It has found its own state broken, and cannot go on. Must not return. */
static void end_in_panic(void *user, const char *file, unsigned line, const char *reason)
{
    log_write(user, LOG_ERROR, "libmicrohttpd cannot go on",
              LOG_FIELDS(log_text("reason", reason), log_text("file", file), log_integer("line", line)));
    dprintf(STDERR_FILENO, "libmicrohttpd cannot go on: %s (%s:%u)\n", reason != NULL ? reason : "", file, line);
    abort();
}

/* ---- Starting -------------------------------------------------------------------------------------------------- */

static uint64_t nanoseconds(double seconds, double otherwise)
{
    return (uint64_t)((seconds > 0 ? seconds : otherwise) * HTTP_SECOND_NS);
}

/* As many connections as the limit of open files allows, which is raised as far as the system lets us. */
static unsigned limit_connections(unsigned wanted, log_sink *log)
{
    unsigned limit = wanted != 0 ? wanted : CONNECTIONS_DEFAULT;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return limit;
    if (files.rlim_cur < files.rlim_max && files.rlim_cur < (rlim_t)limit + DESCRIPTORS_RESERVED) {
        struct rlimit more = {.rlim_cur = files.rlim_max, .rlim_max = files.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            files = more;
    }
    rlim_t reserved = files.rlim_cur / 4 < DESCRIPTORS_RESERVED ? files.rlim_cur / 4 : DESCRIPTORS_RESERVED;
    if (files.rlim_cur - reserved >= limit)
        return limit;
    if (wanted != 0)
        log_write(
            log, LOG_WARNING, "fewer connections than asked for: raise the limit of open files (ulimit -n)",
            LOG_FIELDS(log_integer("connections", (int64_t)(files.rlim_cur - reserved)), log_integer("asked", wanted)));
    return (unsigned)(files.rlim_cur - reserved);
}

static uint64_t tick(uint64_t wanted_ns, uint64_t most_ms)
{
    uint64_t most = most_ms * 1000000u, least = TICK_MIN_MS * 1000000u;
    return wanted_ns > most ? most : wanted_ns < least ? least : wanted_ns;
}

static void read_options(http_server *server, const http_options *options)
{
    server->log = options->log;
    server->body_bytes_max = options->body_bytes_max != 0 ? options->body_bytes_max : BODY_DEFAULT;
    server->large_bodies_bytes_max =
        options->large_bodies_bytes_max != 0 ? options->large_bodies_bytes_max : LARGE_BODIES_DEFAULT;
    server->header_ns = nanoseconds(options->header_seconds, 10);
    server->body_ns = nanoseconds(options->body_seconds, 30);
    server->idle_ns = nanoseconds(options->idle_seconds, 75);
    server->send_ns = nanoseconds(options->send_seconds, 30);
    server->send_bytes_per_second =
        options->send_bytes_per_second != 0 ? (double)options->send_bytes_per_second : 16384.0;
    server->connections_max = limit_connections(options->connections_max, options->log);
    uint64_t least = server->header_ns;
    least = server->body_ns < least ? server->body_ns : least;
    least = server->idle_ns < least ? server->idle_ns : least;
    least = server->send_ns < least ? server->send_ns : least;
    server->walk_ns = tick(least / 8, WALK_MAX_MS);
    server->tick_ns = tick(least / 8, TICK_MAX_MS);
}

static unsigned count_threads(unsigned wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted == 0)
        wanted = cores > 0 ? 2 * (unsigned)cores : 1;
    return wanted < HTTP_THREADS_MAX ? wanted : HTTP_THREADS_MAX;
}

static lumen_status start_library(http_server *server, unsigned threads, lumen_error *error)
{
    /* The listener keeps to connections_max and takes turns; the library's own limit lies above. */
    unsigned limit = (server->connections_max / threads + CONNECTION_SLACK) * 2;
    MHD_set_panic_func(end_in_panic, server->log);
    for (; server->loop_count < threads; server->loop_count++) {
        struct MHD_Daemon *daemon = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0,
            NULL, NULL, request_take, server, MHD_OPTION_EXTERNAL_LOGGER, log_library, server,
            MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t)HTTP_CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, request_end, server,
            MHD_OPTION_NOTIFY_CONNECTION, notice_connection, server, MHD_OPTION_URI_LOG_CALLBACK, request_notice,
            server, MHD_OPTION_END);
        if (daemon == NULL)
            return lumen_fail_memory(error, "the HTTP server (libmicrohttpd)");
        loop *one = &server->loops[server->loop_count];
        *one = (loop){.server = server, .daemon = daemon, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        pthread_mutex_init(&one->lock, NULL);
        if (one->wake < 0) {
            MHD_stop_daemon(daemon);
            return lumen_fail_memory(error, "the threads of the HTTP server");
        }
    }
    return loops_start(server, error);
}

static void free_server(http_server *server)
{
    listener_stop(server);
    loops_stop(server);
    for (unsigned i = 0; i < server->loop_count; i++)
        MHD_stop_daemon(server->loops[i].daemon);
    for (unsigned i = 0; i < server->loop_count; i++) {
        close(server->loops[i].wake);
        pthread_mutex_destroy(&server->loops[i].lock);
    }
    MHD_set_panic_func(NULL, NULL); /* the log may go now; one setting for the whole process */
    sweeper_stop(server);
    if (server->empty != NULL)
        MHD_destroy_response(server->empty);
    if (server->listener_wake >= 0)
        close(server->listener_wake);
    if (server->sweeper_wake >= 0)
        close(server->sweeper_wake);
    pthread_mutex_destroy(&server->connections_lock);
    pthread_mutex_destroy(&server->waiting_lock);
    pthread_mutex_destroy(&server->stop_lock);
    pthread_cond_destroy(&server->abandoned_returned);
    pthread_cond_destroy(&server->exchange_over);
    free(server);
}

lumen_status http_server_start(const http_options *options, const http_handler *handler, http_server **out,
                               lumen_error *error)
{
    *out = NULL;
    http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return lumen_fail_memory(error, "the HTTP server");
    server->handler = *handler;
    pthread_mutex_init(&server->connections_lock, NULL);
    pthread_mutex_init(&server->waiting_lock, NULL);
    pthread_mutex_init(&server->stop_lock, NULL);
    pthread_cond_init(&server->abandoned_returned, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->exchange_over, &monotonic);
    pthread_condattr_destroy(&monotonic);
    read_options(server, options);
    server->listener_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->sweeper_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->empty = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    lumen_status status = LUMEN_OK;
    if (server->listener_wake < 0 || server->sweeper_wake < 0 || server->empty == NULL)
        status = lumen_fail_memory(error, "the HTTP server");
    if (status == LUMEN_OK)
        status = listener_bind(server, options->address, options->port, error);
    if (status == LUMEN_OK)
        status = start_library(server, count_threads(options->threads), error);
    if (status == LUMEN_OK)
        status = sweeper_start(server, error);
    if (status == LUMEN_OK)
        status = listener_start(server, error);
    if (status != LUMEN_OK) {
        free_server(server);
        return status;
    }
    *out = server;
    return LUMEN_OK;
}

uint16_t http_server_port(const http_server *server)
{
    return server->port;
}

/* ---- Figures and stopping -------------------------------------------------------------------------------------- */

static uint64_t count_exchanges(http_server *server)
{
    uint64_t count = 0;
    pthread_mutex_lock(&server->connections_lock);
    for (const connection *link = server->connections; link != NULL; link = link->next)
        count += atomic_load(&link->phase) >= PHASE_BODY;
    pthread_mutex_unlock(&server->connections_lock);
    return count;
}

void http_server_read_figures(http_server *server, http_figures *figures)
{
    *figures = (http_figures){
        .connections = atomic_load(&server->connection_count),
        .exchanges = count_exchanges(server),
        .accepted = atomic_load(&server->accepted),
        .timed_out = atomic_load(&server->timed_out),
        .abandoned = atomic_load(&server->abandoned),
        .too_large = atomic_load(&server->too_large),
    };
    pthread_mutex_lock(&server->waiting_lock);
    for (const http_exchange *each = server->waiting; each != NULL; each = each->waiting_next)
        if (each->answered)
            figures->streams++;
        else
            figures->waiting++;
    pthread_mutex_unlock(&server->waiting_lock);
}

void http_server_quiesce(http_server *server)
{
    listener_stop(server);
}

/* Waits until no exchange is left, or the time is over. */
static bool wait_until_quiet(http_server *server, uint64_t until_ns)
{
    struct timespec until;
    bool quiet = false;
    pthread_mutex_lock(&server->stop_lock);
    while (!(quiet = count_exchanges(server) == 0) && clock_now_ns() < until_ns) {
        /* Ends of exchanges are told under the lock, but counted outside of it: look again now and then. */
        uint64_t look = clock_now_ns() + 10000000u;
        look = look < until_ns ? look : until_ns;
        until = (struct timespec){.tv_sec = (time_t)(look / 1000000000u), .tv_nsec = (long)(look % 1000000000u)};
        pthread_cond_timedwait(&server->exchange_over, &server->stop_lock, &until);
    }
    pthread_mutex_unlock(&server->stop_lock);
    return quiet;
}

bool http_server_stop(http_server *server, double seconds)
{
    if (server == NULL)
        return true;
    http_server_quiesce(server);
    uint64_t span = seconds > 0 ? (uint64_t)(seconds * HTTP_SECOND_NS) : 0;
    uint64_t until = clock_now_ns() + span;
    wait_until_quiet(server, until);
    /* From here on requests on connections that are still open are refused; some may have begun just before. */
    atomic_store(&server->stopping, true);
    if (!wait_until_quiet(server, until)) {
        atomic_store(&server->shutting, true);
        sweeper_wake(server);
        if (!wait_until_quiet(server, clock_now_ns() + span + STOP_GRACE_NS)) {
            log_write(server->log, LOG_ERROR, "the HTTP server cannot stop: answers are owed that did not come",
                      LOG_FIELDS(log_integer("exchanges", (int64_t)count_exchanges(server))));
            return false;
        }
    }
    /* Whoever gave the last answer may still be waking the library. */
    pthread_mutex_lock(&server->waiting_lock);
    pthread_mutex_unlock(&server->waiting_lock);
    free_server(server);
    return true;
}
