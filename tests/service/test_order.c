/* The body of an order: what is good, what is faulty and how, what is no JSON at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "files/files.h"
#include "service/order.h"
#include "words/words.h"

static const char *const engines[] = {"auto", "procedural", "test-1ms", NULL};
static const char *const image_engines[] = {"auto", NULL};
static const order_rules rules = {
    .engines = engines, .image_engines = image_engines, .body_bytes_max = 4096, .image_bytes_max = 30000};

static service_order read_good(const char *body)
{
    service_order order;
    order_faults faults;
    lumen_error error = {0};
    order_status status = order_read(body, strlen(body), &rules, &order, &faults, &error);
    if (status != ORDER_GOOD)
        fail_msg("%s is no order: %s", body, status == ORDER_FAULTY ? faults.list[0].message : error.message);
    return order;
}

/* What the answer to a faulty order says: "text: string_blank, seed: int_type". */
static void describe(const char *body, size_t size, char *out, size_t capacity)
{
    service_order order;
    order_faults faults;
    lumen_error error = {0};
    out[0] = 0;
    switch (order_read(body, size, &rules, &order, &faults, &error)) {
    case ORDER_GOOD:
        order_release(&order);
        snprintf(out, capacity, "good");
        return;
    case ORDER_MALFORMED: snprintf(out, capacity, "%s", error.message); return;
    case ORDER_TOO_LARGE: snprintf(out, capacity, "too large"); return;
    case ORDER_NO_MEMORY: snprintf(out, capacity, "no memory"); return;
    case ORDER_FAULTY: break;
    }
    buffer json;
    buffer_open(&json, 1u << 16);
    order_write_faults(&faults, &json);
    json_t *answer = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_non_null(answer);
    const json_t *detail = json_object_get(answer, "detail");
    assert_true(json_array_size(detail) > 0);
    for (size_t i = 0; i < json_array_size(detail); i++) {
        const json_t *fault = json_array_get(detail, i), *loc = json_object_get(fault, "loc");
        assert_string_equal(json_string_value(json_array_get(loc, 0)), "body");
        assert_true(json_string_length(json_object_get(fault, "msg")) > 0);
        const char *member = json_string_value(json_array_get(loc, 1));
        size_t length = strlen(out);
        snprintf(out + length, capacity - length, "%s%s: %s", i == 0 ? "" : ", ", member == NULL ? "body" : member,
                 json_string_value(json_object_get(fault, "type")));
    }
    json_decref(answer);
    buffer_close(&json);
}

static void check_answer(const char *body, const char *expected)
{
    char answer[512];
    describe(body, strlen(body), answer, sizeof answer);
    if (strcmp(answer, expected) != 0)
        fail_msg("%.300s\nis answered \"%s\",\nnot        \"%s\"", body, answer, expected);
}

static void check_malformed(const char *body, size_t size, const char *reason)
{
    char answer[512];
    describe(body, size, answer, sizeof answer);
    if (strstr(answer, reason) == NULL)
        fail_msg("%.300s\nis answered \"%s\", without \"%s\"", body, answer, reason);
}

/* ---- Good orders --------------------------------------------------------------------------------------- */

static void a_text_is_enough(void **state)
{
    (void)state;
    service_order order = read_good("{\"text\": \"a horse galloping\"}");
    assert_string_equal(order.text, "a horse galloping");
    assert_string_equal(order.engine, "auto");
    lumen_request request = order_request(&order);
    assert_string_equal(request.text, "a horse galloping");
    assert_null(request.verb);
    assert_int_equal(request.quality, LUMEN_QUALITY_STANDARD);
    assert_int_equal(request.num_parts + request.points, 0);
    assert_true(request.seed == 0);
}

