/* The log: what a line looks like, and that no reader, however slow or gone, harms the one who writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <termios.h>
#include <unistd.h>

#include "base/buffer.h"
#include "log/line.h"
#include "log/log.h"

/* ---- A log that writes into a pipe --------------------------------------------------------------------- */

typedef struct piped_log {
    log_sink *log;
    int reader, writer;
} piped_log;

static piped_log open_piped(log_format format, log_severity least)
{
    piped_log piped;
    int ends[2];
    lumen_error error;
    assert_int_equal(pipe(ends), 0);
    piped.reader = ends[0];
    piped.writer = ends[1];
    log_options options = {.descriptor = piped.writer, .format = format, .least = least};
    if (log_open(&options, &piped.log, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return piped;
}

/* Everything that comes until the pipe is closed. */
static char *read_all(int descriptor)
{
    buffer bytes;
    char piece[4096];
    buffer_open(&bytes, 64u << 20);
    for (ssize_t count; (count = read(descriptor, piece, sizeof piece)) > 0;)
        buffer_append(&bytes, piece, (size_t)count);
    buffer_u8(&bytes, 0);
    assert_false(buffer_failed(&bytes));
    return (char *)bytes.data;
}

/* Closes the log and returns what it wrote. */
static char *close_piped(piped_log *piped)
{
    log_close(piped->log);
    close(piped->writer);
    char *text = read_all(piped->reader);
    close(piped->reader);
    return text;
}

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *object = json_loads(line, 0, &error);
    if (object == NULL)
        fail_msg("%s in: %s", error.text, line);
    return object;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL)
        fail_msg("no text \"%s\"", name);
    return text;
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static void an_event_is_one_json_object_a_line(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_AUTO, LOG_INFO);
    log_write(piped.log, LOG_WARNING, "the cache folder is read-only",
              LOG_FIELDS(log_text("folder", "/var/cache"), log_integer("errno", 30), log_real("seconds", 0.25),
                         log_boolean("mended", false), log_text("absent", NULL)));
    log_write(piped.log, LOG_INFO, "listening", LOG_NO_FIELDS);
    char *text = close_piped(&piped);
    char *second = strchr(text, '\n') + 1;
    second[-1] = 0;
    json_t *object = parse(text);
    assert_string_equal(text_of(object, "severity"), "WARNING");
    assert_string_equal(text_of(object, "message"), "the cache folder is read-only");
    assert_string_equal(text_of(object, "folder"), "/var/cache");
    assert_int_equal(json_integer_value(json_object_get(object, "errno")), 30);
    assert_true(json_real_value(json_object_get(object, "seconds")) == 0.25);
    assert_true(json_is_false(json_object_get(object, "mended")));
    assert_null(json_object_get(object, "absent"));
    json_decref(object);
    object = parse(second);
    assert_string_equal(text_of(object, "message"), "listening");
    assert_int_equal(json_object_size(object), 3);
    json_decref(object);
    free(text);
}

static const char *line_of(log_line *line, log_line_style style, const char *message, const log_field *fields,
                           size_t count)
{
    struct timespec moment = {.tv_sec = 951827696, .tv_nsec = 7999999};
    log_line_write(line, style, &moment, LOG_ERROR, message, fields, count);
    assert_true(line->size > 0 && line->size <= LOG_LINE_BYTES && line->bytes[line->size - 1] == '\n');
    assert_ptr_equal(memchr(line->bytes, '\n', line->size), line->bytes + line->size - 1);
    line->bytes[line->size - 1] = 0;
    return line->bytes;
}

static void the_time_is_rfc_3339_in_utc(void **state)
{
    (void)state;
    log_line line;
    assert_string_equal(line_of(&line, LOG_LINE_JSON, "a leap day", LOG_NO_FIELDS),
                        "{\"time\":\"2000-02-29T12:34:56.007Z\",\"severity\":\"ERROR\",\"message\":\"a leap day\"}");
}

