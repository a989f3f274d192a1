/* POST /generate: the way of a request to its shape. */

#include "service/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "service/accept.h"
#include "service/answer.h"
#include "shape/pack.h"

/* ---- Understanding -------------------------------------------------------------------------------------------- */

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
    else if (found == ORDER_TOO_LARGE)
        answer_error(one, 413, "PayloadTooLargeError", 0.0, "%s", error->message);
    else if (found == ORDER_NO_MEMORY)
        answer_error(one, 503, "QueueFullError", 5.0, "%s", error->message);
    else
        answer_faults(one, faults);
}

void generate_write_reason(const char *message, char *reason, size_t size)
{
    size_t length = 0;
    for (const char *byte = message; *byte != '\0' && length + 1 < size; byte++)
        if (((unsigned char)*byte & 0xc0) != 0x80) /* one mark for each character */
            reason[length++] = *byte >= ' ' && *byte <= '~' ? *byte : '?';
    while (length > 0 && reason[length - 1] == ' ')
        length--;
    reason[length] = '\0';
}

static lumen_status plan_for(service *running, const char *engine_name, generate_plan *plan, lumen_error *error)
{
    lumen_request request = order_request(&plan->body);
    request.engine = engine_name;
    lumen_status status = pipeline_plan_request(running->library, &request, &plan->plan, error);
    if (status != LUMEN_OK)
        return status;
    const char *chosen = plan->plan.engine->name;
    request.engine = chosen;
    plan->order = (executor_order){.key = plan->plan.key,
                                   .identity = plan->plan.identity,
                                   .engine = chosen,
                                   .batch_max = works_batch(running, chosen),
                                   .request = request,
                                   .image = plan->body.image};
    plan->work = works_executor(running, chosen);
    return LUMEN_OK;
}

/* "auto", as things are now. */
static lumen_status plan_best(visit *one, const char *best, generate_plan *plan, lumen_error *error)
{
    service *running = one->service;
    lumen_status status = plan_for(running, best, plan, error);
    plan->may_fall_back = best != works_fallback(running) && plan->body.image == NULL;
    if (status != LUMEN_ERROR_UNAVAILABLE || !plan->may_fall_back)
        return status;
    generate_write_reason(error->message, one->fallback, sizeof one->fallback);
    plan->may_fall_back = false;
    return plan_for(running, works_fallback(running), plan, error);
}

static bool make_plan(visit *one, const char *best, generate_plan *plan)
{
    service *running = one->service;
    const bool automatic = strcmp(plan->body.engine, "auto") == 0;
    lumen_error error;
    plan->may_fall_back = false;
    if (!automatic)
        one->fallback[0] = '\0';
    if (automatic && plan->body.image != NULL && best == works_fallback(running)) {
        works_answer_no_image(one);
        return false;
    }
    lumen_status status =
        automatic ? plan_best(one, best, plan, &error) : plan_for(running, plan->body.engine, plan, &error);
    if (status != LUMEN_OK)
        answer_lumen_error(one, &error);
    return status == LUMEN_OK;
}

/* What "auto" means for this request; notes why it is not the best, should that be so. */
static const char *best_for(visit *one)
{
    char why[WORKS_REASON_BYTES];
    const char *best = works_best(one->service, why);
    generate_write_reason(why, one->fallback, sizeof one->fallback);
    return best;
}

bool generate_read(visit *one, generate_plan *plan)
{
    service *running = one->service;
    const order_rules rules = {.engines = running->engine_names,
                               .image_engines = running->image_engines,
                               .body_bytes_max = running->options.body_bytes_max,
                               .image_bytes_max = running->options.image_bytes_max};
    size_t size;
    const void *body = http_body(one->exchange, &size);
    order_faults faults;
    lumen_error error;
    order_status found = order_read(body, size, &rules, &plan->body, &faults, &error);
    if (found != ORDER_GOOD) {
        generate_answer_faults(one, found, &faults, &error);
        return false;
    }
    const char *best = best_for(one);
    if (!make_plan(one, best, plan)) {
        order_release(&plan->body);
        return false;
    }
    one->key = plan->order.key;
    one->has_key = true;
    one->with_image = plan->body.image != NULL;
    if (one->fallback[0] == '\0')
        memo_keep(running->known, body, size, best, plan->order.key, plan->order.identity);
    /* A picture need not be there twice while the request waits. */
    if (size > running->options.body_bytes_max)
        http_drop_body(one->exchange);
    return true;
}

