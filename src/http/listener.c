/*
 * listener.c: the listening sockets, and the thread that accepts.
 *
 * The room accepts by itself and hands the sockets to libmicrohttpd, for three reasons: every address of a name can be
 * listened on; connections spread evenly over its threads; and taking no more of them needs no MHD_quiesce_daemon,
 * which in 0.9.75 can end the process when its threads are busy (two threads remove the same socket from an epoll set).
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "http/internal.h"

enum { ACCEPT_PAUSE_MS = 50 };

/* ---- Binding --------------------------------------------------------------------------------------------------- */

static void set_option(int socket, int level, int option, int value)
{
    /* Accepted sockets inherit these; none of them is vital, so failure is no reason to stop. */
    (void)setsockopt(socket, level, option, &value, sizeof value);
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct addrinfo *found, uint16_t port)
{
    struct sockaddr_storage address;
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    if (address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&address)->sin_port = htons(port);
    int listening = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0)
        return -1;
    set_option(listening, SOL_SOCKET, SO_REUSEADDR, 1);
    /* "::" takes IPv4 as well, whatever the system's default is. */
    if (address.ss_family == AF_INET6)
        set_option(listening, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_option(listening, IPPROTO_TCP, TCP_NODELAY, 1);
    /* A client that vanished without a word (no power, no network) is noticed within a minute and a half. */
    set_option(listening, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(listening, IPPROTO_TCP, TCP_KEEPIDLE, 45);
    set_option(listening, IPPROTO_TCP, TCP_KEEPINTVL, 15);
    set_option(listening, IPPROTO_TCP, TCP_KEEPCNT, 3);
    if (bind(listening, (const struct sockaddr *)&address, found->ai_addrlen) != 0 ||
        listen(listening, SOMAXCONN) != 0) {
        int reason = errno;
        close(listening);
        errno = reason;
        return -1;
    }
    return listening;
}

static uint16_t port_of(int listening)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(listening, (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                               : ((const struct sockaddr_in *)&address)->sin_port);
}

static lumen_status fail_to_bind(lumen_error *error, const char *address, uint16_t port, int reason)
{
    const char *mend = reason == EADDRINUSE ? "stop the other program, or choose another port (0: any that is free)"
                       : reason == EADDRNOTAVAIL ? "choose an address of this machine, such as 127.0.0.1"
                       : reason == EACCES        ? "choose a port of 1024 or more"
                                                 : "choose another address or port";
    return lumen_fail(error, LUMEN_ERROR_IO, "cannot listen on %s port %u: %s; %s", address, (unsigned)port,
                      strerror(reason), mend);
}

lumen_status listener_bind(http_server *server, const char *address, uint16_t port, lumen_error *error)
{
    struct addrinfo wish = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int fault = getaddrinfo(address, NULL, &wish, &found);
    if (fault != 0)
        return lumen_fail(error, LUMEN_ERROR_IO, "the address %s cannot be resolved: %s; give one such as 127.0.0.1",
                          address, fault == EAI_SYSTEM ? strerror(errno) : gai_strerror(fault));
    int reason = EADDRNOTAVAIL;
    bool taken = false;
    server->port = port;
    for (const struct addrinfo *each = found; each != NULL && server->listener_count < HTTP_LISTENERS_MAX;
         each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6)
            continue;
        int listening = listen_on(each, server->port);
        if (listening < 0) {
            /* A name may have an address that this machine lacks (::1 without IPv6); a port that is taken is an error
             * even then, since half of the clients would reach the other program. */
            reason = taken ? reason : errno;
            taken = taken || errno == EADDRINUSE;
            continue;
        }
        server->listeners[server->listener_count++] = listening;
        if (server->port == 0)
            server->port = port_of(listening);
    }
    freeaddrinfo(found);
    if (server->listener_count == 0 || (taken && port != 0))
        return fail_to_bind(error, address, port, reason);
    return LUMEN_OK;
}

/* ---- Accepting ------------------------------------------------------------------------------------------------- */

static bool is_full(http_server *server)
{
    return atomic_load_explicit(&server->connection_count, memory_order_relaxed) >= server->connections_max;
}

/* Accepts what is there. False: the limit is reached, or descriptors or memory ran out; better to wait a little. */
static bool accept_some(http_server *server, int listening)
{
    for (int i = 0; i < 64; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int socket = accept4(listening, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0)
            return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
        atomic_fetch_add_explicit(&server->accepted, 1, memory_order_relaxed);
        loops_add(server, socket, (const struct sockaddr *)&address, size);
        if (is_full(server))
            return false;
    }
    return true;
}

static void *listen_for_ever(void *user)
{
    http_server *server = user;
    struct pollfd sockets[HTTP_LISTENERS_MAX + 1] = {{.fd = server->listener_wake, .events = POLLIN}};
    for (size_t i = 0; i < server->listener_count; i++)
        sockets[i + 1] = (struct pollfd){.fd = server->listeners[i], .events = POLLIN};
    bool told = false;
    while (!atomic_load_explicit(&server->quiescing, memory_order_acquire)) {
        if (poll(sockets, (nfds_t)server->listener_count + 1, -1) <= 0)
            continue;
        /* At the limit further clients wait in the kernel's queue until somebody leaves. */
        bool pause = is_full(server);
        for (size_t i = 1; i <= server->listener_count && !pause; i++)
            pause = sockets[i].revents != 0 && !accept_some(server, sockets[i].fd);
        if (pause && !told)
            log_write(server->log, LOG_WARNING, "no more connections can be accepted until others are closed",
                      LOG_FIELDS(log_integer("connections", atomic_load(&server->connection_count)),
                                 log_integer("limit", server->connections_max)));
        told = pause;
        if (pause)
            poll(sockets, 1, ACCEPT_PAUSE_MS);
    }
    return NULL;
}

lumen_status listener_start(http_server *server, lumen_error *error)
{
    if (pthread_create(&server->listener, NULL, listen_for_ever, server) != 0)
        return lumen_fail_memory(error, "the thread that accepts connections");
    server->listener_runs = true;
    return LUMEN_OK;
}

void listener_stop(http_server *server)
{
    atomic_store(&server->quiescing, true);
    if (server->listener_runs) {
        uint64_t one = 1;
        if (write(server->listener_wake, &one, sizeof one) < 0)
            log_write(server->log, LOG_ERROR, "the thread that accepts connections cannot be woken", LOG_NO_FIELDS);
        pthread_join(server->listener, NULL);
        server->listener_runs = false;
    }
    for (size_t i = 0; i < server->listener_count; i++)
        close(server->listeners[i]);
    server->listener_count = 0;
}
