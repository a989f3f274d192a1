/* What goes wrong: deadlines, engines that hang or fall silent, the end of the executor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "executor/internal.h"
#include "fakes.h"

/* ---- Deadlines --------------------------------------------------------------------------------------------------- */

static void a_deadline_in_the_queue_expires_the_flight(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest running = {.here = &here, .engine = "block"},
          queued = {.here = &here, .engine = "block", .deadline_seconds = 0.03};
    assert_true(guest_join(&running, "ant"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&queued, "bee"));
    guest_wait(&queued);
    assert_int_equal(queued.outcome.end, EXECUTOR_EXPIRED);
    assert_non_null(strstr(queued.outcome.error.message, "0.03 seconds"));
    assert_true(queued.outcome.queue_seconds > 0.0);
    assert_int_equal(here.observed, 1);
    assert_int_equal(here.last_observed.end, EXECUTOR_EXPIRED);
    assert_int_equal(world_figures(&here).queued, 0);
    assert_int_equal(world_figures(&here).expired, 1);
    guest_leave(&queued);
    guest_leave(&running);
    world_close(&here, 10.0);
}

static void a_deadline_during_a_lookup_expires_the_flight(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .deadline_seconds = 0.02});
    here.lookup_gate = false;
    here.stored = "cat";
    guest one = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_EXPIRED);
    assert_true(one.outcome.lookup_seconds > 0.0);
    assert_int_equal(here.observed, 0);
    world_set(&here, &here.lookup_gate, true);
    guest_leave(&one);
    world_close(&here, 10.0);
}

static void a_deadline_of_a_run_fails_and_cancels_it(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .grace_seconds = 100.0});
    guest one = {.here = &here, .engine = "block", .deadline_seconds = 0.2};
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_FAILED);
    assert_non_null(strstr(one.outcome.error.message, "deadline of 0.2 seconds"));
    assert_true(one.outcome.run_seconds > 0.0);
    assert_int_equal(one.outcome.stage_count, 1);
    UNTIL(&here, here.running == 0);
    assert_int_equal(here.cancels_seen, 1);
    guest_leave(&one);
    world_close(&here, 10.0);
}

static void every_party_has_a_deadline_of_its_own(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest patient = {.here = &here, .engine = "block"},
          hasty = {.here = &here, .engine = "block", .deadline_seconds = 0.02};
    assert_true(guest_join(&patient, "cat"));
    assert_true(guest_join(&hasty, "cat"));
    guest_wait(&hasty);
    assert_int_not_equal(hasty.outcome.end, EXECUTOR_DONE);
    assert_int_equal(here.observed, 0);
    world_open_gate(&here);
    guest_wait(&patient);
    assert_int_equal(patient.outcome.end, EXECUTOR_DONE);
    guest_leave(&hasty);
    guest_leave(&patient);
    world_close(&here, 10.0);
    assert_int_equal(here.cancels_seen, 0);
}

static void deadlines_pass_in_their_order(void **state)
{
    (void)state;
    enum { GUESTS = 100 };
    world here;
    guest guests[GUESTS];
    world_open(&here, &(executor_options){.slots = 1});
    for (int i = 0; i < GUESTS; i++) {
        char text[16];
        guests[i] = (guest){.here = &here, .engine = "block", .deadline_seconds = i % 3 == 0 ? 600.0 : 0.02};
        snprintf(text, sizeof text, "%d", i);
        assert_true(guest_join(&guests[i], text));
    }
    for (int i = 0; i < GUESTS; i++)
        if (i % 3 != 0)
            guest_wait(&guests[i]);
    for (int i = 0; i < GUESTS; i++) {
        assert_int_equal(atomic_load(&guests[i].finished), i % 3 != 0);
        guest_leave(&guests[i]);
    }
    world_close(&here, 10.0);
}

