/* One transaction of the cache's file: remove what is bad, note what was used, make room, write what is new. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cache/disk_inside.h"

enum {
    VACUUM_PAGES_AT_ONCE = 2048,
    ROW_PAGES = 3,  /* that a row may take beyond its bytes: ends of pages, inner pages of the tables */
    FILE_PAGES = 10 /* of a file without rows, generously */
};

/* ---- Room ---------------------------------------------------------------------------------------------------- */

static uint64_t used_bytes(const cache_disk *disk)
{
    return (uint64_t)((disk->pages - disk->free_pages) * disk->page_bytes);
}

bool disk_is_overfull(const cache_disk *disk)
{
    return disk->writer.database != NULL && (uint64_t)(disk->pages * disk->page_bytes) > disk->bytes_max;
}

bool disk_is_nearly_full(const cache_disk *disk)
{
    return used_bytes(disk) > disk->bytes_max - disk->bytes_max / 8;
}

static int delete_row(connection *writer, uint64_t key)
{
    int code = connection_run_with_key(writer, DELETE_SHAPE, key);
    return code == SQLITE_OK ? connection_run_with_key(writer, DELETE_BODY, key) : code;
}

/* Deletes what was used longest ago until `wanted` bytes are free below the bound. SQLITE_DONE: it cannot be done in
 * this transaction. */
static int make_room(cache_disk *disk, disk_change *change, uint64_t wanted)
{
    while (used_bytes(disk) + wanted > disk->bytes_max) {
        int64_t key;
        if (change->evicted_count == DISK_EVICTED_MAX)
            return SQLITE_DONE;
        int code = connection_number(&disk->writer, OLDEST, &key);
        if (code == SQLITE_DONE)
            return SQLITE_OK; /* no row is left: the file is as small as it gets */
        if (code == SQLITE_OK)
            code = delete_row(&disk->writer, (uint64_t)key);
        if (code == SQLITE_OK)
            code = disk_measure(disk);
        if (code != SQLITE_OK)
            return code;
        change->evicted[change->evicted_count++] = (uint64_t)key;
        for (size_t i = 0; i < change->item_count; i++)
            if (change->items[i].key == (uint64_t)key && change->items[i].fate == DISK_WRITTEN)
                change->items[i].fate = DISK_TOO_LARGE;
    }
    return SQLITE_OK;
}

/* A file that is larger than its bound, because that was lowered, gives back the pages that nobody uses; some at a
 * time, so that the log stays small. */
static int shrink(cache_disk *disk, disk_change *change)
{
    if (!disk_is_overfull(disk))
        return SQLITE_OK;
    int code = make_room(disk, change, 0);
    if (code != SQLITE_OK && code != SQLITE_DONE)
        return code;
    char command[64];
    snprintf(command, sizeof command, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES_AT_ONCE);
    code = connection_execute(&disk->writer, command);
    return code == SQLITE_OK ? disk_measure(disk) : code;
}

/* ---- What a transaction does --------------------------------------------------------------------------------- */

static int remove_bad(cache_disk *disk, disk_change *change)
{
    for (size_t i = 0; i < change->removal_count; i++) {
        const disk_removal *removal = &change->removals[i];
        int64_t found;
        sqlite3_bind_int64(disk->writer.prepared[IS_STILL], 2, removal->checksum);
        sqlite3_bind_int64(disk->writer.prepared[IS_STILL], 1, (int64_t)removal->key);
        int code = connection_number(&disk->writer, IS_STILL, &found);
        if (code == SQLITE_OK) {
            code = delete_row(&disk->writer, removal->key);
            change->removed_count++;
        } else if (code == SQLITE_DONE) {
            code = SQLITE_OK;
        }
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}

static int note_uses(cache_disk *disk, const disk_change *change)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < change->use_count && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(disk->writer.prepared[USE], 2, change->uses[i].last_used);
        code = connection_run_with_key(&disk->writer, USE, change->uses[i].key);
    }
    return code;
}

/* SQLITE_DONE when another identity has the key. A row of another identity that is itself damaged gives way. */
static int look_for_other(cache_disk *disk, const disk_item *item)
{
    sqlite3_stmt *at = disk->writer.prepared[IDENTITY];
    sqlite3_bind_int64(at, 1, (int64_t)item->key);
    int code = sqlite3_step(at);
    bool other = false;
    if (code == SQLITE_ROW) {
        const char *identity = (const char *)sqlite3_column_text(at, 0);
        other = identity != NULL && strcmp(identity, item->identity) != 0;
    }
    sqlite3_reset(at);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? SQLITE_OK : code;
    if (!other)
        return SQLITE_OK;
    disk_found found;
    disk_outcome outcome = disk_read_through(disk, &disk->writer, item->key, &found, NULL);
    if (outcome == DISK_FINE) {
        blob_release(found.packed);
        free(found.identity);
    }
    return outcome == DISK_BAD_ROW ? SQLITE_OK : SQLITE_DONE;
}

