/* The cache on bad days: damaged rows, damaged files, files of others, folders that vanish. What happens to a file
 * system that is full or read-only is shown by disk_full.c, what happens to a killed process by kill_rounds.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache_fixture.h"

enum { SHAPES = 20, SIZE = 30000 };

/* A cache with some shapes on disk, closed. */
static void start_with_shapes(fixture *test)
{
    fixture_start(test);
    fixture_open_cache(test);
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        cache_release(store(test, seed, SIZE));
    fixture_close_cache(test);
}

static int count_there(fixture *test)
{
    int count = 0;
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        count += is_there(test, seed, SIZE);
    return count;
}

/* How many files of the folder have this in their name. */
static int count_files(fixture *test, const char *part)
{
    DIR *folder = opendir(test->folder);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strstr(entry->d_name, part) != NULL;
    closedir(folder);
    return count;
}

/* The tier is at work: what is stored now is there later. */
static void assert_works(fixture *test)
{
    wait_state(test, "ok");
    cache_entry *entry = store(test, 1000, SIZE);
    wait_stored(entry);
    cache_release(entry);
    fixture_close_cache(test);
    fixture_open_cache(test);
    assert_true(is_there(test, 1000, SIZE));
}

/* ---- Damaged rows --------------------------------------------------------------------------------------- */

static bool row_is_gone(void *user)
{
    return sql_number(user, "SELECT count(*) FROM shape") == SHAPES - 1 &&
           sql_number(user, "SELECT count(*) FROM body") == SHAPES - 1;
}

/* Damages the row of seed 3 by SQL, where %lld stands for its key. */
static void assert_damage_is_found(const char *damage)
{
    fixture test;
    char command[512];
    start_with_shapes(&test);
    snprintf(command, sizeof command, damage, (long long)key_of(3), (long long)key_of(3));
    sql(&test, command);
    fixture_open_cache(&test);
    assert_false(is_there(&test, 3, SIZE));
    assert_int_equal(figures_of(&test).disk.faults, 1);
    assert_int_equal(recorded_log_count(test.log, "damaged"), 1);
    assert_int_equal(count_there(&test), SHAPES - 1);
    if (!wait_for(row_is_gone, &test))
        fail_msg("the row is still there after %s", damage);
    /* It is made again and stored again. */
    cache_entry *entry = store(&test, 3, SIZE);
    wait_stored(entry);
    cache_release(entry);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), SHAPES);
    assert_int_equal(figures_of(&test).disk.faults, 0);
    fixture_end(&test);
}

static void a_row_with_a_flipped_byte_is_deleted_and_never_served(void **state)
{
    (void)state;
    /* In the frame's head, in its middle, in its checksum. */
    assert_damage_is_found("UPDATE body SET bytes = CAST(substr(bytes, 1, 5) || x'00' || substr(bytes, 7) AS BLOB) "
                           "WHERE key = %lld");
    assert_damage_is_found("UPDATE body SET bytes = CAST(substr(bytes, 1, 15000) || x'00ff' || substr(bytes, 15003) "
                           "AS BLOB) WHERE key = %lld");
    assert_damage_is_found("UPDATE body SET bytes = CAST(substr(bytes, 1, length(bytes) - 2) || x'0001' AS BLOB) "
                           "WHERE key = %lld");
}

static void a_row_that_lacks_bytes_or_has_more_is_deleted(void **state)
{
    (void)state;
    assert_damage_is_found("UPDATE body SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE key = %lld");
    assert_damage_is_found("UPDATE body SET bytes = CAST(bytes || x'00' AS BLOB) WHERE key = %lld");
    assert_damage_is_found("UPDATE body SET bytes = x'' WHERE key = %lld");
    assert_damage_is_found("UPDATE body SET bytes = zeroblob(30000000) WHERE key = %lld");
}

static void a_row_whose_facts_were_changed_is_deleted(void **state)
{
    (void)state;
    assert_damage_is_found("UPDATE shape SET identity = identity || 'x' WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET identity = '' WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET identity = CAST(zeroblob(100000) AS TEXT) WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET version = version + 1 WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET packed_size = packed_size + 1 WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET packed_size = -1 WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET packed_size = 9223372036854775807 WHERE key = %lld");
    assert_damage_is_found("UPDATE shape SET checksum = checksum + 1 WHERE key = %lld");
}

