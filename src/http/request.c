/*
 * request.c: a request from its first line to the last byte of its answer, as libmicrohttpd tells of it.
 *
 * What it calls, in order, on the connection's own thread:
 *
 *     request_notice         the request line is there, not yet unescaped
 *     request_take           the headers are there: begin_request
 *     request_take           again and again: take_body
 *     request_take           the request is whole: end_request; again after a resume
 *     request_end            the answer is sent, or it broke off
 *
 * An answer may only be queued in the first call of request_take, and then libmicrohttpd closes the connection after
 * it, or in the last. So an early answer to a request with a small body waits until that body has been read and thrown
 * away, and the connection can go on.
 */
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

enum { DISCARD_MIN = 16 * 1024 * 1024, LARGE_BODY_BYTES_PER_SECOND = 64 * 1024 };

/* ---- Screening ------------------------------------------------------------------------------------------------- */

static bool is_hexadecimal(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* Whether a request target up to its query holds only bytes that a URI may hold and whole escapes, none of them NUL. */
static bool target_is_clean(const char *target)
{
    for (const char *byte = target; *byte != 0 && *byte != '?'; byte++) {
        if ((unsigned char)*byte <= ' ' || *byte == 0x7f)
            return false;
        if (*byte != '%')
            continue;
        if (!is_hexadecimal(byte[1]) || !is_hexadecimal(byte[2]) || (byte[1] == '0' && byte[2] == '0'))
            return false;
    }
    return true;
}

/* libmicrohttpd 0.9.75 takes a NUL inside the request line; what follows it lies between the end of the target, as C
 * sees it, and the version. */
static bool hides_bytes(const http_exchange *exchange, const char *target, const char *version)
{
    const char *end = target + exchange->raw_length;
    if (version[0] == 0 || version <= end || version - target > HTTP_CONNECTION_MEMORY)
        return false;
    for (const char *byte = end; byte < version; byte++)
        if (*byte != 0 && *byte != ' ' && *byte != '\t')
            return true;
    return false;
}

typedef struct framing {
    const char *length, *encoding, *expect;
    bool ambiguous;
} framing;

/* What decides where a request ends must be said once and plainly: a proxy in front could read it differently
 * (request smuggling, RFC 9112 section 11.2). */
static enum MHD_Result note_framing(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
    framing *found = user;
    (void)kind;
    switch (name[0] | 0x20) {
    case 'c':
        if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) != 0)
            break;
        found->ambiguous = found->ambiguous || (found->length != NULL && strcmp(found->length, value) != 0);
        found->length = value;
        break;
    case 't':
        if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) != 0)
            break;
        found->ambiguous = found->ambiguous || found->encoding != NULL || strcasecmp(value, "chunked") != 0;
        found->encoding = value;
        break;
    case 'e':
        if (strcasecmp(name, MHD_HTTP_HEADER_EXPECT) == 0)
            found->expect = value;
        break;
    default: break;
    }
    return MHD_YES;
}

/* ---- Bodies ---------------------------------------------------------------------------------------------------- */

/* Counts a large body among the others. False: there are too many. */
static bool count_body(http_exchange *exchange, size_t capacity)
{
    http_server *server = exchange->connection->server;
    if (capacity <= server->body_bytes_max + 1)
        return true;
    const size_t more = capacity - exchange->body_counted;
    if (atomic_fetch_add(&server->large_bodies, more) + more > server->large_bodies_bytes_max) {
        atomic_fetch_sub(&server->large_bodies, more);
        return false;
    }
    exchange->body_counted = capacity;
    return true;
}

/* Makes room for `size` bytes and a zero behind them. Grows with what has come, never with what was announced. */
static bool reserve_body(http_exchange *exchange, size_t size)
{
    if (size < exchange->body_capacity)
        return true;
    size_t limit = exchange->body_bytes_max + 1;
    size_t capacity = exchange->body_capacity > limit / 4 ? limit : exchange->body_capacity * 4;
    while (capacity <= size)
        capacity = capacity > limit / 4 ? limit : capacity * 4;
    if (!count_body(exchange, capacity)) {
        exchange->too_many = exchange->discarding = true;
        exchange_free_body(exchange);
        return true;
    }
    unsigned char *old = exchange->body == exchange->body_inline ? NULL : exchange->body;
    unsigned char *body = realloc(old, capacity);
    if (body == NULL)
        return false;
    if (old == NULL)
        memcpy(body, exchange->body_inline, exchange->body_size);
    exchange->body = body;
    exchange->body_capacity = capacity;
    return true;
}

