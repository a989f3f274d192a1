/* content.c: bodies with their headers as responses of libmicrohttpd. */
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

struct http_content {
    atomic_size_t references;
    blob *body;
    struct MHD_Response *prebuilt;
    size_t header_count;
    http_header headers[]; /* the texts lie behind them */
};

static void release_body(void *body)
{
    blob_release(body);
}

static void drop_response(struct MHD_Response *response)
{
    if (response != NULL)
        MHD_destroy_response(response);
}

/* A response around the shared bytes, which it keeps. */
static struct MHD_Response *response_around(blob *body)
{
    if (body == NULL || body->size == 0)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(body->size, body->data, release_body, blob_keep(body));
    if (response == NULL)
        blob_release(body);
    return response;
}

static bool is_given(const http_header *header)
{
    return header->value != NULL && header->value[0] != 0;
}

size_t response_add_headers(struct MHD_Response *response, const http_header *headers, size_t count)
{
    size_t refused = 0;
    for (size_t i = 0; i < count; i++)
        if (is_given(&headers[i]) && MHD_add_response_header(response, headers[i].name, headers[i].value) == MHD_NO)
            refused++;
    return refused;
}

/* ---- The public side ------------------------------------------------------------------------------------------- */

http_content *http_content_create(blob *body, const http_header *headers, size_t count)
{
    size_t texts = 0, given = 0;
    for (size_t i = 0; i < count; i++)
        if (is_given(&headers[i])) {
            texts += strlen(headers[i].name) + strlen(headers[i].value) + 2;
            given++;
        }
    http_content *content = malloc(sizeof *content + given * sizeof content->headers[0] + texts);
    if (content == NULL)
        return NULL;
    atomic_init(&content->references, 1);
    content->header_count = 0;
    char *text = (char *)&content->headers[given];
    for (size_t i = 0; i < count; i++) {
        if (!is_given(&headers[i]))
            continue;
        http_header *copy = &content->headers[content->header_count++];
        size_t name = strlen(headers[i].name) + 1, value = strlen(headers[i].value) + 1;
        copy->name = memcpy(text, headers[i].name, name);
        copy->value = memcpy(text + name, headers[i].value, value);
        text += name + value;
    }
    content->body = blob_keep(body);
    content->prebuilt = response_around(body);
    if (content->prebuilt == NULL ||
        response_add_headers(content->prebuilt, content->headers, content->header_count) > 0) {
        http_content_release(content);
        return NULL;
    }
    return content;
}

http_content *http_content_keep(http_content *content)
{
    if (content != NULL)
        atomic_fetch_add_explicit(&content->references, 1, memory_order_relaxed);
    return content;
}

void http_content_release(http_content *content)
{
    if (content == NULL || atomic_fetch_sub_explicit(&content->references, 1, memory_order_acq_rel) != 1)
        return;
    drop_response(content->prebuilt);
    blob_release(content->body);
    free(content);
}

const blob *http_content_body(const http_content *content)
{
    return content->body;
}

/* ---- Responses ------------------------------------------------------------------------------------------------- */

struct MHD_Response *content_response(const http_content *content)
{
    return content->prebuilt;
}

struct MHD_Response *content_response_with(http_server *server, const http_content *content, const http_header *extra,
                                           size_t count, bool close_after)
{
    struct MHD_Response *response = response_around(content != NULL ? content->body : NULL);
    if (response == NULL)
        return NULL;
    if (content != NULL)
        response_add_headers(response, content->headers, content->header_count);
    if (response_add_headers(response, extra, count) > 0)
        log_write(server->log, LOG_ERROR, "an answer had a malformed header, which was left out", LOG_NO_FIELDS);
    if (close_after)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}
