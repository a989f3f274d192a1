/* Leaving, in every state and from everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakes.h"

static void leaving_is_possible_in_every_state(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .lookup_threads = 1});
    guest running = {.here = &here, .engine = "block"}, queued = running, looked_up = running, waiting = running,
          over = {.here = &here, .engine = "fail"};
    assert_true(guest_join(&over, "ant"));
    guest_wait(&over);
    assert_true(guest_join(&running, "bee"));
    UNTIL(&here, guest_status(&running).fraction > 0.0);
    assert_true(guest_join(&queued, "cat"));
    UNTIL(&here, guest_status(&queued).state == EXECUTOR_QUEUED);
    world_set(&here, &here.lookup_gate, false);
    here.stored = "dog"; /* what the lookup finds too late must not be lost */
    assert_true(guest_join(&looked_up, "dog"));
    UNTIL(&here, here.looking == 1);
    assert_true(guest_join(&waiting, "eel"));

    guest_leave(&over);
    guest_leave(&waiting);
    guest_leave(&looked_up);
    assert_int_equal(here.observed, 1);
    guest_leave(&queued);
    assert_int_equal(here.observed, 2);
    assert_int_equal(here.last_observed.end, EXECUTOR_CANCELLED);
    guest_leave(&running);
    assert_int_equal(here.observed, 3);
    assert_int_equal(here.last_observed.end, EXECUTOR_CANCELLED);
    UNTIL(&here, here.running == 0); /* the backend saw the cancel: the gate is closed */
    assert_int_equal(here.cancels_seen, 1);
    assert_int_equal(world_figures(&here).cancelled, 4);
    world_set(&here, &here.lookup_gate, true);
    world_close(&here, 10.0);
    assert_int_equal(atomic_load(&over.finished), 1);
    assert_int_equal(atomic_load(&running.finished) + atomic_load(&queued.finished) + atomic_load(&looked_up.finished) +
                         atomic_load(&waiting.finished),
                     0);
    assert_int_equal(here.runs, 2);
}

static void who_leaves_takes_nothing_from_the_others(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "block"}, two = one;
    assert_true(guest_join(&one, "cat"));
    assert_true(guest_join(&two, "cat"));
    UNTIL(&here, here.running == 1);
    guest_leave(&one);
    world_open_gate(&here);
    guest_wait(&two);
    assert_int_equal(two.outcome.end, EXECUTOR_DONE);
    assert_true(two.outcome.shared);
    assert_int_equal(here.cancels_seen, 0);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void an_order_equal_to_one_that_is_being_cancelled_starts_anew(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 2, .grace_seconds = 100.0});
    guest one = {.here = &here, .engine = "deaf"}, two = one;
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.running == 1);
    guest_leave(&one); /* the engine works on, deaf to it */
    assert_true(guest_join(&two, "cat"));
    UNTIL(&here, here.running == 2);
    world_open_gate(&here);
    guest_wait(&two);
    assert_int_equal(two.outcome.end, EXECUTOR_DONE);
    assert_false(two.outcome.shared);
    guest_leave(&two);
    world_close(&here, 10.0);
    assert_int_equal(here.stores, 1); /* the late shape is thrown away */
}

