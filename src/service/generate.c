/* POST /generate: the way of a request to its shape. */

#include "service/generate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "service/accept.h"
#include "service/answer.h"
#include "shape/pack.h"

/* ---- Understanding -------------------------------------------------------------------------------------------- */

static uint32_t batch_of(const service *running, const char *engine_name)
{
    const host_engines *offered = running->options.engines;
    for (size_t i = 0; i < offered->engine_count; i++)
        if (strcmp(offered->engines[i].name, engine_name) == 0)
            return offered->engines[i].batch_max > 0 ? offered->engines[i].batch_max : 1;
    return 1;
}

static void answer_faults(visit *one, const order_faults *faults)
{
    buffer body;
    buffer_open(&body, 64 << 10);
    order_write_faults(faults, &body);
    answer_buffer(one, 422, "application/json", &body, NULL, 0);
    buffer_close(&body);
}

void generate_answer_faults(visit *one, order_status found, const order_faults *faults, const lumen_error *error)
{
    if (found == ORDER_MALFORMED)
        answer_error(one, 400, "BadRequestError", 0.0, "%s", error->message);
    else if (found == ORDER_NO_MEMORY)
        answer_error(one, 503, "QueueFullError", 5.0, "%s", error->message);
    else
        answer_faults(one, faults);
}

bool generate_read(visit *one, generate_plan *plan)
{
    service *running = one->service;
    size_t size;
    const void *body = http_body(one->exchange, &size);
    order_faults faults;
    lumen_error error;
    order_status found = order_read(body, size, running->engine_names, &plan->body, &faults, &error);
    if (found != ORDER_GOOD) {
        generate_answer_faults(one, found, &faults, &error);
        return false;
    }
    lumen_request request = order_request(&plan->body);
    if (pipeline_plan_request(running->library, &request, &plan->plan, &error) != LUMEN_OK) {
        answer_lumen_error(one, &error);
        return false;
    }
    const char *chosen = plan->plan.engine->name;
    plan->order = (executor_order){.key = plan->plan.key,
                                   .identity = plan->plan.identity,
                                   .engine = chosen,
                                   .batch_max = batch_of(running, chosen),
                                   .request = request};
    one->key = plan->order.key;
    one->has_key = true;
    memo_keep(running->known, body, size, plan->order.key, plan->order.identity);
    return true;
}

void generate_answer_refusal(visit *one, executor_refusal refusal)
{
    observe_refusal(&one->service->seen);
    if (refusal == EXECUTOR_STOPPING)
        answer_error(one, 503, "ShuttingDownError", 5.0, "the service is stopping; ask another");
    else if (refusal == EXECUTOR_NO_MEMORY)
        answer_error(one, 503, "QueueFullError", 5.0, "memory ran out; try again in a moment");
    else
        answer_error(one, 503, "QueueFullError", 2.0, "%u requests wait already; try again in a moment",
                     one->service->options.queue_max);
}

/* ---- Answering -------------------------------------------------------------------------------------------------- */

static void answer_cached(visit *one, const cache_entry *entry)
{
    const shape_answer *answer = cache_answer(entry);
    one->cache_state = cache_is_stored(entry) ? "stored" : "memory";
    const http_header state[] = {{"X-Lumen-Cache", one->cache_state}, {"Cache-Control", "no-store"}};
    answer_content(one, 200, one->binary ? answer->binary : answer->json, state, 2);
}

static void answer_generated(visit *one, const cache_entry *entry)
{
    static const http_header state[] = {{"X-Lumen-Cache", "generated"}, {"Cache-Control", "no-store"}};
    one->cache_state = state[0].value;
    http_content *fresh = shape_answer_fresh(cache_answer(entry), one->binary);
    if (fresh == NULL)
        answer_error(one, 500, "GenerationFailedError", 0.0, "memory ran out; try again later");
    else
        answer_content(one, 200, fresh, state, 2);
    http_content_release(fresh);
}

/* ---- Figures of a mesh, for POST /debug/generate-mesh
 * ------------------------------------------------------------------- */

static json_t *describe_timings(const executor_outcome *outcome, double total_ms)
{
    json_t *timings = json_pack("{s:f}", "generation", total_ms);
    if (outcome == NULL)
        return timings;
    json_object_set_new(timings, "lookup", json_real(outcome->lookup_seconds * 1e3));
    json_object_set_new(timings, "queue", json_real(outcome->queue_seconds * 1e3));
    for (size_t i = 0; i < outcome->stage_count; i++)
        json_object_set_new(timings, outcome->stages[i].stage, json_real(outcome->stages[i].seconds * 1e3));
    return timings;
}

static json_t *describe_shape(const lumen_shape *shape, const executor_outcome *outcome)
{
    json_t *names = json_array(), *vertices = json_array(), *triangles = json_array();
    for (uint32_t k = 0; k < shape->part_count; k++) {
        json_array_append_new(names, json_string(shape->part_names[k]));
        json_array_append_new(vertices, json_integer(shape->part_meshes[k].vertex_count));
        json_array_append_new(triangles, json_integer(shape->part_meshes[k].triangle_count));
    }
    return json_pack("{s:o, s:i, s:o, s:o, s:o, s:s, s:s, s:b}", "timings",
                     describe_timings(outcome, shape->generation_time_ms), "parts", (int)shape->part_count,
                     "part_names", names, "vertex_counts", vertices, "triangle_counts", triangles, "pipeline",
                     shape->pipeline, "key", shape->key, "cached", (int)(outcome == NULL || outcome->found));
}