static void numbers_are_written_as_json_knows_them(void **state)
{
    (void)state;
    log_line line;
    log_field fields[] = {log_integer("least", INT64_MIN), log_integer("most", INT64_MAX), log_real("whole", 3.0),
                          log_real("third", 1.0 / 3.0),    log_real("none", (double)NAN),  log_real("huge", 1e300)};
    json_t *object = parse(line_of(&line, LOG_LINE_JSON, "numbers", fields, 6));
    assert_true(json_integer_value(json_object_get(object, "least")) == INT64_MIN);
    assert_true(json_integer_value(json_object_get(object, "most")) == INT64_MAX);
    assert_int_equal(json_integer_value(json_object_get(object, "whole")), 3);
    assert_float_equal(json_real_value(json_object_get(object, "third")), 0.333333333, 1e-9);
    assert_true(json_is_null(json_object_get(object, "none")));
    assert_true(json_real_value(json_object_get(object, "huge")) == 1e300);
    json_decref(object);
}

static void hostile_text_stays_one_valid_line(void **state)
{
    (void)state;
    log_line line;
    log_field field = log_text("text", "\"}\n{\"\\ \x1b[2J \xff\xc0\x80 \xed\xa0\x80 caf\xc3\xa9 \xe2\x80\xae \x7f");
    json_t *object = parse(line_of(&line, LOG_LINE_JSON, "a\nb", &field, 1));
    assert_string_equal(text_of(object, "message"), "a\nb");
    assert_string_equal(text_of(object, "text"), "\"}\n{\"\\ \x1b[2J \\xff\\xc0\\x80 \\xed\\xa0\\x80 caf\xc3\xa9 "
                                                 "\xe2\x80\xae \x7f");
    json_decref(object);
}

static void text_for_people_is_one_line_too(void **state)
{
    (void)state;
    log_line line;
    log_field fields[] = {log_text("key", "0a1b"), log_text("text", "a red\tcar=\"\x1b[2J\xff"), log_text("empty", ""),
                          log_integer("points", 2048)};
    setenv("TZ", "UTC", 1);
    assert_string_equal(
        line_of(&line, LOG_LINE_PLAIN, "the engine\nfailed", fields, 4),
        "12:34:56.007 ERROR   the engine\\nfailed key=0a1b text=\"a red\\u0009car=\\\"\\u001b[2J\\xff\" "
        "empty=\"\" points=2048");
}

static void a_line_that_grows_too_long_is_cut_at_a_character(void **state)
{
    (void)state;
    static char longs[8192];
    for (size_t i = 0; i + 2 < sizeof longs; i += 2)
        memcpy(longs + i, "\xc3\xa9", 3);
    for (size_t shift = 0; shift < 4; shift++) {
        log_line line;
        log_field fields[] = {log_text("one", longs), log_text("two", longs), log_text("three", longs + 2 * shift),
                              log_text("request", "0123")};
        json_t *object = parse(line_of(&line, LOG_LINE_JSON, longs + 2 * shift, fields, 4));
        assert_true(json_is_true(json_object_get(object, "cut")));
        assert_true(json_string_length(json_object_get(object, "one")) > 1000);
        assert_true(json_string_length(json_object_get(object, "one")) % 2 == 0);
        json_decref(object);
        object = parse(line_of(&line, LOG_LINE_JSON, "message", (log_field[]){fields[0], fields[3]}, 2));
        assert_string_equal(text_of(object, "request"), "0123"); /* a long text leaves room for what follows */
        assert_true(json_is_true(json_object_get(object, "cut")));
        json_decref(object);
        line_of(&line, LOG_LINE_COLOR, longs, fields, 4);
    }
}

static void a_line_is_cut_before_an_escape_that_does_not_fit(void **state)
{
    (void)state;
    static char escapes[1024];
    memset(escapes, '\x01', sizeof escapes - 1);
    for (int shift = 0; shift < 12; shift++) {
        log_line line;
        char first[16];
        snprintf(first, sizeof first, "%.*s", shift, "xxxxxxxxxxxx");
        log_field fields[] = {log_text("first", first), log_text("a", escapes), log_text("b", escapes),
                              log_text("c", escapes)};
        json_t *object = parse(line_of(&line, LOG_LINE_JSON, "", fields, 4));
        assert_string_equal(text_of(object, "first"), first);
        assert_true(json_is_true(json_object_get(object, "cut")));
        json_decref(object);
    }
}

