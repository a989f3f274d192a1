/*
 * generate.h: from the body of a request to an order for the executor, shared by POST /generate and POST /jobs.
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

/* 503 for an order that the executor did not take. */
void generate_answer_refusal(visit *one, executor_refusal refusal);

#endif
