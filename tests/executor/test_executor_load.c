/* Many at once: a thousand parties, and a storm of joining, leaving, hanging and closing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "fakes.h"

/* ---- A thousand parties ------------------------------------------------------------------------------------------ */

enum { THREADS = 16, PARTIES = 1008, PARTIES_OF_THREAD = PARTIES / THREADS, EQUAL = 20 };

typedef struct crowd {
    world *here;
    guest *guests;
    uint32_t number;
} crowd;

/* Every other party asks for one of a few texts, the others for one that nobody else asks for. */
static void *join_many(void *argument)
{
    const crowd *self = argument;
    for (uint32_t i = 0; i < PARTIES_OF_THREAD; i++) {
        char text[32];
        guest *one = &self->guests[i];
        uint32_t number = self->number * PARTIES_OF_THREAD + i;
        if (i % 2 == 0)
            snprintf(text, sizeof text, "equal %u", number % EQUAL);
        else
            snprintf(text, sizeof text, "single %u", number);
        *one = (guest){.here = self->here, .engine = i % 2 == 0 ? "100ms" : i % 8 == 1 ? "1ms" : "now"};
        if (!guest_join(one, text) && one->refusal != EXECUTOR_QUEUE_FULL)
            atomic_fetch_add(&self->here->faults, 1);
    }
    return NULL;
}

static void a_thousand_parties_each_get_their_own_shape(void **state)
{
    (void)state;
    world here;
    pthread_t threads[THREADS];
    crowd crowds[THREADS];
    guest *guests = calloc(PARTIES, sizeof *guests);
    assert_non_null(guests);
    world_open(&here, &(executor_options){.slots = 16});
    for (uint32_t i = 0; i < THREADS; i++) {
        crowds[i] = (crowd){&here, guests + (size_t)i * PARTIES_OF_THREAD, i};
        assert_int_equal(pthread_create(&threads[i], NULL, join_many, &crowds[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint32_t accepted = 0, carriers = 0;
    for (uint32_t i = 0; i < PARTIES; i++) {
        assert_non_null(guests[i].ticket); /* fewer flights than the queue holds */
        guest_wait(&guests[i]);
        assert_int_equal(guests[i].outcome.end, EXECUTOR_DONE);
        assert_string_equal(result_text(guests[i].outcome.result), guests[i].text);
        carriers += !guests[i].outcome.shared;
        accepted++;
        guest_leave(&guests[i]);
    }
    executor_figures figures = world_figures(&here);
    assert_int_equal(figures.joined, accepted);
    assert_int_equal(figures.shared + figures.started, accepted);
    assert_int_equal(figures.started, carriers);
    assert_int_equal(here.observed, carriers);
    /* An equal one may be computed again only when nobody waits for it any more. */
    assert_in_range(figures.started, PARTIES / 2 + EQUAL / 2, PARTIES / 2 + 5 * EQUAL);
    world_close(&here, 10.0);
    free(guests);
}

static void a_thousand_equal_parties_cost_one_run(void **state)
{
    (void)state;
    enum { GUESTS = 1000 };
    world here;
    guest *guests = calloc(GUESTS, sizeof *guests);
    assert_non_null(guests);
    world_open(&here, &(executor_options){.slots = 4, .queue_max = 1});
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = (guest){.here = &here, .engine = "block"};
        assert_true(guest_join(&guests[i], "cat"));
    }
    world_open_gate(&here);
    for (int i = 0; i < GUESTS; i++) {
        guest_wait(&guests[i]);
        guest_leave(&guests[i]);
    }
    assert_int_equal(here.runs, 1);
    assert_int_equal(here.lookups, 1);
    world_close(&here, 10.0);
    free(guests);
}

/* ---- The storm --------------------------------------------------------------------------------------------------- */

enum { STORMERS = 6, HELD = 24 };

typedef struct stormer {
    world *here;
    uint64_t seed;
    uint32_t finished, left, refused;
    atomic_bool *over;
} stormer;

static void storm_leave(stormer *self, guest *one)
{
    if (one->ticket == NULL)
        return;
    guest_leave(one);
    if (atomic_load(&one->finished) == 1)
        self->finished++;
    else
        self->left++;
}

/* Some callbacks take their time, so that others must wait for them. */
static void dawdle(guest *one)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)(fnv1a(FNV_START, one->text, sizeof one->text) % 200000)}, NULL);
}

