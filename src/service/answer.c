#include "service/answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "files/json.h"

enum { EXTRA_HEADERS_MAX = 12, JSON_BYTES_MAX = 4 << 20, OWN_BYTES_UNCOUNTED = 64 << 10 };

/* Answers that are not shared, in all clients' hands at once. */
#define OWN_BYTES_MAX ((size_t)256 << 20)

http_content *answer_make_content(blob *body, const char *type, const http_header *more, size_t count)
{
    http_header headers[EXTRA_HEADERS_MAX] = {
        {"Content-Type", type},
        {"X-Content-Type-Options", "nosniff"},
    };
    size_t used = 2;
    bool varies = false, keeps = false;
    for (size_t i = 0; i < count && used < EXTRA_HEADERS_MAX - 2; i++) {
        headers[used++] = more[i];
        varies = varies || strcmp(more[i].name, "Vary") == 0;
        keeps = keeps || strcmp(more[i].name, "Cache-Control") == 0;
    }
    /* A cache between does not see that an answer depends on X-API-Key. */
    if (!keeps)
        headers[used++] = (http_header){"Cache-Control", "no-store"};
    if (!varies)
        headers[used++] = (http_header){"Vary", "Origin"};
    return http_content_create(body, headers, used);
}

size_t answer_visit_headers(const visit *one, http_header headers[ANSWER_VISIT_HEADERS])
{
    headers[0] = (http_header){"X-Request-Id", one->request_id};
    if (one->origin == NULL)
        return 1;
    headers[1] = (http_header){"Access-Control-Allow-Origin", one->origin};
    headers[2] = (http_header){"Access-Control-Expose-Headers",
                               "X-Request-Id, X-Lumen-Cache, X-Lumen-Fallback, Retry-After, Location, ETag"};
    return 3;
}

void answer_content(visit *one, unsigned status, http_content *content, const http_header *extra, size_t count)
{
    http_header headers[EXTRA_HEADERS_MAX];
    size_t used = answer_visit_headers(one, headers);
    for (size_t i = 0; i < count && used < EXTRA_HEADERS_MAX; i++)
        headers[used++] = extra[i];
    http_answer(one->exchange, status, content, headers, used);
}

/* For contents whose sender may say by himself how they are to be kept: then they say nothing. */
static size_t leave_caching_to(const http_header *extra, size_t count, http_header *more)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(extra[i].name, "Cache-Control") == 0) {
            *more = (http_header){"Cache-Control", NULL};
            return 1;
        }
    }
    return 0;
}

void answer_empty(visit *one, unsigned status, const http_header *extra, size_t count)
{
    http_header more = {0};
    size_t more_count = leave_caching_to(extra, count, &more);
    http_content *nothing = answer_make_content(NULL, NULL, &more, more_count);
    answer_content(one, status, nothing, extra, count);
    http_content_release(nothing);
}

/* An answer that is this request's own holds memory until its client has read it. Small ones are not counted. */
static bool answer_take_bytes(visit *one, size_t size)
{
    if (size <= OWN_BYTES_UNCOUNTED)
        return true;
    size_t before = atomic_fetch_add(&one->service->own_bytes, size);
    if (before + size > OWN_BYTES_MAX) {
        atomic_fetch_sub(&one->service->own_bytes, size);
        return false;
    }
    one->own_bytes = size;
    return true;
}

static void answer_without_memory(visit *one)
{
    /* No content could be made: the bare status is all there is memory for. */
    answer_content(one, 500, NULL, NULL, 0);
}

void answer_buffer(visit *one, unsigned status, const char *type, const buffer *body, const http_header *extra,
                   size_t count)
{
    http_header more = {0};
    size_t more_count = leave_caching_to(extra, count, &more);
    if (!answer_take_bytes(one, body->size)) {
        answer_error(one, 503, "QueueFullError", 2.0, "too many large answers are being sent; try again in a moment");
        return;
    }
    blob *bytes = blob_from_buffer(body);
    http_content *content = bytes == NULL ? NULL : answer_make_content(bytes, type, &more, more_count);
    if (content == NULL)
        answer_without_memory(one);
    else
        answer_content(one, status, content, extra, count);
    http_content_release(content);
    blob_release(bytes);
}

static void answer_json_with(visit *one, unsigned status, json_t *value, const http_header *extra, size_t count)
{
    buffer body;
    buffer_open(&body, JSON_BYTES_MAX);
    if (!files_json_dump(value, ANSWER_DIGITS, &body))
        answer_without_memory(one);
    else
        answer_buffer(one, status, "application/json", &body, extra, count);
    json_decref(value);
    buffer_close(&body);
}