static void everything_that_can_be_said_is_understood(void **state)
{
    (void)state;
    service_order order =
        read_good("{\"text\": \"cat\", \"verb\": \"flying\", \"quality\": \"high\", \"num_parts\": 16, "
                  "\"seed\": 9223372036854775807, \"points\": 65536, \"engine\": \"test-1ms\", \"steps\": 1000, "
                  "\"guidance\": 1.5, \"tokens\": 16}");
    lumen_request request = order_request(&order);
    assert_string_equal(request.text, "cat");
    assert_string_equal(request.verb, "flying");
    assert_string_equal(request.engine, "test-1ms");
    assert_int_equal(request.quality, LUMEN_QUALITY_HIGH);
    assert_int_equal(request.num_parts, 16);
    assert_int_equal(request.steps, 1000);
    assert_int_equal(request.tokens, 16);
    assert_float_equal(request.guidance, 1.5, 0.0);
    assert_null(request.image);
    assert_int_equal(request.points, 65536);
    assert_true(request.seed == INT64_MAX);
    assert_int_equal(read_good("{\"text\": \"cat\", \"quality\": \"fast\"}").quality, LUMEN_QUALITY_FAST);
    assert_int_equal(read_good("{\"text\": \"cat\", \"quality\": \"standard\"}").quality, LUMEN_QUALITY_STANDARD);
    assert_int_equal(read_good("{\"text\": \"cat\", \"num_parts\": 1, \"points\": 256, \"seed\": 0}").points, 256);
}

static void null_and_a_blank_verb_are_as_good_as_absent(void **state)
{
    (void)state;
    service_order order =
        read_good("{\"text\": \"cat\", \"verb\": null, \"quality\": null, \"num_parts\": null, \"seed\": "
                  "null, \"points\": null, \"engine\": null}");
    assert_string_equal(order.verb, "");
    assert_string_equal(order.engine, "auto");
    assert_null(order_request(&order).verb);
    order = read_good("{\"text\": \"cat\", \"verb\": \" \\t\\u3000\\u200b\"}");
    assert_null(order_request(&order).verb);
}

static void members_nobody_knows_are_ignored(void **state)
{
    (void)state;
    read_good("{\"text\": \"cat\", \"colour\": {\"deep\": [1, 2.5, true, null]}, \"huge\": 1e999, \"\": "
              "123456789012345678901234567890}");
}

static void any_unicode_text_arrives_as_it_was_sent(void **state)
{
    (void)state;
    assert_string_equal(read_good("{\"text\": \"\xe9\xa6\xac \\u99ac \\ud83d\\ude00 <b>' OR 1=1; --\\n\"}").text,
                        "\xe9\xa6\xac \xe9\xa6\xac \xf0\x9f\x98\x80 <b>' OR 1=1; --\n");
    /* 200 characters of four bytes each fill the room for a text to its end. */
    char body[1024] = "{\"text\": \"", expected[ORDER_TEXT_BYTES] = "";
    for (int i = 0; i < LUMEN_TEXT_MAX_CHARACTERS; i++)
        strcat(expected, "\xf0\x9f\x98\x80");
    strcat(strcat(body, expected), "\"}");
    assert_string_equal(read_good(body).text, expected);
}

/* ---- Faulty orders ------------------------------------------------------------------------------------- */

static void each_fault_has_its_type(void **state)
{
    (void)state;
    check_answer("{}", "text: missing");
    check_answer("{\"text\": null}", "text: string_type");
    check_answer("{\"text\": 7}", "text: string_type");
    check_answer("{\"text\": [\"cat\"]}", "text: string_type");
    check_answer("{\"text\": \"\"}", "text: string_blank");
    check_answer("{\"text\": \" \\t\\n\"}", "text: string_blank");
    check_answer("{\"text\": \"12 345\"}", "text: digits_only");
    check_answer("{\"text\": \"cat\", \"verb\": 1}", "verb: string_type");
    check_answer("{\"text\": \"cat\", \"verb\": \"12\"}", "verb: digits_only");
    check_answer("{\"text\": \"cat\", \"quality\": \"best\"}", "quality: unknown_value");
    check_answer("{\"text\": \"cat\", \"quality\": \"Fast\"}", "quality: unknown_value");
    check_answer("{\"text\": \"cat\", \"quality\": 1}", "quality: string_type");
    check_answer("{\"text\": \"cat\", \"engine\": \"dall-e\"}", "engine: unknown_value");
    check_answer("{\"text\": \"cat\", \"engine\": false}", "engine: string_type");
}

