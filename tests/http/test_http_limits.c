/* Clients that are slow, silent or gone; streams; and the end of the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client.h"
#include "fixture.h"
#include "base/clock.h"
#include "http/internal.h"

static int start(void **state)
{
    fixture *test = malloc(sizeof *test);
    assert_non_null(test);
    fixture_start(test, NULL);
    *state = test;
    return 0;
}

static int stop(void **state)
{
    fixture_stop(*state);
    free(*state);
    return 0;
}

/* Less than a second. */
static void pause_for(double seconds)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
}

/* Sends `text` at a byte every 10 ms, over and over, until the server closes. Returns after how many seconds it did. */
static double drip(int socket, const char *text)
{
    double began = seconds_now();
    for (size_t i = 0; seconds_now() - began < 5.0; i = text[i + 1] != 0 ? i + 1 : 0) {
        if (!client_send(socket, text + i, 1) || client_sees_end(socket, 0.01))
            return seconds_now() - began;
    }
    return 5.0;
}

static void expect_timed_out(fixture *test, uint64_t count)
{
    http_figures figures;
    http_server_read_figures(test->server, &figures);
    assert_int_equal(figures.timed_out, count);
}

/* ---- Deadlines ------------------------------------------------------------------------------------------------- */

static void a_request_line_at_a_byte_at_a_time_is_closed(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    double seconds = drip(socket, "GET /a-path-that-goes-on-and-on-");
    assert_true(seconds > 0.2 && seconds < 1.0);
    close(socket);
    assert_int_equal(fixture_count(test, &test->begun), 0);
    expect_timed_out(test, 1);
}

static void so_is_that_of_a_later_request(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    reply got;
    client_ask(socket, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    double seconds = drip(socket, "GET /a-path-that-goes-on-and-on-");
    assert_true(seconds > 0.2 && seconds < 1.0);
    close(socket);
}

static void headers_at_a_byte_at_a_time_are_closed(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "GET /now HTTP/1.1\r\n"));
    double seconds = drip(socket, "X-Header: value\r\n");
    assert_true(seconds > 0.2 && seconds < 1.0);
    close(socket);
    assert_int_equal(fixture_count(test, &test->begun), 0);
}

static void a_body_at_a_byte_at_a_time_is_closed(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"));
    double seconds = drip(socket, "slow");
    assert_true(seconds > 0.3 && seconds < 1.2);
    close(socket);
    fixture_wait(test, &test->done, 1);
    assert_int_equal(fixture_count(test, &test->handled), 0);
    assert_false(fixture_last(test).complete);
    assert_int_equal(fixture_last(test).status, 0);
}