void answer_json(visit *one, unsigned status, json_t *value)
{
    answer_json_with(one, status, value, NULL, 0);
}

static json_t *error_object(const char *type, const char *message)
{
    json_t *text = files_json_text(message);
    /* The contract gives the answer to a wrong key to the letter, without a type. */
    if (strcmp(type, "UnauthorizedError") == 0)
        return json_pack("{s:o}", "error", text);
    return json_pack("{s:o, s:s}", "error", text, "type", type);
}

void answer_error(visit *one, unsigned status, const char *type, double retry_seconds, const char *format, ...)
{
    char message[512];
    char retry[24];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    http_header extra[2];
    size_t count = 0;
    if (retry_seconds > 0.0) {
        snprintf(retry, sizeof retry, "%.0f", fmin(fmax(ceil(retry_seconds), 1.0), 86400.0));
        extra[count++] = (http_header){"Retry-After", retry};
    }
    if (status == 401)
        extra[count++] = (http_header){"WWW-Authenticate", "Bearer realm=\"lumen\""};
    answer_json_with(one, status, error_object(type, message), extra, count);
}

http_content *answer_error_content(const visit *one, const char *type, const char *message)
{
    buffer body;
    buffer_open(&body, 1024);
    json_t *value = error_object(type, message);
    http_content *content = NULL;
    http_header headers[ANSWER_VISIT_HEADERS];
    size_t count = answer_visit_headers(one, headers);
    if (files_json_dump(value, ANSWER_DIGITS, &body)) {
        blob *bytes = blob_from_buffer(&body);
        if (bytes != NULL)
            content = answer_make_content(bytes, "application/json", headers, count);
        blob_release(bytes);
    }
    json_decref(value);
    buffer_close(&body);
    return content;
}

void answer_lumen_error(visit *one, const lumen_error *error)
{
    switch (error->status) {
    case LUMEN_ERROR_UNAVAILABLE: answer_error(one, 503, "ModelNotLoadedError", 30.0, "%s", error->message); return;
    case LUMEN_ERROR_INVALID: answer_error(one, 422, "InvalidRequestError", 0.0, "%s", error->message); return;
    default: answer_error(one, 500, "GenerationFailedError", 0.0, "%s", error->message); return;
    }
}

void answer_not_open(visit *one)
{
    switch (atomic_load(&one->service->phase)) {
    case SERVICE_DRAINING:
        answer_error(one, 503, "ShuttingDownError", 5.0, "the service is stopping; ask another");
        return;
    case SERVICE_BROKEN:
        answer_error(one, 503, "ModelNotLoadedError", 60.0, "the service could not open its tables; see its log");
        return;
    default:
        answer_error(one, 503, "ModelNotLoadedError", 1.0, "the service is starting; try again in a moment");
        return;
    }
}

void answer_not_ready(visit *one, const char *status)
{
    const http_header retry = {"Retry-After", "1"};
    answer_json_with(one, 503, json_pack("{s:s}", "status", status), &retry, 1);
}

unsigned answer_describe_outcome(const executor_outcome *outcome, const char **type, const char **message,
                                 double *retry)
{
    double unused;
    double *seconds = retry != NULL ? retry : &unused;
    *seconds = 0.0;
    *message = outcome->error.message;
    switch (outcome->end) {
    case EXECUTOR_REFUSED:
        *type = "RateLimitedError";
        *message = "too many requests for new shapes from this address; try again later";
        *seconds = outcome->retry_seconds;
        return 429;
    case EXECUTOR_EXPIRED:
        *type = "DeadlineExceededError";
        *seconds = 5.0;
        return 503;
    case EXECUTOR_CANCELLED:
        *type = "ShuttingDownError";
        *seconds = 5.0;
        return 503;
    case EXECUTOR_UNAVAILABLE:
        *type = "ModelNotLoadedError";
        *seconds = 10.0;
        return 503;
    default: *type = "GenerationFailedError"; return 500;
    }
}

bool answer_is_image_at_fault(const executor_outcome *outcome)
{
    return outcome->end == EXECUTOR_FAILED && outcome->error.status == LUMEN_ERROR_INVALID;
}

void answer_outcome_error(visit *one, const executor_outcome *outcome)
{
    const char *type, *message;
    double retry;
    unsigned status = answer_describe_outcome(outcome, &type, &message, &retry);
    answer_error(one, status, type, retry, "%s", message);
}
