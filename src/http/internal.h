/*
 * internal.h: what the files of this room share. Not for other rooms.
 *
 * A connection holds one exchange at a time, and the same one again for its next request: HTTP/1.1 answers in order. So
 * an exchange costs no allocation, and lives as long as its connection, which libmicrohttpd cannot close while it is
 * suspended for an answer.
 *
 * Who may touch what:
 *   - The fields of a connection and its exchange belong to the connection's thread of libmicrohttpd; while the
 *     exchange waits, to whoever holds server->waiting_lock.
 *   - `phase` and `deadline_ns` are atomic: the sweeper reads them, and the hot path takes no lock for them.
 *   - The list of connections and closing a socket: server->connections_lock. Whoever holds it may use the sockets of
 *     the list.
 *   - Locks are taken in the order waiting_lock, stream lock, libmicrohttpd's own; connections_lock alone.
 */
#ifndef LUMEN_HTTP_INTERNAL_H
#define LUMEN_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "http/http.h"

enum {
    HTTP_BODY_INLINE = 256,           /* a body up to this size lies in the connection itself */
    HTTP_STREAM_BACKLOG = 256 * 1024, /* bytes that may wait in a stream */
    HTTP_LISTENERS_MAX = 8,           /* addresses of one name */
    HTTP_THREADS_MAX = 8,
    HTTP_LINGERING_MAX = 256,
    HTTP_INCOMING_MAX = 256, /* accepted, and not yet taken by their thread */
    /* What libmicrohttpd has for a connection: request line, headers and their list, then the headers of the answer. */
    HTTP_CONNECTION_MEMORY = 16 * 1024
};

#define HTTP_NEVER     UINT64_MAX
#define HTTP_SECOND_NS 1000000000.0

typedef struct connection connection;

/* Where a connection is on its way from request to request. */
typedef enum phase {
    PHASE_IDLE,      /* between requests */
    PHASE_HEADERS,   /* the request line is there */
    PHASE_BODY,      /* the headers are there, `begin` was called */
    PHASE_HANDLER,   /* the handler has it, or owes the answer */
    PHASE_SENDING,   /* the answer is being sent */
    PHASE_STREAMING, /* a stream is open */
} phase;

typedef struct exchange_answer {
    unsigned status;
    struct MHD_Response *response; /* until it is queued; NULL: memory ran out */
    http_content *content;         /* whose response it is, kept until then; NULL: the response is ours alone */
    uint64_t bytes;                /* of the body */
    http_stream *stream;           /* where the body comes piece by piece */
} exchange_answer;

struct http_exchange {
    connection *connection;
    const char *method;
    const char *path;
    void *state;
    uint64_t started_ns;
    size_t raw_length; /* of the request target, before it is unescaped */
    bool clean;        /* see http_path_is_clean */
    bool begun;        /* `begin` was called: `done` is owed */
    bool handed;       /* `handle` was called */
    bool has_body;     /* the headers announce one */
    bool discarding;   /* the body is read and thrown away */
    bool too_large;
    bool too_many;    /* large bodies at once */
    bool body_unread; /* the answer goes out before the body was read: linger */

    unsigned char *body; /* body_inline, or memory of its own */
    size_t body_size, body_capacity;
    size_t body_bytes_max; /* of this request */
    size_t body_counted;   /* in server->large_bodies */
    uint64_t body_received;
    unsigned char body_inline[HTTP_BODY_INLINE];

    bool answered;
    exchange_answer answer;

    /* Guarded by server->waiting_lock. */
    bool waiting;    /* http_wait was called */
    bool listed;     /* in server->waiting: its socket is watched */
    bool left;       /* the client went away */
    bool abandoning; /* `abandoned` is being called: `done` must not come yet */
    bool resumed;    /* for the answer */
    http_exchange *waiting_previous, *waiting_next;
};

typedef struct incoming {
    int socket;
    socklen_t size;
    struct sockaddr_storage address;
} incoming;

/* A thread and the daemon that it runs. */
typedef struct loop {
    http_server *server;
    struct MHD_Daemon *daemon;
    int wake; /* an eventfd */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock; /* of the incoming sockets */
    incoming incoming[HTTP_INCOMING_MAX];
    size_t incoming_count;
} loop;

struct connection {
    connection *previous, *next; /* server->connections_lock */
    http_server *server;
    loop *loop;
    struct MHD_Connection *raw;
    int socket;
    _Atomic uint64_t deadline_ns;
    atomic_uint phase;
    atomic_uint requests; /* so far: tells the sweeper one idle time from the next */

    /* The sweeper's own. */
    unsigned seen_requests; /* how many there were when it was last seen idle */
    uint64_t seen_ns;       /* when, or when the kernel was last asked */
    bool asked;
    uint64_t seen_bytes;    /* received by the kernel when it was first asked in this idle time */
    uint64_t first_byte_ns; /* of the request whose line is not complete; 0: none yet */
    bool ended;             /* the client has closed its side */
    bool late;              /* shut: server->connections_lock */

    bool linger; /* the last answer went out before its request was read */
    http_exchange exchange;
};

struct http_server {
    http_handler handler;
    log_sink *log;

    /* The threads that run libmicrohttpd: loops.c. */
    loop loops[HTTP_THREADS_MAX];
    unsigned loop_count, next_loop; /* next_loop: the listener's own */
    atomic_bool loops_end;

    struct MHD_Response *empty; /* no body, no headers */

