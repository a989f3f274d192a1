/* What the service and its hosts say to each other: every message comes back as it was, nothing else is taken. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/protocol.h"

static host_message message;

static void give(host_reader *reader, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        size_t room;
        unsigned char *space = host_reader_space(reader, &room);
        assert_true(room > 0);
        size_t piece = size < room ? size : room;
        memcpy(space, at, piece);
        host_reader_received(reader, piece);
        at += piece;
        size -= piece;
        if (size > 0)
            assert_int_equal(host_reader_next(reader, &message), HOST_READ_MORE);
    }
}

/* Reads the one message in `bytes`, given byte by byte: it must come with the last byte and not before. */
static void read_slowly(host_side side, const buffer *bytes)
{
    host_reader reader;
    assert_false(buffer_failed(bytes));
    assert_true(host_reader_open(&reader, side));
    for (size_t i = 0; i < bytes->size; i++) {
        assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MORE);
        give(&reader, bytes->data + i, 1);
    }
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    host_message ignored;
    assert_int_equal(host_reader_next(&reader, &ignored), HOST_READ_MORE);
    host_reader_close(&reader);
}

static host_read read_at_once(host_side side, const void *bytes, size_t size)
{
    host_reader reader;
    assert_true(host_reader_open(&reader, side));
    give(&reader, bytes, size);
    host_read step = host_reader_next(&reader, &message);
    host_reader_close(&reader);
    return step;
}

static void orders_come_back_as_they_were(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 1u << 20);
    const lumen_request requests[] = {
        {.text = "a horse",
         .verb = "fly",
         .quality = LUMEN_QUALITY_HIGH,
         .num_parts = 5,
         .points = 300,
         .seed = 1,
         .image_steps = 4},
        {.text = "", .seed = UINT64_MAX},
    };
    assert_true(host_write_orders(&bytes, 0x123456789abcdef0u, "procedural", requests, 2));
    host_reader reader;
    assert_true(host_reader_open(&reader, HOST_SIDE_HOST));
    give(&reader, bytes.data, bytes.size);
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    assert_int_equal(message.kind, HOST_ORDERS);
    const host_orders *orders = &message.orders;
    assert_true(orders->batch == 0x123456789abcdef0u);
    assert_string_equal(orders->engine, "procedural");
    assert_int_equal(orders->count, 2);
    assert_string_equal(orders->requests[0].text, "a horse");
    assert_string_equal(orders->requests[0].verb, "fly");
    assert_int_equal(orders->requests[0].quality, LUMEN_QUALITY_HIGH);
    assert_int_equal(orders->requests[0].num_parts, 5);
    assert_int_equal(orders->requests[0].points, 300);
    assert_int_equal(orders->requests[0].seed, 1);
    assert_int_equal(orders->requests[0].image_steps, 4);
    assert_string_equal(orders->requests[1].text, "");
    assert_null(orders->requests[1].verb);
    assert_true(orders->requests[1].seed == UINT64_MAX);
    assert_int_equal(orders->requests[1].image_steps, 0);
    host_reader_close(&reader);
    read_slowly(HOST_SIDE_HOST, &bytes);
    buffer_close(&bytes);
}

/* A picture of so many bytes that a test can tell them apart. */
static unsigned char *make_image(size_t size)
{
    unsigned char *image = malloc(size);
    assert_non_null(image);
    for (size_t i = 0; i < size; i++)
        image[i] = (unsigned char)((i * 31 >> 3) & 0xff);
    return image;
}

