/* The way of a flight: lookups, admission, the queue, batches, sharing, status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fakes.h"

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

static void an_order_becomes_a_shape(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "1ms"};
    assert_true(guest_join(&one, "cat"));
    assert_int_equal(one.refusal, EXECUTOR_ACCEPTED);
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_DONE);
    assert_string_equal(result_text(one.outcome.result), "cat");
    assert_false(one.outcome.found);
    assert_false(one.outcome.shared);
    assert_int_equal(one.outcome.stage_count, 1);
    assert_string_equal(one.outcome.stages[0].stage, "toil");
    assert_true(one.outcome.stages[0].seconds >= 0.001);
    assert_true(one.outcome.run_seconds >= one.outcome.stages[0].seconds);
    assert_true(one.outcome.lookup_seconds > 0.0 && one.outcome.queue_seconds > 0.0);
    executor_status status = guest_status(&one);
    assert_int_equal(status.state, EXECUTOR_OVER);
    assert_true(status.fraction == 1.0);
    assert_int_equal(here.observed, 1);
    assert_int_equal(here.last_observed.end, EXECUTOR_DONE);
    guest_leave(&one);
    executor_figures figures = world_figures(&here);
    assert_int_equal(figures.joined, 1);
    assert_int_equal(figures.started, 1);
    assert_int_equal(figures.done, 1);
    assert_int_equal(figures.parties, 0);
    assert_int_equal(figures.slots, 1);
    world_close(&here, 10.0);
}

static void what_is_stored_is_not_made_again(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    here.stored = "cat";
    guest one = {.here = &here}, two = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    assert_true(guest_join(&two, "dog"));
    guest_wait(&one);
    guest_wait(&two);
    assert_int_equal(one.outcome.end, EXECUTOR_DONE);
    assert_true(one.outcome.found);
    assert_false(two.outcome.found);
    assert_int_equal(here.runs, 1);
    assert_int_equal(here.asked, 1);
    assert_int_equal(here.observed, 1);
    assert_int_equal(world_figures(&here).found, 1);
    assert_int_equal(world_figures(&here).done, 2);
    guest_leave(&one);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void equal_orders_in_flight_are_computed_once(void **state)
{
    (void)state;
    enum { GUESTS = 20 };
    world here;
    guest guests[GUESTS];
    world_open(&here, &(executor_options){.slots = 2});
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = (guest){.here = &here, .engine = "block"};
        assert_true(guest_join(&guests[i], "cat"));
        if (i == GUESTS / 2)
            UNTIL(&here, here.running == 1);
    }
    world_open_gate(&here);
    for (int i = 0; i < GUESTS; i++) {
        guest_wait(&guests[i]);
        assert_int_equal(guests[i].outcome.end, EXECUTOR_DONE);
        assert_ptr_equal(guests[i].outcome.result, guests[0].outcome.result);
        assert_int_equal(guests[i].outcome.shared, i > 0);
    }
    assert_int_equal(here.runs, 1);
    assert_int_equal(here.stores, 1);
    assert_int_equal(here.lookups, 1);
    assert_int_equal(world_figures(&here).shared, GUESTS - 1);
    for (int i = 0; i < GUESTS; i++)
        guest_leave(&guests[i]);
    world_close(&here, 10.0);
}

static void orders_whose_keys_collide_are_told_apart(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 2});
    guest one = {.here = &here, .engine = "block", .key = 7}, two = {.here = &here, .engine = "block", .key = 7};
    assert_true(guest_join(&one, "cat"));
    assert_true(guest_join(&two, "dog"));
    UNTIL(&here, here.running == 2);
    world_open_gate(&here);
    guest_wait(&one);
    guest_wait(&two);
    assert_string_equal(result_text(one.outcome.result), "cat");
    assert_string_equal(result_text(two.outcome.result), "dog");
    guest_leave(&one);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void a_failure_is_told_and_the_next_order_works(void **state)
{
    (void)state;
    static const struct {
        const char *engine;
        executor_end end;
        lumen_status status;
        const char *message;
    } cases[] = {
        {"fail", EXECUTOR_FAILED, LUMEN_ERROR_FAILED, "the clay broke"},
        {"unloaded", EXECUTOR_UNAVAILABLE, LUMEN_ERROR_UNAVAILABLE, "not loaded"},
        {"nothing", EXECUTOR_FAILED, LUMEN_ERROR_FAILED, "the engine nothing made nothing of \"cat\"; try again"},
        {"silent", EXECUTOR_FAILED, LUMEN_ERROR_FAILED, "the engine silent returned without an answer; try again"},
        {"twice", EXECUTOR_DONE, LUMEN_OK, ""},
        {"now", EXECUTOR_DONE, LUMEN_OK, ""},
    };
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guest one = {.here = &here, .engine = cases[i].engine};
        assert_true(guest_join(&one, "cat"));
        guest_wait(&one);
        assert_int_equal(one.outcome.end, cases[i].end);
        assert_int_equal(one.outcome.error.status, cases[i].status);
        assert_string_equal(one.outcome.error.message, cases[i].message);
        guest_leave(&one);
    }
    assert_int_equal(world_figures(&here).failed, 4);
    world_close(&here, 10.0);
}

static void a_shape_that_cannot_be_stored_has_failed(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    here.store_fails = true;
    guest one = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_FAILED);
    assert_string_equal(one.outcome.error.message, "no room on the shelf");
    guest_leave(&one);
    world_close(&here, 10.0);
}

/* ---- The queue --------------------------------------------------------------------------------------------------- */

