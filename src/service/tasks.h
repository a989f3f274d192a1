/*
 * tasks.h: a few threads for work that would hold up the HTTP server's: reading the disk, writing pictures.
 *
 *     tasks *pool = tasks_create(2, 256);
 *     if (!tasks_add(pool, run, user)) ... 503: too many wait ...
 *     tasks_destroy(pool);                       // after what was added has run
 */
#ifndef LUMEN_SERVICE_TASKS_H
#define LUMEN_SERVICE_TASKS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tasks tasks;

/* NULL when memory or threads run out. */
tasks *tasks_create(unsigned threads, size_t waiting_max);

/* Has run(user) called by a thread of the pool. False, and nothing is called, when too many wait already. */
bool tasks_add(tasks *pool, void (*run)(void *user), void *user);

/* Runs what waits, then ends. NULL is fine. */
void tasks_destroy(tasks *pool);

#endif
