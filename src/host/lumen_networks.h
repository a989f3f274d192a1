/*
 * lumen_networks.h: the engines of the program `lumen` that run networks, for one process that hosts them all.
 *
 *     lumen_networks_options options = {.models = "/var/lib/lumen/models", .memory_budget = 12ull << 30};
 *     host_engines networks;
 *     status = lumen_networks_offer(&options, &networks, &error);       // a table: nothing is loaded yet
 *     ... the service: service_options.networks = &networks;  its process: host_main(&networks, descriptor) ...
 *     lumen_networks_withdraw(&networks);
 *
 *     engine         makes    where these are       with the models
 *     "partcrafter"  shapes   all of its weights    "procedural" "rmbg-1.4" "dinov2" "partcrafter" "sdxl-turbo"
 *     "sdxl-turbo"   files    SDXL Turbo's          "sdxl-turbo"
 *
 * Both work with the same loaded SDXL Turbo. "procedural" is an open liblumen, which knows the concepts and names the
 * parts. Where the budget lets all networks be held they are loaded in the background and stay; elsewhere they are
 * staged (models/models.h): their files are checked, and each is loaded for its stage of a request and given back
 * after. The engine sees to the budget itself (host_engines.own_budget).
 *
 * The files of "sdxl-turbo" are PNG pictures of the text's canonical prompt, of 512 by 512 pixels: the bytes that
 * `lumen image` writes for the same text, seed and steps.
 */
#ifndef LUMEN_HOST_LUMEN_NETWORKS_H
#define LUMEN_HOST_LUMEN_NETWORKS_H

#include "host/host.h"

/* The texts live as long as the table. */
typedef struct lumen_networks_options {
    const char *models;     /* the folder of models, or of SDXL Turbo alone */
    const char *concepts;   /* a file of more shapes; NULL: none */
    uint64_t memory_budget; /* bytes; 0: what the machine has free */
} lumen_networks_options;

/* Both sides make the same table, unless files come or go in between; then an engine that the process has not is
 * LUMEN_ERROR_UNAVAILABLE there. Errors: LUMEN_ERROR_UNAVAILABLE (no engine has its weights; how to get them),
 * LUMEN_ERROR_INVALID (a path that is too long), LUMEN_ERROR_MEMORY. */
lumen_status lumen_networks_offer(const lumen_networks_options *options, host_engines *out, lumen_error *error);
void lumen_networks_withdraw(host_engines *offered);

#endif