/* So much is read and thrown away before a client that does not listen is shut out. */
static uint64_t discard_bytes_max(const http_exchange *exchange)
{
    const size_t limit = exchange->body_bytes_max;
    return limit > DISCARD_MIN / 8 ? (uint64_t)limit * 8 : DISCARD_MIN;
}

static enum MHD_Result take_body(http_exchange *exchange, const char *bytes, size_t *size)
{
    exchange->body_received += *size;
    if (!exchange->discarding && exchange->body_received > exchange->body_bytes_max) {
        exchange->too_large = true;
        exchange->discarding = true;
        exchange_free_body(exchange);
    }
    if (!exchange->discarding && !reserve_body(exchange, exchange->body_size + *size))
        return MHD_NO;
    if (exchange->discarding) {
        *size = 0;
        return exchange->body_received <= discard_bytes_max(exchange) ? MHD_YES : MHD_NO;
    }
    memcpy(exchange->body + exchange->body_size, bytes, *size);
    exchange->body_size += *size;
    *size = 0;
    return MHD_YES;
}

/* ---- Answers --------------------------------------------------------------------------------------------------- */

static void drop_answer(http_exchange *exchange)
{
    exchange_answer *answer = &exchange->answer;
    if (answer->content != NULL)
        http_content_release(answer->content);
    else if (answer->response != NULL)
        MHD_destroy_response(answer->response);
    answer->content = NULL;
    answer->response = NULL;
}

/* Hands the answer to libmicrohttpd, which keeps what it needs of it. */
static enum MHD_Result send_answer(http_exchange *exchange)
{
    connection *link = exchange->connection;
    http_server *server = link->server;
    exchange_answer *answer = &exchange->answer;
    if (answer->response == NULL)
        return MHD_NO;
    if (answer->stream != NULL) {
        connection_enter(link, PHASE_STREAMING, HTTP_NEVER);
        pthread_mutex_lock(&server->waiting_lock);
        if (!exchange->listed && !exchange->left)
            waiting_add(exchange);
        pthread_mutex_unlock(&server->waiting_lock);
    } else {
        uint64_t seconds_ns = (uint64_t)((double)answer->bytes / server->send_bytes_per_second * HTTP_SECOND_NS);
        connection_enter(link, PHASE_SENDING, coarse_now_ns() + server->send_ns + seconds_ns);
    }
    enum MHD_Result queued = MHD_queue_response(link->raw, answer->status, answer->response);
    drop_answer(exchange);
    return queued;
}

/* ---- The way of a request -------------------------------------------------------------------------------------- */

static enum MHD_Result begin_request(http_exchange *exchange, const char *path, const char *method, const char *version)
{
    connection *link = exchange->connection;
    http_server *server = link->server;
    exchange->method = method;
    exchange->path = path;
    exchange->clean = exchange->clean && !hides_bytes(exchange, path, version);
    framing found = {0};
    MHD_get_connection_values(link->raw, MHD_HEADER_KIND, note_framing, &found);
    found.ambiguous = found.ambiguous || (found.length != NULL && found.encoding != NULL);
    /* libmicrohttpd has answered 400 to a length that is no number. */
    unsigned long long length = found.length != NULL ? strtoull(found.length, NULL, 10) : 0;
    exchange->has_body = found.encoding != NULL || length > 0;

    /* Said before looking whether the server ends: http_server_stop says so before looking whether anyone is here. */
    atomic_store(&link->phase, PHASE_BODY);
    if (atomic_load(&server->stopping))
        return MHD_NO;
    atomic_store_explicit(&link->deadline_ns, coarse_now_ns() + server->body_ns, memory_order_relaxed);
    exchange->begun = true;
    if (server->handler.begin != NULL)
        server->handler.begin(server->handler.user, exchange);
    bool large = found.encoding == NULL && length > exchange->body_bytes_max;
    if (!large && length > server->body_bytes_max)
        atomic_fetch_add_explicit(&link->deadline_ns,
                                  (length - server->body_bytes_max) * 1000000000u / LARGE_BODY_BYTES_PER_SECOND,
                                  memory_order_relaxed);
    if (!exchange->answered && found.ambiguous) {
        exchange_refuse(exchange, MHD_HTTP_BAD_REQUEST);
    } else if (!exchange->answered && large) {
        atomic_fetch_add_explicit(&server->too_large, 1, memory_order_relaxed);
        exchange_refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE);
    }
    if (!exchange->answered)
        return MHD_YES;
    if (!found.ambiguous && !large && (!exchange->has_body || found.expect == NULL)) {
        exchange->discarding = true;
        return MHD_YES;
    }
    exchange->body_unread = true;
    return send_answer(exchange);
}

