/*
 * observations.h: what the service measures of itself: docs/operating.md lists the names.
 */
#ifndef LUMEN_SERVICE_OBSERVATIONS_H
#define LUMEN_SERVICE_OBSERVATIONS_H

#include <stdatomic.h>

#include "executor/executor.h"
#include "http/http.h"
#include "lumen.h"
#include "service/metrics.h"

struct service;

enum { OBSERVED_ROUTES_MAX = 40, OBSERVED_STATUSES = 24 };

typedef struct observations {
    metrics *registry;
    metric *requests, *request_seconds, *stage_seconds, *generations, *failures, *rate_limited;
    metric *cache_hits, *cache_misses, *cache_items, *cache_bytes, *cache_connected, *cache_faults;
    metric *queue_depth, *queue_running, *queue_limit, *queue_oldest;
    metric *model_loaded, *model_available, *model_failed, *model_bytes, *model_seconds;
    metric_series *pending_writes, *hung, *stalled, *crashes, *shared, *connections, *jobs, *log_dropped, *resident,
        *uptime, *ready;
    metric_series *limited_client, *limited_engine, *fallbacks;
    /* Looked up once for each pair that occurs; the last route is "other". */
    _Atomic(metric_series *) by_route[OBSERVED_ROUTES_MAX][OBSERVED_STATUSES];
    _Atomic(metric_series *) route_seconds[OBSERVED_ROUTES_MAX];
    atomic_ullong total, refused, failed; /* answers; those of 400 to 499; of 500 and above */
} observations;

/* Makes the registry. LUMEN_ERROR_MEMORY. */
lumen_status observations_open(observations *seen, lumen_error *error);
void observations_close(observations *seen);

/* One answered request. `path` and `method` are constants of the route table. */
void observe_request(observations *seen, unsigned route_index, const char *path, const char *method, unsigned status,
                     double seconds);

/* What one who waited was told: counts refusals, and what the disk had. */
void observe_outcome(observations *seen, const executor_outcome *outcome);

/* An order that the executor did not take. */
void observe_refusal(observations *seen);

/* One flight that reached the queue and is over: the executor's `observed` hook. */
void observe_flight(observations *seen, const char *engine_name, const executor_outcome *outcome);

/* Brings the gauges up to date with what the rooms say now. */
void observations_refresh(struct service *running);

#endif