static int put(cache_disk *disk, const disk_item *item, const cache_row *row)
{
    sqlite3_stmt *shape = disk->writer.prepared[PUT_SHAPE], *body = disk->writer.prepared[PUT_BODY];
    sqlite3_bind_int64(shape, 1, (int64_t)row->key);
    sqlite3_bind_int64(shape, 2, row->version);
    sqlite3_bind_text(shape, 3, row->identity, (int)row->identity_size, SQLITE_STATIC);
    sqlite3_bind_int64(shape, 4, row->packed_size);
    sqlite3_bind_int64(shape, 5, (int64_t)row->checksum);
    sqlite3_bind_int64(shape, 6, item->last_used);
    sqlite3_bind_int64(body, 1, (int64_t)row->key);
    sqlite3_bind_blob64(body, 2, row->body, row->body_size, SQLITE_STATIC);
    int code = connection_run(&disk->writer, PUT_SHAPE);
    if (code == SQLITE_OK)
        code = connection_run(&disk->writer, PUT_BODY);
    sqlite3_clear_bindings(shape);
    sqlite3_clear_bindings(body);
    return code;
}

/* SQLITE_DONE: the rest is for another transaction. */
static int write_item(cache_disk *disk, disk_change *change, disk_item *item)
{
    cache_row row;
    lumen_error ignored;
    lumen_status status = row_encode(disk->coder, item->key, item->identity, item->packed, &row, &ignored);
    if (status == LUMEN_ERROR_MEMORY)
        return SQLITE_NOMEM;
    uint64_t wanted =
        status == LUMEN_OK ? row.body_size + row.identity_size + ROW_PAGES * (uint64_t)disk->page_bytes : 0;
    if (status != LUMEN_OK || wanted + FILE_PAGES * (uint64_t)disk->page_bytes > disk->bytes_max) {
        item->fate = DISK_TOO_LARGE;
        return SQLITE_OK;
    }
    int code = look_for_other(disk, item);
    if (code == SQLITE_DONE) {
        item->fate = DISK_COLLIDED;
        return SQLITE_OK;
    }
    if (code == SQLITE_OK)
        code = make_room(disk, change, wanted);
    if (code == SQLITE_OK)
        code = put(disk, item, &row);
    if (code == SQLITE_OK)
        code = disk_measure(disk);
    if (code == SQLITE_OK) {
        item->fate = DISK_WRITTEN;
        change->bytes_written += row.body_size;
    }
    return code;
}

static int do_all(cache_disk *disk, disk_change *change)
{
    int code = remove_bad(disk, change);
    if (code == SQLITE_OK)
        code = note_uses(disk, change);
    if (code == SQLITE_OK)
        code = shrink(disk, change);
    for (size_t i = 0; i < change->item_count && code == SQLITE_OK; i++)
        code = write_item(disk, change, &change->items[i]);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Whether the file that is open is still the one of that name. SQLite would go on writing to one that was deleted. */
static bool has_moved(connection *writer)
{
    int moved = 0;
    return sqlite3_file_control(writer->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

disk_outcome disk_write(cache_disk *disk, disk_change *change, lumen_error *error)
{
    connection *writer = &disk->writer;
    change->evicted_count = change->removed_count = 0;
    change->bytes_written = 0;
    for (size_t i = 0; i < change->item_count; i++)
        change->items[i].fate = DISK_NOT_YET;
    if (writer->database == NULL) {
        lumen_fail(error, LUMEN_ERROR_IO, "the cache file is closed; it is opened again");
        return DISK_FAILED;
    }
    int code = has_moved(writer) ? SQLITE_READONLY_DBMOVED : connection_run(writer, BEGIN);
    if (code == SQLITE_OK) {
        code = disk_measure(disk);
        if (code == SQLITE_OK)
            code = do_all(disk, change);
        if (code == SQLITE_OK)
            code = connection_run(writer, COMMIT);
        if (code == SQLITE_OK && has_moved(writer))
            code = SQLITE_READONLY_DBMOVED;
    }
    if (code == SQLITE_OK) {
        disk_publish(disk);
        return DISK_FINE;
    }
    disk_outcome outcome = disk_fail(disk, writer->database, code, error);
    if (code == SQLITE_READONLY_DBMOVED) {
        outcome = DISK_GONE;
        lumen_fail(error, LUMEN_ERROR_IO, "the cache file %.200s was removed; a new one is begun", disk->where.file);
    }
    if (!sqlite3_get_autocommit(writer->database))
        connection_run(writer, ROLLBACK);
    for (size_t i = 0; i < change->item_count; i++)
        change->items[i].fate = DISK_NOT_YET;
    return outcome;
}

void disk_tidy(cache_disk *disk)
{
    if (disk->writer.database != NULL)
        sqlite3_wal_checkpoint_v2(disk->writer.database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}