static void integers_are_integers_within_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *number, *fault;
    } numbers[] = {{"0", "out_of_range"},
                   {"17", "out_of_range"},
                   {"-1", "out_of_range"},
                   {"17.0", "out_of_range"},
                   {"1e30", "out_of_range"},
                   {"3.5", "int_type"},
                   {"15e-1", "int_type"},
                   {"true", "int_type"},
                   {"\"3\"", "int_type"},
                   {"[3]", "int_type"},
                   {"4294967297", "out_of_range"},
                   {"9223372036854775807", "out_of_range"},
                   {"9223372036854775808", "out_of_range"},
                   {"-9223372036854775809", "out_of_range"},
                   {"100000000000000000000000000000000000000000", "out_of_range"},
                   {"1e999", "int_type"},
                   {"-1.5E+999", "int_type"}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char body[128], expected[64];
        snprintf(body, sizeof body, "{\"text\": \"cat\", \"num_parts\":%s}", numbers[i].number);
        snprintf(expected, sizeof expected, "num_parts: %s", numbers[i].fault);
        check_answer(body, expected);
    }
    check_answer("{\"text\": \"cat\", \"seed\": -1}", "seed: out_of_range");
    check_answer("{\"text\": \"cat\", \"seed\": 9223372036854775808.0}", "seed: out_of_range");
    check_answer("{\"text\": \"cat\", \"seed\": 4.0, \"points\": 1.024e3}", "good");
    check_answer("{\"text\": \"cat\", \"seed\": 9223372036854775808}", "seed: out_of_range");
    check_answer("{\"text\": \"cat\", \"points\": 255}", "points: out_of_range");
    check_answer("{\"text\": \"cat\", \"points\": 65537}", "points: out_of_range");
    /* A huge number elsewhere changes nothing else, also not digits within a text. */
    check_answer("{\"text\": 99999999999999999999, \"seed\": 99999999999999999999}",
                 "text: string_type, seed: out_of_range");
    assert_string_equal(read_good("{\"x\": 1e999, \"text\": \"\\\"99999999999999999999 cats 1e999\"}").text,
                        "\"99999999999999999999 cats 1e999");
}

static void all_faults_come_at_once(void **state)
{
    (void)state;
    check_answer("{\"engine\": 1, \"points\": 1, \"seed\": -1, \"num_parts\": 0, \"quality\": \"\", \"verb\": {}}",
                 "text: missing, verb: string_type, quality: unknown_value, num_parts: out_of_range, seed: "
                 "out_of_range, points: out_of_range, engine: string_type");
}

/* Of the faults of an order of a picture, "member: type, ..."; "" when it is good. */
static void check_image_answer(const char *body, const char *expected, service_order *order)
{
    order_faults faults = {0};
    lumen_error error = {0};
    char answer[512] = "";
    order_status status = order_read_image(body, strlen(body), order, &faults, &error);
    for (size_t i = 0; status == ORDER_FAULTY && i < faults.count; i++)
        snprintf(answer + strlen(answer), sizeof answer - strlen(answer), "%s%s: %s", i > 0 ? ", " : "",
                 faults.list[i].member, faults.list[i].type);
    assert_string_equal(answer, expected);
    assert_int_equal(status, expected[0] == '\0' ? ORDER_GOOD : ORDER_FAULTY);
}

static void an_order_of_a_picture_has_words_a_seed_and_steps(void **state)
{
    (void)state;
    service_order order;
    check_image_answer("{\"text\": \"a horse\", \"verb\": \"fly\", \"seed\": 7, \"steps\": 4}", "", &order);
    const lumen_request request = order_request(&order);
    assert_string_equal(request.text, "a horse");
    assert_string_equal(request.verb, "fly");
    assert_int_equal(request.seed, 7);
    assert_int_equal(request.image_steps, 4);
    check_image_answer("{\"text\": \"cat\", \"steps\": null, \"points\": -1, \"quality\": 7}", "", &order);
    assert_int_equal(order.image_steps, 0);
    check_image_answer("{\"verb\": 1, \"seed\": -1, \"steps\": 5}",
                       "text: missing, verb: string_type, seed: out_of_range, steps: out_of_range", &order);
    check_image_answer("{\"text\": \"cat\", \"steps\": 1.5}", "steps: int_type", &order);
    check_answer("{\"text\": \"cat\", \"steps\": 5, \"quality\": \"\"}", "quality: unknown_value");
}

