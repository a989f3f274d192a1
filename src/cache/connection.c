#include "cache/connection.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cache/row.h"

enum {
    APPLICATION_ID = 0x4c756d43, /* "LumC" */
    SCHEMA_VERSION = 1,
    PAGE_BYTES = 8192,
    /* A whole check reads all of the file, so only small files get one. */
    CHECKED_BYTES_MAX = 16 << 20
};

/* To the letter, as SQLite keeps it: a file with anything else is not ours. In the order of their names. */
#define SHAPE_COLUMNS                                                                                                  \
    "key INTEGER PRIMARY KEY, version INTEGER NOT NULL, identity TEXT NOT NULL, packed_size INTEGER NOT NULL, "        \
    "checksum INTEGER NOT NULL, last_used INTEGER NOT NULL"
static const char *const schema[] = {
    "CREATE TABLE body (key INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT",
    "CREATE TABLE shape (" SHAPE_COLUMNS ") STRICT",
    "CREATE INDEX shape_by_use ON shape (last_used)",
};
enum { SCHEMA_OBJECTS = sizeof schema / sizeof *schema };

static const char *const statements[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [READ] = "SELECT version, identity, packed_size, checksum, bytes FROM shape LEFT JOIN body USING (key) "
             "WHERE shape.key = ?1",
    [RECENT] = "SELECT key FROM shape ORDER BY last_used DESC LIMIT ?1",
    [COUNT] = "SELECT count(*) FROM shape",
    [OLDEST] = "SELECT key FROM shape ORDER BY last_used LIMIT 1",
    [IDENTITY] = "SELECT identity FROM shape WHERE key = ?1",
    [PUT_SHAPE] = "INSERT OR REPLACE INTO shape (key, version, identity, packed_size, checksum, last_used) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_BODY] = "INSERT OR REPLACE INTO body (key, bytes) VALUES (?1, ?2)",
    [DELETE_SHAPE] = "DELETE FROM shape WHERE key = ?1",
    [DELETE_BODY] = "DELETE FROM body WHERE key = ?1",
    [IS_STILL] = "SELECT 1 FROM shape WHERE key = ?1 AND CAST(checksum AS INTEGER) = ?2",
    [USE] = "UPDATE shape SET last_used = ?2 WHERE key = ?1 AND last_used < ?2",
    [PAGE_SIZE] = "PRAGMA page_size",
    [PAGES] = "PRAGMA page_count",
    [FREE_PAGES] = "PRAGMA freelist_count",
};

void connection_close(connection *open)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(open->prepared[i]);
    sqlite3_close(open->database);
    *open = (connection){0};
}

/* The first column of the first row of a query without parameters. */
static int read_number(sqlite3 *database, const char *query, int64_t *number)
{
    sqlite3_stmt *prepared = NULL;
    int code = sqlite3_prepare_v2(database, query, -1, &prepared, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(prepared);
        *number = code == SQLITE_ROW ? sqlite3_column_int64(prepared, 0) : 0;
        code = code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_ERROR : code;
    }
    sqlite3_finalize(prepared);
    return code;
}

static int execute(sqlite3 *database, const char *commands)
{
    return sqlite3_exec(database, commands, NULL, NULL, NULL);
}

int connection_open(connection *open, const char *file, int busy_milliseconds)
{
    *open = (connection){0};
    int code = sqlite3_open_v2(file, &open->database,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3 *database = open->database;
    sqlite3_extended_result_codes(database, 1);
    sqlite3_busy_timeout(database, busy_milliseconds);
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    /* A value and the row around it. What is larger gives SQLITE_TOOBIG instead of memory. */
    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, (int)(ROW_BODY_BYTES_MAX + ROW_IDENTITY_BYTES_MAX + 1024));
    return execute(database, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0");
}

int connection_prepare(connection *open)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        int code =
            sqlite3_prepare_v3(open->database, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &open->prepared[i], NULL);
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}

int connection_run(connection *open, statement which)
{
    sqlite3_stmt *prepared = open->prepared[which];
    int code = sqlite3_step(prepared);
    sqlite3_reset(prepared);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

int connection_run_with_key(connection *open, statement which, uint64_t key)
{
    sqlite3_bind_int64(open->prepared[which], 1, (int64_t)key);
    return connection_run(open, which);
}

int connection_number(connection *open, statement which, int64_t *number)
{
    sqlite3_stmt *prepared = open->prepared[which];
    int code = sqlite3_step(prepared);
    *number = code == SQLITE_ROW ? sqlite3_column_int64(prepared, 0) : 0;
    sqlite3_reset(prepared);
    return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* ---- Whose file it is ------------------------------------------------------------------------------------------- */

/* An empty file becomes ours. The pragmas take effect only before the first table. */
static int begin_file(sqlite3 *database)
{
    char commands[256];
    snprintf(commands, sizeof commands, "PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL", PAGE_BYTES);
    int code = execute(database, commands);
    if (code == SQLITE_OK)
        code = execute(database, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < SCHEMA_OBJECTS && code == SQLITE_OK; i++)
        code = execute(database, schema[i]);
    snprintf(commands, sizeof commands, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID,
             SCHEMA_VERSION);
    return code == SQLITE_OK ? execute(database, commands) : code;
}

/* SQLITE_OK with *same telling whether the schema is the one above. */
static int compare_schema(sqlite3 *database, bool *same)
{
    sqlite3_stmt *prepared = NULL;
    int code = sqlite3_prepare_v2(database, "SELECT sql FROM sqlite_schema ORDER BY name", -1, &prepared, NULL);
    *same = true;
    size_t count = 0;
    while (code == SQLITE_OK && (code = sqlite3_step(prepared)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(prepared, 0);
        *same = *same && count < SCHEMA_OBJECTS && text != NULL && strcmp(text, schema[count]) == 0;
        count++;
        code = SQLITE_OK;
    }
    *same = *same && count == SCHEMA_OBJECTS;
    sqlite3_finalize(prepared);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* SQLite's own check of the file's structure. Rows carry checksums, so this only spares us from meeting damage later.
 */
static int check(sqlite3 *database)
{
    sqlite3_stmt *prepared = NULL;
    int code = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &prepared, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(prepared)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(prepared, 0);
        code = text != NULL && strcmp(text, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(prepared);
    return code;
}

int connection_recognize(connection *open, connection_kind *kind)
{
    sqlite3 *database = open->database;
    int64_t application = 0, objects = 0, pages = 0, page_bytes = 0;
    *kind = (connection_kind){0};
    int code = read_number(database, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = read_number(database, "PRAGMA user_version", &kind->version);
    if (code == SQLITE_OK)
        code = read_number(database, "SELECT count(*) FROM sqlite_schema", &objects);
    if (code == SQLITE_OK && application == 0 && kind->version == 0 && objects == 0) {
        code = begin_file(database);
        application = APPLICATION_ID;
        kind->version = SCHEMA_VERSION;
    }
    if (code == SQLITE_OK && application == APPLICATION_ID && kind->version == SCHEMA_VERSION)
        code = compare_schema(database, &kind->ours);
    if (code != SQLITE_OK || !kind->ours)
        return code;
    code = read_number(database, "PRAGMA page_count", &pages);
    if (code == SQLITE_OK)
        code = read_number(database, "PRAGMA page_size", &page_bytes);
    if (code == SQLITE_OK && pages * page_bytes <= CHECKED_BYTES_MAX)
        code = check(database);
    return code;
}

int connection_execute(connection *open, const char *commands)
{
    return execute(open->database, commands);
}
