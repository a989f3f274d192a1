/*
 * limits.h: how often a client may ask: a token bucket for each.
 *
 *     limits *generate = limits_create(60.0, 60.0, 65536);      // 60 a minute, 60 at once, 65,536 clients known
 *     double wait;
 *     if (!limits_take(generate, &who, now_seconds, &wait)) ... 429, Retry-After: ceil(wait) ...
 *     limits_destroy(generate);
 *
 * Buckets live in a table of fixed size (some 44 bytes a client), in 16 shards with a lock of their own; no memory is
 * taken after creation. When a shard is full, one of the 8 buckets touched longest ago makes room that has filled up
 * again (forgetting it changes nothing), else the one touched longest ago does. So one who owns more addresses than the
 * table has room for is not limited by it. Safe from any thread.
 */
#ifndef LUMEN_SERVICE_LIMITS_H
#define LUMEN_SERVICE_LIMITS_H

#include "service/client.h"

typedef struct limits limits;

/* `per_minute` tokens come back in a minute; `burst`, at least 1, is what a bucket holds and begins with. `per_minute`
 * 0: no limit at all. NULL when memory runs out. */
limits *limits_create(double per_minute, double burst, size_t clients_max);
void limits_destroy(limits *all);

/* Takes a token of the client's bucket. False: there is none, and *wait is the seconds until there will be (above 0; 0
 * when true). A refused client loses nothing by asking. `now`: seconds of a clock that never goes back; where a
 * thread comes late with its moment, the latest one counts. `all` NULL: always true. */
bool limits_take(limits *all, const client_address *who, double now, double *wait);

#endif
