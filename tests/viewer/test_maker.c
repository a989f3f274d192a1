/* The thread on which `lumen view` makes its shapes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/view_maker.h"

static maker_answer wait_for(maker *hands)
{
    maker_answer answer;
    while (!maker_take(hands, &answer))
        sched_yield();
    return answer;
}

static void the_latest_text_wins(void **state)
{
    (void)state;
    lumen *library;
    maker *hands;
    lumen_error error;
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    assert_int_equal(maker_open(library, 256, &hands, &error), LUMEN_OK);
    static const char *const words[] = {"horse", "cat", "tree", "boat", "owl"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        maker_ask(hands, words[i]);
    maker_answer answer = wait_for(hands);
    assert_non_null(answer.shape);
    assert_string_equal(answer.shape->subject, "owl");
    assert_false(maker_busy(hands));
    assert_false(maker_take(hands, &answer)); /* nothing comes after the latest */
    lumen_shape_free(answer.shape);
    maker_ask(hands, "dragon"); /* closed while it works */
    maker_close(hands);
    maker_close(NULL);
    lumen_close(library);
}

static void a_file_is_read_and_a_fault_is_told(void **state)
{
    (void)state;
    char path[] = "/tmp/lumen-maker-XXXXXX.json";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    close(file);
    lumen *library;
    maker *hands;
    lumen_error error;
    assert_int_equal(lumen_open(NULL, &library, &error), LUMEN_OK);
    assert_int_equal(maker_open(library, 256, &hands, &error), LUMEN_OK);
    maker_ask(hands, "a walking cat");
    maker_answer answer = wait_for(hands);
    assert_int_equal(lumen_shape_write(answer.shape, path, &error), LUMEN_OK);
    lumen_shape_free(answer.shape);

    maker_ask(hands, path);
    answer = wait_for(hands);
    assert_non_null(answer.shape);
    assert_int_equal(answer.shape->point_count, 256);
    lumen_shape_free(answer.shape);
    unlink(path);

    maker_ask(hands, path); /* gone */
    answer = wait_for(hands);
    assert_null(answer.shape);
    assert_non_null(strstr(answer.error.message, "lumen-maker"));
    maker_ask(hands, "12345");
    answer = wait_for(hands);
    assert_null(answer.shape);
    assert_int_equal(answer.error.status, LUMEN_ERROR_INVALID);
    maker_close(hands);
    lumen_close(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_text_wins),
        cmocka_unit_test(a_file_is_read_and_a_fault_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
