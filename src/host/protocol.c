#include "host/protocol.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "words/unicode.h"

/* Small frames are received many at a time. */
static const size_t READER_BYTES = (size_t)64 << 10;

/* Far beyond every guidance that an engine takes: what is more is no number for it. */
static const double GUIDANCE_MAX = 1e6;

/* ---- Writing -------------------------------------------------------------------------------------------------- */

static void write_u64(buffer *out, uint64_t value)
{
    buffer_u32(out, (uint32_t)(value & 0xffffffffu));
    buffer_u32(out, (uint32_t)(value >> 32));
}

/* Texts carry their zero, so that a reader can point to them where they lie. */
static void write_text(buffer *out, const char *text, size_t length)
{
    buffer_u32(out, (uint32_t)length + 1);
    buffer_append(out, text, length);
    buffer_u8(out, 0);
}

/* As much of the text as its field holds. */
static void write_cut(buffer *out, const char *text, size_t field_bytes)
{
    write_text(out, text, unicode_cut(text, strlen(text), field_bytes - 1));
}

static size_t begin(buffer *out, host_message_kind kind)
{
    size_t head = out->size;
    buffer_u32(out, 0);
    buffer_u32(out, (uint32_t)kind);
    return head;
}

static void set_u32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

static void end(buffer *out, size_t head)
{
    if (!buffer_failed(out))
        set_u32(out->data + head, (uint32_t)(out->size - head - HOST_FRAME_HEAD_BYTES));
}

void host_write_start(buffer *out, uint64_t budget_bytes)
{
    size_t head = begin(out, HOST_START);
    write_u64(out, budget_bytes);
    end(out, head);
}

static bool is_bearable(const lumen_request *one)
{
    const char *const texts[] = {one->text, one->verb};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] != NULL && strlen(texts[i]) >= HOST_TEXT_BYTES)
            return false;
    if (one->text == NULL && one->image == NULL)
        return false;
    if (one->image != NULL && (one->image_size == 0 || one->image_size > HOST_IMAGES_BYTES_MAX))
        return false;
    return one->quality <= LUMEN_QUALITY_HIGH && one->extraction <= LUMEN_EXTRACTION_REFERENCE &&
           one->guidance >= 0.0f && (double)one->guidance <= GUIDANCE_MAX;
}

static void write_optional_text(buffer *out, const char *text)
{
    buffer_u8(out, text != NULL);
    if (text != NULL)
        write_text(out, text, strlen(text));
}

static void write_order(buffer *out, const lumen_request *one)
{
    buffer_u32(out, (uint32_t)one->quality);
    buffer_u32(out, one->num_parts);
    buffer_u32(out, one->points);
    write_u64(out, one->seed);
    buffer_u32(out, one->image_steps);
    buffer_u32(out, one->steps);
    buffer_u32(out, one->tokens);
    buffer_f32(out, one->guidance);
    buffer_u32(out, (uint32_t)one->extraction);
    write_optional_text(out, one->text);
    write_optional_text(out, one->verb);
    const uint32_t image_size = one->image != NULL ? (uint32_t)one->image_size : 0;
    buffer_u32(out, image_size);
    if (image_size > 0)
        buffer_append(out, one->image, image_size);
}

bool host_write_orders(buffer *out, uint64_t batch, const char *engine, const lumen_request *requests, uint32_t count)
{
    size_t images = 0;
    if (count == 0 || count > EXECUTOR_BATCH_MAX || strlen(engine) >= HOST_ENGINE_NAME_BYTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_bearable(&requests[i]))
            return false;
        images += requests[i].image != NULL ? requests[i].image_size : 0;
    }
    if (images > HOST_IMAGES_BYTES_MAX)
        return false;
    size_t head = begin(out, HOST_ORDERS);
    write_u64(out, batch);
    write_text(out, engine, strlen(engine));
    buffer_u32(out, count);
    for (uint32_t i = 0; i < count; i++)
        write_order(out, &requests[i]);
    end(out, head);
    return true;
}

void host_write_cancel(buffer *out, uint64_t batch, uint32_t index)
{
    size_t head = begin(out, HOST_CANCEL);
    write_u64(out, batch);
    buffer_u32(out, index);
    end(out, head);
}

