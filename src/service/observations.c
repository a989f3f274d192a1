#include "service/observations.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "service/answer.h"
#include "base/process.h"

/* ---- The registry ----------------------------------------------------------------------------------------------- */

static const double request_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    120,  300};
static const double stage_bounds[] = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                      0.25,   0.5,    1,     2.5,    5,     10,   30,    60,   300};

lumen_status observations_open(observations *seen, lumen_error *error)
{
    metrics *all = metrics_create();
    if (all == NULL)
        return lumen_fail_memory(error, "the metrics");
    seen->registry = all;
    seen->requests =
        metrics_counter(all, "lumen_requests_total", "Requests answered.", "route", "method", "status", NULL);
    seen->request_seconds =
        metrics_histogram(all, "lumen_request_seconds", "Time from the headers of a request to the end of its answer.",
                          request_bounds, sizeof request_bounds / sizeof *request_bounds, "route", NULL);
    seen->stage_seconds = metrics_histogram(
        all, "lumen_stage_seconds", "Time that generations spent in a stage: lookup, queue, and those of the engine.",
        stage_bounds, sizeof stage_bounds / sizeof *stage_bounds, "stage", NULL);
    seen->generations = metrics_counter(all, "lumen_generations_total", "Shapes that an engine made.", "engine", NULL);
    seen->failures = metrics_counter(all, "lumen_generation_failures_total", "Generations that ended without a shape.",
                                     "reason", NULL);
    seen->rate_limited =
        metrics_counter(all, "lumen_rate_limited_total", "Requests refused for coming too fast.", "limit", NULL);
    seen->cache_hits = metrics_counter(all, "lumen_cache_hits_total", "Look-ups that found a shape.", "tier", NULL);
    seen->cache_misses = metrics_counter(all, "lumen_cache_misses_total", "Look-ups that found none.", "tier", NULL);
    seen->cache_items = metrics_gauge(all, "lumen_cache_items", "Shapes held.", "tier", NULL);
    seen->cache_bytes = metrics_gauge(all, "lumen_cache_bytes", "Bytes held.", "tier", NULL);
    seen->cache_connected = metrics_gauge(all, "lumen_cache_connected", "1 when the tier works.", "tier", NULL);
    seen->cache_faults =
        metrics_counter(all, "lumen_cache_faults_total", "Damaged rows, failed reads and writes.", "tier", NULL);
    seen->queue_depth = metrics_gauge(all, "lumen_queue_depth", "Requests that wait for a device.", "device", NULL);
    seen->queue_running = metrics_gauge(all, "lumen_queue_running", "Requests that a device works on.", "device", NULL);
    seen->queue_limit = metrics_gauge(all, "lumen_queue_limit", "Requests that may wait.", "device", NULL);
    seen->queue_oldest =
        metrics_gauge(all, "lumen_queue_oldest_seconds", "How long the oldest has waited.", "device", NULL);
    seen->model_loaded = metrics_gauge(all, "lumen_model_loaded", "1 when the model is loaded in some engine process.",
                                       "model", "device", NULL);
    seen->model_available =
        metrics_gauge(all, "lumen_model_available", "1 when the model is loaded, or comes when it is needed.", "model",
                      "device", NULL);
    seen->model_failed = metrics_gauge(
        all, "lumen_model_failed", "1 when the model could not be loaded; it is tried again.", "model", "device", NULL);
    seen->model_bytes = metrics_gauge(all, "lumen_model_bytes", "Memory that the model took when it was loaded.",
                                      "model", "device", NULL);
    seen->model_seconds =
        metrics_gauge(all, "lumen_model_load_seconds", "Time that loading took.", "model", "device", NULL);
    seen->pending_writes =
        metric_with(metrics_gauge(all, "lumen_cache_pending_writes", "Shapes that wait to be written to disk.", NULL));
    seen->hung = metric_with(
        metrics_gauge(all, "lumen_workers_hung", "Engine processes that do not end what was called off.", NULL));
    seen->stalled =
        metric_with(metrics_gauge(all, "lumen_workers_stalled", "Engine processes without progress for long.", NULL));
    seen->crashes =
        metric_with(metrics_counter(all, "lumen_worker_crashes_total", "Engine processes that ended unasked.", NULL));
    seen->fallbacks = metric_with(
        metrics_counter(all, "lumen_fallbacks_total", "Shapes made without networks because these had failed.", NULL));
    seen->shared = metric_with(
        metrics_counter(all, "lumen_flights_shared_total", "Requests that shared the work of an equal one.", NULL));
    seen->connections = metric_with(metrics_gauge(all, "lumen_connections", "Open connections.", NULL));
    seen->jobs = metric_with(metrics_gauge(all, "lumen_jobs", "Jobs that are remembered.", NULL));
    seen->log_dropped = metric_with(
        metrics_counter(all, "lumen_log_lines_dropped_total", "Lines that the log's reader was too slow for.", NULL));
    seen->resident = metric_with(metrics_gauge(all, "lumen_process_resident_bytes",
                                               "Resident memory of the service, without engine processes.", NULL));
    seen->uptime = metric_with(metrics_gauge(all, "lumen_uptime_seconds", "Time since the start.", NULL));
    seen->ready = metric_with(metrics_gauge(all, "lumen_ready", "1 when an engine can serve.", NULL));
    metric_set(
        metric_with(metrics_gauge(all, "lumen_build_info", "Always 1; the label is the version.", "version", NULL),
                    lumen_version()),
        1.0);
    seen->limited_client = metric_with(seen->rate_limited, "client");
    seen->limited_engine = metric_with(seen->rate_limited, "engine");
    /* Series that dashboards and alerts look for are there before anything happens. */
    static const char *const reasons[] = {"rejected", "cancelled", "engine", "expired", "other"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        metric_add(metric_with(seen->failures, reasons[i]), 0.0);
    return LUMEN_OK;
}

void observations_close(observations *seen)
{
    if (seen->registry != NULL)
        metrics_destroy(seen->registry);
    seen->registry = NULL;
}

/* ---- Events
 * ---------------------------------------------------------------------------------------------------------- */

static unsigned status_index(unsigned status)
{
    static const unsigned short known[OBSERVED_STATUSES - 1] = {200, 202, 204, 304, 400, 401, 404, 405, 406, 408,
                                                                409, 410, 413, 414, 422, 429, 431, 500, 501, 503};
    for (unsigned i = 0; i < OBSERVED_STATUSES - 1; i++)
        if (known[i] == status)
            return i;
    return OBSERVED_STATUSES - 1;
}

void observe_request(observations *seen, unsigned route_index, const char *path, const char *method, unsigned status,
                     double seconds)
{
    atomic_fetch_add_explicit(&seen->total, 1, memory_order_relaxed);
    if (status >= 500)
        atomic_fetch_add_explicit(&seen->failed, 1, memory_order_relaxed);
    else if (status >= 400)
        atomic_fetch_add_explicit(&seen->refused, 1, memory_order_relaxed);

    unsigned place = status_index(status);
    bool kept = place < OBSERVED_STATUSES - 1; /* the last place stands for several codes */
    metric_series *series = atomic_load_explicit(&seen->by_route[route_index][place], memory_order_acquire);
    if (series == NULL || !kept) {
        char code[16];
        snprintf(code, sizeof code, "%u", status);
        series = metric_with(seen->requests, path, method, code);
        atomic_store_explicit(&seen->by_route[route_index][place], series, memory_order_release);
    }
    metric_add(series, 1.0);
    metric_series *times = atomic_load_explicit(&seen->route_seconds[route_index], memory_order_acquire);
    if (times == NULL) {
        times = metric_with(seen->request_seconds, path);
        atomic_store_explicit(&seen->route_seconds[route_index], times, memory_order_release);
    }
    metric_observe(times, seconds);
}

void observe_refusal(observations *seen)
{
    metric_add(metric_with(seen->failures, "rejected"), 1.0);
}

void observe_outcome(observations *seen, const executor_outcome *outcome)
{
    if (outcome->end == EXECUTOR_REFUSED) {
        metric_add(seen->limited_engine, 1.0);
        observe_refusal(seen);
    } else if (outcome->end == EXECUTOR_DONE && outcome->found) {
        metric_observe(metric_with(seen->stage_seconds, "lookup"), outcome->lookup_seconds);
    }
}

void observe_flight(observations *seen, const char *engine_name, const executor_outcome *outcome)
{
    static const char *const reasons[] = {
        [EXECUTOR_FAILED] = "engine",    [EXECUTOR_CANCELLED] = "cancelled", [EXECUTOR_EXPIRED] = "expired",
        [EXECUTOR_REFUSED] = "rejected", [EXECUTOR_UNAVAILABLE] = "other",
    };
    if (outcome->end != EXECUTOR_DONE) {
        metric_add(metric_with(seen->failures, reasons[outcome->end]), 1.0);
        return;
    }
    metric_add(metric_with(seen->generations, engine_name), 1.0);
    metric_observe(metric_with(seen->stage_seconds, "lookup"), outcome->lookup_seconds);
    metric_observe(metric_with(seen->stage_seconds, "queue"), outcome->queue_seconds);
    for (size_t i = 0; i < outcome->stage_count; i++)
        metric_observe(metric_with(seen->stage_seconds, outcome->stages[i].stage), outcome->stages[i].seconds);
}

/* ---- Gauges
 * ------------------------------------------------------------------------------------------------------------ */

static void refresh_tier(observations *seen, const char *tier, const cache_tier_figures *figures)
{
    metric_set(metric_with(seen->cache_hits, tier), (double)figures->hits);
    metric_set(metric_with(seen->cache_misses, tier), (double)figures->misses);
    metric_set(metric_with(seen->cache_items, tier), (double)figures->items);
    metric_set(metric_with(seen->cache_bytes, tier), (double)figures->bytes);
    metric_set(metric_with(seen->cache_connected, tier), figures->connected ? 1.0 : 0.0);
    metric_set(metric_with(seen->cache_faults, tier), (double)figures->faults);
}

/* One gauge for all processes: the best that any of them says of a model. Returns how often they crashed. */
static unsigned refresh_models_of(observations *seen, const char *device, host_set *hosts, const host_engines *offered,
                                  uint32_t slots)
{
    bool loaded[MODELS_MAX] = {false}, available[MODELS_MAX] = {false}, failed[MODELS_MAX] = {false};
    unsigned crashes = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        host_report report;
        host_read_report(hosts, slot, &report);
        crashes += report.crashes;
        for (size_t i = 0; i < report.model_count && i < offered->model_count; i++) {
            const model_report *one = &report.models[i];
            failed[i] = failed[i] || one->state == MODEL_FAILED;
            available[i] = available[i] || (report.ready && one->available);
            if (!report.ready || one->state != MODEL_LOADED)
                continue;
            loaded[i] = true;
            metric_set(metric_with(seen->model_bytes, one->name, device), (double)one->bytes);
            metric_set(metric_with(seen->model_seconds, one->name, device), one->load_seconds);
        }
    }
    for (size_t i = 0; i < offered->model_count && i < MODELS_MAX; i++) {
        const char *name = offered->models[i].name;
        metric_set(metric_with(seen->model_loaded, name, device), loaded[i] ? 1.0 : 0.0);
        metric_set(metric_with(seen->model_available, name, device), available[i] ? 1.0 : 0.0);
        metric_set(metric_with(seen->model_failed, name, device), failed[i] && !available[i] ? 1.0 : 0.0);
    }
    return crashes;
}

