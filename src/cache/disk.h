/*
 * disk.h: the cache's SQLite file.
 *
 *     cache_disk *disk = disk_create(folder, bytes_max);
 *     outcome = disk_open(disk, &error);                      // and again, whenever it was shut
 *     outcome = disk_write(disk, &change, &error);            // one transaction; the writer's thread alone
 *     outcome = disk_read(disk, key, &found, &error);         // any thread
 *     disk_shut(disk);
 *     disk_destroy(disk);
 *
 * Two connections: one that writes, used by one thread, and one that reads, shared under a lock that is held while a
 * row is copied out, and not while it is decoded. In WAL mode neither waits for the other.
 *
 * Two tables, so that what is looked at often (who was used longest ago, how many are there) lies apart from the half
 * megabyte that belongs to each:
 *
 *     shape (key, version, identity, packed_size, checksum, last_used)      index on last_used
 *     body  (key, bytes)
 *
 * The file says what it is (application_id, user_version), and its schema must be to the letter the one that this
 * program makes, so that a hostile file has no triggers, views or expressions to run.
 */
#ifndef LUMEN_CACHE_DISK_H
#define LUMEN_CACHE_DISK_H

#include "cache/place.h"
#include "cache/row.h"

typedef struct cache_disk cache_disk;

typedef enum disk_outcome {
    DISK_FINE,
    DISK_NOTHING,       /* there is no such row */
    DISK_SHUT,          /* the file is not open */
    DISK_BAD_ROW,       /* there was one, and it is damaged */
    DISK_BUSY,          /* another process writes; again later */
    DISK_FULL,          /* no space left; what is there can still be read */
    DISK_CORRUPT,       /* the file is damaged: shut it and set it aside */
    DISK_OTHER_VERSION, /* the file belongs to another version of the program */
    DISK_GONE,          /* the file was removed, or renamed by another process: shut and open again */
    DISK_FAILED         /* anything else: shut, and open again later */
} disk_outcome;

/* `folder` is copied; bytes_max 0: no bound. NULL: memory ran out. */
cache_disk *disk_create(const char *folder, uint64_t bytes_max);
void disk_destroy(cache_disk *disk);

/* Opens the file, beginning a new one where there is none. */
disk_outcome disk_open(cache_disk *disk, lumen_error *error);

/* Closes both connections, waiting for a read under way. */
void disk_shut(cache_disk *disk);

/* Sets the file aside, which is shut, under a name with `reason` that is written to `aside`. DISK_GONE when somebody
 * else has done so meanwhile: there is nothing left to do. */
disk_outcome disk_set_aside(cache_disk *disk, const char *reason, char aside[PATH_MAX], lumen_error *error);

/* ---- Reading: any thread ------------------------------------------------------------------------------------- */

typedef struct disk_found {
    blob *packed;
    char *identity; /* identity_size bytes and a zero */
    size_t identity_size;
    int64_t checksum; /* as it stands in the row, also of a bad one */
} disk_found;

/* The caller gives found->packed and found->identity back after DISK_FINE. */
disk_outcome disk_read(cache_disk *disk, uint64_t key, disk_found *found, lumen_error *error);

/* The keys that were used most recently, latest first: at most `room`. */
disk_outcome disk_recent(cache_disk *disk, uint64_t *keys, size_t room, size_t *count, lumen_error *error);

/* ---- Writing: one thread --------------------------------------------------------------------------------------- */

typedef enum disk_fate { DISK_NOT_YET, DISK_WRITTEN, DISK_COLLIDED, DISK_TOO_LARGE } disk_fate;

/* Bytes that are to be written. last_used: microseconds since 1970. */
typedef struct disk_item {
    uint64_t key;
    const char *identity;
    const blob *packed;
    int64_t last_used;
    disk_fate fate;
} disk_item;

typedef struct disk_use {
    uint64_t key;
    int64_t last_used;
} disk_use;

/* A row that was found bad: it goes if it still has this checksum. */
typedef struct disk_removal {
    uint64_t key;
    int64_t checksum;
} disk_removal;

enum { DISK_EVICTED_MAX = 512 };

/* What one transaction does. */
typedef struct disk_change {
    const disk_removal *removals;
    size_t removal_count;
    const disk_use *uses;
    size_t use_count;
    disk_item *items;
    size_t item_count;
    /* Told by disk_write: */
    uint64_t evicted[DISK_EVICTED_MAX];
    size_t evicted_count, removed_count;
    uint64_t bytes_written; /* compressed */
} disk_change;

/* Does all of it, or nothing: after DISK_FINE every item's fate is told, and what was written is safe. Items that stay
 * DISK_NOT_YET are for the next change: first others had to be evicted for them. */
disk_outcome disk_write(cache_disk *disk, disk_change *change, lumen_error *error);

/* True when the file is larger than it may be: each disk_write, also an empty one, then makes it smaller. */
bool disk_is_overfull(const cache_disk *disk);

/* True when little is left before rows must be evicted. */
bool disk_is_nearly_full(const cache_disk *disk);

/* Moves what the log holds into the file and cuts the log: gives space back when there is none. */
void disk_tidy(cache_disk *disk);

uint64_t disk_items(const cache_disk *disk);
uint64_t disk_bytes(const cache_disk *disk);

#endif
