/*
 * sweeper.c: the thread that sees what libmicrohttpd does not.
 *
 * Again and again it
 *   - shuts the connections whose deadline has passed. libmicrohttpd notices the shut socket and ends the connection in
 *     its own thread; nothing else may close a socket that it uses. The list is locked meanwhile, and a connection
 *     leaves the list before its socket is closed, so that a descriptor used anew is never touched;
 *   - asks the kernel which of the clients that wait for an answer, or read a stream, have left: libmicrohttpd does not
 *     look at suspended connections;
 *   - reads and throws away what clients still send whose answer went out early.
 * Without connections it sleeps until one comes.
 */
#include <errno.h>
#include <linux/tcp.h> /* the C library's own tcp_info ends before tcpi_bytes_received */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/internal.h"

#define LINGER_QUIET_NS 5000000000u /* a client that sends nothing for so long is not sending */
enum {
    LINGER_BYTES_MAX = 32 * 1024 * 1024,
    LINGER_ROUND_BYTES = 1024 * 1024,
    FIRST_BYTE_CHECKS = 4,
    STATE_CLOSE_WAIT = 8
};

typedef struct lingering {
    int socket;
    uint64_t bytes, heard_ns, end_ns;
} lingering;

typedef struct sweep {
    http_server *server;
    lingering lingering[HTTP_LINGERING_MAX];
    size_t lingering_count;
    struct pollfd *watched; /* room for `watched_room` waiting exchanges */
    http_exchange **exchanges;
    size_t watched_room;
    char waste[64 * 1024];
} sweep;

void sweeper_wake(http_server *server)
{
    uint64_t one = 1;
    if (write(server->sweeper_wake, &one, sizeof one) < 0 && errno != EAGAIN)
        log_write(server->log, LOG_ERROR, "the thread that watches connections cannot be woken", LOG_NO_FIELDS);
}

/* ---- Deadlines ------------------------------------------------------------------------------------------------- */