static void refresh_models(struct service *running)
{
    const service_options *options = &running->options;
    unsigned crashes =
        refresh_models_of(&running->seen, SERVICE_DEVICE, running->hosts, options->engines, options->workers);
    if (running->network_hosts != NULL)
        crashes += refresh_models_of(&running->seen, SERVICE_NETWORKS, running->network_hosts, options->networks, 1);
    metric_set(running->seen.crashes, (double)crashes);
}

typedef struct work_sums {
    unsigned hung, stalled;
    double shared;
} work_sums;

static void refresh_work(struct service *running, executor *all, const char *device, work_sums *sums)
{
    observations *seen = &running->seen;
    executor_figures work;
    executor_read_figures(all, &work);
    for (uint32_t i = 0; i < work.slots; i++) {
        sums->hung += work.slot[i].hung;
        sums->stalled += work.slot[i].stalled;
    }
    sums->shared += (double)work.shared;
    metric_set(metric_with(seen->queue_depth, device), work.queued + work.looking_up);
    metric_set(metric_with(seen->queue_running, device), work.running);
    metric_set(metric_with(seen->queue_limit, device), running->options.queue_max);
    metric_set(metric_with(seen->queue_oldest, device), work.oldest_queued_seconds);
}

static void refresh(struct service *running)
{
    observations *seen = &running->seen;
    http_figures connections;
    service_read_connections(running, &connections);
    metric_set(seen->connections, (double)connections.connections);
    metric_set(seen->log_dropped, (double)log_dropped(running->log));
    metric_set(seen->resident, (double)process_resident_bytes());
    metric_set(seen->uptime, clock_seconds_between(running->started_ns, clock_now_ns()));
    metric_set(seen->ready, service_is_ready(running) ? 1.0 : 0.0);
    if (!service_has_opened(running))
        return;
    cache_figures shapes;
    cache_read_figures(running->shapes, &shapes);
    refresh_tier(seen, "memory", &shapes.memory);
    if (running->options.cache_folder != NULL)
        refresh_tier(seen, "disk", &shapes.disk);
    metric_set(seen->pending_writes, (double)shapes.pending_items);
    work_sums sums = {0};
    refresh_work(running, running->work, SERVICE_DEVICE, &sums);
    if (running->network_work != NULL)
        refresh_work(running, running->network_work, SERVICE_NETWORKS, &sums);
    metric_set(seen->hung, sums.hung);
    metric_set(seen->stalled, sums.stalled);
    metric_set(seen->shared, sums.shared);
    metric_set(seen->jobs, (double)job_table_count(running->jobs));
    refresh_models(running);
}

