/*
 * Many clients at once, answered from other threads, some of which leave in the middle: every answer must be the one
 * that was asked for, and the server must survive its end under load. Meant to be run under ThreadSanitizer too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "http/http.h"

enum { CLIENT_THREADS = 5, CONNECTIONS = 40, ROUNDS = 10, WORKERS = 3, QUEUE = 1024 };

typedef struct load {
    http_server *server;
    pthread_mutex_t lock;
    pthread_cond_t more;
    http_exchange *queue[QUEUE];
    size_t first, count;
    bool over;
    atomic_uint begun, done, abandoned, right, wrong;
} load;

/* The body is the query's n, over and over, so that a mix-up of any part of it shows. */
static http_content *content_for(const char *number)
{
    char text[2048];
    size_t size = 0;
    while (size + 16 < sizeof text)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s,", number);
    blob *body = blob_copy(text, size);
    http_content *content = http_content_create(body, NULL, 0);
    blob_release(body);
    return content;
}

static void answer(http_exchange *exchange)
{
    const char *number = http_query(exchange, "n");
    http_content *content = content_for(number);
    http_header extra = {"X-Number", number};
    http_answer(exchange, 200, content, &extra, 1);
    http_content_release(content);
}

static void begin(void *user, http_exchange *exchange)
{
    load *test = user;
    (void)exchange;
    atomic_fetch_add(&test->begun, 1);
}

static void handle(void *user, http_exchange *exchange)
{
    load *test = user;
    if (strcmp(http_path(exchange), "/now") == 0) {
        answer(exchange);
        return;
    }
    http_wait(exchange);
    pthread_mutex_lock(&test->lock);
    test->queue[(test->first + test->count++) % QUEUE] = exchange;
    pthread_cond_signal(&test->more);
    pthread_mutex_unlock(&test->lock);
}

static void abandoned(void *user, http_exchange *exchange)
{
    load *test = user;
    (void)exchange;
    atomic_fetch_add(&test->abandoned, 1);
}

static void done(void *user, http_exchange *exchange, const http_outcome *outcome)
{
    load *test = user;
    (void)exchange;
    (void)outcome;
    atomic_fetch_add(&test->done, 1);
}

static void *work(void *user)
{
    load *test = user;
    pthread_mutex_lock(&test->lock);
    for (;;) {
        while (test->count == 0 && !test->over)
            pthread_cond_wait(&test->more, &test->lock);
        if (test->count == 0)
            break;
        http_exchange *exchange = test->queue[test->first];
        test->first = (test->first + 1) % QUEUE;
        test->count--;
        pthread_mutex_unlock(&test->lock);
        if (strcmp(http_path(exchange), "/stream") == 0) {
            http_stream *stream = http_stream_open(exchange, 200, NULL, 0);
            for (int i = 0; i < 5; i++)
                http_stream_send(stream, "0123456789", 10);
            http_stream_close(stream);
        } else {
            answer(exchange);
        }
        pthread_mutex_lock(&test->lock);
    }
    pthread_mutex_unlock(&test->lock);
    return NULL;
}

typedef struct crowd {
    load *test;
    unsigned number;
} crowd;

static void judge(load *test, const reply *got, unsigned number)
{
    char text[32], value[32] = "";
    snprintf(text, sizeof text, "%u", number);
    http_content *content = content_for(text);
    const blob *body = http_content_body(content);
    reply_header(got, "X-Number", value, sizeof value);
    bool right = got->status == 200 && got->size == body->size && memcmp(got->body, body->data, body->size) == 0 &&
                 strcmp(value, text) == 0;
    atomic_fetch_add(right ? &test->right : &test->wrong, 1);
    http_content_release(content);
}

