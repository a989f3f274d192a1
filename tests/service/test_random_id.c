/* Names for requests and jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "service/random_id.h"

enum { THREADS = 4, NAMES = 5000 };

typedef struct taker {
    random_ids *ids;
    char (*names)[RANDOM_ID_BYTES];
} taker;

static void *take_names(void *argument)
{
    taker *mine = argument;
    for (int i = 0; i < NAMES; i++)
        if (!random_ids_take(mine->ids, mine->names[i]))
            abort();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void no_name_comes_twice_whichever_thread_asks(void **state)
{
    (void)state;
    random_ids *ids = random_ids_create();
    assert_non_null(ids);
    char(*names)[RANDOM_ID_BYTES] = calloc(THREADS * NAMES, sizeof names[0]);
    assert_non_null(names);
    taker takers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        takers[i] = (taker){ids, names + i * NAMES};
        pthread_create(&threads[i], NULL, take_names, &takers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(names, THREADS * NAMES, sizeof names[0], compare);
    for (int i = 0; i < THREADS * NAMES; i++) {
        assert_true(random_id_is_one(names[i]));
        if (i > 0)
            assert_string_not_equal(names[i], names[i - 1]);
    }
    free(names);
    random_ids_destroy(ids);
    random_ids_destroy(NULL);
}

static void every_digit_is_used_in_every_place(void **state)
{
    (void)state;
    random_ids *ids = random_ids_create();
    bool seen[RANDOM_ID_BYTES - 1][16] = {{0}};
    for (int i = 0; i < 2000; i++) { /* the chance to miss one digit somewhere: below 1e-53 */
        char name[RANDOM_ID_BYTES];
        assert_true(random_ids_take(ids, name));
        for (int k = 0; k < RANDOM_ID_BYTES - 1; k++)
            seen[k][name[k] <= '9' ? name[k] - '0' : name[k] - 'a' + 10] = true;
    }
    for (int k = 0; k < RANDOM_ID_BYTES - 1; k++)
        for (int digit = 0; digit < 16; digit++)
            assert_true(seen[k][digit]);
    random_ids_destroy(ids);
}

static void only_32_lower_case_digits_are_such_a_name(void **state)
{
    (void)state;
    assert_true(random_id_is_one("0123456789abcdef0123456789abcdef"));
    assert_false(random_id_is_one(NULL));
    assert_false(random_id_is_one(""));
    assert_false(random_id_is_one("0123456789abcdef0123456789abcde"));
    assert_false(random_id_is_one("0123456789abcdef0123456789abcdef0"));
    assert_false(random_id_is_one("0123456789ABCDEF0123456789abcdef"));
    assert_false(random_id_is_one("0123456789abcdeg0123456789abcdef"));
    assert_false(random_id_is_one("0123456789abcdef0123456789abcdef\n"));
}

static void a_request_may_bring_a_harmless_name(void **state)
{
    (void)state;
    char name[REQUEST_ID_MAX + 2];
    memset(name, 'x', sizeof name);
    name[REQUEST_ID_MAX + 1] = 0;
    assert_false(request_id_is_acceptable(name));
    name[REQUEST_ID_MAX] = 0;
    assert_true(request_id_is_acceptable(name));
    assert_true(request_id_is_acceptable("a"));
    assert_true(request_id_is_acceptable("7f.Az_-09"));
    static const char *const harmful[] = {"", " ", "a b", "a\r\nb", "a\"b", "a:b", "\xc3\xa9", "a/b"};
    for (size_t i = 0; i < sizeof harmful / sizeof harmful[0]; i++)
        assert_false(request_id_is_acceptable(harmful[i]));
    assert_false(request_id_is_acceptable(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_comes_twice_whichever_thread_asks),
        cmocka_unit_test(every_digit_is_used_in_every_place),
        cmocka_unit_test(only_32_lower_case_digits_are_such_a_name),
        cmocka_unit_test(a_request_may_bring_a_harmless_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