static void the_heap_of_deadlines_knows_the_earliest(void **state)
{
    (void)state;
    enum { TICKETS = 50 };
    executor_ticket tickets[TICKETS] = {0};
    deadline_heap heap = {0};
    random_state dice = random_seed(1);
    for (int step = 0; step < 20000; step++) {
        executor_ticket *one = &tickets[random_u32(&dice) % TICKETS], *earliest = NULL;
        if (one->attached) {
            deadlines_remove(&heap, one);
        } else {
            one->deadline = random_u32(&dice) % 100;
            assert_true(deadlines_make_room(&heap));
            deadlines_add(&heap, one);
        }
        one->attached = !one->attached;
        for (int i = 0; i < TICKETS; i++)
            if (tickets[i].attached && (earliest == NULL || tickets[i].deadline < earliest->deadline))
                earliest = &tickets[i];
        const executor_ticket *first = deadlines_first(&heap);
        assert_int_equal(first == NULL, earliest == NULL);
        assert_true(first == NULL || first->deadline == earliest->deadline);
    }
    free(heap.items);
}

static void what_a_backend_says_after_a_deadline_is_thrown_away(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .grace_seconds = 100.0});
    guest one = {.here = &here, .engine = "deaf", .deadline_seconds = 0.2}, next = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_FAILED);
    assert_int_equal(here.observed, 1);
    assert_true(guest_join(&next, "dog"));
    UNTIL(&here, guest_status(&next).state == EXECUTOR_QUEUED);
    assert_true(world_figures(&here).slot[0].busy); /* the slot is not free before its run returns */
    world_open_gate(&here);
    guest_wait(&next);
    assert_int_equal(next.outcome.end, EXECUTOR_DONE);
    assert_int_equal(here.stores, 1);
    assert_int_equal(here.observed, 2);
    assert_string_equal(guest_status(&one).stage, "deaf");
    guest_leave(&one);
    guest_leave(&next);
    world_close(&here, 10.0);
}

static void who_leaves_while_the_shape_is_stored_frees_it(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    here.store_gate = false;
    guest one = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.storing == 1);
    guest_leave(&one);
    world_set(&here, &here.store_gate, true);
    world_close(&here, 10.0);
    assert_int_equal(here.stores, 1);
    assert_int_equal(atomic_load(&one.finished), 0);
}

/* ---- Engines that hang ------------------------------------------------------------------------------------------- */

static void an_engine_that_hangs_is_named_killed_and_works_again(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .grace_seconds = 0.02});
    guest one = {.here = &here, .engine = "deaf", .deadline_seconds = 0.2}, next = {.here = &here};
    assert_true(guest_join(&one, "a horse that stands still"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&next, "dog"));
    guest_wait(&one); /* before the kill */
    assert_int_equal(one.outcome.end, EXECUTOR_FAILED);
    assert_non_null(strstr(one.outcome.error.message, "deadline"));
    guest_wait(&next);
    assert_int_equal(next.outcome.end, EXECUTOR_DONE);
    assert_int_equal(here.kills, 1);
    assert_int_equal(world_figures(&here).killed, 1);
    assert_false(world_figures(&here).slot[0].hung);
    assert_string_equal(world_log(&here).message, "an engine hangs: it is ended");
    assert_string_equal(world_log(&here).text, "a horse that stands still");
    assert_string_equal(world_log(&here).engine, "deaf");
    guest_leave(&one);
    guest_leave(&next);
    world_close(&here, 10.0);
}

static void a_slot_that_hangs_stays_named_and_is_tried_again(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 2, .grace_seconds = 0.01});
    here.kill_fails = true;
    guest one = {.here = &here, .engine = "deaf"}, next = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, guest_status(&one).fraction > 0.0);
    guest_leave(&one);
    UNTIL(&here, here.kills >= 3);
    executor_figures figures = world_figures(&here);
    assert_int_equal(figures.killed, 1);
    assert_int_equal(figures.slot[0].hung + figures.slot[1].hung, 1);
    executor_slot_figures *hung = &figures.slot[figures.slot[0].hung ? 0 : 1];
    assert_true(hung->busy);
    assert_string_equal(hung->text, "cat");
    assert_string_equal(hung->stage, "deaf");
    assert_true(hung->seconds >= 0.01);
    assert_int_equal(world_log(&here).lines, 1);
    assert_true(guest_join(&next, "dog")); /* the other slot works */
    guest_wait(&next);
    guest_leave(&next);
    world_open_gate(&here);
    world_close(&here, 10.0);
}

