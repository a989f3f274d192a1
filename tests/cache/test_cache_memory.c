/* What cache.h promises of the memory tier and of entries in hand. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_fixture.h"

static void what_was_stored_is_found_by_key_and_identity(void **state)
{
    (void)state;
    fixture test;
    char text[64];
    fixture_start(&test);
    test.options.folder = NULL;
    fixture_open_cache(&test);
    assert_null(cache_find(test.shapes, key_of(1), make_identity(1, text)));
    cache_release(store(&test, 1, 1000));
    cache_entry *entry = cache_find(test.shapes, key_of(1), make_identity(1, text));
    assert_non_null(entry);
    assert_true(cache_key(entry) == key_of(1));
    assert_string_equal(cache_identity(entry), text);
    assert_false(cache_is_stored(entry));
    cache_release(entry);
    entry = cache_find(test.shapes, key_of(1), NULL);
    assert_non_null(entry);
    cache_release(entry);
    assert_true(is_there(&test, 1, 1000));
    assert_false(is_there(&test, 2, 1000));

    cache_figures figures = figures_of(&test);
    assert_true(figures.memory.connected);
    assert_int_equal(figures.memory.items, 1);
    assert_int_equal(figures.memory.hits, 3);
    assert_int_equal(figures.memory.misses, 1);
    assert_false(figures.disk.connected);
    assert_string_equal(figures.disk_state, "off");
    fixture_end(&test);
}

static void another_identity_under_the_same_key_is_logged_and_never_served(void **state)
{
    (void)state;
    fixture test;
    lumen_error error;
    fixture_start(&test);
    fixture_open_cache(&test);
    cache_entry *first = store(&test, 1, 1000);
    assert_null(cache_find(test.shapes, key_of(1), "another"));
    assert_null(cache_load(test.shapes, key_of(1), "another"));
    /* The second is handed out, since its caller wants an answer, and then forgotten. */
    blob *packed = make_packed(2, 500);
    cache_entry *second = cache_store(test.shapes, key_of(1), "another", packed, &error);
    assert_non_null(second);
    assert_string_equal(cache_identity(second), "another");
    cache_release(second);
    assert_null(cache_find(test.shapes, key_of(1), "another"));
    assert_true(is_there(&test, 1, 1000));
    assert_int_equal(figures_of(&test).memory.collisions, 4);
    assert_int_equal(recorded_log_count(test.log, "same key"), 4);

    /* The same, when the first one is only on disk. */
    wait_stored(first);
    cache_release(first);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_null(cache_load(test.shapes, key_of(1), "another"));
    assert_int_equal(figures_of(&test).disk.collisions, 1);
    second = cache_store(test.shapes, key_of(1), "another", packed, &error);
    assert_non_null(second);
    cache_release(second);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_true(is_there(&test, 1, 1000));
    blob_release(packed);
    fixture_end(&test);
}

static void memory_lets_go_what_was_unused_longest(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.folder = NULL;
    test.options.memory_items_max = 50;
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 50; seed++)
        cache_release(store(&test, seed, 100));
    for (uint64_t seed = 0; seed < 25; seed++)
        assert_true(is_in_memory(&test, seed));
    /* Now 25 to 49 are the longest unused ones, and leave one by one, whichever shard they lie in. */
    for (uint64_t seed = 50; seed < 75; seed++) {
        cache_release(store(&test, seed, 100));
        assert_false(is_in_memory(&test, seed - 25));
        assert_int_equal(figures_of(&test).memory.items, 50);
    }
    for (uint64_t seed = 0; seed < 25; seed++)
        assert_true(is_in_memory(&test, seed));
    assert_int_equal(figures_of(&test).memory.evictions, 25);
    fixture_end(&test);
}

static void memory_is_bounded_by_bytes(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.folder = NULL;
    test.options.memory_bytes_max = 100000;
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < 40; seed++) {
        cache_release(store(&test, seed, 9000));
        assert_true(figures_of(&test).memory.bytes <= 100000);
    }
    assert_int_equal(figures_of(&test).memory.items, 10);
    /* One that is larger than all of it does not push the others out for nothing. */
    cache_entry *large = store(&test, 99, 200000);
    assert_non_null(cache_answer(large));
    cache_release(large);
    assert_int_equal(figures_of(&test).memory.items, 10);
    assert_false(is_in_memory(&test, 99));
    fixture_end(&test);
}

static void nothing_is_kept_in_a_memory_of_no_items(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.memory_items_max = 0;
    fixture_open_cache(&test);
    cache_entry *entry = store(&test, 1, 1000);
    assert_false(is_in_memory(&test, 1));
    wait_stored(entry);
    cache_release(entry);
    assert_true(is_there(&test, 1, 1000));
    assert_false(is_in_memory(&test, 1));
    assert_int_equal(cache_warm(test.shapes, 10, NULL), 0);
    fixture_end(&test);
}

static void an_entry_in_hand_stays_whole_after_it_was_let_go(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.folder = NULL;
    test.options.memory_items_max = 1;
    fixture_open_cache(&test);
    cache_entry *entry = store(&test, 1, 1000), *kept = cache_keep(entry);
    cache_release(entry);
    cache_release(store(&test, 2, 1000));
    assert_false(is_in_memory(&test, 1));
    assert_int_equal(atomic_load(&test.answers), 2);
    blob *packed = cache_packed(test.shapes, kept), *expected = make_packed(1, 1000);
    assert_non_null(packed);
    assert_memory_equal(packed->data, expected->data, 1000);
    blob_release(packed);
    blob_release(expected);
    cache_release(kept);
    assert_int_equal(atomic_load(&test.answers), 1);
    fixture_end(&test);
}

static void the_first_of_two_equal_shapes_stays(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    cache_entry *first = store(&test, 1, 1000), *second = store(&test, 1, 1000);
    assert_ptr_equal(first, second);
    assert_int_equal(atomic_load(&test.answers), 1);
    cache_release(first);
    cache_release(second);
    fixture_end(&test);
}

static void a_shape_without_an_answer_is_not_stored(void **state)
{
    (void)state;
    fixture test;
    char text[64];
    lumen_error error;
    fixture_start(&test);
    fixture_open_cache(&test);
    atomic_store(&test.refuse, true);
    blob *packed = make_packed(1, 100);
    assert_null(cache_store(test.shapes, key_of(1), make_identity(1, text), packed, &error));
    assert_string_equal(error.message, "refused by the test");
    blob_release(packed);
    assert_int_equal(figures_of(&test).memory.items, 0);
    fixture_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_stored_is_found_by_key_and_identity),
        cmocka_unit_test(another_identity_under_the_same_key_is_logged_and_never_served),
        cmocka_unit_test(memory_lets_go_what_was_unused_longest),
        cmocka_unit_test(memory_is_bounded_by_bytes),
        cmocka_unit_test(nothing_is_kept_in_a_memory_of_no_items),
        cmocka_unit_test(an_entry_in_hand_stays_whole_after_it_was_let_go),
        cmocka_unit_test(the_first_of_two_equal_shapes_stays),
        cmocka_unit_test(a_shape_without_an_answer_is_not_stored),
    };
    return cmocka_run_group_tests_name("cache memory", tests, NULL, NULL);
}