static void a_full_queue_refuses_what_is_new_and_takes_what_it_has(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .queue_max = 2});
    guest running = {.here = &here, .engine = "block"}, first = running, second = running, third = running,
          equal = running;
    assert_true(guest_join(&running, "ant"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&first, "bee"));
    assert_true(guest_join(&second, "cat"));
    assert_false(guest_join(&third, "dog"));
    assert_int_equal(third.refusal, EXECUTOR_QUEUE_FULL);
    assert_true(guest_join(&equal, "bee"));
    assert_int_equal(world_figures(&here).full, 1);
    guest_leave(&second);
    assert_true(guest_join(&third, "dog"));
    world_open_gate(&here);
    guest_wait(&third);
    guest_wait(&equal);
    guest_leave(&running);
    guest_leave(&first);
    guest_leave(&third);
    guest_leave(&equal);
    world_close(&here, 10.0);
}

static void a_lookup_that_takes_long_delays_nobody_who_joins(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .lookup_threads = 1});
    here.lookup_gate = false;
    guest one = {.here = &here}, two = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.looking == 1);
    assert_true(guest_join(&two, "dog"));
    assert_int_equal(guest_status(&two).state, EXECUTOR_LOOKING_UP);
    assert_int_equal(world_figures(&here).looking_up, 2);
    world_set(&here, &here.lookup_gate, true);
    guest_wait(&one);
    guest_wait(&two);
    guest_leave(&one);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void the_status_tells_place_stage_and_progress(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "block"}, two = one, three = one, four = one;
    assert_true(guest_join(&one, "ant"));
    UNTIL(&here, guest_status(&one).fraction > 0.0);
    executor_status status = guest_status(&one);
    assert_int_equal(status.state, EXECUTOR_RUNNING);
    assert_int_equal(status.position, 0);
    assert_string_equal(status.stage, "block");
    assert_true(status.fraction == 0.25);
    assert_true(guest_join(&two, "bee"));
    UNTIL(&here, guest_status(&two).state == EXECUTOR_QUEUED);
    assert_true(guest_join(&three, "cat"));
    UNTIL(&here, guest_status(&three).state == EXECUTOR_QUEUED);
    assert_true(guest_join(&four, "dog"));
    UNTIL(&here, guest_status(&four).state == EXECUTOR_QUEUED);
    assert_int_equal(guest_status(&two).position, 1);
    assert_int_equal(guest_status(&three).position, 2);
    assert_int_equal(guest_status(&four).position, 3);
    guest_leave(&three);
    assert_int_equal(guest_status(&two).position, 1);
    assert_int_equal(guest_status(&four).position, 2);
    executor_figures figures = world_figures(&here);
    assert_int_equal(figures.queued, 2);
    assert_int_equal(figures.running, 1);
    assert_int_equal(figures.parties, 3);
    assert_true(figures.oldest_queued_seconds > 0.0);
    assert_true(figures.slot[0].busy);
    assert_string_equal(figures.slot[0].text, "ant");
    assert_string_equal(figures.slot[0].engine, "block");
    assert_string_equal(figures.slot[0].stage, "block");
    assert_true(figures.slot[0].seconds >= figures.slot[0].quiet_seconds);
    world_open_gate(&here);
    guest_wait(&four);
    guest_leave(&one);
    guest_leave(&two);
    guest_leave(&four);
    world_close(&here, 10.0);
}