static void a_picture_and_how_networks_shall_work_come_back_as_they_were(void **state)
{
    (void)state;
    enum { SIZE = 1000 };
    buffer bytes;
    unsigned char *image = make_image(SIZE);
    buffer_open(&bytes, 1u << 20);
    const lumen_request requests[] = {
        {.image = image,
         .image_size = SIZE,
         .steps = 50,
         .tokens = 1024,
         .guidance = 7.5f,
         .extraction = LUMEN_EXTRACTION_REFERENCE},
        {.text = "cat", .image = image + 1, .image_size = 1},
        {.text = "dog"},
    };
    assert_true(host_write_orders(&bytes, 1, "partcrafter", requests, 3));
    host_reader reader;
    assert_true(host_reader_open(&reader, HOST_SIDE_HOST));
    give(&reader, bytes.data, bytes.size);
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    const lumen_request *got = message.orders.requests;
    assert_null(got[0].text);
    assert_int_equal(got[0].image_size, SIZE);
    assert_memory_equal(got[0].image, image, SIZE);
    assert_true(got[0].steps == 50 && got[0].tokens == 1024 && got[0].guidance == 7.5f);
    assert_int_equal(got[0].extraction, LUMEN_EXTRACTION_REFERENCE);
    assert_string_equal(got[1].text, "cat");
    assert_int_equal(got[1].image_size, 1);
    assert_int_equal(*(const unsigned char *)got[1].image, image[1]);
    assert_true(got[2].image == NULL && got[2].image_size == 0 && got[2].guidance == 0.0f && got[2].steps == 0);
    host_reader_close(&reader);
    read_slowly(HOST_SIDE_HOST, &bytes);
    buffer_close(&bytes);
    free(image);
}

static void a_readers_memory_grows_with_what_comes_and_shrinks_after_it(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20, FIRST = 1 << 20 };
    buffer bytes, small;
    size_t room;
    unsigned char *image = make_image(SIZE);
    buffer_open(&bytes, 2 * SIZE);
    buffer_open(&small, 4096);
    const lumen_request large = {.image = image, .image_size = SIZE}, usual = {.text = "cat"};
    assert_true(host_write_orders(&bytes, 1, "partcrafter", &large, 1));
    assert_true(host_write_orders(&small, 2, "partcrafter", &usual, 1));
    host_reader reader;
    assert_true(host_reader_open(&reader, HOST_SIDE_HOST));
    const size_t before = reader.capacity;
    assert_true(before < FIRST);
    give(&reader, small.data, small.size);
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    assert_int_equal(reader.capacity, before);
    give(&reader, bytes.data, FIRST); /* what is announced alone takes nothing */
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MORE);
    assert_true(reader.capacity <= 2 * FIRST);
    give(&reader, bytes.data + FIRST, bytes.size - FIRST);
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    assert_true(reader.capacity <= bytes.size);
    assert_memory_equal(message.orders.requests[0].image, image, SIZE);
    assert_non_null(host_reader_space(&reader, &room));
    assert_int_equal(reader.capacity, before);
    give(&reader, small.data, small.size);
    assert_int_equal(host_reader_next(&reader, &message), HOST_READ_MESSAGE);
    assert_string_equal(message.orders.requests[0].text, "cat");
    host_reader_close(&reader);
    buffer_close(&bytes);
    buffer_close(&small);
    free(image);
}

