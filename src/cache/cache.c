#include "cache/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cache/entry.h"
#include "cache/memory.h"
#include "cache/writer.h"

struct cache {
    cache_options options; /* its texts are not ours: not used after opening */
    entry_owner owner;
    cache_memory *memory;
    cache_writer *writer; /* NULL: memory only */
    atomic_uint_least64_t disk_hits, disk_misses, disk_collisions, disk_nanoseconds;
};

/* ---- Opening and closing ----------------------------------------------------------------------------------- */

lumen_status cache_open(const cache_options *options, cache **out, lumen_error *error)
{
    *out = NULL;
    cache *shapes = calloc(1, sizeof *shapes);
    if (shapes == NULL)
        return lumen_fail_memory(error, "the cache");
    shapes->options = *options;
    shapes->owner = (entry_owner){.discard = options->discard, .user = options->user};
    atomic_init(&shapes->disk_hits, 0);
    atomic_init(&shapes->disk_misses, 0);
    atomic_init(&shapes->disk_collisions, 0);
    atomic_init(&shapes->disk_nanoseconds, 0);
    shapes->memory = memory_open(options->memory_items_max, options->memory_bytes_max);
    lumen_status status = shapes->memory == NULL ? lumen_fail_memory(error, "the cache") : LUMEN_OK;
    if (status == LUMEN_OK && options->folder != NULL)
        status = writer_open(options, shapes->memory, &shapes->writer, error);
    if (status == LUMEN_OK)
        *out = shapes;
    else
        cache_close(shapes);
    return status;
}

void cache_close(cache *shapes)
{
    if (shapes == NULL)
        return;
    writer_close(shapes->writer);
    memory_close(shapes->memory);
    free(shapes);
}

/* ---- Looking up ----------------------------------------------------------------------------------------------- */

static void tell_collision(cache *shapes, uint64_t key, const char *identity)
{
    char digits[17];
    for (int i = 0; i < 16; i++)
        digits[i] = "0123456789abcdef"[key >> (60 - 4 * i) & 15];
    digits[16] = '\0';
    log_write(shapes->options.log, LOG_WARNING, "two identities have the same key; the second is not cached",
              LOG_FIELDS(log_text("key", digits), log_text("identity", identity)));
}

cache_entry *cache_find(cache *shapes, uint64_t key, const char *identity)
{
    bool collided;
    cache_entry *entry = memory_find(shapes->memory, key, identity, true, &collided);
    if (collided)
        tell_collision(shapes, key, identity);
    return entry;
}

static lumen_status prepare(cache *shapes, uint64_t key, const blob *packed, void **answer, size_t *bytes,
                            lumen_error *error)
{
    *answer = NULL;
    *bytes = 0;
    return shapes->options.prepare == NULL
               ? LUMEN_OK
               : shapes->options.prepare(shapes->options.user, key, packed, answer, bytes, error);
}

/* Makes an entry; what it would have owned is given back when that fails. */
static cache_entry *create(cache *shapes, uint64_t key, const char *identity, blob *packed, void *answer, size_t bytes)
{
    cache_entry *entry = entry_create(&shapes->owner, key, identity, strlen(identity), packed, answer, bytes);
    if (entry == NULL && answer != NULL && shapes->owner.discard != NULL)
        shapes->owner.discard(shapes->owner.user, answer);
    return entry;
}

/* Turns what was found on disk into an entry of the memory tier. */
static cache_entry *take_in(cache *shapes, uint64_t key, const disk_found *found, size_t warmed, uint64_t losses)
{
    void *answer;
    size_t bytes;
    lumen_error error = {0};
    lumen_status status = prepare(shapes, key, found->packed, &answer, &bytes, &error);
    if (status != LUMEN_OK) {
        if (status != LUMEN_ERROR_MEMORY)
            writer_report(shapes->writer, key, DISK_BAD_ROW, found, &error);
        return NULL;
    }
    cache_entry *entry = create(shapes, key, found->identity, NULL, answer, bytes);
    if (entry == NULL)
        return NULL;
    atomic_store_explicit(&entry->stored, true, memory_order_relaxed);
    bool collided;
    entry = memory_insert(shapes->memory, entry, warmed, &collided);
    /* The row may have left the file after it was read, before the entry could be told. */
    if (writer_losses(shapes->writer) != losses)
        memory_set_lost(shapes->memory, key);
    if (collided)
        tell_collision(shapes, key, found->identity);
    return entry;
}

