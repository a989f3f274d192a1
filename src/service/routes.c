/* Where requests go, and what every one of them must pass: path, method, key, rate. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/answer.h"
#include "service/pages.h"
#include "service/secret.h"

static const route table[] = {
    {"/", "GET", handle_page, ROUTE_OPEN},
    {"/openapi.json", "GET", handle_openapi, ROUTE_OPEN},
    {"/health", "GET", handle_health, ROUTE_OPEN | ROUTE_PROBE},
    {"/health/ready", "GET", handle_ready, ROUTE_OPEN | ROUTE_PROBE},
    {"/health/detailed", "GET", handle_detailed, 0},
    {"/metrics", "GET", handle_metrics, 0},
    {"/metrics/prometheus", "GET", handle_prometheus, ROUTE_PROBE},
    {"/cache/stats", "GET", handle_cache_stats, ROUTE_WORK},
    {"/generate", "POST", handle_generate, ROUTE_LIMITED | ROUTE_WORK | ROUTE_IMAGE},
    {"/jobs", "POST", handle_job_post, ROUTE_LIMITED | ROUTE_WORK | ROUTE_IMAGE},
    {"/jobs/{id}", "GET", handle_job_get, ROUTE_WORK},
    {"/jobs/{id}", "DELETE", handle_job_delete, ROUTE_WORK},
    {"/jobs/{id}/events", "GET", handle_job_events, ROUTE_WORK},
    {"/shapes/{name}", "GET", handle_shape, ROUTE_LIMITED | ROUTE_WORK},
    {"/debug/generate-image", "POST", handle_debug_image, ROUTE_LIMITED | ROUTE_WORK | ROUTE_DEBUG},
    {"/debug/generate-mesh", "POST", handle_debug_mesh, ROUTE_LIMITED | ROUTE_WORK | ROUTE_DEBUG | ROUTE_IMAGE},
    {"/{file}", "GET", handle_page, ROUTE_OPEN | ROUTE_FILE},
};

enum { ROUTES = sizeof table / sizeof *table };

_Static_assert((int)ROUTES < (int)OBSERVED_ROUTES_MAX, "a route more than the observations have room for");

/* ---- Finding ------------------------------------------------------------------------------------------------- */