static void an_order_that_makes_no_sense_is_neither_written_nor_read(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 4096);
    const lumen_request wrong[] = {
        {.text = NULL},                                                                 /* nothing at all */
        {.text = "cat", .image = "", .image_size = 0},                                  /* a picture without bytes */
        {.text = "cat", .image = "x", .image_size = (size_t)HOST_IMAGES_BYTES_MAX + 1}, /* is not looked at */
        {.text = "cat", .guidance = NAN},
        {.text = "cat", .guidance = -1.0f},
        {.text = "cat", .guidance = 1e30f},
        {.text = "cat", .extraction = (lumen_extraction)2},
        {.text = "cat", .quality = (lumen_quality)3},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(host_write_orders(&bytes, 1, "partcrafter", &wrong[i], 1));
    const size_t half = (size_t)HOST_IMAGES_BYTES_MAX / 2 + 1;
    const lumen_request both[] = {{.image = "x", .image_size = half}, {.image = "y", .image_size = half}};
    assert_false(host_write_orders(&bytes, 1, "partcrafter", both, 2));
    assert_int_equal(bytes.size, 0);

    const lumen_request right = {.text = "cat", .image = "picture", .image_size = 7};
    assert_true(host_write_orders(&bytes, 1, "e", &right, 1));
    assert_int_equal(read_at_once(HOST_SIDE_HOST, bytes.data, bytes.size), HOST_READ_MESSAGE);
    /* Behind the head: batch 8, engine 4 + 2, count 4; of the order numbers 40, text 1 + 4 + 4, verb 1, picture 4 + 7.
     */
    enum { NUMBERS = HOST_FRAME_HEAD_BYTES + 18, TEXT = NUMBERS + 40, VERB = TEXT + 9, IMAGE = VERB + 1 };
    assert_int_equal(bytes.size, IMAGE + 4 + 7);
    static const struct {
        size_t at;
        unsigned char value;
    } wrongs[] = {
        {NUMBERS, 3},         /* quality */
        {NUMBERS + 35, 0x7f}, /* guidance: out of all bounds */
        {NUMBERS + 35, 0xbf}, /* ... and negative */
        {NUMBERS + 36, 2},    /* extraction */
        {TEXT, 2},            /* neither there nor not */
        {VERB, 1},            /* a verb where the picture is */
        {IMAGE, 6},           /* a picture that is longer than it says */
        {IMAGE, 8},           /* ... or shorter */
        {IMAGE + 3, 0xff},    /* ... or gigabytes */
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        unsigned char copy[256];
        memcpy(copy, bytes.data, bytes.size);
        copy[wrongs[i].at] = wrongs[i].value;
        if (read_at_once(HOST_SIDE_HOST, copy, bytes.size) != HOST_READ_WRONG)
            fail_msg("byte %zu as %u was taken", wrongs[i].at, wrongs[i].value);
    }
    /* A frame that says it is longer than orders with all their pictures can be. */
    unsigned char head[HOST_FRAME_HEAD_BYTES] = {0xff, 0xff, 0xff, 0x7f, HOST_ORDERS};
    assert_int_equal(read_at_once(HOST_SIDE_HOST, head, sizeof head), HOST_READ_WRONG);
    buffer_close(&bytes);
}

static void a_shape_comes_in_pieces_of_any_size(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    buffer bytes;
    buffer_open(&bytes, 1u << 20);
    host_write_log(&bytes, LOG_INFO, "before");
    host_write_shape(&bytes, 7, 3, 99, SIZE);
    for (uint32_t i = 0; i < SIZE; i++)
        buffer_u8(&bytes, (uint8_t)(i * 31 >> 3 & 0xff));
    host_write_log(&bytes, LOG_ERROR, "behind");
    static const size_t pieces[] = {1000, 8, 7, 70000, 1, 19, 1u << 20};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        host_reader reader;
        assert_true(host_reader_open(&reader, HOST_SIDE_SERVICE));
        int seen = 0;
        for (size_t at = 0; at < bytes.size;) {
            size_t room;
            unsigned char *space = host_reader_space(&reader, &room);
            size_t size = bytes.size - at < pieces[p] ? bytes.size - at : pieces[p];
            size = size < room ? size : room;
            memcpy(space, bytes.data + at, size);
            host_reader_received(&reader, size);
            at += size;
            host_read step;
            while ((step = host_reader_next(&reader, &message)) == HOST_READ_MESSAGE) {
                assert_int_equal(message.kind, seen == 1 ? HOST_SHAPE : HOST_LOG);
                if (message.kind == HOST_SHAPE) {
                    assert_int_equal(message.batch, 7);
                    assert_int_equal(message.index, 3);
                    assert_int_equal(message.bytes, 99);
                    assert_int_equal(message.packed->size, SIZE);
                    for (uint32_t i = 0; i < SIZE; i++)
                        if (message.packed->data[i] != (i * 31 >> 3 & 0xff))
                            fail_msg("byte %u differs", i);
                    blob_release(message.packed);
                }
                seen++;
            }
            assert_int_equal(step, HOST_READ_MORE);
        }
        assert_int_equal(seen, 3);
        assert_string_equal(message.text, "behind");
        host_reader_close(&reader);
    }
    buffer_close(&bytes);
}

