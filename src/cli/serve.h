/*
 * serve.h: `lumen serve` and the process that hosts its engines, for a program that says which engines there are.
 *
 *     static const serve_program program = {.offer = lumen_engines_offer, .open_library = lumen_engines_open_library};
 *     if (strcmp(name, "serve") == 0)        return serve_run(&program, count, arguments);
 *     if (strcmp(name, "engine-host") == 0)  return serve_host(&program, count, arguments);
 *     if (strcmp(name, "network-host") == 0) return serve_networks(&program, count, arguments);
 *
 * `lumen` is such a program, and so is the one that the tests run, which has engines that are slow, hang and crash.
 */
#ifndef LUMEN_CLI_SERVE_H
#define LUMEN_CLI_SERVE_H

#include "host/host.h"
#include "host/lumen_networks.h"

typedef struct serve_program {
    /* Makes the table of engines, for lumen_engines_withdraw; `concepts` names a file of further shapes, or is NULL. */
    lumen_status (*offer)(const char *concepts, host_engines *out, lumen_error *error);
    /* Opens a library that knows the same engines, and those of networks (host/lumen_engines.h). */
    lumen_status (*open_library)(const char *concepts, const char *folder, uint64_t memory_budget, lumen **out,
                                 lumen_error *error);
    /* Makes the table of the engines that run networks, and gives it back. LUMEN_ERROR_UNAVAILABLE: their weights are
     * not there; the service does without. NULL: this program has no such. */
    lumen_status (*offer_networks)(const lumen_networks_options *options, host_engines *out, lumen_error *error);
    void (*withdraw_networks)(host_engines *offered);
    /* The folder of models, when none is given (NULL) or one is; NULL where offer_networks is. */
    lumen_status (*find_models)(const char *given, char *out, size_t capacity, lumen_error *error);
} serve_program;

int serve_run(const serve_program *program, int count, char **arguments);
int serve_host(const serve_program *program, int count, char **arguments);
int serve_networks(const serve_program *program, int count, char **arguments);

#endif
