#include "executor/executor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "executor/internal.h"

enum { QUEUE_MAX_DEFAULT = 1024, LOOKUP_THREADS_DEFAULT = 2, BUCKETS_MAX = 1 << 16 };

#define DEADLINE_SECONDS_DEFAULT 300.0
#define GRACE_SECONDS_DEFAULT    5.0
#define STALL_SECONDS_DEFAULT    60.0

/* Thirty years: far enough from the end of the clock that sums of moments stay below it. */
#define SECONDS_MAX 1e9

/* ---- Time and texts ---------------------------------------------------------------------------------------------- */

moment moment_now(void)
{
    return (moment)clock_now_ns();
}

moment moment_after(moment start, double seconds)
{
    if (!(seconds > 0.0))
        return start;
    return start + (moment)((seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1e9);
}

double seconds_between(moment start, moment end)
{
    return end > start ? (double)(end - start) * 1e-9 : 0.0;
}

bool condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, moment until)
{
    if (until == MOMENT_NEVER) {
        pthread_cond_wait(condition, lock);
        return true;
    }
    struct timespec time = {.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000)};
    return pthread_cond_timedwait(condition, lock, &time) != ETIMEDOUT;
}

void text_begin(char *out, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    if (length == size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memmove(out, text, length);
    memset(out + length, 0, size - length);
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static lumen_status check_options(const executor_options *options, lumen_error *error)
{
    const executor_hooks *hooks = &options->hooks;
    if (options->backend.run == NULL || hooks->store == NULL || hooks->keep == NULL || hooks->release == NULL)
        return lumen_fail(error, LUMEN_ERROR_INVALID,
                          "an executor needs a backend that runs and the hooks store, keep and release; set them");
    if (options->slots < 1 || options->slots > SLOTS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "a device cannot have %u workers; choose 1 to %d", options->slots,
                          SLOTS_MAX);
    if (options->lookup_threads > LOOKUP_THREADS_MAX)
        return lumen_fail(error, LUMEN_ERROR_INVALID, "%u threads for look-ups are too many; choose up to %d",
                          options->lookup_threads, LOOKUP_THREADS_MAX);
    return LUMEN_OK;
}

static void fill_defaults(executor *all, const executor_options *options)
{
    executor_options *mine = &all->options;
    *mine = *options;
    text_begin(all->device, sizeof all->device, options->device == NULL ? "" : options->device);
    mine->device = all->device;
    if (mine->queue_max == 0)
        mine->queue_max = QUEUE_MAX_DEFAULT;
    if (mine->lookup_threads == 0)
        mine->lookup_threads = LOOKUP_THREADS_DEFAULT;
    if (!(mine->deadline_seconds > 0.0))
        mine->deadline_seconds = DEADLINE_SECONDS_DEFAULT;
    if (!(mine->grace_seconds > 0.0))
        mine->grace_seconds = GRACE_SECONDS_DEFAULT;
    if (!(mine->stall_seconds > 0.0))
        mine->stall_seconds = STALL_SECONDS_DEFAULT;
    all->grace = moment_after(0, mine->grace_seconds);
    all->stall = moment_after(0, mine->stall_seconds);
}

static bool open_locks(executor *all)
{
    pthread_cond_t *conditions[] = {&all->lookup_wanted, &all->queue_filled, &all->watch, &all->settled};
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool opened =
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 && pthread_mutex_init(&all->lock, NULL) == 0;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        opened = opened && pthread_cond_init(conditions[i], &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return opened;
}

/* What open_locks did not reach is all zeros, which is a fresh lock or condition too. */
static void executor_free(executor *all)
{
    pthread_cond_destroy(&all->settled);
    pthread_cond_destroy(&all->watch);
    pthread_cond_destroy(&all->queue_filled);
    pthread_cond_destroy(&all->lookup_wanted);
    pthread_mutex_destroy(&all->lock);
    free(all->deadlines.items);
    free(all->buckets);
    free(all->slots);
    free(all);
}

static bool start_threads(executor *all)
{
    if (pthread_create(&all->watchdog, NULL, watchdog_main, all) != 0)
        return false;
    all->watchdog_started = true;
    for (; all->lookups_started < all->options.lookup_threads; all->lookups_started++)
        if (pthread_create(&all->lookup_threads[all->lookups_started], NULL, lookup_main, all) != 0)
            return false;
    for (; all->slots_started < all->options.slots; all->slots_started++)
        if (pthread_create(&all->slots[all->slots_started].thread, NULL, slot_main, &all->slots[all->slots_started]) !=
            0)
            return false;
    return true;
}

/* Lets the threads end once there is no flight any more. The watchdog goes last: it ends what hangs in a slot. */
static void stop_threads(executor *all)
{
    pthread_mutex_lock(&all->lock);
    all->quit = true;
    pthread_cond_broadcast(&all->lookup_wanted);
    pthread_cond_broadcast(&all->queue_filled);
    pthread_mutex_unlock(&all->lock);
    for (uint32_t i = 0; i < all->lookups_started; i++)
        pthread_join(all->lookup_threads[i], NULL);
    for (uint32_t i = 0; i < all->slots_started; i++)
        pthread_join(all->slots[i].thread, NULL);
    pthread_mutex_lock(&all->lock);
    all->watch_quit = true;
    pthread_cond_signal(&all->watch);
    pthread_mutex_unlock(&all->lock);
    if (all->watchdog_started)
        pthread_join(all->watchdog, NULL);
}

lumen_status executor_open(const executor_options *options, executor **out, lumen_error *error)
{
    *out = NULL;
    lumen_status status = check_options(options, error);
    if (status != LUMEN_OK)
        return status;
    executor *all = calloc(1, sizeof *all);
    if (all == NULL)
        return lumen_fail_memory(error, "the executor");
    all->references = 1;
    all->watch_at = MOMENT_AWAKE;
    fill_defaults(all, options);
    size_t buckets = 64;
    while (buckets < all->options.queue_max && buckets < BUCKETS_MAX)
        buckets *= 2;
    all->bucket_mask = buckets - 1;
    all->buckets = calloc(buckets, sizeof *all->buckets);
    all->slots = calloc(all->options.slots, sizeof *all->slots);
    bool opened = open_locks(all);
    if (!opened || all->buckets == NULL || all->slots == NULL) {
        executor_free(all);
        return lumen_fail_memory(error, "the executor");
    }
    for (uint32_t i = 0; i < all->options.slots; i++) {
        all->slots[i].all = all;
        all->slots[i].number = i;
    }
    if (!start_threads(all)) {
        stop_threads(all);
        executor_free(all);
        return lumen_fail(error, LUMEN_ERROR_MEMORY, "the system gives no more threads; raise the limit of processes");
    }
    *out = all;
    return LUMEN_OK;
}

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

void executor_unlock(executor *all)
{
    bool last = all->references == 0;
    pthread_mutex_unlock(&all->lock);
    if (last)
        executor_free(all);
}

void executor_stop(executor *all, double seconds)
{
    if (all->stopped)
        return;
    moment until = moment_after(moment_now(), seconds);
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    while (all->flights > 0 && condition_wait_until(&all->settled, &all->lock, until))
        ;
    all->cancel_all = true;
    pthread_cond_signal(&all->watch);
    while (all->flights > 0)
        pthread_cond_wait(&all->settled, &all->lock);
    pthread_mutex_unlock(&all->lock);
    stop_threads(all);
    pthread_mutex_lock(&all->lock);
    while (all->leaving > 0)
        pthread_cond_wait(&all->settled, &all->lock);
    pthread_mutex_unlock(&all->lock);
    all->stopped = true;
}

void executor_close(executor *all, double seconds)
{
    if (all == NULL)
        return;
    executor_stop(all, seconds);
    pthread_mutex_lock(&all->lock);
    all->references--;
    executor_unlock(all);
}