    size_t body_bytes_max, large_bodies_bytes_max;
    atomic_size_t large_bodies; /* bytes that bodies of more than body_bytes_max hold */
    uint64_t header_ns, body_ns, idle_ns, send_ns;
    double send_bytes_per_second;
    unsigned connections_max;

    /* The listener. */
    int listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    uint16_t port;
    int listener_wake; /* an eventfd */
    pthread_t listener;
    bool listener_runs;
    atomic_bool quiescing;

    /* The sweeper. */
    int sweeper_wake; /* an eventfd */
    pthread_t sweeper;
    bool sweeper_runs;
    atomic_bool sweeper_ends;
    uint64_t tick_ns, walk_ns;

    pthread_mutex_t connections_lock;
    connection *connections;
    atomic_uint connection_count;
    int lingering_new[HTTP_LINGERING_MAX]; /* handed to the sweeper */
    size_t lingering_new_count;

    pthread_mutex_t waiting_lock;
    pthread_cond_t abandoned_returned;
    http_exchange *waiting;
    size_t waiting_count;

    /* Stopping. */
    atomic_bool stopping; /* requests are refused */
    atomic_bool shutting; /* every connection is to be shut */
    pthread_mutex_t stop_lock;
    pthread_cond_t exchange_over;

    _Atomic uint64_t accepted, timed_out, abandoned, too_large;
};

/* A few milliseconds behind, for deadlines: cheaper. */
static inline uint64_t coarse_now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void connection_enter(connection *link, phase next, uint64_t deadline_ns)
{
    atomic_store_explicit(&link->deadline_ns, deadline_ns, memory_order_relaxed);
    atomic_store_explicit(&link->phase, (unsigned)next, memory_order_release);
}

/* ---- content.c ------------------------------------------------------------------------------------------------- */

/* The prebuilt response of a content; lives as long as the content. */
struct MHD_Response *content_response(const http_content *content);

/* A response of its own around the bytes of `content` (NULL: none), the caller's to destroy; NULL when memory runs out.
 * With `close_after` it says "Connection: close". */
struct MHD_Response *content_response_with(http_server *server, const http_content *content, const http_header *extra,
                                           size_t count, bool close_after);

/* Adds headers; those that are malformed are left out and counted. */
size_t response_add_headers(struct MHD_Response *response, const http_header *headers, size_t count);

/* ---- exchange.c ------------------------------------------------------------------------------------------------ */

/* Makes the exchange ready for the next request. */
void exchange_reset(http_exchange *exchange);

/* Gives the memory of the body back. */
void exchange_free_body(http_exchange *exchange);

/* Has the handler's `refusal` answer. */
void exchange_refuse(http_exchange *exchange, unsigned status);

/* Gives the answer that was decided to whoever can send it: the callback of libmicrohttpd that runs, or, for an
 * exchange that waits, the thread that has to be woken. */
void exchange_settle(http_exchange *exchange, const exchange_answer *answer);

/* In and out of the list of those whose sockets are watched; waiting_lock is held. */
void waiting_add(http_exchange *exchange);
void waiting_remove(http_exchange *exchange);

/* ---- request.c ------------------------------------------------------------------------------------------------ */

/* Callbacks of libmicrohttpd; `user` is the server. What request_notice returns is `*state` of the others. */
void *request_notice(void *user, const char *target, struct MHD_Connection *raw);
enum MHD_Result request_take(void *user, struct MHD_Connection *raw, const char *path, const char *method,
                             const char *version, const char *body, size_t *body_size, void **state);
void request_end(void *user, struct MHD_Connection *raw, void **state, enum MHD_RequestTerminationCode reason);

/* ---- stream.c -------------------------------------------------------------------------------------------------- */

/* The client left: nothing more will be taken, and the exchange ends. */
void stream_leave(http_stream *stream);

/* The exchange is over: the stream must not touch its connection any more, and the exchange not the stream. Returns the
 * bytes that were sent. */
uint64_t stream_detach(http_stream *stream);

/* Since when bytes have waited without any being taken; HTTP_NEVER: none wait. */
uint64_t stream_stuck_since(http_stream *stream);

/* ---- listener.c ------------------------------------------------------------------------------------------------ */

lumen_status listener_bind(http_server *server, const char *address, uint16_t port, lumen_error *error);
lumen_status listener_start(http_server *server, lumen_error *error);
void listener_stop(http_server *server); /* harmless when it does not run */

/* ---- loops.c ---------------------------------------------------------------------------------------------------- */

lumen_status loops_start(http_server *server, lumen_error *error);
void loops_stop(http_server *server); /* harmless when they do not run */

/* Resumes a suspended connection, from any thread. */
void loops_resume(connection *link);

/* Hands a new socket to the next of the threads. */
void loops_add(http_server *server, int socket, const struct sockaddr *address, socklen_t size);

/* The one that runs a connection. */
loop *loops_find(http_server *server, struct MHD_Connection *raw);

/* ---- sweeper.c ------------------------------------------------------------------------------------------------- */

lumen_status sweeper_start(http_server *server, lumen_error *error);
void sweeper_stop(http_server *server); /* harmless when it does not run */
void sweeper_wake(http_server *server);

/* Takes over a socket whose answer has been sent before all of its request was read: reads on and throws away for a
 * while, since closing at once would reset the connection and cost the client the answer. */
void sweeper_linger(http_server *server, int socket);

#endif
