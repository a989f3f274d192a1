/*
 * client.h: an HTTP client that can misbehave, for the tests of src/http.
 *
 *     int socket = client_connect(port);
 *     client_send_text(socket, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
 *     reply got;
 *     client_read(socket, &got, false);              // waits at most ten seconds
 *     assert_int_equal(got.status, 200);
 *     reply_free(&got);
 *     close(socket);
 */
#ifndef LUMEN_TESTS_HTTP_CLIENT_H
#define LUMEN_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reply {
    unsigned status; /* 0: the connection ended before a whole answer */
    char head[4096]; /* status line and headers */
    char *body;      /* chunks joined; a zero follows */
    size_t size;
    bool whole; /* the body is as long as announced, or its last chunk came */
} reply;

/* A connection to 127.0.0.1; fails the test when there is none. */
int client_connect(uint16_t port);

/* The same, or -1 when it is refused. */
int client_try_connect(uint16_t port);

/* Sends everything; false when the server has closed. */
bool client_send(int socket, const void *bytes, size_t size);
bool client_send_text(int socket, const char *text);

/* Reads one answer, to the end of its body and no further. `head_only`: of a HEAD request. */
void client_read(int socket, reply *out, bool head_only);
void reply_free(reply *got);

/* The value of a header into `value`; false when it is not there. */
bool reply_header(const reply *got, const char *name, char *value, size_t size);

/* Sends and reads one answer. */
void client_ask(int socket, const char *request, reply *out);

/* Waits at most `seconds` for the server to close; false: it has not. Bytes on the way are thrown away. */
bool client_sees_end(int socket, double seconds);

double seconds_now(void);

#endif
