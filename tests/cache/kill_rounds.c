/*
 * kill_rounds.c: what the cache calls stored survives kill -9.
 *
 *     kill_rounds [ROUNDS [SEED]]        25 rounds
 *
 * In each round two children store shapes into one file as fast as they can and tell each one once cache_is_stored says
 * so; they are killed at a random moment, which may also be while they open the file. Then the file is opened anew:
 * every shape that was told must be there to the byte, and whatever else is there must be whole. After some rounds all
 * that were ever told are looked up again, and a new file is begun. (The page cache outlives the process, so this
 * proves the order of writing, not that the disk keeps what SQLite synced.)
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

enum { CHILDREN = 2, ROUNDS_OF_A_FILE = 20, UNTIL_KILLED_MILLISECONDS = 200, UNSTORED_MAX = 48, STORED_MAX = 100000 };

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

/* A child and the end of the pipe that it tells what is safe. */
typedef struct life {
    pid_t child;
    int told;
} life;

static life start_life(fixture *test, uint64_t seed)
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
    return (life){child, ends[0]};
}

/* Kills a child and returns how many seeds it told, appended to `stored`. */
static size_t end_life(life one, uint64_t *stored, size_t room)
{
    kill(one.child, SIGKILL);
    /* What the pipe holds after the kill counts: a write of eight bytes is not cut, and 64 KiB hold 8,192 of them. */
    size_t count = 0;
    while (count < room && read(one.told, &stored[count], sizeof *stored) == (ssize_t)sizeof *stored)
        count++;
    close(one.told);
    int status;
    assert_int_equal(waitpid(one.child, &status, 0), one.child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("a child ended by itself with status %d", status);
    return count;
}

/* Whatever is there of these seeds must be whole; is_there compares. */
static void look_around(fixture *test, uint64_t seed, uint64_t last)
{
    for (; seed < last + 2 * UNSTORED_MAX; seed++)
        is_there(test, seed, size_of(seed));
}

int main(int count, char **arguments)
{
    long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 25;
    uint64_t chance = count > 2 ? strtoull(arguments[2], NULL, 10) : (uint64_t)time(NULL);
    random_state generator = random_seed(chance);
    printf("kill_rounds %ld %llu\n", rounds, (unsigned long long)chance);
    fflush(stdout); /* or each child would have it, too */

    static uint64_t stored[STORED_MAX];
    size_t told = 0, all_told = 0, without = 0;
    fixture test;
    fixture_start(&test);
    for (long round = 0; round < rounds; round++) {
        uint64_t seeds[CHILDREN];
        life lives[CHILDREN];
        size_t before = told;
        for (uint64_t i = 0; i < CHILDREN; i++) {
            seeds[i] = ((uint64_t)round * CHILDREN + i) * STORED_MAX;
            lives[i] = start_life(&test, seeds[i]);
        }
        nap((long)(random_u32(&generator) % UNTIL_KILLED_MILLISECONDS));
        uint64_t lasts[CHILDREN];
        for (size_t i = 0; i < CHILDREN; i++) {
            size_t more = end_life(lives[i], stored + told, STORED_MAX - told);
            lasts[i] = more > 0 ? stored[told + more - 1] : seeds[i];
            told += more;
        }
        all_told += told - before;
        without += told == before;

        bool is_last = round % ROUNDS_OF_A_FILE == ROUNDS_OF_A_FILE - 1 || round == rounds - 1;
        fixture_open_cache(&test);
        cache_figures figures = figures_of(&test);
        if (!figures.disk.connected)
            fail_msg("round %ld: the file cannot be opened: %s", round, figures.disk_state);
        for (size_t i = is_last ? 0 : before; i < told; i++)
            if (!is_there(&test, stored[i], size_of(stored[i])))
                fail_msg("round %ld: seed %llu was stored and is not there", round, (unsigned long long)stored[i]);
        for (size_t i = 0; i < CHILDREN; i++)
            look_around(&test, seeds[i], lasts[i]);
        figures = figures_of(&test);
        if (figures.disk.faults > 0)
            fail_msg("round %ld: something was torn", round);
        fixture_close_cache(&test);
        if (is_last) {
            fixture_end(&test);
            fixture_start(&test);
            told = 0;
        }
    }
    fixture_end(&test);
    printf("%zu shapes were called stored in %ld rounds (%zu of them without any), all were there\n", all_told, rounds,
           without);
    if (rounds >= 10 && all_told == 0)
        fail_msg("%s", "nothing was ever stored, so nothing was shown");
    return 0;
}