void host_write_hello(buffer *out, const char *version)
{
    size_t head = begin(out, HOST_HELLO);
    buffer_u32(out, HOST_PROTOCOL_VERSION);
    write_cut(out, version, HOST_VERSION_BYTES);
    end(out, head);
}

void host_write_model(buffer *out, uint32_t index, const model_report *report, uint64_t resident_bytes)
{
    size_t head = begin(out, HOST_MODEL);
    buffer_u32(out, index);
    write_u64(out, resident_bytes);
    buffer_u32(out, (uint32_t)report->state);
    buffer_u8(out, report->available);
    write_u64(out, report->bytes);
    buffer_f32(out, (float)report->load_seconds);
    write_cut(out, report->reason, sizeof report->reason);
    end(out, head);
}

void host_write_progress(buffer *out, uint64_t batch, uint32_t index, const char *stage, double fraction)
{
    size_t head = begin(out, HOST_PROGRESS);
    write_u64(out, batch);
    buffer_u32(out, index);
    buffer_f32(out, (float)(fraction > 0.0 ? fmin(fraction, 1.0) : 0.0));
    write_cut(out, stage, EXECUTOR_STAGE_BYTES);
    end(out, head);
}

void host_write_failure(buffer *out, uint64_t batch, uint32_t index, uint64_t resident_bytes, lumen_status status,
                        const char *reason)
{
    size_t head = begin(out, HOST_FAILURE);
    write_u64(out, batch);
    buffer_u32(out, index);
    write_u64(out, resident_bytes);
    buffer_u32(out, (uint32_t)status);
    write_cut(out, reason, sizeof((lumen_error *)0)->message);
    end(out, head);
}

void host_write_log(buffer *out, log_severity severity, const char *text)
{
    size_t head = begin(out, HOST_LOG);
    buffer_u32(out, (uint32_t)severity);
    write_cut(out, text, HOST_LOG_BYTES);
    end(out, head);
}

void host_write_shape(buffer *out, uint64_t batch, uint32_t index, uint64_t resident_bytes, size_t packed_size)
{
    buffer_u32(out, (uint32_t)(HOST_SHAPE_HEAD_BYTES + packed_size));
    buffer_u32(out, HOST_SHAPE);
    write_u64(out, batch);
    buffer_u32(out, index);
    write_u64(out, resident_bytes);
}

/* ---- Decoding a payload --------------------------------------------------------------------------------------- */

/* What is left of a payload. Reading beyond its end makes it bad and gives zeros. */
typedef struct cursor {
    const unsigned char *at;
    size_t left;
    bool bad;
} cursor;

static const unsigned char *take(cursor *from, size_t size)
{
    if (from->bad || size > from->left) {
        from->bad = true;
        return NULL;
    }
    const unsigned char *bytes = from->at;
    from->at += size;
    from->left -= size;
    return bytes;
}

static uint32_t get_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool read_bool(cursor *from)
{
    const unsigned char *byte = take(from, 1);
    if (byte != NULL && *byte > 1)
        from->bad = true;
    return byte != NULL && *byte == 1;
}

static uint32_t read_u32(cursor *from)
{
    const unsigned char *bytes = take(from, 4);
    return bytes != NULL ? get_u32(bytes) : 0;
}

/* A number up to and including `most`. */
static uint32_t read_up_to(cursor *from, uint32_t most)
{
    uint32_t value = read_u32(from);
    if (value > most)
        from->bad = true;
    return from->bad ? 0 : value;
}

static uint64_t read_u64(cursor *from)
{
    uint64_t low = read_u32(from);
    return low | (uint64_t)read_u32(from) << 32;
}

/* A finite number from 0 to `most`. */
static double read_real(cursor *from, double most)
{
    uint32_t bits = read_u32(from);
    float value;
    memcpy(&value, &bits, sizeof value);
    if (!(value >= 0.0f && (double)value <= most))
        from->bad = true;
    return from->bad ? 0.0 : (double)value;
}

