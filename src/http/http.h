/*
 * http.h: HTTP/1.1 for handlers that answer at once, or later from another thread, or as a stream.
 *
 *     static void handle(void *user, http_exchange *exchange)
 *     {
 *         if (easy)
 *             http_answer(exchange, 200, content, NULL, 0);       // now, on the server's thread
 *         else {
 *             http_wait(exchange);                                // later, from any thread ...
 *             start_work(exchange);                               // ... http_answer(exchange, ...) exactly once
 *         }
 *     }
 *
 *     http_server *server;
 *     status = http_server_start(&options, &handler, &server, &error);    // bound and serving
 *     http_server_quiesce(server);                                       // no new connections; answers say close
 *     http_server_stop(server);                                          // every exchange must have been answered
 *
 * Parsing and the socket work are libmicrohttpd's (0.9.75 and 1.0): epoll, a pool of threads. What it does not do is
 * done here:
 *   - Deadlines for the whole of the headers, the whole of the body and the whole of the answer, not only for
 *     inactivity; one thread sweeps the connections and shuts those that are late, so that a byte a second holds
 * nothing.
 *   - A body that is too large is answered 413, also when it is chunked and only turns out so later.
 *   - An exchange that waits for its answer notices that its client left.
 *   - Stopping answers what is in flight, resumes what is suspended, then stops.
 * TLS and HTTP/2 belong to a proxy in front.
 *
 * Threads: `begin`, `handle` and `done` are called on the server's threads and must not block. `abandoned` is called on
 * the sweeper's thread. http_answer and the http_stream functions may be called from any thread.
 */
#ifndef LUMEN_HTTP_HTTP_H
#define LUMEN_HTTP_HTTP_H

#include <sys/socket.h>

#include "base/blob.h"
#include "log/log.h"

typedef struct http_server http_server;
typedef struct http_exchange http_exchange;
typedef struct http_content http_content;

/* ---- Content --------------------------------------------------------------------------------------------------- */

typedef struct http_header {
    const char *name;
    const char *value; /* no CR, LF or NUL; NULL: left out */
} http_header;

/* A body with the headers that always go with it, ready to be sent any number of times by any number of threads at once
 * (one prebuilt response, no copy of the bytes). Counted references. Keeps `body` (NULL: empty). NULL when memory runs
 * out or a header is malformed. Content-Length and Date come by themselves. */
http_content *http_content_create(blob *body, const http_header *headers, size_t count);
http_content *http_content_keep(http_content *content);
void http_content_release(http_content *content);
const blob *http_content_body(const http_content *content);

/* ---- Exchanges ------------------------------------------------------------------------------------------------- */

/* One request and its answer. What the accessors return lives until `done` has returned. */
const char *http_method(const http_exchange *exchange);
const char *http_path(const http_exchange *exchange);   /* percent-decoded, without the query */
bool http_path_is_clean(const http_exchange *exchange); /* false: the raw path held NUL or malformed escapes */
const char *http_query(const http_exchange *exchange, const char *name);          /* NULL: not there */
const char *http_request_header(const http_exchange *exchange, const char *name); /* any case; the first; NULL */
/* Calls `each` for every header of that name, in order: X-Forwarded-For may come in several. */
void http_request_headers(const http_exchange *exchange, const char *name, void (*each)(void *user, const char *value),
                          void *user);
const void *http_body(const http_exchange *exchange, size_t *size); /* in `handle`; never NULL */
const struct sockaddr *http_peer(const http_exchange *exchange);
uint64_t http_started_ns(const http_exchange *exchange); /* CLOCK_MONOTONIC when the first byte's headers were read */

/* A place for the handler's own state of the exchange. */
void http_set_state(http_exchange *exchange, void *state);
void *http_state(const http_exchange *exchange);

/* Answers. Exactly one of http_answer and http_stream_open per exchange, in `begin` (which refuses the request before
 * its body is read), in `handle`, or later after http_wait. Keeps `content`; the extra headers are copied. With extra
 * headers a response of its own is made around the shared bytes; with none the prebuilt one is sent as it is.
 * HEAD gets the headers alone. `content` NULL: no body. Memory running out ends the connection. */
