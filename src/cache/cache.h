/*
 * cache.h: shapes that were made are not made again. Memory above, a SQLite file below.
 *
 *     cache *shapes;
 *     status = cache_open(&options, &shapes, &error);            // a broken disk tier is no failure: it is logged
 *     cache_entry *entry = cache_find(shapes, key, identity);    // memory alone; never blocks
 *     if (entry == NULL)
 *         entry = cache_load(shapes, key, identity);             // and the disk; may block
 *     if (entry == NULL)
 *         entry = cache_store(shapes, key, identity, packed, &error);   // memory now, the disk a little later
 *     ... cache_answer(entry) ...
 *     cache_release(entry);
 *     cache_close(shapes);                                       // after the last entry is written
 *
 * An entry is a packed shape (shape/pack.h) under a key, with the identity that the key is a hash of: the canonical
 * text and settings of the request. The identity is compared at every look-up that gives one, so that a collision of
 * hashes is logged and never served. Beside it lies an `answer`, what the owner of the cache made of the packed shape
 * to serve it quickly; the cache only counts its bytes and gives it back. Entries are counted references: an entry in
 * hand stays whole however long it is held and whatever is evicted meanwhile.
 *
 * The memory tier is an LRU bounded by items and bytes. Once an entry is safely on disk its packed bytes leave the
 * memory (the answer stays), so that memory holds many more shapes; cache_packed reads them again.
 *
 * The disk tier is one SQLite file (WAL, synchronous FULL) written by a thread of the cache's own: storing never waits
 * for it. What is committed survives `kill -9` and power loss; rows carry a format version and checksums, and one that
 * does not match is deleted, logged and counted, never served. The file is kept below its bound by deleting what was
 * used longest ago, in either tier. Several processes may use one file; it must lie on a file system of this machine.
 *
 * When the file cannot be opened, or the disk is full or read-only, the cache says so once, carries on in memory, and
 * tries again every retry_seconds; then what memory still has is written. A file that is damaged is renamed to
 * shapes.sqlite3.corrupt-TIME and a new one begun; one of another version or program, when the cache is opened, to
 * shapes.sqlite3.version-TIME. Of each kind the last is kept. On a file system with blocks below 4,096 bytes the file
 * has a rollback journal instead of a WAL (place.c says why).
 *
 * All functions may be called from any thread.
 */
#ifndef LUMEN_CACHE_CACHE_H
#define LUMEN_CACHE_CACHE_H

#include "base/blob.h"
#include "log/log.h"

typedef struct cache cache;
typedef struct cache_entry cache_entry;

typedef struct cache_options {
    const char *folder;       /* of the SQLite file "shapes.sqlite3"; made when missing; NULL: memory only */
    size_t memory_items_max;  /* 0: nothing is kept in memory */
    size_t memory_bytes_max;  /* answers, identities, and packed bytes that are not on disk yet */
    uint64_t disk_bytes_max;  /* of the file, WAL not counted; 0: no bound */
    size_t pending_bytes_max; /* waiting to be written; what comes beyond it is counted, and written later if memory
                                 still has it; 0: 256 MiB */
    double retry_seconds;     /* until a disk tier that does not work is tried again; 0: 30 */
    log_sink *log;            /* may be NULL */

    /* Makes the answer of a packed shape: called by cache_load, cache_store and cache_warm on the caller's thread,
     * without a lock. Sets *answer and the bytes it holds. A failure other than LUMEN_ERROR_MEMORY means that the bytes
     * are no good: a stored row is then deleted. NULL: there are no answers. */
    lumen_status (*prepare)(void *user, uint64_t key, const blob *packed, void **answer, size_t *answer_bytes,
                            lumen_error *error);
    void (*discard)(void *user, void *answer); /* gives an answer back, from any thread; may be NULL */
    void *user;
} cache_options;

/* Opens the cache. Takes a millisecond or so, some more for a new file, which is synced. Errors: LUMEN_ERROR_MEMORY
 * alone; a disk tier that fails leaves the memory tier at work. */
lumen_status cache_open(const cache_options *options, cache **out, lumen_error *error);

/* Writes what waits for the disk (for at most ten seconds when the disk does not take it), then gives everything back.
 * Entries in hand must have been released before. NULL is fine. */
void cache_close(cache *shapes);

/* ---- Looking up ------------------------------------------------------------------------------------- */

/* The entry in memory, or NULL; never blocks on a disk. `identity` NULL: by the key alone. The caller releases it. */
cache_entry *cache_find(cache *shapes, uint64_t key, const char *identity);

/* Memory, then the disk: what is found there enters the memory tier. May block on the disk. NULL: not stored. Counts no
 * miss of memory: cache_find, which comes before, did. */
cache_entry *cache_load(cache *shapes, uint64_t key, const char *identity);

/* Enters a packed shape into memory and has it written. Keeps a reference to `packed` as long as it needs it. When the
 * same identity is there already, and whole, that entry is handed out. When the key is taken by another identity, that
 * is logged and the new entry is handed out but not kept. NULL with an error when `prepare` fails or memory runs out.
 * The caller releases the entry. */
cache_entry *cache_store(cache *shapes, uint64_t key, const char *identity, blob *packed, lumen_error *error);

/* Loads the most recently used entries of the disk into memory until it holds `items`, its own bound of items, or half
 * its bound of bytes; stops early when *stop (may be NULL) becomes true. Returns how many were loaded. They count as
 * older than whatever is used meanwhile. Takes a millisecond for each: call it on a thread that has time. */
size_t cache_warm(cache *shapes, size_t items, const atomic_bool *stop);

/* ---- Entries ------------------------------------------------------------------------------------------ */

uint64_t cache_key(const cache_entry *entry);
const char *cache_identity(const cache_entry *entry);
void *cache_answer(const cache_entry *entry);

/* True once the entry is committed to the disk tier: from then on it survives a crash. False again when the disk tier
 * has evicted or lost it. */
bool cache_is_stored(const cache_entry *entry);

/* The packed shape: from memory, or read from the disk (may block). The caller releases it. NULL: gone meanwhile; then
 * the entry has left memory, too, so that the next request makes it whole again. NULL also while the disk tier, which
 * had taken it, does not work. */
blob *cache_packed(cache *shapes, const cache_entry *entry);

cache_entry *cache_keep(cache_entry *entry);
void cache_release(cache_entry *entry);

/* ---- Figures --------------------------------------------------------------------------------------------- */

typedef struct cache_tier_figures {
    bool connected; /* the tier works */
    uint64_t items;
    uint64_t bytes;
    uint64_t hits, misses, evictions, collisions;
    uint64_t faults;          /* rows that were damaged, failed reads and writes */
    double retrieval_seconds; /* summed over all hits: mean = retrieval_seconds / hits */
} cache_tier_figures;

typedef struct cache_figures {
    cache_tier_figures memory, disk;
    uint64_t pending_items, pending_bytes; /* waiting to be written */
    uint64_t writes, writes_dropped;
    char disk_state[256]; /* "ok", or what is wrong, for people */
} cache_figures;

void cache_read_figures(cache *shapes, cache_figures *figures);

#endif
