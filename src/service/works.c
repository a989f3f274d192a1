#include "service/works.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "service/answer.h"
#include "service/shape_answer.h"

/* A network notices that it is called off between two of its blocks, and giving gigabytes back takes a while. */
static const double NETWORK_GRACE_SECONDS = 20.0;

/* Pictures of clients that wait for the networks. */
#define IMAGE_BYTES_MAX ((size_t)256 << 20)

/* ---- Engines ---------------------------------------------------------------------------------------------------- */

static bool is_network(const service *running, const char *name)
{
    return running->network_hosts != NULL && host_find_engine(running->options.networks, name) != NULL;
}

const char *works_fallback(const service *running)
{
    return running->options.engines->engines[0].name;
}

const char *works_painter(const service *running)
{
    const host_engines *offered = running->options.networks;
    for (size_t i = 0; running->network_hosts != NULL && i < offered->engine_count; i++)
        if (offered->engines[i].make_file != NULL)
            return offered->engines[i].name;
    return NULL;
}

executor *works_executor(service *running, const char *name)
{
    if (is_network(running, name))
        return running->network_work;
    return host_find_engine(running->options.engines, name) != NULL ? running->work : NULL;
}

uint32_t works_batch(const service *running, const char *name)
{
    const host_engine *one = host_find_engine(running->options.engines, name);
    if (one == NULL)
        one = host_find_engine(running->options.networks, name);
    return one != NULL && one->batch_max > 0 ? one->batch_max : 1;
}

/* ---- How far its models are ------------------------------------------------------------------------------------- */

typedef struct progress {
    unsigned needed, available;
    model_report failed;  /* the first that did not load; no name: none */
    model_report loading; /* the one that is being loaded; no name: none */
} progress;

static progress read_progress(service *running, const host_engine *of)
{
    progress found = {0};
    host_report report;
    host_read_report(running->network_hosts, 0, &report);
    for (size_t k = 0; of->models != NULL && of->models[k] != NULL; k++) {
        found.needed++;
        for (size_t i = 0; i < report.model_count && i < MODELS_MAX; i++) {
            const model_report *each = &report.models[i];
            if (strcmp(each->name, of->models[k]) != 0)
                continue;
            found.available += each->available;
            if (each->state == MODEL_FAILED && found.failed.name[0] == '\0')
                found.failed = *each;
            if (each->state == MODEL_LOADING)
                found.loading = *each;
        }
    }
    return found;
}

const char *works_best(service *running, char why[WORKS_REASON_BYTES])
{
    const host_engines *offered = running->options.networks;
    why[0] = '\0';
    for (size_t i = 0; running->network_hosts != NULL && i < offered->engine_count; i++) {
        const host_engine *one = &offered->engines[i];
        if (one->generate == NULL)
            continue;
        if (host_engine_ready(running->network_hosts, one->name))
            return one->name;
        const progress found = read_progress(running, one);
        if (found.failed.name[0] != '\0' && why[0] == '\0')
            snprintf(why, WORKS_REASON_BYTES, "%s: the model %s did not load: %.160s", one->name, found.failed.name,
                     found.failed.reason);
    }
    return works_fallback(running);
}

static void answer_no_networks(visit *one)
{
    service *running = one->service;
    const char *why = running->options.no_networks;
    answer_error(one, 503, "ModelNotLoadedError", 60.0, "%s",
                 why != NULL ? why : "no engine that runs networks is part of this service; see lumen pull");
}

bool works_can(visit *one, const char *name)
{
    static const double loading_seconds = 5.0, missing_seconds = 60.0;
    service *running = one->service;
    if (!is_network(running, name)) {
        if (host_find_engine(running->options.engines, name) != NULL)
            return true;
        answer_no_networks(one);
        return false;
    }
    if (host_engine_ready(running->network_hosts, name))
        return true;
    const progress found = read_progress(running, host_find_engine(running->options.networks, name));
    if (found.failed.name[0] != '\0')
        answer_error(one, 503, "ModelNotLoadedError", missing_seconds,
                     "the engine %s cannot work: the model %s did not load: %s", name, found.failed.name,
                     found.failed.reason);
    else
        answer_error(
            one, 503, "ModelNotLoadedError", loading_seconds,
            "the weights of the engine %s are being loaded: %u of %u models are there%s%s; try again in a moment", name,
            found.available, found.needed, found.loading.name[0] != '\0' ? ", now " : "", found.loading.name);
    return false;
}

void works_answer_no_image(visit *one)
{
    const host_engines *offered = one->service->options.networks;
    for (size_t i = 0; one->service->network_hosts != NULL && i < offered->engine_count; i++) {
        if (offered->engines[i].generate == NULL)
            continue;
        if (works_can(one, offered->engines[i].name))
            answer_error(one, 503, "ModelNotLoadedError", 1.0,
                         "the engine %s has just become ready; send the picture again", offered->engines[i].name);
        return;
    }
    answer_no_networks(one);
}