static void what_a_host_says_comes_back_as_it_was(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 1u << 16);
    const model_report report = {.state = MODEL_FAILED, .bytes = 1ull << 40, .load_seconds = 2.5, .reason = "no file"};
    host_write_model(&bytes, 31, &report, 77);
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_int_equal(message.kind, HOST_MODEL);
    assert_int_equal(message.index, 31);
    assert_int_equal(message.bytes, 77);
    assert_int_equal(message.model.state, MODEL_FAILED);
    assert_true(message.model.bytes == 1ull << 40 && message.model.load_seconds == 2.5 && !message.model.available);
    assert_string_equal(message.model.reason, "no file");

    bytes.size = 0;
    host_write_progress(&bytes, 5, 15, "mesh", 7.0);
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_int_equal(message.kind, HOST_PROGRESS);
    assert_string_equal(message.stage, "mesh");
    assert_true(message.fraction == 1.0);
    bytes.size = 0;
    host_write_progress(&bytes, 5, 15, "mesh", (double)NAN);
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_true(message.fraction == 0.0);

    bytes.size = 0;
    host_write_hello(&bytes, "0.1.0");
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_string_equal(message.version, "0.1.0");

    bytes.size = 0;
    host_write_failure(&bytes, 6, 2, 88, LUMEN_ERROR_MEMORY, "no memory");
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_int_equal(message.failure.status, LUMEN_ERROR_MEMORY);
    assert_int_equal(message.batch, 6);
    assert_string_equal(message.failure.message, "no memory");

    bytes.size = 0;
    host_write_start(&bytes, 1ull << 35);
    read_slowly(HOST_SIDE_HOST, &bytes);
    assert_true(message.kind == HOST_START && message.bytes == 1ull << 35);
    bytes.size = 0;
    host_write_cancel(&bytes, 9, 1);
    read_slowly(HOST_SIDE_HOST, &bytes);
    assert_true(message.kind == HOST_CANCEL && message.batch == 9 && message.index == 1);
    buffer_close(&bytes);
}

static void texts_too_long_are_cut_at_a_character(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 1u << 16);
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 2] = '\0';
    host_write_log(&bytes, LOG_WARNING, text);
    read_slowly(HOST_SIDE_SERVICE, &bytes);
    assert_int_equal(strlen(message.text), HOST_LOG_BYTES - 2);
    assert_memory_equal(message.text, text, strlen(message.text));
    buffer_close(&bytes);
}

static void what_is_not_utf8_is_shown_as_question_marks(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *shown;
    } texts[] = {
        {"\xff", "?"},
        {"a\xc3", "a?"},
        {"\xc0\xaf", "??"},
        {"\xed\xa0\x80", "???"},
        {"\xe2\x82\xac \xf0\x9f\x90\xb4", "\xe2\x82\xac \xf0\x9f\x90\xb4"},
        {"\xf4\x90\x80\x80", "????"},
        {"a\tb\x1b[2J\x7f", "a?b?[2J?"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        /* Written by hand, as a mad process might. */
        buffer bytes;
        buffer_open(&bytes, 4096);
        uint32_t size = (uint32_t)strlen(texts[i].bytes) + 1;
        buffer_u32(&bytes, 8 + size);
        buffer_u32(&bytes, HOST_LOG);
        buffer_u32(&bytes, LOG_INFO);
        buffer_u32(&bytes, size);
        buffer_append(&bytes, texts[i].bytes, size);
        assert_int_equal(read_at_once(HOST_SIDE_SERVICE, bytes.data, bytes.size), HOST_READ_MESSAGE);
        assert_string_equal(message.text, texts[i].shown);
        buffer_close(&bytes);
    }
}

/* Every message with every one of its bytes changed or cut off is refused or read as something valid, and what says
 * another size than it has is refused. */
