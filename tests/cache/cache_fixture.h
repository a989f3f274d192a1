/*
 * cache_fixture.h: a cache in a folder of its own, shapes to put into it, and answers that are counted.
 */
#ifndef LUMEN_TESTS_CACHE_FIXTURE_H
#define LUMEN_TESTS_CACHE_FIXTURE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "cache/cache.h"
#include "recorded_log.h"

typedef struct fixture {
    char folder[64];
    char file[128];
    log_sink *log;
    cache_options options; /* to be changed before fixture_open_cache */
    cache *shapes;
    atomic_int answers;  /* made and not given back */
    atomic_bool refuse;  /* answers cannot be made */
    size_t answer_bytes; /* that each is said to hold */
} fixture;

/* Makes the folder, with bounds that no test reaches by accident. */
void fixture_start(fixture *test);
void fixture_open_cache(fixture *test);
void fixture_close_cache(fixture *test);

/* Closes the cache if it is open, says whether all answers came back, and removes the folder. */
void fixture_end(fixture *test);

/* Bytes that stand for a packed shape: the same for the same seed, not compressible. */
blob *make_packed(uint64_t seed, size_t size);

/* The identity of a seed. */
const char *make_identity(uint64_t seed, char text[64]);

/* Stores what a seed stands for, under the seed's key. The caller releases the entry. */
cache_entry *store(fixture *test, uint64_t seed, size_t size);
uint64_t key_of(uint64_t seed);

/* Loads what a seed stands for and compares the answer, and the packed bytes if they can still be had. True when it
 * was there. */
bool is_there(fixture *test, uint64_t seed, size_t size);

/* Whether the memory tier has what a seed stands for. It counts as a use. */
bool is_in_memory(fixture *test, uint64_t seed);

cache_figures figures_of(fixture *test);

/* Waits until a condition holds, for ten seconds at most; false when it never did. */
bool wait_for(bool (*holds)(void *user), void *user);
void wait_stored(cache_entry *entry);

/* Waits until nothing waits for the disk; the last ones may still be on their way. */
void wait_written(fixture *test);

/* Waits until the state of the disk tier begins with this text. */
void wait_state(fixture *test, const char *state);

/* Runs SQL on the file, past the cache; fails the test if that fails. */
void sql(fixture *test, const char *commands);
int64_t sql_number(fixture *test, const char *query);

#endif