static void a_batch_is_not_killed_as_long_as_someone_wants_one_of_its_shapes(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .grace_seconds = 0.005});
    guest first = {.here = &here, .engine = "block"}, one = {.here = &here, .engine = "batch", .batch_max = 2},
          two = one;
    assert_true(guest_join(&first, "ant"));
    UNTIL(&here, here.running == 1);
    assert_true(guest_join(&one, "bee"));
    assert_true(guest_join(&two, "cat"));
    UNTIL(&here, world_figures(&here).queued == 2);
    guest_leave(&first);
    UNTIL(&here, world_figures(&here).running == 2);
    guest_leave(&one);
    for (int i = 0; i < 20; i++) { /* twenty milliseconds: grace passes several times */
        pthread_mutex_lock(&here.lock);
        world_wait(&here);
        pthread_mutex_unlock(&here.lock);
    }
    assert_false(world_figures(&here).slot[0].hung);
    world_open_gate(&here);
    guest_wait(&two);
    assert_int_equal(two.outcome.end, EXECUTOR_DONE);
    assert_int_equal(here.kills, 0);
    guest_leave(&two);
    world_close(&here, 10.0);
}

static void an_engine_that_falls_silent_is_named(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1, .stall_seconds = 0.02});
    guest one = {.here = &here, .engine = "block"};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, guest_status(&one).fraction > 0.0);
    UNTIL(&here, world_figures(&here).slot[0].stalled && here.log.lines > 0);
    executor_figures figures = world_figures(&here);
    assert_string_equal(world_log(&here).message, "an engine makes no progress");
    assert_string_equal(world_log(&here).text, "cat");
    assert_string_equal(figures.slot[0].text, "cat");
    assert_true(figures.slot[0].quiet_seconds >= 0.02);
    assert_false(figures.slot[0].hung);
    uint32_t lines = world_log(&here).lines;
    world_set(&here, &here.nudge, true);
    UNTIL(&here, here.log.lines > lines); /* it moved, and fell silent again */
    world_open_gate(&here);
    guest_wait(&one);
    assert_int_equal(one.outcome.end, EXECUTOR_DONE);
    guest_leave(&one);
    world_close(&here, 10.0);
}

static void never_mind(void *user, const executor_outcome *outcome)
{
    (void)user;
    (void)outcome;
}

static void names_in_figures_are_cut_between_characters(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here, .engine = "block"};
    executor_order order = guest_order(&one);
    order.identity = order.request.text = "éééééééééééééééééééééééééééééééééééééééé";
    executor_refusal refusal;
    executor_party party = {.user = &one, .finished = never_mind};
    executor_ticket *joined = executor_join(here.all, &order, &party, &refusal);
    assert_non_null(joined);
    UNTIL(&here, here.running == 1);
    executor_figures figures = world_figures(&here);
    assert_int_equal(strlen(figures.slot[0].text), 62); /* 31 of them; 63 bytes would fit */
    executor_leave(joined);
    world_close(&here, 10.0);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* Sanitizers reserve so much address space that it cannot be limited. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE_IS_THEIRS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESS_SPACE_IS_THEIRS
#endif
#endif

#ifndef ADDRESS_SPACE_IS_THEIRS
/* Leaves so much address space beyond what the process has. */
static bool limit_memory(size_t bytes)
{
    unsigned long pages = 0;
    FILE *sizes = fopen("/proc/self/statm", "r");
    bool read = sizes != NULL && fscanf(sizes, "%lu", &pages) == 1;
    if (sizes != NULL)
        fclose(sizes);
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + bytes;
    return read && setrlimit(RLIMIT_AS, &limit) == 0;
}

