/*
 * stream.c: an answer that is sent piece by piece.
 *
 * Three own a stream: the handler until http_stream_close, the exchange until it is over, and the response until
 * libmicrohttpd has destroyed it, which may come before either (it answers with an error of its own when the headers of
 * ours do not fit). While nothing is queued the connection is suspended; sending, closing and leaving resume it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "http/internal.h"

struct http_stream {
    atomic_uint references;
    pthread_mutex_t lock;
    connection *link; /* NULL: the exchange is over */
    buffer queue;     /* bytes from `taken` on are still to be sent */
    size_t taken;
    uint64_t sent;
    uint64_t stuck_since_ns; /* the last time bytes were taken, or that the queue stopped being empty */
    bool suspended;
    bool closed; /* by the handler */
    bool broken; /* the client left or is too slow */
};

enum { STREAM_BLOCK_BYTES = 4096, STREAM_COMPACT_BYTES = 64 * 1024 };

static void stream_release(void *user)
{
    http_stream *stream = user;
    if (atomic_fetch_sub_explicit(&stream->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&stream->lock);
    buffer_close(&stream->queue);
    free(stream);
}

/* The lock is held. */
static void wake(http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    loops_resume(stream->link);
}

/* Nothing more will be sent. The socket is shut, since a client that does not read keeps libmicrohttpd from asking for
 * more; while `link` is there it is open. The lock is held. */
static void break_off(http_stream *stream)
{
    stream->broken = true;
    if (stream->link == NULL)
        return;
    shutdown(stream->link->socket, SHUT_RDWR);
    wake(stream);
}

/* libmicrohttpd asks for up to `room` bytes. Nothing there: the connection sleeps until there is. */
static ssize_t read_stream(void *user, uint64_t position, char *out, size_t room)
{
    http_stream *stream = user;
    (void)position;
    ssize_t size = 0;
    pthread_mutex_lock(&stream->lock);
    size_t waiting = stream->queue.size - stream->taken;
    if (stream->broken) {
        size = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (waiting > 0) {
        size_t part = waiting < room ? waiting : room;
        memcpy(out, stream->queue.data + stream->taken, part);
        stream->taken += part;
        stream->sent += part;
        stream->stuck_since_ns = coarse_now_ns();
        size = (ssize_t)part;
    } else if (stream->closed) {
        size = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(stream->link->raw);
    }
    pthread_mutex_unlock(&stream->lock);
    return size;
}

/* ---- The server's side ----------------------------------------------------------------------------------------- */

void stream_leave(http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    break_off(stream);
    pthread_mutex_unlock(&stream->lock);
}

uint64_t stream_detach(http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->link = NULL;
    stream->suspended = false;
    stream->broken = true;
    uint64_t sent = stream->sent;
    pthread_mutex_unlock(&stream->lock);
    stream_release(stream);
    return sent;
}

uint64_t stream_stuck_since(http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    uint64_t since = stream->queue.size > stream->taken ? stream->stuck_since_ns : HTTP_NEVER;
    pthread_mutex_unlock(&stream->lock);
    return since;
}

/* ---- The handler's side ---------------------------------------------------------------------------------------- */

http_stream *http_stream_open(http_exchange *exchange, unsigned status, const http_header *headers, size_t count)
{
    http_server *server = exchange->connection->server;
    exchange_answer answer = {.status = status};
    http_stream *stream = calloc(1, sizeof *stream);
    if (stream != NULL) {
        atomic_init(&stream->references, 3);
        pthread_mutex_init(&stream->lock, NULL);
        buffer_open(&stream->queue, HTTP_STREAM_BACKLOG + STREAM_COMPACT_BYTES);
        stream->link = exchange->connection;
        answer.response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, stream,
                                                            stream_release);
        if (answer.response == NULL) {
            pthread_mutex_destroy(&stream->lock);
            free(stream);
            stream = NULL;
        }
    }
    if (stream != NULL) {
        if (response_add_headers(answer.response, headers, count) > 0)
            log_write(server->log, LOG_ERROR, "a stream had a malformed header, which was left out", LOG_NO_FIELDS);
        if (atomic_load_explicit(&server->quiescing, memory_order_relaxed))
            MHD_add_response_header(answer.response, MHD_HTTP_HEADER_CONNECTION, "close");
        answer.stream = stream;
    }
    exchange_settle(exchange, &answer);
    return stream;
}

/* Makes room in front and appends; false: more would wait than may. The lock is held. */
static bool queue_bytes(http_stream *stream, const void *bytes, size_t size)
{
    buffer *queue = &stream->queue;
    size_t waiting = queue->size - stream->taken;
    if (size > HTTP_STREAM_BACKLOG - waiting)
        return false;
    if (waiting == 0)
        stream->stuck_since_ns = coarse_now_ns();
    if (stream->taken >= STREAM_COMPACT_BYTES || waiting == 0) {
        if (waiting > 0)
            memmove(queue->data, queue->data + stream->taken, waiting);
        queue->size = waiting;
        stream->taken = 0;
    }
    buffer_append(queue, bytes, size);
    return !buffer_failed(queue);
}

bool http_stream_send(http_stream *stream, const void *bytes, size_t size)
{
    if (stream == NULL)
        return false;
    pthread_mutex_lock(&stream->lock);
    bool taken = !stream->broken && !stream->closed && queue_bytes(stream, bytes, size);
    if (taken && stream->link != NULL)
        wake(stream);
    else if (!taken && !stream->broken)
        break_off(stream);
    pthread_mutex_unlock(&stream->lock);
    return taken;
}

void http_stream_close(http_stream *stream)
{
    if (stream == NULL)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->closed = true;
    if (stream->link != NULL)
        wake(stream);
    pthread_mutex_unlock(&stream->lock);
    stream_release(stream);
}
