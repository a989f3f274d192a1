/* What is the same for everyone: the page at / and the description of the service. */

#include "service/pages.h"

#include <string.h>

#include "base/error.h"
#include "service/answer.h"

/* Embedded at build time from web/ and openapi.json. */
extern const unsigned char page_html[], page_css[], page_js[], openapi_json[];
extern const size_t page_html_size, page_css_size, page_js_size, openapi_json_size;

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static http_content *make_page(const void *bytes, size_t size, const char *type)
{
    static const http_header headers[] = {
        {"Content-Security-Policy", policy},           {"Referrer-Policy", "no-referrer"}, {"X-Frame-Options", "DENY"},
        {"Cross-Origin-Opener-Policy", "same-origin"}, {"Cache-Control", "no-cache"},
    };
    blob *body = blob_copy(bytes, size);
    http_content *page =
        body == NULL ? NULL : answer_make_content(body, type, headers, sizeof headers / sizeof *headers);
    blob_release(body);
    return page;
}

/* The description with the version in its place. */
static http_content *make_description(void)
{
    static const char mark[] = "@VERSION@";
    const char *text = (const char *)openapi_json;
    const char *at = memmem(text, openapi_json_size, mark, sizeof mark - 1);
    buffer body;
    buffer_open(&body, openapi_json_size + 64);
    size_t before = at == NULL ? openapi_json_size : (size_t)(at - text);
    buffer_append(&body, text, before);
    if (at != NULL) {
        buffer_text(&body, lumen_version());
        buffer_append(&body, at + sizeof mark - 1, openapi_json_size - before - (sizeof mark - 1));
    }
    blob *bytes = blob_from_buffer(&body);
    buffer_close(&body);
    http_content *content = bytes == NULL ? NULL : answer_make_content(bytes, "application/json", NULL, 0);
    blob_release(bytes);
    return content;
}

lumen_status pages_open(service *running, lumen_error *error)
{
    running->page[0] = make_page(page_html, page_html_size, "text/html; charset=utf-8");
    running->page[1] = make_page(page_css, page_css_size, "text/css; charset=utf-8");
    running->page[2] = make_page(page_js, page_js_size, "text/javascript; charset=utf-8");
    running->openapi = make_description();
    if (running->page[0] == NULL || running->page[1] == NULL || running->page[2] == NULL || running->openapi == NULL)
        return lumen_fail_memory(error, "the page");
    return LUMEN_OK;
}

void pages_close(service *running)
{
    for (size_t i = 0; i < sizeof running->page / sizeof *running->page; i++)
        http_content_release(running->page[i]);
    http_content_release(running->openapi);
}

void handle_page(visit *one)
{
    const char *path = http_path(one->exchange);
    size_t which = strcmp(path, "/page.css") == 0 ? 1 : strcmp(path, "/page.js") == 0 ? 2 : 0;
    answer_content(one, 200, one->service->page[which], NULL, 0);
}

void handle_openapi(visit *one)
{
    answer_content(one, 200, one->service->openapi, NULL, 0);
}
