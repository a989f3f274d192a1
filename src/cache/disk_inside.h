/*
 * disk_inside.h: what disk.c and disk_write.c share.
 */
#ifndef LUMEN_CACHE_DISK_INSIDE_H
#define LUMEN_CACHE_DISK_INSIDE_H

#include <pthread.h>

#include "cache/connection.h"
#include "cache/disk.h"

struct cache_disk {
    char *folder;
    uint64_t bytes_max;
    row_coder *coder;
    place where; /* of the file that is or was open */
    connection writer;
    pthread_mutex_t reading; /* guards the reader */
    connection reader;
    int64_t page_bytes, pages, free_pages; /* as the last transaction left them; the writer's thread alone */
    atomic_uint_least64_t items, bytes;    /* for any thread to read */
};

/* What a result code means, with a message. */
disk_outcome disk_fail(const cache_disk *disk, sqlite3 *database, int code, lumen_error *error);

/* Reads the size of the file, as it is within a transaction. */
int disk_measure(cache_disk *disk);

/* Lets others know the size and the number of rows, once they are committed. */
int disk_publish(cache_disk *disk);

/* disk_read through a connection of the caller's own. */
disk_outcome disk_read_through(const cache_disk *disk, connection *through, uint64_t key, disk_found *found,
                               lumen_error *error);

#endif
