/*
 * table.h: what the program `lumen` offers in its hosts.
 *
 *     status = host_table_open(&(host_table_options){.concepts_path = path}, &table, &error);   // loads nothing yet
 *     ... the service:  hosts.offered = host_table_offered(table);
 *     ... the host:     exit_status = host_main(host_table_offered(table), descriptor);
 *     host_table_close(table);
 *
 * Both sides open the same table. Now it holds one model, "procedural", which is an open liblumen, and the engine of
 * the same name. An engine that runs networks gets its models and its line in the lists of table.c; it may stand before
 * "procedural", as "auto" takes the first whose models are loaded. A program may name further engines that work
 * through liblumen, and add them to it (pipeline_add_engine) when it is opened: the tests do.
 */
#ifndef LUMEN_HOST_TABLE_H
#define LUMEN_HOST_TABLE_H

#include "host/host.h"

enum { HOST_TABLE_MORE_MAX = 8 };

typedef struct host_table host_table;

typedef struct host_table_options {
    const char *concepts_path; /* a file of more shapes (docs/sculpting.md); NULL: none */
    const char *const *more;   /* names of further engines, NULL-terminated; NULL: none */
    /* Called on the thread that loads when the library has been opened, to add those engines. May be NULL. */
    lumen_status (*opened)(void *user, lumen *library, lumen_error *error);
    /* Called before the library is closed. May be NULL. */
    void (*closing)(void *user);
    void *user;
} host_table_options;

/* The texts and what `user` is stay the caller's and live as long as the table. Errors: LUMEN_ERROR_MEMORY,
 * LUMEN_ERROR_INVALID (too many engines). */
lumen_status host_table_open(const host_table_options *options, host_table **out, lumen_error *error);
const host_engines *host_table_offered(const host_table *table);
void host_table_close(host_table *table); /* NULL is fine */

/* Opens a library like that of the table's hosts, for the service to understand requests with. Errors as lumen_open's;
 * LUMEN_ERROR_IO when the file of concepts cannot be read. */
lumen_status host_table_open_library(const host_table_options *options, lumen **out, lumen_error *error);

#endif