static void a_body_that_strayed_in_from_another_row_is_noticed(void **state)
{
    (void)state;
    assert_damage_is_found("UPDATE body SET bytes = (SELECT bytes FROM body WHERE key <> %lld) WHERE key = %lld");
}

static void a_row_without_its_body_is_deleted(void **state)
{
    (void)state;
    fixture test;
    char command[128];
    start_with_shapes(&test);
    snprintf(command, sizeof command, "DELETE FROM body WHERE key = %lld", (long long)key_of(3));
    sql(&test, command);
    fixture_open_cache(&test);
    assert_false(is_there(&test, 3, SIZE));
    assert_true(wait_for(row_is_gone, &test));
    fixture_end(&test);
}

static void a_row_of_which_no_answer_can_be_made_is_deleted(void **state)
{
    (void)state;
    fixture test;
    start_with_shapes(&test);
    fixture_open_cache(&test);
    atomic_store(&test.refuse, true);
    assert_false(is_there(&test, 3, SIZE));
    atomic_store(&test.refuse, false);
    assert_true(wait_for(row_is_gone, &test));
    assert_int_equal(count_there(&test), SHAPES - 1);
    fixture_end(&test);
}

/* ---- Damaged files ----------------------------------------------------------------------------------------- */

static void write_at(const char *path, long at, const void *bytes, size_t size)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, bytes, size, at), (ssize_t)size);
    close(file);
}

static void a_file_that_is_no_database_is_set_aside(void **state)
{
    (void)state;
    fixture test;
    unsigned char garbage[4096];
    memset(garbage, 0x5a, sizeof garbage);
    start_with_shapes(&test);
    write_at(test.file, 0, garbage, sizeof garbage);
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), 0);
    assert_int_equal(count_files(&test, ".corrupt-"), 1);
    assert_int_equal(recorded_log_count(test.log, "set aside"), 1);
    assert_works(&test);
    /* Only the last one is kept. */
    fixture_close_cache(&test);
    write_at(test.file, 0, garbage, sizeof garbage);
    fixture_open_cache(&test);
    assert_int_equal(count_files(&test, ".corrupt-"), 1);
    assert_works(&test);
    fixture_end(&test);
}

static void a_file_that_was_cut_off_is_set_aside(void **state)
{
    (void)state;
    fixture test;
    start_with_shapes(&test);
    assert_int_equal(truncate(test.file, 100000), 0);
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), 0);
    assert_int_equal(count_files(&test, ".corrupt-"), 1);
    assert_works(&test);
    fixture_end(&test);
}

static void an_empty_file_is_begun_anew(void **state)
{
    (void)state;
    fixture test;
    start_with_shapes(&test);
    assert_int_equal(truncate(test.file, 0), 0);
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), 0);
    assert_int_equal(count_files(&test, ".corrupt-"), 0);
    assert_works(&test);
    fixture_end(&test);
}

static void damage_in_the_middle_of_a_file_never_yields_a_wrong_shape(void **state)
{
    (void)state;
    unsigned char garbage[3000];
    memset(garbage, 0xa5, sizeof garbage);
    struct stat file;
    for (long part = 1; part < 12; part++) {
        fixture test;
        start_with_shapes(&test);
        assert_int_equal(stat(test.file, &file), 0);
        write_at(test.file, file.st_size / 12 * part, garbage, sizeof garbage);
        fixture_open_cache(&test);
        assert_true(count_there(&test) < SHAPES); /* is_there compares every byte */
        assert_works(&test);
        fixture_end(&test);
    }
}

static bool is_set_aside(void *user)
{
    return count_files(user, ".corrupt-") > 0;
}

static void a_file_that_is_damaged_while_it_is_used_is_set_aside(void **state)
{
    (void)state;
    enum { LARGE = 400000, COUNT = 30 };
    fixture test;
    fixture_start(&test);
    fixture_open_cache(&test);
    for (uint64_t seed = 0; seed < COUNT; seed++)
        cache_release(store(&test, seed, LARGE));
    fixture_close_cache(&test);
    test.options.memory_items_max = 1;
    fixture_open_cache(&test);
    assert_true(is_there(&test, 0, LARGE));
    /* All but the first page, of which SQLite keeps a copy and would notice. */
    struct stat file;
    assert_int_equal(stat(test.file, &file), 0);
    size_t size = (size_t)file.st_size - 8192;
    void *garbage = malloc(size);
    assert_non_null(garbage);
    memset(garbage, 0xee, size);
    write_at(test.file, 8192, garbage, size);
    free(garbage);
    for (uint64_t seed = 0; seed < COUNT; seed++) {
        is_there(&test, seed, LARGE); /* right or not there */
        cache_release(store(&test, 100 + seed, LARGE));
    }
    assert_true(wait_for(is_set_aside, &test));
    assert_works(&test);
    fixture_end(&test);
}