static enum MHD_Result end_request(http_exchange *exchange)
{
    connection *link = exchange->connection;
    http_server *server = link->server;
    if (exchange->left)
        return MHD_NO;
    if (!exchange->answered && exchange->too_large) {
        atomic_fetch_add_explicit(&server->too_large, 1, memory_order_relaxed);
        exchange_refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE);
    }
    if (!exchange->answered && exchange->too_many)
        exchange_refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE);
    if (!exchange->answered && !exchange->handed) {
        exchange->handed = true;
        exchange->body[exchange->body_size] = 0;
        connection_enter(link, PHASE_HANDLER, HTTP_NEVER);
        server->handler.handle(server->handler.user, exchange);
        if (exchange->waiting)
            return MHD_YES; /* even when the answer has come already: the connection is suspended, and resumed again */
    }
    if (!exchange->answered) {
        log_write(server->log, LOG_ERROR, "a handler neither answered nor waited",
                  LOG_FIELDS(log_text("path", exchange->path)));
        return MHD_NO;
    }
    return send_answer(exchange);
}

enum MHD_Result request_take(void *user, struct MHD_Connection *raw, const char *path, const char *method,
                             const char *version, const char *body, size_t *body_size, void **state)
{
    (void)user;
    (void)raw;
    http_exchange *exchange = *state;
    if (exchange == NULL)
        return MHD_NO;
    if (exchange->method == NULL)
        return begin_request(exchange, path, method, version);
    /* Not by its size: libmicrohttpd also brings a piece of no bytes, when a request without a body expects "100
     * Continue" and another one follows. Then it takes no answer yet. */
    if (body != NULL)
        return take_body(exchange, body, body_size);
    return end_request(exchange);
}

void *request_notice(void *user, const char *target, struct MHD_Connection *raw)
{
    (void)user;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(raw, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *link = info != NULL ? info->socket_context : NULL;
    if (link == NULL)
        return NULL;
    http_exchange *exchange = &link->exchange;
    exchange->started_ns = clock_now_ns();
    exchange->clean = target != NULL && target_is_clean(target);
    exchange->raw_length = target != NULL ? strlen(target) : 0;
    atomic_fetch_add_explicit(&link->requests, 1, memory_order_relaxed);
    connection_enter(link, PHASE_HEADERS, exchange->started_ns + link->server->header_ns);
    return exchange;
}

void request_end(void *user, struct MHD_Connection *raw, void **state, enum MHD_RequestTerminationCode reason)
{
    (void)raw;
    http_server *server = user;
    http_exchange *exchange = *state;
    *state = NULL;
    if (exchange == NULL)
        return;
    connection *link = exchange->connection;
    http_outcome outcome = {.status = exchange->answered ? exchange->answer.status : 0,
                            .bytes = exchange->answer.bytes,
                            .ended_ns = clock_now_ns(),
                            .complete = reason == MHD_REQUEST_TERMINATED_COMPLETED_OK && exchange->answered};
    bool unread = exchange->body_unread;
    if (exchange->waiting || exchange->answer.stream != NULL) {
        pthread_mutex_lock(&server->waiting_lock);
        waiting_remove(exchange);
        while (exchange->abandoning)
            pthread_cond_wait(&server->abandoned_returned, &server->waiting_lock);
        pthread_mutex_unlock(&server->waiting_lock);
    }
    if (exchange->left)
        outcome.status = exchange->answer.stream != NULL ? outcome.status : 0;
    if (exchange->answer.stream != NULL)
        outcome.bytes = stream_detach(exchange->answer.stream);
    else if (!outcome.complete)
        outcome.bytes = 0;
    if (exchange->begun && server->handler.done != NULL)
        server->handler.done(server->handler.user, exchange, &outcome);
    drop_answer(exchange);
    exchange_reset(exchange);
    link->linger = unread;
    connection_enter(link, PHASE_IDLE, outcome.ended_ns + server->idle_ns);
    if (atomic_load(&server->stopping)) {
        pthread_mutex_lock(&server->stop_lock);
        pthread_cond_broadcast(&server->exchange_over);
        pthread_mutex_unlock(&server->stop_lock);
    }
}
