/* What cache.h promises of the disk tier while the disk does what it should; test_cache_faults.c has the other days. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "cache_fixture.h"

/* ---- Disk ------------------------------------------------------------------------------------------------- */

static void what_was_stored_is_there_after_closing(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 100; seed++)
        cache_release(store(&test, seed, 1000 + 300 * seed));
    fixture_close_cache(&test); /* writes what waits */
    fixture_open_cache(&test);
    assert_int_equal(figures_of(&test).disk.items, 100);
    for (uint64_t seed = 0; seed < 100; seed++) {
        assert_false(is_in_memory(&test, seed));
        assert_true(is_there(&test, seed, 1000 + 300 * seed));
        assert_true(is_in_memory(&test, seed));
    }
    assert_false(is_there(&test, 100, 1000));
    cache_figures figures = figures_of(&test);
    assert_true(figures.disk.connected);
    assert_string_equal(figures.disk_state, "ok");
    assert_int_equal(figures.disk.hits, 100);
    assert_int_equal(figures.disk.misses, 1);
    assert_int_equal(figures.disk.faults, 0);
    assert_true(figures.disk.retrieval_seconds > 0.0);
    fixture_end(&test);
}

static void an_entry_is_stored_only_when_another_process_could_read_it(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 20; seed++) {
        cache_entry *entry = store(&test, seed, 50000);
        wait_stored(entry);
        assert_int_equal(sql_number(&test, "SELECT count(*) FROM shape JOIN body USING (key)"), (int64_t)seed + 1);
        cache_release(entry);
    }
    assert_int_equal(figures_of(&test).writes, 20);
    fixture_end(&test);
}

static void the_packed_bytes_leave_memory_once_they_are_on_disk(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    cache_entry *entry = store(&test, 1, 500000);
    wait_stored(entry);
    assert_true(figures_of(&test).memory.bytes < 1000);
    blob *packed = cache_packed(test.shapes, entry), *expected = make_packed(1, 500000);
    assert_non_null(packed);
    assert_int_equal(packed->size, 500000);
    assert_memory_equal(packed->data, expected->data, 500000);
    blob_release(packed);
    blob_release(expected);
    cache_release(entry);
    fixture_end(&test);
}

