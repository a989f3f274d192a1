/*
 * host.h: engines run in processes of their own, so that one that crashes takes nothing with it.
 *
 * The service is one process, its engines are others: `lumen engine-host` is started once for each slot of a device,
 * over a socket pair. A host loads the models (models/models.h) in the background, says what is loaded, takes one batch
 * of orders at a time, reports progress, looks for a cancel at every progress callback, and answers with packed shapes
 * (shape/pack.h). A host that crashes fails the orders that it had in hand (LUMEN_ERROR_FAILED: "the engine ended with
 * signal 11 (Segmentation fault); ...") and is started again at once; one that hangs is killed by the executor and
 * started again. One that dies again and again before it could work is started ever more slowly, up to once in 30
 * seconds, and orders for it fail at once with LUMEN_ERROR_UNAVAILABLE. No host outlives the service, however that
 * ends.
 *
 *     // in the program that hosts engines, started by the service with a descriptor as its last argument:
 *     return host_main(&engines, descriptor);
 *
 *     // in the service:
 *     host_options options = {.program = "/proc/self/exe", .arguments = arguments, .slots = 2, ...};
 *     status = host_set_open(&options, &hosts, &error);            // starts the processes, waits for none
 *     executor_options work = {.backend = host_backend(hosts), .slots = options.slots, ...};
 *     ...
 *     executor_stop(work, 30.0);  ...  executor_close(work, 0.0);
 *     host_set_close(hosts);
 *
 * host_read_report and host_engine_ready may be called from any thread.
 */
#ifndef LUMEN_HOST_HOST_H
#define LUMEN_HOST_HOST_H

#include "base/buffer.h"
#include "executor/executor.h"
#include "models/models.h"

/* ---- What both sides know: the same program defines it for both ----------------------------------------------- */

/* What a hosting program offers. */
typedef struct host_engine {
    const char *name;          /* as in requests: "procedural" */
    uint32_t batch_max;        /* 1: no batches */
    const char *const *models; /* names, NULL-terminated: acquired for each run */
    /* Makes one shape, or, where batch_max > 1, `count` of them. `shapes[i]` is NULL where statuses[i] is not LUMEN_OK.
     * A request's engine is this one's name, whatever the client asked for, and its progress callback is to be called
     * often: it may come from any thread until generate returns, and its false calls off that request. */
    void (*generate)(void *self, const lumen_request *requests, size_t count, lumen_shape **shapes,
                     lumen_status *statuses, lumen_error *errors);
    /* Instead of generate, for an engine whose result is no shape but a file, such as a PNG picture: appends its bytes
     * to `out`, which bears SHAPE_PACK_BYTES_MAX. Called for one request at a time; the same holds for progress. */
    lumen_status (*make_file)(void *self, const lumen_request *request, buffer *out, lumen_error *error);
    void *self;
} host_engine;

typedef struct host_engines {
    const model *models;
    size_t model_count;
    const host_engine *engines; /* best first: "auto" takes the first whose models are loaded */
    size_t engine_count;
    bool own_budget; /* the models see to the budget of memory themselves: the host's does not bound them */
} host_engines;

/* The engine of that name; NULL: none, also where `offered` is NULL. */
const host_engine *host_find_engine(const host_engines *offered, const char *name);

/* ---- The side of the service ---------------------------------------------------------------------------------- */

typedef struct host_set host_set;

enum { HOST_SLOTS_MAX = 64, HOST_ARGUMENTS_MAX = 32 };

typedef struct host_options {
    const char *program; /* path of the executable, usually /proc/self/exe; lives as long as the set */
    const char *const
        *arguments; /* NULL-terminated, argv[0] first; the descriptor's number is appended; texts live on */
    const host_engines *offered; /* what the other side will offer too; lives as long as the set */
    uint32_t slots;
    uint64_t memory_budget_bytes; /* of the models of one host, unless own_budget; 0: no bound */
    log_sink *log;
    /* What is loaded has changed somewhere. From a thread of the hosts'. May be NULL. */
    void (*changed)(void *user);
    void *user;
} host_options;

lumen_status host_set_open(const host_options *options, host_set **out, lumen_error *error);
executor_backend host_backend(host_set *hosts);

/* Ends the processes: hangs up, waits two seconds, SIGKILL. The executor must be closed before. NULL is fine. */
void host_set_close(host_set *hosts);

typedef struct host_report {
    int process; /* 0: not running */
    bool ready;  /* it has said hello and takes orders */
    uint32_t starts;
    uint32_t crashes;                /* ends that nobody asked for */
    uint32_t kills;                  /* by the executor, because it hung */
    char last_end[128];              /* "signal 11 (Segmentation fault)"; "" when it never ended */
    uint64_t resident_bytes;         /* of memory, as the host said with its last answer or load */
    model_report models[MODELS_MAX]; /* their users are not told: 0 */
    size_t model_count;
} host_report;

/* What slot `slot` is like now. */
void host_read_report(host_set *hosts, uint32_t slot, host_report *report);

/* Whether some host is ready and has every model of the engine loaded, or can load it on demand. One that is being
 * started again after a crash counts as it was before, so that orders wait for it. */
bool host_engine_ready(host_set *hosts, const char *engine);

/* ---- The side of the engines ---------------------------------------------------------------------------------- */

/* The whole life of a host: says hello, loads, serves orders until the other side hangs up. Returns the exit status. */
int host_main(const host_engines *offered, int descriptor);

#endif