/* Mirrored counters must not step back, so one at a time reads and sets them. */
void observations_refresh(struct service *running)
{
    pthread_mutex_lock(&running->observing);
    refresh(running);
    pthread_mutex_unlock(&running->observing);
}

/* ---- Routes
 * -------------------------------------------------------------------------------------------------------------- */

void handle_prometheus(visit *one)
{
    observations_refresh(one->service);
    buffer text;
    buffer_open(&text, 8u << 20);
    metrics_prometheus(one->service->seen.registry, &text);
    answer_buffer(one, 200, "text/plain; version=0.0.4; charset=utf-8", &text, NULL, 0);
    buffer_close(&text);
}

static void add_status(void *user, const char *const *values, metric_series *series)
{
    json_t *by_status = user;
    const char *status = values[2];
    double so_far = json_number_value(json_object_get(by_status, status));
    json_object_set_new(by_status, status, json_integer((json_int_t)(so_far + metric_value(series))));
}

static void add_value(void *user, const char *const *values, metric_series *series)
{
    json_object_set_new(user, values[0], json_integer((json_int_t)metric_value(series)));
}

static void add_times(void *user, const char *const *values, metric_series *series)
{
    double count = metric_value(series);
    json_object_set_new(user, values[0],
                        json_pack("{s:I, s:f, s:f, s:f, s:f}", "count", (json_int_t)count, "mean_ms",
                                  count > 0.0 ? metric_sum(series) / count * 1e3 : 0.0, "p50_ms",
                                  metric_quantile(series, 0.5) * 1e3, "p95_ms", metric_quantile(series, 0.95) * 1e3,
                                  "p99_ms", metric_quantile(series, 0.99) * 1e3));
}