static void storing_does_not_wait_for_the_disk(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    /* Another process holds the file: nothing can be committed meanwhile. */
    sqlite3 *other;
    assert_int_equal(sqlite3_open(test.file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cache_entry *entries[10];
    for (uint64_t seed = 0; seed < 10; seed++) {
        entries[seed] = store(&test, seed, 1000);
        assert_true(is_in_memory(&test, seed));
        assert_false(cache_is_stored(entries[seed]));
    }
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    for (uint64_t seed = 0; seed < 10; seed++) {
        wait_stored(entries[seed]);
        cache_release(entries[seed]);
    }
    fixture_end(&test);
}

static void what_waits_for_the_disk_is_bounded_and_counted(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.pending_bytes_max = 10000;
    fixture_open_cache(&test);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(test.file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (uint64_t seed = 0; seed < 40; seed++) {
        cache_release(store(&test, seed, 1000));
        assert_true(figures_of(&test).pending_bytes <= 10000);
    }
    /* The writer may have taken up to ten in hand before the rest waited. */
    cache_figures figures = figures_of(&test);
    assert_in_range(figures.writes_dropped, 20, 30);
    assert_int_equal(recorded_log_count(test.log, "too much waits"), 1);
    assert_int_equal(figures.memory.items, 40);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    fixture_end(&test);
}

static void the_file_stays_below_its_bound_and_loses_what_was_unused_longest(void **state)
{
    (void)state;
    enum { BOUND = 4 << 20, SIZE = 100000 };
    fixture test;
    fixture_start(&test);
    test.options.disk_bytes_max = BOUND;
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 120; seed++) {
        cache_entry *entry = store(&test, seed, SIZE);
        wait_stored(entry);
        cache_release(entry);
        assert_true(is_in_memory(&test, 0)); /* used all the time, in memory alone */
        struct stat file;
        assert_int_equal(stat(test.file, &file), 0);
        assert_true(file.st_size <= BOUND);
    }
    cache_figures figures = figures_of(&test);
    assert_true(figures.disk.evictions > 70);
    assert_int_equal(figures.disk.items + figures.disk.evictions, 120);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_true(is_there(&test, 0, SIZE));
    assert_false(is_there(&test, 1, SIZE));
    for (uint64_t seed = 95; seed < 120; seed++)
        assert_true(is_there(&test, seed, SIZE));
    assert_int_equal(sql_number(&test, "SELECT count(*) FROM body"), sql_number(&test, "SELECT count(*) FROM shape"));
    fixture_end(&test);
}

static void an_evicted_entry_is_not_called_stored_any_more(void **state)
{
    (void)state;
    fixture test;
    char text[64];
    fixture_start(&test);
    test.options.disk_bytes_max = 1 << 20;
    fixture_open_cache(&test);
    cache_entry *first = store(&test, 0, 200000);
    wait_stored(first);
    for (uint64_t seed = 1; seed < 20; seed++) {
        cache_entry *entry = store(&test, seed, 200000);
        wait_stored(entry);
        cache_release(entry);
    }
    assert_false(cache_is_stored(first));
    /* Its answer still serves. Its bytes are lost, and whoever asks for them makes room for a whole one. */
    assert_true(is_in_memory(&test, 0));
    assert_null(cache_packed(test.shapes, first));
    assert_false(is_in_memory(&test, 0));
    cache_release(first);
    cache_entry *again = store(&test, 0, 200000);
    wait_stored(again);
    cache_release(again);
    assert_non_null(again = cache_find(test.shapes, key_of(0), make_identity(0, text)));
    cache_release(again);
    fixture_end(&test);
}

static void a_shape_larger_than_the_file_may_be_stays_in_memory(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.disk_bytes_max = 1 << 20;
    fixture_open_cache(&test);
    cache_entry *small = store(&test, 1, 1000);
    wait_stored(small);
    cache_release(small);
    cache_entry *large = store(&test, 2, 2 << 20);
    wait_written(&test);
    assert_true(is_there(&test, 2, 2 << 20));
    cache_release(large);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_false(is_there(&test, 2, 2 << 20));
    assert_true(is_there(&test, 1, 1000));
    fixture_end(&test);
}

static bool file_is_small(void *user)
{
    return figures_of(user).disk.bytes <= 2 << 20;
}

static void a_lowered_bound_makes_the_file_smaller(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 100; seed++)
        cache_release(store(&test, seed, 100000));
    fixture_close_cache(&test);
    struct stat file;
    assert_int_equal(stat(test.file, &file), 0);
    assert_true(file.st_size > 10000000);
    test.options.disk_bytes_max = 2 << 20;
    fixture_open_cache(&test);
    assert_true(wait_for(file_is_small, &test));
    assert_true(is_there(&test, 99, 100000));
    assert_false(is_there(&test, 0, 100000));
    fixture_close_cache(&test);
    assert_int_equal(stat(test.file, &file), 0);
    assert_true(file.st_size <= 2 << 20);
    fixture_end(&test);
}

static void warming_loads_what_was_used_last(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 40; seed++)
        cache_release(store(&test, seed, 1000));
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 10; seed++)
        assert_true(is_there(&test, seed, 1000));
    fixture_close_cache(&test); /* the file has learnt that 0 to 9 were used last */

    test.options.memory_items_max = 20;
    fixture_open_cache(&test);
    assert_int_equal(cache_warm(test.shapes, 15, NULL), 15);
    for (uint64_t seed = 0; seed < 10; seed++)
        assert_true(is_in_memory(&test, seed));
    for (uint64_t seed = 10; seed < 35; seed++)
        assert_false(is_in_memory(&test, seed));
    for (uint64_t seed = 35; seed < 40; seed++)
        assert_true(is_in_memory(&test, seed));
    cache_figures figures = figures_of(&test);
    assert_int_equal(figures.disk.hits, 0);
    assert_int_equal(figures.memory.items, 15);
    /* What is there already is not loaded again, and the bound of items holds. */
    assert_int_equal(cache_warm(test.shapes, 100, NULL), 5);
    assert_int_equal(figures_of(&test).memory.items, 20);
    fixture_close_cache(&test);

    test.options.memory_bytes_max = 20000;
    test.answer_bytes = 1000;
    fixture_open_cache(&test);
    assert_in_range(cache_warm(test.shapes, 100, NULL), 8, 10);
    assert_true(figures_of(&test).memory.bytes < 12000);
    fixture_close_cache(&test);

    fixture_open_cache(&test);
    atomic_bool stop;
    atomic_init(&stop, true);
    assert_int_equal(cache_warm(test.shapes, 100, &stop), 0);
    fixture_end(&test);
}