/* ---- Files of others ------------------------------------------------------------------------------------------ */

static void a_file_of_another_version_is_set_aside_at_the_start(void **state)
{
    (void)state;
    fixture test;
    start_with_shapes(&test);
    sql(&test, "PRAGMA user_version = 2");
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), 0);
    assert_int_equal(count_files(&test, ".version-"), 1);
    assert_works(&test);
    fixture_end(&test);
}

static void a_file_with_a_schema_of_its_own_is_set_aside(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "CREATE TABLE other (a)",
        "CREATE VIEW other AS SELECT * FROM shape",
        "CREATE TRIGGER other AFTER INSERT ON shape BEGIN DELETE FROM body; END",
        "ALTER TABLE shape ADD COLUMN other INTEGER",
        "DROP INDEX shape_by_use",
        "PRAGMA application_id = 7",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fixture test;
        start_with_shapes(&test);
        sql(&test, changes[i]);
        fixture_open_cache(&test);
        assert_int_equal(count_there(&test), 0);
        assert_int_equal(count_files(&test, ".version-"), 1);
        assert_works(&test);
        fixture_end(&test);
    }
}

static void a_newer_program_keeps_the_file_and_the_older_goes_on_in_memory(void **state)
{
    (void)state;
    fixture test;
    char moved[160];
    start_with_shapes(&test);
    fixture_open_cache(&test);
    /* What a newer program does: it sets the file aside and begins its own. */
    snprintf(moved, sizeof moved, "%s.version-x", test.file);
    assert_int_equal(rename(test.file, moved), 0);
    snprintf(moved, sizeof moved, "%s-wal", test.file);
    unlink(moved);
    snprintf(moved, sizeof moved, "%s-shm", test.file);
    unlink(moved);
    sql(&test, "PRAGMA user_version = 2; CREATE TABLE newer (a)");
    cache_release(store(&test, 500, SIZE));
    wait_state(&test, "another version");
    cache_release(store(&test, 501, SIZE));
    assert_true(is_there(&test, 501, SIZE));
    assert_int_equal(recorded_log_count(test.log, "does not work"), 1);
    assert_int_equal(sql_number(&test, "PRAGMA user_version"), 2);
    fixture_end(&test);
}

static void a_link_in_place_of_the_file_is_not_followed(void **state)
{
    (void)state;
    fixture test;
    char target[128];
    fixture_start(&test);
    snprintf(target, sizeof target, "%s/precious", test.folder);
    FILE *precious = fopen(target, "w");
    assert_non_null(precious);
    fclose(precious);
    assert_int_equal(symlink(target, test.file), 0);
    fixture_open_cache(&test);
    wait_state(&test, "no regular file");
    cache_release(store(&test, 1, SIZE));
    assert_true(is_there(&test, 1, SIZE));
    struct stat found;
    assert_int_equal(stat(target, &found), 0);
    assert_int_equal(found.st_size, 0);
    fixture_end(&test);
}

/* ---- Folders --------------------------------------------------------------------------------------------------- */

static void a_file_in_place_of_the_folder_is_said_once_and_overcome(void **state)
{
    (void)state;
    fixture test;
    char path[96];
    fixture_start(&test);
    snprintf(path, sizeof path, "%s/folder", test.folder);
    FILE *obstacle = fopen(path, "w");
    assert_non_null(obstacle);
    fclose(obstacle);
    test.options.folder = path;
    fixture_open_cache(&test);
    assert_false(figures_of(&test).disk.connected);
    cache_entry *entry = store(&test, 1, SIZE);
    assert_true(is_there(&test, 1, SIZE));
    assert_int_equal(figures_of(&test).pending_items, 1);
    /* It is tried again and again, and said once. */
    while (figures_of(&test).disk.faults < 4)
        usleep(10000);
    assert_int_equal(recorded_log_count(test.log, "does not work"), 1);
    assert_int_equal(unlink(path), 0);
    wait_stored(entry);
    cache_release(entry);
    assert_int_equal(recorded_log_count(test.log, "works again"), 1);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_true(is_there(&test, 1, SIZE));
    fixture_close_cache(&test);
    snprintf(test.file, sizeof test.file, "%s/shapes.sqlite3", path);
    assert_int_equal(unlink(test.file), 0);
    assert_int_equal(rmdir(path), 0);
    fixture_end(&test);
}