void generate_release(generate_plan *plan)
{
    order_release(&plan->body);
}

/* ---- Doing without networks ------------------------------------------------------------------------------------- */

service_order *generate_keep_for_again(const generate_plan *plan)
{
    service_order *again = plan->may_fall_back ? malloc(sizeof *again) : NULL;
    if (again != NULL)
        *again = plan->body; /* it has no picture */
    return again;
}

bool generate_has_failed(const executor_outcome *outcome)
{
    return outcome->end == EXECUTOR_FAILED || outcome->end == EXECUTOR_UNAVAILABLE;
}

lumen_status generate_plan_again(service *running, const service_order *again, const executor_outcome *why,
                                 generate_plan *plan, lumen_error *error)
{
    *plan = (generate_plan){.body = *again};
    lumen_status status = plan_for(running, works_fallback(running), plan, error);
    if (status == LUMEN_OK) {
        metric_add(running->seen.fallbacks, 1.0);
        log_write(running->log, LOG_WARNING, "networks failed, and their shape is made without them",
                  LOG_FIELDS(log_text("text", again->text), log_text("reason", why->error.message)));
    }
    return status;
}

/* ---- Refusals --------------------------------------------------------------------------------------------------- */

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

static void answer_shape(visit *one, unsigned status, http_content *content, const char *state)
{
    one->cache_state = state;
    const http_header headers[] = {
        {"X-Lumen-Cache", state}, {"X-Lumen-Fallback", one->fallback}, {"Cache-Control", "no-store"}};
    answer_content(one, status, content, headers, sizeof headers / sizeof *headers);
}

static void answer_cached(visit *one, const cache_entry *entry)
{
    const shape_answer *answer = cache_answer(entry);
    answer_shape(one, 200, one->binary ? answer->binary : answer->json, cache_is_stored(entry) ? "stored" : "memory");
}

static void answer_generated(visit *one, const cache_entry *entry)
{
    http_content *fresh = shape_answer_fresh(cache_answer(entry), one->binary);
    if (fresh == NULL)
        answer_error(one, 500, "GenerationFailedError", 0.0, "memory ran out; try again later");
    else
        answer_shape(one, 200, fresh, "generated");
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

static json_t *describe_shape(const visit *one, const lumen_shape *shape, const executor_outcome *outcome)
{
    json_t *names = json_array(), *vertices = json_array(), *triangles = json_array(), *confidence = json_array();
    for (uint32_t k = 0; k < shape->part_count; k++) {
        json_array_append_new(names, json_string(shape->part_names[k]));
        json_array_append_new(vertices, json_integer(shape->part_meshes[k].vertex_count));
        json_array_append_new(triangles, json_integer(shape->part_meshes[k].triangle_count));
        json_array_append_new(confidence,
                              json_real(shape->part_confidence != NULL ? (double)shape->part_confidence[k] : 1.0));
    }
    json_t *told =
        json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:s, s:s, s:b}", "timings",
                  describe_timings(outcome, shape->generation_time_ms), "parts", (int)shape->part_count, "part_names",
                  names, "vertex_counts", vertices, "triangle_counts", triangles, "part_confidence", confidence,
                  "pipeline", shape->pipeline, "key", shape->key, "cached", (int)(outcome == NULL || outcome->found));
    if (one->fallback[0] != '\0')
        json_object_set_new(told, "fallback_reason", json_string(one->fallback));
    return told;
}

