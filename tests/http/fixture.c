#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"

http_content *content_of(const char *text)
{
    blob *body = blob_copy(text, strlen(text));
    http_content *content = http_content_create(body, &(http_header){"Content-Type", "text/plain"}, 1);
    blob_release(body);
    assert_non_null(content);
    return content;
}

void fixture_answer(http_exchange *exchange, const char *text)
{
    http_content *content = content_of(text);
    http_answer(exchange, 200, content, NULL, 0);
    http_content_release(content);
}

static void append_value(void *user, const char *value)
{
    buffer_print(user, " [%s]", value);
}

/* How the request was read, a line each. */
static void describe(http_exchange *exchange)
{
    buffer out;
    buffer_open(&out, 64 * 1024);
    buffer_print(&out, "method %s\n", http_method(exchange));
    buffer_print(&out, "path %s\n", http_path(exchange));
    buffer_print(&out, "clean %d\n", http_path_is_clean(exchange));
    const char *value = http_query(exchange, "a");
    buffer_print(&out, "a %s\n", value != NULL ? value : "(none)");
    value = http_query(exchange, "b");
    buffer_print(&out, "b %s\n", value != NULL ? value : "(none)");
    value = http_request_header(exchange, "x-one");
    buffer_print(&out, "one %s\n", value != NULL ? value : "(none)");
    buffer_text(&out, "many");
    http_request_headers(exchange, "X-Many", append_value, &out);
    buffer_print(&out, "\npeer %d\n", http_peer(exchange)->sa_family == AF_INET);
    buffer_u8(&out, 0);
    assert_false(buffer_failed(&out));
    fixture_answer(exchange, (const char *)out.data);
    buffer_close(&out);
}

static void echo(http_exchange *exchange)
{
    size_t size = 0;
    const char *bytes = http_body(exchange, &size);
    assert_int_equal(bytes[size], 0);
    blob *body = blob_copy(bytes, size);
    http_content *content = http_content_create(body, NULL, 0);
    http_answer(exchange, 200, content, NULL, 0);
    http_content_release(content);
    blob_release(body);
}

static void begin(void *user, http_exchange *exchange)
{
    fixture *test = user;
    pthread_mutex_lock(&test->lock);
    test->begun++;
    pthread_cond_broadcast(&test->changed);
    pthread_mutex_unlock(&test->lock);
    http_set_state(exchange, NULL);
    if (strcmp(http_path(exchange), "/refuse") == 0)
        http_answer(exchange, 403, test->refused, NULL, 0);
    else if (strcmp(http_path(exchange), "/upload") == 0)
        http_allow_body(exchange, FIXTURE_UPLOAD_MAX);
}

static void wait_for_answer(fixture *test, http_exchange *exchange)
{
    http_wait(exchange);
    pthread_mutex_lock(&test->lock);
    http_set_state(exchange, exchange); /* until it is answered */
    test->waiting[test->waiting_count++] = exchange;
    pthread_cond_broadcast(&test->changed);
    pthread_mutex_unlock(&test->lock);
}

static void take_upload(fixture *test, http_exchange *exchange)
{
    size_t size;
    const char *bytes = http_body(exchange, &size);
    test->uploaded = size;
    assert_int_equal(bytes[size], 0);
    assert_true(size == 0 || bytes[size - 1] == 'x');
    http_drop_body(exchange);
    http_body(exchange, &size);
    assert_int_equal(size, 0);
    wait_for_answer(test, exchange);
}

static void handle(void *user, http_exchange *exchange)
{
    fixture *test = user;
    const char *path = http_path(exchange);
    pthread_mutex_lock(&test->lock);
    test->handled++;
    pthread_mutex_unlock(&test->lock);
    if (strcmp(path, "/echo") == 0)
        echo(exchange);
    else if (strcmp(path, "/large") == 0)
        http_answer(exchange, 200, test->large, NULL, 0);
    else if (strcmp(path, "/later") == 0)
        wait_for_answer(test, exchange);
    else if (strcmp(path, "/upload") == 0)
        take_upload(test, exchange);
    else if (strcmp(path, "/stream") == 0) {
        const http_header headers[] = {{"Content-Type", "text/event-stream"}};
        http_stream *stream = http_stream_open(exchange, 200, headers, 1);
        pthread_mutex_lock(&test->lock);
        test->stream = stream;
        pthread_cond_broadcast(&test->changed);
        pthread_mutex_unlock(&test->lock);
    } else if (strcmp(path, "/nothing") == 0)
        return;
    else if (strcmp(path, "/now") == 0)
        http_answer(exchange, 200, test->now, NULL, 0);
    else
        describe(exchange);
}