/* A text where it lies, with its zero; at most `capacity` bytes with it. */
static const char *read_text(cursor *from, size_t capacity)
{
    uint32_t size = read_u32(from);
    const unsigned char *bytes = size == 0 || size > capacity ? NULL : take(from, size);
    if (bytes == NULL || memchr(bytes, 0, size) != bytes + size - 1) {
        from->bad = true;
        return "";
    }
    return (const char *)bytes;
}

/* The bytes of the character at `at`; 0 when it is not well-formed UTF-8. */
static size_t character_bytes(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] >= 0xc2 && at[0] < 0xe0   ? 2
                    : (at[0] & 0xf0) == 0xe0        ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) /* also where the text ends */
            return 0;
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xed && at[1] >= 0xa0;
    bool beyond = at[0] == 0xf4 && at[1] >= 0x90;
    return length != 0 && (overlong || surrogate || beyond) ? 0 : length;
}

/* Copies a text that people will see: what is not UTF-8 or would move their cursor becomes "?". */
static void read_shown(cursor *from, char *out, size_t capacity)
{
    const unsigned char *at = (const unsigned char *)read_text(from, capacity);
    size_t written = 0;
    while (*at != 0) {
        size_t length = character_bytes(at);
        if (length == 0 || *at < 0x20 || *at == 0x7f) {
            out[written++] = '?';
            at++;
            continue;
        }
        memcpy(out + written, at, length);
        written += length;
        at += length;
    }
    out[written] = '\0';
}

static void read_order(cursor *from, lumen_request *one, size_t *images)
{
    *one = (lumen_request){0};
    one->quality = (lumen_quality)read_up_to(from, LUMEN_QUALITY_HIGH);
    one->num_parts = read_u32(from);
    one->points = read_u32(from);
    one->seed = read_u64(from);
    one->image_steps = read_u32(from);
    one->steps = read_u32(from);
    one->tokens = read_u32(from);
    one->guidance = (float)read_real(from, GUIDANCE_MAX);
    one->extraction = (lumen_extraction)read_up_to(from, LUMEN_EXTRACTION_REFERENCE);
    one->text = read_bool(from) ? read_text(from, HOST_TEXT_BYTES) : NULL;
    one->verb = read_bool(from) ? read_text(from, HOST_TEXT_BYTES) : NULL;
    one->image_size = read_up_to(from, (uint32_t)(HOST_IMAGES_BYTES_MAX - *images));
    one->image = one->image_size > 0 ? take(from, one->image_size) : NULL;
    *images += one->image_size;
    if (one->text == NULL && one->image == NULL)
        from->bad = true;
}

static void read_orders(cursor *from, host_orders *orders)
{
    size_t images = 0;
    orders->batch = read_u64(from);
    const char *engine = read_text(from, HOST_ENGINE_NAME_BYTES);
    memcpy(orders->engine, engine, strlen(engine) + 1);
    orders->count = read_up_to(from, EXECUTOR_BATCH_MAX);
    from->bad = from->bad || orders->count == 0;
    for (uint32_t i = 0; i < orders->count && !from->bad; i++)
        read_order(from, &orders->requests[i], &images);
}

static void read_hello(cursor *from, host_message *message)
{
    if (read_u32(from) != HOST_PROTOCOL_VERSION)
        from->bad = true;
    read_shown(from, message->version, sizeof message->version);
}

static void read_model(cursor *from, host_message *message)
{
    message->index = read_up_to(from, MODELS_MAX - 1);
    message->bytes = read_u64(from);
    message->model.state = (model_state)read_up_to(from, MODEL_FAILED);
    message->model.available = read_bool(from);
    message->model.bytes = read_u64(from);
    message->model.load_seconds = read_real(from, 1e9);
    read_shown(from, message->model.reason, sizeof message->model.reason);
}

/* What the messages about one order begin with. */
static void read_place(cursor *from, host_message *message)
{
    message->batch = read_u64(from);
    message->index = read_up_to(from, EXECUTOR_BATCH_MAX - 1);
}

