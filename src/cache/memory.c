#include "cache/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { SHARD_BITS = 4, SHARDS = 1 << SHARD_BITS, BUCKETS_MIN = 64, BUCKETS_MAX = 1 << 16 };

/* On cache lines of its own, so that the locks of two shards do not fight for one. */
typedef struct shard {
    _Alignas(128) pthread_mutex_t lock;
    cache_entry **buckets;
    size_t bucket_mask;
    cache_entry *newest, *oldest;
    uint64_t hits, misses, evictions, collisions, retrieval_nanoseconds;
} shard;

struct cache_memory {
    shard shards[SHARDS];
    size_t items_max, bytes_max;
    atomic_size_t items, bytes;
    pthread_mutex_t leaving; /* one thread at a time chooses who leaves, so that no two send away one too many */
};

/* ---- Opening and closing ---------------------------------------------------------------------------------- */

cache_memory *memory_open(size_t items_max, size_t bytes_max)
{
    cache_memory *memory = aligned_alloc(_Alignof(cache_memory), sizeof *memory);
    if (memory == NULL)
        return NULL;
    memset(memory, 0, sizeof *memory);
    memory->items_max = items_max;
    memory->bytes_max = bytes_max;
    atomic_init(&memory->items, 0);
    atomic_init(&memory->bytes, 0);
    pthread_mutex_init(&memory->leaving, NULL);
    size_t buckets = BUCKETS_MIN;
    while (buckets < BUCKETS_MAX && buckets < items_max / SHARDS)
        buckets *= 2;
    bool whole = true;
    for (size_t i = 0; i < SHARDS; i++) {
        shard *part = &memory->shards[i];
        pthread_mutex_init(&part->lock, NULL);
        part->buckets = calloc(buckets, sizeof(cache_entry *));
        part->bucket_mask = buckets - 1;
        whole = whole && part->buckets != NULL;
    }
    if (whole)
        return memory;
    memory_close(memory);
    return NULL;
}

void memory_close(cache_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        shard *part = &memory->shards[i];
        for (cache_entry *entry = part->newest; entry != NULL;) {
            cache_entry *older = entry->older;
            cache_release(entry);
            entry = older;
        }
        free(part->buckets);
        pthread_mutex_destroy(&part->lock);
    }
    pthread_mutex_destroy(&memory->leaving);
    free(memory);
}

/* ---- A shard, with its lock held ------------------------------------------------------------------------------ */

/* A key is a hash already: its upper bits choose the shard, its lower bits the bucket. */
static shard *shard_of(cache_memory *memory, uint64_t key)
{
    return &memory->shards[key >> (64 - SHARD_BITS)];
}

static cache_entry **bucket_of(shard *part, uint64_t key)
{
    return &part->buckets[key & part->bucket_mask];
}

static cache_entry *look_up(shard *part, uint64_t key)
{
    cache_entry *entry = *bucket_of(part, key);
    while (entry != NULL && entry->key != key)
        entry = entry->next_in_bucket;
    return entry;
}

static void unlink_from_list(shard *part, cache_entry *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &part->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &part->oldest) = entry->newer;
}

static void link_newest(shard *part, cache_entry *entry)
{
    entry->newer = NULL;
    entry->older = part->newest;
    *(part->newest != NULL ? &part->newest->newer : &part->oldest) = entry;
    part->newest = entry;
}

static void link_oldest(shard *part, cache_entry *entry)
{
    entry->older = NULL;
    entry->newer = part->oldest;
    *(part->oldest != NULL ? &part->oldest->older : &part->newest) = entry;
    part->oldest = entry;
}

/* The list's reference becomes the caller's, to be released without the lock: it may be the last one, and giving an
 * answer back takes its time. */
static void take_out(cache_memory *memory, shard *part, cache_entry *entry)
{
    cache_entry **place = bucket_of(part, entry->key);
    while (*place != entry)
        place = &(*place)->next_in_bucket;
    *place = entry->next_in_bucket;
    unlink_from_list(part, entry);
    entry->held = false;
    atomic_fetch_sub_explicit(&memory->items, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&memory->bytes, entry->charge, memory_order_relaxed);
}

/* ---- Looking up ------------------------------------------------------------------------------------------------- */

