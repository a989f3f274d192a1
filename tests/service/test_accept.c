/* Which form a client gets, and when it has the shape already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/accept.h"

static accept_choice choose(const char *value)
{
    accept_reading reading = {0};
    accept_read(&reading, value);
    return accept_choose(&reading);
}

static void check_choices(const char *const *values, size_t count, accept_choice expected)
{
    static const char *const names[] = {"JSON", "binary", "neither"};
    for (size_t i = 0; i < count; i++)
        if (choose(values[i]) != expected)
            fail_msg("\"%s\" gets %s, not %s", values[i], names[choose(values[i])], names[expected]);
}

#define CHECK_CHOICES(expected, ...)                                                                                   \
    check_choices((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),     \
                  expected)

static void json_is_the_usual_form(void **state)
{
    (void)state;
    accept_reading none = {0};
    assert_int_equal(accept_choose(&none), ACCEPT_JSON);
    CHECK_CHOICES(ACCEPT_JSON, "", "*/*", "application/*", "application/json", "APPLICATION/JSON; charset=\"utf-8\"",
                  "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                  "application/json, text/plain, */*", "application/json, application/octet-stream");
}

static void the_binary_form_is_for_who_prefers_it(void **state)
{
    (void)state;
    CHECK_CHOICES(ACCEPT_BINARY, "application/octet-stream", "Application/Octet-Stream;q=0.001",
                  "application/octet-stream, */*", "application/octet-stream, application/json;q=0.9",
                  "application/json;q=0.999, application/octet-stream;q=1.000", "application/json;q=0, */*",
                  "application/*;q=0.2, application/json;q=0.1", "text/html, application/octet-stream;q=0.1");
}

static void the_more_specific_range_decides(void **state)
{
    (void)state;
    CHECK_CHOICES(ACCEPT_JSON, "application/octet-stream;q=0.1, */*", "*/*, application/octet-stream;q=0.1",
                  "application/octet-stream;q=0, application/*;q=0.5, */*;q=1",
                  "*/*;q=1, application/octet-stream;q=0.2, application/json;q=0.3");
    CHECK_CHOICES(ACCEPT_BINARY, "*/*;q=1, application/json;q=0.3", "application/json;q=0.3, application/*;q=0.4");
}

static void neither_is_for_who_wants_none(void **state)
{
    (void)state;
    CHECK_CHOICES(ACCEPT_NEITHER, "text/html", "image/*", "*/*;q=0", "application/*;q=0.000", "application/jsonp",
                  "application/json;q=0", "application/json;q=0, application/octet-stream;q=0.0, */*");
}

static void several_headers_are_one_list(void **state)
{
    (void)state;
    accept_reading reading = {0};
    accept_read(&reading, "text/html");
    accept_read(&reading, "application/json;q=0.5");
    accept_read(&reading, "application/octet-stream;q=0.6");
    assert_int_equal(accept_choose(&reading), ACCEPT_BINARY);
}

static void malformed_elements_are_passed_over(void **state)
{
    (void)state;
    CHECK_CHOICES(
        ACCEPT_BINARY, ",, ,application/octet-stream,", "nonsense, application/octet-stream",
        "application/json;q=2, application/octet-stream;q=0.1", "application/json;q=0.1234, application/octet-stream",
        "application/json;q=, application/octet-stream", "application/json;q=\"1\", application/octet-stream",
        "*/json, application/octet-stream", "application/json x, application/octet-stream",
        "text/x;a=\"application/json, \\\", */*\", application/octet-stream", "application/octet-stream;;a=b ; q=0.5");
    CHECK_CHOICES(ACCEPT_JSON, ";", "/", "application/octet-stream;q=-1", "application/octet-stream;x=\"open",
                  "application/octet-stream;q=0.5.5", "application/octet-stream;q=1.001", "\"",
                  "application/octet-stream;q");
}

static void a_tag_in_the_list_is_found(void **state)
{
    (void)state;
    static const char tag[] = "\"0123456789abcdef-1\"";
    static const char *const listed[] = {"\"0123456789abcdef-1\"",
                                         "W/\"0123456789abcdef-1\"",
                                         "*",
                                         " * ",
                                         "\"x\", \"0123456789abcdef-1\"",
                                         "\"\",,W/\"y,\" \t,\t\"0123456789abcdef-1\"  ",
                                         ", \"0123456789abcdef-1\"",
                                         "\"a\\\", \"0123456789abcdef-1\""};
    static const char *const not_listed[] = {"",
                                             "0123456789abcdef-1",
                                             "\"0123456789abcdef-2\"",
                                             "\"0123456789abcdef-1",
                                             "w/\"0123456789abcdef-1\"",
                                             "\"0123456789ABCDEF-1\"",
                                             "*, \"x\"",
                                             "x, \"0123456789abcdef-1\"",
                                             "\"x\" \"0123456789abcdef-1\"",
                                             "\"0123456789abcdef-1\\\"",
                                             "W/",
                                             "W/ \"0123456789abcdef-1\""};
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
        if (!etag_is_listed(listed[i], tag))
            fail_msg("%s is not found in %s", tag, listed[i]);
    for (size_t i = 0; i < sizeof not_listed / sizeof not_listed[0]; i++)
        if (etag_is_listed(not_listed[i], tag))
            fail_msg("%s is found in %s", tag, not_listed[i]);
}

static void gzip_is_taken_where_it_is_named_or_anything_goes(void **state)
{
    (void)state;
    static const char *const taken[] = {
        "gzip", "GZip", "deflate, gzip;q=0.001, br", "*", "x-gzip;q=1", "br , gzip ; q=0.5", "gzip, *;q=0"};
    static const char *const refused[] = {"",      "br", "identity",   "gzip;q=0", "gzip;q=0, *",    "gzip;q=0.000",
                                          "*;q=0", ",,", "gzip;q=2.5", "gzipped",  "gzip;q=\"0.5\"", "gzip/1"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (!accept_gzip(taken[i]))
            fail_msg("gzip is not taken by \"%s\"", taken[i]);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (accept_gzip(refused[i]))
            fail_msg("gzip is taken by \"%s\"", refused[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_the_usual_form),
        cmocka_unit_test(the_binary_form_is_for_who_prefers_it),
        cmocka_unit_test(the_more_specific_range_decides),
        cmocka_unit_test(neither_is_for_who_wants_none),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(malformed_elements_are_passed_over),
        cmocka_unit_test(a_tag_in_the_list_is_found),
        cmocka_unit_test(gzip_is_taken_where_it_is_named_or_anything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