static void read_failure(cursor *from, host_message *message)
{
    read_place(from, message);
    message->bytes = read_u64(from);
    message->failure.status = (lumen_status)read_up_to(from, LUMEN_ERROR_CANCELLED);
    if (message->failure.status == LUMEN_OK)
        from->bad = true;
    read_shown(from, message->failure.message, sizeof message->failure.message);
}

/* False when the payload is not exactly what its kind says. */
static bool decode(uint32_t kind, const unsigned char *payload, size_t size, host_message *message)
{
    cursor from = {.at = payload, .left = size};
    message->kind = (host_message_kind)kind;
    switch ((host_message_kind)kind) {
    case HOST_START: message->bytes = read_u64(&from); break;
    case HOST_ORDERS: read_orders(&from, &message->orders); break;
    case HOST_CANCEL: read_place(&from, message); break;
    case HOST_HELLO: read_hello(&from, message); break;
    case HOST_MODEL: read_model(&from, message); break;
    case HOST_PROGRESS:
        read_place(&from, message);
        message->fraction = read_real(&from, 1.0);
        read_shown(&from, message->stage, sizeof message->stage);
        break;
    case HOST_FAILURE: read_failure(&from, message); break;
    case HOST_LOG:
        message->severity = (log_severity)read_up_to(&from, LOG_ERROR);
        read_shown(&from, message->text, sizeof message->text);
        break;
    case HOST_SHAPE: return false;
    }
    return !from.bad && from.left == 0;
}

/* ---- Reading frames ------------------------------------------------------------------------------------------- */

bool host_reader_open(host_reader *reader, host_side side)
{
    *reader = (host_reader){.side = side, .capacity = READER_BYTES};
    reader->bytes = malloc(reader->capacity);
    return reader->bytes != NULL;
}

void host_reader_close(host_reader *reader)
{
    blob_release(reader->packed);
    free(reader->bytes);
    *reader = (host_reader){0};
}

void host_reader_reset(host_reader *reader)
{
    blob_release(reader->packed);
    reader->packed = NULL;
    reader->start = reader->end = 0;
    reader->wrong = false;
}

/* After a long frame. Nothing is in it. */
static void shrink(host_reader *reader)
{
    unsigned char *smaller = realloc(reader->bytes, READER_BYTES);
    if (smaller == NULL)
        return; /* then it stays as it is */
    reader->bytes = smaller;
    reader->capacity = READER_BYTES;
}

