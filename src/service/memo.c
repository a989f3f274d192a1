#include "service/memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { SHARDS = 16, PLACES = 64 };

typedef struct place {
    uint64_t hash;
    const char *best;
    uint64_t key;
    size_t size; /* 0: free */
    size_t identity_size;
    char identity[SHAPE_IDENTITY_BYTES];
    unsigned char body[MEMO_BODY_BYTES];
} place;

typedef struct shard {
    pthread_mutex_t lock;
    place places[PLACES];
} shard;

struct memo {
    shard shards[SHARDS];
};

memo *memo_create(void)
{
    memo *known = calloc(1, sizeof *known);
    for (size_t i = 0; known != NULL && i < SHARDS; i++)
        pthread_mutex_init(&known->shards[i].lock, NULL);
    return known;
}

void memo_destroy(memo *known)
{
    for (size_t i = 0; known != NULL && i < SHARDS; i++)
        pthread_mutex_destroy(&known->shards[i].lock);
    free(known);
}

static shard *shard_of(memo *known, uint64_t hash)
{
    return &known->shards[hash % SHARDS];
}

static place *place_of(shard *part, uint64_t hash)
{
    return &part->places[hash / SHARDS % PLACES];
}

bool memo_find(memo *known, const void *body, size_t size, const char *best, uint64_t *key,
               char identity[SHAPE_IDENTITY_BYTES])
{
    if (size == 0 || size > MEMO_BODY_BYTES)
        return false;
    uint64_t hash = fnv1a(FNV_START, body, size);
    shard *part = shard_of(known, hash);
    pthread_mutex_lock(&part->lock);
    const place *there = place_of(part, hash);
    bool found =
        there->hash == hash && there->best == best && there->size == size && memcmp(there->body, body, size) == 0;
    if (found) {
        *key = there->key;
        memcpy(identity, there->identity, there->identity_size);
    }
    pthread_mutex_unlock(&part->lock);
    return found;
}

void memo_keep(memo *known, const void *body, size_t size, const char *best, uint64_t key, const char *identity)
{
    size_t identity_size = strlen(identity) + 1;
    if (size == 0 || size > MEMO_BODY_BYTES || identity_size > SHAPE_IDENTITY_BYTES)
        return;
    uint64_t hash = fnv1a(FNV_START, body, size);
    shard *part = shard_of(known, hash);
    pthread_mutex_lock(&part->lock);
    place *there = place_of(part, hash);
    there->hash = hash;
    there->best = best;
    there->key = key;
    there->size = size;
    there->identity_size = identity_size;
    memcpy(there->identity, identity, identity_size);
    memcpy(there->body, body, size);
    pthread_mutex_unlock(&part->lock);
}
