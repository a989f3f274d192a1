#include "cache/entry.h"

#include <stdlib.h>
#include <string.h>

cache_entry *entry_create(const entry_owner *owner, uint64_t key, const char *identity, size_t identity_size,
                          blob *packed, void *answer, size_t answer_bytes)
{
    cache_entry *entry = calloc(1, sizeof *entry + identity_size + 1);
    if (entry == NULL)
        return NULL;
    entry->key = key;
    atomic_init(&entry->references, 1);
    atomic_init(&entry->stored, false);
    entry->owner = owner;
    entry->answer = answer;
    entry->answer_bytes = answer_bytes;
    entry->packed = blob_keep(packed);
    entry->identity_size = identity_size;
    memcpy(entry->identity, identity, identity_size);
    return entry;
}

uint64_t cache_key(const cache_entry *entry)
{
    return entry->key;
}

const char *cache_identity(const cache_entry *entry)
{
    return entry->identity;
}

void *cache_answer(const cache_entry *entry)
{
    return entry->answer;
}

bool cache_is_stored(const cache_entry *entry)
{
    return atomic_load_explicit(&entry->stored, memory_order_acquire);
}

cache_entry *cache_keep(cache_entry *entry)
{
    if (entry != NULL)
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void cache_release(cache_entry *entry)
{
    /* Acquire and release: whoever frees must see the end of everyone else's reading. */
    if (entry == NULL || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    if (entry->owner->discard != NULL && entry->answer != NULL)
        entry->owner->discard(entry->owner->user, entry->answer);
    blob_release(entry->packed);
    free(entry);
}
