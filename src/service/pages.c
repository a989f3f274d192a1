/* What is the same for everyone: the page at / and the description of the service. */

#include "service/pages.h"

#include <string.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/embedded.h"
#include "base/error.h"
#include "service/accept.h"
#include "service/answer.h"

/* Embedded at build time: openapi.json; the files of src/browser/page, and those again as NAME.gz. */
extern const unsigned char openapi_json[];
extern const size_t openapi_json_size;
extern const embedded_file page_files[];

/* The scripts may compile WebAssembly, but no text becomes a script. */
static const char policy[] = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
                             "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                             "frame-ancestors 'none'";

enum { ETAG_BYTES = 32 };

struct page_file {
    const char *name;
    http_content *plain, *compressed;
    char plain_tag[ETAG_BYTES], compressed_tag[ETAG_BYTES];
};

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".webmanifest", "application/manifest+json"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static http_content *make_page(const embedded_file *file, const char *type, const char *encoding)
{
    const http_header headers[] = {
        {"Content-Security-Policy", policy},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cache-Control", NULL},
        {"Vary", "Accept-Encoding, Origin"},
        {"Content-Encoding", encoding},
    };
    blob *body = blob_copy(file->bytes, file->size);
    http_content *page =
        body == NULL ? NULL : answer_make_content(body, type, headers, sizeof headers / sizeof *headers);
    blob_release(body);
    return page;
}

static const embedded_file *find_embedded(const char *name, const char *ending)
{
    size_t length = strlen(name);
    for (const embedded_file *file = page_files; file->name != NULL; file++)
        if (strncmp(file->name, name, length) == 0 && strcmp(file->name + length, ending) == 0)
            return file;
    return NULL;
}

static bool make_page_file(page_file *page, const embedded_file *file)
{
    const char *type = type_of(file->name);
    const embedded_file *compressed = find_embedded(file->name, ".gz");
    page->name = file->name;
    page->plain = make_page(file, type, NULL);
    snprintf(page->plain_tag, sizeof page->plain_tag, "\"%016" PRIx64 "-plain\"", file->hash);
    if (compressed == NULL)
        return page->plain != NULL;
    page->compressed = make_page(compressed, type, "gzip");
    snprintf(page->compressed_tag, sizeof page->compressed_tag, "\"%016" PRIx64 "-gzip\"", compressed->hash);
    return page->plain != NULL && page->compressed != NULL;
}

/* Fills running->page; what is there after a failure is pages_close's. */
static lumen_status open_page_files(service *running, lumen_error *error)
{
    size_t count = 0;
    for (const embedded_file *file = page_files; file->name != NULL; file++)
        count++;
    running->page = calloc(count, sizeof *running->page);
    if (running->page == NULL)
        return lumen_fail_memory(error, "the page");
    for (const embedded_file *file = page_files; file->name != NULL; file++) {
        const char *ending = strrchr(file->name, '.');
        if (ending != NULL && strcmp(ending, ".gz") == 0)
            continue;
        if (!make_page_file(&running->page[running->page_count++], file))
            return lumen_fail_memory(error, "the page");
    }
    return LUMEN_OK;
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
    lumen_status status = open_page_files(running, error);
    if (status != LUMEN_OK)
        return status;
    running->openapi = make_description();
    return running->openapi == NULL ? lumen_fail_memory(error, "the description") : LUMEN_OK;
}

void pages_close(service *running)
{
    for (size_t i = 0; i < running->page_count; i++) {
        http_content_release(running->page[i].plain);
        http_content_release(running->page[i].compressed);
    }
    free(running->page);
    http_content_release(running->openapi);
}

bool pages_know(const char *path)
{
    return path[0] == '/' && find_embedded(path + 1, ".gz") != NULL;
}

static void find_gzip(void *user, const char *value)
{
    bool *taken = user;
    *taken = *taken || accept_gzip(value);
}

void handle_page(visit *one)
{
    const char *name = http_path(one->exchange) + 1;
    const page_file *page = NULL;
    for (size_t i = 0; page == NULL && i < one->service->page_count; i++)
        if (strcmp(one->service->page[i].name, name[0] == '\0' ? "index.html" : name) == 0)
            page = &one->service->page[i];
    if (page == NULL) {
        answer_error(one, 404, "NotFoundError", 0.0, "there is nothing at this address; see /openapi.json");
        return;
    }
    bool compressed = false;
    if (page->compressed != NULL)
        http_request_headers(one->exchange, "Accept-Encoding", find_gzip, &compressed);
    const char *tag = compressed ? page->compressed_tag : page->plain_tag;
    const char *known = http_request_header(one->exchange, "If-None-Match");
    /* Whether the file is still the same is asked every time, so that a new version is seen at once. */
    const http_header headers[] = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
    if (known != NULL && etag_is_listed(known, tag))
        answer_empty(one, 304, headers, 3);
    else
        answer_content(one, 200, compressed ? page->compressed : page->plain, headers, 2);
}

void handle_openapi(visit *one)
{
    answer_content(one, 200, one->service->openapi, NULL, 0);
}