static void abandoned(void *user, http_exchange *exchange)
{
    fixture *test = user;
    pthread_mutex_lock(&test->lock);
    test->abandoning = exchange;
    pthread_mutex_unlock(&test->lock);
    /* Long enough for a wrong order to show. */
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    pthread_mutex_lock(&test->lock);
    test->abandoning = NULL;
    test->abandoned++;
    pthread_cond_broadcast(&test->changed);
    pthread_mutex_unlock(&test->lock);
}

static void done(void *user, http_exchange *exchange, const http_outcome *outcome)
{
    fixture *test = user;
    pthread_mutex_lock(&test->lock);
    test->done++;
    test->last = *outcome;
    test->done_unanswered = test->done_unanswered || http_state(exchange) != NULL;
    test->done_while_abandoning = test->done_while_abandoning || test->abandoning == exchange;
    pthread_cond_broadcast(&test->changed);
    pthread_mutex_unlock(&test->lock);
}

static http_content *refusal(void *user, http_exchange *exchange, unsigned status)
{
    fixture *test = user;
    char text[64];
    snprintf(text, sizeof text, "refused %s with %u", http_path(exchange), status);
    pthread_mutex_lock(&test->lock);
    test->refusals++;
    pthread_mutex_unlock(&test->lock);
    return content_of(text);
}

void fixture_start(fixture *test, const http_options *options)
{
    memset(test, 0, sizeof *test);
    pthread_mutex_init(&test->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&test->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    test->now = content_of("now");
    test->refused = content_of("refused");
    blob *large = blob_create(FIXTURE_LARGE);
    assert_non_null(large);
    memset(large->data, 'L', large->size);
    test->large = http_content_create(large, NULL, 0);
    blob_release(large);

    http_options chosen = {.address = "127.0.0.1",
                           .threads = 2,
                           .body_bytes_max = FIXTURE_BODY_MAX,
                           .header_seconds = 0.3,
                           .body_seconds = 0.4,
                           .idle_seconds = 0.5,
                           .send_seconds = 0.5,
                           .send_bytes_per_second = 64 << 20};
    http_handler handler = {
        .begin = begin, .handle = handle, .abandoned = abandoned, .done = done, .refusal = refusal, .user = test};
    lumen_error error;
    lumen_status status = http_server_start(options != NULL ? options : &chosen, &handler, &test->server, &error);
    if (status != LUMEN_OK)
        fail_msg("%s", error.message);
    test->port = http_server_port(test->server);
}

void fixture_stop(fixture *test)
{
    assert_true(http_server_stop(test->server, 5.0));
    assert_int_equal(test->begun, test->done);
    assert_false(test->done_while_abandoning);
    assert_false(test->done_unanswered);
    http_content_release(test->now);
    http_content_release(test->large);
    http_content_release(test->refused);
    pthread_mutex_destroy(&test->lock);
    pthread_cond_destroy(&test->changed);
}

static struct timespec patience(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 10;
    return until;
}

void fixture_wait(fixture *test, const unsigned *count, unsigned value)
{
    struct timespec until = patience();
    int fault = 0;
    pthread_mutex_lock(&test->lock);
    while (*count < value && fault == 0)
        fault = pthread_cond_timedwait(&test->changed, &test->lock, &until);
    unsigned reached = *count;
    pthread_mutex_unlock(&test->lock);
    assert_true(reached >= value);
}

unsigned fixture_count(fixture *test, const unsigned *count)
{
    pthread_mutex_lock(&test->lock);
    unsigned now = *count;
    pthread_mutex_unlock(&test->lock);
    return now;
}

http_outcome fixture_last(fixture *test)
{
    pthread_mutex_lock(&test->lock);
    http_outcome last = test->last;
    pthread_mutex_unlock(&test->lock);
    return last;
}

http_exchange *fixture_take(fixture *test)
{
    struct timespec until = patience();
    int fault = 0;
    http_exchange *exchange = NULL;
    pthread_mutex_lock(&test->lock);
    while (test->waiting_count == 0 && fault == 0)
        fault = pthread_cond_timedwait(&test->changed, &test->lock, &until);
    if (test->waiting_count > 0) {
        exchange = test->waiting[0];
        test->waiting_count--;
        memmove(test->waiting, test->waiting + 1, test->waiting_count * sizeof test->waiting[0]);
        http_set_state(exchange, NULL);
    }
    pthread_mutex_unlock(&test->lock);
    assert_non_null(exchange);
    return exchange;
}

http_stream *fixture_take_stream(fixture *test)
{
    struct timespec until = patience();
    int fault = 0;
    pthread_mutex_lock(&test->lock);
    while (test->stream == NULL && fault == 0)
        fault = pthread_cond_timedwait(&test->changed, &test->lock, &until);
    http_stream *stream = test->stream;
    test->stream = NULL;
    pthread_mutex_unlock(&test->lock);
    assert_non_null(stream);
    return stream;
}