static void what_is_no_object_is_one_fault(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "[]",   "\"cat\"", "7", "7.5", "true", "null", "[{\"text\": \"cat\"}]", "123456789012345678901234567890",
        "1e999"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        check_answer(bodies[i], "body: object_type");
}

/* The answer to a text that is `count` times the same character. */
static void check_length(const char *character, int count, const char *expected)
{
    char body[4096] = "{\"text\": \"";
    for (int i = 0; i < count; i++)
        strcat(body, character);
    strcat(body, "\"}");
    check_answer(body, expected);
}

static void length_is_counted_in_characters(void **state)
{
    (void)state;
    check_length("x", 200, "good");
    check_length("x", 201, "text: string_too_long");
    check_length("\xf0\x9f\x98\x80", 200, "good");
    check_length("\xf0\x9f\x98\x80", 201, "text: string_too_long");
    check_length("\\ud83d\\ude00", 200, "good");
    check_length("\\ud83d\\ude00", 201, "text: string_too_long");
    check_length(" ", 200, "text: string_blank");
    check_length(" ", 201, "text: string_too_long");
}

static void the_service_and_the_library_never_disagree(void **state)
{
    (void)state;
    static const char *const texts[] = {"cat",
                                        "42",
                                        " 4 2 ",
                                        "4.2",
                                        "4-2",
                                        "\xd9\xa3\xd9\xa4",         /* Arabic digits */
                                        "\xef\xbc\x94\xef\xbc\x92", /* full-width digits */
                                        "\xc2\xb2",                 /* superscript two */
                                        "\xe2\x91\xa0",             /* circled one */
                                        "\xe2\x85\xa7",             /* Roman numeral eight */
                                        "\xc2\xbd",                 /* one half */
                                        "42\xe2\x80\x8b",           /* with a zero-width space */
                                        "\xe2\x80\x8b\xe2\x80\x8d",
                                        "\xc2\xa0\xe3\x80\x80\xe2\x80\xa8",
                                        "\xc2\x85\x1f",
                                        "\xcc\x81",     /* an accent alone */
                                        "\xe3\x85\xa4", /* Hangul filler */
                                        "\xef\xbf\xbe", /* no character */
                                        "...",
                                        "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int as_verb = 0; as_verb < 2; as_verb++) {
            static words_phrase phrase;
            lumen_error error = {0};
            const char *text = as_verb ? "cat" : texts[i], *verb = as_verb ? texts[i] : NULL;
            bool accepted = words_parse(text, verb, &phrase, &error) == LUMEN_OK;
            json_t *body = json_pack("{s:s, s:s?}", "text", text, "verb", verb);
            char *bytes = json_dumps(body, 0);
            service_order order;
            order_faults faults;
            order_status status = order_read(bytes, strlen(bytes), &rules, &order, &faults, &error);
            if (status != (accepted ? ORDER_GOOD : ORDER_FAULTY))
                fail_msg("%s: the library %s it", bytes, accepted ? "accepts" : "refuses");
            if (!accepted)
                assert_string_equal(faults.list[0].message, error.message);
            free(bytes);
            json_decref(body);
        }
}

/* ---- Pictures ------------------------------------------------------------------------------------------ */

