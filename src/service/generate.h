/*
 * generate.h: from the body of a request to an order for an executor, shared by POST /generate, POST /jobs and
 * POST /debug/generate-image.
 *
 *     generate_plan plan;
 *     if (!generate_read(one, &plan))
 *         return;                                            // the visit has been answered
 *     ... cache_find(..., plan.order.key, plan.order.identity) ...
 *     if (works_can(one, plan.order.engine))
 *         executor_join(plan.work, &plan.order, ...);
 *     generate_release(&plan);
 *
 * "auto" is the best engine that can work at this moment, without waiting for any. When that one runs networks and they
 * fail, the order is planned once more, for the engine that needs none (generate_plan_again): not after a picture of
 * the client's own, which words cannot stand for, and not when it was cancelled. Mistakes in a request are found when
 * it is planned, so whatever comes later is the engine's. Who asked for an engine by its name gets that one or an
 * error.
 */
#ifndef LUMEN_SERVICE_GENERATE_H
#define LUMEN_SERVICE_GENERATE_H

#include "pipeline/pipeline.h"
#include "service/internal.h"
#include "service/order.h"
#include "service/shape_answer.h"
#include "service/works.h"

/* An order with all that its pointers point to. */
typedef struct generate_plan {
    service_order body;
    pipeline_plan plan;
    executor_order order;
    executor *work; /* NULL: no process here has the engine */
    bool may_fall_back;
} generate_plan;

/* Reads and understands the body of a visit. False: the visit has been answered (400, 413, 422, 503), and there is
 * nothing to give back. */
bool generate_read(visit *one, generate_plan *plan);
void generate_release(generate_plan *plan);

/* The answer to what an order_read_... found but ORDER_GOOD. */
void generate_answer_faults(visit *one, order_status found, const order_faults *faults, const lumen_error *error);

/* The visit waits for `work` to make the order; `finished` is called once with the visit, from a thread of the
 * executor, and settles it. The visit leaves by itself when its client does. */
void generate_wait(visit *one, executor *work, const executor_order *order,
                   void (*finished)(void *user, const executor_outcome *outcome));

/* ---- Doing without networks ----------------------------------------------------------------------------------- */

/* What is needed to plan once more, for free(); NULL where it may not be, or memory runs out. */
service_order *generate_keep_for_again(const generate_plan *plan);

/* Whether an outcome is a reason for it. */
bool generate_has_failed(const executor_outcome *outcome);

/* The same order for the engine without networks; its texts are those of `again`. Counts it, and logs why. */
lumen_status generate_plan_again(service *running, const service_order *again, const executor_outcome *why,
                                 generate_plan *plan, lumen_error *error);

/* A message as the value of a header: printable ASCII, cut to fit. */
void generate_write_reason(const char *message, char *reason, size_t size);

/* ---- Refusals ------------------------------------------------------------------------------------------------- */

/* 503 for an order that an executor did not take. */
void generate_answer_refusal(visit *one, executor_refusal refusal);

#endif