static void pictures_are_shared_and_given_back_however_it_ends(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .image_bytes_max = 2500});
    blob *picture = blob_copy("a picture of a thousand bytes", 29), *large = blob_create(1500),
         *larger = blob_create(2501);
    guest fails = {.here = &here, .engine = "fail", .image = picture}, works = {.here = &here, .image = picture},
          running = {.here = &here, .engine = "block", .image = picture}, same = running, queued = running,
          full = running, never = running;
    assert_true(guest_join(&fails, "ant"));
    guest_wait(&fails);
    guest_leave(&fails);
    assert_true(guest_join(&works, "bee"));
    guest_wait(&works);
    assert_int_equal(works.outcome.end, EXECUTOR_DONE);
    guest_leave(&works);
    UNTIL(&here, world_figures(&here).image_bytes == 0); /* the slot lets go of it after the answer */

    assert_true(guest_join(&running, "cat"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&same, "cat")); /* shares the work, and its picture */
    assert_int_equal(world_figures(&here).image_bytes, 29);
    queued.image = full.image = large;
    assert_true(guest_join(&queued, "dog"));
    assert_int_equal(world_figures(&here).image_bytes, 1529);
    assert_false(guest_join(&full, "eel")); /* there is no room for one more of this size */
    assert_int_equal(full.refusal, EXECUTOR_QUEUE_FULL);
    never.image = larger;
    assert_false(guest_join(&never, "fox"));
    guest_leave(&queued);
    UNTIL(&here, world_figures(&here).image_bytes == 29);
    assert_true(guest_join(&full, "eel"));
    guest_leave(&full);
    guest_leave(&running);
    assert_int_equal(world_figures(&here).image_bytes, 29); /* the other still waits for it */
    guest_leave(&same);
    UNTIL(&here, here.running == 0 && world_figures(&here).image_bytes == 0);
    assert_int_equal(atomic_load(&picture->references), 1);
    assert_int_equal(atomic_load(&large->references), 1);
    blob_release(picture);
    blob_release(large);
    blob_release(larger);
    world_close(&here, 10.0);
}

static void *leave_on_a_thread(void *argument)
{
    guest *one = argument;
    executor_leave(one->ticket);
    if (atomic_load(&one->finished) != 1)
        atomic_fetch_add(&one->here->faults, 1); /* its callback was still running */
    return NULL;
}

static void leaving_waits_for_a_callback_that_runs(void **state)
{
    (void)state;
    world here;
    pthread_t thread;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "fail", .then = guest_hold};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.running == 2); /* the run, and in it the callback */
    assert_int_equal(pthread_create(&thread, NULL, leave_on_a_thread, &one), 0);
    UNTIL(&here, world_figures(&here).parties == 0); /* it is on its way */
    world_open_gate(&here);
    pthread_join(thread, NULL);
    world_close(&here, 10.0);
}

static void go_on(guest *one)
{
    guest *other = one->other;
    if (other->ticket == NULL && !guest_join(other, "dog"))
        atomic_fetch_add(&one->here->faults, 1);
    pthread_mutex_lock(&one->here->lock);
    while (one->ticket == NULL) /* executor_join may not have returned yet */
        pthread_cond_wait(&one->here->event, &one->here->lock);
    pthread_mutex_unlock(&one->here->lock);
    guest_leave(one);
}

static void a_callback_may_leave_and_join(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest two = {.here = &here}, one = {.here = &here, .then = go_on, .other = &two};
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    guest_wait(&two);
    assert_int_equal(two.outcome.end, EXECUTOR_DONE);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void leave_once(guest *one)
{
    pthread_mutex_lock(&one->here->lock);
    while (one->ticket == NULL)
        pthread_cond_wait(&one->here->event, &one->here->lock);
    pthread_mutex_unlock(&one->here->lock);
    guest_leave(one);
}

static void the_last_party_may_leave_from_the_news_of_its_progress(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "block", .listens = true, .then = leave_once};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.observed == 1 && here.running == 0);
    world_close(&here, 10.0);
    assert_int_equal(atomic_load(&one.changed), 1);
    assert_int_equal(atomic_load(&one.finished), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_shared_and_given_back_however_it_ends),
        cmocka_unit_test(leaving_is_possible_in_every_state),
        cmocka_unit_test(who_leaves_takes_nothing_from_the_others),
        cmocka_unit_test(an_order_equal_to_one_that_is_being_cancelled_starts_anew),
        cmocka_unit_test(leaving_waits_for_a_callback_that_runs),
        cmocka_unit_test(a_callback_may_leave_and_join),
        cmocka_unit_test(the_last_party_may_leave_from_the_news_of_its_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
