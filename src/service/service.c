/* The service's life: bound at once, opened behind that, drained at the end. */

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "service/answer.h"
#include "service/job_routes.h"
#include "service/pages.h"
#include "service/shape_answer.h"
#include "service/works.h"

enum {
    CLIENTS_MAX = 65536,
    POOL_THREADS = 2,
    POOL_WAITING_MAX = 256,
    PAINTER_THREADS = 1,
    PAINTER_WAITING_MAX = 16,
    WARM_ITEMS = 4096,
    WORKERS_USUAL_MAX = 4,
    BODY_BYTES_USUAL = 64 << 10,
    IMAGE_BYTES_USUAL = 8 << 20,
    NETWORK_SECONDS_USUAL = 1800
};

/* ---- Hooks between the rooms ------------------------------------------------------------------------------------ */

static lumen_status prepare(void *user, uint64_t key, const blob *packed, void **answer, size_t *answer_bytes,
                            lumen_error *error)
{
    (void)user;
    shape_answer *made = NULL;
    lumen_status status = shape_answer_make(key, packed, &made, error);
    *answer = made;
    *answer_bytes = made == NULL ? 0 : made->bytes;
    return status;
}

static void discard(void *user, void *answer)
{
    (void)user;
    shape_answer_free(answer);
}

static job_result job_result_of(void *user, const executor_outcome *outcome)
{
    (void)user;
    const work_result *made = outcome->result;
    return job_result_of_entry(made->entry, outcome->found);
}

static void job_release_result(void *user, void *result)
{
    (void)user;
    work_result_release(result);
}

