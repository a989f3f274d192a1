#include "service/limits.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/random.h"

enum {
    SHARDS = 16,
    LOOK_BACK = 8, /* buckets looked at for one that is full again, before the oldest must go */
    NOTHING = -1
};

/* A microsecond: what a client waits too little through rounding is forgiven. */
static const double rounding_seconds = 1e-6;

/* The whole state of a bucket is the moment at which it will be full again: it then holds `burst` tokens, and before
 * that as many fewer as refill in the meantime. Taking a token moves the moment into the future by the time that one
 * token needs. (The "virtual scheduling" form of the leaky bucket: ITU-T I.371, generic cell rate algorithm.) */
typedef struct bucket {
    client_address who;
    double full_at;
    int32_t next;         /* in its chain of the table, or in the list of free ones */
    int32_t older, newer; /* in the order of use */
} bucket;

typedef struct shard {
    pthread_mutex_t lock;
    double now;      /* the latest moment that was heard of: threads race for the lock with theirs */
    bucket *buckets; /* `capacity` of them */
    int32_t *chains; /* `chain_count` beginnings */
    int32_t used;    /* buckets that were ever used */
    int32_t oldest, newest;
} shard;

struct limits {
    double token_seconds; /* to refill one token; 0: no limit */
    double burst_seconds; /* to refill them all */
    uint64_t seed[2];     /* so that nobody can choose addresses that meet in one chain */
    int32_t capacity;     /* buckets of a shard */
    uint32_t chain_count; /* of a shard: a power of two */
    shard shards[SHARDS];
};

/* ---- Creation ------------------------------------------------------------------------------------------ */

limits *limits_create(double per_minute, double burst, size_t clients_max)
{
    limits *all = calloc(1, sizeof *all);
    if (all == NULL || !(per_minute > 0.0))
        return all;
    all->token_seconds = 60.0 / per_minute;
    all->burst_seconds = all->token_seconds * (burst > 1.0 ? burst : 1.0);
    /* Without random bytes the limits work as well, only an attacker could guess the chains. */
    if (getrandom(all->seed, sizeof all->seed, GRND_NONBLOCK) != (ssize_t)sizeof all->seed)
        all->seed[0] = (uintptr_t)all;
    size_t capacity = clients_max / SHARDS + (clients_max % SHARDS != 0);
    capacity = capacity < 1 ? 1 : capacity > INT32_MAX / 2 ? INT32_MAX / 2 : capacity;
    all->capacity = (int32_t)capacity;
    all->chain_count = 1;
    while (all->chain_count < capacity)
        all->chain_count *= 2;
    for (int i = 0; i < SHARDS; i++) {
        shard *part = &all->shards[i];
        pthread_mutex_init(&part->lock, NULL);
        part->oldest = part->newest = NOTHING;
        part->now = -HUGE_VAL;
    }
    for (int i = 0; i < SHARDS; i++) {
        shard *part = &all->shards[i];
        part->buckets = calloc(capacity, sizeof part->buckets[0]);
        part->chains = malloc(all->chain_count * sizeof part->chains[0]);
        if (part->buckets == NULL || part->chains == NULL) {
            limits_destroy(all);
            return NULL;
        }
        memset(part->chains, 0xff, all->chain_count * sizeof part->chains[0]); /* NOTHING in each */
    }
    return all;
}

void limits_destroy(limits *all)
{
    if (all == NULL)
        return;
    for (int i = 0; i < SHARDS && all->token_seconds > 0.0; i++) {
        free(all->shards[i].buckets);
        free(all->shards[i].chains);
        pthread_mutex_destroy(&all->shards[i].lock);
    }
    free(all);
}

/* ---- The table of a shard; its lock is held ------------------------------------------------------------ */

static uint64_t hash_of(const limits *all, const client_address *who)
{
    uint64_t halves[2];
    memcpy(halves, who->bytes, sizeof halves);
    return random_hash(random_hash(halves[0] ^ all->seed[0]) ^ halves[1] ^ all->seed[1]);
}

static int32_t *chain_of(const limits *all, shard *part, uint64_t hash)
{
    return &part->chains[hash / SHARDS & (all->chain_count - 1)];
}

static void take_out_of_order(shard *part, int32_t at)
{
    bucket *one = &part->buckets[at];
    *(one->older == NOTHING ? &part->oldest : &part->buckets[one->older].newer) = one->newer;
    *(one->newer == NOTHING ? &part->newest : &part->buckets[one->newer].older) = one->older;
}

static void put_newest(shard *part, int32_t at)
{
    bucket *one = &part->buckets[at];
    one->older = part->newest;
    one->newer = NOTHING;
    *(part->newest == NOTHING ? &part->oldest : &part->buckets[part->newest].newer) = at;
    part->newest = at;
}

/* A bucket that may be forgotten: among those touched longest ago one that is full again, else the oldest. */
static int32_t choose_forgotten(const shard *part, double now)
{
    int32_t at = part->oldest;
    for (int i = 0; i < LOOK_BACK && at != NOTHING; i++, at = part->buckets[at].newer)
        if (part->buckets[at].full_at <= now)
            return at;
    return part->oldest;
}

static int32_t make_room(const limits *all, shard *part, double now)
{
    if (part->used < all->capacity)
        return part->used++;
    int32_t at = choose_forgotten(part, now);
    int32_t *link = chain_of(all, part, hash_of(all, &part->buckets[at].who));
    while (*link != at)
        link = &part->buckets[*link].next;
    *link = part->buckets[at].next;
    take_out_of_order(part, at);
    return at;
}

/* The client's bucket, which becomes the newest; a full one if it was not known. */
static bucket *find_bucket(const limits *all, shard *part, const client_address *who, uint64_t hash, double now)
{
    int32_t *chain = chain_of(all, part, hash);
    int32_t at = *chain;
    while (at != NOTHING && memcmp(&part->buckets[at].who, who, sizeof *who) != 0)
        at = part->buckets[at].next;
    if (at != NOTHING) {
        take_out_of_order(part, at);
    } else {
        at = make_room(all, part, now);
        part->buckets[at] = (bucket){.who = *who, .full_at = now, .next = *chain};
        *chain = at;
    }
    put_newest(part, at);
    return &part->buckets[at];
}

bool limits_take(limits *all, const client_address *who, double now, double *wait)
{
    *wait = 0.0;
    if (all == NULL || !(all->token_seconds > 0.0))
        return true;
    uint64_t hash = hash_of(all, who);
    shard *part = &all->shards[hash % SHARDS];
    pthread_mutex_lock(&part->lock);
    now = part->now = now > part->now ? now : part->now;
    bucket *mine = find_bucket(all, part, who, hash, now);
    double full_at = (mine->full_at > now ? mine->full_at : now) + all->token_seconds;
    double missing = full_at - now - all->burst_seconds;
    bool taken = missing <= rounding_seconds;
    if (taken)
        mine->full_at = full_at;
    else
        *wait = missing;
    pthread_mutex_unlock(&part->lock);
    return taken;
}
