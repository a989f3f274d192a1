#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "shape/shape.h"

/* ---- Answers ------------------------------------------------------------------------------------------ */

typedef struct answer {
    uint64_t hash; /* of the packed bytes */
} answer;

static lumen_status prepare(void *user, uint64_t key, const blob *packed, void **out, size_t *bytes, lumen_error *error)
{
    (void)key;
    fixture *test = user;
    if (atomic_load(&test->refuse)) {
        *error = (lumen_error){.status = LUMEN_ERROR_INVALID, .message = "refused by the test"};
        return LUMEN_ERROR_INVALID;
    }
    answer *made = malloc(sizeof *made);
    if (made == NULL)
        abort();
    made->hash = fnv1a(FNV_START, packed->data, packed->size);
    atomic_fetch_add(&test->answers, 1);
    *out = made;
    *bytes = test->answer_bytes;
    return LUMEN_OK;
}

static void discard(void *user, void *made)
{
    fixture *test = user;
    atomic_fetch_sub(&test->answers, 1);
    free(made);
}

/* ---- The cache ------------------------------------------------------------------------------------------- */

void fixture_start(fixture *test)
{
    memset(test, 0, sizeof *test);
    snprintf(test->folder, sizeof test->folder, "/tmp/lumen-cache-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    snprintf(test->file, sizeof test->file, "%s/shapes.sqlite3", test->folder);
    test->log = recorded_log_open();
    atomic_init(&test->answers, 0);
    atomic_init(&test->refuse, false);
    test->answer_bytes = 100;
    test->options = (cache_options){
        .folder = test->folder,
        .memory_items_max = 100000,
        .memory_bytes_max = (size_t)1 << 30,
        .retry_seconds = 0.05,
        .log = test->log,
        .prepare = prepare,
        .discard = discard,
        .user = test,
    };
}

void fixture_open_cache(fixture *test)
{
    lumen_error error;
    assert_int_equal(cache_open(&test->options, &test->shapes, &error), LUMEN_OK);
}

void fixture_close_cache(fixture *test)
{
    cache_close(test->shapes);
    test->shapes = NULL;
    assert_int_equal(atomic_load(&test->answers), 0);
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder != NULL) {
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
            unlinkat(dirfd(folder), entry->d_name, 0);
        closedir(folder);
    }
    rmdir(path);
}

void fixture_end(fixture *test)
{
    if (test->shapes != NULL)
        fixture_close_cache(test);
    remove_folder(test->folder);
    recorded_log_close(test->log);
}

/* ---- Shapes ---------------------------------------------------------------------------------------------------- */

blob *make_packed(uint64_t seed, size_t size)
{
    blob *packed = blob_create(size);
    if (packed == NULL)
        abort();
    random_state generator = random_seed(seed);
    for (size_t i = 0; i < size; i++)
        packed->data[i] = (unsigned char)random_u32(&generator);
    return packed;
}

const char *make_identity(uint64_t seed, char text[64])
{
    snprintf(text, 64, "a shape of seed %llu\nprocedural", (unsigned long long)seed);
    return text;
}

uint64_t key_of(uint64_t seed)
{
    char text[64];
    return shape_key(make_identity(seed, text));
}

cache_entry *store(fixture *test, uint64_t seed, size_t size)
{
    char text[64];
    lumen_error error = {0};
    blob *packed = make_packed(seed, size);
    cache_entry *entry = cache_store(test->shapes, key_of(seed), make_identity(seed, text), packed, &error);
    blob_release(packed);
    if (entry == NULL)
        fail_msg("%s", error.message);
    return entry;
}

bool is_there(fixture *test, uint64_t seed, size_t size)
{
    char text[64];
    cache_entry *entry = cache_load(test->shapes, key_of(seed), make_identity(seed, text));
    if (entry == NULL)
        return false;
    blob *expected = make_packed(seed, size), *packed = cache_packed(test->shapes, entry);
    const answer *made = cache_answer(entry);
    if (cache_key(entry) != key_of(seed) || strcmp(cache_identity(entry), text) != 0 ||
        made->hash != fnv1a(FNV_START, expected->data, expected->size))
        fail_msg("the entry of seed %llu is another", (unsigned long long)seed);
    if (packed != NULL && (packed->size != size || memcmp(packed->data, expected->data, size) != 0))
        fail_msg("the bytes of seed %llu are others", (unsigned long long)seed);
    blob_release(expected);
    blob_release(packed);
    cache_release(entry);
    return true;
}

bool is_in_memory(fixture *test, uint64_t seed)
{
    char text[64];
    cache_entry *entry = cache_find(test->shapes, key_of(seed), make_identity(seed, text));
    cache_release(entry);
    return entry != NULL;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

cache_figures figures_of(fixture *test)
{
    cache_figures figures;
    cache_read_figures(test->shapes, &figures);
    return figures;
}

bool wait_for(bool (*holds)(void *user), void *user)
{
    for (int i = 0; i < 10000; i++) {
        if (holds(user))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return false;
}

static bool entry_is_stored(void *user)
{
    return cache_is_stored(user);
}

void wait_stored(cache_entry *entry)
{
    assert_true(wait_for(entry_is_stored, entry));
}

static bool nothing_waits(void *user)
{
    cache_figures figures = figures_of(user);
    return figures.pending_items == 0;
}

void wait_written(fixture *test)
{
    assert_true(wait_for(nothing_waits, test));
}

typedef struct expected_state {
    fixture *test;
    const char *text;
} expected_state;

static bool state_holds(void *user)
{
    const expected_state *expected = user;
    cache_figures figures = figures_of(expected->test);
    return strstr(figures.disk_state, expected->text) != NULL;
}

void wait_state(fixture *test, const char *state)
{
    expected_state expected = {test, state};
    if (!wait_for(state_holds, &expected)) {
        cache_figures figures = figures_of(test);
        recorded_log_print(test->log);
        fail_msg("the state is \"%s\", not \"%s\"", figures.disk_state, state);
    }
}

/* ---- Past the cache ------------------------------------------------------------------------------------ */

void sql(fixture *test, const char *commands)
{
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(test->file, &database), SQLITE_OK);
    sqlite3_busy_timeout(database, 5000);
    if (sqlite3_exec(database, commands, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", commands, message);
    sqlite3_close(database);
}

int64_t sql_number(fixture *test, const char *query)
{
    sqlite3 *database;
    sqlite3_stmt *prepared;
    assert_int_equal(sqlite3_open(test->file, &database), SQLITE_OK);
    sqlite3_busy_timeout(database, 5000);
    if (sqlite3_prepare_v2(database, query, -1, &prepared, NULL) != SQLITE_OK)
        fail_msg("%s: %s", query, sqlite3_errmsg(database));
    assert_int_equal(sqlite3_step(prepared), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(prepared, 0);
    sqlite3_finalize(prepared);
    sqlite3_close(database);
    return number;
}
