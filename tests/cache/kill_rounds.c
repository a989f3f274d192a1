/*
 * kill_rounds.c: what the cache calls stored survives kill -9.
 *
 *     kill_rounds [ROUNDS [SEED]]        25 rounds
 *
 * In each round a child stores shapes as fast as it can and tells each one once cache_is_stored says so; it is killed
 * at a random moment, which may also be while it opens the file. Then the file is opened anew: every shape that was
 * told must be there to the byte, and whatever else is there must be whole. After some rounds all that were ever told
 * are looked up again, and a new file is begun. (The page cache outlives the process, so
 * this proves the order of writing, not that the disk keeps what SQLite synced.)
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "cache_fixture.h"

enum { ROUNDS_OF_A_FILE = 20, UNTIL_KILLED_MILLISECONDS = 150, UNSTORED_MAX = 48, STORED_MAX = 100000 };

static size_t size_of(uint64_t seed)
{
    return 500 + (size_t)(random_hash(seed) % 40000);
}

static void nap(long milliseconds)
{
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* The child: stores seed after seed and writes each that is safe to the pipe. Never ends by itself. */
static void store_forever(fixture *test, uint64_t seed, int told)
{
    cache_entry *unstored[UNSTORED_MAX];
    uint64_t seeds[UNSTORED_MAX];
    size_t count = 0;
    fixture_open_cache(test);
    for (;;) {
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (cache_is_stored(unstored[i])) {
                if (write(told, &seeds[i], sizeof seeds[i]) != (ssize_t)sizeof seeds[i])
                    _exit(3);
                cache_release(unstored[i]);
            } else {
                unstored[kept] = unstored[i];
                seeds[kept++] = seeds[i];
            }
        }
        count = kept;
        if (count < UNSTORED_MAX) {
            unstored[count] = store(test, seed, size_of(seed));
            seeds[count++] = seed++;
        } else {
            sched_yield();
        }
    }
}

/* One life of a child: returns how many seeds it told, appended to `stored`. */
static size_t live_and_die(fixture *test, uint64_t seed, long milliseconds, uint64_t *stored, size_t room)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        store_forever(test, seed, ends[1]);
    }
    close(ends[1]);
    nap(milliseconds);
    kill(child, SIGKILL);
    /* Whole numbers only: a write of eight bytes to a pipe is not cut. What the pipe holds after the kill counts. */
    size_t count = 0;
    while (count < room && read(ends[0], &stored[count], sizeof *stored) == (ssize_t)sizeof *stored)
        count++;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the child ended by itself with status %d", status);
    return count;
}

int main(int count, char **arguments)
{
    long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 25;
    uint64_t chance = count > 2 ? strtoull(arguments[2], NULL, 10) : (uint64_t)time(NULL);
    random_state generator = random_seed(chance);
    printf("kill_rounds %ld %llu\n", rounds, (unsigned long long)chance);

    static uint64_t stored[STORED_MAX];
    size_t told = 0, all_told = 0, unlucky = 0;
    uint64_t next = 1;
    fixture test;
    fixture_start(&test);
    for (long round = 0; round < rounds; round++) {
        long milliseconds = (long)(random_u32(&generator) % UNTIL_KILLED_MILLISECONDS);
        /* Small pipes would stop the child; it is read only after the kill, and 64 KiB hold 8,192 seeds. */
        size_t more = live_and_die(&test, next, milliseconds, stored + told, STORED_MAX - told);
        told += more;
        all_told += more;
        unlucky += more == 0;

        fixture_open_cache(&test);
        cache_figures figures = figures_of(&test);
        if (!figures.disk.connected)
            fail_msg("round %ld: the file cannot be opened: %s", round, figures.disk_state);
        bool is_last = round % ROUNDS_OF_A_FILE == ROUNDS_OF_A_FILE - 1 || round == rounds - 1;
        for (size_t i = is_last ? 0 : told - more; i < told; i++)
            if (!is_there(&test, stored[i], size_of(stored[i])))
                fail_msg("round %ld: seed %llu was stored and is not there", round, (unsigned long long)stored[i]);
        uint64_t last = more > 0 ? stored[told - 1] : next;
        for (uint64_t seed = next; seed < last + 2 * UNSTORED_MAX; seed++)
            is_there(&test, seed, size_of(seed)); /* or not; never another */
        figures = figures_of(&test);
        if (figures.disk.faults > 0)
            fail_msg("round %ld: %s", round, "something was torn");
        next = last + 2 * UNSTORED_MAX;
        fixture_close_cache(&test);
        if (is_last) {
            fixture_open_cache(&test);
            fixture_end(&test);
            fixture_start(&test);
            told = 0;
        }
    }
    fixture_open_cache(&test);
    fixture_end(&test);
    printf("%zu shapes were called stored in %ld rounds (%zu rounds without any), all were there\n", all_told, rounds,
           unlucky);
    if (rounds >= 10 && all_told == 0)
        fail_msg("%s", "nothing was ever stored, so nothing was shown");
    return 0;
}
