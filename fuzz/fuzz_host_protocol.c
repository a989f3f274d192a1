/*
 * Any bytes as what comes over a host's socket. The first byte says who reads and in pieces of which size the rest
 * arrives. Whatever happens, every message that is let through keeps its promises, the pieces make no difference, and
 * what one side can say the other side reads.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "host/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_text(const char *text, size_t capacity)
{
    require(memchr(text, 0, capacity) != NULL);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return fnv1a(hash, text, strlen(text) + 1);
}

/* Looks at everything that the message holds. */
static uint64_t take(host_side side, const host_message *message)
{
    uint64_t hash = fnv1a(FNV_START, &message->kind, sizeof message->kind);
    bool for_service = message->kind >= HOST_HELLO;
    require(for_service == (side == HOST_SIDE_SERVICE));
    switch (message->kind) {
    case HOST_START: break;
    case HOST_ORDERS:
        require(message->orders.count >= 1 && message->orders.count <= EXECUTOR_BATCH_MAX);
        require_text(message->orders.engine, sizeof message->orders.engine);
        for (uint32_t i = 0; i < message->orders.count; i++) {
            const lumen_request *one = &message->orders.requests[i];
            require(one->quality <= LUMEN_QUALITY_HIGH && one->engine == NULL && one->progress == NULL);
            require(one->extraction <= LUMEN_EXTRACTION_REFERENCE && one->guidance >= 0.0f && one->guidance <= 1e6f);
            require((one->image != NULL) == (one->image_size > 0) && one->image_size <= HOST_IMAGES_BYTES_MAX);
            require(one->text != NULL || one->image != NULL);
            hash = one->text != NULL ? hash_text(hash, one->text) : hash;
            hash = one->image != NULL ? fnv1a(hash, one->image, one->image_size) : hash;
            hash = one->verb != NULL ? hash_text(hash, one->verb) : hash;
        }
        break;
    case HOST_CANCEL: require(message->index < EXECUTOR_BATCH_MAX); break;
    case HOST_HELLO: require_text(message->version, sizeof message->version); break;
    case HOST_MODEL:
        require(message->index < MODELS_MAX && message->model.state <= MODEL_FAILED);
        require(message->model.load_seconds >= 0.0 && message->model.load_seconds <= 1e9);
        require_text(message->model.reason, sizeof message->model.reason);
        break;
    case HOST_PROGRESS:
        require(message->index < EXECUTOR_BATCH_MAX && message->fraction >= 0.0 && message->fraction <= 1.0);
        require_text(message->stage, sizeof message->stage);
        hash = hash_text(hash, message->stage);
        break;
    case HOST_SHAPE:
        require(message->index < EXECUTOR_BATCH_MAX && message->packed->size > 0);
        hash = fnv1a(hash, message->packed->data, message->packed->size);
        blob_release(message->packed);
        break;
    case HOST_FAILURE:
        require(message->index < EXECUTOR_BATCH_MAX && message->failure.status != LUMEN_OK);
        require_text(message->failure.message, sizeof message->failure.message);
        hash = hash_text(hash, message->failure.message);
        break;
    case HOST_LOG:
        require(message->severity <= LOG_ERROR);
        require_text(message->text, sizeof message->text);
        hash = hash_text(hash, message->text);
        break;
    }
    return hash;
}

/* Reads all that the bytes hold; what came of it, as a hash. */
static uint64_t read_in_pieces(host_side side, const uint8_t *data, size_t size, size_t piece)
{
    static host_message message;
    uint64_t hash = FNV_START;
    host_reader reader;
    if (!host_reader_open(&reader, side))
        return 0;
    host_read step = HOST_READ_MORE;
    while (size > 0 && step == HOST_READ_MORE) {
        size_t room;
        unsigned char *space = host_reader_space(&reader, &room);
        require(room > 0);
        size_t now = size < piece ? size : piece;
        now = now < room ? now : room;
        memcpy(space, data, now);
        host_reader_received(&reader, now);
        data += now;
        size -= now;
        while ((step = host_reader_next(&reader, &message)) == HOST_READ_MESSAGE)
            hash = hash * 31 + take(side, &message);
    }
    if (step == HOST_READ_WRONG) {
        require_text(reader.fault, sizeof reader.fault);
        require(host_reader_next(&reader, &message) == HOST_READ_WRONG);
        hash = hash * 31 + 1;
    }
    host_reader_close(&reader);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    host_side side = (data[0] & 1) != 0 ? HOST_SIDE_HOST : HOST_SIDE_SERVICE;
    size_t piece = (size_t)(data[0] >> 1) + 1;
    uint64_t in_pieces = read_in_pieces(side, data + 1, size - 1, piece);
    require(read_in_pieces(side, data + 1, size - 1, SIZE_MAX) == in_pieces);
    return 0;
}
