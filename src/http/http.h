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
 * Parsing and the socket work are libmicrohttpd's (0.9.75 and 1.0), with epoll, on threads of ours. What it does not do
 * is done here:
 *   - Deadlines for the whole of the headers, the whole of the body and the whole of the answer, not only for
 *     inactivity; one thread sweeps the connections and shuts those that are late, so that a byte a second holds
 *     nothing. A late client gets no answer.
 *   - A body that is too large is answered 413, also when it is chunked and only turns out so later: up to 16 MiB (or
 *     eight times the limit, if that is more) are read and thrown away for it. The limit can be raised for single
 *     requests (http_allow_body).
 *   - A client that is refused while it is still sending can read the answer: what it sends is thrown away for a while,
 *     since closing at once would reset the connection.
 *   - A request whose end can be read in two ways (Content-Length twice, or beside Transfer-Encoding, or an encoding
 *     other than chunked) is answered 400, so that a proxy in front cannot be tricked.
 *   - An exchange that waits for its answer notices that its client left, within a tenth of a second. A client that
 *     only shuts its sending side counts as having left too; it gets an answer that comes at once.
 *   - Stopping answers what is in flight, resumes what is suspended, then stops.
 * Malformed requests and headers that do not fit (some 8 KB) are refused by libmicrohttpd itself (400, 414, 431) with a
 * page of its own; the handler does not hear of them.
 * TLS and HTTP/2 belong to a proxy in front.
 *
 * A connection costs about 17 KB of memory besides the kernel's; 10,000 idle ones cost 1.5 % of a core.
 *
 * Threads: `begin`, `handle` and `done` are called on the server's threads and must not block. `abandoned` is called on
 * the sweeper's thread and must not block either. http_answer and the http_stream functions may be called from any
 * thread. http_server_quiesce and http_server_stop are called by one thread, never from a callback.
 *
 * The program: SIGPIPE needs no care. The server's threads take over the signal mask of the caller of
 * http_server_start, so block there what another thread is to receive.
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
    const char *value; /* no CR, LF or NUL; NULL or "": left out */
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
const char *http_path(const http_exchange *exchange); /* percent-decoded, without the query */

/* False: the path as it was sent held NUL (raw or %00), malformed escapes, blanks or control characters; http_path may
 * then be cut short. */
bool http_path_is_clean(const http_exchange *exchange);

/* The decoded value of the first `name`; "" for a name without a value; NULL: not there. */
const char *http_query(const http_exchange *exchange, const char *name);
const char *http_request_header(const http_exchange *exchange, const char *name); /* any case; the first; NULL */

/* Calls `each` for every header of that name, in order: X-Forwarded-For may come in several. */
void http_request_headers(const http_exchange *exchange, const char *name, void (*each)(void *user, const char *value),
                          void *user);

/* From `handle` on, until http_drop_body. Never NULL; a zero byte follows that is not counted. */
const void *http_body(const http_exchange *exchange, size_t *size);

/* The body has been read and understood: its memory goes, which an exchange that waits long would hold. Only in
 * `handle`, before http_wait. */
void http_drop_body(http_exchange *exchange);

/* This request may bring a larger body than body_bytes_max. Only in `begin`. Where its length is announced, it has a
 * second more for each 64 KiB; all such bodies together hold no more than large_bodies_bytes_max, and whoever comes
 * too much is answered 503. */
void http_allow_body(http_exchange *exchange, size_t bytes_max);
const struct sockaddr *http_peer(const http_exchange *exchange);
uint64_t http_started_ns(const http_exchange *exchange); /* CLOCK_MONOTONIC when the request line was there */

/* A place for the handler's own state of the exchange. */
void http_set_state(http_exchange *exchange, void *state);
void *http_state(const http_exchange *exchange);

/* Answers. Exactly one of http_answer and http_stream_open per exchange, in `begin` (which refuses the request before
 * its body is taken), in `handle`, or later after http_wait. Keeps `content`; the extra headers are copied. With extra
 * headers a response of its own is made around the shared bytes; with none the prebuilt one is sent as it is.
 * HEAD gets the headers alone. `content` NULL: no body. Memory running out ends the connection; an extra header that is
 * malformed is left out and logged.
 *
 * An answer in `begin` to a request with a body goes out when that body has been read and thrown away, so that the
 * connection can serve on; at once, and the connection is closed after it, when the body is larger than the limit or
 * the client waits for "100 Continue". */
void http_answer(http_exchange *exchange, unsigned status, http_content *content, const http_header *extra,
                 size_t count);

/* The answer will come later, from any thread. Only in `handle`, and before another thread can know of the exchange. It
 * stays valid until that answer has been given, even when the client left; then the answer is thrown away. There is no
 * deadline: it is the handler's. */
