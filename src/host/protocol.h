/*
 * protocol.h: what the service and a host say to each other over their socket.
 *
 *     host_write_cancel(&bytes, batch, index);                     // encode: appends a frame to a buffer
 *
 *     unsigned char *space = host_reader_space(&reader, &size);    // decode: receive into the reader's own space,
 *     host_reader_received(&reader, recv(socket, space, size, 0));
 *     while ((step = host_reader_next(&reader, &message)) == HOST_READ_MESSAGE) ...
 *
 * A frame is u32 size of the payload, u32 kind, payload; numbers are little-endian, texts are u32 length and bytes.
 * The service is on one side, a process that may have gone mad on the other: every size has a bound, a frame must hold
 * exactly what its kind says, numbers must be in range, and what is not is HOST_READ_WRONG, after which the reader is
 * of no more use. Texts that people see come out as valid UTF-8: what is none is replaced by "?".
 *
 *     service -> host   start     budget of the models; the first message
 *                       orders    a batch of one engine, numbered
 *                       cancel    one order of a batch
 *     host -> service   hello     version; the first message
 *                       model     the state of one model
 *                       progress  of one order
 *                       shape     an order's packed shape, or the file that it asked for, read straight into a blob
 *                       failure   why there is none
 *                       log       a line
 */
#ifndef LUMEN_HOST_PROTOCOL_H
#define LUMEN_HOST_PROTOCOL_H

#include "base/blob.h"
#include "base/buffer.h"
#include "executor/executor.h"
#include "models/models.h"
#include "shape/pack.h"

enum {
    HOST_PROTOCOL_VERSION = 3,
    HOST_FRAME_HEAD_BYTES = 8,
    HOST_SHAPE_HEAD_BYTES = 20,       /* batch, index, resident bytes */
    HOST_ENGINE_NAME_BYTES = 48,      /* with its zero, like all below */
    HOST_TEXT_BYTES = (64 << 10) + 1, /* of a request's text or verb */
    HOST_LOG_BYTES = 1024,
    HOST_VERSION_BYTES = 32,
    HOST_IMAGES_BYTES_MAX = 64 << 20, /* of the pictures of a batch, together */
    HOST_WORDS_BYTES_MAX = EXECUTOR_BATCH_MAX * (2 * HOST_TEXT_BYTES + 64) + 256, /* payload of orders without any */
    HOST_ORDERS_BYTES_MAX = HOST_WORDS_BYTES_MAX + HOST_IMAGES_BYTES_MAX,         /* payload of the largest frame */
    HOST_ANSWER_BYTES_MAX = 4096 /* payload of the largest frame from a host, except a shape */
};

typedef enum host_message_kind {
    HOST_START = 1,
    HOST_ORDERS,
    HOST_CANCEL,
    HOST_HELLO = 16,
    HOST_MODEL,
    HOST_PROGRESS,
    HOST_SHAPE,
    HOST_FAILURE,
    HOST_LOG
} host_message_kind;

typedef enum host_side { HOST_SIDE_SERVICE, HOST_SIDE_HOST } host_side;

/* A batch of orders. Texts and pictures lie in the reader and are valid until its next call. An order without a text
 * has a picture. */
typedef struct host_orders {
    uint64_t batch;
    char engine[HOST_ENGINE_NAME_BYTES];
    uint32_t count; /* 1..EXECUTOR_BATCH_MAX */
    lumen_request requests[EXECUTOR_BATCH_MAX];
} host_orders;

/* One message that came. Which fields hold depends on the kind. */
typedef struct host_message {
    host_message_kind kind;
    uint64_t batch; /* cancel, progress, shape, failure */
    uint32_t index; /* the same: of the order within its batch; of a model in the list */
    uint64_t bytes; /* start: the budget; shape, failure, model: what the host holds of memory */

    host_orders orders;
    char version[HOST_VERSION_BYTES];
    struct {
        model_state state;
        bool available;
        uint64_t bytes;
        double load_seconds;
        char reason[sizeof((model_report *)0)->reason];
    } model;
    char stage[EXECUTOR_STAGE_BYTES];
    double fraction; /* 0 to 1 */
    blob *packed;    /* a reference of the receiver's own */
    lumen_error failure;
    log_severity severity;
    char text[HOST_LOG_BYTES];
} host_message;

/* ---- Writing: each appends one frame; the buffer tells whether it failed -------------------------------------- */

void host_write_start(buffer *out, uint64_t budget_bytes);

/* False, with nothing written, when a text, a name or the pictures are longer than the protocol bears, when an order
 * has neither text nor picture, or a number that is none. */
bool host_write_orders(buffer *out, uint64_t batch, const char *engine, const lumen_request *requests, uint32_t count);
void host_write_cancel(buffer *out, uint64_t batch, uint32_t index);
void host_write_hello(buffer *out, const char *version);
void host_write_model(buffer *out, uint32_t index, const model_report *report, uint64_t resident_bytes);
void host_write_progress(buffer *out, uint64_t batch, uint32_t index, const char *stage, double fraction);
void host_write_failure(buffer *out, uint64_t batch, uint32_t index, uint64_t resident_bytes, lumen_status status,
                        const char *reason);
void host_write_log(buffer *out, log_severity severity, const char *text);

/* The frame's head alone: `packed_size` bytes must follow. */
void host_write_shape(buffer *out, uint64_t batch, uint32_t index, uint64_t resident_bytes, size_t packed_size);

/* ---- Reading -------------------------------------------------------------------------------------------------- */

typedef enum host_read { HOST_READ_MESSAGE, HOST_READ_MORE, HOST_READ_WRONG } host_read;

typedef struct host_reader {
    host_side side; /* who reads */
    unsigned char *bytes;
    size_t start, end, capacity; /* [start, end) has come and is not read yet; grows with what comes */
    blob *packed;                /* of the shape that is coming; NULL: none */
    size_t packed_have;
    host_message shape; /* its head */
    bool wrong;
    char fault[128]; /* why, once HOST_READ_WRONG came */
} host_reader;

/* Takes little memory: for a long frame it takes more as its bytes come, and gives that back after it. False: memory
 * ran out. */
bool host_reader_open(host_reader *reader, host_side side);
void host_reader_close(host_reader *reader); /* also one that is all zeros */
void host_reader_reset(host_reader *reader); /* forgets what had come */

/* Where the next bytes go, and how many at most; never 0 after HOST_READ_MORE. */
unsigned char *host_reader_space(host_reader *reader, size_t *size);
void host_reader_received(host_reader *reader, size_t size);

/* The next message, when all of it is there. */
host_read host_reader_next(host_reader *reader, host_message *message);

#endif
