/*
 * A server that answers every POST with the same 39 KB, to be compared with a web server that sends a file of that
 * size (docs/performance.md):
 *
 *     bench_http_echo PORT [HEADERS] [THREADS]
 *     wrk -t2 -c64 -d10s -s post.lua http://127.0.0.1:PORT/generate
 *
 * HEADERS: how many further headers each answer has of its own, as a request id is; 0 sends the prebuilt response.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http.h"

enum { BODY_BYTES = 39 * 1024, HEADERS_MAX = 3 };

typedef struct echo {
    http_content *content;
    size_t headers;
} echo;

static void handle(void *user, http_exchange *exchange)
{
    const echo *bench = user;
    const http_header extra[HEADERS_MAX] = {
        {"X-Request-Id", "0123456789abcdef01234567"}, {"X-Content-Type-Options", "nosniff"}, {"Vary", "Origin"}};
    http_answer(exchange, 200, bench->content, extra, bench->headers);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_http_echo PORT [HEADERS] [THREADS]\n");
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    size_t headers = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    echo bench = {.headers = headers < HEADERS_MAX ? headers : HEADERS_MAX};
    blob *body = blob_create(BODY_BYTES);
    if (body == NULL)
        return 1;
    memset(body->data, 'x', body->size);
    bench.content = http_content_create(body, &(http_header){"Content-Type", "application/json"}, 1);
    blob_release(body);

    http_server *server = NULL;
    lumen_error error;
    http_options options = {.address = "127.0.0.1",
                            .port = (uint16_t)strtoul(argv[1], NULL, 10),
                            .threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0};
    http_handler handler = {.handle = handle, .user = &bench};
    if (bench.content == NULL || http_server_start(&options, &handler, &server, &error) != LUMEN_OK) {
        fprintf(stderr, "%s\n", bench.content == NULL ? "memory ran out" : error.message);
        return 1;
    }
    printf("http://127.0.0.1:%u\n", (unsigned)http_server_port(server));
    fflush(stdout);
    int caught = 0;
    sigwait(&ends, &caught);
    http_server_stop(server, 1.0);
    http_content_release(bench.content);
    return 0;
}
