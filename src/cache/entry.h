/*
 * entry.h: an entry of the cache, as its own files see it.
 */
#ifndef LUMEN_CACHE_ENTRY_H
#define LUMEN_CACHE_ENTRY_H

#include <stdatomic.h>

#include "cache/cache.h"

/* Who gives an answer back. Lives as long as the cache. */
typedef struct entry_owner {
    void (*discard)(void *user, void *answer); /* may be NULL */
    void *user;
} entry_owner;

struct cache_entry {
    uint64_t key;
    atomic_size_t references;
    atomic_bool stored;
    const entry_owner *owner;
    void *answer;
    size_t answer_bytes;

    /* Guarded by the lock of the key's shard (memory.c), also while the memory tier does not hold the entry. */
    blob *packed; /* NULL once it is on disk */
    bool held;    /* by the memory tier, in the lists below */
    cache_entry *next_in_bucket;
    cache_entry *newer, *older;
    uint64_t used_at; /* nanoseconds of the monotonic clock; small numbers: warmed and not used since */
    size_t charge;    /* bytes that it counts for in memory */

    /* Guarded by the writer's lock. */
    bool waiting;    /* for the disk */
    bool unstorable; /* it is too large, or its key is taken there */

    size_t identity_size;
    char identity[]; /* zero-terminated */
};

/* A new entry with one reference, or NULL. Keeps a reference to `packed` (may be NULL); the answer becomes the entry's.
 */
cache_entry *entry_create(const entry_owner *owner, uint64_t key, const char *identity, size_t identity_size,
                          blob *packed, void *answer, size_t answer_bytes);

#endif
