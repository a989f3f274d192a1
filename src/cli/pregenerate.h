/*
 * pregenerate.h: what the two ways of `lumen pregenerate` share: filling a cache of this machine
 * (pregenerate_cache.c), and filling that of a running service (pregenerate_service.c).
 *
 * Both take the texts in order, several at a time, and report each exactly once through pregenerate_report.
 */
#ifndef LUMEN_CLI_PREGENERATE_H
#define LUMEN_CLI_PREGENERATE_H

#include <pthread.h>

#include "cli/progress.h"
#include "lumen.h"

typedef struct pregenerate_text {
    const char *text;
    size_t line; /* of the list, from 1 */
} pregenerate_text;

typedef struct pregenerate_options {
    const char *list;      /* a file's name, "-" for standard input, NULL for the list that is built in */
    const char *server;    /* the address of a service, NULL: a cache of this machine */
    const char *cache_dir; /* NULL: the usual one */
    const char *concepts;  /* a file's name; NULL: none */
    const char *key;       /* for the service; NULL: none */
    lumen_quality quality;
    bool quality_given;
    uint32_t points;
    uint64_t seed;
    uint32_t parallel;
    uint32_t wait_seconds; /* for a service that is not ready, busy or away */
    bool quiet;
    bool help;
} pregenerate_options;

typedef enum pregenerate_outcome { PREGENERATE_MADE, PREGENERATE_THERE, PREGENERATE_FAILED } pregenerate_outcome;

/* How far the list is. Its functions may be called from any thread. */
typedef struct pregenerate_work {
    const pregenerate_options *options;
    const pregenerate_text *texts;
    size_t count;
    pthread_mutex_t lock;
    progress_bar bar;
    size_t outcomes[PREGENERATE_FAILED + 1];
} pregenerate_work;

/* A text is done. A failure is told with its line; `reason` is NULL otherwise. */
void pregenerate_report(pregenerate_work *work, const pregenerate_text *text, pregenerate_outcome outcome,
                        const char *reason);

/* Works on all texts. False when it could not begin or go on, after a complaint; what was not reported until then
 * counts as failed. */
bool pregenerate_into_cache(pregenerate_work *work);
bool pregenerate_into_service(pregenerate_work *work);

#endif