/* ---- What the executors make ------------------------------------------------------------------------------------ */

/* Takes the reference of either over. NULL when memory runs out. */
static work_result *make_result(cache_entry *entry, http_content *picture)
{
    if (entry == NULL && picture == NULL)
        return NULL;
    work_result *made = calloc(1, sizeof *made);
    if (made == NULL) {
        cache_release(entry);
        http_content_release(picture);
        return NULL;
    }
    atomic_init(&made->references, 1);
    made->entry = entry;
    made->picture = picture;
    return made;
}

void work_result_release(work_result *made)
{
    if (made == NULL || atomic_fetch_sub(&made->references, 1) != 1)
        return;
    cache_release(made->entry);
    http_content_release(made->picture);
    free(made);
}

static bool makes_pictures(const service *running, const char *name)
{
    const host_engine *one = host_find_engine(running->options.networks, name);
    return one != NULL && one->make_file != NULL;
}

static void *lookup(void *user, const executor_order *order)
{
    service *running = user;
    return makes_pictures(running, order->engine)
               ? NULL
               : make_result(cache_load(running->shapes, order->key, order->identity), NULL);
}

static void *store(void *user, const executor_order *order, blob *packed, lumen_error *error)
{
    service *running = user;
    cache_entry *entry = NULL;
    http_content *picture = NULL;
    if (makes_pictures(running, order->engine)) {
        picture = answer_make_content(packed, "image/png", NULL, 0);
        if (picture == NULL)
            lumen_fail_memory(error, "a picture");
    } else {
        entry = cache_store(running->shapes, order->key, order->identity, packed, error);
    }
    if (entry == NULL && picture == NULL)
        return NULL;
    work_result *made = make_result(entry, picture);
    if (made == NULL)
        lumen_fail_memory(error, "what was made");
    return made;
}

static void *keep(void *user, void *result)
{
    (void)user;
    work_result *made = result;
    atomic_fetch_add(&made->references, 1);
    return made;
}

static void release(void *user, void *result)
{
    (void)user;
    work_result_release(result);
}

static bool admit(void *user, void *party_user, double *retry_seconds)
{
    service *running = user;
    const requester *who = party_user;
    return who->admitted ||
           limits_take(running->engine_limit, &who->client, (double)clock_now_ns() * 1e-9, retry_seconds);
}

static void observed(void *user, const executor_order *order, const executor_outcome *outcome)
{
    service *running = user;
    observe_flight(&running->seen, order->engine, outcome);
    if (outcome->end == EXECUTOR_FAILED)
        log_write(running->log, LOG_ERROR, "a generation failed",
                  LOG_FIELDS(log_text("engine", order->engine), log_text("text", order->request.text),
                             log_text("reason", outcome->error.message),
                             log_real("run_ms", outcome->run_seconds * 1e3)));
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static lumen_status open_hosts(service *running, const host_engines *offered, const char *const *arguments,
                               uint32_t slots, host_set **out, lumen_error *error)
{
    const host_options wanted = {.program = running->options.program,
                                 .arguments = arguments,
                                 .offered = offered,
                                 .slots = slots,
                                 .memory_budget_bytes = running->options.memory_budget_bytes,
                                 .log = running->log};
    return host_set_open(&wanted, out, error);
}

lumen_status works_open_hosts(service *running, lumen_error *error)
{
    const service_options *options = &running->options;
    lumen_status status =
        open_hosts(running, options->engines, options->host_arguments, options->workers, &running->hosts, error);
    if (status == LUMEN_OK && options->networks != NULL)
        status = open_hosts(running, options->networks, options->network_arguments, 1, &running->network_hosts, error);
    return status;
}

static const executor_hooks hooks = {
    .lookup = lookup, .admit = admit, .store = store, .keep = keep, .release = release, .observed = observed};

lumen_status works_open_executors(service *running, lumen_error *error)
{
    const service_options *options = &running->options;
    executor_options wanted = {.backend = host_backend(running->hosts),
                               .hooks = hooks,
                               .device = SERVICE_DEVICE,
                               .slots = options->workers,
                               .queue_max = options->queue_max,
                               .deadline_seconds = options->request_seconds,
                               .log = running->log};
    wanted.hooks.user = running;
    lumen_status status = executor_open(&wanted, &running->work, error);
    if (status != LUMEN_OK || running->network_hosts == NULL)
        return status;
    wanted.backend = host_backend(running->network_hosts);
    wanted.device = SERVICE_NETWORKS;
    wanted.slots = 1;
    wanted.deadline_seconds = options->network_seconds;
    wanted.grace_seconds = NETWORK_GRACE_SECONDS;
    wanted.image_bytes_max = IMAGE_BYTES_MAX;
    return executor_open(&wanted, &running->network_work, error);
}