unsigned char *host_reader_space(host_reader *reader, size_t *size)
{
    if (reader->packed != NULL && reader->start == reader->end) {
        *size = reader->packed->size - reader->packed_have;
        return reader->packed->data + reader->packed_have;
    }
    if (reader->start == reader->end && reader->capacity > READER_BYTES)
        shrink(reader);
    if (reader->start > 0) {
        memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    *size = reader->capacity - reader->end;
    return reader->bytes + reader->end;
}

void host_reader_received(host_reader *reader, size_t size)
{
    if (reader->packed != NULL && reader->start == reader->end)
        reader->packed_have += size;
    else
        reader->end += size;
}

static host_read fail(host_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

static host_read fail(host_reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->fault, sizeof reader->fault, format, arguments);
    va_end(arguments);
    reader->wrong = true;
    return HOST_READ_WRONG;
}

/* The longest payload that a kind may have, 0 for kinds that the other side must not send. */
static size_t longest(host_side reader, uint32_t kind)
{
    switch (kind) {
    case HOST_START:
    case HOST_CANCEL: return reader == HOST_SIDE_HOST ? 64 : 0;
    case HOST_ORDERS: return reader == HOST_SIDE_HOST ? HOST_ORDERS_BYTES_MAX : 0;
    case HOST_HELLO:
    case HOST_MODEL:
    case HOST_PROGRESS:
    case HOST_FAILURE:
    case HOST_LOG: return reader == HOST_SIDE_SERVICE ? HOST_ANSWER_BYTES_MAX : 0;
    case HOST_SHAPE: return reader == HOST_SIDE_SERVICE ? HOST_SHAPE_HEAD_BYTES + SHAPE_PACK_BYTES_MAX : 0;
    default: return 0;
    }
}

/* A frame of `size` bytes has come in part, and nothing more has room. What was announced is not yet believed: memory
 * doubles with what has come. */
static bool grow(host_reader *reader, size_t size)
{
    if (reader->start > 0 || reader->end < reader->capacity)
        return true;
    size_t capacity = 2 * reader->capacity < size ? 2 * reader->capacity : size;
    unsigned char *larger = realloc(reader->bytes, capacity);
    if (larger == NULL)
        return false;
    reader->bytes = larger;
    reader->capacity = capacity;
    return true;
}

static void consume(host_reader *reader, size_t size)
{
    reader->start += size;
    if (reader->start == reader->end)
        reader->start = reader->end = 0;
}

/* The head of a shape has come: makes the blob. */
static host_read begin_shape(host_reader *reader, const unsigned char *payload, size_t size)
{
    cursor from = {.at = payload, .left = HOST_SHAPE_HEAD_BYTES};
    reader->shape.kind = HOST_SHAPE;
    read_place(&from, &reader->shape);
    reader->shape.bytes = read_u64(&from);
    if (from.bad || size == HOST_SHAPE_HEAD_BYTES)
        return fail(reader, "a shape without its place or its bytes");
    reader->packed = blob_create(size - HOST_SHAPE_HEAD_BYTES);
    if (reader->packed == NULL)
        return fail(reader, "no memory for a shape of %zu bytes", size);
    reader->packed_have = 0;
    return HOST_READ_MORE;
}

/* Moves what has come of a shape into its blob, and hands that out when it is whole. */
static host_read go_on_with_shape(host_reader *reader, host_message *message)
{
    size_t wanted = reader->packed->size - reader->packed_have;
    size_t here = reader->end - reader->start;
    size_t size = here < wanted ? here : wanted;
    if (size > 0) {
        memcpy(reader->packed->data + reader->packed_have, reader->bytes + reader->start, size);
        reader->packed_have += size;
        consume(reader, size);
    }
    if (reader->packed_have < reader->packed->size)
        return HOST_READ_MORE;
    message->kind = HOST_SHAPE;
    message->batch = reader->shape.batch;
    message->index = reader->shape.index;
    message->bytes = reader->shape.bytes;
    message->packed = reader->packed;
    reader->packed = NULL;
    return HOST_READ_MESSAGE;
}

host_read host_reader_next(host_reader *reader, host_message *message)
{
    if (reader->wrong)
        return HOST_READ_WRONG;
    if (reader->packed != NULL)
        return go_on_with_shape(reader, message);
    size_t here = reader->end - reader->start;
    if (here < HOST_FRAME_HEAD_BYTES)
        return HOST_READ_MORE;
    const unsigned char *head = reader->bytes + reader->start;
    size_t size = get_u32(head);
    uint32_t kind = get_u32(head + 4);
    size_t most = longest(reader->side, kind);
    if (most == 0)
        return fail(reader, "a message of kind %u, which is not known here", kind);
    if (size > most)
        return fail(reader, "a message of kind %u with %zu bytes", kind, size);
    if (kind == HOST_SHAPE) {
        if (size < HOST_SHAPE_HEAD_BYTES)
            return fail(reader, "a shape of %zu bytes", size);
        if (here < HOST_FRAME_HEAD_BYTES + HOST_SHAPE_HEAD_BYTES)
            return HOST_READ_MORE;
        host_read begun = begin_shape(reader, head + HOST_FRAME_HEAD_BYTES, size);
        consume(reader, HOST_FRAME_HEAD_BYTES + HOST_SHAPE_HEAD_BYTES);
        return begun == HOST_READ_WRONG ? begun : go_on_with_shape(reader, message);
    }
    if (here < HOST_FRAME_HEAD_BYTES + size)
        return grow(reader, HOST_FRAME_HEAD_BYTES + size) ? HOST_READ_MORE
                                                          : fail(reader, "no memory for a message of %zu bytes", size);
    if (!decode(kind, head + HOST_FRAME_HEAD_BYTES, size, message))
        return fail(reader, "a message of kind %u that does not hold what it should", kind);
    consume(reader, HOST_FRAME_HEAD_BYTES + size);
    return HOST_READ_MESSAGE;
}
