/* Opening and reading the cache's file; disk_write.c writes it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cache/disk_inside.h"

enum { WRITER_BUSY_MILLISECONDS = 2000, READER_BUSY_MILLISECONDS = 1000, LOG_BYTES_KEPT = 8 << 20, LOG_PAGES = 512 };

/* ---- Errors ------------------------------------------------------------------------------------------------ */

static disk_outcome outcome_of(sqlite3 *database, int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return DISK_BUSY;
    case SQLITE_FULL: return DISK_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return DISK_CORRUPT;
    case SQLITE_READONLY: return code == SQLITE_READONLY_DBMOVED ? DISK_GONE : DISK_FAILED;
    default: break;
    }
    /* Where there is no space for the log's index, that is an input/output error. */
    int reason = database == NULL ? 0 : sqlite3_system_errno(database);
    return (code & 0xff) == SQLITE_IOERR && (reason == ENOSPC || reason == EDQUOT) ? DISK_FULL : DISK_FAILED;
}

disk_outcome disk_fail(const cache_disk *disk, sqlite3 *database, int code, lumen_error *error)
{
    disk_outcome outcome = outcome_of(database, code);
    const char *reason = database == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(database);
    const char *mend = outcome == DISK_FULL      ? "free space"
                       : outcome == DISK_BUSY    ? "it is tried again"
                       : outcome == DISK_CORRUPT ? "a new one is begun"
                                                 : "look after the disk and the folder's permissions";
    lumen_fail(error, code == SQLITE_NOMEM ? LUMEN_ERROR_MEMORY : LUMEN_ERROR_IO, "the cache file %.200s: %.80s; %s",
               disk->where.file, reason, mend);
    return outcome;
}

/* ---- Opening --------------------------------------------------------------------------------------------------- */

int disk_measure(cache_disk *disk)
{
    int code = connection_number(&disk->writer, PAGES, &disk->pages);
    if (code == SQLITE_OK)
        code = connection_number(&disk->writer, FREE_PAGES, &disk->free_pages);
    return code;
}

int disk_publish(cache_disk *disk)
{
    int64_t items;
    int code = connection_number(&disk->writer, COUNT, &items);
    if (code != SQLITE_OK)
        return code;
    atomic_store_explicit(&disk->items, (uint64_t)items, memory_order_relaxed);
    atomic_store_explicit(&disk->bytes, (uint64_t)(disk->pages * disk->page_bytes), memory_order_relaxed);
    return SQLITE_OK;
}

static disk_outcome open_writer(cache_disk *disk, lumen_error *error)
{
    connection *writer = &disk->writer;
    connection_kind kind = {0};
    int code = connection_open(writer, disk->where.file, WRITER_BUSY_MILLISECONDS);
    if (code == SQLITE_OK)
        code = connection_recognize(writer, &kind);
    if (code == SQLITE_OK && !kind.ours) {
        lumen_fail(error, LUMEN_ERROR_IO,
                   "the cache file %.200s belongs to another version (%lld) or program; choose another folder",
                   disk->where.file, (long long)kind.version);
        return DISK_OTHER_VERSION;
    }
    char commands[256];
    snprintf(commands, sizeof commands,
             "PRAGMA journal_mode = %s; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = %d; "
             "PRAGMA wal_autocheckpoint = %d",
             disk->where.mappable ? "WAL" : "DELETE", LOG_BYTES_KEPT, LOG_PAGES);
    if (code == SQLITE_OK)
        code = connection_execute(writer, commands);
    if (code == SQLITE_OK)
        code = connection_prepare(writer);
    if (code == SQLITE_OK)
        code = connection_number(writer, PAGE_SIZE, &disk->page_bytes);
    if (code == SQLITE_OK)
        code = disk_measure(disk);
    if (code == SQLITE_OK)
        code = disk_publish(disk);
    /* Does the file take writes at all? */
    if (code == SQLITE_OK)
        code = connection_run(writer, BEGIN);
    if (code == SQLITE_OK)
        code = connection_run(writer, COMMIT);
    return code == SQLITE_OK ? DISK_FINE : disk_fail(disk, writer->database, code, error);
}