/* In a process of its own. The exit status says which step went wrong. */
static int live_without_memory(void)
{
    enum { LARGE = 256 << 20 };
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here};
    executor_order order = guest_order(&one);
    executor_party party = {.user = &one, .finished = never_mind};
    executor_refusal refusal;
    char *text = malloc(LARGE);
    if (text == NULL)
        return 1;
    memset(text, 'a', LARGE - 1);
    text[LARGE - 1] = '\0';
    order.request.text = text;
    if (!limit_memory(64 << 20))
        return 2;
    if (executor_join(here.all, &order, &party, &refusal) != NULL || refusal != EXECUTOR_NO_MEMORY)
        return 3;
    if (!guest_join(&one, "cat"))
        return 4;
    guest_wait(&one);
    guest_leave(&one);
    executor *all = NULL;
    executor_options options = {.slots = 64}; /* whose stacks have no room */
    lumen_error error;
    world_options(&here, &options);
    if (executor_open(&options, &all, &error) != LUMEN_ERROR_MEMORY || all != NULL)
        return 5;
    world_close(&here, 10.0);
    free(text);
    return 0;
}
#endif

static void without_memory_it_says_so_and_goes_on(void **state)
{
    (void)state;
#ifndef ADDRESS_SPACE_IS_THEIRS
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(live_without_memory());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
#else
    skip();
#endif
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static void closing_lets_work_finish(void **state)
{
    (void)state;
    enum { GUESTS = 10 };
    world here;
    guest guests[GUESTS];
    world_open(&here, &(executor_options){.slots = 1});
    for (int i = 0; i < GUESTS; i++) {
        char text[16];
        guests[i] = (guest){.here = &here, .engine = "1ms"};
        snprintf(text, sizeof text, "%d", i);
        assert_true(guest_join(&guests[i], text));
    }
    executor_close(here.all, 10.0);
    for (int i = 0; i < GUESTS; i++) {
        assert_int_equal(atomic_load(&guests[i].finished), 1);
        assert_int_equal(guests[i].outcome.end, EXECUTOR_DONE);
        assert_int_equal(guest_status(&guests[i]).state, EXECUTOR_OVER);
        guest_leave(&guests[i]); /* after the end */
    }
    world_check(&here);
}

static void *close_now(void *argument)
{
    world *here = argument;
    executor_close(here->all, 0.02);
    world_set(here, &here->closed, true);
    return NULL;
}

static void *leave_now(void *argument)
{
    guest_leave(argument);
    return NULL;
}

static void closing_waits_for_who_is_just_leaving(void **state)
{
    (void)state;
    world here;
    pthread_t leaver, closer;
    world_open(&here, &(executor_options){.slots = 1});
    here.observe_gate = false;
    guest one = {.here = &here, .engine = "block"};
    assert_true(guest_join(&one, "cat"));
    UNTIL(&here, here.running == 1);
    assert_int_equal(pthread_create(&leaver, NULL, leave_now, &one), 0);
    UNTIL(&here, here.observing == 1 && here.running == 0);
    assert_int_equal(pthread_create(&closer, NULL, close_now, &here), 0);
    for (int i = 0; i < 20; i++) { /* time to do it wrong */
        pthread_mutex_lock(&here.lock);
        world_wait(&here);
        pthread_mutex_unlock(&here.lock);
    }
    world_set(&here, &here.observe_gate, true); /* a fault, if it has closed already */
    pthread_join(leaver, NULL);
    pthread_join(closer, NULL);
    world_check(&here);
}

static void closing_cancels_what_does_not_finish_whatever_its_state(void **state)
{
    (void)state;
    world here;
    pthread_t closer;
    world_open(&here, &(executor_options){.slots = 2, .lookup_threads = 1, .grace_seconds = 0.02});
    guest hanging = {.here = &here, .engine = "deaf"}, running = {.here = &here, .engine = "block"}, queued = running,
          looked_up = running, waiting = running, left = running;
    assert_true(guest_join(&hanging, "ant"));
    assert_true(guest_join(&running, "bee"));
    UNTIL(&here, here.running == 2);
    assert_true(guest_join(&queued, "cat"));
    UNTIL(&here, guest_status(&queued).state == EXECUTOR_QUEUED);
    world_set(&here, &here.lookup_gate, false);
    assert_true(guest_join(&looked_up, "dog"));
    UNTIL(&here, here.looking == 1);
    assert_true(guest_join(&waiting, "eel"));
    assert_true(guest_join(&left, "fox"));
    guest_leave(&left);

    assert_int_equal(pthread_create(&closer, NULL, close_now, &here), 0);
    guest *const all[] = {&hanging, &running, &queued, &looked_up, &waiting};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        guest_wait(all[i]); /* all have their answer while one hangs and one is looked up */
        assert_int_equal(all[i]->outcome.end, EXECUTOR_CANCELLED);
        assert_int_equal(all[i]->outcome.error.status, LUMEN_ERROR_CANCELLED);
    }
    world_set(&here, &here.lookup_gate, true);
    pthread_join(closer, NULL);
    assert_int_equal(here.kills, 1);
    assert_int_equal(here.observed, 3);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guest_leave(all[i]);
    world_check(&here);
}

