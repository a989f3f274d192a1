#include "service/answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "files/json.h"

enum { EXTRA_HEADERS_MAX = 12, JSON_BYTES_MAX = 4 << 20 };

http_content *answer_make_content(blob *body, const char *type, const http_header *more, size_t count)
{
    http_header headers[EXTRA_HEADERS_MAX] = {
        {"Content-Type", type},
        {"X-Content-Type-Options", "nosniff"},
    };
    size_t used = 2;
    bool varies = false;
    for (size_t i = 0; i < count && used < EXTRA_HEADERS_MAX - 1; i++) {
        headers[used++] = more[i];
        varies = varies || strcmp(more[i].name, "Vary") == 0;
    }
    if (!varies)
        headers[used++] = (http_header){"Vary", "Origin"};
    return http_content_create(body, headers, used);
}

/* The headers that belong to this one request: its id, its origin. Returns how many. */
static size_t own_headers(const visit *one, http_header headers[3])
{
    headers[0] = (http_header){"X-Request-Id", one->request_id};
    if (one->origin == NULL)
        return 1;
    headers[1] = (http_header){"Access-Control-Allow-Origin", one->origin};
    headers[2] =
        (http_header){"Access-Control-Expose-Headers", "X-Request-Id, X-Lumen-Cache, Retry-After, Location, ETag"};
    return 3;
}

void answer_content(visit *one, unsigned status, http_content *content, const http_header *extra, size_t count)
{
    http_header headers[EXTRA_HEADERS_MAX];
    size_t used = own_headers(one, headers);
    for (size_t i = 0; i < count && used < EXTRA_HEADERS_MAX; i++)
        headers[used++] = extra[i];
    http_answer(one->exchange, status, content, headers, used);
}

void answer_empty(visit *one, unsigned status, const http_header *extra, size_t count)
{
    http_content *nothing = answer_make_content(NULL, NULL, NULL, 0);
    answer_content(one, status, nothing, extra, count);
    http_content_release(nothing);
}

static void answer_without_memory(visit *one)
{
    /* No content could be made: the bare status is all there is memory for. */
    answer_content(one, 500, NULL, NULL, 0);
}

void answer_buffer(visit *one, unsigned status, const char *type, const buffer *body, const http_header *extra,
                   size_t count)
{
    blob *bytes = blob_from_buffer(body);
    http_content *content = bytes == NULL ? NULL : answer_make_content(bytes, type, NULL, 0);
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
    http_header headers[3];
    size_t count = own_headers(one, headers);
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
        *message = "too many requests for new shapes from this address; wait as long as Retry-After says";
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

void answer_outcome_error(visit *one, const executor_outcome *outcome)
{
    const char *type, *message;
    double retry;
    unsigned status = answer_describe_outcome(outcome, &type, &message, &retry);
    answer_error(one, status, type, retry, "%s", message);
}
