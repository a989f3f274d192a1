/*
 * serve.h: `lumen serve` and the process that hosts its engines, for a program that says which engines there are.
 *
 *     static const serve_program program = {.offer = lumen_engines_offer, .open_library = lumen_engines_open_library};
 *     if (strcmp(name, "serve") == 0)       return serve_run(&program, count, arguments);
 *     if (strcmp(name, "engine-host") == 0) return serve_host(&program, count, arguments);
 *     if (strcmp(name, "image-host") == 0)  return serve_painter(&program, count, arguments);
 *
 * `lumen` is such a program, and so is the one that the tests run, which has engines that are slow, hang and crash.
 */
#ifndef LUMEN_CLI_SERVE_H
#define LUMEN_CLI_SERVE_H

#include "host/host.h"

typedef struct serve_program {
    /* Makes the table of engines, for lumen_engines_withdraw; `concepts` names a file of further shapes, or is NULL. */
    lumen_status (*offer)(const char *concepts, host_engines *out, lumen_error *error);
    /* Opens a library that knows the same engines. */
    lumen_status (*open_library)(const char *concepts, lumen **out, lumen_error *error);
    /* Makes the table of the engine that paints, from the models in `models` (NULL: where they usually are), and gives
     * it back. LUMEN_ERROR_UNAVAILABLE: they are not there; the service does without. NULL: this program has no such.
     */
    lumen_status (*offer_painters)(const char *models, host_engines *out, lumen_error *error);
    void (*withdraw_painters)(host_engines *offered);
} serve_program;

int serve_run(const serve_program *program, int count, char **arguments);
int serve_host(const serve_program *program, int count, char **arguments);
int serve_painter(const serve_program *program, int count, char **arguments); /* "image-host" */

#endif