static void an_idle_connection_is_closed(void **state)
{
    fixture *test = *state;
    double began = seconds_now();
    int fresh = client_connect(test->port), used = client_connect(test->port);
    reply got;
    client_ask(used, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    reply_free(&got);
    assert_true(client_sees_end(fresh, 2.0));
    assert_true(client_sees_end(used, 2.0));
    double seconds = seconds_now() - began;
    assert_true(seconds > 0.4 && seconds < 1.5);
    close(fresh);
    close(used);
    expect_timed_out(test, 2);
}

static void a_client_that_does_not_read_its_answer_is_closed(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    fixture_wait(test, &test->done, 1);
    assert_false(fixture_last(test).complete);
    assert_int_equal(fixture_last(test).bytes, 0);
    assert_true(client_sees_end(socket, 5.0));
    close(socket);
    expect_timed_out(test, 1);
}

static void waiting_for_an_answer_has_no_deadline(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"));
    http_exchange *exchange = fixture_take(test);
    pause_for(0.8); /* longer than any of them */
    size_t size = 0;
    assert_memory_equal(http_body(exchange, &size), "hi", 3);
    assert_int_equal(size, 2);
    assert_string_equal(http_path(exchange), "/later");
    fixture_answer(exchange, "late but there");
    reply got;
    client_read(socket, &got, false);
    assert_string_equal(got.body, "late but there");
    reply_free(&got);
    close(socket);
}

/* ---- Clients that leave ---------------------------------------------------------------------------------------- */

static void the_handler_hears_once_that_a_waiting_client_left(void **state)
{
    fixture *test = *state;
    for (unsigned how = 0; how < 3; how++) {
        int socket = client_connect(test->port);
        assert_true(client_send_text(socket, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
        http_exchange *exchange = fixture_take(test);
        assert_int_equal(fixture_count(test, &test->abandoned), how);
        if (how == 0) /* closed, reset, or only done with sending */
            close(socket);
        else if (how == 1) {
            struct linger hard = {.l_onoff = 1};
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            close(socket);
        } else
            shutdown(socket, SHUT_WR);
        fixture_wait(test, &test->abandoned, how + 1);
        assert_int_equal(fixture_count(test, &test->done), how);
        /* It is still valid, and still owed its answer. */
        assert_string_equal(http_path(exchange), "/later");
        fixture_answer(exchange, "too late");
        fixture_wait(test, &test->done, how + 1);
        assert_int_equal(fixture_count(test, &test->abandoned), how + 1);
        assert_false(fixture_last(test).complete);
        assert_int_equal(fixture_last(test).status, 0);
        if (how == 2)
            close(socket);
    }
}

static void a_client_that_leaves_in_its_body_is_done_without_more_ado(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"));
    fixture_wait(test, &test->begun, 1);
    close(socket);
    fixture_wait(test, &test->done, 1);
    assert_int_equal(fixture_count(test, &test->handled), 0);
    assert_int_equal(fixture_count(test, &test->abandoned), 0);
}

/* ---- Streams --------------------------------------------------------------------------------------------------- */

static void a_stream_arrives_piece_by_piece(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_stream *stream = fixture_take_stream(test);
    char text[4096];
    ssize_t size = recv(socket, text, sizeof text - 1, 0); /* the headers, before any piece is there */
    assert_true(size > 0);
    text[size] = 0;
    assert_non_null(strstr(text, "text/event-stream"));
    for (int i = 0; i < 3; i++) {
        char piece[32], chunk[64];
        snprintf(piece, sizeof piece, "data: %d\n\n", i);
        snprintf(chunk, sizeof chunk, "9\r\n%s\r\n", piece);
        assert_true(http_stream_send(stream, piece, strlen(piece)));
        size = recv(socket, text, strlen(chunk), MSG_WAITALL);
        assert_int_equal(size, strlen(chunk));
        assert_memory_equal(text, chunk, strlen(chunk));
        pause_for(0.2); /* together longer than an idle connection may last */
    }
    http_figures figures;
    http_server_read_figures(test->server, &figures);
    assert_int_equal(figures.streams, 1);
    assert_int_equal(fixture_count(test, &test->done), 0);
    http_stream_close(stream);
    assert_int_equal(recv(socket, text, 5, MSG_WAITALL), 5);
    assert_memory_equal(text, "0\r\n\r\n", 5);
    fixture_wait(test, &test->done, 1);
    assert_true(fixture_last(test).complete);
    assert_int_equal(fixture_last(test).bytes, 27);
    reply got;
    client_ask(socket, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    assert_string_equal(got.body, "now");
    reply_free(&got);
    close(socket);
}

static void a_large_stream_arrives_whole(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_stream *stream = fixture_take_stream(test);
    char *piece = malloc(200000);
    assert_non_null(piece);
    for (int i = 0; i < 200000; i++)
        piece[i] = (char)('a' + i % 23);
    assert_true(http_stream_send(stream, piece, 200000));
    http_stream_close(stream);
    reply got;
    client_read(socket, &got, false);
    assert_true(got.whole);
    assert_int_equal(got.size, 200000);
    assert_memory_equal(got.body, piece, 200000);
    reply_free(&got);
    free(piece);
    close(socket);
}

static void a_stream_ends_when_its_client_leaves(void **state)
{
    fixture *test = *state;
    int socket = client_connect(test->port);
    assert_true(client_send_text(socket, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_stream *stream = fixture_take_stream(test);
    assert_true(http_stream_send(stream, "one", 3));
    close(socket);
    fixture_wait(test, &test->done, 1);
    assert_true(fixture_count(test, &test->abandoned) <= 1);
    assert_false(fixture_last(test).complete);
    assert_false(http_stream_send(stream, "two", 3));
    http_stream_close(stream);
}

/* Opens a stream to a client that reads nothing. */
static http_stream *open_unread_stream(fixture *test, int *socket)
{
    *socket = client_connect(test->port);
    assert_true(client_send_text(*socket, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    return fixture_take_stream(test);
}

static void a_stream_whose_client_does_not_read_fills_up_and_ends(void **state)
{
    fixture *test = *state;
    int socket;
    static const char piece[16 * 1024];
    http_stream *stream = open_unread_stream(test, &socket);
    size_t sent = 0;
    for (; sent < 1 << 30 && http_stream_send(stream, piece, sizeof piece); sent += sizeof piece)
        continue;
    assert_true(sent >= 256 * 1024 && sent < 1 << 30);
    fixture_wait(test, &test->done, 1);
    assert_false(fixture_last(test).complete);
    assert_false(http_stream_send(stream, "x", 1));
    http_stream_close(stream);
    close(socket);
}

static void a_stream_that_is_stuck_for_long_ends_before_it_is_full(void **state)
{
    fixture *test = *state;
    int socket;
    static const char piece[16 * 1024];
    http_stream *stream = open_unread_stream(test, &socket);
    /* The kernel takes some megabytes before anything waits in the stream. */
    for (;;) {
        uint64_t since = stream_stuck_since(stream);
        if (since == HTTP_NEVER)
            assert_true(http_stream_send(stream, piece, sizeof piece));
        else if (clock_now_ns() - since > 50000000u)
            break;
        else
            pause_for(0.001);
    }
    double began = seconds_now();
    fixture_wait(test, &test->done, 1);
    assert_true(seconds_now() - began < 3.0);
    assert_false(http_stream_send(stream, "x", 1));
    http_stream_close(stream);
    close(socket);
}

/* ---- The end --------------------------------------------------------------------------------------------------- */

typedef struct ending {
    fixture *test;
    double seconds;
    bool stopped;
    pthread_t thread;
} ending;

static void *end(void *user)
{
    ending *mine = user;
    mine->stopped = http_server_stop(mine->test->server, mine->seconds);
    return NULL;
}

static void begin_to_end(ending *mine, fixture *test, double seconds)
{
    *mine = (ending){.test = test, .seconds = seconds};
    assert_int_equal(pthread_create(&mine->thread, NULL, end, mine), 0);
}

static void free_contents(fixture *test)
{
    assert_int_equal(fixture_count(test, &test->begun), test->done);
    http_content_release(test->now);
    http_content_release(test->large);
    http_content_release(test->refused);
}

static void quiescing_takes_no_connections_and_says_close(void **state)
{
    fixture *test = *state;
    int waiting = client_connect(test->port), idle = client_connect(test->port);
    char value[32];
    reply got;
    assert_true(client_send_text(waiting, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_exchange *exchange = fixture_take(test);
    client_ask(idle, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    assert_false(reply_header(&got, "Connection", value, sizeof value));
    reply_free(&got);
    http_server_quiesce(test->server);
    http_server_quiesce(test->server);
    assert_int_equal(client_try_connect(test->port), -1);
    fixture_answer(exchange, "still served");
    client_read(waiting, &got, false);
    assert_string_equal(got.body, "still served");
    assert_true(reply_header(&got, "Connection", value, sizeof value));
    assert_string_equal(value, "close");
    reply_free(&got);
    assert_true(client_sees_end(waiting, 2.0));
    client_ask(idle, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    assert_string_equal(got.body, "now");
    assert_true(reply_header(&got, "Connection", value, sizeof value));
    reply_free(&got);
    close(waiting);
    close(idle);
}

static void stopping_waits_for_the_answers_that_are_owed(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test, NULL);
    int socket = client_connect(test.port), idle = client_connect(test.port);
    assert_true(client_send_text(socket, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_exchange *exchange = fixture_take(&test);
    ending mine;
    begin_to_end(&mine, &test, 10.0);
    while (client_try_connect(test.port) >= 0)
        continue; /* until it takes no more */
    fixture_answer(exchange, "the last");
    reply got;
    client_read(socket, &got, false);
    assert_string_equal(got.body, "the last");
    reply_free(&got);
    pthread_join(mine.thread, NULL);
    assert_true(mine.stopped);
    assert_true(fixture_last(&test).complete);
    assert_true(client_sees_end(idle, 1.0));
    close(socket);
    close(idle);
    free_contents(&test);
}

static void stopping_shuts_whoever_takes_too_long(void **state)
{
    (void)state;
    fixture test;
    http_options options = {.address = "127.0.0.1", .threads = 1};
    fixture_start(&test, &options);
    int slow = client_connect(test.port), half = client_connect(test.port), later = client_connect(test.port);
    assert_true(client_send_text(slow, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(client_send_text(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"));
    assert_true(client_send_text(later, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    fixture_wait(&test, &test.begun, 3);
    http_exchange *exchange = fixture_take(&test);
    ending mine;
    begin_to_end(&mine, &test, 0.1);
    fixture_wait(&test, &test.abandoned, 1);
    fixture_answer(exchange, "nobody hears it");
    pthread_join(mine.thread, NULL);
    assert_true(mine.stopped);
    close(slow);
    close(half);
    close(later);
    free_contents(&test);
}

static void a_server_that_is_owed_an_answer_for_ever_is_left_standing(void **state)
{
    (void)state;
    fixture test;
    fixture_start(&test, NULL);
    int socket = client_connect(test.port);
    assert_true(client_send_text(socket, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    http_exchange *exchange = fixture_take(&test);
    assert_false(http_server_stop(test.server, 0.01));
    assert_int_equal(fixture_count(&test, &test.abandoned), 1);
    fixture_answer(exchange, "at last");
    assert_true(http_server_stop(test.server, 1.0));
    close(socket);
    free_contents(&test);
}

/* ---- Listening ------------------------------------------------------------------------------------------------- */

static lumen_status try_to_start(const char *address, uint16_t port, lumen_error *error)
{
    http_server *server = NULL;
    http_handler handler = {0};
    http_options options = {.address = address, .port = port};
    lumen_status status = http_server_start(&options, &handler, &server, error);
    assert_true((status == LUMEN_OK) == (server != NULL));
    http_server_stop(server, 0.0);
    return status;
}

static void an_address_that_cannot_be_had_is_named_with_the_mend(void **state)
{
    fixture *test = *state;
    lumen_error error = {0};
    char port[16];
    snprintf(port, sizeof port, "%u", test->port);
    assert_int_equal(try_to_start("127.0.0.1", test->port, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, port));
    assert_non_null(strstr(error.message, "another port"));
    assert_int_equal(try_to_start("203.0.113.7", 0, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "203.0.113.7"));
    assert_int_equal(try_to_start("no such name.", 0, &error), LUMEN_ERROR_IO);
    assert_non_null(strstr(error.message, "no such name."));
}

static void a_name_is_listened_on_at_all_its_addresses(void **state)
{
    (void)state;
    fixture test;
    http_options options = {.address = "localhost"};
    fixture_start(&test, &options);
    int socket = client_connect(test.port); /* 127.0.0.1, even if ::1 comes first */
    reply got;
    client_ask(socket, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
    assert_string_equal(got.body, "now");
    reply_free(&got);
    close(socket);
    fixture_stop(&test);
}

static void beyond_the_limit_clients_wait_until_others_leave(void **state)
{
    (void)state;
    fixture test;
    http_options options = {.address = "127.0.0.1", .connections_max = 4};
    fixture_start(&test, &options);
    int sockets[4];
    reply got;
    for (int i = 0; i < 4; i++) {
        sockets[i] = client_connect(test.port);
        client_ask(sockets[i], "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &got);
        assert_int_equal(got.status, 200);
        reply_free(&got);
    }
    int fifth = client_connect(test.port);
    assert_true(client_send_text(fifth, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_false(client_sees_end(fifth, 0.2));
    assert_int_equal(fixture_count(&test, &test.begun), 4);
    close(sockets[2]);
    client_read(fifth, &got, false);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    close(fifth);
    for (int i = 0; i < 4; i++)
        if (i != 2)
            close(sockets[i]);
    fixture_stop(&test);
}

/* ---- Large bodies ---------------------------------------------------------------------------------------------- */

/* Sends `size` bytes to a path, in chunks or with their length announced. */
static void send_body(int socket, const char *path, size_t size, bool chunked)
{
    static char piece[8192];
    char head[160];
    memset(piece, 'x', sizeof piece);
    if (chunked)
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    else
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, size);
    bool sent = client_send_text(socket, head);
    for (size_t at = 0; at < size && sent; at += sizeof piece) {
        const size_t length = size - at < sizeof piece ? size - at : sizeof piece;
        snprintf(head, sizeof head, "%zx\r\n", length);
        sent = (!chunked || client_send_text(socket, head)) && client_send(socket, piece, length) &&
               (!chunked || client_send_text(socket, "\r\n"));
    }
    if (sent && chunked)
        client_send_text(socket, "0\r\n\r\n");
}

static void only_who_was_allowed_may_bring_more(void **state)
{
    fixture *test = *state;
    for (int chunked = 0; chunked < 2; chunked++) {
        static const size_t sizes[] = {1, FIXTURE_BODY_MAX, FIXTURE_BODY_MAX + 1, FIXTURE_UPLOAD_MAX};
        int socket = client_connect(test->port);
        reply got;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* on one connection: each begins anew */
            send_body(socket, "/upload", sizes[i], chunked);
            fixture_answer(fixture_take(test), "taken");
            client_read(socket, &got, false);
            assert_int_equal(got.status, 200);
            assert_int_equal(test->uploaded, sizes[i]);
            reply_free(&got);
        }
        send_body(socket, "/echo", FIXTURE_BODY_MAX + 1, chunked);
        client_read(socket, &got, false);
        assert_int_equal(got.status, 413);
        reply_free(&got);
        close(socket);
        socket = client_connect(test->port);
        send_body(socket, "/upload", FIXTURE_UPLOAD_MAX + 1, chunked);
        client_read(socket, &got, false);
        assert_int_equal(got.status, 413);
        reply_free(&got);
        close(socket);
    }
    assert_int_equal(atomic_load(&test->server->large_bodies), 0);
}

static void large_bodies_together_have_a_bound_and_waiting_holds_none(void **state)
{
    (void)state;
    fixture test;
    http_options options = {.address = "127.0.0.1",
                            .body_bytes_max = FIXTURE_BODY_MAX,
                            .large_bodies_bytes_max = FIXTURE_UPLOAD_MAX + FIXTURE_UPLOAD_MAX / 2,
                            .body_seconds = 10.0};
    fixture_start(&test, &options);
    reply got;
    int half = client_connect(test.port), other = client_connect(test.port), third = client_connect(test.port);
    /* Not all of it comes, so that what has come is held. */
    char head[128], *body = malloc(FIXTURE_UPLOAD_MAX);
    assert_non_null(body);
    memset(body, 'x', FIXTURE_UPLOAD_MAX);
    snprintf(head, sizeof head, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", FIXTURE_UPLOAD_MAX);
    assert_true(client_send_text(half, head) && client_send(half, body, FIXTURE_UPLOAD_MAX - 1));
    while (atomic_load(&test.server->large_bodies) < FIXTURE_UPLOAD_MAX)
        pause_for(0.001);
    send_body(other, "/upload", FIXTURE_UPLOAD_MAX, false);
    client_read(other, &got, false);
    assert_int_equal(got.status, 503);
    assert_string_equal(got.body, "refused /upload with 503");
    reply_free(&got);
    send_body(other, "/echo", 1000, false); /* small ones are not counted, and the connection goes on */
    client_read(other, &got, false);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    /* Once it is whole and dropped there is room, though its answer is still owed. */
    assert_true(client_send(half, "x", 1));
    http_exchange *waiting = fixture_take(&test);
    assert_int_equal(atomic_load(&test.server->large_bodies), 0);
    send_body(third, "/upload", FIXTURE_UPLOAD_MAX, false);
    fixture_answer(fixture_take(&test), "taken");
    client_read(third, &got, false);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    fixture_answer(waiting, "taken");
    client_read(half, &got, false);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    /* Who leaves in the middle leaves nothing. */
    assert_true(client_send_text(half, head) && client_send(half, body, FIXTURE_UPLOAD_MAX / 2));
    while (atomic_load(&test.server->large_bodies) == 0)
        pause_for(0.001);
    close(half);
    while (atomic_load(&test.server->large_bodies) > 0)
        pause_for(0.001);
    free(body);
    close(other);
    close(third);
    fixture_stop(&test);
}

static void a_large_body_has_time_by_its_length(void **state)
{
    fixture *test = *state; /* 0.4 s for any body, and 64 KiB a second for what goes beyond */
    char head[128];
    reply got;
    int socket = client_connect(test->port);
    snprintf(head, sizeof head, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
             FIXTURE_BODY_MAX + 64 * 1024);
    assert_true(client_send_text(socket, head));
    assert_false(client_sees_end(socket, 0.8));
    char *body = malloc(FIXTURE_BODY_MAX + 64 * 1024);
    assert_non_null(body);
    memset(body, 'x', FIXTURE_BODY_MAX + 64 * 1024);
    assert_true(client_send(socket, body, FIXTURE_BODY_MAX + 64 * 1024));
    fixture_answer(fixture_take(test), "taken");
    client_read(socket, &got, false);
    assert_int_equal(got.status, 200);
    reply_free(&got);
    free(body);
    double began = seconds_now();
    assert_true(client_send_text(socket, head));
    assert_true(client_sees_end(socket, 5.0));
    assert_true(seconds_now() - began > 1.2);
    close(socket);
    expect_timed_out(test, 1);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_request_line_at_a_byte_at_a_time_is_closed),
        WITH_SERVER(so_is_that_of_a_later_request),
        WITH_SERVER(headers_at_a_byte_at_a_time_are_closed),
        WITH_SERVER(a_body_at_a_byte_at_a_time_is_closed),
        WITH_SERVER(an_idle_connection_is_closed),
        WITH_SERVER(a_client_that_does_not_read_its_answer_is_closed),
        WITH_SERVER(waiting_for_an_answer_has_no_deadline),
        WITH_SERVER(the_handler_hears_once_that_a_waiting_client_left),
        WITH_SERVER(a_client_that_leaves_in_its_body_is_done_without_more_ado),
        WITH_SERVER(a_stream_arrives_piece_by_piece),
        WITH_SERVER(a_large_stream_arrives_whole),
        WITH_SERVER(a_stream_ends_when_its_client_leaves),
        WITH_SERVER(a_stream_whose_client_does_not_read_fills_up_and_ends),
        WITH_SERVER(a_stream_that_is_stuck_for_long_ends_before_it_is_full),
        WITH_SERVER(quiescing_takes_no_connections_and_says_close),
        cmocka_unit_test(stopping_waits_for_the_answers_that_are_owed),
        cmocka_unit_test(stopping_shuts_whoever_takes_too_long),
        cmocka_unit_test(a_server_that_is_owed_an_answer_for_ever_is_left_standing),
        WITH_SERVER(only_who_was_allowed_may_bring_more),
        cmocka_unit_test(large_bodies_together_have_a_bound_and_waiting_holds_none),
        WITH_SERVER(a_large_body_has_time_by_its_length),
        WITH_SERVER(an_address_that_cannot_be_had_is_named_with_the_mend),
        cmocka_unit_test(a_name_is_listened_on_at_all_its_addresses),
        cmocka_unit_test(beyond_the_limit_clients_wait_until_others_leave),
    };
    return cmocka_run_group_tests_name("http limits", tests, NULL, NULL);
}