static void a_line_of_very_many_fields_stays_within_its_bound(void **state)
{
    (void)state;
    log_line line;
    log_field fields[600];
    for (size_t i = 0; i < 600; i++)
        fields[i] = i % 2 == 0 ? log_real("name", -1.0 / 3.0) : log_text("name", "\xff\"\n");
    for (size_t count = 0; count < 600; count++) {
        line_of(&line, LOG_LINE_COLOR, "", fields, count);
        json_decref(parse(line_of(&line, LOG_LINE_JSON, "", fields, count)));
    }
}

/* ---- Severities and terminals -------------------------------------------------------------------------- */

static void what_is_less_severe_than_asked_for_is_not_written(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_TEXT, LOG_WARNING);
    assert_false(log_wants(piped.log, LOG_INFO));
    assert_true(log_wants(piped.log, LOG_WARNING));
    log_write(piped.log, LOG_DEBUG, "debug", LOG_NO_FIELDS);
    log_write(piped.log, LOG_INFO, "info", LOG_NO_FIELDS);
    log_write(piped.log, LOG_WARNING, "warning", LOG_NO_FIELDS);
    log_write(piped.log, LOG_ERROR, "error", LOG_NO_FIELDS);
    char *text = close_piped(&piped);
    assert_null(strstr(text, "debug"));
    assert_null(strstr(text, "info"));
    assert_true(strstr(text, "warning") < strstr(text, "error"));
    assert_null(strchr(text, '\x1b')); /* no colors in a pipe */
    free(text);
}

static void no_sink_is_silence(void **state)
{
    (void)state;
    assert_false(log_wants(NULL, LOG_ERROR));
    log_write(NULL, LOG_ERROR, "nobody hears this", LOG_NO_FIELDS);
    assert_int_equal(log_dropped(NULL), 0);
    log_close(NULL);
}

static void a_terminal_gets_colored_text(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0)
        skip();
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    unsetenv("NO_COLOR");
    lumen_error error;
    log_sink *log;
    assert_int_equal(log_open(&(log_options){.descriptor = terminal}, &log, &error), LUMEN_OK);
    log_write(log, LOG_ERROR, "boom", LOG_FIELDS(log_integer("n", 1)));
    log_close(log);
    char bytes[512] = {0};
    assert_true(read(master, bytes, sizeof bytes - 1) > 0);
    assert_non_null(strstr(bytes, "\x1b[1;31mERROR\x1b[0m   boom \x1b[2mn=\x1b[0m1"));
    close(terminal);
    close(master);
}

/* ---- Writers and readers ------------------------------------------------------------------------------- */

static void a_line_comes_without_waiting_for_more(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_JSON, LOG_INFO);
    char bytes[256];
    for (int i = 0; i < 20; i++) {
        log_write(piped.log, i % 2 == 0 ? LOG_INFO : LOG_ERROR, "tick", LOG_NO_FIELDS);
        assert_true(read(piped.reader, bytes, sizeof bytes) > 0); /* would wait for ever */
    }
    free(close_piped(&piped));
}

enum { THREADS = 4, LINES = 1000 };

static void *write_numbers(void *argument)
{
    log_sink *const *log = argument;
    for (int i = 0; i < LINES; i++)
        log_write(*log, LOG_INFO, "count", LOG_FIELDS(log_integer("number", i), log_integer("who", (intptr_t)log)));
    return NULL;
}

static void *read_in_background(void *argument)
{
    return read_all(*(int *)argument);
}