cache_entry *memory_find(cache_memory *memory, uint64_t key, const char *identity, bool counted, bool *collided)
{
    *collided = false;
    uint64_t began = clock_now_ns();
    shard *part = shard_of(memory, key);
    pthread_mutex_lock(&part->lock);
    cache_entry *entry = look_up(part, key);
    if (entry != NULL && identity != NULL && strcmp(entry->identity, identity) != 0) {
        part->collisions++;
        *collided = true;
        entry = NULL;
    }
    if (entry != NULL) {
        cache_keep(entry);
        if (part->newest != entry) {
            unlink_from_list(part, entry);
            link_newest(part, entry);
        }
        /* Read under the lock, so that the list is sorted by it. */
        entry->used_at = clock_now_ns();
        part->hits++;
        part->retrieval_nanoseconds += entry->used_at - began;
    } else if (counted) {
        part->misses++;
    }
    pthread_mutex_unlock(&part->lock);
    return entry;
}

bool memory_holds(cache_memory *memory, uint64_t key)
{
    shard *part = shard_of(memory, key);
    pthread_mutex_lock(&part->lock);
    bool holds = look_up(part, key) != NULL;
    pthread_mutex_unlock(&part->lock);
    return holds;
}

blob *memory_packed(cache_memory *memory, const cache_entry *entry)
{
    shard *part = shard_of(memory, entry->key);
    pthread_mutex_lock(&part->lock);
    blob *packed = blob_keep(entry->packed);
    pthread_mutex_unlock(&part->lock);
    return packed;
}

/* ---- Coming and leaving ----------------------------------------------------------------------------------------- */

static bool is_overfull(cache_memory *memory)
{
    return atomic_load_explicit(&memory->items, memory_order_relaxed) > memory->items_max ||
           atomic_load_explicit(&memory->bytes, memory_order_relaxed) > memory->bytes_max;
}

/* Sends away who has been unused longest until the bounds are kept. */
static void make_room(cache_memory *memory)
{
    if (!is_overfull(memory))
        return;
    pthread_mutex_lock(&memory->leaving);
    while (is_overfull(memory)) {
        shard *chosen = NULL;
        uint64_t oldest = UINT64_MAX;
        for (size_t i = 0; i < SHARDS; i++) {
            shard *part = &memory->shards[i];
            pthread_mutex_lock(&part->lock);
            if (part->oldest != NULL && part->oldest->used_at < oldest) {
                oldest = part->oldest->used_at;
                chosen = part;
            }
            pthread_mutex_unlock(&part->lock);
        }
        if (chosen == NULL)
            break;
        pthread_mutex_lock(&chosen->lock);
        cache_entry *entry = chosen->oldest;
        if (entry != NULL) {
            take_out(memory, chosen, entry);
            chosen->evictions++;
        }
        pthread_mutex_unlock(&chosen->lock);
        cache_release(entry);
    }
    pthread_mutex_unlock(&memory->leaving);
}

cache_entry *memory_insert(cache_memory *memory, cache_entry *entry, size_t warmed, bool *collided)
{
    *collided = false;
    shard *part = shard_of(memory, entry->key);
    cache_entry *hollow = NULL;
    pthread_mutex_lock(&part->lock);
    entry->charge =
        sizeof *entry + entry->identity_size + entry->answer_bytes + (entry->packed != NULL ? entry->packed->size : 0);
    cache_entry *present = look_up(part, entry->key);
    if (present != NULL && strcmp(present->identity, entry->identity) != 0) {
        part->collisions++;
        *collided = true;
    } else if (present != NULL && (present->packed != NULL || cache_is_stored(present))) {
        cache_keep(present);
        pthread_mutex_unlock(&part->lock);
        cache_release(entry);
        return present;
    } else if (memory->items_max > 0 && entry->charge <= memory->bytes_max) {
        /* An entry whose packed bytes are lost makes place for one that has them. */
        hollow = present;
        if (hollow != NULL)
            take_out(memory, part, hollow);
        cache_keep(entry);
        entry->held = true;
        cache_entry **bucket = bucket_of(part, entry->key);
        entry->next_in_bucket = *bucket;
        *bucket = entry;
        if (warmed == 0) {
            entry->used_at = clock_now_ns();
            link_newest(part, entry);
        } else {
            /* Before any time of the clock, so that the list stays sorted. */
            entry->used_at = MEMORY_WARMED_MAX - warmed;
            link_oldest(part, entry);
        }
        atomic_fetch_add_explicit(&memory->items, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&memory->bytes, entry->charge, memory_order_relaxed);
    }
    pthread_mutex_unlock(&part->lock);
    cache_release(hollow);
    make_room(memory);
    return entry;
}

