/*
 * works.h: who works in this service: which engine does an order, whether it can now, and the executor it goes to.
 *
 *     const char *engine = works_best(running, why);                       // what "auto" means at this moment
 *     executor *all = works_executor(running, engine);                     // NULL: nobody here has it
 *     ... executor_join(all, ...); in `finished`:
 *     work_result *made = outcome->result;                                 // made->entry: a shape; made->picture: a
 * file work_result_release(made);
 *
 * There are two executors: that of the procedural engine, with a slot for each of its processes, and, where there are
 * weights, that of the engines that run networks, with one slot, a queue and a deadline of its own. Both look shapes up
 * in the same cache and store them there; pictures, which the second makes too, are not kept.
 *
 * Any thread; what is said of readiness may be different a moment later.
 */
#ifndef LUMEN_SERVICE_WORKS_H
#define LUMEN_SERVICE_WORKS_H

#include "service/internal.h"

enum { WORKS_REASON_BYTES = 256 };

/* What an outcome has to show: one of the two. Counted references. */
typedef struct work_result {
    atomic_size_t references;
    cache_entry *entry;
    http_content *picture;
} work_result;

void work_result_release(work_result *made); /* NULL is fine */

/* The executor of the processes, then that of the networks if there are any, with their processes. What was opened when
 * this fails is the service's to close. */
lumen_status works_open_hosts(service *running, lumen_error *error);
lumen_status works_open_executors(service *running, lumen_error *error);

/* The best engine for shapes that can work now; the procedural one, always there, in the end. `why` says why a better
 * one that should be there is not, "" where none is missing or it is still being loaded. */
const char *works_best(service *running, char why[WORKS_REASON_BYTES]);

/* The engine for shapes that needs no networks. */
const char *works_fallback(const service *running);

/* The engine that makes pictures; NULL: none here. */
const char *works_painter(const service *running);

/* Where orders for an engine go, and how many it takes at once. NULL: no process here has it. */
executor *works_executor(service *running, const char *name);
uint32_t works_batch(const service *running, const char *name);

/* Whether an engine can work now. If not: answers a visit 503, with how far the loading is or what to do. */
bool works_can(visit *one, const char *name);

/* 503 for "auto" with a picture of the client's own, when nothing takes one now. */
void works_answer_no_image(visit *one);

#endif