static disk_outcome open_reader(cache_disk *disk, lumen_error *error)
{
    connection reader;
    int code = connection_open(&reader, disk->where.file, READER_BUSY_MILLISECONDS);
    if (code == SQLITE_OK)
        code = connection_prepare(&reader);
    if (code == SQLITE_OK)
        code = connection_execute(&reader, "PRAGMA query_only = ON");
    if (code != SQLITE_OK) {
        disk_outcome outcome = disk_fail(disk, reader.database, code, error);
        connection_close(&reader);
        return outcome;
    }
    pthread_mutex_lock(&disk->reading);
    disk->reader = reader;
    pthread_mutex_unlock(&disk->reading);
    return DISK_FINE;
}

disk_outcome disk_open(cache_disk *disk, lumen_error *error)
{
    disk_shut(disk);
    if (place_enter(disk->folder, &disk->where, error) != LUMEN_OK)
        return DISK_FAILED;
    disk_outcome outcome = open_writer(disk, error);
    if (outcome == DISK_FINE)
        outcome = open_reader(disk, error);
    place_unlock(&disk->where);
    if (outcome != DISK_FINE)
        disk_shut(disk);
    return outcome;
}

void disk_shut(cache_disk *disk)
{
    pthread_mutex_lock(&disk->reading);
    connection_close(&disk->reader);
    pthread_mutex_unlock(&disk->reading);
    connection_close(&disk->writer);
    atomic_store_explicit(&disk->items, 0, memory_order_relaxed);
    atomic_store_explicit(&disk->bytes, 0, memory_order_relaxed);
}

disk_outcome disk_set_aside(cache_disk *disk, const char *reason, char aside[PATH_MAX], lumen_error *error)
{
    disk_shut(disk);
    place now;
    if (place_enter(disk->folder, &now, error) != LUMEN_OK)
        return DISK_FAILED;
    disk_outcome outcome = DISK_GONE;
    /* Another process may have set it aside and begun a new one before we got the folder's lock. */
    if (now.device == disk->where.device && now.inode == disk->where.inode)
        outcome = place_set_aside(&now, reason, aside, error) == LUMEN_OK ? DISK_FINE : DISK_FAILED;
    place_unlock(&now);
    return outcome;
}

cache_disk *disk_create(const char *folder, uint64_t bytes_max)
{
    cache_disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL)
        return NULL;
    disk->where.lock = -1;
    disk->bytes_max = bytes_max == 0 || bytes_max > INT64_MAX ? INT64_MAX : bytes_max;
    atomic_init(&disk->items, 0);
    atomic_init(&disk->bytes, 0);
    pthread_mutex_init(&disk->reading, NULL);
    disk->folder = strdup(folder);
    disk->coder = row_coder_open();
    if (disk->folder != NULL && disk->coder != NULL)
        return disk;
    disk_destroy(disk);
    return NULL;
}

void disk_destroy(cache_disk *disk)
{
    if (disk == NULL)
        return;
    disk_shut(disk);
    pthread_mutex_destroy(&disk->reading);
    row_coder_close(disk->coder);
    free(disk->folder);
    free(disk);
}

uint64_t disk_items(const cache_disk *disk)
{
    return atomic_load_explicit(&disk->items, memory_order_relaxed);
}