static void a_frame_must_hold_exactly_what_its_kind_says(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 4096);
    host_write_failure(&bytes, 6, 2, 88, LUMEN_ERROR_MEMORY, "no memory");
    size_t size = bytes.size;
    unsigned char *frame = bytes.data;
    for (uint32_t wrong = 0; wrong < size + 20; wrong++) {
        if (wrong == size - HOST_FRAME_HEAD_BYTES)
            continue;
        unsigned char copy[256] = {0};
        memcpy(copy, frame, size);
        copy[0] = (unsigned char)wrong;
        assert_int_equal(read_at_once(HOST_SIDE_SERVICE, copy, sizeof copy), HOST_READ_WRONG);
    }
    static const struct {
        size_t at;
        unsigned char value;
    } wrongs[] = {
        {4, 99},          /* no such kind */
        {4, HOST_ORDERS}, /* not from a host */
        {16, 16},         /* index */
        {28, 0},          /* a failure that is none */
        {28, 7},          /* no such status */
        {32, 200},        /* longer than the frame */
        {32, 0},          /* not even a zero */
        {40, 0},          /* a zero within the text */
        {3, 0xff},        /* gigabytes */
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        unsigned char copy[256];
        memcpy(copy, frame, size);
        copy[wrongs[i].at] = wrongs[i].value;
        assert_int_equal(read_at_once(HOST_SIDE_SERVICE, copy, size), HOST_READ_WRONG);
    }
    assert_int_equal(read_at_once(HOST_SIDE_SERVICE, frame, size), HOST_READ_MESSAGE);
    assert_int_equal(read_at_once(HOST_SIDE_HOST, frame, size), HOST_READ_WRONG);
    buffer_close(&bytes);
}

static void orders_beyond_the_bounds_are_not_written(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, HOST_FRAME_HEAD_BYTES + HOST_WORDS_BYTES_MAX);
    char *text = malloc(HOST_TEXT_BYTES + 1);
    memset(text, 'x', HOST_TEXT_BYTES + 1);
    text[HOST_TEXT_BYTES] = '\0';
    lumen_request requests[EXECUTOR_BATCH_MAX + 1];
    for (size_t i = 0; i < EXECUTOR_BATCH_MAX + 1; i++)
        requests[i] = (lumen_request){.text = text, .verb = text};
    assert_false(host_write_orders(&bytes, 1, "echo", requests, 1));
    text[HOST_TEXT_BYTES - 1] = '\0';
    assert_false(host_write_orders(&bytes, 1, "echo", requests, EXECUTOR_BATCH_MAX + 1));
    assert_false(host_write_orders(&bytes, 1, "echo", requests, 0));
    assert_int_equal(bytes.size, 0);
    /* The largest there can be fits what both sides have set aside. */
    assert_true(host_write_orders(&bytes, 1, "echo", requests, EXECUTOR_BATCH_MAX));
    assert_false(buffer_failed(&bytes));
    assert_int_equal(read_at_once(HOST_SIDE_HOST, bytes.data, bytes.size), HOST_READ_MESSAGE);
    free(text);
    buffer_close(&bytes);
}

static void a_shape_without_bytes_or_place_is_refused(void **state)
{
    (void)state;
    buffer bytes;
    buffer_open(&bytes, 4096);
    host_write_shape(&bytes, 1, 0, 0, 0);
    assert_int_equal(read_at_once(HOST_SIDE_SERVICE, bytes.data, bytes.size), HOST_READ_WRONG);
    bytes.size = 0;
    host_write_shape(&bytes, 1, EXECUTOR_BATCH_MAX, 0, 10);
    assert_int_equal(read_at_once(HOST_SIDE_SERVICE, bytes.data, bytes.size), HOST_READ_WRONG);
    bytes.size = 0;
    host_write_shape(&bytes, 1, 0, 0, SHAPE_PACK_BYTES_MAX + 1);
    assert_int_equal(read_at_once(HOST_SIDE_SERVICE, bytes.data, bytes.size), HOST_READ_WRONG);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_come_back_as_they_were),
        cmocka_unit_test(a_picture_and_how_networks_shall_work_come_back_as_they_were),
        cmocka_unit_test(a_readers_memory_grows_with_what_comes_and_shrinks_after_it),
        cmocka_unit_test(an_order_that_makes_no_sense_is_neither_written_nor_read),
        cmocka_unit_test(a_shape_comes_in_pieces_of_any_size),
        cmocka_unit_test(what_a_host_says_comes_back_as_it_was),
        cmocka_unit_test(texts_too_long_are_cut_at_a_character),
        cmocka_unit_test(what_is_not_utf8_is_shown_as_question_marks),
        cmocka_unit_test(a_frame_must_hold_exactly_what_its_kind_says),
        cmocka_unit_test(orders_beyond_the_bounds_are_not_written),
        cmocka_unit_test(a_shape_without_bytes_or_place_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