/* Asks the kernel about an idle connection: has the client closed its side, and have bytes come? */
static void ask_kernel(connection *link, uint64_t now)
{
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    socklen_t size = sizeof info;
    if (getsockopt(link->socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return;
    if (!link->asked)
        link->seen_bytes = link->seen_requests == 0 ? 0 : info.tcpi_bytes_received;
    if (info.tcpi_bytes_received > link->seen_bytes)
        link->first_byte_ns = now;
    link->ended = info.tcpi_state == STATE_CLOSE_WAIT;
    link->asked = true;
    link->seen_ns = now;
}

/*
 * libmicrohttpd says nothing before the first line of a request is complete, so the kernel is asked, once at the
 * second sight of an idle connection (a busy one is never seen twice) and then a few times in the time that headers may
 * take, whether bytes have come: from then on that time runs. What came before is not noticed; such a request has
 * idle_seconds.
 *
 * The end of a client that sent it along with its request is not noticed by libmicrohttpd either (the one edge of
 * epoll told of both), and the client may be waiting for our end.
 */
static bool idle_is_over(connection *link, uint64_t now)
{
    const http_server *server = link->server;
    unsigned requests = atomic_load_explicit(&link->requests, memory_order_relaxed);
    if (link->seen_ns == 0 || requests != link->seen_requests) {
        link->seen_requests = requests;
        link->seen_ns = now;
        link->first_byte_ns = 0;
        link->asked = false;
        return false;
    }
    if (!link->asked || (link->first_byte_ns == 0 && now - link->seen_ns >= server->header_ns / FIRST_BYTE_CHECKS))
        ask_kernel(link, now);
    return link->ended || (link->first_byte_ns != 0 && now > link->first_byte_ns + server->header_ns);
}

static bool is_late(connection *link, uint64_t now)
{
    unsigned where = atomic_load_explicit(&link->phase, memory_order_acquire);
    if (where == PHASE_IDLE && idle_is_over(link, now))
        return true;
    return now > atomic_load_explicit(&link->deadline_ns, memory_order_relaxed);
}

static void shut_late(http_server *server, uint64_t now)
{
    pthread_mutex_lock(&server->connections_lock);
    for (connection *link = server->connections; link != NULL; link = link->next) {
        if (link->late)
            continue;
        bool late = is_late(link, now);
        if (!late && !server->shutting)
            continue;
        link->late = true;
        if (late && !link->ended)
            atomic_fetch_add_explicit(&server->timed_out, 1, memory_order_relaxed);
        shutdown(link->socket, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->connections_lock);
}

/* ---- Clients that leave ---------------------------------------------------------------------------------------- */

/* Room for all that wait; false when memory runs out: then some are looked at later. */
static bool make_room(sweep *now, size_t count)
{
    if (count <= now->watched_room)
        return true;
    size_t room = count + count / 2 + 16;
    struct pollfd *watched = realloc(now->watched, room * sizeof *watched);
    if (watched != NULL)
        now->watched = watched;
    http_exchange **exchanges = realloc(now->exchanges, room * sizeof *exchanges);
    if (exchanges != NULL)
        now->exchanges = exchanges;
    if (watched == NULL || exchanges == NULL)
        return false;
    now->watched_room = room;
    return true;
}

/* Collects in now->exchanges those whose client left, marked `abandoning`. While an exchange is listed its socket is
 * open: it leaves the list before it is resumed, and a stream before its connection is closed. */
static size_t find_left(sweep *now, uint64_t time)
{
    http_server *server = now->server;
    pthread_mutex_lock(&server->waiting_lock);
    size_t count = 0, left = 0;
    make_room(now, server->waiting_count);
    for (http_exchange *each = server->waiting; each != NULL && count < now->watched_room; each = each->waiting_next) {
        now->watched[count] = (struct pollfd){.fd = each->connection->socket, .events = POLLRDHUP};
        now->exchanges[count++] = each;
    }
    if (count > 0 && poll(now->watched, (nfds_t)count, 0) < 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        http_exchange *each = now->exchanges[i];
        bool gone = now->watched[i].revents != 0 || server->shutting;
        if (!gone && each->answered && each->answer.stream != NULL) {
            uint64_t since = stream_stuck_since(each->answer.stream);
            gone = since != HTTP_NEVER && time > since && time - since > server->send_ns;
            if (gone)
                atomic_fetch_add_explicit(&server->timed_out, 1, memory_order_relaxed);
        }
        if (!gone)
            continue;
        waiting_remove(each);
        each->left = true;
        each->abandoning = true;
        now->exchanges[left++] = each;
    }
    pthread_mutex_unlock(&server->waiting_lock);
    return left;
}

static void tell_left(sweep *now, size_t left)
{
    http_server *server = now->server;
    for (size_t i = 0; i < left; i++) {
        http_exchange *exchange = now->exchanges[i];
        atomic_fetch_add_explicit(&server->abandoned, 1, memory_order_relaxed);
        if (server->handler.abandoned != NULL)
            server->handler.abandoned(server->handler.user, exchange);
        pthread_mutex_lock(&server->waiting_lock);
        exchange->abandoning = false;
        /* An answer that came meanwhile left the waking to us. */
        if (exchange->waiting && exchange->answered && !exchange->resumed) {
            exchange->resumed = true;
            loops_resume(exchange->connection);
        } else if (exchange->answered && exchange->answer.stream != NULL) {
            stream_leave(exchange->answer.stream);
        }
        pthread_cond_broadcast(&server->abandoned_returned);
        pthread_mutex_unlock(&server->waiting_lock);
    }
}

/* ---- Lingering ------------------------------------------------------------------------------------------------- */

void sweeper_linger(http_server *server, int socket)
{
    bool taken = false;
    pthread_mutex_lock(&server->connections_lock);
    if (server->lingering_new_count < HTTP_LINGERING_MAX && !server->shutting) {
        server->lingering_new[server->lingering_new_count++] = socket;
        taken = true;
    }
    pthread_mutex_unlock(&server->connections_lock);
    if (taken)
        sweeper_wake(server);
    else
        close(socket);
}

static void take_lingering(sweep *now, uint64_t time)
{
    http_server *server = now->server;
    pthread_mutex_lock(&server->connections_lock);
    for (size_t i = 0; i < server->lingering_new_count; i++) {
        int socket = server->lingering_new[i];
        if (now->lingering_count == HTTP_LINGERING_MAX)
            close(socket);
        else
            now->lingering[now->lingering_count++] =
                (lingering){.socket = socket, .heard_ns = time, .end_ns = time + server->body_ns};
    }
    server->lingering_new_count = 0;
    pthread_mutex_unlock(&server->connections_lock);
}

/* Reads what is there. False: the client has closed, or had its chance. */
static bool linger_on(sweep *now, lingering *one, uint64_t time)
{
    for (size_t round = 0; round < LINGER_ROUND_BYTES / sizeof now->waste; round++) {
        ssize_t size = recv(one->socket, now->waste, sizeof now->waste, MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (size < 0)
            break;
        one->heard_ns = time;
        one->bytes += (uint64_t)size;
    }
    return one->bytes <= LINGER_BYTES_MAX && time < one->end_ns && time - one->heard_ns < LINGER_QUIET_NS;
}

static void linger(sweep *now, uint64_t time)
{
    take_lingering(now, time);
    size_t kept = 0;
    for (size_t i = 0; i < now->lingering_count; i++) {
        if (linger_on(now, &now->lingering[i], time))
            now->lingering[kept++] = now->lingering[i];
        else
            close(now->lingering[i].socket);
    }
    now->lingering_count = kept;
}

/* ---- The thread ------------------------------------------------------------------------------------------------ */

/* Sleeps until the next tick, or until there is something to read. */
static void rest(sweep *now, uint64_t until)
{
    http_server *server = now->server;
    struct pollfd sockets[HTTP_LINGERING_MAX + 1] = {{.fd = server->sweeper_wake, .events = POLLIN}};
    for (size_t i = 0; i < now->lingering_count; i++)
        sockets[i + 1] = (struct pollfd){.fd = now->lingering[i].socket, .events = POLLIN};
    bool nobody = now->lingering_count == 0 && atomic_load(&server->connection_count) == 0;
    uint64_t time = clock_now_ns();
    struct timespec span = {0};
    if (until > time) {
        span.tv_sec = (time_t)((until - time) / 1000000000u);
        span.tv_nsec = (long)((until - time) % 1000000000u);
    }
    if (ppoll(sockets, (nfds_t)now->lingering_count + 1, nobody ? NULL : &span, NULL) > 0 && sockets[0].revents != 0) {
        uint64_t count;
        if (read(server->sweeper_wake, &count, sizeof count) < 0)
            return; /* somebody else read it: as good */
    }
}

static void *sweep_for_ever(void *user)
{
    sweep *now = user;
    http_server *server = now->server;
    uint64_t next = 0, next_walk = 0;
    while (!atomic_load_explicit(&server->sweeper_ends, memory_order_acquire)) {
        uint64_t time = clock_now_ns();
        linger(now, time);
        bool shutting = atomic_load(&server->shutting);
        if (time >= next_walk || shutting) {
            shut_late(server, time);
            next_walk = time + server->walk_ns;
        }
        if (time >= next || shutting) {
            tell_left(now, find_left(now, time));
            next = time + server->tick_ns;
        }
        rest(now, next < next_walk ? next : next_walk);
    }
    take_lingering(now, 0);
    for (size_t i = 0; i < now->lingering_count; i++)
        close(now->lingering[i].socket);
    free(now->watched);
    free(now->exchanges);
    free(now);
    return NULL;
}

lumen_status sweeper_start(http_server *server, lumen_error *error)
{
    sweep *now = calloc(1, sizeof *now);
    if (now == NULL)
        return lumen_fail_memory(error, "the thread that watches connections");
    now->server = server;
    if (pthread_create(&server->sweeper, NULL, sweep_for_ever, now) != 0) {
        free(now);
        return lumen_fail_memory(error, "the thread that watches connections");
    }
    server->sweeper_runs = true;
    return LUMEN_OK;
}

void sweeper_stop(http_server *server)
{
    if (!server->sweeper_runs)
        return;
    atomic_store(&server->sweeper_ends, true);
    sweeper_wake(server);
    pthread_join(server->sweeper, NULL);
    server->sweeper_runs = false;
}