static void what_was_warmed_leaves_before_what_was_used(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 10; seed++)
        cache_release(store(&test, seed, 1000));
    fixture_close_cache(&test);
    test.options.memory_items_max = 11;
    fixture_open_cache(&test);
    cache_release(store(&test, 50, 1000));
    assert_int_equal(cache_warm(test.shapes, 100, NULL), 10);
    /* The oldest first, which were warmed last. */
    for (uint64_t seed = 60; seed < 65; seed++)
        cache_release(store(&test, seed, 1000));
    for (uint64_t seed = 0; seed < 10; seed++)
        assert_int_equal(is_in_memory(&test, seed), seed >= 5);
    assert_true(is_in_memory(&test, 50));
    fixture_end(&test);
}

static void the_folder_and_the_file_are_for_their_owner_alone(void **state)
{
    (void)state;
    fixture test;
    char deep[128], file[256];
    fixture_start(&test);
    snprintf(deep, sizeof deep, "%s/one/two", test.folder);
    test.options.folder = deep;
    fixture_open_cache(&test);
    cache_entry *entry = store(&test, 1, 1000);
    wait_stored(entry);
    cache_release(entry);
    struct stat found;
    assert_int_equal(stat(deep, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s/shapes.sqlite3%s", deep, endings[i]);
        assert_int_equal(stat(file, &found), 0);
        assert_int_equal(found.st_mode & 07777, 0600);
    }
    fixture_close_cache(&test);
    snprintf(file, sizeof file, "%s/shapes.sqlite3", deep);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(deep), 0);
    snprintf(deep, sizeof deep, "%s/one", test.folder);
    assert_int_equal(rmdir(deep), 0);
    fixture_end(&test);
}

static void two_caches_share_one_file(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    cache *first = test.shapes, *second;
    lumen_error error;
    assert_int_equal(cache_open(&test.options, &second, &error), LUMEN_OK);
    for (uint64_t seed = 0; seed < 60; seed++) {
        test.shapes = seed % 2 == 0 ? first : second;
        cache_release(store(&test, seed, 20000));
    }
    test.shapes = second;
    wait_written(&test);
    test.shapes = first;
    cache_close(second);
    for (uint64_t seed = 1; seed < 60; seed += 2)
        assert_true(is_there(&test, seed, 20000));
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 60; seed++)
        assert_true(is_there(&test, seed, 20000));
    assert_int_equal(recorded_log_count(test.log, "disk cache"), 0);
    fixture_end(&test);
}

/* ---- Many threads ------------------------------------------------------------------------------------------ */

enum { THREADS = 8, ROUNDS = 600, SEEDS = 60 };

typedef struct crowd {
    fixture *test;
    uint64_t number;
    atomic_bool *wrong;
} crowd;

