/*
 * Any bytes as what a client sends over one connection, to a server whose handler looks at everything, answers at
 * once, later, early or as a stream. The server must end the connection in time, end every exchange that it began, and
 * serve the next client.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { QUEUE = 4096, SIZE_MAX_SENT = 1 << 20 };

typedef struct target {
    http_server *server;
    http_content *content;
    atomic_size_t begun, done, read;
    pthread_mutex_t lock;
    pthread_cond_t more;
    http_exchange *queue[QUEUE];
    size_t first, count;
} target;

static target state;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Touches every byte, so that the sanitizer sees one that is not there. */
static void look(void *user, const char *text)
{
    target *here = user;
    if (text != NULL)
        atomic_fetch_add(&here->read, strlen(text));
}

static void look_at_everything(target *here, http_exchange *exchange)
{
    require(http_method(exchange) != NULL && http_path(exchange) != NULL && http_peer(exchange) != NULL);
    look(here, http_method(exchange));
    look(here, http_path(exchange));
    look(here, http_query(exchange, "a"));
    look(here, http_query(exchange, ""));
    look(here, http_request_header(exchange, "Host"));
    look(here, http_request_header(exchange, "X-Request-Id"));
    http_request_headers(exchange, "X-Forwarded-For", look, here);
    require(http_started_ns(exchange) != 0);
    atomic_fetch_add(&here->read, http_path_is_clean(exchange));
}

static void begin(void *user, http_exchange *exchange)
{
    target *here = user;
    atomic_fetch_add(&here->begun, 1);
    look_at_everything(here, exchange);
    if (http_path(exchange)[0] == '/' && http_path(exchange)[1] == 'r')
        http_answer(exchange, 401, here->content, NULL, 0);
}

static void handle(void *user, http_exchange *exchange)
{
    target *here = user;
    look_at_everything(here, exchange);
    size_t size = 0;
    const unsigned char *body = http_body(exchange, &size);
    require(body != NULL && body[size] == 0);
    for (size_t i = 0; i < size; i++)
        atomic_fetch_add(&here->read, body[i]);
    switch (http_path(exchange)[0] != 0 ? http_path(exchange)[1] : 0) {
    case 'w':
        http_wait(exchange);
        pthread_mutex_lock(&here->lock);
        require(here->count < QUEUE);
        here->queue[(here->first + here->count++) % QUEUE] = exchange;
        pthread_cond_signal(&here->more);
        pthread_mutex_unlock(&here->lock);
        break;
    case 's': {
        http_stream *stream = http_stream_open(exchange, 200, NULL, 0);
        http_stream_send(stream, "some", 4);
        http_stream_send(stream, body, size);
        http_stream_close(stream);
        break;
    }
    case 'n': break;
    default: http_answer(exchange, 200, here->content, &(http_header){"X-Path", http_path(exchange)}, 1);
    }
}

static void done(void *user, http_exchange *exchange, const http_outcome *outcome)
{
    target *here = user;
    look_at_everything(here, exchange);
    require(outcome->ended_ns >= http_started_ns(exchange));
    atomic_fetch_add(&here->done, 1);
}

static void *answer_later(void *user)
{
    target *here = user;
    for (;;) {
        pthread_mutex_lock(&here->lock);
        while (here->count == 0)
            pthread_cond_wait(&here->more, &here->lock);
        http_exchange *exchange = here->queue[here->first];
        here->first = (here->first + 1) % QUEUE;
        here->count--;
        pthread_mutex_unlock(&here->lock);
        http_answer(exchange, 200, here->content, NULL, 0);
    }
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    blob *body = blob_copy("hello", 5);
    state.content = http_content_create(body, NULL, 0);
    blob_release(body);
    pthread_mutex_init(&state.lock, NULL);
    pthread_cond_init(&state.more, NULL);
    http_options options = {.address = "127.0.0.1",
                            .threads = 1,
                            .body_bytes_max = 1000,
                            .header_seconds = 0.05,
                            .body_seconds = 0.05,
                            .idle_seconds = 0.05,
                            .send_seconds = 0.5};
    http_handler handler = {.begin = begin, .handle = handle, .done = done, .user = &state};
    lumen_error error;
    require(http_server_start(&options, &handler, &state.server, &error) == LUMEN_OK);
    pthread_t thread;
    require(pthread_create(&thread, NULL, answer_later, &state) == 0);
    return 0;
}

static int connect_to(uint16_t port)
{
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    require(made >= 0);
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    /* Thousands of connections a minute: do not leave their ports behind. */
    struct linger hard = {.l_onoff = 1};
    setsockopt(made, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    /* libFuzzer's clock may interrupt; sockets with a patience are not taken up again by themselves. */
    if (connect(made, (const struct sockaddr *)&address, sizeof address) != 0) {
        require(errno == EINTR);
        require(poll(&(struct pollfd){.fd = made, .events = POLLOUT}, 1, 10000) == 1);
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SIZE_MAX_SENT)
        return 0;
    int socket = connect_to(http_server_port(state.server));
    ssize_t sent = send(socket, data, size, MSG_NOSIGNAL); /* it may be closed before it is all there */
    (void)sent;
    /* Our end apart from the bytes: where both come at once the end is only noticed by the sweeper. */
    poll(&(struct pollfd){.fd = socket, .events = POLLIN}, 1, 1);
    shutdown(socket, SHUT_WR);
    char waste[4096];
    ssize_t got;
    do
        got = recv(socket, waste, sizeof waste, 0);
    while (got > 0 || (got < 0 && errno == EINTR));
    require(got == 0 || errno == ECONNRESET);
    close(socket);
    for (int i = 0; i < 5000 && atomic_load(&state.begun) != atomic_load(&state.done); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    require(atomic_load(&state.begun) == atomic_load(&state.done));
    return 0;
}