void http_wait(http_exchange *exchange);

/* ---- Streams --------------------------------------------------------------------------------------------------- */

/* Answers with a body that is sent piece by piece (Server-Sent Events). NULL when memory runs out; the connection then
 * ends, and the functions below take NULL.
 *
 * The stream is yours until http_stream_close, which is owed in any case; not so the exchange: when its client left,
 * `done` may come while the stream is still open, and must not be waited for by the thread that closes it. Closing it
 * in `done` at the latest is a simple rule. */
typedef struct http_stream http_stream;
http_stream *http_stream_open(http_exchange *exchange, unsigned status, const http_header *headers, size_t count);

/* Queues bytes. False when the client left, lets more than 256 KiB wait, or has taken nothing for send_seconds: the
 * connection is shut, and the stream can only be closed. */
bool http_stream_send(http_stream *stream, const void *bytes, size_t size);

/* What is queued is still sent. */
void http_stream_close(http_stream *stream);

/* ---- The server ------------------------------------------------------------------------------------------------ */

typedef struct http_outcome {
    unsigned status;   /* 0: none was sent */
    uint64_t bytes;    /* of the body, as handed to the kernel; 0 when it was not complete, unless it was a stream */
    uint64_t ended_ns; /* CLOCK_MONOTONIC */
    bool complete;     /* false: the client left or was too slow */
} http_outcome;

/* Each but `handle` may be NULL. */
typedef struct http_handler {
    /* The headers are there. Answering here refuses the request. Returning without an answer goes on. */
    void (*begin)(void *user, http_exchange *exchange);
    /* The whole request is there: answer, http_wait, or open a stream. */
    void (*handle)(void *user, http_exchange *exchange);
    /* The client of a waiting or streaming exchange left, or the server stops and will not wait longer. A hint, at most
     * once; the answer (or close) is still owed. `done` never comes before this has returned. For a stream it is left
     * out when the end is noticed while sending. */
    void (*abandoned)(void *user, http_exchange *exchange);
    /* It is over: the last moment of the exchange. Comes once for every `begin`. */
    void (*done)(void *user, http_exchange *exchange, const http_outcome *outcome);
    /* The server itself refuses a request: 413 (too large a body), 503 (too many large bodies at once), 400 (its end
     * can be read in two ways). Returns a kept content with all headers of that answer, so that it looks like every
     * other; NULL: an empty body. */
    http_content *(*refusal)(void *user, http_exchange *exchange, unsigned status);
    void *user;
} http_handler;

typedef struct http_options {
    const char *address;           /* numeric, or a name, of which all addresses are taken; "127.0.0.1", "::1", "::" */
    uint16_t port;                 /* 0: any that is free */
    unsigned threads;              /* 0: one per core; at most 8 */
    unsigned connections_max;      /* 0: 20,000, or what the limit of open files allows. Beyond it clients wait */
    size_t body_bytes_max;         /* 0: 64 KiB; http_allow_body lets single requests bring more */
    size_t large_bodies_bytes_max; /* of all bodies beyond that; 0: 256 MiB */
    double header_seconds;         /* from the first byte of a request to the end of its headers; 0: 10 */
    double body_seconds;           /* from there to the end of the body; 0: 30 */
    double idle_seconds;           /* between requests of a connection; 0: 75 */
    double send_seconds;           /* for an answer, plus a second for each send_bytes_per_second bytes; 0: 30 */
    size_t send_bytes_per_second;  /* 0: 16 KiB */
    log_sink *log;
} http_options;

/* Binds, listens and serves. The soft limit of open files (RLIMIT_NOFILE) is raised as far as needed and allowed.
 * Errors: LUMEN_ERROR_IO when the address cannot be bound (the message names it and says how to choose another),
 * LUMEN_ERROR_MEMORY. */
lumen_status http_server_start(const http_options *options, const http_handler *handler, http_server **out,
                               lumen_error *error);
uint16_t http_server_port(const http_server *server);

/* Takes no more connections; answers on those there are say "Connection: close". */
void http_server_quiesce(http_server *server);

/* Quiesces, waits at most `seconds` until every exchange is over, then shuts the connections that are left and calls
 * `abandoned` for those that wait; waits again, at most as long and a second; and gives everything back. False, and the
 * server is left standing, when the handler still owes an answer then: it can be stopped again. NULL is fine. */
bool http_server_stop(http_server *server, double seconds);

typedef struct http_figures {
    uint64_t connections, exchanges, waiting, streams;  /* now */
    uint64_t accepted, timed_out, abandoned, too_large; /* since the start */
} http_figures;

void http_server_read_figures(http_server *server, http_figures *figures);

#endif