void memory_drop(cache_memory *memory, cache_entry *entry)
{
    shard *part = shard_of(memory, entry->key);
    pthread_mutex_lock(&part->lock);
    bool held = entry->held;
    if (held)
        take_out(memory, part, entry);
    pthread_mutex_unlock(&part->lock);
    if (held)
        cache_release(entry);
}

/* ---- What the disk has --------------------------------------------------------------------------------- */

void memory_set_stored(cache_memory *memory, cache_entry *entry)
{
    shard *part = shard_of(memory, entry->key);
    pthread_mutex_lock(&part->lock);
    blob *packed = entry->packed;
    entry->packed = NULL;
    if (entry->held && packed != NULL) {
        entry->charge -= packed->size;
        atomic_fetch_sub_explicit(&memory->bytes, packed->size, memory_order_relaxed);
    }
    atomic_store_explicit(&entry->stored, true, memory_order_release);
    pthread_mutex_unlock(&part->lock);
    blob_release(packed);
}

void memory_set_lost(cache_memory *memory, uint64_t key)
{
    shard *part = shard_of(memory, key);
    pthread_mutex_lock(&part->lock);
    cache_entry *entry = look_up(part, key);
    if (entry != NULL)
        atomic_store_explicit(&entry->stored, false, memory_order_release);
    pthread_mutex_unlock(&part->lock);
}

void memory_set_all_lost(cache_memory *memory)
{
    for (size_t i = 0; i < SHARDS; i++) {
        shard *part = &memory->shards[i];
        pthread_mutex_lock(&part->lock);
        for (cache_entry *entry = part->newest; entry != NULL; entry = entry->older)
            atomic_store_explicit(&entry->stored, false, memory_order_release);
        pthread_mutex_unlock(&part->lock);
    }
}

/* ---- For the writer ------------------------------------------------------------------------------------ */

size_t memory_uses(cache_memory *memory, uint64_t since, memory_use *uses, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < SHARDS && count < room; i++) {
        shard *part = &memory->shards[i];
        pthread_mutex_lock(&part->lock);
        for (cache_entry *entry = part->newest; entry != NULL && entry->used_at > since && count < room;
             entry = entry->older)
            if (cache_is_stored(entry))
                uses[count++] = (memory_use){.key = entry->key, .used_at = entry->used_at};
        pthread_mutex_unlock(&part->lock);
    }
    return count;
}

void memory_each_packed(cache_memory *memory, void (*visit)(void *user, cache_entry *entry), void *user)
{
    for (size_t i = 0; i < SHARDS; i++) {
        shard *part = &memory->shards[i];
        pthread_mutex_lock(&part->lock);
        for (cache_entry *entry = part->oldest; entry != NULL; entry = entry->newer)
            if (entry->packed != NULL)
                visit(user, entry);
        pthread_mutex_unlock(&part->lock);
    }
}

/* ---- Figures ------------------------------------------------------------------------------------------- */

size_t memory_items(const cache_memory *memory)
{
    return atomic_load_explicit(&memory->items, memory_order_relaxed);
}

size_t memory_bytes(const cache_memory *memory)
{
    return atomic_load_explicit(&memory->bytes, memory_order_relaxed);
}

void memory_read_figures(cache_memory *memory, cache_tier_figures *figures)
{
    *figures = (cache_tier_figures){
        .connected = memory->items_max > 0, .items = memory_items(memory), .bytes = memory_bytes(memory)};
    for (size_t i = 0; i < SHARDS; i++) {
        shard *part = &memory->shards[i];
        pthread_mutex_lock(&part->lock);
        figures->hits += part->hits;
        figures->misses += part->misses;
        figures->evictions += part->evictions;
        figures->collisions += part->collisions;
        figures->retrieval_seconds += (double)part->retrieval_nanoseconds * 1e-9;
        pthread_mutex_unlock(&part->lock);
    }
}