static void storm_join(stormer *self, guest *one, random_state *dice)
{
    static const char *const engines[] = {"now", "now", "1ms", "1ms", "fail", "silent", "deaf", "batch", "batch"};
    char text[16];
    uint32_t engine = random_u32(dice) % (sizeof engines / sizeof *engines);
    snprintf(text, sizeof text, "%s %u", engines[engine], random_u32(dice) % 12);
    *one = (guest){.here = self->here,
                   .engine = engines[engine],
                   .batch_max = engine >= 7 ? 4 : 1,
                   .listens = random_u32(dice) % 2 == 0,
                   .then = random_u32(dice) % 4 == 0 ? dawdle : NULL,
                   .deadline_seconds = random_u32(dice) % 3 == 0 ? 0.001 * (1 + random_u32(dice) % 20) : 0.0};
    if (!guest_join(one, text))
        self->refused++;
}

static void *storm(void *argument)
{
    stormer *self = argument;
    random_state dice = random_seed(self->seed);
    guest *guests = calloc(HELD, sizeof *guests);
    if (guests == NULL)
        abort();
    while (!atomic_load(self->over)) {
        guest *one = &guests[random_u32(&dice) % HELD];
        storm_leave(self, one);
        storm_join(self, one, &dice);
        if (random_u32(&dice) % 4 == 0)
            nanosleep(&(struct timespec){.tv_nsec = random_u32(&dice) % 300000}, NULL);
        if (one->ticket != NULL)
            guest_status(one);
        if (random_u32(&dice) % 16 == 0)
            world_figures(self->here);
    }
    for (int i = 0; i < HELD; i++)
        storm_leave(self, &guests[i]);
    free(guests);
    return NULL;
}

static void weather(uint64_t seed, long milliseconds)
{
    world here;
    pthread_t threads[STORMERS];
    stormer stormers[STORMERS];
    atomic_bool over = false;
    random_state dice = random_seed(seed);
    world_open(&here, &(executor_options){.slots = 1 + random_u32(&dice) % 3,
                                          .queue_max = 4 + random_u32(&dice) % 60,
                                          .lookup_threads = 1 + random_u32(&dice) % 3,
                                          .grace_seconds = 0.002,
                                          .stall_seconds = 0.001});
    here.stored = "now 3";
    here.refusals = 20;
    for (uint32_t i = 0; i < STORMERS; i++) {
        stormers[i] = (stormer){.here = &here, .seed = seed * STORMERS + i, .over = &over};
        assert_int_equal(pthread_create(&threads[i], NULL, storm, &stormers[i]), 0);
    }
    for (long i = 0; i < milliseconds; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        world_set(&here, &here.gate, i % 8 == 0);
    }
    /* A ticket of our own keeps the memory, so that those who still join while it closes are merely refused. */
    guest anchor = {.here = &here, .engine = "block"};
    while (!guest_join(&anchor, "anchor"))
        assert_int_equal(anchor.refusal, EXECUTOR_QUEUE_FULL);
    executor_close(here.all, 0.001 * (random_u32(&dice) % 20));
    assert_int_equal(atomic_load(&anchor.finished), 1);
    atomic_store(&over, true);
    for (uint32_t i = 0; i < STORMERS; i++)
        pthread_join(threads[i], NULL);
    executor_figures figures = world_figures(&here);
    assert_int_equal(figures.parties, 0);
    assert_int_equal(figures.looking_up + figures.queued + figures.running, 0);
    uint64_t tickets = 1;
    for (uint32_t i = 0; i < STORMERS; i++)
        tickets += stormers[i].finished + stormers[i].left;
    assert_int_equal(figures.joined, tickets);
    guest_leave(&anchor);
    world_check(&here);
}

static void nothing_is_lost_in_a_storm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        weather(seed, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_parties_each_get_their_own_shape),
        cmocka_unit_test(a_thousand_equal_parties_cost_one_run),
        cmocka_unit_test(nothing_is_lost_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