/* `outcome` NULL: the entry was in memory. May read the disk: not for the server's threads. */
static void answer_figures(visit *one, const cache_entry *entry, const executor_outcome *outcome)
{
    blob *packed = cache_packed(one->service->shapes, entry);
    lumen_shape *shape = NULL;
    lumen_error error = {.status = LUMEN_ERROR_FAILED, .message = "the shape is gone; ask again"};
    if (packed != NULL && shape_unpack(packed->data, packed->size, &shape, &error) == LUMEN_OK)
        answer_json(one, 200, describe_shape(one, shape, outcome));
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

/* The engine looked at the picture and found nothing to work on: the same answer as to any other fault of the body. */
static void answer_image_fault(visit *one, const lumen_error *error)
{
    order_faults faults = {.count = 1, .list[0] = {.member = "image", .type = "image_invalid"}};
    generate_write_reason(error->message, faults.list[0].message, sizeof faults.list[0].message);
    answer_faults(one, &faults);
}

/* Gives the visit its answer, unless it has one. */
static void settle_shape(visit *one, const executor_outcome *outcome)
{
    const work_result *made = outcome->result;
    if (atomic_exchange(&one->settled, true))
        return;
    one->outcome = *outcome;
    one->has_outcome = true;
    observe_outcome(&one->service->seen, outcome);
    if (one->with_image && answer_is_image_at_fault(outcome))
        answer_image_fault(one, &outcome->error);
    else if (outcome->end != EXECUTOR_DONE)
        answer_outcome_error(one, outcome);
    else if (one->debug)
        answer_figures(one, made->entry, outcome);
    else if (outcome->found)
        answer_cached(one, made->entry);
    else
        answer_generated(one, made->entry);
}

static void finish_shape(void *user, const executor_outcome *outcome);

/* The networks failed: the same without them. From a thread of their executor, whose ticket the end of the visit leaves
 * before it looks at the second one: so the second is there by then, or never will be. */
static bool begin_again(visit *one, const executor_outcome *outcome)
{
    service *running = one->service;
    generate_plan plan;
    lumen_error error;
    if (generate_plan_again(running, one->again, outcome, &plan, &error) != LUMEN_OK)
        return false;
    generate_write_reason(outcome->error.message, one->fallback, sizeof one->fallback);
    one->key = plan.order.key;
    one->who.admitted = true; /* it has paid for an engine once */
    cache_entry *entry = cache_find(running->shapes, plan.order.key, plan.order.identity);
    if (entry != NULL) {
        work_result made = {.entry = entry};
        const executor_outcome found = {.end = EXECUTOR_DONE, .result = &made, .found = true};
        settle_shape(one, &found);
        cache_release(entry);
        return true;
    }
    const executor_party party = {.finished = finish_shape, .user = one};
    executor_refusal refusal;
    one->second = executor_join(plan.work, &plan.order, &party, &refusal);
    if (one->second == NULL && !atomic_exchange(&one->settled, true))
        generate_answer_refusal(one, refusal);
    return true;
}

/* From a thread of the executor. */
static void finish_shape(void *user, const executor_outcome *outcome)
{
    visit *one = user;
    const bool first = one->again != NULL && !one->who.admitted;
    if (first && generate_has_failed(outcome) && !atomic_load(&one->settled) && begin_again(one, outcome))
        return;
    settle_shape(one, outcome);
    work_result_release(outcome->result);
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

void generate_end(visit *one)
{
    executor_leave(one->ticket); /* its callback has ended then, and may have left a second ticket */
    executor_leave(one->second);
    free(one->again);
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
    char identity[SHAPE_IDENTITY_BYTES], why[WORKS_REASON_BYTES];
    uint64_t key;
    if (size > MEMO_BODY_BYTES)
        return NULL;
    const char *best = works_best(one->service, why);
    /* Whoever gets less than the best is to be told why: on the long way. */
    if (why[0] != '\0' || !memo_find(one->service->known, body, size, best, &key, identity))
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
    if (entry == NULL && works_can(one, plan.order.engine)) {
        one->again = generate_keep_for_again(&plan);
        generate_wait(one, plan.work, &plan.order, finish_shape);
    }
    generate_release(&plan);
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