uint64_t disk_bytes(const cache_disk *disk)
{
    return atomic_load_explicit(&disk->bytes, memory_order_relaxed);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

enum { READ_VERSION, READ_IDENTITY, READ_PACKED_SIZE, READ_CHECKSUM, READ_BYTES };

/* Copies the row that a statement stands at out of SQLite's hands: identity, a zero, body, in one piece of memory. The
 * table is strict, but the file may have been written by anyone. */
static disk_outcome copy_row(sqlite3_stmt *at, uint64_t key, cache_row *row, void **memory, lumen_error *error)
{
    *row = (cache_row){
        .key = key,
        .version = sqlite3_column_int64(at, READ_VERSION),
        .packed_size = sqlite3_column_int64(at, READ_PACKED_SIZE),
        .checksum = (uint64_t)sqlite3_column_int64(at, READ_CHECKSUM),
    };
    if (sqlite3_column_type(at, READ_IDENTITY) != SQLITE_TEXT || sqlite3_column_type(at, READ_BYTES) != SQLITE_BLOB) {
        lumen_fail(error, LUMEN_ERROR_INVALID, "the stored shape %016llx is incomplete; it is made again",
                   (unsigned long long)key);
        return DISK_BAD_ROW;
    }
    const unsigned char *identity = sqlite3_column_text(at, READ_IDENTITY);
    const void *body = sqlite3_column_blob(at, READ_BYTES);
    row->identity_size = (size_t)sqlite3_column_bytes(at, READ_IDENTITY);
    row->body_size = (size_t)sqlite3_column_bytes(at, READ_BYTES);
    unsigned char *copy = identity == NULL || body == NULL ? NULL : malloc(row->identity_size + 1 + row->body_size);
    if (copy == NULL) {
        /* Of an empty body there is no address, and it is no frame either. */
        bool is_empty = row->body_size == 0;
        lumen_fail(error, is_empty ? LUMEN_ERROR_INVALID : LUMEN_ERROR_MEMORY,
                   "the stored shape %016llx could not be read (%s); it is made again", (unsigned long long)key,
                   is_empty ? "it is empty" : "memory ran out");
        return is_empty ? DISK_BAD_ROW : DISK_FAILED;
    }
    memcpy(copy, identity, row->identity_size);
    copy[row->identity_size] = '\0';
    memcpy(copy + row->identity_size + 1, body, row->body_size);
    row->identity = (const char *)copy;
    row->body = copy + row->identity_size + 1;
    *memory = copy;
    return DISK_FINE;
}

/* Reads a row as it stands, without looking into it. */
static disk_outcome read_row(const cache_disk *disk, connection *through, uint64_t key, cache_row *row, void **memory,
                             disk_found *found, lumen_error *error)
{
    if (through->database == NULL)
        return DISK_SHUT;
    disk_outcome outcome;
    sqlite3_stmt *at = through->prepared[READ];
    sqlite3_bind_int64(at, 1, (int64_t)key);
    int code = sqlite3_step(at);
    if (code == SQLITE_ROW) {
        found->checksum = sqlite3_column_int64(at, READ_CHECKSUM);
        outcome = copy_row(at, key, row, memory, error);
    } else if ((code & 0xff) == SQLITE_TOOBIG) {
        lumen_fail(error, LUMEN_ERROR_INVALID, "the stored shape %016llx is too large; it is made again",
                   (unsigned long long)key);
        outcome = DISK_BAD_ROW;
    } else {
        outcome = code == SQLITE_DONE ? DISK_NOTHING : disk_fail(disk, through->database, code, error);
    }
    sqlite3_reset(at);
    return outcome;
}

static disk_outcome decode(const cache_row *row, void *memory, disk_found *found, lumen_error *error)
{
    lumen_status status = row_decode(row, &found->packed, error);
    if (status != LUMEN_OK) {
        free(memory);
        return status == LUMEN_ERROR_MEMORY ? DISK_FAILED : DISK_BAD_ROW;
    }
    found->identity = memory;
    found->identity_size = row->identity_size;
    return DISK_FINE;
}

disk_outcome disk_read_through(const cache_disk *disk, connection *through, uint64_t key, disk_found *found,
                               lumen_error *error)
{
    cache_row row;
    void *memory = NULL;
    *found = (disk_found){0};
    disk_outcome outcome = read_row(disk, through, key, &row, &memory, found, error);
    return outcome == DISK_FINE ? decode(&row, memory, found, error) : outcome;
}

disk_outcome disk_read(cache_disk *disk, uint64_t key, disk_found *found, lumen_error *error)
{
    cache_row row;
    void *memory = NULL;
    *found = (disk_found){0};
    pthread_mutex_lock(&disk->reading);
    disk_outcome outcome = read_row(disk, &disk->reader, key, &row, &memory, found, error);
    pthread_mutex_unlock(&disk->reading);
    return outcome == DISK_FINE ? decode(&row, memory, found, error) : outcome;
}

disk_outcome disk_recent(cache_disk *disk, uint64_t *keys, size_t room, size_t *count, lumen_error *error)
{
    *count = 0;
    disk_outcome outcome = DISK_SHUT;
    pthread_mutex_lock(&disk->reading);
    connection *reader = &disk->reader;
    if (reader->database != NULL) {
        sqlite3_stmt *at = reader->prepared[RECENT];
        sqlite3_bind_int64(at, 1, (int64_t)room);
        int code;
        while ((code = sqlite3_step(at)) == SQLITE_ROW && *count < room)
            keys[(*count)++] = (uint64_t)sqlite3_column_int64(at, 0);
        outcome =
            code == SQLITE_DONE || code == SQLITE_ROW ? DISK_FINE : disk_fail(disk, reader->database, code, error);
        sqlite3_reset(at);
    }
    pthread_mutex_unlock(&disk->reading);
    return outcome;
}