static void job_ended(void *user, const executor_outcome *outcome)
{
    service *running = user;
    observe_outcome(&running->seen, outcome);
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static lumen_status open_cache(service *running, lumen_error *error)
{
    const service_options *options = &running->options;
    const cache_options wanted = {.folder = options->cache_folder,
                                  .memory_items_max = options->memory_cache_items,
                                  .memory_bytes_max = options->memory_cache_bytes,
                                  .disk_bytes_max = options->cache_bytes_max,
                                  .log = running->log,
                                  .prepare = prepare,
                                  .discard = discard,
                                  .user = running};
    return cache_open(&wanted, &running->shapes, error);
}

static lumen_status open_rooms(service *running, lumen_error *error)
{
    const service_options *options = &running->options;
    /* The engines' processes first: they start while the rest is opened. */
    lumen_status status = works_open_hosts(running, error);
    if (status == LUMEN_OK)
        status = options->open_library(options->user, &running->library, error);
    if (status == LUMEN_OK)
        status = open_cache(running, error);
    if (status == LUMEN_OK)
        status = works_open_executors(running, error);
    if (status != LUMEN_OK)
        return status;
    const job_hooks hooks = {.result_of = job_result_of,
                             .ended = job_ended,
                             .release = job_release_result,
                             .again = job_begin_again,
                             .user = running};
    running->pool = tasks_create(POOL_THREADS, POOL_WAITING_MAX);
    running->painters = tasks_create(PAINTER_THREADS, PAINTER_WAITING_MAX);
    running->jobs = job_table_create(&hooks, running->ids);
    if (running->pool == NULL || running->painters == NULL || running->jobs == NULL)
        return lumen_fail_memory(error, "the service");
    return LUMEN_OK;
}

/* Opens, then keeps house until the service stops. */
static void *open_and_tend(void *user)
{
    service *running = user;
    lumen_error error;
    uint64_t began = clock_now_ns();
    if (open_rooms(running, &error) != LUMEN_OK) {
        log_write(running->log, LOG_ERROR, "the service cannot open", LOG_FIELDS(log_text("reason", error.message)));
        atomic_store(&running->phase, SERVICE_BROKEN);
        return NULL;
    }
    atomic_store(&running->opened, true);
    int starting = SERVICE_STARTING;
    /* Not when it is draining already. */
    if (!atomic_compare_exchange_strong(&running->phase, &starting, SERVICE_OPEN))
        return NULL;
    log_write(running->log, LOG_INFO, "open",
              LOG_FIELDS(log_real("ms", clock_seconds_between(began, clock_now_ns()) * 1e3)));
    size_t warmed = cache_warm(running->shapes, WARM_ITEMS, &running->stop_tending);
    if (warmed > 0)
        log_write(running->log, LOG_INFO, "the cache is warm", LOG_FIELDS(log_integer("items", (int64_t)warmed)));
    pthread_mutex_lock(&running->lock);
    while (!atomic_load(&running->stop_tending)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += 1;
        pthread_cond_timedwait(&running->stopping, &running->lock, &until);
        pthread_mutex_unlock(&running->lock);
        job_table_tick(running->jobs);
        pthread_mutex_lock(&running->lock);
    }
    pthread_mutex_unlock(&running->lock);
    return NULL;
}

/* ---- Starting
 * --------------------------------------------------------------------------------------------------------- */

static lumen_status read_origins(service *running, lumen_error *error)
{
    static const char between[] = ", \t\r\n";
    if (running->options.allowed_origins == NULL)
        return LUMEN_OK;
    running->origins_text = strdup(running->options.allowed_origins);
    if (running->origins_text == NULL)
        return lumen_fail_memory(error, "the list of origins");
    char *rest = NULL;
    for (char *origin = strtok_r(running->origins_text, between, &rest); origin != NULL;
         origin = strtok_r(NULL, between, &rest)) {
        if (strcmp(origin, "*") == 0) {
            running->any_origin = true;
            continue;
        }
        if (running->origin_count == ORIGINS_MAX)
            return lumen_fail(error, LUMEN_ERROR_INVALID, "more than %d origins are allowed; list fewer, or use *",
                              ORIGINS_MAX);
        const char *authority = strstr(origin, "://");
        if (authority == NULL || strchr(authority + 3, '/') != NULL ||
            strpbrk(origin, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
            return lumen_fail(error, LUMEN_ERROR_INVALID,
                              "the allowed origin '%.100s' is none; write it as browsers send it: https://example.org, "
                              "in lower case, nothing behind the host and port",
                              origin);
        running->origins[running->origin_count++] = origin;
    }
    return LUMEN_OK;
}

static lumen_status check_address(const service_options *options, lumen_error *error)
{
    if (secret_is_set(options->api_key) || client_is_loopback(options->address))
        return LUMEN_OK;
    return lumen_fail(error, LUMEN_ERROR_INVALID,
                      "the address %.100s can be reached by others, and no key is set; set LUMEN_API_KEY (or "
                      "LUMEN_API_KEY_FILE), or serve on 127.0.0.1",
                      options->address);
}

static void list_more(service *running, const host_engines *offered, size_t *count)
{
    for (size_t i = 0; offered != NULL && i < offered->engine_count && *count < ENGINES_MAX; i++) {
        bool listed = offered->engines[i].generate == NULL; /* makes no shapes */
        for (size_t k = 0; k < *count; k++)
            listed = listed || strcmp(running->engine_names[k], offered->engines[i].name) == 0;
        if (!listed)
            running->engine_names[(*count)++] = offered->engines[i].name;
    }
}

/* Engines that are contracts already may be named too: asking for one that is not there is no fault of the request, but
 * 503. */
static void list_engines(service *running)
{
    static const char *const contracts[] = {"auto", "procedural", "partcrafter", "hunyuan3d"};
    static const char *const with_image[] = {"auto", "partcrafter", "hunyuan3d"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof contracts / sizeof *contracts; i++)
        running->engine_names[count++] = contracts[i];
    list_more(running, running->options.engines, &count);
    list_more(running, running->options.networks, &count);
    for (size_t i = 0; i < sizeof with_image / sizeof *with_image; i++)
        running->image_engines[i] = with_image[i];
}

static void choose_usual(service_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (options->workers == 0)
        options->workers = cores < 1 ? 1 : cores > WORKERS_USUAL_MAX ? WORKERS_USUAL_MAX : (unsigned)cores;
    if (options->body_bytes_max == 0)
        options->body_bytes_max = BODY_BYTES_USUAL;
    if (options->image_bytes_max == 0)
        options->image_bytes_max = IMAGE_BYTES_USUAL;
    if (!(options->network_seconds > 0.0))
        options->network_seconds = NETWORK_SECONDS_USUAL;
}

static lumen_status start_http(service *running, lumen_error *error)
{
    const http_handler handler = routes_handler(running);
    const http_options wanted = {.address = running->options.address,
                                 .port = running->options.port,
                                 .threads = running->options.threads,
                                 .body_bytes_max = running->options.body_bytes_max,
                                 .log = running->log};
    return http_server_start(&wanted, &handler, &running->http, error);
}

static lumen_status make_lock(service *running, lumen_error *error)
{
    pthread_condattr_t monotonic;
    bool good = pthread_condattr_init(&monotonic) == 0;
    good = good && pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&running->stopping, &monotonic) == 0 && pthread_mutex_init(&running->lock, NULL) == 0 &&
           pthread_mutex_init(&running->observing, NULL) == 0;
    pthread_condattr_destroy(&monotonic);
    return good ? LUMEN_OK : lumen_fail_memory(error, "the service");
}

static void close_rooms(service *running)
{
    tasks_destroy(running->pool);
    tasks_destroy(running->painters);
    job_table_destroy(running->jobs);
    host_set_close(running->hosts);
    host_set_close(running->network_hosts);
    cache_close(running->shapes);
    lumen_close(running->library);
    pages_close(running);
    limits_destroy(running->client_limit);
    limits_destroy(running->engine_limit);
    observations_close(&running->seen);
    random_ids_destroy(running->ids);
    memo_destroy(running->known);
    pthread_cond_destroy(&running->stopping);
    pthread_mutex_destroy(&running->lock);
    pthread_mutex_destroy(&running->observing);
    free(running->origins_text);
    free(running);
}

lumen_status service_start(const service_options *options, service **out, lumen_error *error)
{
    *out = NULL;
    service *running = calloc(1, sizeof *running);
    if (running == NULL)
        return lumen_fail_memory(error, "the service");
    running->options = *options;
    running->log = options->log;
    running->started_ns = clock_now_ns();
    atomic_init(&running->phase, SERVICE_BINDING);
    choose_usual(&running->options);
    list_engines(running);
    lumen_status status = make_lock(running, error);
    if (status != LUMEN_OK) {
        free(running);
        return status;
    }
    status = check_address(&running->options, error);
    if (status == LUMEN_OK)
        status = client_proxies_read(options->trusted_proxies, &running->proxies, error);
    if (status == LUMEN_OK)
        status = read_origins(running, error);
    if (status == LUMEN_OK)
        status = observations_open(&running->seen, error);
    if (status == LUMEN_OK)
        status = pages_open(running, error);
    if (status == LUMEN_OK) {
        running->client_limit = limits_create(options->rate_limit, options->rate_limit, CLIENTS_MAX);
        running->engine_limit = limits_create(options->engine_rate_limit, options->engine_rate_limit, CLIENTS_MAX);
        running->ids = random_ids_create();
        running->known = memo_create();
        if (running->client_limit == NULL || running->engine_limit == NULL || running->ids == NULL ||
            running->known == NULL)
            status = lumen_fail_memory(error, "the rate limits and names of requests");
    }
    if (status == LUMEN_OK)
        status = start_http(running, error);
    if (status != LUMEN_OK) {
        close_rooms(running);
        return status;
    }
    atomic_store(&running->phase, SERVICE_STARTING);
    if (pthread_create(&running->tender, NULL, open_and_tend, running) != 0) {
        status = lumen_fail_memory(error, "a thread of the service");
        /* Only the probes can be under way; should one not end, what it may touch stays. */
        if (http_server_stop(running->http, 1.0))
            close_rooms(running);
        return status;
    }
    *out = running;
    return LUMEN_OK;
}

/* ---- Questions
 * ---------------------------------------------------------------------------------------------------------- */

uint16_t service_port(const service *running)
{
    return http_server_port(running->http);
}

bool service_failed(const service *running)
{
    return atomic_load(&running->phase) == SERVICE_BROKEN;
}

bool service_is_ready(service *running)
{
    if (!service_is_open(running))
        return false;
    const host_engines *offered = running->options.engines;
    for (size_t i = 0; i < offered->engine_count; i++)
        if (host_engine_ready(running->hosts, offered->engines[i].name))
            return true;
    return false;
}

void service_read_connections(service *running, http_figures *figures)
{
    *figures = (http_figures){0};
    /* The server answers before its starter has it in hand. */
    if (atomic_load(&running->phase) != SERVICE_BINDING)
        http_server_read_figures(running->http, figures);
}

/* ---- Stopping
 * ------------------------------------------------------------------------------------------------------------ */

bool service_stop(service *running)
{
    static const double answer_seconds = 5.0; /* at least so long clients have for reading the last answers */
    uint64_t began = clock_now_ns();
    log_sink *log = running->log;
    log_write(log, LOG_INFO, "draining", LOG_NO_FIELDS);
    atomic_store(&running->phase, SERVICE_DRAINING);
    http_server_quiesce(running->http);
    atomic_store(&running->stop_tending, true);
    pthread_mutex_lock(&running->lock);
    pthread_cond_broadcast(&running->stopping);
    pthread_mutex_unlock(&running->lock);
    pthread_join(running->tender, NULL);
    /* The executors stop first, so that everyone who waits for them gets an answer that the server can still send; they
     * are closed only when no request can ask for them any more. The one of the networks before the other, which does
     * what fails there, and has its time meanwhile. */
    if (running->network_work != NULL)
        executor_stop(running->network_work, running->options.drain_seconds);
    if (running->work != NULL)
        executor_stop(running->work,
                      fmax(running->options.drain_seconds - clock_seconds_between(began, clock_now_ns()), 0.0));
    double left = running->options.drain_seconds - clock_seconds_between(began, clock_now_ns());
    if (!http_server_stop(running->http, left > answer_seconds ? left : answer_seconds)) {
        log_write(log, LOG_ERROR, "stopped with an exchange open", LOG_NO_FIELDS);
        return false;
    }
    executor_close(running->work, 0.0);
    executor_close(running->network_work, 0.0);
    close_rooms(running);
    log_write(log, LOG_INFO, "stopped", LOG_NO_FIELDS);
    return true;
}