/* The head of a PNG that says its sizes, and what goes behind it; as base64 for the caller to free. */
static char *picture_of(uint32_t width, uint32_t height, size_t more)
{
    const size_t size = 33 + more;
    unsigned char *bytes = calloc(1, size);
    assert_non_null(bytes);
    memcpy(bytes, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    for (size_t i = 0; i < 4; i++) {
        bytes[16 + i] = (unsigned char)(width >> (24 - 8 * i));
        bytes[20 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    for (size_t i = 33; i < size; i++)
        bytes[i] = (unsigned char)(255 - i % 7);
    buffer text;
    buffer_open(&text, 1u << 20);
    files_base64(&text, bytes, size);
    buffer_u8(&text, 0);
    assert_false(buffer_failed(&text));
    free(bytes);
    return (char *)text.data;
}

/* A body with a picture between two pieces of text, for the caller to free. */
static char *body_around(const char *before, const char *picture, const char *after)
{
    const size_t size = strlen(before) + strlen(picture) + strlen(after) + 1;
    char *body = malloc(size);
    assert_non_null(body);
    snprintf(body, size, "%s%s%s", before, picture, after);
    return body;
}

static void check_around(const char *before, const char *picture, const char *after, const char *expected)
{
    char *body = body_around(before, picture, after);
    check_answer(body, expected);
    free(body);
}

static void a_picture_arrives_byte_for_byte(void **state)
{
    (void)state;
    /* The larger one is taken out before the parser: with white space around it, and slashes written in two ways. */
    static const size_t sizes[] = {0, 1, 2, 100, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *picture = picture_of(64, 48, sizes[i]);
        char *body = body_around("{\"x\": {\"image\": 1}, \"image\"\n: \"", picture, "\", \"text\": \"cat\"}");
        service_order order = read_good(body);
        assert_non_null(order.image);
        assert_int_equal(order.image->size, 33 + sizes[i]);
        assert_memory_equal(order.image->data, "\x89PNG", 4);
        for (size_t k = 33; k < order.image->size; k++)
            assert_int_equal(order.image->data[k], 255 - k % 7);
        const lumen_request request = order_request(&order);
        assert_ptr_equal(request.image, order.image->data);
        assert_int_equal(request.image_size, order.image->size);
        assert_string_equal(request.text, "cat");
        order_release(&order);
        assert_null(order.image);
        free(body);
        free(picture);
    }
}

static void slashes_may_be_escaped(void **state)
{
    (void)state;
    static const size_t sizes[] = {30, 20000};
    for (size_t i = 0; i < 2; i++) {
        char *picture = picture_of(64, 48, sizes[i]), *escaped = malloc(2 * strlen(picture) + 1);
        assert_non_null(escaped);
        size_t length = 0;
        for (const char *byte = picture; *byte != 0; byte++) {
            if (*byte == '/')
                escaped[length++] = '\\';
            escaped[length++] = *byte;
        }
        escaped[length] = 0;
        char *body = body_around("{\"image\": \"", escaped, "\"}");
        service_order order = read_good(body);
        assert_int_equal(order.image->size, 33 + sizes[i]);
        assert_int_equal(order.image->data[order.image->size - 1], 255 - (order.image->size - 1) % 7);
        order_release(&order);
        free(body);
        free(escaped);
        free(picture);
    }
}

static void with_a_picture_the_text_may_be_left_out(void **state)
{
    (void)state;
    char *picture = picture_of(64, 48, 0);
    static const char *const texts[] = {"\"}", "\", \"text\": null}", "\", \"text\": \"\"}", "\", \"text\": \" \\t\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *body = body_around("{\"image\": \"", picture, texts[i]);
        service_order order = read_good(body);
        assert_null(order_request(&order).text);
        order_release(&order);
        free(body);
    }
    check_around("{\"image\": \"", picture, "\", \"text\": 7}", "text: string_type");
    check_around("{\"image\": \"", picture, "\", \"text\": \"12\"}", "text: digits_only");
    check_answer("{\"image\": null}", "text: missing");
    free(picture);
}

static void what_is_no_picture_is_a_fault_among_the_others(void **state)
{
    (void)state;
    check_answer("{\"image\": 7}", "image: string_type");
    check_answer("{\"image\": \"\"}", "image: base64");
    check_answer("{\"image\": \"QUJD=\"}", "image: base64");
    check_answer("{\"image\": \"QUJ\"}", "image: base64");
    check_answer("{\"image\": \"QU JD\"}", "image: base64");
    check_answer("{\"image\": \"QUJD\\nQUJD\"}", "image: base64");
    check_answer("{\"image\": \"QU-_\"}", "image: base64");
    check_answer("{\"image\": \"QR==\"}", "image: base64"); /* bits that stand for nothing */
    check_answer("{\"image\": \"Q===\"}", "image: base64");
    check_answer("{\"image\": \"====\"}", "image: base64");
    check_answer("{\"image\": \"QQ==\"}", "image: image_invalid");
    check_answer("{\"image\": \"QUJD\", \"points\": 1, \"steps\": 0, \"guidance\": 21, \"tokens\": true}",
                 "points: out_of_range, steps: out_of_range, tokens: int_type, guidance: out_of_range, image: "
                 "image_invalid");
    char *bomb = picture_of(32768, 32768, 0), *wide = picture_of(32769, 1, 0), *empty = picture_of(0, 7, 0);
    check_around("{\"image\": \"", bomb, "\"}", "image: image_invalid");
    check_around("{\"image\": \"", wide, "\"}", "image: image_invalid");
    check_around("{\"image\": \"", empty, "\"}", "image: image_invalid");
    free(bomb);
    free(wide);
    free(empty);
    char *large = picture_of(64, 48, 30000);
    check_around("{\"image\": \"", large, "\"}", "image: image_too_large");
    free(large);
}

static void engines_that_start_from_words_take_no_picture(void **state)
{
    (void)state;
    char *picture = picture_of(64, 48, 0);
    check_around("{\"image\": \"", picture, "\", \"engine\": \"procedural\"}", "engine: takes_no_image");
    check_around("{\"image\": \"", picture, "\", \"engine\": \"auto\"}", "good");
    check_around("{\"image\": \"", picture, "\", \"engine\": \"steam\"}", "engine: unknown_value");
    check_answer("{\"image\": 7, \"engine\": \"procedural\"}", "image: string_type, engine: takes_no_image");
    free(picture);
}

static void only_the_picture_makes_a_body_large(void **state)
{
    (void)state;
    char *filling = malloc(5001), *picture = picture_of(64, 48, 20000);
    assert_non_null(filling);
    memset(filling, 'A', 5000);
    filling[5000] = 0;
    check_around("{\"text\": \"cat\", \"x\": \"", filling, "\"}", "too large");
    check_around("{\"text\": \"cat\", \"x\": {\"image\": \"", filling, "\"}}", "too large");
    check_around("{\"text\": \"cat\", \"x\": [\"image\", \"", filling, "\"]}", "too large");
    check_around("[\"image\", \"", filling, "\"]", "too large");
    check_around("{\"im\\u0061ge\": \"", filling, "\"}", "too large");
    check_around("{\"image\": \"\\u0041", filling, "\"}", "too large");
    check_around("{\"image\": \"\xc3\xa4", filling, "\"}", "too large");
    check_around("{\"image\": \"", filling, "", "too large");
    check_around("{\"image\": \"", filling, "\"}", "image: image_invalid");
    check_around("{\"image\": \"-", filling, "\"}", "image: base64");
    char *twice = body_around("\", \"image\": \"", picture, "\"}");
    check_around("{\"image\": \"", picture, twice, "too large");
    check_around("{\"image\": \"", "QUJD", twice, "too large"); /* the first is the one that counts */
    free(twice);
    /* What is left of the body is read as strictly as ever. */
    static const char *const wrong[] = {"\"", "\"]", "\"}}", "\", }", "\", \"image\": \"\"}", "\", \"x\": 01}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *body = body_around("{\"image\": \"", picture, wrong[i]);
        check_malformed(body, strlen(body), "not JSON");
        free(body);
    }
    check_around("{\"image\": \"", picture, "\", \"x\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                 "the body nests brackets deeper than 32 (byte 50); send a flat object");
    free(picture);
    free(filling);
}

/* ---- No JSON ------------------------------------------------------------------------------------------- */

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char body[] = "{\"text\": \"cat\",\n \"seed\": seven}";
    check_malformed(body, sizeof body - 1, "line 2, column 14, byte 30");
}

static void many_kinds_of_no_json_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         " ",
                                         "{",
                                         "{\"text\": \"cat\"",
                                         "{\"text\": \"cat\"}}",
                                         "{\"text\": \"cat\"} x",
                                         "{\"text\": \"cat\"}{}",
                                         "{text: \"cat\"}",
                                         "{'text': 'cat'}",
                                         "{\"text\": \"cat\",}",
                                         "{\"text\": \"c\nat\"}",
                                         "{\"text\": \"\\x\"}",
                                         "{\"text\": \"\\",
                                         "{\"text\": \"cat\", \"seed\": 01}",
                                         "{\"text\": \"cat\", \"seed\": +1}",
                                         "{\"text\": \"cat\", \"seed\": NaN}",
                                         "{\"text\": \"cat\", \"seed\": 1e999-5}",
                                         "{\"text\": \"cat\", \"seed\": 00000000000000000000000}",
                                         "{\"text\": \"cat\", \"seed\": 99999999999999999999x}",
                                         "{\"text\": \"cat\", \"x\": 1e999, \"seed\": 099999999999999999999}",
                                         "{\"text\": \"cat\", \"x\": 1e999, \"seed\": .99999999999999999999}",
                                         "{\"text\": \"cat\", \"seed\": 99999999999999999999.}",
                                         "text=cat",
                                         "\xef\xbb\xbf{\"text\": \"cat\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        check_malformed(bodies[i], strlen(bodies[i]), "the body is not JSON: ");
}

static void bytes_that_are_no_utf8_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"text\": \"caf\xe9\"}", "{\"text\": \"\xc0\xaf\"}",
                                         "{\"text\": \"\xed\xa0\x80\"}", "{\"text\": \"\xf5\x80\x80\x80\"}", "\xff"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        check_malformed(bodies[i], strlen(bodies[i]), "the body is not UTF-8: ");
    check_malformed("{\"text\": \"\\ud83d\"}", 18, "the body is not JSON: "); /* half a character */
}

static void nul_characters_and_names_that_come_twice_are_refused(void **state)
{
    (void)state;
    check_malformed("{\"text\": \"c\\u0000at\"}", 21, "not JSON");
    check_malformed("{\"te\\u0000xt\": \"cat\"}", 21, "not JSON");
    check_malformed("{\"text\": \"c\0at\"}", 16, "not JSON");
    check_malformed("{\"text\": \"cat\"}\0", 16, "not JSON");
    check_malformed("{\"text\": \"cat\", \"text\": \"dog\"}", 30, "duplicate");
}

static void deep_brackets_are_refused_before_anything_recurses(void **state)
{
    (void)state;
    static const char *const levels[] = {"[", "{\"x\":", "[{\"[\":"};
    enum { LEVELS = 100000 };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        size_t size = strlen(levels[i]);
        char *body = malloc(LEVELS * size);
        assert_non_null(body);
        for (size_t k = 0; k < LEVELS; k++)
            memcpy(body + k * size, levels[i], size);
        const order_rules unbounded = {.engines = engines};
        service_order order;
        order_faults faults;
        lumen_error error = {0};
        assert_int_equal(order_read(body, LEVELS * size, &unbounded, &order, &faults, &error), ORDER_MALFORMED);
        assert_non_null(strstr(error.message, "deeper than 32"));
        free(body);
    }
    /* 32 are fine, also with brackets within texts. */
    char nested[256] = "{\"text\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ cat \\\" [[[[[[\", \"x\": ";
    memset(nested + strlen(nested), '[', 31);
    memset(nested + strlen(nested), ']', 31);
    strcat(nested, "}");
    check_answer(nested, "good");
    char *x = strstr(nested, "\"x\": ") + 5;
    memmove(x + 1, x, strlen(x) + 1);
    check_malformed(nested, strlen(nested), "deeper than 32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_enough),
        cmocka_unit_test(everything_that_can_be_said_is_understood),
        cmocka_unit_test(null_and_a_blank_verb_are_as_good_as_absent),
        cmocka_unit_test(members_nobody_knows_are_ignored),
        cmocka_unit_test(any_unicode_text_arrives_as_it_was_sent),
        cmocka_unit_test(each_fault_has_its_type),
        cmocka_unit_test(integers_are_integers_within_their_range),
        cmocka_unit_test(all_faults_come_at_once),
        cmocka_unit_test(an_order_of_a_picture_has_words_a_seed_and_steps),
        cmocka_unit_test(a_picture_arrives_byte_for_byte),
        cmocka_unit_test(slashes_may_be_escaped),
        cmocka_unit_test(with_a_picture_the_text_may_be_left_out),
        cmocka_unit_test(what_is_no_picture_is_a_fault_among_the_others),
        cmocka_unit_test(engines_that_start_from_words_take_no_picture),
        cmocka_unit_test(only_the_picture_makes_a_body_large),
        cmocka_unit_test(what_is_no_object_is_one_fault),
        cmocka_unit_test(length_is_counted_in_characters),
        cmocka_unit_test(the_service_and_the_library_never_disagree),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(many_kinds_of_no_json_are_refused),
        cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
        cmocka_unit_test(nul_characters_and_names_that_come_twice_are_refused),
        cmocka_unit_test(deep_brackets_are_refused_before_anything_recurses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
