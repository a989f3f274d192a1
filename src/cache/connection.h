/*
 * connection.h: one connection to the cache's SQLite file, with its statements prepared and every guard up that SQLite
 * has against a hostile file.
 *
 *     connection open;
 *     int code = connection_open(&open, file, milliseconds);
 *     if (code == SQLITE_OK)
 *         code = connection_recognize(&open, &recognized);
 *     if (code == SQLITE_OK)
 *         code = connection_prepare(&open);
 *     ... connection_run_with_key(&open, DELETE_BODY, key) ...
 *     connection_close(&open);                       // also after a failure
 *
 * Functions return SQLite's extended result codes.
 */
#ifndef LUMEN_CACHE_CONNECTION_H
#define LUMEN_CACHE_CONNECTION_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    READ,
    RECENT,
    COUNT,
    OLDEST,
    IDENTITY,
    PUT_SHAPE,
    PUT_BODY,
    DELETE_SHAPE,
    DELETE_BODY,
    IS_STILL,
    USE,
    PAGE_SIZE,
    PAGES,
    FREE_PAGES,
    STATEMENTS
} statement;

typedef struct connection {
    sqlite3 *database; /* NULL: closed */
    sqlite3_stmt *prepared[STATEMENTS];
} connection;

int connection_open(connection *open, const char *file, int busy_milliseconds);
void connection_close(connection *open);

typedef struct connection_kind {
    bool ours;       /* application, version and schema are those of this program */
    int64_t version; /* that the file says it has */
} connection_kind;

/* Says whether the file is ours, after making it so when it is empty. Checks a small file as a whole: SQLITE_CORRUPT.
 */
int connection_recognize(connection *open, connection_kind *kind);

int connection_prepare(connection *open);

int connection_execute(connection *open, const char *commands);

/* Runs a prepared statement that gives no rows, and whose parameters are bound. */
int connection_run(connection *open, statement which);
int connection_run_with_key(connection *open, statement which, uint64_t key);

/* The number that a prepared statement gives, whose parameters are bound; SQLITE_DONE: it gave none. */
int connection_number(connection *open, statement which, int64_t *number);

#endif