/* `outcome` NULL: the entry was in memory. May read the disk: not for the server's threads. */
static void answer_figures(visit *one, const cache_entry *entry, const executor_outcome *outcome)
{
    blob *packed = cache_packed(one->service->shapes, entry);
    lumen_shape *shape = NULL;
    lumen_error error = {.status = LUMEN_ERROR_FAILED, .message = "the shape is gone; ask again"};
    if (packed != NULL && shape_unpack(packed->data, packed->size, &shape, &error) == LUMEN_OK)
        answer_json(one, 200, describe_shape(shape, outcome));
    else
        answer_lumen_error(one, &error);
    lumen_shape_free(shape);
    blob_release(packed);
}

static void run_figures(void *user)
{
    visit *one = user;
    cache_entry *entry = cache_load(one->service->shapes, one->key, NULL);
    if (entry != NULL)
        answer_figures(one, entry, NULL);
    else
        answer_error(one, 500, "GenerationFailedError", 0.0, "the shape is gone; ask again");
    cache_release(entry);
}

/* ---- The route
 * --------------------------------------------------------------------------------------------------------------- */

/* From a thread of the executor. */
static void finish_shape(void *user, const executor_outcome *outcome)
{
    visit *one = user;
    service *running = one->service;
    cache_entry *entry = outcome->result;
    if (!atomic_exchange(&one->settled, true)) {
        one->outcome = *outcome;
        one->has_outcome = true;
        observe_outcome(&running->seen, outcome);
        if (outcome->end != EXECUTOR_DONE)
            answer_outcome_error(one, outcome);
        else if (one->debug)
            answer_figures(one, entry, outcome);
        else if (outcome->found)
            answer_cached(one, entry);
        else
            answer_generated(one, entry);
    }
    cache_release(entry);
}

/* Nobody reads this answer; giving it ends the visit, which leaves the executor and so frees the work. */
static void give_up(visit *one)
{
    if (!atomic_exchange(&one->settled, true))
        http_answer(one->exchange, 503, NULL, NULL, 0);
}

void generate_abandon(visit *one)
{
    if (atomic_exchange(&one->waiting, VISIT_LEFT) == VISIT_WAITING)
        give_up(one);
}

void generate_wait(visit *one, executor *work, const executor_order *order,
                   void (*finished)(void *user, const executor_outcome *outcome))
{
    const executor_party party = {.finished = finished, .user = one};
    executor_refusal refusal;
    http_wait(one->exchange);
    one->ticket = executor_join(work, order, &party, &refusal);
    if (one->ticket == NULL)
        generate_answer_refusal(one, refusal);
    else if (atomic_exchange(&one->waiting, VISIT_WAITING) == VISIT_LEFT)
        give_up(one); /* the client left while the executor was being joined */
}

/* The entry of a body that was understood before and whose shape is in memory; NULL: it takes the long way. */
static cache_entry *find_known(visit *one)
{
    size_t size;
    const void *body = http_body(one->exchange, &size);
    char identity[SHAPE_IDENTITY_BYTES];
    uint64_t key;
    if (!memo_find(one->service->known, body, size, &key, identity))
        return NULL;
    cache_entry *entry = cache_find(one->service->shapes, key, identity);
    one->key = key;
    one->has_key = entry != NULL;
    return entry;
}

/* The entry of a body in memory, or none: then the visit waits for one, or has been answered. */
static cache_entry *find_or_wait(visit *one)
{
    generate_plan plan;
    if (!generate_read(one, &plan))
        return NULL;
    cache_entry *entry = cache_find(one->service->shapes, plan.order.key, plan.order.identity);
    if (entry == NULL)
        generate_wait(one, one->service->work, &plan.order, finish_shape);
    return entry;
}

static void generate(visit *one)
{
    cache_entry *entry = find_known(one);
    if (entry == NULL)
        entry = find_or_wait(one);
    if (entry == NULL)
        return;
    if (!one->debug) {
        answer_cached(one, entry);
    } else {
        http_wait(one->exchange);
        if (!tasks_add(one->service->pool, run_figures, one))
            answer_error(one, 503, "QueueFullError", 1.0, "too many files are being written; try again in a moment");
    }
    cache_release(entry);
}

static void read_accept(void *user, const char *value)
{
    accept_read(user, value);
}

void handle_generate(visit *one)
{
    accept_reading accept = {0};
    http_request_headers(one->exchange, "Accept", read_accept, &accept);
    accept_choice choice = accept_choose(&accept);
    if (choice == ACCEPT_NEITHER) {
        answer_error(one, 406, "NotAcceptableError", 0.0,
                     "a shape comes as application/json or application/octet-stream; accept one of them");
        return;
    }
    one->binary = choice == ACCEPT_BINARY;
    generate(one);
}

void handle_debug_mesh(visit *one)
{
    one->debug = true;
    generate(one);
}
