/*
 * memory.h: the memory tier: entries by key, the longest unused leaving first.
 *
 * The table is cut into shards by the key, each with a lock of its own that is held for some tens of nanoseconds: a
 * look-up finds, counts a reference and moves the entry to the front of its shard's list. Which entry of all has been
 * unused longest is asked when one must leave: the oldest ends of the shards are compared. So the order is exact, while
 * threads that look up different keys do not meet.
 */
#ifndef LUMEN_CACHE_MEMORY_H
#define LUMEN_CACHE_MEMORY_H

#include "cache/entry.h"

typedef struct cache_memory cache_memory;

enum { MEMORY_WARMED_MAX = 1000000 };

/* NULL: memory ran out. `items_max` 0: nothing is held. */
cache_memory *memory_open(size_t items_max, size_t bytes_max);
void memory_close(cache_memory *memory);

/* The entry with a reference for the caller, or NULL. *collided when the key belongs to another identity. `counted`:
 * a miss is counted as one. */
cache_entry *memory_find(cache_memory *memory, uint64_t key, const char *identity, bool counted, bool *collided);

/* Whether a key is there, without touching it. */
bool memory_holds(cache_memory *memory, uint64_t key);

/* Takes an entry in and returns what the caller goes on with, in exchange for the entry and with its reference: the
 * entry, or the whole one of the same identity that was there already. *collided: the key belongs to another identity,
 * and the entry was not taken in. `warmed`: a position from 1 to MEMORY_WARMED_MAX, larger ones being older; 0: used
 * just now. */
cache_entry *memory_insert(cache_memory *memory, cache_entry *entry, size_t warmed, bool *collided);

/* Takes an entry out, if it is still in. */
void memory_drop(cache_memory *memory, cache_entry *entry);

/* The packed bytes with a reference for the caller, or NULL. */
blob *memory_packed(cache_memory *memory, const cache_entry *entry);

/* The entry is on disk from now on: its packed bytes leave. */
void memory_set_stored(cache_memory *memory, cache_entry *entry);

/* The disk has lost the key, or everything. */
void memory_set_lost(cache_memory *memory, uint64_t key);
void memory_set_all_lost(cache_memory *memory);

/* ---- For the writer ------------------------------------------------------------------------------------- */

typedef struct memory_use {
    uint64_t key;
    uint64_t used_at; /* nanoseconds of the monotonic clock */
} memory_use;

/* Which stored entries were used after `since`: fills `uses` and returns how many. What is more than `room` is left
 * out. */
size_t memory_uses(cache_memory *memory, uint64_t since, memory_use *uses, size_t room);

/* Calls `visit` for each entry whose packed bytes are still in memory. It runs under the shard's lock. */
void memory_each_packed(cache_memory *memory, void (*visit)(void *user, cache_entry *entry), void *user);

size_t memory_items(const cache_memory *memory);
size_t memory_bytes(const cache_memory *memory);
void memory_read_figures(cache_memory *memory, cache_tier_figures *figures);

#endif
