/*
 * generate.h: from the body of a request to an order for the executor, shared by POST /generate, POST /jobs and
 * POST /debug/generate-image.
 */
#ifndef LUMEN_SERVICE_GENERATE_H
#define LUMEN_SERVICE_GENERATE_H

#include "pipeline/pipeline.h"
#include "service/internal.h"
#include "service/order.h"
#include "service/shape_answer.h"

/* An order with all that its pointers point to. */
typedef struct generate_plan {
    service_order body;
    pipeline_plan plan;
    executor_order order;
} generate_plan;

/* Reads and understands the body of a visit. False: the visit has been answered (400, 422, 503). */
bool generate_read(visit *one, generate_plan *plan);

/* The answer to what an order_read_... found but ORDER_GOOD. */
void generate_answer_faults(visit *one, order_status found, const order_faults *faults, const lumen_error *error);

/* The visit waits for `work` to make the order; `finished` is called once with the visit, from a thread of the
 * executor, and settles it. The visit leaves by itself when its client does. */
void generate_wait(visit *one, executor *work, const executor_order *order,
                   void (*finished)(void *user, const executor_outcome *outcome));

/* 503 for an order that the executor did not take. */
void generate_answer_refusal(visit *one, executor_refusal refusal);

#endif
