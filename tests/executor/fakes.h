/*
 * fakes.h: a world for the executor: engines that do as they are told, a store that counts, guests who remember.
 *
 *     world here;
 *     world_open(&here, &(executor_options){.slots = 1});
 *     guest one = {.here = &here, .engine = "block"};
 *     assert_true(guest_join(&one, "cat"));
 *     UNTIL(&here, here.running == 1);
 *     world_open_gate(&here);
 *     guest_wait(&one);
 *     guest_leave(&one);
 *     world_close(&here, 10.0);                  // fails the test when a result was lost or kept
 *
 * What an order's engine does:
 *
 *     "now"          answers at once
 *     "1ms" "100ms"  works so long in steps, with progress, and stops when cancelled
 *     "block"        works until the gate opens or it is cancelled
 *     "deaf"         works until the gate opens or the slot is killed, whatever is cancelled
 *     "fail" "unloaded" "nothing" "silent" "twice"
 *                    fails, is not there, succeeds without a shape, returns without a word, answers twice
 *     "batch"        like "block", all works of the run together
 *
 * Threads other than the test's must not use cmocka: they count faults, which world_close looks at.
 */
#ifndef LUMEN_TESTS_EXECUTOR_FAKES_H
#define LUMEN_TESTS_EXECUTOR_FAKES_H

#include <pthread.h>
#include <stdatomic.h>

#include "executor/executor.h"

enum { WORLD_RUNS_MAX = 256 };

/* The room writes its log through this double. */
struct log_sink {
    pthread_mutex_t *lock; /* the world's */
    uint32_t lines;
    char message[128], text[64], engine[32];
};

typedef struct world {
    executor *all;
    log_sink log;
    pthread_mutex_t lock; /* of everything that is not atomic */
    pthread_cond_t event; /* something here has changed */
    bool gate;            /* open: "block", "deaf" and "batch" go on */
    bool lookup_gate;     /* closed: lookups wait */
    bool store_gate;      /* closed: storing waits */
    bool observe_gate;    /* closed: observing waits */
    bool closed;          /* executor_close has returned: no hook may run any more */
    bool killed[64], killing[64];
    bool nudge; /* "block" and "deaf" make progress once */
    bool store_fails, kill_fails;
    const char *stored; /* the text that the lookup knows */
    uint32_t refusals;  /* so many are not admitted, and may come back after 7 seconds */
    uint32_t running, looking, storing, observing;
    uint32_t runs, lookups, stores, asked, kills, observed;
    uint32_t cancels_seen;
    uint32_t batch_sizes[WORLD_RUNS_MAX]; /* of the first runs */
    char texts[WORLD_RUNS_MAX][32];       /* of the first works, in the order in which they ran */
    uint32_t works;
    executor_outcome last_observed;
    atomic_int results; /* references alive */
    atomic_int faults;  /* what a thread saw that must not be */
} world;

/* A party. `engine` "now" and key made from the text unless set. */
typedef struct guest {
    world *here;
    const char *engine;
    uint32_t batch_max;
    double deadline_seconds;
    bool listens;
    blob *image;                  /* the test's own */
    uint64_t key;                 /* 0: from the text */
    void (*then)(struct guest *); /* called within `finished` and, when `listens`, within `changed` */
    char text[32];
    executor_ticket *ticket;
    executor_refusal refusal;
    atomic_int finished, changed, inside;
    executor_outcome outcome;
    executor_status heard; /* for `then` */
    struct guest *other;   /* for `then` */
} guest;

/* Waits until a condition on the world or on figures holds; fails the test after ten seconds. The condition is looked
 * at with the world's lock, whenever something happens there and every millisecond. */
#define UNTIL(here, condition)                                                                                         \
    do {                                                                                                               \
        uint32_t patience_ = 10000;                                                                                    \
        pthread_mutex_lock(&(here)->lock);                                                                             \
        while (!(condition) && patience_-- > 0)                                                                        \
            world_wait(here);                                                                                          \
        bool held_ = (condition);                                                                                      \
        pthread_mutex_unlock(&(here)->lock);                                                                           \
        if (!held_)                                                                                                    \
            fail_msg("in vain: %s", #condition);                                                                       \
    } while (0)

void world_wait(world *here); /* for an event, a millisecond at most; with the lock */

/* `options` gives slots, times and limits; backend, hooks and log are the world's. */
void world_open(world *here, const executor_options *options);
void world_options(world *here, executor_options *options); /* sets what is the world's */
void world_close(world *here, double seconds);

/* For tests that close by themselves: checks that nothing is left. */
void world_check(world *here);

void world_open_gate(world *here);
void world_set(world *here, bool *flag, bool value); /* with the lock, and tells everybody */

/* With or without the world's lock. */
executor_figures world_figures(world *here);

log_sink world_log(world *here); /* as it is now */

executor_order guest_order(const guest *one);
bool guest_join(guest *one, const char *text);
void guest_wait(guest *one);  /* until finished */
void guest_leave(guest *one); /* and gives the result back */
executor_status guest_status(guest *one);
void guest_hold(guest *one); /* for `then`: stays in the callback, counted as running, until the gate opens */

/* The text of the shape that a result was made from. */
const char *result_text(const void *result);

#endif