void http_answer(http_exchange *exchange, unsigned status, http_content *content, const http_header *extra,
                 size_t count);

/* The answer will come later, from any thread. After it the exchange stays valid until that answer has been given, even
 * when the client left; then the answer is thrown away. */
void http_wait(http_exchange *exchange);

/* ---- Streams --------------------------------------------------------------------------------------------------- */

/* Answers with a body that is sent piece by piece (Server-Sent Events). The stream is yours until http_stream_close. */
typedef struct http_stream http_stream;
http_stream *http_stream_open(http_exchange *exchange, unsigned status, const http_header *headers, size_t count);

/* Queues bytes. False when the client left, or lets more than 256 KiB wait: the stream can then only be closed. */
bool http_stream_send(http_stream *stream, const void *bytes, size_t size);
void http_stream_close(http_stream *stream);

/* ---- The server ------------------------------------------------------------------------------------------------ */

typedef struct http_outcome {
    unsigned status;   /* 0: none was sent */
    uint64_t bytes;    /* of the body */
    uint64_t ended_ns; /* CLOCK_MONOTONIC */
    bool complete;     /* false: the client left or was too slow */
} http_outcome;

typedef struct http_handler {
    /* The headers are there. Answering here refuses the request before its body. Returning without an answer goes on.
     */
    void (*begin)(void *user, http_exchange *exchange);
    /* The whole request is there: answer, http_wait, or open a stream. */
    void (*handle)(void *user, http_exchange *exchange);
    /* The client of a waiting or streaming exchange left. A hint, at most once; the answer (or close) is still owed.
     * `done` never comes before this has returned. */
    void (*abandoned)(void *user, http_exchange *exchange);
    /* It is over: the last moment of the exchange. Comes once for every `begin`. */
    void (*done)(void *user, http_exchange *exchange, const http_outcome *outcome);
    /* The server itself refuses a request (413, 400 for a malformed body, 408 ...): the content and the extra headers
     * of such an answer, so that it looks like every other. Returns a kept content; NULL: an empty body. */
    http_content *(*refusal)(void *user, http_exchange *exchange, unsigned status);
    void *user;
} http_handler;

typedef struct http_options {
    const char *address;          /* numeric, or a name that resolves; "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;                /* 0: any that is free */
    unsigned threads;             /* 0: one per core, at most 8 */
    unsigned connections_max;     /* 0: 20,000, or what the limit of open files allows */
    size_t body_bytes_max;        /* 0: 64 KiB */
    double header_seconds;        /* from the first byte of a request to the end of its headers; 0: 10 */
    double body_seconds;          /* from there to the end of the body; 0: 30 */
    double idle_seconds;          /* between requests of a connection; 0: 75 */
    double send_seconds;          /* for an answer, plus a second for each send_rate bytes; 0: 30 */
    size_t send_bytes_per_second; /* 0: 16 KiB */
    log_sink *log;
} http_options;

/* Binds, listens and serves. Errors: LUMEN_ERROR_IO when the address cannot be bound (the message names it and says how
 * to choose another), LUMEN_ERROR_MEMORY. */
lumen_status http_server_start(const http_options *options, const http_handler *handler, http_server **out,
                               lumen_error *error);
uint16_t http_server_port(const http_server *server);

/* Takes no more connections; answers on those there are say "Connection: close". */
void http_server_quiesce(http_server *server);

/* Waits until every exchange is over (the handler owes their answers; at most `seconds`, then connections are shut),
 * and gives everything back. */
bool http_server_stop(http_server *server, double seconds);

typedef struct http_figures {
    uint64_t connections, exchanges, waiting, streams;  /* now */
    uint64_t accepted, timed_out, abandoned, too_large; /* since the start */
} http_figures;

void http_server_read_figures(http_server *server, http_figures *figures);

#endif
