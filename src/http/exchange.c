/* exchange.c: one request and its answer, as the handler sees them. */
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

void exchange_free_body(http_exchange *exchange)
{
    if (exchange->body != exchange->body_inline)
        free(exchange->body);
    if (exchange->body_counted > 0)
        atomic_fetch_sub(&exchange->connection->server->large_bodies, exchange->body_counted);
    exchange->body = exchange->body_inline;
    exchange->body_capacity = sizeof exchange->body_inline;
    exchange->body_size = 0;
    exchange->body_counted = 0;
}

void exchange_reset(http_exchange *exchange)
{
    connection *link = exchange->connection;
    exchange_free_body(exchange);
    memset(exchange, 0, offsetof(http_exchange, body_inline));
    memset(&exchange->answered, 0, sizeof *exchange - offsetof(http_exchange, answered));
    exchange->connection = link;
    exchange->body = exchange->body_inline;
    exchange->body_capacity = sizeof exchange->body_inline;
    exchange->body_bytes_max = link->server->body_bytes_max;
}

/* ---- The request ----------------------------------------------------------------------------------------------- */

const char *http_method(const http_exchange *exchange)
{
    return exchange->method;
}

const char *http_path(const http_exchange *exchange)
{
    return exchange->path;
}

bool http_path_is_clean(const http_exchange *exchange)
{
    return exchange->clean;
}

const char *http_query(const http_exchange *exchange, const char *name)
{
    const char *value = NULL;
    if (MHD_lookup_connection_value_n(exchange->connection->raw, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                      NULL) == MHD_NO)
        return NULL;
    return value != NULL ? value : "";
}

const char *http_request_header(const http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection->raw, MHD_HEADER_KIND, name);
}

typedef struct header_search {
    const char *name;
    void (*each)(void *user, const char *value);
    void *user;
} header_search;

static enum MHD_Result visit_header(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const header_search *search = user;
    (void)kind;
    if (strcasecmp(name, search->name) == 0 && value != NULL)
        search->each(search->user, value);
    return MHD_YES;
}

void http_request_headers(const http_exchange *exchange, const char *name, void (*each)(void *user, const char *value),
                          void *user)
{
    header_search search = {.name = name, .each = each, .user = user};
    MHD_get_connection_values(exchange->connection->raw, MHD_HEADER_KIND, visit_header, &search);
}

const void *http_body(const http_exchange *exchange, size_t *size)
{
    *size = exchange->body_size;
    return exchange->body;
}

void http_drop_body(http_exchange *exchange)
{
    exchange_free_body(exchange);
    exchange->body[0] = 0;
}

void http_allow_body(http_exchange *exchange, size_t bytes_max)
{
    exchange->body_bytes_max = bytes_max;
}

const struct sockaddr *http_peer(const http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection->raw, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info->client_addr;
}

uint64_t http_started_ns(const http_exchange *exchange)
{
    return exchange->started_ns;
}

void http_set_state(http_exchange *exchange, void *state)
{
    exchange->state = state;
}

void *http_state(const http_exchange *exchange)
{
    return exchange->state;
}

/* ---- The answer ------------------------------------------------------------------------------------------------ */

void waiting_add(http_exchange *exchange)
{
    http_server *server = exchange->connection->server;
    exchange->waiting_previous = NULL;
    exchange->waiting_next = server->waiting;
    if (server->waiting != NULL)
        server->waiting->waiting_previous = exchange;
    server->waiting = exchange;
    server->waiting_count++;
    exchange->listed = true;
}

void waiting_remove(http_exchange *exchange)
{
    http_server *server = exchange->connection->server;
    if (!exchange->listed)
        return;
    if (exchange->waiting_previous != NULL)
        exchange->waiting_previous->waiting_next = exchange->waiting_next;
    else
        server->waiting = exchange->waiting_next;
    if (exchange->waiting_next != NULL)
        exchange->waiting_next->waiting_previous = exchange->waiting_previous;
    server->waiting_count--;
    exchange->listed = false;
}

void exchange_settle(http_exchange *exchange, const exchange_answer *answer)
{
    if (!exchange->waiting) {
        exchange->answer = *answer;
        exchange->answered = true;
        return;
    }
    /* The lock is held while the connection is resumed: the server's end takes it too, so that libmicrohttpd is still
     * there when MHD_resume_connection has woken its thread. After that call the exchange may be gone. */
    http_server *server = exchange->connection->server;
    pthread_mutex_lock(&server->waiting_lock);
    exchange->answer = *answer;
    exchange->answered = true;
    if (answer->stream == NULL)
        waiting_remove(exchange);
    exchange->resumed = !exchange->abandoning; /* else the sweeper does it, when it has told the handler */
    if (exchange->resumed)
        loops_resume(exchange->connection);
    pthread_mutex_unlock(&server->waiting_lock);
}

void http_answer(http_exchange *exchange, unsigned status, http_content *content, const http_header *extra,
                 size_t count)
{
    http_server *server = exchange->connection->server;
    exchange_answer answer = {.status = status};
    bool close_after = atomic_load_explicit(&server->quiescing, memory_order_relaxed);
    if (content != NULL && count == 0 && !close_after) {
        answer.content = http_content_keep(content);
        answer.response = content_response(content);
    } else {
        answer.response = content_response_with(server, content, extra, count, close_after);
    }
    bool bodiless =
        status == MHD_HTTP_NO_CONTENT || status == MHD_HTTP_NOT_MODIFIED || strcmp(exchange->method, "HEAD") == 0;
    if (content != NULL && http_content_body(content) != NULL && !bodiless)
        answer.bytes = http_content_body(content)->size;
    exchange_settle(exchange, &answer);
}

void exchange_refuse(http_exchange *exchange, unsigned status)
{
    const http_handler *handler = &exchange->connection->server->handler;
    http_content *content = handler->refusal != NULL ? handler->refusal(handler->user, exchange, status) : NULL;
    http_answer(exchange, status, content, NULL, 0);
    http_content_release(content);
}

void http_wait(http_exchange *exchange)
{
    connection *link = exchange->connection;
    http_server *server = link->server;
    /* Suspended first: as soon as it is listed, the sweeper may find that the client left, and the handler may answer.
     */
    MHD_suspend_connection(link->raw);
    pthread_mutex_lock(&server->waiting_lock);
    exchange->waiting = true;
    waiting_add(exchange);
    pthread_mutex_unlock(&server->waiting_lock);
}