static void a_folder_that_vanishes_is_made_again(void **state)
{
    (void)state;
    fixture test;
    char command[256];
    fixture_start(&test);
    fixture_open_cache(&test);
    cache_entry *first = store(&test, 1, SIZE);
    wait_stored(first);
    snprintf(command, sizeof command, "rm -r '%s'", test.folder);
    assert_int_equal(system(command), 0);
    /* The next one is stored in a file that has a name, not in the one that has none any more. */
    cache_entry *second = store(&test, 2, SIZE);
    wait_stored(second);
    assert_int_equal(sql_number(&test, "SELECT count(*) FROM shape"), 1);
    assert_false(cache_is_stored(first));
    cache_release(first);
    cache_release(second);
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_true(is_there(&test, 2, SIZE));
    assert_false(is_there(&test, 1, SIZE));
    fixture_end(&test);
}

static void what_was_too_much_is_written_when_the_disk_is_back(void **state)
{
    (void)state;
    fixture test;
    char path[96];
    fixture_start(&test);
    snprintf(path, sizeof path, "%s/folder", test.folder);
    FILE *obstacle = fopen(path, "w");
    assert_non_null(obstacle);
    fclose(obstacle);
    test.options.folder = path;
    test.options.pending_bytes_max = 3 * SIZE;
    fixture_open_cache(&test);
    cache_entry *entries[SHAPES];
    for (uint64_t seed = 0; seed < SHAPES; seed++)
        entries[seed] = store(&test, seed, SIZE);
    assert_int_equal(figures_of(&test).writes_dropped, SHAPES - 3);
    assert_int_equal(unlink(path), 0);
    for (uint64_t seed = 0; seed < SHAPES; seed++) {
        wait_stored(entries[seed]);
        cache_release(entries[seed]);
    }
    fixture_close_cache(&test);
    fixture_open_cache(&test);
    assert_int_equal(count_there(&test), SHAPES);
    fixture_close_cache(&test);
    snprintf(test.file, sizeof test.file, "%s/shapes.sqlite3", path);
    assert_int_equal(unlink(test.file), 0);
    assert_int_equal(rmdir(path), 0);
    fixture_end(&test);
}

static void closing_does_not_wait_for_a_disk_that_does_not_work(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test);
    test.options.folder = "/proc/no/such/folder";
    fixture_open_cache(&test);
    cache_release(store(&test, 1, SIZE));
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    fixture_close_cache(&test);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(ended.tv_sec - began.tv_sec < 5);
    assert_int_equal(recorded_log_count(test.log, "were not written"), 1);
    fixture_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_with_a_flipped_byte_is_deleted_and_never_served),
        cmocka_unit_test(a_row_that_lacks_bytes_or_has_more_is_deleted),
        cmocka_unit_test(a_row_whose_facts_were_changed_is_deleted),
        cmocka_unit_test(a_body_that_strayed_in_from_another_row_is_noticed),
        cmocka_unit_test(a_row_without_its_body_is_deleted),
        cmocka_unit_test(a_row_of_which_no_answer_can_be_made_is_deleted),
        cmocka_unit_test(a_file_that_is_no_database_is_set_aside),
        cmocka_unit_test(a_file_that_was_cut_off_is_set_aside),
        cmocka_unit_test(an_empty_file_is_begun_anew),
        cmocka_unit_test(damage_in_the_middle_of_a_file_never_yields_a_wrong_shape),
        cmocka_unit_test(a_file_that_is_damaged_while_it_is_used_is_set_aside),
        cmocka_unit_test(a_file_of_another_version_is_set_aside_at_the_start),
        cmocka_unit_test(a_file_with_a_schema_of_its_own_is_set_aside),
        cmocka_unit_test(a_newer_program_keeps_the_file_and_the_older_goes_on_in_memory),
        cmocka_unit_test(a_link_in_place_of_the_file_is_not_followed),
        cmocka_unit_test(a_file_in_place_of_the_folder_is_said_once_and_overcome),
        cmocka_unit_test(a_folder_that_vanishes_is_made_again),
        cmocka_unit_test(what_was_too_much_is_written_when_the_disk_is_back),
        cmocka_unit_test(closing_does_not_wait_for_a_disk_that_does_not_work),
    };
    return cmocka_run_group_tests_name("cache faults", tests, NULL, NULL);
}