static size_t size_of(uint64_t seed)
{
    return 5000 + 500 * (size_t)seed;
}

/* Compares without cmocka, which knows one thread only. */
static bool is_right(fixture *test, uint64_t seed, const cache_entry *entry)
{
    char text[64];
    if (cache_key(entry) != key_of(seed) || strcmp(cache_identity(entry), make_identity(seed, text)) != 0)
        return false;
    blob *expected = make_packed(seed, size_of(seed)), *packed = cache_packed(test->shapes, entry);
    uint64_t hash;
    memcpy(&hash, cache_answer(entry), sizeof hash);
    bool right =
        hash == fnv1a(FNV_START, expected->data, expected->size) &&
        (packed == NULL || (packed->size == expected->size && memcmp(packed->data, expected->data, packed->size) == 0));
    blob_release(expected);
    blob_release(packed);
    return right;
}

static void *be_busy(void *argument)
{
    const crowd *mine = argument;
    fixture *test = mine->test;
    random_state generator = random_seed(mine->number);
    char text[64];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t seed = random_u32(&generator) % SEEDS;
        const char *identity = make_identity(seed, text);
        cache_entry *entry = cache_find(test->shapes, key_of(seed), identity);
        if (entry == NULL)
            entry = cache_load(test->shapes, key_of(seed), identity);
        if (entry == NULL) {
            lumen_error error;
            blob *packed = make_packed(seed, size_of(seed));
            entry = cache_store(test->shapes, key_of(seed), identity, packed, &error);
            blob_release(packed);
        }
        if (entry == NULL || (round % 8 == 0 && !is_right(test, seed, entry)))
            atomic_store(mine->wrong, true);
        cache_figures figures;
        if (round % 50 == 0)
            cache_read_figures(test->shapes, &figures);
        cache_release(entry);
    }
    return NULL;
}

static void eight_threads_find_load_and_store_while_both_tiers_evict(void **state)
{
    (void)state;
    fixture test;
    pthread_t threads[THREADS];
    crowd crowds[THREADS];
    atomic_bool wrong;
    atomic_init(&wrong, false);
    fixture_start(&test);
    test.options.memory_items_max = 20;
    test.options.disk_bytes_max = 1 << 20;
    test.options.pending_bytes_max = 200000;
    fixture_open_cache(&test);
    for (uint64_t i = 0; i < THREADS; i++) {
        crowds[i] = (crowd){&test, i, &wrong};
        assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &crowds[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(atomic_load(&wrong));
    cache_figures figures = figures_of(&test);
    assert_true(figures.memory.evictions > 0);
    assert_true(figures.disk.evictions > 0);
    assert_true(figures.memory.items <= 20);
    assert_int_equal(figures.disk.faults, 0);
    fixture_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_stored_is_there_after_closing),
        cmocka_unit_test(an_entry_is_stored_only_when_another_process_could_read_it),
        cmocka_unit_test(the_packed_bytes_leave_memory_once_they_are_on_disk),
        cmocka_unit_test(storing_does_not_wait_for_the_disk),
        cmocka_unit_test(what_waits_for_the_disk_is_bounded_and_counted),
        cmocka_unit_test(the_file_stays_below_its_bound_and_loses_what_was_unused_longest),
        cmocka_unit_test(an_evicted_entry_is_not_called_stored_any_more),
        cmocka_unit_test(a_shape_larger_than_the_file_may_be_stays_in_memory),
        cmocka_unit_test(a_lowered_bound_makes_the_file_smaller),
        cmocka_unit_test(warming_loads_what_was_used_last),
        cmocka_unit_test(what_was_warmed_leaves_before_what_was_used),
        cmocka_unit_test(the_folder_and_the_file_are_for_their_owner_alone),
        cmocka_unit_test(two_caches_share_one_file),
        cmocka_unit_test(eight_threads_find_load_and_store_while_both_tiers_evict),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