static json_t *tier_figures(const observations *seen, const char *tier)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "hits", (json_int_t)metric_value(metric_with(seen->cache_hits, tier)),
                     "misses", (json_int_t)metric_value(metric_with(seen->cache_misses, tier)), "items",
                     (json_int_t)metric_value(metric_with(seen->cache_items, tier)), "bytes",
                     (json_int_t)metric_value(metric_with(seen->cache_bytes, tier)));
}

void handle_metrics(visit *one)
{
    observations *seen = &one->service->seen;
    observations_refresh(one->service);
    json_t *by_status = json_object(), *stages = json_object(), *routes = json_object(), *failures = json_object();
    json_t *generations = json_object();
    metric_each(seen->requests, add_status, by_status);
    metric_each(seen->stage_seconds, add_times, stages);
    metric_each(seen->request_seconds, add_times, routes);
    metric_each(seen->failures, add_value, failures);
    metric_each(seen->generations, add_value, generations);
    json_t *answer =
        json_pack("{s:{s:I, s:o}, s:{s:I, s:I}, s:o, s:o, s:{s:o, s:o, s:I}, s:{s:o, s:o}, s:{s:I, s:I, s:I}, s:f}",
                  "requests", "total", (json_int_t)atomic_load(&seen->total), "by_status", by_status, "errors",
                  "client", (json_int_t)atomic_load(&seen->refused), "server", (json_int_t)atomic_load(&seen->failed),
                  "stages", stages, "routes", routes, "generations", "by_engine", generations, "failures", failures,
                  "fallbacks", (json_int_t)metric_value(seen->fallbacks), "cache", "memory",
                  tier_figures(seen, "memory"), "disk", tier_figures(seen, "disk"), "queue", "depth",
                  (json_int_t)metric_value(metric_with(seen->queue_depth, SERVICE_DEVICE)), "running",
                  (json_int_t)metric_value(metric_with(seen->queue_running, SERVICE_DEVICE)), "limit",
                  (json_int_t)one->service->options.queue_max, "uptime_seconds", metric_value(seen->uptime));
    if (answer != NULL && one->service->network_hosts != NULL && service_has_opened(one->service))
        json_object_set_new(answer, "network_queue",
                            json_pack("{s:I, s:I, s:I}", "depth",
                                      (json_int_t)metric_value(metric_with(seen->queue_depth, SERVICE_NETWORKS)),
                                      "running",
                                      (json_int_t)metric_value(metric_with(seen->queue_running, SERVICE_NETWORKS)),
                                      "limit", (json_int_t)one->service->options.queue_max));
    answer_json(one, 200, answer);
}
