/* The key of the service: where it comes from, and who has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "service/secret.h"

static secret key_of(const char *text)
{
    secret key;
    lumen_error error;
    if (secret_set(&key, text, &error) != LUMEN_OK)
        fail_msg("%s", error.message);
    return key;
}

static void the_key_opens_by_either_header(void **state)
{
    (void)state;
    secret key = key_of("correct-horse");
    assert_true(secret_is_presented(&key, "correct-horse", NULL));
    assert_true(secret_is_presented(&key, NULL, "Bearer correct-horse"));
    assert_true(secret_is_presented(&key, NULL, "bearer  correct-horse"));
    assert_true(secret_is_presented(&key, "wrong-horse", "Bearer correct-horse"));
    assert_true(secret_is_presented(&key, "correct-horse", "Basic abc"));
}

static void nothing_else_opens(void **state)
{
    (void)state;
    secret key = key_of("correct-horse");
    static const char *const wrong[] = {"",
                                        "correct-hors",
                                        "correct-horse ",
                                        " correct-horse",
                                        "Correct-horse",
                                        "correct-horsf",
                                        "dorrect-horse",
                                        "correct-horsecorrect-horse",
                                        "Bearer correct-horse"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (secret_is_presented(&key, wrong[i], NULL))
            fail_msg("\"%s\" opens", wrong[i]);
    static const char *const wrong_bearers[] = {"",
                                                "correct-horse",
                                                "Bearer",
                                                "Bearer ",
                                                "Bearercorrect-horse",
                                                "Basic correct-horse",
                                                "Bearer correct-horse "};
    for (size_t i = 0; i < sizeof wrong_bearers / sizeof wrong_bearers[0]; i++)
        if (secret_is_presented(&key, NULL, wrong_bearers[i]))
            fail_msg("\"%s\" opens", wrong_bearers[i]);
    assert_false(secret_is_presented(&key, NULL, NULL));
}

static void a_key_may_be_as_long_as_there_is_room_and_no_longer(void **state)
{
    (void)state;
    char longest[SECRET_BYTES_MAX + 3];
    memset(longest, 'k', sizeof longest);
    longest[SECRET_BYTES_MAX] = 0;
    secret key = key_of(longest);
    assert_true(secret_is_presented(&key, longest, NULL));
    longest[SECRET_BYTES_MAX] = 'k';
    longest[SECRET_BYTES_MAX + 1] = 0;
    assert_false(secret_is_presented(&key, longest, NULL)); /* the key and one letter more */
    lumen_error error;
    assert_int_equal(secret_set(&key, longest, &error), LUMEN_ERROR_INVALID);
    assert_false(secret_is_set(&key));
    longest[SECRET_BYTES_MAX - 1] = 0;
    assert_false(secret_is_presented(&key, longest, NULL));
}

static void a_secret_that_is_not_set_opens_for_nobody(void **state)
{
    (void)state;
    secret none = {0};
    assert_false(secret_is_set(&none));
    assert_false(secret_is_presented(&none, "", "Bearer "));
    assert_false(secret_is_presented(&none, NULL, NULL));
    secret key = key_of("correct-horse");
    secret_clear(&key);
    assert_false(secret_is_set(&key));
    assert_memory_equal(&key, &none, sizeof none);
}

static void keys_that_no_header_can_carry_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "short77", "with space", "with\ttab", "with\nline", "caf\xc3\xa9-caf\xc3\xa9", "delete\x7f\x7f"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        secret key;
        lumen_error error = {0};
        if (secret_set(&key, wrong[i], &error) != LUMEN_ERROR_INVALID)
            fail_msg("\"%s\" is taken", wrong[i]);
        assert_non_null(strstr(error.message, "LUMEN_API_KEY"));
        if (wrong[i][0] != 0)
            assert_null(strstr(error.message, wrong[i])); /* a log is no place for a key */
        assert_false(secret_is_set(&key));
    }
    assert_int_equal(key_of("eight888").size, SECRET_BYTES_MIN);
}

/* ---- Files --------------------------------------------------------------------------------------------- */

static lumen_status read_key_file(const char *content, size_t size, secret *key, lumen_error *error)
{
    char path[] = "/tmp/lumen-key-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, size), size);
    close(descriptor);
    lumen_status status = secret_read_file(key, path, error);
    unlink(path);
    return status;
}

static void a_key_file_holds_the_key_and_perhaps_line_ends(void **state)
{
    (void)state;
    static const char *const contents[] = {"correct-horse", "correct-horse\n", "correct-horse\r\n",
                                           "correct-horse\n\n"};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        secret key;
        lumen_error error = {0};
        if (read_key_file(contents[i], strlen(contents[i]), &key, &error) != LUMEN_OK)
            fail_msg("%s", error.message);
        assert_true(secret_is_presented(&key, "correct-horse", NULL));
    }
}

static void a_key_file_with_anything_else_is_refused(void **state)
{
    (void)state;
    static char large[100000];
    memset(large, 'k', sizeof large);
    static const struct {
        const char *content;
        size_t size;
    } files[] = {{"", 0},         {"\n", 1},
                 {"short\n", 6},  {"correct-horse\nsecond-line\n", 26},
                 {" correct", 8}, {"correct\0horse", 13},
                 {large, 257},    {large, sizeof large}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        secret key;
        lumen_error error = {0};
        assert_int_equal(read_key_file(files[i].content, files[i].size, &key, &error), LUMEN_ERROR_INVALID);
        assert_non_null(strstr(error.message, "/tmp/lumen-key-"));
        assert_false(secret_is_set(&key));
    }
}

static void a_key_file_that_cannot_be_read_is_named(void **state)
{
    (void)state;
    secret key;
    lumen_error error = {0};
    assert_int_equal(secret_read_file(&key, "/no/such/file", &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "/no/such/file"));
    assert_int_equal(secret_read_file(&key, "/", &error), LUMEN_ERROR_IO);
    assert_false(secret_is_set(&key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_opens_by_either_header),
        cmocka_unit_test(nothing_else_opens),
        cmocka_unit_test(a_key_may_be_as_long_as_there_is_room_and_no_longer),
        cmocka_unit_test(a_secret_that_is_not_set_opens_for_nobody),
        cmocka_unit_test(keys_that_no_header_can_carry_are_refused),
        cmocka_unit_test(a_key_file_holds_the_key_and_perhaps_line_ends),
        cmocka_unit_test(a_key_file_with_anything_else_is_refused),
        cmocka_unit_test(a_key_file_that_cannot_be_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
