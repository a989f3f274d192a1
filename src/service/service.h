/*
 * service.h: `lumen serve`, the HTTP service of docs/service.md.
 *
 *     service_options options = {.address = "127.0.0.1", .port = 8080, .engines = &engines, ...};
 *     service *running;
 *     status = service_start(&options, &running, &error);    // the port is bound when this returns
 *     ... until somebody wants it to end ...
 *     service_stop(running);                                 // drains, then ends
 *
 * Starting binds the port and returns; tables, cache, engines' processes and models open behind it on a thread of their
 * own, and until they are there /health/ready and all work answer 503. A request's way:
 *
 *     http  ->  routes.c (path, method, key, rate limit)  ->  the route's handler
 *     POST /generate: generate.c: order_read -> pipeline_plan_request -> cache_find -> executor_join -> answer.c
 *                     works.c: which engine, which of the two executors
 *
 * Stopping: no connection is taken any more, and readiness is 503 for those there are; what is in flight is finished
 * for at most drain_seconds; what is then left is cancelled and answered 503; pending cache entries are written.
 */
#ifndef LUMEN_SERVICE_SERVICE_H
#define LUMEN_SERVICE_SERVICE_H

#include "host/host.h"
#include "log/log.h"
#include "service/secret.h"

typedef struct service service;

typedef struct service_options {
    const char *address;
    uint16_t port;               /* 0: any that is free */
    unsigned threads;            /* of the HTTP server; 0: two per core, at most 8 */
    const secret *api_key;       /* not set: no key; then `address` must be a loopback one */
    const char *allowed_origins; /* separated by commas or blanks; NULL: none */
    const char *trusted_proxies; /* service/client.h; NULL: none */
    size_t body_bytes_max;
    size_t image_bytes_max;   /* of the picture in a request, before it is written as base64; comes on top */
    double rate_limit;        /* requests a minute and client; 0: none */
    double engine_rate_limit; /* those that reach an engine */
    bool debug_routes;

    const char *cache_folder; /* NULL: memory only */
    uint64_t cache_bytes_max;
    size_t memory_cache_bytes;
    size_t memory_cache_items;

    unsigned workers;       /* engine processes; 0: one per core, at most 4 */
    uint32_t queue_max;     /* requests that may wait for an engine */
    double request_seconds; /* the longest that a request may take */
    double network_seconds; /* the same of one for an engine that runs networks */
    double drain_seconds;
    uint64_t memory_budget_bytes; /* of the models of one engine process; 0: no bound */

    /* What makes shapes. The program and arguments start a host of these same engines (host/host.h). */
    const host_engines *engines;
    const char *program;
    const char *const *host_arguments;
    /* Engines that run networks, best first, in one process of their own beside those above, since their weights are
     * gigabytes; it takes one order at a time. NULL: there are none, and `no_networks` says why and how to mend it. */
    const host_engines *networks;
    const char *const *network_arguments;
    const char *no_networks;
    /* Opens the library that understands requests; it must know the engines of both. Called on a thread of the
     * service's.
     */
    lumen_status (*open_library)(void *user, lumen **out, lumen_error *error);
    void *user;
    log_sink *log;
} service_options;

/* The options are not copied: what they point to lives as long as the service. Errors: LUMEN_ERROR_INVALID (a setting
 * makes no sense, no key on an address that others reach), LUMEN_ERROR_IO (the port), LUMEN_ERROR_MEMORY. */
lumen_status service_start(const service_options *options, service **out, lumen_error *error);

uint16_t service_port(const service *running);

/* True once opening failed for good (the library cannot be opened): the program should stop and say so. */
bool service_failed(const service *running);

/* Drains and ends it. False when an exchange could not be brought to its end: what it may touch is still there, and the
 * program should end without giving anything back. */
bool service_stop(service *running);

#endif