static void *ask(void *user)
{
    const crowd *mine = user;
    load *test = mine->test;
    uint16_t port = http_server_port(test->server);
    int sockets[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        sockets[i] = client_try_connect(port);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char request[256];
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            unsigned number = mine->number * 100000 + round * 1000 + i;
            snprintf(request, sizeof request, "%s /%s?n=%u HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "POST",
                     i % 3 == 0 ? "now" : "later", number);
            client_send_text(sockets[i], request);
        }
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            if ((i + round) % 10 == 9) { /* leaves, and comes again */
                close(sockets[i]);
                sockets[i] = client_try_connect(port);
                continue;
            }
            reply got;
            client_read(sockets[i], &got, false);
            judge(test, &got, mine->number * 100000 + round * 1000 + i);
            reply_free(&got);
        }
        client_send_text(sockets[0], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        reply got;
        client_read(sockets[0], &got, false);
        atomic_fetch_add(got.whole && got.size == 50 ? &test->right : &test->wrong, 1);
        reply_free(&got);
    }
    for (int i = 0; i < CONNECTIONS; i++)
        close(sockets[i]);
    return NULL;
}

static void two_hundred_clients_get_their_own_answers(void **state)
{
    (void)state;
    load test = {0};
    pthread_mutex_init(&test.lock, NULL);
    pthread_cond_init(&test.more, NULL);
    http_options options = {.address = "127.0.0.1", .threads = 3};
    http_handler handler = {.begin = begin, .handle = handle, .abandoned = abandoned, .done = done, .user = &test};
    lumen_error error;
    assert_int_equal(http_server_start(&options, &handler, &test.server, &error), LUMEN_OK);
    pthread_t workers[WORKERS], clients[CLIENT_THREADS];
    crowd crowds[CLIENT_THREADS];
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, &test), 0);
    for (unsigned i = 0; i < CLIENT_THREADS; i++) {
        crowds[i] = (crowd){.test = &test, .number = i + 1};
        assert_int_equal(pthread_create(&clients[i], NULL, ask, &crowds[i]), 0);
    }
    for (unsigned i = 0; i < CLIENT_THREADS; i++)
        pthread_join(clients[i], NULL);
    assert_true(http_server_stop(test.server, 10.0));
    pthread_mutex_lock(&test.lock);
    test.over = true;
    pthread_cond_broadcast(&test.more);
    pthread_mutex_unlock(&test.lock);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    assert_int_equal(test.wrong, 0);
    assert_int_equal(test.right, CLIENT_THREADS * ROUNDS * (CONNECTIONS / 10 * 9 + 1));
    assert_int_equal(test.begun, test.done);
    pthread_mutex_destroy(&test.lock);
    pthread_cond_destroy(&test.more);
}

/* Stops while requests come in and are being answered: those that were begun end, the others are refused. */
static void the_end_may_come_at_any_moment(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        load test = {0};
        pthread_mutex_init(&test.lock, NULL);
        pthread_cond_init(&test.more, NULL);
        http_options options = {.address = "127.0.0.1", .threads = 2};
        http_handler handler = {.begin = begin, .handle = handle, .abandoned = abandoned, .done = done, .user = &test};
        lumen_error error;
        assert_int_equal(http_server_start(&options, &handler, &test.server, &error), LUMEN_OK);
        pthread_t worker;
        assert_int_equal(pthread_create(&worker, NULL, work, &test), 0);
        int sockets[CONNECTIONS];
        for (int i = 0; i < CONNECTIONS; i++) {
            sockets[i] = client_connect(http_server_port(test.server));
            client_send_text(sockets[i], i % 2 == 0 ? "GET /later?n=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                                                      "GET /now?n=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                                                    : "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
            if (i % 7 == 6)
                close(sockets[i]);
        }
        assert_true(http_server_stop(test.server, 5.0));
        assert_int_equal(test.begun, test.done);
        pthread_mutex_lock(&test.lock);
        test.over = true;
        pthread_cond_broadcast(&test.more);
        pthread_mutex_unlock(&test.lock);
        pthread_join(worker, NULL);
        for (int i = 0; i < CONNECTIONS; i++)
            if (i % 7 != 6)
                close(sockets[i]);
        pthread_mutex_destroy(&test.lock);
        pthread_cond_destroy(&test.more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_clients_get_their_own_answers),
        cmocka_unit_test(the_end_may_come_at_any_moment),
    };
    return cmocka_run_group_tests_name("http load", tests, NULL, NULL);
}
