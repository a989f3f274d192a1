/*
 * lumen_engines.h: the engines of the program `lumen`, and the library that understands requests for them.
 *
 *     host_engines engines;
 *     status = lumen_engines_offer(concepts, &engines, &error);         // a table: nothing is loaded yet
 *     ... the service:  hosts.offered = &engines;  lumen_engines_open_library(concepts, models, 0, &library, ...);
 *     ... the host:     exit_status = host_main(&engines, descriptor);
 *     lumen_engines_withdraw(&engines);
 *
 * Both sides make the same table. It holds one model, "procedural", which is an open liblumen, and the engine of that
 * name. The engines that run networks have a process and a table of their own (lumen_networks.h). A program may offer
 * further engines that work through liblumen: the tests do.
 *
 * `concepts` is the path of a file of more shapes (docs/sculpting.md), or NULL; it lives as long as the table.
 */
#ifndef LUMEN_HOST_LUMEN_ENGINES_H
#define LUMEN_HOST_LUMEN_ENGINES_H

#include "host/host.h"

enum { LUMEN_ENGINES_MORE_MAX = 8 };

/* Further engines. The texts are the caller's and live as long as the table. */
typedef struct lumen_engines_more {
    const char *const *names; /* NULL-terminated */
    /* Makes them known to a library that has just been opened (pipeline_add_engine). */
    lumen_status (*add)(lumen *library, lumen_error *error);
} lumen_engines_more;

/* Errors: LUMEN_ERROR_MEMORY, LUMEN_ERROR_INVALID (too many engines). */
lumen_status lumen_engines_offer(const char *concepts, host_engines *out, lumen_error *error);
lumen_status lumen_engines_offer_more(const char *concepts, const lumen_engines_more *more, host_engines *out,
                                      lumen_error *error);

/* Gives back a table of either. */
void lumen_engines_withdraw(host_engines *offered);

/* Opens a library that knows the shapes of `concepts` and the engines whose weights are in `folder` (NULL:
 * none that runs networks), which may take `memory_budget` bytes (0: what is free); nothing of them is loaded or read.
 * Errors: LUMEN_ERROR_IO (the file), LUMEN_ERROR_INVALID (what it holds), LUMEN_ERROR_MEMORY. */
lumen_status lumen_engines_open_library(const char *concepts, const char *folder, uint64_t memory_budget, lumen **out,
                                        lumen_error *error);

#endif