static void *open_the_gate_later(void *argument)
{
    world *here = argument;
    UNTIL(here, here->observed == 1);
    world_open_gate(here);
    return NULL;
}

static void the_end_waits_for_the_news_that_is_being_told(void **state)
{
    (void)state;
    world here;
    pthread_t thread;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "1ms", .listens = true, .then = guest_hold};
    assert_int_equal(pthread_create(&thread, NULL, open_the_gate_later, &here), 0);
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    pthread_join(thread, NULL);
    guest_leave(&one);
    world_close(&here, 10.0); /* which would have counted callbacks at the same time as faults */
}

static void listeners_hear_of_changes_ten_times_a_second(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "100ms", .listens = true}, two = one;
    guest deaf = {.here = &here, .engine = "100ms"};
    double start = seconds_now();
    assert_true(guest_join(&one, "cat")); /* some hundred steps of progress */
    assert_true(guest_join(&two, "dog"));
    assert_true(guest_join(&deaf, "owl"));
    guest_wait(&one);
    guest_wait(&two);
    double rounds = 2.0 + (seconds_now() - start) / 0.1;
    assert_true(atomic_load(&one.changed) >= 1 && atomic_load(&one.changed) <= rounds);
    assert_true(atomic_load(&two.changed) >= 1 && atomic_load(&two.changed) <= rounds);
    guest_leave(&one);
    guest_leave(&two);
    guest_leave(&deaf);
    world_close(&here, 10.0);
}

static void note_status(guest *one)
{
    pthread_mutex_lock(&one->here->lock);
    if (one->ticket != NULL) /* executor_join may not have returned yet */
        executor_read_status(one->ticket, &one->heard);
    pthread_mutex_unlock(&one->here->lock);
}

static void the_last_change_is_always_heard(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "block"}, two = one,
          three = {.here = &here, .engine = "block", .listens = true, .then = note_status};
    assert_true(guest_join(&one, "ant"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&two, "bee"));
    UNTIL(&here, guest_status(&two).state == EXECUTOR_QUEUED);
    assert_true(guest_join(&three, "cat"));
    note_status(&three); /* whoever needs the ticket for it looks once by itself */
    UNTIL(&here, three.heard.position == 2);
    guest_leave(&two);
    UNTIL(&here, three.heard.position == 1);
    guest_leave(&one);
    UNTIL(&here, three.heard.state == EXECUTOR_RUNNING);
    guest_leave(&three);
    world_close(&here, 10.0);
}

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

static void orders_of_an_engine_that_batches_run_together(void **state)
{
    (void)state;
    enum { GUESTS = 8 };
    static const struct {
        const char *text, *engine;
        uint32_t batch_max;
    } list[GUESTS] = {{"a", "block", 1}, {"b", "batch", 4}, {"c", "now", 1},   {"d", "batch", 4},
                      {"e", "batch", 1}, {"f", "batch", 3}, {"g", "batch", 4}, {"h", "batch", 99}};
    world here;
    guest guests[GUESTS];
    world_open(&here, &(executor_options){.slots = 1});
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = (guest){.here = &here, .engine = list[i].engine, .batch_max = list[i].batch_max};
        assert_true(guest_join(&guests[i], list[i].text));
        UNTIL(&here, i == 0 ? here.running == 1 : world_figures(&here).queued == (uint32_t)i);
    }
    world_open_gate(&here);
    for (int i = 0; i < GUESTS; i++) {
        guest_wait(&guests[i]);
        assert_int_equal(guests[i].outcome.end, EXECUTOR_DONE);
        assert_string_equal(result_text(guests[i].outcome.result), list[i].text);
    }
    /* The oldest goes first, with those whose batch it fits into; "e" wants to be alone. */
    static const char order[] = "abdfcegh";
    static const uint32_t sizes[] = {1, 3, 1, 1, 2};
    for (uint32_t i = 0; i < GUESTS; i++)
        assert_int_equal(here.texts[i][0], order[i]);
    assert_int_equal(here.runs, 5);
    assert_memory_equal(here.batch_sizes, sizes, sizeof sizes);
    assert_int_equal(world_figures(&here).batches, 2);
    for (int i = 0; i < GUESTS; i++)
        guest_leave(&guests[i]);
    world_close(&here, 10.0);
}

