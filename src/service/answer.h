/*
 * answer.h: how every answer of the service looks: its usual headers, its errors, its JSON.
 *
 *     answer_error(one, 503, "QueueFullError", 2, "too many requests are waiting; try again");
 *     answer_json(one, 200, json_pack("{s:s}", "status", "ok"));
 *     answer_content(one, 200, content, NULL, 0);
 */
#ifndef LUMEN_SERVICE_ANSWER_H
#define LUMEN_SERVICE_ANSWER_H

#include <jansson.h>

#include "service/internal.h"

/* Content with the headers that all answers share, and no-store unless `more` names Cache-Control (with the value NULL:
 * none here, the sender adds its own). Takes over nothing: `body` is kept. `more` may be NULL. */
http_content *answer_make_content(blob *body, const char *type, const http_header *more, size_t count);

enum { ANSWER_VISIT_HEADERS = 3 };

/* The headers that belong to this one request: its id, its origin. Returns how many. */
size_t answer_visit_headers(const visit *one, http_header headers[ANSWER_VISIT_HEADERS]);

/* Sends content with the headers that belong to this one request: its id, its origin. */
void answer_content(visit *one, unsigned status, http_content *content, const http_header *extra, size_t count);

/* Sends bytes as `type`; the buffer stays the caller's. A failed buffer becomes a 500. */
void answer_buffer(visit *one, unsigned status, const char *type, const buffer *body, const http_header *extra,
                   size_t count);

/* Sends a JSON value, and gives it back; NULL (memory ran out while it was made) becomes a 500. */
void answer_json(visit *one, unsigned status, json_t *value);

/* {"error": message, "type": type}; Retry-After when retry_seconds > 0. */
void answer_error(visit *one, unsigned status, const char *type, double retry_seconds, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The error of a failed room: INVALID 422, UNAVAILABLE 503, MEMORY and others 500. */
void answer_lumen_error(visit *one, const lumen_error *error);

/* "the service starts (or stops)": 503. */
void answer_not_open(visit *one);

/* {"status": status} with 503 and Retry-After: /health/ready while it is not. */
void answer_not_ready(visit *one, const char *status);

/* The answer to whoever asked for an outcome that is no shape. */
void answer_outcome_error(visit *one, const executor_outcome *outcome);

/* The same error as status, type and message: for jobs, which keep it. `retry` may be NULL. */
unsigned answer_describe_outcome(const executor_outcome *outcome, const char **type, const char **message,
                                 double *retry);

/* Whether the outcome of an order with a picture says that the picture is at fault: 422, not 500. */
bool answer_is_image_at_fault(const executor_outcome *outcome);

/* The whole of an error as a content of its own, for refusals that the HTTP room sends itself. */
http_content *answer_error_content(const visit *one, const char *type, const char *message);

/* An answer without a body: 204, 304. */
void answer_empty(visit *one, unsigned status, const http_header *extra, size_t count);

/* Reals in JSON: enough digits for milliseconds and byte counts. */
enum { ANSWER_DIGITS = 9 };

#endif
