/* Token buckets: how often a client may ask. Time is an argument, so nothing here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "service/limits.h"

static client_address client(uint32_t number)
{
    client_address who = {{0}};
    memcpy(who.bytes + 12, &number, sizeof number);
    return who;
}

static bool take(limits *all, uint32_t number, double now)
{
    double wait;
    client_address who = client(number);
    return limits_take(all, &who, now, &wait);
}

/* How many of `tries` requests at one moment are let through. */
static int taken(limits *all, uint32_t number, double now, int tries)
{
    int count = 0;
    for (int i = 0; i < tries; i++)
        count += take(all, number, now);
    return count;
}

static void a_client_may_ask_as_often_as_its_bucket_holds(void **state)
{
    (void)state;
    limits *all = limits_create(60.0, 60.0, 1024);
    assert_int_equal(taken(all, 1, 1000.0, 100), 60);
    assert_int_equal(taken(all, 2, 1000.0, 100), 60); /* each client has its own */
    limits_destroy(all);
}

static void tokens_come_back_one_by_one(void **state)
{
    (void)state;
    limits *all = limits_create(30.0, 5.0, 1024); /* one every two seconds */
    assert_int_equal(taken(all, 1, 0.0, 10), 5);
    assert_int_equal(taken(all, 1, 1.9, 10), 0);
    assert_int_equal(taken(all, 1, 2.0, 10), 1);
    assert_int_equal(taken(all, 1, 7.0, 10), 2);
    assert_int_equal(taken(all, 1, 1e6, 10), 5); /* and never more than the bucket holds */
    limits_destroy(all);
}

static void who_waits_as_told_is_let_through(void **state)
{
    (void)state;
    /* Rates that no binary fraction holds, and moments far from zero, where doubles are coarse. */
    for (int rate = 1; rate <= 100; rate++) {
        limits *all = limits_create(rate, 3.0, 1024);
        client_address who = client(1);
        double now = 31536000.1, wait;
        for (int i = 0; i < 50; i++) {
            if (!limits_take(all, &who, now, &wait)) {
                assert_true(wait > 0.0 && wait <= 60.0 / rate + 1e-6);
                now += wait;
                assert_true(limits_take(all, &who, now, &wait));
            }
            assert_true(wait == 0.0);
        }
        limits_destroy(all);
    }
}

static void asking_too_early_does_not_make_the_wait_longer(void **state)
{
    (void)state;
    limits *all = limits_create(60.0, 1.0, 1024);
    assert_true(take(all, 1, 0.0));
    for (int i = 1; i < 1000; i++)
        assert_false(take(all, 1, i / 1000.0));
    assert_true(take(all, 1, 1.0));
    limits_destroy(all);
}

static void a_moment_before_the_last_one_is_no_harm(void **state)
{
    (void)state;
    limits *all = limits_create(60.0, 2.0, 1024);
    assert_true(take(all, 1, 100.0));
    assert_true(take(all, 1, 99.9));
    assert_false(take(all, 1, 99.8));
    assert_int_equal(taken(all, 1, 200.0, 5), 2);
    limits_destroy(all);
}

static void a_rate_of_zero_is_no_limit(void **state)
{
    (void)state;
    limits *all = limits_create(0.0, 0.0, 1024);
    assert_int_equal(taken(all, 1, 0.0, 1000), 1000);
    limits_destroy(all);
    assert_int_equal(taken(NULL, 1, 0.0, 1000), 1000);
    limits_destroy(NULL);
}

static void a_bucket_holds_at_least_one_token(void **state)
{
    (void)state;
    limits *all = limits_create(0.5, 0.0, 1024);
    assert_int_equal(taken(all, 1, 0.0, 10), 1);
    assert_int_equal(taken(all, 1, 119.0, 10), 0);
    assert_int_equal(taken(all, 1, 120.0, 10), 1);
    limits_destroy(all);
}

static void many_clients_are_known_at_once(void **state)
{
    (void)state;
    enum { CLIENTS = 20000 };
    limits *all = limits_create(60.0, 1.0, 2 * CLIENTS); /* shards fill unevenly */
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_true(take(all, i, 0.0));
    for (uint32_t i = 0; i < CLIENTS; i++)
        assert_false(take(all, i, 0.5));
    limits_destroy(all);
}

static void the_table_forgets_who_came_longest_ago(void **state)
{
    (void)state;
    limits *all = limits_create(1.0, 1.0, 16);
    for (uint32_t i = 0; i < 20000; i++)
        assert_true(take(all, i, 0.0)); /* never an error, never a growing table */
    assert_true(take(all, 0, 0.0));     /* long forgotten */
    assert_false(take(all, 0, 0.0));
    limits_destroy(all);
}

static void who_has_tokens_to_get_back_is_remembered_before_who_has_none(void **state)
{
    (void)state;
    limits *all = limits_create(60.0, 1000.0, 32); /* two clients a shard */
    assert_int_equal(taken(all, 0, 0.0, 2000), 1000);
    /* Each of these has its token back when the next one comes, so it is the one to go. */
    for (uint32_t i = 1; i <= 900; i++)
        assert_true(take(all, i, i));
    assert_int_equal(taken(all, 0, 900.0, 2000), 900);
    limits_destroy(all);
}

/* ---- Threads ------------------------------------------------------------------------------------------- */

typedef struct crowd {
    limits *all;
    atomic_int taken;
} crowd;

static void *take_all(void *argument)
{
    crowd *here = argument;
    for (uint32_t i = 0; i < 4000; i++)
        atomic_fetch_add(&here->taken, take(here->all, i % 40, 0.0));
    return NULL;
}

static void threads_never_take_more_than_there_is(void **state)
{
    (void)state;
    crowd here = {.all = limits_create(1.0, 50.0, 1024)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_all, &here);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(here.taken, 40 * 50);
    limits_destroy(here.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_ask_as_often_as_its_bucket_holds),
        cmocka_unit_test(tokens_come_back_one_by_one),
        cmocka_unit_test(who_waits_as_told_is_let_through),
        cmocka_unit_test(asking_too_early_does_not_make_the_wait_longer),
        cmocka_unit_test(a_moment_before_the_last_one_is_no_harm),
        cmocka_unit_test(a_rate_of_zero_is_no_limit),
        cmocka_unit_test(a_bucket_holds_at_least_one_token),
        cmocka_unit_test(many_clients_are_known_at_once),
        cmocka_unit_test(the_table_forgets_who_came_longest_ago),
        cmocka_unit_test(who_has_tokens_to_get_back_is_remembered_before_who_has_none),
        cmocka_unit_test(threads_never_take_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
