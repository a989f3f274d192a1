/*
 * memo.h: bodies that were understood before, so that a popular word is not parsed again for every asking.
 *
 *     memo *known = memo_create();
 *     if (!memo_find(known, body, size, best, &key, identity))    // the very same bytes?
 *         ... order_read, pipeline_plan_request ..., memo_keep(known, body, size, best, key, identity);
 *     memo_destroy(known);
 *
 * The same bytes mean the same order as long as "auto" means the same engine, whose name (a constant, compared by its
 * address) is remembered with them. So what is remembered never goes stale. A table of fixed size in which a newer body
 * takes the place of an older one; only good orders are kept, and none longer than MEMO_BODY_BYTES, so that pictures
 * are not. Bodies are compared whole: a collision of hashes finds nothing. Safe from any thread.
 */
#ifndef LUMEN_SERVICE_MEMO_H
#define LUMEN_SERVICE_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shape/shape.h"

enum { MEMO_BODY_BYTES = 256 };

typedef struct memo memo;

/* NULL when memory runs out. */
memo *memo_create(void);
void memo_destroy(memo *known);

/* Whether the body is known: then its key and identity are written. */
bool memo_find(memo *known, const void *body, size_t size, const char *best, uint64_t *key,
               char identity[SHAPE_IDENTITY_BYTES]);

/* Remembers what a body means. */
void memo_keep(memo *known, const void *body, size_t size, const char *best, uint64_t key, const char *identity);

#endif