static void join_in_vain(guest *one)
{
    if (guest_join(one->other, "dog"))
        atomic_fetch_add(&one->here->faults, 1);
}

static void who_joins_while_it_closes_is_refused(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest two = {.here = &here}, one = {.here = &here, .engine = "block", .then = join_in_vain, .other = &two};
    assert_true(guest_join(&one, "cat"));
    executor_close(here.all, 0.0);
    assert_int_equal(one.outcome.end, EXECUTOR_CANCELLED);
    assert_int_equal(two.refusal, EXECUTOR_STOPPING);
    assert_int_equal(atomic_load(&two.finished), 0);
    guest_leave(&one);
    world_check(&here);
}

static void an_executor_that_was_stopped_still_answers(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 1});
    guest one = {.here = &here}, late = {.here = &here};
    assert_true(guest_join(&one, "cat"));
    executor_stop(here.all, 10.0);
    assert_int_equal(one.outcome.end, EXECUTOR_DONE);
    guest_leave(&one); /* nobody holds a ticket now */
    assert_false(guest_join(&late, "dog"));
    assert_int_equal(late.refusal, EXECUTOR_STOPPING);
    assert_int_equal(world_figures(&here).done, 1);
    world_close(&here, 10.0);
}

static void an_idle_executor_closes_at_once(void **state)
{
    (void)state;
    world here;
    world_open(&here, &(executor_options){.slots = 64, .lookup_threads = 4});
    world_close(&here, 1e300);
    executor_close(NULL, 1.0);
    executor_leave(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_in_the_queue_expires_the_flight),
        cmocka_unit_test(a_deadline_during_a_lookup_expires_the_flight),
        cmocka_unit_test(a_deadline_of_a_run_fails_and_cancels_it),
        cmocka_unit_test(every_party_has_a_deadline_of_its_own),
        cmocka_unit_test(deadlines_pass_in_their_order),
        cmocka_unit_test(the_heap_of_deadlines_knows_the_earliest),
        cmocka_unit_test(what_a_backend_says_after_a_deadline_is_thrown_away),
        cmocka_unit_test(who_leaves_while_the_shape_is_stored_frees_it),
        cmocka_unit_test(an_engine_that_hangs_is_named_killed_and_works_again),
        cmocka_unit_test(a_slot_that_hangs_stays_named_and_is_tried_again),
        cmocka_unit_test(a_batch_is_not_killed_as_long_as_someone_wants_one_of_its_shapes),
        cmocka_unit_test(an_engine_that_falls_silent_is_named),
        cmocka_unit_test(names_in_figures_are_cut_between_characters),
        cmocka_unit_test(without_memory_it_says_so_and_goes_on),
        cmocka_unit_test(closing_waits_for_who_is_just_leaving),
        cmocka_unit_test(closing_lets_work_finish),
        cmocka_unit_test(closing_cancels_what_does_not_finish_whatever_its_state),
        cmocka_unit_test(who_joins_while_it_closes_is_refused),
        cmocka_unit_test(an_executor_that_was_stopped_still_answers),
        cmocka_unit_test(an_idle_executor_closes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