/* Reads a key from the disk. The identity is compared unless it is NULL. */
static cache_entry *load_from_disk(cache *shapes, uint64_t key, const char *identity, size_t warmed)
{
    uint64_t losses = writer_losses(shapes->writer), began = clock_now_ns();
    disk_found found;
    lumen_error error = {0};
    disk_outcome outcome = disk_read(writer_disk(shapes->writer), key, &found, &error);
    cache_entry *entry = NULL;
    if (outcome == DISK_FINE) {
        if (identity == NULL || strcmp(identity, found.identity) == 0) {
            entry = take_in(shapes, key, &found, warmed, losses);
        } else {
            atomic_fetch_add(&shapes->disk_collisions, 1);
            tell_collision(shapes, key, identity);
        }
        blob_release(found.packed);
        free(found.identity);
    } else if (outcome != DISK_NOTHING && outcome != DISK_SHUT) {
        writer_report(shapes->writer, key, outcome, &found, &error);
    }
    if (entry != NULL && warmed == 0) {
        atomic_fetch_add(&shapes->disk_hits, 1);
        atomic_fetch_add(&shapes->disk_nanoseconds, clock_now_ns() - began);
    } else if (entry == NULL) {
        atomic_fetch_add(&shapes->disk_misses, 1);
    }
    return entry;
}

cache_entry *cache_load(cache *shapes, uint64_t key, const char *identity)
{
    bool collided;
    cache_entry *entry = memory_find(shapes->memory, key, identity, false, &collided);
    if (collided)
        tell_collision(shapes, key, identity);
    if (entry != NULL || collided || shapes->writer == NULL)
        return entry;
    return load_from_disk(shapes, key, identity, 0);
}

cache_entry *cache_store(cache *shapes, uint64_t key, const char *identity, blob *packed, lumen_error *error)
{
    void *answer;
    size_t bytes;
    if (prepare(shapes, key, packed, &answer, &bytes, error) != LUMEN_OK)
        return NULL;
    cache_entry *entry = create(shapes, key, identity, packed, answer, bytes);
    if (entry == NULL) {
        lumen_fail_memory(error, "an entry of the cache");
        return NULL;
    }
    bool collided;
    entry = memory_insert(shapes->memory, entry, 0, &collided);
    if (collided)
        tell_collision(shapes, key, identity);
    else if (shapes->writer != NULL)
        writer_add(shapes->writer, entry);
    return entry;
}

size_t cache_warm(cache *shapes, size_t items, const atomic_bool *stop)
{
    if (shapes->writer == NULL)
        return 0;
    if (items > MEMORY_WARMED_MAX)
        items = MEMORY_WARMED_MAX;
    if (items > shapes->options.memory_items_max)
        items = shapes->options.memory_items_max;
    uint64_t *keys = malloc(items * sizeof *keys + 1);
    if (keys == NULL)
        return 0;
    size_t count, warmed = 0;
    lumen_error error = {0};
    disk_outcome outcome = disk_recent(writer_disk(shapes->writer), keys, items, &count, &error);
    if (outcome != DISK_FINE && outcome != DISK_SHUT)
        writer_report(shapes->writer, 0, outcome, NULL, &error);
    for (size_t i = 0; i < count; i++) {
        if ((stop != NULL && atomic_load(stop)) || memory_items(shapes->memory) >= shapes->options.memory_items_max ||
            memory_bytes(shapes->memory) >= shapes->options.memory_bytes_max / 2)
            break;
        if (memory_holds(shapes->memory, keys[i]))
            continue;
        cache_entry *entry = load_from_disk(shapes, keys[i], NULL, i + 1);
        warmed += entry != NULL;
        cache_release(entry);
    }
    free(keys);
    return warmed;
}

/* ---- Packed bytes ------------------------------------------------------------------------------------------------ */

blob *cache_packed(cache *shapes, const cache_entry *entry)
{
    blob *packed = memory_packed(shapes->memory, entry);
    if (packed != NULL || shapes->writer == NULL)
        return packed;
    disk_found found;
    lumen_error error = {0};
    disk_outcome outcome = disk_read(writer_disk(shapes->writer), entry->key, &found, &error);
    if (outcome == DISK_FINE) {
        bool same = strcmp(found.identity, entry->identity) == 0;
        free(found.identity);
        if (same)
            return found.packed;
        blob_release(found.packed);
        outcome = DISK_NOTHING;
    } else if (outcome != DISK_NOTHING && outcome != DISK_SHUT) {
        writer_report(shapes->writer, entry->key, outcome, &found, &error);
    }
    /* An entry whose bytes are lost leaves, so that the next request makes it whole again. */
    if (outcome == DISK_NOTHING || outcome == DISK_BAD_ROW)
        memory_drop(shapes->memory, (cache_entry *)entry);
    return NULL;
}

/* ---- Figures ---------------------------------------------------------------------------------------------------- */

void cache_read_figures(cache *shapes, cache_figures *figures)
{
    *figures = (cache_figures){.disk_state = "off"};
    memory_read_figures(shapes->memory, &figures->memory);
    if (shapes->writer != NULL)
        writer_read_figures(shapes->writer, figures);
    figures->disk.hits = atomic_load(&shapes->disk_hits);
    figures->disk.misses = atomic_load(&shapes->disk_misses);
    figures->disk.collisions += atomic_load(&shapes->disk_collisions);
    figures->disk.retrieval_seconds = (double)atomic_load(&shapes->disk_nanoseconds) * 1e-9;
}
