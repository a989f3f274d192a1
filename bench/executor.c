/*
 * What the executor adds to work: from executor_join to `finished`, with a store and an engine that cost nothing.
 *
 *     bench_executor [ROUNDS]        each measure once, a line of JSON each
 *
 *     alone      one order at a time: the median and the 99th percentile in microseconds
 *     together   two threads, each with 64 orders under way: orders a second
 *
 * "found" is what the lookup has, "run" goes through lookup, queue and an empty run of a slot.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "executor/executor.h"

enum { THREADS = 2, WINDOW = 64 };

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- A store and an engine that cost nothing --------------------------------------------------------------------- */

static void *lookup(void *user, const executor_order *order)
{
    return strcmp(order->engine, "found") == 0 ? user : NULL;
}

static void *store(void *user, const executor_order *order, blob *packed, lumen_error *error)
{
    (void)order;
    (void)packed;
    (void)error;
    return user;
}

static void *keep(void *user, void *result)
{
    (void)user;
    return result;
}

static void release(void *user, void *result)
{
    (void)user;
    (void)result;
}

static void run(void *self, uint32_t slot, executor_work *const *works, size_t count)
{
    (void)slot;
    for (size_t i = 0; i < count; i++)
        executor_work_finish(works[i], LUMEN_OK, self, NULL);
}

/* ---- Measures ---------------------------------------------------------------------------------------------------- */

typedef struct joiner {
    executor *all;
    const char *engine;
    uint64_t first_key;
    uint32_t rounds;
    sem_t places; /* orders that may still be under way */
} joiner;

static void finished(void *user, const executor_outcome *outcome)
{
    joiner *self = user;
    if (outcome->end != EXECUTOR_DONE)
        abort();
    sem_post(&self->places);
}

static executor_ticket *join(joiner *self, uint32_t round)
{
    executor_order order = {
        .key = self->first_key + round, .identity = "cat", .engine = self->engine, .request = {.text = "cat"}};
    executor_party party = {.finished = finished, .user = self};
    executor_ticket *ticket = executor_join(self->all, &order, &party, NULL);
    if (ticket == NULL)
        abort();
    return ticket;
}

static void wait_for_place(joiner *self)
{
    while (sem_wait(&self->places) != 0)
        ;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_alone(executor *all, const char *engine, uint32_t rounds)
{
    joiner self = {.all = all, .engine = engine};
    double *times = malloc(rounds * sizeof *times);
    if (times == NULL || sem_init(&self.places, 0, 0) != 0)
        abort();
    for (uint32_t i = 0; i < rounds; i++) {
        double start = seconds_now();
        executor_ticket *ticket = join(&self, i);
        wait_for_place(&self);
        times[i] = seconds_now() - start;
        executor_leave(ticket);
    }
    qsort(times, rounds, sizeof *times, compare);
    printf("{\"measure\": \"alone\", \"way\": \"%s\", \"median_us\": %.2f, \"p99_us\": %.2f}\n", engine,
           times[rounds / 2] * 1e6, times[rounds - 1 - rounds / 100] * 1e6);
    sem_destroy(&self.places);
    free(times);
}

/* To leave earlier would call the order off, so each window waits for its last. */
static void *join_many(void *argument)
{
    joiner *self = argument;
    executor_ticket *tickets[WINDOW] = {0};
    for (uint32_t i = 0; i < self->rounds; i++) {
        wait_for_place(self);
        tickets[i % WINDOW] = join(self, i);
        if (i % WINDOW == WINDOW - 1) {
            for (uint32_t k = 0; k < WINDOW; k++)
                wait_for_place(self);
            for (uint32_t k = 0; k < WINDOW; k++) {
                executor_leave(tickets[k]);
                sem_post(&self->places);
            }
        }
    }
    return NULL;
}

static void measure_together(executor *all, const char *engine, uint32_t rounds)
{
    joiner joiners[THREADS];
    pthread_t threads[THREADS];
    double start = seconds_now();
    for (uint32_t i = 0; i < THREADS; i++) {
        joiners[i] =
            (joiner){.all = all, .engine = engine, .first_key = (uint64_t)i << 32, .rounds = rounds / WINDOW * WINDOW};
        if (sem_init(&joiners[i].places, 0, WINDOW) != 0 ||
            pthread_create(&threads[i], NULL, join_many, &joiners[i]) != 0)
            abort();
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sem_destroy(&joiners[i].places);
    }
    printf("{\"measure\": \"together\", \"way\": \"%s\", \"orders_a_second\": %.0f}\n", engine,
           (double)THREADS * (rounds / WINDOW * WINDOW) / (seconds_now() - start));
}

int main(int count, char **arguments)
{
    uint32_t rounds = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 20000;
    blob *packed = blob_copy("cat", 3);
    executor *all = NULL;
    lumen_error error = {0};
    executor_options options = {
        .backend = {.self = packed, .run = run},
        .hooks = {.user = &error, .lookup = lookup, .store = store, .keep = keep, .release = release},
        .device = "none",
        .slots = 2};
    if (rounds < WINDOW || packed == NULL || executor_open(&options, &all, &error) != LUMEN_OK) {
        fprintf(stderr, "bench_executor: %s\n", error.message[0] != '\0' ? error.message : "at least 64 rounds");
        blob_release(packed);
        return 1;
    }
    static const char *const ways[] = {"found", "run"};
    for (size_t i = 0; i < 2; i++) {
        measure_alone(all, ways[i], rounds);
        measure_together(all, ways[i], rounds);
    }
    executor_close(all, 10.0);
    blob_release(packed);
    return 0;
}
