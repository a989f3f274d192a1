/*
 * fixture.h: a server whose answers depend on the path, and which remembers what it was told.
 *
 *     /now            200 "now"
 *     /echo           200 and the body
 *     /describe       200 and how the request was read
 *     /upload         may bring FIXTURE_UPLOAD_MAX bytes; waits with its body dropped; the test answers
 *     /refuse         403 "refused", already in `begin`
 *     /later          waits; the test answers with fixture_answer
 *     /stream         opens a stream; the test has it with fixture_take_stream
 *     /large          200 and 24 MB
 *     /nothing        neither answers nor waits
 */
#ifndef LUMEN_TESTS_HTTP_FIXTURE_H
#define LUMEN_TESTS_HTTP_FIXTURE_H

#include <pthread.h>

#include "http/http.h"

enum {
    FIXTURE_BODY_MAX = 64 * 1024,
    FIXTURE_UPLOAD_MAX = 1024 * 1024,
    FIXTURE_LARGE = 24 * 1024 * 1024,
    FIXTURE_WAITING_MAX = 256
};

typedef struct fixture {
    http_server *server;
    uint16_t port;
    http_content *now, *large, *refused;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned begun, handled, abandoned, done, refusals;
    size_t uploaded;                             /* of the latest /upload */
    http_outcome last;                           /* of the latest `done` */
    bool done_while_abandoning, done_unanswered; /* what must never be */
    http_exchange *abandoning;                   /* whose `abandoned` runs */
    http_exchange *waiting[FIXTURE_WAITING_MAX]; /* oldest first */
    unsigned waiting_count;
    http_stream *stream;
} fixture;

/* Short deadlines: headers 0.3 s, body 0.4 s, idle 0.5 s, sending 0.5 s and 64 MB a second. Where `options` is given,
 * they are taken from there. */
void fixture_start(fixture *test, const http_options *options);
void fixture_stop(fixture *test);

/* Waits (at most ten seconds, then the test fails) until a count is reached. */
void fixture_wait(fixture *test, const unsigned *count, unsigned value);

/* A count as it is now. */
unsigned fixture_count(fixture *test, const unsigned *count);

/* What the latest `done` said. */
http_outcome fixture_last(fixture *test);

/* The oldest exchange that waits for its answer. */
http_exchange *fixture_take(fixture *test);
void fixture_answer(http_exchange *exchange, const char *text);
http_stream *fixture_take_stream(fixture *test);

http_content *content_of(const char *text);

#endif