/* ---- Admission --------------------------------------------------------------------------------------------------- */

static void the_first_who_is_admitted_carries_the_others(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .lookup_threads = 1});
    here.lookup_gate = false;
    here.refusals = 1;
    guest one = {.here = &here, .engine = "block"}, two = one, three = one, late = one;
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.looking == 1);
    assert_true(guest_join(&two, "cat"));
    assert_true(guest_join(&three, "cat"));
    world_set(&here, &here.lookup_gate, true);
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_REFUSED);
    assert_true(one.outcome.retry_seconds == 7.0);
    assert_non_null(strstr(one.outcome.error.message, "7 seconds"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&late, "cat"));
    world_open_gate(&here);
    guest_wait(&two);
    guest_wait(&three);
    guest_wait(&late);
    assert_int_equal(two.outcome.end, EXECUTOR_DONE);
    assert_false(two.outcome.shared);
    assert_int_equal(three.outcome.end, EXECUTOR_DONE);
    assert_true(three.outcome.shared);
    assert_true(late.outcome.shared);
    assert_int_equal(here.asked, 2);
    assert_int_equal(here.runs, 1);
    assert_int_equal(world_figures(&here).refused, 1);
    guest_leave(&one);
    guest_leave(&two);
    guest_leave(&three);
    guest_leave(&late);
    world_close(&here, 10.0);
}

static void a_flight_that_nobody_is_admitted_for_ends(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .lookup_threads = 1});
    here.lookup_gate = false;
    here.refusals = 2;
    guest one = {.here = &here}, two = one, again = one;
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.looking == 1);
    assert_true(guest_join(&two, "cat"));
    world_set(&here, &here.lookup_gate, true);
    guest_wait(&one);
    guest_wait(&two);
    assert_int_equal(one.outcome.end, EXECUTOR_REFUSED);
    assert_int_equal(two.outcome.end, EXECUTOR_REFUSED);
    assert_int_equal(here.runs, 0);
    assert_int_equal(here.observed, 0);
    assert_true(guest_join(&again, "cat"));
    guest_wait(&again);
    assert_int_equal(again.outcome.end, EXECUTOR_DONE);
    guest_leave(&one);
    guest_leave(&two);
    guest_leave(&again);
    world_close(&here, 10.0);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static void what_cannot_work_is_not_opened(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    executor *all = here.all;
    lumen_error error;
    executor_options options = {.slots = 1};
    assert_int_equal(executor_open(&options, &all, &error), LUMEN_ERROR_INVALID);
    assert_null(all);
    world_options(&here, &options);
    options.slots = 0;
    assert_int_equal(executor_open(&options, &all, &error), LUMEN_ERROR_INVALID);
    options.slots = 65;
    assert_int_equal(executor_open(&options, &all, &error), LUMEN_ERROR_INVALID);
    assert_non_null(strstr(error.message, "65 workers; choose 1 to 64"));
    options.slots = 1;
    options.lookup_threads = 65;
    assert_int_equal(executor_open(&options, &all, &error), LUMEN_ERROR_INVALID);
    world_close(&here, 10.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_becomes_a_shape),
        cmocka_unit_test(what_is_stored_is_not_made_again),
        cmocka_unit_test(equal_orders_in_flight_are_computed_once),
        cmocka_unit_test(orders_whose_keys_collide_are_told_apart),
        cmocka_unit_test(a_failure_is_told_and_the_next_order_works),
        cmocka_unit_test(a_shape_that_cannot_be_stored_has_failed),
        cmocka_unit_test(a_full_queue_refuses_what_is_new_and_takes_what_it_has),
        cmocka_unit_test(a_lookup_that_takes_long_delays_nobody_who_joins),
        cmocka_unit_test(the_status_tells_place_stage_and_progress),
        cmocka_unit_test(the_end_waits_for_the_news_that_is_being_told),
        cmocka_unit_test(listeners_hear_of_changes_ten_times_a_second),
        cmocka_unit_test(the_last_change_is_always_heard),
        cmocka_unit_test(orders_of_an_engine_that_batches_run_together),
        cmocka_unit_test(the_first_who_is_admitted_carries_the_others),
        cmocka_unit_test(a_flight_that_nobody_is_admitted_for_ends),
        cmocka_unit_test(what_cannot_work_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