/* Whether a path is one of the route: braces take one segment that is not empty. */
static bool matches(const char *pattern, const char *path)
{
    while (*pattern != '\0' && *path != '\0') {
        if (*pattern == '{') {
            size_t segment = strcspn(path, "/");
            if (segment == 0)
                return false;
            path += segment;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == '\0' && *path == '\0';
}

/* Whether a route is there for a path, with the options that the service has. */
static bool leads_to(const route *one, const service *running, const char *path)
{
    if ((one->flags & ROUTE_DEBUG) != 0 && !running->options.debug_routes)
        return false;
    return matches(one->path, path) && ((one->flags & ROUTE_FILE) == 0 || pages_know(path));
}

void visit_segment(const visit *one, const char *prefix, char *segment, size_t size)
{
    const char *at = http_path(one->exchange) + strlen(prefix);
    size_t length = strcspn(at, "/");
    snprintf(segment, size, "%.*s", (int)(length < size ? length : size), at);
}

static bool method_fits(const char *offered, const char *asked)
{
    return strcmp(offered, asked) == 0 || (strcmp(offered, "GET") == 0 && strcmp(asked, "HEAD") == 0);
}

/* The methods that a path knows: "GET, HEAD, DELETE, OPTIONS". Empty: no such path. */
static void list_methods(const service *running, const char *path, char list[96])
{
    list[0] = '\0';
    for (size_t i = 0; i < ROUTES; i++) {
        const route *one = &table[i];
        if (!leads_to(one, running, path))
            continue;
        size_t used = strlen(list);
        snprintf(list + used, 96 - used, "%s%s%s", used > 0 ? ", " : "", one->method,
                 strcmp(one->method, "GET") == 0 ? ", HEAD" : "");
    }
    size_t used = strlen(list);
    if (used > 0)
        snprintf(list + used, 96 - used, ", OPTIONS");
}

/* ---- Who asks ---------------------------------------------------------------------------------------------------- */

typedef struct forwarded_list {
    const char *values[8];
    size_t count;
} forwarded_list;

static void add_forwarded(void *user, const char *value)
{
    forwarded_list *list = user;
    size_t room = sizeof list->values / sizeof *list->values;
    /* The last values are those of the proxies nearest to us: they must not be the ones that are cut off. */
    if (list->count == room)
        memmove(list->values, list->values + 1, (room - 1) * sizeof *list->values);
    list->values[list->count < room ? list->count++ : room - 1] = value;
}

static client_address find_client(const service *running, const http_exchange *exchange)
{
    forwarded_list list = {.count = 0};
    if (running->proxies.count > 0)
        http_request_headers(exchange, "X-Forwarded-For", add_forwarded, &list);
    return client_of(&running->proxies, http_peer(exchange), list.values, list.count);
}

/* The request's own id when it is one that a log may carry, else a new one. */
static void name_visit(visit *one, const char *given)
{
    if (request_id_is_acceptable(given))
        memcpy(one->request_id, given, strlen(given) + 1);
    else
        random_ids_take(one->service->ids, one->request_id);
}

static const char *allowed_origin(const service *running, const char *origin)
{
    if (origin == NULL)
        return NULL;
    for (size_t i = 0; i < running->origin_count; i++)
        if (strcmp(running->origins[i], origin) == 0)
            return running->origins[i];
    return running->any_origin ? "*" : NULL;
}

/* ---- The gate --------------------------------------------------------------------------------------------------- */

static void answer_options(visit *one, const char *methods)
{
    const http_header headers[] = {
        {"Allow", methods},
        {"Access-Control-Allow-Methods", one->origin != NULL ? methods : NULL},
        {"Access-Control-Allow-Headers",
         one->origin != NULL ? "Content-Type, Accept, X-API-Key, Authorization, X-Request-Id" : NULL},
        {"Access-Control-Max-Age", one->origin != NULL ? "600" : NULL},
    };
    answer_empty(one, 204, headers, sizeof headers / sizeof *headers);
}

static void answer_no_method(visit *one, const char *methods)
{
    const http_header allow = {"Allow", methods};
    buffer body;
    buffer_open(&body, 512);
    buffer_print(&body, "{\"error\":\"this address takes %s\",\"type\":\"MethodNotAllowedError\"}", methods);
    answer_buffer(one, 405, "application/json", &body, &allow, 1);
    buffer_close(&body);
}

static bool has_key(const service *running, const http_exchange *exchange)
{
    const secret *key = running->options.api_key;
    return !secret_is_set(key) || secret_is_presented(key, http_request_header(exchange, "X-API-Key"),
                                                      http_request_header(exchange, "Authorization"));
}

/* Whether a Host is this machine by an address or as "localhost". A web page whose name was made to point here (DNS
 * rebinding) has a name of its own there. */
static bool is_local_host(const char *host)
{
    char name[64];
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (length >= sizeof name)
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    if (strcasecmp(name, "localhost") == 0)
        return true;
    unsigned char address[sizeof(struct in6_addr)];
    if (name[0] == '[') {
        name[length - 1] = '\0';
        return inet_pton(AF_INET6, name + 1, address) == 1;
    }
    return inet_pton(AF_INET, name, address) == 1;
}

/* Without a key, what protects the service from web pages of others that the user's browser shows is this alone: it is
 * asked by an address, and changed by pages of its own or of listed origins. */
static bool is_from_elsewhere(const visit *one)
{
    const char *host = http_request_header(one->exchange, "Host");
    const char *origin = http_request_header(one->exchange, "Origin");
    if (secret_is_set(one->service->options.api_key))
        return false;
    if (host != NULL && !is_local_host(host))
        return true;
    if (origin == NULL || one->origin != NULL || strcmp(one->route->method, "GET") == 0)
        return false;
    const char *authority = strstr(origin, "://");
    return authority == NULL || host == NULL || strcasecmp(authority + 3, host) != 0;
}

static void begin(void *user, http_exchange *exchange)
{
    service *running = user;
    visit *one = calloc(1, sizeof *one);
    if (one == NULL) {
        http_answer(exchange, 503, NULL, NULL, 0);
        return;
    }
    one->service = running;
    one->exchange = exchange;
    one->route_index = ROUTES;
    http_set_state(exchange, one);
    name_visit(one, http_request_header(exchange, "X-Request-Id"));
    one->origin = allowed_origin(running, http_request_header(exchange, "Origin"));
    one->address = find_client(running, exchange);
    one->who.client = client_bucket(&one->address);

    const char *path = http_path(exchange), *method = http_method(exchange);
    for (size_t i = 0; i < ROUTES && http_path_is_clean(exchange); i++) {
        if (method_fits(table[i].method, method) && leads_to(&table[i], running, path)) {
            one->route = &table[i];
            one->route_index = (unsigned)i;
            break;
        }
    }
    if (one->route == NULL) {
        char methods[96] = "";
        if (http_path_is_clean(exchange))
            list_methods(running, path, methods);
        if (methods[0] == '\0')
            answer_error(one, 404, "NotFoundError", 0.0, "there is nothing at this address; see /openapi.json");
        else if (strcmp(method, "OPTIONS") == 0)
            answer_options(one, methods);
        else
            answer_no_method(one, methods);
        return;
    }
    double wait;
    if ((one->route->flags & ROUTE_OPEN) == 0 && is_from_elsewhere(one)) {
        answer_error(
            one, 403, "ForbiddenError", 0.0,
            "without a key the service is for this machine alone; ask it by its address, or set LUMEN_API_KEY");
    } else if ((one->route->flags & ROUTE_OPEN) == 0 && !has_key(running, exchange)) {
        /* Guessing costs as much as asking. */
        if (limits_take(running->client_limit, &one->who.client, (double)clock_now_ns() * 1e-9, &wait))
            answer_error(one, 401, "UnauthorizedError", 0.0, "Invalid or missing API key");
        else
            answer_error(one, 429, "RateLimitedError", wait,
                         "too many requests from this address; wait as long as Retry-After says");
    } else if ((one->route->flags & ROUTE_LIMITED) != 0 &&
               !limits_take(running->client_limit, &one->who.client, (double)clock_now_ns() * 1e-9, &wait)) {
        metric_add(running->seen.limited_client, 1.0);
        answer_error(one, 429, "RateLimitedError", wait,
                     "too many requests from this address; wait as long as Retry-After says");
    } else if ((one->route->flags & ROUTE_WORK) != 0 && !service_is_open(running)) {
        answer_not_open(one);
    } else if ((one->route->flags & ROUTE_IMAGE) != 0) {
        http_allow_body(exchange, running->options.body_bytes_max + (running->options.image_bytes_max + 2) / 3 * 4);
    }
}

static void handle(void *user, http_exchange *exchange)
{
    (void)user;
    visit *one = http_state(exchange);
    one->route->handle(one);
}

static void abandoned(void *user, http_exchange *exchange)
{
    (void)user;
    visit *one = http_state(exchange);
    /* Only a wait for the executor is given up at once; files are finished, streams are closed by their job. */
    atomic_store(&one->abandoned, true);
    generate_abandon(one);
}

/* ---- The end of a visit
 * ------------------------------------------------------------------------------------------------ */

static void write_log(const visit *one, const http_outcome *outcome, double seconds)
{
    /* Probes come every few seconds, and their 503 is an answer, not a failure. */
    bool probe = one->route != NULL && (one->route->flags & ROUTE_PROBE) != 0;
    /* So does the 503 of a full queue when many come at once; an error is what somebody should look at. */
    log_severity severity = probe                    ? LOG_DEBUG
                            : outcome->status == 503 ? LOG_WARNING
                            : outcome->status >= 500 ? LOG_ERROR
                                                     : LOG_INFO;
    if (!log_wants(one->service->log, severity))
        return;
    char client[CLIENT_TEXT_BYTES], key[17] = "";
    client_write(&one->address, client);
    if (one->has_key)
        snprintf(key, sizeof key, "%016llx", (unsigned long long)one->key);
    log_field fields[16 + STAGES_LOGGED_MAX] = {
        log_text("request_id", one->request_id),
        log_text("client", client),
        log_text("method", http_method(one->exchange)),
        log_text("path", http_path(one->exchange)),
        log_integer("status", (int64_t)outcome->status),
        log_integer("bytes", (int64_t)outcome->bytes),
        log_real("ms", seconds * 1e3),
        log_text("key", one->has_key ? key : NULL),
        log_text("cache", one->cache_state),
        log_text("incomplete", outcome->complete ? NULL : "the client left or was too slow"),
    };
    size_t count = 10;
    char names[STAGES_LOGGED_MAX][EXECUTOR_STAGE_BYTES + 16];
    if (one->has_outcome) {
        const executor_outcome *work = &one->outcome;
        fields[count++] = log_real("lookup_ms", work->lookup_seconds * 1e3);
        fields[count++] = log_real("queue_ms", work->queue_seconds * 1e3);
        fields[count++] = log_real("run_ms", work->run_seconds * 1e3);
        fields[count++] = log_boolean("shared", work->shared);
        for (size_t i = 0; i < work->stage_count; i++) {
            snprintf(names[i], sizeof names[i], "stage_%s_ms", work->stages[i].stage);
            fields[count++] = log_real(names[i], work->stages[i].seconds * 1e3);
        }
    }
    log_write(one->service->log, severity, "request", fields, count);
}

static void done(void *user, http_exchange *exchange, const http_outcome *outcome)
{
    service *running = user;
    visit *one = http_state(exchange);
    if (one == NULL)
        return;
    generate_end(one);
    double seconds = clock_seconds_between(http_started_ns(exchange), outcome->ended_ns);
    observe_request(&running->seen, one->route_index, one->route == NULL ? "other" : one->route->path,
                    one->route == NULL ? "other" : one->route->method, outcome->status, seconds);
    write_log(one, outcome, seconds);
    atomic_fetch_sub(&running->own_bytes, one->own_bytes);
    free(one);
}

/* What the HTTP room refuses by itself looks like every other refusal. */
static http_content *refusal(void *user, http_exchange *exchange, unsigned status)
{
    (void)user;
    const visit *one = http_state(exchange);
    if (one == NULL)
        return NULL;
    switch (status) {
    case 413:
        return answer_error_content(one, "PayloadTooLargeError",
                                    "the body is too large; a request is a few hundred bytes, beside its picture");
    case 408: return answer_error_content(one, "RequestTimeoutError", "the request came too slowly");
    case 503:
        return answer_error_content(one, "QueueFullError", "too many pictures are being sent; try again in a moment");
    default: return answer_error_content(one, "BadRequestError", "the request is malformed");
    }
}

http_handler routes_handler(service *running)
{
    return (http_handler){
        .begin = begin, .handle = handle, .abandoned = abandoned, .done = done, .refusal = refusal, .user = running};
}
