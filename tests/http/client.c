#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int client_try_connect(uint16_t port)
{
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 10};
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(made, (const struct sockaddr *)&address, sizeof address) == 0)
        return made;
    close(made);
    return -1;
}

int client_connect(uint16_t port)
{
    int made = client_try_connect(port);
    assert_true(made >= 0);
    return made;
}

bool client_send(int socket, const void *bytes, size_t size)
{
    const char *byte = bytes;
    while (size > 0) {
        ssize_t sent = send(socket, byte, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        byte += sent;
        size -= (size_t)sent;
    }
    return true;
}

bool client_send_text(int socket, const char *text)
{
    return client_send(socket, text, strlen(text));
}

/* Reads up to and with `end`; false when the connection ends before. */
static bool read_until(int socket, const char *end, char *out, size_t room)
{
    size_t size = 0, length = strlen(end);
    while (size + 1 < room && recv(socket, out + size, 1, 0) == 1) {
        out[++size] = 0;
        if (size >= length && strcmp(out + size - length, end) == 0)
            return true;
    }
    out[size] = 0;
    return false;
}

/* Appends `count` bytes to the body, or what comes before the end. */
static bool read_bytes(int socket, reply *out, size_t count)
{
    out->body = realloc(out->body, out->size + count + 1);
    assert_non_null(out->body);
    while (count > 0) {
        ssize_t got = recv(socket, out->body + out->size, count, 0);
        if (got <= 0)
            break;
        out->size += (size_t)got;
        count -= (size_t)got;
    }
    out->body[out->size] = 0;
    return count == 0;
}

static void read_chunks(int socket, reply *out)
{
    char line[64];
    while (read_until(socket, "\r\n", line, sizeof line)) {
        size_t size = strtoul(line, NULL, 16);
        if (size > 0 && !read_bytes(socket, out, size))
            return;
        if (!read_until(socket, "\r\n", line, sizeof line))
            return;
        out->whole = size == 0;
        if (out->whole)
            return;
    }
}

bool reply_header(const reply *got, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = strstr(got->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        const char *from = line + length + 1;
        from += strspn(from, " ");
        snprintf(value, size, "%.*s", (int)strcspn(from, "\r"), from);
        return true;
    }
    return false;
}

void client_read(int socket, reply *out, bool head_only)
{
    memset(out, 0, sizeof *out);
    char value[64];
    if (!read_until(socket, "\r\n\r\n", out->head, sizeof out->head) || strncmp(out->head, "HTTP/1.", 7) != 0)
        return;
    out->status = (unsigned)strtoul(out->head + 9, NULL, 10);
    bool empty = head_only || out->status < 200 || out->status == 204 || out->status == 304;
    if (empty)
        out->whole = true;
    else if (reply_header(out, "Content-Length", value, sizeof value))
        out->whole = read_bytes(socket, out, strtoul(value, NULL, 10));
    else if (reply_header(out, "Transfer-Encoding", value, sizeof value))
        read_chunks(socket, out);
    else
        while (read_bytes(socket, out, 4096))
            continue;
}

void reply_free(reply *got)
{
    free(got->body);
    got->body = NULL;
}

void client_ask(int socket, const char *request, reply *out)
{
    assert_true(client_send_text(socket, request));
    client_read(socket, out, strncmp(request, "HEAD", 4) == 0);
}

bool client_sees_end(int socket, double seconds)
{
    double until = seconds_now() + seconds;
    char waste[65536];
    for (;;) {
        double left = until - seconds_now();
        struct pollfd one = {.fd = socket, .events = POLLIN};
        if (left <= 0 || poll(&one, 1, (int)(left * 1000) + 1) <= 0)
            return false;
        if (recv(socket, waste, sizeof waste, MSG_DONTWAIT) <= 0)
            return true;
    }
}