static void lines_of_many_threads_are_whole_and_in_order(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_JSON, LOG_INFO);
    log_sink *logs[THREADS];
    pthread_t threads[THREADS], reader;
    pthread_create(&reader, NULL, read_in_background, &piped.reader);
    for (int i = 0; i < THREADS; i++) {
        logs[i] = piped.log;
        pthread_create(&threads[i], NULL, write_numbers, &logs[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(log_dropped(piped.log), 0);
    log_close(piped.log);
    close(piped.writer);
    void *text;
    pthread_join(reader, &text);
    close(piped.reader);

    json_int_t next[THREADS] = {0};
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0;) {
        json_t *object = parse(line);
        int who = 0;
        while (json_integer_value(json_object_get(object, "who")) != (intptr_t)&logs[who])
            who++;
        assert_int_equal(json_integer_value(json_object_get(object, "number")), next[who]++);
        json_decref(object);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(next[i], LINES);
    free(text);
}

static void a_reader_that_stalls_delays_nobody_and_learns_what_it_missed(void **state)
{
    (void)state;
    static const int written = 40000;
    piped_log piped = open_piped(LOG_FORMAT_JSON, LOG_INFO);
    for (int i = 0; i < written; i++) /* some five megabytes; would wait for ever if writing waited for reading */
        log_write(piped.log, LOG_INFO, "nobody reads this for now", LOG_FIELDS(log_integer("number", i)));
    assert_true(log_dropped(piped.log) > 0);

    pthread_t reader;
    pthread_create(&reader, NULL, read_in_background, &piped.reader);
    uint64_t dropped = log_dropped(piped.log);
    log_close(piped.log);
    close(piped.writer);
    void *text;
    pthread_join(reader, &text);
    close(piped.reader);
    json_int_t told = 0;
    uint64_t lines = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0;) {
        json_t *object = parse(line);
        told += json_integer_value(json_object_get(object, "lines"));
        lines += json_object_get(object, "number") != NULL;
        json_decref(object);
    }
    assert_int_equal(told, dropped);
    assert_int_equal(lines + dropped, written);
    free(text);
}

static void a_reader_that_left_is_no_harm(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_JSON, LOG_INFO);
    close(piped.reader);
    log_write(piped.log, LOG_INFO, "into the void", LOG_NO_FIELDS); /* SIGPIPE would end this program */
    while (log_dropped(piped.log) == 0)
        sched_yield();
    log_close(piped.log);
    close(piped.writer);
}

static void closing_gives_up_on_a_reader_that_never_reads(void **state)
{
    (void)state;
    piped_log piped = open_piped(LOG_FORMAT_JSON, LOG_INFO);
    for (int i = 0; i < 2000; i++)
        log_write(piped.log, LOG_INFO, "more than a pipe holds", LOG_FIELDS(log_integer("number", i)));
    log_close(piped.log); /* would wait for ever; the pipe's other end is open and nobody reads */
    close(piped.writer);
    close(piped.reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_json_object_a_line),
        cmocka_unit_test(the_time_is_rfc_3339_in_utc),
        cmocka_unit_test(numbers_are_written_as_json_knows_them),
        cmocka_unit_test(hostile_text_stays_one_valid_line),
        cmocka_unit_test(text_for_people_is_one_line_too),
        cmocka_unit_test(a_line_that_grows_too_long_is_cut_at_a_character),
        cmocka_unit_test(a_line_is_cut_before_an_escape_that_does_not_fit),
        cmocka_unit_test(a_line_of_very_many_fields_stays_within_its_bound),
        cmocka_unit_test(what_is_less_severe_than_asked_for_is_not_written),
        cmocka_unit_test(no_sink_is_silence),
        cmocka_unit_test(a_terminal_gets_colored_text),
        cmocka_unit_test(a_line_comes_without_waiting_for_more),
        cmocka_unit_test(lines_of_many_threads_are_whole_and_in_order),
        cmocka_unit_test(a_reader_that_stalls_delays_nobody_and_learns_what_it_missed),
        cmocka_unit_test(a_reader_that_left_is_no_harm),
        cmocka_unit_test(closing_gives_up_on_a_reader_that_never_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
